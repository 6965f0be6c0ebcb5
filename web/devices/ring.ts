// A ring of bytes in shared memory: one writer, one reader, any threads. It knows nothing of consoles or devices.
//
//   offset        header, 64 bytes
//     0x00 HEAD      u32  bytes ever written, modulo 2^32
//     0x04 TAIL      u32  bytes ever taken out (read or dropped), modulo 2^32
//     0x08 CAPACITY  u32  data bytes, a power of two
//     0x0c READERS   u32  readers attached (0 or 1)
//     0x10 STALLED   u32  1 = the writer has lost patience with the reader
//     0x14 DROPPED   u32  bytes lost, modulo 2^32
//     0x18 SLEEPING  u32  1 = somebody waits on HEAD for bytes
//     0x1c WRITER    u32  1 = the writer waits on TAIL for room
//   offset + 64   data: the byte number n lies at n mod CAPACITY

import type { ByteSink, ByteSource } from './device.ts';

/** Bytes before a ring's data. */
export const RING_HEADER = 64;
const HEAD = 0;
const TAIL = 1;
const CAPACITY = 2;
const READERS = 3;
const STALLED = 4;
const DROPPED = 5;
const SLEEPING = 6;
const WRITER = 7;

/** How long a full ring makes its writer wait for an attached reader that takes nothing, in ms. */
export const RING_PATIENCE_MS = 1000;

/**
 * A view of one ring. Two ways to write: `put` for a guest, which must not hang and loses the oldest bytes in the
 * end, and `offer` for a host, which is told how much fitted and keeps the rest.
 */
export class Ring implements ByteSink, ByteSource {
  readonly #words: Int32Array;
  readonly #data: Uint8Array;

  private constructor(words: Int32Array, data: Uint8Array) {
    this.#words = words;
    this.#data = data;
  }

  /** Lays an empty ring at `offset` (4-byte aligned) for `capacity` data bytes. RangeError unless a power of two. */
  static create(buffer: ArrayBufferLike, offset: number, capacity: number): Ring {
    if (capacity < 1 || capacity > 2 ** 30 || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError(`A ring holds a power of two of bytes; ${capacity} is not one.`);
    }
    const words = new Int32Array(buffer, offset, RING_HEADER / 4);
    words.fill(0);
    Atomics.store(words, CAPACITY, capacity);
    return Ring.at(buffer, offset);
  }

  /** The ring that lies at `offset` already. RangeError when none does. */
  static at(buffer: ArrayBufferLike, offset: number): Ring {
    const words = new Int32Array(buffer, offset, RING_HEADER / 4);
    const capacity = Atomics.load(words, CAPACITY);
    if (capacity < 1 || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError(`No ring lies at offset 0x${offset.toString(16)}; create it first.`);
    }
    return new Ring(words, new Uint8Array(buffer, offset + RING_HEADER, capacity));
  }

  get capacity(): number {
    return this.#data.length;
  }

