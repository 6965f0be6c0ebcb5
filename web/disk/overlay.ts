// Copy-on-write: a base that is only read, and a file that holds each cluster of 4 KiB that was written. The file's format
// and why it survives a crash at any point: README.md. Formats and the journal are in overlay/.

import { KvmError } from '../kvm/abi/errno.ts';
import type { BlockFile } from './block_file.ts';
import { after, type BlockStore, checkRange, type Maybe } from './block_store.ts';
import { ClusterMap } from './overlay/cluster_map.ts';
import { CLUSTER, FIRST_SLOT, IN_BASE, shortIdentity, ZEROES } from './overlay/format.ts';
import { Journal } from './overlay/journal.ts';
import { Slots } from './overlay/slots.ts';

/** Journal blocks (1 MiB) beyond twice the needed ones before the journal is written anew. */
const SLACK = 2048;
/** Zeroes are written by so many bytes at most. */
const ZERO_BYTES = 64 * CLUSTER;

export interface OverlayOptions {
  /** The base is the right one, though it tells another identity: it was copied, or its server moved. It is bound to it anew. */
  readonly trust?: boolean;
  /** Journal blocks before it is written anew; for tests. */
  readonly slack?: number;
}

/** A base and a file of changes as one disk; made by `openOverlay`. */
export class Overlay implements BlockStore {
  readonly bytes: number;
  readonly isReadonly = false;
  readonly #base: BlockStore;
  readonly #file: BlockFile;
  readonly #journal: Journal;
  readonly #map = new ClusterMap();
  readonly #slots: Slots;
  /** Data was written since the file was flushed. */
  #isDirty = false;
  /** Clusters whose rest is being read from the base: who writes there waits. */
  readonly #filling = new Map<number, Promise<void>>();

  constructor(base: BlockStore, file: BlockFile, journal: Journal) {
    this.#base = base;
    this.#file = file;
    this.#journal = journal;
    this.bytes = base.bytes;
    journal.load(({ cluster, count, slot }) => {
      for (let index = 0; index < count; index++)
        this.#map.set(cluster + index, slot > ZEROES ? slot + index : slot, true);
    });
    const runs = this.#map.all();
    this.#slots = new Slots(FIRST_SLOT, [...runs.filter((run) => run.slot > ZEROES), ...journal.used]);
    journal.measure(runs.length);
  }

  read(offset: number, into: Uint8Array): Maybe<void> {
    checkRange(this, offset, into.length);
    const waits: Promise<void>[] = [];
    for (const piece of this.#pieces(offset, into.length)) {
      const part = into.subarray(piece.from, piece.from + piece.length);
      if (piece.slot === ZEROES) part.fill(0);
      else if (piece.slot !== IN_BASE) this.#file.read(piece.position, part);
      else {
        const wait = this.#base.read(offset + piece.from, part);
        if (wait) waits.push(wait);
      }
    }
    if (waits.length > 0) return Promise.all(waits).then(() => {});
  }

