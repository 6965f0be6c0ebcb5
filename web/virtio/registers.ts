// The registers of a virtio device in its page of shared memory: what both transports show to the driver and what serves
// the device reads. Views only; serve.ts and the transports act on them.
//
// Source: VIRTIO 1.2, 2.1 (status), 2.2 (features), 2.5 (configuration space).

import { type DevicePage, locked } from '../devices/index.ts';
import { CONFIG_MAX, QUEUES_MAX, STATE_BYTES } from './backend.ts';
import { NO_VECTOR, QUEUE_RECORD, QueueRegisters } from './queue_registers.ts';

export { NO_VECTOR, type QueueRegisters, RING } from './queue_registers.ts';

/** Device status bits: VIRTIO 1.2, 2.1. */
export const STATUS = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  needsReset: 64,
  failed: 128,
} as const;

/** Feature bits of rings and transports: VIRTIO 1.2, chapter 6. */
export const VIRTIO_F_INDIRECT_DESC = 1n << 28n;
export const VIRTIO_F_EVENT_IDX = 1n << 29n;
export const VIRTIO_F_VERSION_1 = 1n << 32n;

/** Bits of the ISR status. */
export const ISR_QUEUE = 1;
export const ISR_CONFIG = 2;
/** First byte of the registers in a device's page; what stands before it is the transport's. */
export const REGISTERS = 0x800;
// Offsets from there; all are 32-bit words but where another size is told.
/** Counts changes that whoever serves the device must look at (futex word). */
const CONTROL = 0x00;
const DEVICE_STATUS = 0x04;
/** Resets that the driver has asked for, and those after which nobody touches the guest any more (futex word). */
const RESETS = 0x08;
const ACKED = 0x0c;
const GENERATION = 0x10;
const ISR = 0x14;
const DEVICE_FEATURES_SELECT = 0x18;
const DRIVER_FEATURES_SELECT = 0x1c;
const OFFERED = 0x20; // u64
const ACCEPTED = 0x28; // u64
const QUEUE_SELECT = 0x30;
const QUEUE_COUNT = 0x34;
const CONFIG_VECTOR = 0x38;
/** A bit for each queue that was rung by a write that no doorbell took. */
const RUNG = 0x3c;
/** Bytes of the configuration space that the driver wrote and the back end has not heard of: first, and one past the last. */
const WRITTEN_FROM = 0x40;
const WRITTEN_TO = 0x44;
const CONFIG_LENGTH = 0x48;
const TYPE = 0x4c;
/** 1 while somebody in another thread serves the device: a reset then waits for it. */
const SERVED = 0x50;
/** Guest-physical address of the notification registers as the guest has placed them; 0 = nowhere. u64. */
const BELLS = 0x58;
/** Reads of the status that found a reset not acknowledged. */
const IMPATIENCE = 0x60;
/** Which transport shows it (TRANSPORT). */
const TRANSPORT_KIND = 0x64;
/** Lock of the registers: not the page's, under which a transport may call. */
const LOCK = 0x68;
const CONFIG = 0x80;
const QUEUES = 0x180;
const STATE = 0x600;

/** Which transport a device's page belongs to. */
export const TRANSPORT = { none: 0, mmio: 1, pci: 2 } as const;

/** A status read finds a reset unacknowledged this often, each after RESET_WAIT_MS, before it is given up. */
const RESET_READS = 200;
/** How long a write of 0 to the status, or a read after it, waits for whoever serves the device, in ms. */
const RESET_WAIT_MS = 10;

/** What a device is, as whoever serves it writes it into the page before the guest looks. */
export interface Description {
  readonly type: number;
  /** Feature bits of its type. */
  readonly features: bigint;
  readonly queues: readonly number[];
  readonly config: Uint8Array;
}

export class Registers {
  readonly page: DevicePage;
  readonly queues: readonly QueueRegisters[];
  /** The configuration space's bytes. */
  readonly config: Uint8Array;
  /** Bytes that are the back end's own. */
  readonly state: Uint8Array;
  readonly #words: Int32Array;
  readonly #lock: { readonly i32: Int32Array };

  constructor(page: DevicePage) {
    this.page = page;
    this.#words = page.i32.subarray(REGISTERS >>> 2);
    this.#lock = { i32: this.#words.subarray(LOCK >>> 2) };
    this.config = page.u8.subarray(REGISTERS + CONFIG, REGISTERS + CONFIG + CONFIG_MAX);
    this.state = page.u8.subarray(REGISTERS + STATE, REGISTERS + STATE + STATE_BYTES);
    this.queues = Array.from(
      { length: QUEUES_MAX },
      (_, index) => new QueueRegisters(this, QUEUES + index * QUEUE_RECORD),
    );
  }

