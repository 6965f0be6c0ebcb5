// A view of the one memory of a VM: typed access at offsets that follows its growth. It holds no machine state.

import { PAGE_SIZE, VM_PAGE, WASM_PAGE } from '../../assembly/abi/map.ts';
import { KvmError } from './abi/index.ts';

/** Largest memory in 64 KiB pages: offsets are 32 bits wide, and the last page stays unused so that ends fit too. */
const PAGES_MAX = 65535;
/** How often a word is looked at where the host has no Atomics.waitAsync, in ms. */
const POLL_MS = 1;

/** The tag of a thread that nobody terminates while it holds a lock. */
export const LIVING = 1;

/**
 * The machine's memory as numbers. Shared memory only grows, and old views stay valid for what they cover; a view is
 * made anew when an access lies beyond it (another worker has grown the memory).
 */
export class MachineMemory {
  /** The WebAssembly memory; this is what travels to another worker. */
  readonly wasm: WebAssembly.Memory;
  /** How far this VM lies above the first one of the memory: 0 where it is the only one. See the map. */
  readonly base: number;
  /** Offset of this VM's page: VM_* of the map are relative to it. */
  readonly vm: number;
  /** What this object writes into locks that it holds; one of its own where somebody watches whether its thread lives. */
  tag = LIVING;
  #view: DataView;
  #bytes: Uint8Array;
  #words: Int32Array;
  #isEnded = false;

  constructor(wasm: WebAssembly.Memory, base = 0) {
    this.wasm = wasm;
    this.base = base;
    this.vm = base + VM_PAGE;
    this.#view = new DataView(wasm.buffer);
    this.#bytes = new Uint8Array(wasm.buffer);
    this.#words = new Int32Array(wasm.buffer);
  }

  /** A shared memory of at least `bytes` that may grow to `limit` bytes. ENOMEM when the host refuses. */
  static create(bytes: number, limit: number): MachineMemory {
    const initial = Math.ceil(bytes / WASM_PAGE);
    const maximum = Math.min(Math.ceil(limit / WASM_PAGE), PAGES_MAX);
    if (!(initial <= maximum)) {
      throw new KvmError(
        'ENOMEM',
        `the VM alone needs ${bytes} bytes, more than its limit of ${limit}; raise the limit.`,
      );
    }
    try {
      return new MachineMemory(new WebAssembly.Memory({ initial, maximum, shared: true }));
    } catch {
      const size = Math.round((maximum * WASM_PAGE) / 2 ** 20);
      throw new KvmError(
        'ENOMEM',
        `the host refuses ${size} MiB of shared memory; ask for less or close other tabs.`,
      );
    }
  }

  /** Size in bytes now. */
  get size(): number {
    return this.wasm.buffer.byteLength;
  }

  /** Grows by at least `bytes`; returns the offset at which they begin. ENOMEM when its limit or the host refuses. */
  grow(bytes: number): number {
    try {
      return this.wasm.grow(Math.ceil(bytes / WASM_PAGE)) * WASM_PAGE;
    } catch {
      const size = Math.ceil((this.size + bytes) / 2 ** 20);
      throw new KvmError(
        'ENOMEM',
        `the VM's memory cannot grow to ${size} MiB; ask for less or raise its limit.`,
      );
    } finally {
      this.#renew();
    }
  }

  /** Takes this view away: what is done through it from now on is ENODEV, whoever has the memory next. */
  end(): void {
    this.#isEnded = true;
    const none = new ArrayBuffer(0);
    this.#view = new DataView(none);
    this.#bytes = new Uint8Array(none);
    this.#words = new Int32Array(none);
  }

  #renew(): void {
    if (this.#isEnded) throw new KvmError('ENODEV', 'this VM was destroyed already; make another.');
    const buffer = this.wasm.buffer;
    this.#view = new DataView(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
  }

  /** Another thread, or another VM of this memory, may have grown it: then the views are made anew. */
  #reach(end: number): void {
    if (end > this.#bytes.length) this.#renew();
  }

  /** The whole memory as 32-bit words, for Atomics. */
  get words(): Int32Array {
    this.#reach(this.wasm.buffer.byteLength);
    return this.#words;
  }

  /** A DataView over the whole memory that covers `end`. */
  view(end = 1): DataView {
    this.#reach(end);
    return this.#view;
  }

