// The registers of one virtqueue: where its rings lie, how large it is, and how far the device has got. A part of registers.ts.

/** A vector that stands for none: VIRTIO_MSI_NO_VECTOR. */
export const NO_VECTOR = 0xffff;

/** The three parts of a queue, in the order in which transports name them. */
export const RING = { descriptors: 0, driver: 1, device: 2 } as const;

/** Bytes of a queue's record; what stands in it: */
export const QUEUE_RECORD = 48;
const Q_MAX = 0;
const Q_SIZE = 4;
const Q_READY = 8;
/** Chains taken, and chains given back, each modulo 2^16. */
const Q_TAKEN = 12;
const Q_USED = 16;
const Q_VECTOR = 20;
const Q_RINGS = 24; // three u64

/** The 32-bit words that the record lies in, by offset. */
export interface QueueWords {
  get(offset: number): number;
  set(offset: number, value: number): void;
  get64(offset: number): bigint;
}

/** The record of one queue. */
export class QueueRegisters {
  readonly #words: QueueWords;
  readonly #at: number;

  /** `at` is the offset of its record. */
  constructor(words: QueueWords, at: number) {
    this.#words = words;
    this.#at = at;
  }

  get max(): number {
    return this.#words.get(this.#at + Q_MAX);
  }

  set max(size: number) {
    this.#words.set(this.#at + Q_MAX, size);
  }

  /** Descriptors as the driver chose them; the maximum before it did. */
  get size(): number {
    return this.#words.get(this.#at + Q_SIZE);
  }

  set size(size: number) {
    this.#words.set(this.#at + Q_SIZE, size);
  }

  get isReady(): boolean {
    return this.#words.get(this.#at + Q_READY) !== 0;
  }

  set isReady(on: boolean) {
    this.#words.set(this.#at + Q_READY, on ? 1 : 0);
  }

  /** Chains taken since the queue was enabled, modulo 2^16. */
  get taken(): number {
    return this.#words.get(this.#at + Q_TAKEN);
  }

  set taken(count: number) {
    this.#words.set(this.#at + Q_TAKEN, count & 0xffff);
  }

  /** Chains given back since then, modulo 2^16. */
  get used(): number {
    return this.#words.get(this.#at + Q_USED);
  }

  set used(count: number) {
    this.#words.set(this.#at + Q_USED, count & 0xffff);
  }

  get vector(): number {
    return this.#words.get(this.#at + Q_VECTOR);
  }

  set vector(vector: number) {
    this.#words.set(this.#at + Q_VECTOR, vector);
  }

  /** Guest-physical address of a part (RING). */
  ring(part: number): bigint {
    return this.#words.get64(this.#at + Q_RINGS + part * 8);
  }

  /** The low (0) or high (1) 32 bits of a part's address. */
  ringHalf(part: number, half: number): number {
    return this.#words.get(this.#at + Q_RINGS + part * 8 + half * 4);
  }

  setRingHalf(part: number, half: number, value: number): void {
    this.#words.set(this.#at + Q_RINGS + part * 8 + half * 4, value);
  }

  /** As after a reset. */
  clear(): void {
    this.size = this.max;
    this.isReady = false;
    this.taken = 0;
    this.used = 0;
    this.vector = NO_VECTOR;
    for (const part of Object.values(RING)) {
      this.setRingHalf(part, 0, 0);
      this.setRingHalf(part, 1, 0);
    }
  }
}