  get(offset: number): number {
    return Atomics.load(this.#words, offset >>> 2) >>> 0;
  }

  set(offset: number, value: number): void {
    Atomics.store(this.#words, offset >>> 2, value | 0);
  }

  get64(offset: number): bigint {
    return (BigInt(this.get(offset + 4)) << 32n) | BigInt(this.get(offset));
  }

  #set64(offset: number, value: bigint): void {
    this.set(offset, Number(value & 0xffff_ffffn));
    this.set(offset + 4, Number((value >> 32n) & 0xffff_ffffn));
  }

  /** Writes what the device is; the driver has not begun. */
  describe({ type, features, queues, config }: Description): void {
    locked(this.#lock, () => {
      this.set(TYPE, type);
      this.#set64(OFFERED, features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
      this.set(QUEUE_COUNT, queues.length);
      for (const [index, max] of queues.entries()) {
        const queue = this.queues[index] as QueueRegisters;
        queue.max = max;
        if (!this.isStarted) queue.clear();
      }
      this.config.fill(0);
      this.config.set(config);
      this.set(CONFIG_LENGTH, config.length);
    });
  }

  get type(): number {
    return this.get(TYPE);
  }

  set type(type: number) {
    this.set(TYPE, type);
  }

  get transport(): number {
    return this.get(TRANSPORT_KIND);
  }

  set transport(kind: number) {
    this.set(TRANSPORT_KIND, kind);
  }

  get queueCount(): number {
    return this.get(QUEUE_COUNT);
  }

  get configLength(): number {
    return this.get(CONFIG_LENGTH);
  }

  // Whoever serves the device waits here.

  /** Counts what it must look at; `controlWord` is where to wait. */
  get control(): number {
    return this.get(CONTROL);
  }

