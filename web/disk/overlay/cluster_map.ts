// Where each cluster of the disk is, in memory, and which of these places the journal has not yet. No file.

import { IN_BASE, type Run, ZEROES } from './format.ts';

/** Clusters of a chunk: 4 MiB of the disk cost 4 KiB here once something of them is in the overlay. */
const CHUNK = 1024;

interface Chunk {
  readonly slots: Uint32Array;
  /** A bit for each cluster. */
  readonly changed: Uint32Array;
}

/** Whether cluster places `a` and then `b` of neighbours go into one run. */
const follows = (a: number, b: number, distance: number) => b === (a > ZEROES ? a + distance : a);

export class ClusterMap {
  readonly #chunks = new Map<number, Chunk>();
  readonly #changed = new Set<number>();

  /** The slot of `cluster`, or IN_BASE or ZEROES. */
  get(cluster: number): number {
    return this.#chunks.get(Math.floor(cluster / CHUNK))?.slots[cluster % CHUNK] ?? IN_BASE;
  }

  /** Says where `cluster` is from now on; `isStored` when the journal has it so. */
  set(cluster: number, slot: number, isStored = false): void {
    const number = Math.floor(cluster / CHUNK);
    let chunk = this.#chunks.get(number);
    if (!chunk) {
      chunk = { slots: new Uint32Array(CHUNK), changed: new Uint32Array(CHUNK / 32) };
      this.#chunks.set(number, chunk);
    }
    const index = cluster % CHUNK;
    chunk.slots[index] = slot;
    if (isStored) return;
    this.#changed.add(number);
    (chunk.changed[index >>> 5] as number) |= 1 << (index & 31);
  }

  /** What the journal has not, as runs in the disk's order. */
  changes(): Run[] {
    return this.#runs(
      this.#changed,
      (chunk, index) => (((chunk.changed[index >>> 5] as number) >>> (index & 31)) & 1) !== 0,
    );
  }

  /** The journal has all. */
  stored(): void {
    for (const number of this.#changed) this.#chunks.get(number)?.changed.fill(0);
    this.#changed.clear();
  }

  /** All that is not in the base, as runs in the disk's order. */
  all(): Run[] {
    return this.#runs(this.#chunks.keys(), (chunk, index) => chunk.slots[index] !== IN_BASE);
  }

  #runs(numbers: Iterable<number>, isMeant: (chunk: Chunk, index: number) => boolean): Run[] {
    const runs: Run[] = [];
    let run: { cluster: number; count: number; slot: number } | undefined;
    for (const number of [...numbers].sort((a, b) => a - b)) {
      const chunk = this.#chunks.get(number) as Chunk;
      for (let index = 0; index < CHUNK; index++) {
        if (!isMeant(chunk, index)) continue;
        const cluster = number * CHUNK + index;
        const slot = chunk.slots[index] as number;
        if (run && run.cluster + run.count === cluster && follows(run.slot, slot, run.count)) run.count++;
        else {
          run = { cluster, count: 1, slot };
          runs.push(run);
        }
      }
    }
    return runs;
  }
}
