// virtio over PCI, modern interface only: a function whose capabilities say where the registers lie in its one BAR of
// registers. It knows no bus.
//
// Source: VIRTIO 1.2, 4.1 (virtio over PCI bus).

import { type Capability, type FunctionDescription, PciFunction, type Slot } from '../pci/index.ts';
import { DEVICE_TYPE, QUEUES_MAX } from './backend.ts';
import {
  ISR_CONFIG,
  ISR_QUEUE,
  NO_VECTOR,
  type QueueRegisters,
  type Registers,
  RING,
  TRANSPORT,
} from './registers.ts';
import type { BellPlace, Signals } from './serve.ts';

const VENDOR = 0x1af4;
const FIRST_DEVICE = 0x1040;
/** Modern devices have a revision of 1 or more, and a subsystem that no transitional one has. */
const REVISION = 1;
const SUBSYSTEM = 0x1100;
const CLASS_NONE = 0xff_0000;
/** PCI class codes by device type; the others are of no class. */
const CLASSES: Readonly<Record<number, number>> = {
  [DEVICE_TYPE.net]: 0x02_0000,
  [DEVICE_TYPE.blk]: 0x01_0000,
  [DEVICE_TYPE.console]: 0x07_8000,
  [DEVICE_TYPE.p9]: 0x01_8000,
};

// One BAR holds all; MSI-X has its own.
const BAR = 4;
const MSIX_BAR = 1;
const BAR_BYTES = 0x4000;
const COMMON = 0x0000;
const COMMON_BYTES = 0x40;
const ISR_STATUS = 0x1000;
const CONFIG = 0x2000;
const CONFIG_BYTES = 0x1000;
const NOTIFY = 0x3000;
/** Each queue has a doorbell of its own. */
const NOTIFY_MULTIPLIER = 4;
/** A vector for each queue and one for the configuration. */
const VECTORS = QUEUES_MAX + 1;

const PCI_CAP_ID_VENDOR = 0x09;
// virtio_pci_cap.cfg_type
const CAP_COMMON = 1;
const CAP_NOTIFY = 2;
const CAP_ISR = 3;
const CAP_DEVICE = 4;
const CAP_PCI_CFG = 5;
// struct virtio_pci_cap, counted from behind the id and the link.
const CAP_BAR = 2;
const CAP_OFFSET = 6;
const CAP_LENGTH = 10;
const CAP_MORE = 14;

/** A field of the common configuration; one without `set` is read-only. */
interface Field {
  readonly at: number;
  readonly bytes: 1 | 2 | 4;
  get(registers: Registers): number;
  set?(registers: Registers, value: number): void;
}

/** A field of the queue that is selected. */
function queueField(
  at: number,
  bytes: 2 | 4,
  get: (queue: QueueRegisters, index: number) => number,
  set?: (queue: QueueRegisters, value: number) => void,
): Field {
  return {
    at,
    bytes,
    get: (registers) => {
      const queue = registers.selectedQueue;
      return queue === undefined ? 0 : get(queue, registers.queueSelect);
    },
    ...(set && {
      set: (registers: Registers, value: number) => {
        const queue = registers.selectedQueue;
        if (queue !== undefined) set(queue, value);
      },
    }),
  };
}

/** A vector that the device does not have reads back as none, which tells the driver. */
const vectorOf = (value: number): number => (value < VECTORS ? value : NO_VECTOR);

/** The halves of a ring's address. */
function ringFields(at: number, part: number): Field[] {
  return [0, 1].map((half) =>
    queueField(
      at + half * 4,
      4,
      (queue) => queue.ringHalf(part, half),
      (queue, value) => queue.setRingHalf(part, half, value),
    ),
  );
}

