// The virtio devices of a machine as their registers in shared memory show them: where the guest finds each one, how far its
// driver is, and its queues. It touches no device.
//
// Source: VIRTIO 1.2, 2.1 (status), 2.2 (features), 2.7 (split virtqueues).

import { PCI_FUNCTIONS_BASE } from '../../../assembly/abi/map.ts';
import { devicePage } from '../../devices/device.ts';
import { DEVICE_TYPE } from '../../virtio/backend.ts';
import { Registers, RING, STATUS, TRANSPORT } from '../../virtio/registers.ts';
import { DEVICES_MOST } from '../../virtio/request.ts';
import type { Bit } from './bits.ts';
import type { MachineMemory, Range } from './memory.ts';

const PAGE = 0x1000;

/** Where the pages of all devices lie. */
export const DEVICE_PAGES: Range = { offset: PCI_FUNCTIONS_BASE, length: (DEVICES_MOST + 1) * PAGE };

/** What a device type is called. */
const TYPE_NAMES: Record<number, string> = {
  [DEVICE_TYPE.net]: 'network',
  [DEVICE_TYPE.blk]: 'disk',
  [DEVICE_TYPE.console]: 'console',
  [DEVICE_TYPE.rng]: 'entropy',
  [DEVICE_TYPE.balloon]: 'balloon',
  [DEVICE_TYPE.p9]: '9p share',
};

/** What the queues of a type are called, by number; those without a name are numbered. */
const QUEUE_NAMES: Record<number, readonly string[]> = {
  [DEVICE_TYPE.net]: ['receive', 'transmit', 'control'],
  [DEVICE_TYPE.blk]: ['requests'],
  [DEVICE_TYPE.console]: ['receive', 'transmit'],
  [DEVICE_TYPE.rng]: ['requests'],
  [DEVICE_TYPE.balloon]: ['inflate', 'deflate', 'statistics', 'free pages'],
  [DEVICE_TYPE.p9]: ['requests'],
};

/** The device status register, as the driver has set it. */
export const DEVICE_STATUS_BITS: readonly Bit[] = [
  { name: 'ACKNOWLEDGE', mask: STATUS.acknowledge, meaning: 'the guest has found the device' },
  { name: 'DRIVER', mask: STATUS.driver, meaning: 'the guest knows how to drive it' },
  { name: 'FEATURES_OK', mask: STATUS.featuresOk, meaning: 'driver and device agree on features' },
  { name: 'DRIVER_OK', mask: STATUS.driverOk, meaning: 'the driver is ready: queues are served' },
  {
    name: 'NEEDS_RESET',
    mask: STATUS.needsReset,
    meaning: 'the device has met an error that only a reset ends',
  },
  { name: 'FAILED', mask: STATUS.failed, meaning: 'the driver has given the device up' },
];

/** A virtqueue that the driver has switched on. */
export interface QueueView {
  readonly index: number;
  readonly name: string;
  /** Descriptors. */
  readonly size: number;
  /** Guest-physical address of the descriptor table. */
  readonly descriptors: bigint;
  /** Chains taken from the available ring, and given back in the used ring: 16-bit counters, as the rings have them. */
  readonly taken: number;
  readonly used: number;
}

/** A virtio device. */
export interface DeviceView {
  /** Its number, from 1; on the PCI bus it is the device number. */
  readonly number: number;
  /** DEVICE_TYPE, and its name. */
  readonly type: number;
  readonly name: string;
  /** `PCI 00:01.0` or `MMIO 0xfef01000`. */
  readonly place: string;
  /** The device status register: DEVICE_STATUS_BITS. */
  readonly status: number;
  /** Feature bits that the driver has taken. */
  readonly features: bigint;
  /** Whether a thread serves it. */
  readonly isServed: boolean;
  /** Queues that are switched on. */
  readonly queues: readonly QueueView[];
}

/** All virtio devices, by number. */
export function readDevices(memory: MachineMemory): DeviceView[] {
  const devices: DeviceView[] = [];
  for (let number = 1; number <= DEVICES_MOST; number++) {
    const page = PCI_FUNCTIONS_BASE + number * PAGE;
    const registers = new Registers(devicePage(memory.bytes.buffer, page));
    if (registers.transport !== TRANSPORT.none) devices.push(deviceOf(number, registers));
  }
  return devices;
}

function deviceOf(number: number, registers: Registers): DeviceView {
  const { type, transport, status, accepted: features, isServed } = registers;
  const name = TYPE_NAMES[type] ?? `type ${type}`;
  const place =
    transport === TRANSPORT.pci
      ? `PCI 00:${number.toString(16).padStart(2, '0')}.0`
      : `MMIO 0x${registers.bells.toString(16)}`;
  return { number, type, name, place, status, features, isServed, queues: queuesOf(registers) };
}

function queuesOf({ queues, queueCount, type }: Registers): QueueView[] {
  return queues.slice(0, queueCount).flatMap((queue, index) => {
    if (!queue.isReady) return [];
    const name = QUEUE_NAMES[type]?.[index] ?? `queue ${index}`;
    const { size, taken, used } = queue;
    return [{ index, name, size, descriptors: queue.ring(RING.descriptors), taken, used }];
  });
}
