// A split virtqueue from the device's side, over a guest's memory: takes chains that are available, gives them back, and
// knows when the driver wants to be told. Packed rings are not offered.
//
// Source: VIRTIO 1.2, 2.7 (split virtqueues) and 2.7.10 (event index).

import type { GuestMap } from '../xinterface/index.ts';
import type { Chain, Queue } from './backend.ts';
import { type ChainOwner, DESCRIPTOR_BYTES, RingError, takeChain } from './chain.ts';
import { type QueueRegisters, RING, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC } from './registers.ts';

// Rings: flags u16, index u16, then entries; behind them the event index of the other side (u16).
const INDEX = 2;
const ENTRIES = 4;
const AVAILABLE_ENTRY = 2;
const USED_ENTRY = 8;
const NO_INTERRUPT = 1;

/** What a queue needs of the device that it belongs to. */
export interface QueueOwner extends ChainOwner {
  readonly features: bigint;
  /** The driver shall hear of queue `index`. */
  interrupt(index: number): Promise<void>;
  /** The driver broke the rules. */
  fail(sentence: string): Promise<void>;
}

/** One ring, mapped: its 16-bit words are read and written atomically. */
class Ring {
  readonly #map: GuestMap;
  readonly #words: Uint16Array;
  readonly view: DataView;

  constructor(map: GuestMap) {
    this.#map = map;
    const { buffer, byteOffset, length } = map.bytes;
    this.#words = new Uint16Array(buffer, byteOffset, length >>> 1);
    this.view = new DataView(buffer, byteOffset, length);
  }

