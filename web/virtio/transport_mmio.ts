// virtio over MMIO, version 2: the registers that a driver sees at an address which it is told. Knows no address; there is
// no legacy interface.
//
// Source: VIRTIO 1.2, 4.2.2 (MMIO device register layout).

import { clearPage, type Device, kind } from '../devices/index.ts';
import { ISR_CONFIG, ISR_QUEUE, type Registers, RING, STATUS, TRANSPORT } from './registers.ts';
import type { BellPlace, Signals } from './serve.ts';

/** Bytes of the registers and of the configuration space behind them. */
export const MMIO_BYTES = 0x200;

const MAGIC = 0x74726976;
const VERSION = 2;
/** "VTRN" */
const VENDOR = 0x4e525456;
const CONFIG = 0x100;
const NOTIFY = 0x50;
const NO_SHARED_MEMORY = 0xffff_ffff;

/** The registers of MmioTransport, by offset. */
const REGISTER = {
  magic: 0x00,
  version: 0x04,
  deviceId: 0x08,
  vendorId: 0x0c,
  deviceFeatures: 0x10,
  deviceFeaturesSelect: 0x14,
  driverFeatures: 0x20,
  driverFeaturesSelect: 0x24,
  queueSelect: 0x30,
  queueMax: 0x34,
  queueSize: 0x38,
  queueReady: 0x44,
  queueNotify: NOTIFY,
  interruptStatus: 0x60,
  interruptAck: 0x64,
  status: 0x70,
  descriptorsLow: 0x80,
  descriptorsHigh: 0x84,
  driverLow: 0x90,
  driverHigh: 0x94,
  deviceLow: 0xa0,
  deviceHigh: 0xa4,
  sharedMemoryFirst: 0xb0,
  sharedMemoryLast: 0xbc,
  queueReset: 0xc0,
  configGeneration: 0xfc,
} as const;

/** The registers as a device on the bus. */
export class MmioTransport implements Device {
  readonly registers: Registers;

  constructor(registers: Registers) {
    this.registers = registers;
  }

  /** Power-on of a device of this type: whoever serves it tells the rest. */
  static create(registers: Registers, type: number): MmioTransport {
    const transport = new MmioTransport(registers);
    clearPage(registers.page, kind('VMIO'));
    registers.transport = TRANSPORT.mmio;
    registers.type = type;
    registers.clear();
    return transport;
  }

  /** The machine's reset: as if the driver had reset the device. */
  reset(): void {
    this.registers.writeStatus(0);
  }

  read(offset: number, size: number): number {
    if (offset >= CONFIG) return this.registers.readConfig(offset - CONFIG, size);
    const value = this.#read(offset & ~3) >>> (8 * (offset & 3));
    return size === 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1);
  }

  #read(offset: number): number {
    const { registers } = this;
    switch (offset) {
      case REGISTER.magic:
        return MAGIC;
      case REGISTER.version:
        return VERSION;
      case REGISTER.deviceId:
        return registers.type;
      case REGISTER.vendorId:
        return VENDOR;
      case REGISTER.deviceFeatures:
        return registers.selectedFeatures;
      case REGISTER.queueMax:
        return registers.selectedQueue?.max ?? 0;
      case REGISTER.queueReady:
        return registers.selectedQueue?.isReady ? 1 : 0;
      case REGISTER.interruptStatus:
        return registers.isr;
      case REGISTER.status:
        return registers.readStatus();
      case REGISTER.configGeneration:
        return registers.generation;
      default:
        return offset >= REGISTER.sharedMemoryFirst && offset <= REGISTER.sharedMemoryLast
          ? NO_SHARED_MEMORY
          : 0;
    }
  }

  write(offset: number, size: number, value: number): void {
    const { registers } = this;
    if (offset >= CONFIG) {
      registers.writeConfig(offset - CONFIG, size, value);
      return;
    }
    if (size !== 4) return;
    switch (offset) {
      case REGISTER.deviceFeaturesSelect:
        registers.featuresSelect = value;
        break;
      case REGISTER.driverFeatures:
        registers.selectedDriverFeatures = value;
        break;
      case REGISTER.driverFeaturesSelect:
        registers.driverFeaturesSelect = value;
        break;
      case REGISTER.queueSelect:
        registers.queueSelect = value;
        break;
      case REGISTER.queueNotify:
        registers.ring(value);
        break;
      case REGISTER.interruptAck:
        registers.clearIsr(value);
        break;
      case REGISTER.status:
        registers.writeStatus(value);
        break;
      default:
        this.#writeQueue(offset, value);
    }
  }

  /** A register of the queue that is selected. */
  #writeQueue(offset: number, value: number): void {
    const queue = this.registers.selectedQueue;
    if (queue === undefined) return;
    switch (offset) {
      case REGISTER.queueSize:
        queue.size = value;
        break;
      case REGISTER.queueReady:
        queue.isReady = (value & 1) !== 0;
        break;
      case REGISTER.descriptorsLow:
      case REGISTER.descriptorsHigh:
        queue.setRingHalf(RING.descriptors, (offset >>> 2) & 1, value);
        break;
      case REGISTER.driverLow:
      case REGISTER.driverHigh:
        queue.setRingHalf(RING.driver, (offset >>> 2) & 1, value);
        break;
      case REGISTER.deviceLow:
      case REGISTER.deviceHigh:
        queue.setRingHalf(RING.device, (offset >>> 2) & 1, value);
        break;
      default:
    }
  }
}

/** Where the doorbell of queue `queue` is, for registers at `address`. */
export function mmioBell(address: bigint, queue: number): BellPlace {
  return { address: address + BigInt(NOTIFY), length: 4, datamatch: queue };
}

/** Interrupts as edges of one line; `raise` makes one. */
export function mmioSignals(registers: Registers, raise: () => unknown): Signals {
  const signal = (bit: number) => async (): Promise<void> => {
    // An interrupt for a device that was reset meanwhile would be one too many.
    if ((registers.status & STATUS.acknowledge) === 0) return;
    registers.raiseIsr(bit);
    await raise();
  };
  return { queue: signal(ISR_QUEUE), config: signal(ISR_CONFIG) };
}