/** struct virtio_pci_common_cfg. */
const FIELDS: readonly Field[] = [
  {
    at: 0x00,
    bytes: 4,
    get: (registers) => registers.featuresSelect,
    set: (registers, half) => {
      registers.featuresSelect = half;
    },
  },
  { at: 0x04, bytes: 4, get: (registers) => registers.selectedFeatures },
  {
    at: 0x08,
    bytes: 4,
    get: (registers) => registers.driverFeaturesSelect,
    set: (registers, half) => {
      registers.driverFeaturesSelect = half;
    },
  },
  {
    at: 0x0c,
    bytes: 4,
    get: (registers) => registers.selectedDriverFeatures,
    set: (registers, bits) => {
      registers.selectedDriverFeatures = bits;
    },
  },
  {
    at: 0x10,
    bytes: 2,
    get: (registers) => registers.configVector,
    set: (registers, vector) => {
      registers.configVector = vectorOf(vector);
    },
  },
  { at: 0x12, bytes: 2, get: (registers) => registers.queueCount },
  {
    at: 0x14,
    bytes: 1,
    get: (registers) => registers.readStatus(),
    set: (registers, status) => registers.writeStatus(status),
  },
  { at: 0x15, bytes: 1, get: (registers) => registers.generation & 0xff },
  {
    at: 0x16,
    bytes: 2,
    get: (registers) => registers.queueSelect,
    set: (registers, index) => {
      registers.queueSelect = index;
    },
  },
  queueField(
    0x18,
    2,
    (queue) => queue.size,
    (queue, size) => {
      queue.size = size;
    },
  ),
  queueField(
    0x1a,
    2,
    (queue) => queue.vector,
    (queue, vector) => {
      queue.vector = vectorOf(vector);
    },
  ),
  queueField(
    0x1c,
    2,
    (queue) => (queue.isReady ? 1 : 0),
    (queue, value) => {
      // Only a reset takes a queue back.
      if (value === 1) queue.isReady = true;
    },
  ),
  queueField(0x1e, 2, (_, index) => index),
  ...ringFields(0x20, RING.descriptors),
  ...ringFields(0x28, RING.driver),
  ...ringFields(0x30, RING.device),
];

/** The common configuration: every field that lies inside the access. */
function readCommon(registers: Registers, offset: number, size: number): number {
  let value = 0;
  for (const field of FIELDS) {
    if (field.at < offset || field.at + field.bytes > offset + size) continue;
    value |= field.get(registers) << (8 * (field.at - offset));
  }
  return value >>> 0;
}

function writeCommon(registers: Registers, offset: number, size: number, value: number): void {
  for (const field of FIELDS) {
    if (field.at < offset || field.at + field.bytes > offset + size) continue;
    const part = value >>> (8 * (field.at - offset));
    field.set?.(registers, field.bytes === 4 ? part >>> 0 : part & ((1 << (8 * field.bytes)) - 1));
  }
}

/** A vendor capability: which registers lie where in which BAR. */
function capability(
  type: number,
  offset: number,
  length: number,
  more = 0,
): Capability & { body: Uint8Array } {
  const body = new Uint8Array(CAP_MORE + more);
  body.set([body.length + 2, type, BAR]);
  const view = new DataView(body.buffer);
  view.setUint32(CAP_OFFSET, offset, true);
  view.setUint32(CAP_LENGTH, length, true);
  return { id: PCI_CAP_ID_VENDOR, body };
}

/** A device as a function of the bus. */
export class PciTransport {
  readonly registers: Registers;
  readonly target: PciFunction;
  readonly #window: Capability;

  /** In any thread, over the page of the slot, which `registers` are of; `type` is the device's. */
  constructor(slot: Slot, registers: Registers, type: number, name: string) {
    this.registers = registers;
    const notify = capability(CAP_NOTIFY, NOTIFY, QUEUES_MAX * NOTIFY_MULTIPLIER, 4);
    new DataView(notify.body.buffer).setUint32(CAP_MORE, NOTIFY_MULTIPLIER, true);
    this.#window = this.#configWindow();
    const description: FunctionDescription = {
      kind: 'VPCI',
      name,
      identity: {
        vendorId: VENDOR,
        deviceId: FIRST_DEVICE + type,
        revisionId: REVISION,
        classCode: CLASSES[type] ?? CLASS_NONE,
        subsystemVendorId: VENDOR,
        subsystemId: SUBSYSTEM,
      },
      bars: [
        {
          index: BAR,
          kind: 'memory64',
          bytes: BAR_BYTES,
          prefetchable: true,
          width: 4,
          registers: {
            read: (at, size) => this.#read(at, size),
            write: (at, size, value) => this.#write(at, size, value),
          },
        },
      ],
      capabilities: [
        capability(CAP_COMMON, COMMON, COMMON_BYTES),
        capability(CAP_ISR, ISR_STATUS, 4),
        capability(CAP_DEVICE, CONFIG, CONFIG_BYTES),
        notify,
        this.#window,
      ],
      msix: { vectors: VECTORS, bar: MSIX_BAR },
      hasPin: true,
      reset: () => {
        registers.transport = TRANSPORT.pci;
        registers.type = type;
        registers.clear();
      },
    };
    const moved = (): void => {
      slot.moved();
      this.#placeBells();
    };
    this.target = new PciFunction({ ...slot, moved }, description);
  }