  /** The 16-bit word at `offset` as it is now: nothing that follows is read before it. */
  async load(offset: number): Promise<number> {
    const fresh = this.#map.sync(offset, 2);
    if (fresh !== undefined) await fresh;
    return Atomics.load(this.#words, offset >>> 1);
  }

  /** Stores it behind all that was written before. */
  async store(offset: number, value: number): Promise<void> {
    Atomics.store(this.#words, offset >>> 1, value);
    await this.written(offset, 2);
  }

  async sync(offset: number, length: number): Promise<void> {
    const fresh = this.#map.sync(offset, length);
    if (fresh !== undefined) await fresh;
  }

  async written(offset: number, length: number): Promise<void> {
    const seen = this.#map.written(offset, length);
    if (seen !== undefined) await seen;
  }

  async release(): Promise<void> {
    await this.#map.release();
  }
}

/** What the parts of a queue of `size` descriptors need: bytes and alignment. */
function ringLayout(size: number): { part: number; bytes: number; alignment: bigint; name: string }[] {
  return [
    { part: RING.descriptors, bytes: size * DESCRIPTOR_BYTES, alignment: 16n, name: 'descriptor table' },
    { part: RING.driver, bytes: ENTRIES + size * AVAILABLE_ENTRY + 2, alignment: 2n, name: 'available ring' },
    { part: RING.device, bytes: ENTRIES + size * USED_ENTRY + 2, alignment: 4n, name: 'used ring' },
  ];
}

export class SplitQueue implements Queue {
  readonly index: number;
  readonly #owner: QueueOwner;
  readonly #registers: QueueRegisters;
  #rings: readonly Ring[] = [];
  #size = 0;
  /** Of the used index when the driver was told last. */
  #told: number | undefined;
  #isNews = false;

  constructor(index: number, owner: QueueOwner, registers: QueueRegisters) {
    this.index = index;
    this.#owner = owner;
    this.#registers = registers;
  }

  get size(): number {
    return this.#size;
  }

  /** Maps the rings as the driver has laid them, and goes on where the registers say; a queue that is not enabled stays empty. */
  async open(): Promise<void> {
    const { isReady, size, max } = this.#registers;
    if (!isReady) return;
    if (size === 0 || size > max || (size & (size - 1)) !== 0) {
      await this.#owner.fail(
        `queue ${this.index} has ${size} descriptors; a power of 2 up to ${max} is right`,
      );
      return;
    }
    const rings: Ring[] = [];
    for (const { part, bytes, alignment, name } of ringLayout(size)) {
      const gpa = this.#registers.ring(part);
      try {
        if (gpa % alignment !== 0n) throw new RingError(`is not aligned to ${alignment} bytes`);
        rings.push(new Ring(await this.#owner.guest.vmap(gpa, bytes)));
      } catch (error) {
        const why = error instanceof RingError ? error.message : 'does not lie in one piece of RAM';
        for (const ring of rings) await ring.release();
        await this.#owner.fail(`the ${name} of queue ${this.index} at 0x${gpa.toString(16)} ${why}`);
        return;
      }
    }
    this.#rings = rings;
    this.#size = size;
    // Chains that an earlier server of this queue took and did not give back are taken again: all of them, as long as
    // it gave them back in order.
    this.#registers.taken = this.#registers.used;
  }

  async close(): Promise<void> {
    const rings = this.#rings;
    this.#size = 0;
    this.#rings = [];
    for (const ring of rings) await ring.release();
  }

  get #hasEventIndex(): boolean {
    return (this.#owner.features & VIRTIO_F_EVENT_IDX) !== 0n;
  }

  /** How many chains wait, as the driver says; it is refused where that cannot be. */
  async #waiting(available: Ring): Promise<number> {
    const head = await available.load(INDEX);
    const waiting = (head - this.#registers.taken) & 0xffff;
    if (waiting <= this.#size) return waiting;
    throw new RingError(`queue ${this.index} says that ${waiting} chains wait in a ring of ${this.#size}`);
  }

  /** Whether there is a chain; if not, the driver will ring for the next one. */
  async #hasWaiting(available: Ring, used: Ring): Promise<boolean> {
    if ((await this.#waiting(available)) > 0) return true;
    if (!this.#hasEventIndex) return false;
    await used.store(ENTRIES + this.#size * USED_ENTRY, this.#registers.taken);
    // What came between the look and the wish has nobody to ring for it.
    return (await this.#waiting(available)) > 0;
  }

  async pop(): Promise<Chain | undefined> {
    const [descriptors, available, used] = this.#rings;
    if (!descriptors || !available || !used || this.#owner.isOver) return undefined;
    const size = this.#size;
    const registers = this.#registers;
    try {
      if (!(await this.#hasWaiting(available, used))) return undefined;
      const entry = ENTRIES + (registers.taken & (size - 1)) * AVAILABLE_ENTRY;
      const head = await available.load(entry);
      await descriptors.sync(0, size * DESCRIPTOR_BYTES);
      const isIndirectAllowed = (this.#owner.features & VIRTIO_F_INDIRECT_DESC) !== 0n;
      const chain = await takeChain(this.#owner, descriptors.view, size, head, isIndirectAllowed);
      registers.taken += 1;
      return chain;
    } catch (error) {
      if (!(error instanceof RingError)) throw error;
      await this.#owner.fail(error.message);
      return undefined;
    }
  }

  async push(chain: Chain, written: number): Promise<void> {
    const used = this.#rings[2];
    if (!used || this.#owner.isOver) return;
    const registers = this.#registers;
    const entry = ENTRIES + (registers.used & (this.#size - 1)) * USED_ENTRY;
    used.view.setUint32(entry, chain.head, true);
    used.view.setUint32(entry + 4, written, true);
    await used.written(entry, USED_ENTRY);
    registers.used += 1;
    await used.store(INDEX, registers.used);
    this.#isNews = true;
  }

  async interrupt(): Promise<void> {
    const available = this.#rings[1];
    if (!this.#isNews || !available || this.#owner.isOver) return;
    this.#isNews = false;
    const { used } = this.#registers;
    const before = this.#told;
    this.#told = used;
    if (this.#hasEventIndex) {
      const event = await available.load(ENTRIES + this.#size * AVAILABLE_ENTRY);
      // It wants to hear when the used index passes its own: vring_need_event.
      const isPassed = before === undefined || ((used - event - 1) & 0xffff) < ((used - before) & 0xffff);
      if (!isPassed) return;
    } else if ((await available.load(0)) & NO_INTERRUPT) {
      return;
    }
    await this.#owner.interrupt(this.index);
  }
}