  write(offset: number, from: Uint8Array): Maybe<void> {
    checkRange(this, offset, from.length);
    if (from.length === 0) return;
    const filling = this.#fillingIn(offset, from.length);
    if (filling) return filling.then(() => this.write(offset, from));
    const edges = this.#edges(offset, from.length);
    const waits = edges.map((edge) => this.#base.read(edge.cluster * CLUSTER, edge.content));
    if (!waits.some((wait) => wait instanceof Promise)) return this.#store(offset, from, edges);
    const stored = Promise.all(waits).then(() => this.#store(offset, from, edges));
    const over = stored.catch(() => {}).then(() => this.#filled(edges));
    for (const { cluster } of edges) this.#filling.set(cluster, over);
    return over.then(() => stored);
  }

  /** First the data, then the journal that names it: never is a cluster named that is not on the medium. */
  flush(): void {
    if (this.#isDirty) {
      this.#file.flush();
      this.#isDirty = false;
    }
    const changes = this.#map.changes();
    if (changes.length === 0) return;
    this.#journal.append(changes, this.#slots);
    this.#map.stored();
    this.#slots.settle();
    if (this.#journal.isLong) this.#journal.rewrite(this.#map.all(), this.#slots);
  }

  /** Writes another identity of the base into the file. */
  bind(identity: string): void {
    this.#journal.header = { ...this.#journal.header, identity };
    this.#journal.rewrite(this.#map.all(), this.#slots);
  }

  discard(offset: number, bytes: number): Maybe<void> {
    checkRange(this, offset, bytes);
    const filling = this.#fillingIn(offset, bytes);
    if (filling) return filling.then(() => this.discard(offset, bytes));
    const end = offset + bytes;
    const first = Math.ceil(offset / CLUSTER);
    const last = end === this.bytes ? Math.ceil(end / CLUSTER) : Math.floor(end / CLUSTER);
    if (first >= last) return this.#writeZeroes(offset, bytes);
    for (let cluster = first; cluster < last; cluster++) {
      const slot = this.#map.get(cluster);
      if (slot === ZEROES) continue;
      if (slot !== IN_BASE) this.#slots.giveLater(slot, 1);
      this.#map.set(cluster, ZEROES);
    }
    return after(this.#writeZeroes(offset, first * CLUSTER - offset), () =>
      this.#writeZeroes(last * CLUSTER, end - last * CLUSTER),
    );
  }

  close(): Maybe<void> {
    try {
      this.flush();
    } finally {
      this.#file.close();
    }
    return this.#base.close();
  }

  #writeZeroes(offset: number, bytes: number): Maybe<void> {
    if (bytes <= 0) return;
    const length = Math.min(bytes, ZERO_BYTES);
    return after(this.write(offset, new Uint8Array(length)), () =>
      this.#writeZeroes(offset + length, bytes - length),
    );
  }

  /** A promise while a cluster in the range is being filled. */
  #fillingIn(offset: number, bytes: number): Promise<void> | undefined {
    const end = offset + bytes;
    for (const [cluster, over] of this.#filling)
      if (cluster * CLUSTER < end && (cluster + 1) * CLUSTER > offset) return over;
    return undefined;
  }

  #filled(edges: readonly Edge[]): void {
    for (const { cluster } of edges) this.#filling.delete(cluster);
  }

  /** The clusters that a write covers in part and of which the overlay has nothing yet. */
  #edges(offset: number, bytes: number): Edge[] {
    const end = offset + bytes;
    const clusters = new Set([Math.floor(offset / CLUSTER), Math.floor((end - 1) / CLUSTER)]);
    return [...clusters].flatMap((cluster) => {
      const start = cluster * CLUSTER;
      const stop = Math.min(start + CLUSTER, this.bytes);
      if ((offset <= start && end >= stop) || this.#map.get(cluster) !== IN_BASE) return [];
      return [{ cluster, content: new Uint8Array(stop - start) }];
    });
  }

  /** Puts bytes into their slots: in place where the overlay has the cluster, else into new ones. */
  #store(offset: number, from: Uint8Array, edges: readonly Edge[]): void {
    this.#isDirty = true;
    for (const piece of this.#pieces(offset, from.length)) {
      const part = from.subarray(piece.from, piece.from + piece.length);
      if (piece.slot > ZEROES) this.#file.write(piece.position, part);
      else this.#storeNew(offset + piece.from, part, edges);
    }
  }

  /** Puts bytes of clusters that have no slots into new ones, with what stood around them. */
  #storeNew(offset: number, from: Uint8Array, edges: readonly Edge[]): void {
    const first = Math.floor(offset / CLUSTER);
    const count = Math.ceil((offset + from.length) / CLUSTER) - first;
    let whole = from;
    if (from.length !== count * CLUSTER) {
      whole = new Uint8Array(count * CLUSTER);
      for (const { cluster, content } of edges)
        if (cluster >= first && cluster < first + count) whole.set(content, (cluster - first) * CLUSTER);
      whole.set(from, offset - first * CLUSTER);
    }
    for (let done = 0; done < count; ) {
      const run = this.#slots.take(count - done);
      try {
        this.#file.write(run.start * CLUSTER, whole.subarray(done * CLUSTER, (done + run.count) * CLUSTER));
      } catch (error) {
        this.#slots.give(run.start, run.count);
        throw error;
      }
      for (let index = 0; index < run.count; index++) this.#map.set(first + done + index, run.start + index);
      done += run.count;
    }
  }

  /** Parts of a range that lie together: in the base, as zeroes, or in slots beside each other. */
  *#pieces(offset: number, bytes: number): Generator<Piece> {
    let from = 0;
    while (from < bytes) {
      const start = offset + from;
      const first = Math.floor(start / CLUSTER);
      const slot = this.#map.get(first);
      let next = first + 1;
      while (next * CLUSTER < offset + bytes) {
        if (this.#map.get(next) !== (slot > ZEROES ? slot + next - first : slot)) break;
        next++;
      }
      const length = Math.min(next * CLUSTER, offset + bytes) - start;
      yield { from, length, slot, position: slot * CLUSTER + (start - first * CLUSTER) };
      from += length;
    }
  }
}

/** A cluster in the base of which a write covers a part, and its bytes there. */
interface Edge {
  readonly cluster: number;
  readonly content: Uint8Array;
}

interface Piece {
  /** Where it begins, from the range's beginning. */
  readonly from: number;
  readonly length: number;
  /** IN_BASE, ZEROES, or the first slot. */
  readonly slot: number;
  /** Where it is in the file, if it is in slots. */
  readonly position: number;
}

/**
 * Puts the overlay in `file` on `base`; an empty file becomes a new one. Both are closed with it. EINVAL when the file is
 * no overlay, or one of another size; ESTALE when the base is not the one that it was made on.
 */
export function openOverlay(base: BlockStore, file: BlockFile, options: OverlayOptions = {}): Overlay {
  const identity = shortIdentity(base.identity ?? '');
  const journal = Journal.open(file, base.bytes, identity, { slack: options.slack ?? SLACK });
  const { header } = journal;
  if (header.bytes !== base.bytes)
    throw new KvmError(
      'EINVAL',
      `this overlay is for a disk of ${header.bytes} bytes, its base has ${base.bytes}: name the base that it was made on`,
    );
  const isOther = header.identity !== '' && identity !== '' && header.identity !== identity;
  if (isOther && !options.trust)
    throw new KvmError(
      'ESTALE',
      'the base is not the image that this overlay was made on, or was changed since: bring that one back, or say trust if it was only copied or moved',
    );
  const overlay = new Overlay(base, file, journal);
  if (isOther) overlay.bind(identity);
  return overlay;
}