  /** The word that `control` is, for Atomics. */
  get controlWord(): { readonly words: Int32Array; readonly index: number } {
    return { words: this.#words, index: CONTROL >>> 2 };
  }

  /** Has whoever serves the device look. */
  kick(): void {
    Atomics.add(this.#words, CONTROL >>> 2, 1);
    Atomics.notify(this.#words, CONTROL >>> 2);
  }

  get isServed(): boolean {
    return this.get(SERVED) !== 0;
  }

  /** Nobody in another thread touches the guest for this device, from now on or until now. */
  set isServed(on: boolean) {
    this.set(SERVED, on ? 1 : 0);
    if (!on) this.acknowledge(this.resets);
  }

  // Status and reset.

  get status(): number {
    return this.get(DEVICE_STATUS);
  }

  /** The driver has got as far as DRIVER_OK. */
  get isStarted(): boolean {
    return (this.status & STATUS.driverOk) !== 0;
  }

  /** Resets that the driver has asked for. */
  get resets(): number {
    return this.get(RESETS);
  }

  get isReset(): boolean {
    return this.get(ACKED) === this.resets;
  }

  /** Whoever serves the device has stopped: resets up to `resets` are done. */
  acknowledge(resets: number): void {
    this.set(ACKED, resets);
    this.set(IMPATIENCE, 0);
    Atomics.notify(this.#words, ACKED >>> 2);
  }

  /** The status as the driver reads it: not 0 while the device may still touch the guest after a reset. */
  readStatus(): number {
    if (!this.isReset && this.isServed) {
      this.#awaitReset();
      const late = this.get(IMPATIENCE) + 1;
      this.set(IMPATIENCE, late);
      if (!this.isReset && late < RESET_READS) return STATUS.needsReset;
    }
    return this.status;
  }

  #awaitReset(): void {
    try {
      Atomics.wait(this.#words, ACKED >>> 2, this.get(ACKED), RESET_WAIT_MS);
    } catch {
      // A browser's main thread may not wait; the driver reads again.
    }
  }

  /** The driver writes the status; 0 resets the device. */
  writeStatus(value: number): void {
    if (value === 0) {
      locked(this.#lock, () => {
        this.clear();
        this.set(RESETS, this.resets + 1);
      });
      this.kick();
      // A driver over MMIO goes on without a look at the status.
      for (let n = 0; n < RESET_READS && this.isServed && !this.isReset; n++) this.#awaitReset();
      return;
    }
    locked(this.#lock, () => {
      let status = value | (this.status & STATUS.needsReset);
      const accepted = this.accepted;
      const isGood = (accepted & ~this.offered) === 0n && (accepted & VIRTIO_F_VERSION_1) !== 0n;
      if (!isGood) status &= ~STATUS.featuresOk;
      this.set(DEVICE_STATUS, status);
    });
    this.kick();
  }

  /** Sets DEVICE_NEEDS_RESET; false when it was set, or the driver has reset the device since `resets`. */
  needReset(resets: number): boolean {
    return locked(this.#lock, () => {
      if (this.resets !== resets || this.status & STATUS.needsReset) return false;
      this.set(DEVICE_STATUS, this.status | STATUS.needsReset);
      return true;
    });
  }

  /** All that a reset brings back. */
  clear(): void {
    for (const word of [
      DEVICE_STATUS,
      ISR,
      DEVICE_FEATURES_SELECT,
      DRIVER_FEATURES_SELECT,
      ACCEPTED,
      ACCEPTED + 4,
      QUEUE_SELECT,
      RUNG,
      WRITTEN_FROM,
      WRITTEN_TO,
    ])
      this.set(word, 0);
    this.set(CONFIG_VECTOR, NO_VECTOR);
    for (const queue of this.queues) queue.clear();
  }

  // Features.

  get offered(): bigint {
    return this.get64(OFFERED);
  }

  get accepted(): bigint {
    return this.get64(ACCEPTED);
  }

  get featuresSelect(): number {
    return this.get(DEVICE_FEATURES_SELECT);
  }

  set featuresSelect(half: number) {
    this.set(DEVICE_FEATURES_SELECT, half);
  }

  get driverFeaturesSelect(): number {
    return this.get(DRIVER_FEATURES_SELECT);
  }

  set driverFeaturesSelect(half: number) {
    this.set(DRIVER_FEATURES_SELECT, half);
  }

  /** The 32 bits that are selected; 0 beyond 64. */
  get selectedFeatures(): number {
    const half = this.featuresSelect;
    return half < 2 ? this.get(OFFERED + half * 4) : 0;
  }

  get selectedDriverFeatures(): number {
    const half = this.driverFeaturesSelect;
    return half < 2 ? this.get(ACCEPTED + half * 4) : 0;
  }

  /** The driver takes features; not any more once the device has said FEATURES_OK. */
  set selectedDriverFeatures(bits: number) {
    const half = this.driverFeaturesSelect;
    if (half < 2 && !(this.status & STATUS.featuresOk)) this.set(ACCEPTED + half * 4, bits);
  }

  // Queues.

  get queueSelect(): number {
    return this.get(QUEUE_SELECT);
  }

  set queueSelect(index: number) {
    this.set(QUEUE_SELECT, index);
  }

  /** The queue that is selected, if the device has it. */
  get selectedQueue(): QueueRegisters | undefined {
    const index = this.queueSelect;
    return index < this.queueCount ? this.queues[index] : undefined;
  }

  /** A write that no doorbell took rings queue `index`. */
  ring(index: number): void {
    if (index >= this.queueCount) return;
    Atomics.or(this.#words, RUNG >>> 2, 1 << index);
    this.kick();
  }

  /** Takes the queues that were rung: a bit for each. */
  takeRung(): number {
    return Atomics.exchange(this.#words, RUNG >>> 2, 0);
  }

  get bells(): bigint {
    return this.get64(BELLS);
  }

  /** The notification registers have moved. */
  set bells(address: bigint) {
    if (this.bells === address) return;
    this.#set64(BELLS, address);
    this.kick();
  }

  // Interrupts.

  get isr(): number {
    return this.get(ISR);
  }

  /** Sets ISR bits. */
  raiseIsr(bits: number): void {
    Atomics.or(this.#words, ISR >>> 2, bits);
  }

  /** Clears ISR bits; the bits that stood. */
  clearIsr(bits: number): number {
    return Atomics.and(this.#words, ISR >>> 2, ~bits) & bits;
  }

  get configVector(): number {
    return this.get(CONFIG_VECTOR);
  }

  set configVector(vector: number) {
    this.set(CONFIG_VECTOR, vector);
  }

  // Configuration space.

  get generation(): number {
    return this.get(GENERATION);
  }

  /** Replaces its bytes from the start on. */
  setConfig(bytes: Uint8Array): void {
    locked(this.#lock, () => {
      this.config.set(bytes.subarray(0, CONFIG_MAX));
      this.set(GENERATION, this.generation + 1);
    });
  }

  readConfig(offset: number, size: number): number {
    let value = 0;
    for (let n = size - 1; n >= 0; n--) {
      const byte = offset + n < this.configLength ? (this.config[offset + n] as number) : 0;
      value = (value << 8) | byte;
    }
    return value >>> 0;
  }

  writeConfig(offset: number, size: number, value: number): void {
    const end = Math.min(offset + size, this.configLength);
    if (offset >= end) return;
    locked(this.#lock, () => {
      for (let n = offset; n < end; n++) this.config[n] = value >>> (8 * (n - offset));
      const isFirst = this.get(WRITTEN_TO) === 0;
      this.set(WRITTEN_FROM, isFirst ? offset : Math.min(this.get(WRITTEN_FROM), offset));
      this.set(WRITTEN_TO, Math.max(this.get(WRITTEN_TO), end));
    });
    this.kick();
  }

  /** Takes what the driver has written to the configuration space. */
  takeWritten(): { readonly offset: number; readonly bytes: Uint8Array } | undefined {
    if (this.get(WRITTEN_TO) === 0) return undefined;
    return locked(this.#lock, () => {
      const offset = this.get(WRITTEN_FROM);
      const bytes = this.config.slice(offset, this.get(WRITTEN_TO));
      this.set(WRITTEN_FROM, 0);
      this.set(WRITTEN_TO, 0);
      return { offset, bytes };
    });
  }
}