  /** The bytes from `offset` on, shared, not copied. EFAULT when they lie outside the memory. */
  bytes(offset: number, length: number): Uint8Array {
    this.#reach(offset + length);
    if (!(offset >= 0 && length >= 0 && offset + length <= this.#bytes.length)) {
      throw new KvmError('EFAULT', `bytes ${offset} to ${offset + length} lie outside the VM's memory.`);
    }
    return this.#bytes.subarray(offset, offset + length);
  }

  u8(offset: number): number {
    this.#reach(offset + 1);
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.#reach(offset + 2);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    this.#reach(offset + 4);
    return this.#view.getUint32(offset, true);
  }

  u64(offset: number): bigint {
    this.#reach(offset + 8);
    return this.#view.getBigUint64(offset, true);
  }

  setU8(offset: number, value: number): void {
    this.#reach(offset + 1);
    this.#view.setUint8(offset, value);
  }

  setU16(offset: number, value: number): void {
    this.#reach(offset + 2);
    this.#view.setUint16(offset, value, true);
  }

  setU32(offset: number, value: number): void {
    this.#reach(offset + 4);
    this.#view.setUint32(offset, value, true);
  }

  setU64(offset: number, value: bigint): void {
    this.#reach(offset + 8);
    this.#view.setBigUint64(offset, value, true);
  }

  /** Atomic 32-bit accesses; `offset` is in bytes. */
  load(offset: number): number {
    this.#reach(offset + 4);
    return Atomics.load(this.#words, offset >>> 2) >>> 0;
  }

  store(offset: number, value: number): void {
    this.#reach(offset + 4);
    Atomics.store(this.#words, offset >>> 2, value | 0);
  }

  add(offset: number, value: number): number {
    this.#reach(offset + 4);
    return Atomics.add(this.#words, offset >>> 2, value | 0) >>> 0;
  }

  or(offset: number, bits: number): number {
    this.#reach(offset + 4);
    return Atomics.or(this.#words, offset >>> 2, bits | 0) >>> 0;
  }

  and(offset: number, bits: number): number {
    this.#reach(offset + 4);
    return Atomics.and(this.#words, offset >>> 2, bits | 0) >>> 0;
  }

  exchange(offset: number, value: number): number {
    this.#reach(offset + 4);
    return Atomics.exchange(this.#words, offset >>> 2, value | 0) >>> 0;
  }

  /** Stores `value` if the word is `expected`; what it was. */
  compareExchange(offset: number, expected: number, value: number): number {
    this.#reach(offset + 4);
    return Atomics.compareExchange(this.#words, offset >>> 2, expected | 0, value | 0) >>> 0;
  }

  /** Wakes whoever waits on the word at `offset`. */
  notify(offset: number): void {
    this.#reach(offset + 4);
    Atomics.notify(this.#words, offset >>> 2);
  }

  /** Sleeps while the word holds `value`, for at most `ms`. Where this thread may not sleep (a page), returns at once. */
  wait(offset: number, value: number, ms: number): void {
    this.#reach(offset + 4);
    try {
      Atomics.wait(this.#words, offset >>> 2, value | 0, ms);
    } catch {
      // The page's thread may not wait: its caller looks again.
    }
  }

  /** As `wait`, without blocking: resolves when the word is not `value`, when somebody notifies it, or after `ms`. */
  async waitAsync(offset: number, value: number, ms: number): Promise<void> {
    if (this.load(offset) !== value >>> 0) return;
    if (Atomics.waitAsync === undefined) {
      // A host without it looks again soon.
      await new Promise<void>((resolve) => setTimeout(resolve, Math.min(ms, POLL_MS)));
      return;
    }
    await Atomics.waitAsync(this.#words, offset >>> 2, value | 0, ms).value;
  }

  /** Frees the lock word at `offset` if a holder with `tag` has died with it. */
  breakLock(offset: number, tag: number): void {
    this.#reach(offset + 4);
    if (Atomics.compareExchange(this.#words, offset >>> 2, tag, 0) === tag) this.notify(offset);
  }

  /** Runs `body` while holding the lock word at `offset` (0 free, `tag` of its holder otherwise). */
  locked<T>(offset: number, body: () => T): T {
    this.#reach(offset + 4);
    const take = (): number => Atomics.compareExchange(this.#words, offset >>> 2, 0, this.tag);
    for (let held = take(); held !== 0; held = take()) this.wait(offset, held, 1);
    try {
      return body();
    } finally {
      this.store(offset, 0);
      this.notify(offset);
    }
  }
}

/** `value` rounded up to a multiple of `to`. */
export function roundUp(value: number, to: number = PAGE_SIZE): number {
  return Math.ceil(value / to) * to;
}
