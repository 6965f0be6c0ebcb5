// A cache of blocks of a slow image: blocks beside each other are fetched at once, more of them the longer reads go on in
// order. It knows no network.

import { after, type Maybe } from './block_store.ts';

/** Bytes of a block, which is kept or forgotten as a whole. */
export const CACHE_BLOCK = 1 << 16;
/** Blocks that a read in order fetches at most: 2 MiB. */
const AHEAD_MAX = 32;
/** Fetches under way at once; browsers send no more to one server anyway. */
const FETCHES = 6;

type FetchBytes = (offset: number, length: number) => Promise<Uint8Array>;

export class ReadAhead {
  readonly #bytes: number;
  readonly #room: number;
  readonly #fetch: FetchBytes;
  /** Blocks by number, the one that was not used for longest first. */
  readonly #blocks = new Map<number, Uint8Array>();
  /** Blocks that are on their way. */
  readonly #coming = new Map<number, Promise<void>>();
  /** The block after the last one that was fetched, and how many the next fetch there takes. */
  #expected = 0;
  #ahead = 1;
  #fetches = 0;
  readonly #turns: (() => void)[] = [];

  /** An image of `bytes`, of which `cacheBytes` are kept, got by `fetch`. */
  constructor(bytes: number, cacheBytes: number, fetch: FetchBytes) {
    this.#bytes = bytes;
    this.#room = Math.max(1, Math.floor(cacheBytes / CACHE_BLOCK));
    this.#fetch = fetch;
  }

  /** Fills `into`; at once when all of it is here. */
  read(offset: number, into: Uint8Array): Maybe<void> {
    const first = Math.floor(offset / CACHE_BLOCK);
    const last = Math.floor((offset + into.length - 1) / CACHE_BLOCK);
    const waits: Maybe<void>[] = [];
    for (let block = first; block <= last; block++) {
      const here = () => this.#copy(block, offset, into);
      if (this.#blocks.has(block)) {
        here();
        continue;
      }
      if (!this.#coming.has(block)) this.#request(block, last);
      waits.push(this.#deliver(block, here));
    }
    if (waits.length > 0) return Promise.all(waits).then(() => {});
  }

  /** `here` once the block came; it may have been forgotten again when many were asked for at once. */
  #deliver(block: number, here: () => void): Maybe<void> {
    return after(this.#coming.get(block), () => {
      if (this.#blocks.has(block)) return here();
      if (!this.#coming.has(block)) this.#request(block, block);
      return this.#deliver(block, here);
    });
  }

  #copy(block: number, offset: number, into: Uint8Array): void {
    const bytes = this.#blocks.get(block) as Uint8Array;
    this.#blocks.delete(block);
    this.#blocks.set(block, bytes);
    const start = block * CACHE_BLOCK;
    const from = Math.max(offset, start);
    const to = Math.min(offset + into.length, start + bytes.length);
    into.set(bytes.subarray(from - start, to - start), from - offset);
  }

  /** Fetches `first` and what is missing after it: up to `last`, and beyond it when reads go on in order. */
  #request(first: number, last: number): void {
    this.#ahead = first === this.#expected ? Math.min(this.#ahead * 2, AHEAD_MAX) : 1;
    const most = Math.min(Math.max(this.#ahead, last - first + 1), AHEAD_MAX, this.#room);
    const end = Math.ceil(this.#bytes / CACHE_BLOCK);
    let next = first + 1;
    while (next < end && next - first < most && !this.#blocks.has(next) && !this.#coming.has(next)) next++;
    this.#expected = next;
    const count = next - first;
    const come = this.#bring(first, count).finally(() => {
      for (let block = first; block < first + count; block++) this.#coming.delete(block);
    });
    // Whoever waits for a block hears of a failure; what was fetched ahead may fail unheard.
    come.catch(() => {});
    for (let block = first; block < first + count; block++) this.#coming.set(block, come);
  }

  async #bring(first: number, count: number): Promise<void> {
    if (this.#fetches >= FETCHES) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#fetches++;
    try {
      const start = first * CACHE_BLOCK;
      const bytes = await this.#fetch(start, Math.min(count * CACHE_BLOCK, this.#bytes - start));
      for (let index = 0; index < count; index++) {
        const block = bytes.slice(index * CACHE_BLOCK, (index + 1) * CACHE_BLOCK);
        this.#blocks.set(first + index, block);
      }
      for (const block of this.#blocks.keys()) {
        if (this.#blocks.size <= this.#room) break;
        this.#blocks.delete(block);
      }
    } finally {
      const turn = this.#turns.shift();
      if (turn) turn();
      else this.#fetches--;
    }
  }
}