  /** Doorbells follow the BAR. */
  #placeBells(): void {
    const range = this.target.ranges().find(({ bar }) => bar === BAR);
    this.registers.bells = range === undefined ? 0n : BigInt(range.start + NOTIFY);
  }

  #read(offset: number, size: number): number {
    const { registers } = this;
    if (offset < COMMON + COMMON_BYTES) return readCommon(registers, offset, size);
    if (offset >= CONFIG && offset < CONFIG + CONFIG_BYTES)
      return registers.readConfig(offset - CONFIG, size);
    if (offset !== ISR_STATUS) return 0;
    // A read takes what it shows, and the line falls.
    const bits = registers.clearIsr(ISR_QUEUE | ISR_CONFIG);
    this.target.setPin(false);
    return bits;
  }

  #write(offset: number, size: number, value: number): void {
    const { registers } = this;
    if (offset < COMMON + COMMON_BYTES) {
      writeCommon(registers, offset, size, value);
      if (registers.status === 0) this.target.setPin(false);
    } else if (offset >= NOTIFY) {
      registers.ring(Math.floor((offset - NOTIFY) / NOTIFY_MULTIPLIER));
    } else if (offset >= CONFIG) {
      registers.writeConfig(offset - CONFIG, size, value);
    }
  }

  /** VIRTIO_PCI_CAP_PCI_CFG: the BAR through configuration space, for who has not placed it. */
  #configWindow(): Capability {
    const { id, body } = capability(CAP_PCI_CFG, 0, 0, 4);
    const writable = new Uint8Array(body.length);
    writable.fill(0xff, CAP_BAR, CAP_BAR + 1).fill(0xff, CAP_OFFSET, CAP_MORE);
    return {
      id,
      body,
      writable,
      window: {
        from: CAP_MORE,
        registers: {
          read: (at, size) => this.#throughWindow(at, size, (where) => this.#read(where, size)),
          write: (at, size, value) => {
            this.#throughWindow(at, size, (where) => {
              this.#write(where, size, value);
              return 0;
            });
          },
        },
      },
    };
  }

  /** The access that the fields of the window describe; one that does not fit does nothing. */
  #throughWindow(at: number, size: number, access: (where: number) => number): number {
    const start = this.target.capabilityOffset(this.#window) + 2;
    const bar = this.target.readConfig(start + CAP_BAR, 1);
    const offset = this.target.readConfig(start + CAP_OFFSET, 4);
    const length = this.target.readConfig(start + CAP_LENGTH, 4);
    const fits =
      at === 0 && bar === BAR && length === size && offset % size === 0 && offset + size <= BAR_BYTES;
    return fits ? access(offset) : 0;
  }
}

/** Where the doorbell of a queue is, for notification registers at `address`; writes of any length ring it. */
export function pciBell(address: bigint, queue: number): BellPlace | undefined {
  return address === 0n ? undefined : { address: address + BigInt(queue * NOTIFY_MULTIPLIER), length: 0 };
}

/** Where interrupts of a function go. */
export interface PciInterrupt {
  readonly isMsixEnabled: boolean;
  /** The message of a vector, which may be masked now. */
  message(vector: number): unknown;
  /** INTA# rises until the ISR status is read. */
  pin(): unknown;
}

/** Interrupts as messages, or by the pin and the ISR status while MSI-X is off. */
export function pciSignals(registers: Registers, target: PciInterrupt): Signals {
  const signal = async (vector: number, bit: number): Promise<void> => {
    if (target.isMsixEnabled) {
      if (vector !== NO_VECTOR) await target.message(vector);
      return;
    }
    registers.raiseIsr(bit);
    await target.pin();
  };
  return {
    queue: (index) => signal(registers.queues[index]?.vector ?? NO_VECTOR, ISR_QUEUE),
    config: () => signal(registers.configVector, ISR_CONFIG),
  };
}