  /** Bytes that can be read now. */
  get length(): number {
    return (Atomics.load(this.#words, HEAD) - Atomics.load(this.#words, TAIL)) >>> 0;
  }

  /** Bytes ever written, modulo 2^32. */
  get written(): number {
    return Atomics.load(this.#words, HEAD) >>> 0;
  }

  /** Bytes lost because nobody took them, modulo 2^32. */
  get dropped(): number {
    return Atomics.load(this.#words, DROPPED) >>> 0;
  }

  /** Says that a reader lives: from now on a full ring makes `put` wait for it. */
  attach(): void {
    Atomics.store(this.#words, READERS, 1);
    Atomics.store(this.#words, STALLED, 0);
  }

  /** Says that the reader has gone; a writer that waits for it goes on at once. */
  detach(): void {
    Atomics.store(this.#words, READERS, 0);
    Atomics.notify(this.#words, TAIL);
  }

  /**
   * Writes one byte. A full ring waits while an attached reader makes progress, at most RING_PATIENCE_MS without any;
   * then, or without a reader, the oldest byte is dropped and counted. So the data bytes depend on what was written
   * alone, never on who read them when.
   */
  put(byte: number): void {
    const words = this.#words;
    const head = Atomics.load(words, HEAD);
    let tail = Atomics.load(words, TAIL);
    while ((head - tail) >>> 0 >= this.#data.length) {
      if (!this.#waitForRoom(tail) && Atomics.compareExchange(words, TAIL, tail, (tail + 1) | 0) === tail) {
        Atomics.add(words, DROPPED, 1);
      }
      tail = Atomics.load(words, TAIL);
    }
    this.#data[head & (this.#data.length - 1)] = byte;
    this.#publish((head + 1) | 0);
  }

  /** Writes as many of `bytes` as fit now and returns how many that were. It never waits and drops nothing. */
  offer(bytes: Uint8Array): number {
    const head = Atomics.load(this.#words, HEAD);
    const room = this.#data.length - ((head - Atomics.load(this.#words, TAIL)) >>> 0);
    const count = Math.min(room, bytes.length);
    const start = head & (this.#data.length - 1);
    const first = Math.min(count, this.#data.length - start);
    this.#data.set(bytes.subarray(0, first), start);
    this.#data.set(bytes.subarray(first, count), 0);
    if (count > 0) this.#publish((head + count) | 0);
    return count;
  }

  /** Takes the oldest byte, -1 when there is none. */
  take(): number {
    for (;;) {
      const tail = Atomics.load(this.#words, TAIL);
      if (Atomics.load(this.#words, HEAD) === tail) return -1;
      const byte = this.#data[tail & (this.#data.length - 1)] ?? 0;
      if (this.#consume(tail, 1)) return byte;
    }
  }

  /** Takes up to `max` of the oldest bytes, copied out of the shared memory. */
  read(max: number = this.#data.length): Uint8Array<ArrayBuffer> {
    for (;;) {
      const tail = Atomics.load(this.#words, TAIL);
      const count = Math.min(max, (Atomics.load(this.#words, HEAD) - tail) >>> 0);
      const bytes = this.#copy(tail, count);
      // A writer that dropped meanwhile may have overwritten what was copied: then the copy is made again.
      if (count === 0 || this.#consume(tail, count)) return bytes;
    }
  }

  /** The newest bytes, at most `max`, read or not; nothing is taken. For a view that joins late. */
  recent(max: number = this.#data.length): Uint8Array<ArrayBuffer> {
    const head = Atomics.load(this.#words, HEAD);
    const count = Math.min(max, this.#data.length, head >>> 0);
    return this.#copy((head - count) | 0, count);
  }

  /** Forgets all bytes. For the reader. */
  clear(): void {
    Atomics.store(this.#words, TAIL, Atomics.load(this.#words, HEAD));
    this.#wakeWriter();
  }

  /** Blocks this thread until there are bytes, at most `milliseconds`; true if there are. Not for a page's thread. */
  wait(milliseconds: number): boolean {
    const head = this.#announceSleep();
    if (this.length === 0) Atomics.wait(this.#words, HEAD, head, milliseconds);
    return this.length > 0;
  }

  /** As `wait`, without blocking. */
  async waitAsync(milliseconds: number): Promise<boolean> {
    const head = this.#announceSleep();
    if (this.length === 0) await Atomics.waitAsync(this.#words, HEAD, head, milliseconds).value;
    return this.length > 0;
  }

  #announceSleep(): number {
    Atomics.store(this.#words, SLEEPING, 1);
    return Atomics.load(this.#words, HEAD);
  }

  #publish(head: number): void {
    Atomics.store(this.#words, HEAD, head);
    if (Atomics.load(this.#words, SLEEPING) !== 0 && Atomics.exchange(this.#words, SLEEPING, 0) !== 0) {
      Atomics.notify(this.#words, HEAD);
    }
  }

  #copy(from: number, count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    const start = from & (this.#data.length - 1);
    const first = Math.min(count, this.#data.length - start);
    bytes.set(this.#data.subarray(start, start + first), 0);
    bytes.set(this.#data.subarray(0, count - first), first);
    return bytes;
  }

  #consume(tail: number, count: number): boolean {
    if (Atomics.compareExchange(this.#words, TAIL, tail, (tail + count) | 0) !== tail) return false;
    this.#wakeWriter();
    return true;
  }

  #wakeWriter(): void {
    if (Atomics.load(this.#words, STALLED) !== 0) Atomics.store(this.#words, STALLED, 0);
    if (Atomics.load(this.#words, WRITER) !== 0) Atomics.notify(this.#words, TAIL);
  }

  /** Waits until TAIL moves from `tail`; false when nobody will move it, so that the writer must drop. */
  #waitForRoom(tail: number): boolean {
    const words = this.#words;
    if (Atomics.load(words, READERS) === 0 || Atomics.load(words, STALLED) !== 0) return false;
    let moved = false;
    Atomics.store(words, WRITER, 1);
    try {
      moved = Atomics.wait(words, TAIL, tail, RING_PATIENCE_MS) !== 'timed-out';
      // A detach notifies too.
      moved = moved && Atomics.load(words, TAIL) !== tail;
    } catch {
      // This thread may not wait; the reader is on another thread or on this very one.
    }
    Atomics.store(words, WRITER, 0);
    if (!moved) Atomics.store(words, STALLED, 1);
    return moved;
  }
}
