// The journal of an overlay file: which clusters it has, in blocks that are only ever appended. It reads and writes the
// file's headers and segments, and decides when the journal is written anew; it knows no data.

import { isKvmError, KvmError } from '../../kvm/abi/errno.ts';
import type { BlockFile } from '../block_file.ts';
import {
  BLOCK,
  blockChecksum,
  CLUSTER,
  decodeBlock,
  decodeHeader,
  encodeBlock,
  encodeHeader,
  FIRST_SLOT,
  type Header,
  headerChecksum,
  MAGIC,
  RUNS,
  type Run,
  SEGMENT_BLOCKS,
  SEGMENT_SLOTS,
  VERSION,
} from './format.ts';
import type { Slots } from './slots.ts';

/** Where the next block goes, and what it follows. */
interface Place {
  readonly segment: number;
  readonly block: number;
  readonly previous: number;
}

/** What a journal is opened with. */
export interface JournalOptions {
  /** So many blocks more than twice the needed ones, and the journal is written anew. */
  readonly slack: number;
}

const randomLife = () => crypto.getRandomValues(new BigUint64Array(1))[0] as bigint;
const blocksFor = (runs: number) => Math.ceil(runs / RUNS);
const headerAt = (sequence: number) => (sequence % 2) * CLUSTER;

/** The newer header of `file`, and its bytes. */
function readHeader(file: BlockFile): { header: Header; bytes: Uint8Array } | undefined {
  let newest: { header: Header; bytes: Uint8Array } | undefined;
  for (const position of [0, CLUSTER]) {
    const bytes = new Uint8Array(BLOCK);
    file.read(position, bytes);
    const header = decodeHeader(bytes);
    if (header && header.sequence > (newest?.header.sequence ?? 0)) newest = { header, bytes };
  }
  return newest;
}

/** Whether `file` is empty, or was left while its first header was written. */
function isUnmade(file: BlockFile): boolean {
  if (file.size > FIRST_SLOT * CLUSTER) return false;
  return [0, CLUSTER].every((position) => {
    const begin = new Uint8Array(MAGIC.length);
    file.read(position, begin);
    return begin.every((byte, index) => byte === 0 || byte === MAGIC[index]);
  });
}

export class Journal {
  /** What the file says about itself. */
  header: Header;
  readonly #file: BlockFile;
  readonly #life = randomLife();
  readonly #slack: number;
  #place: Place;
  #segments: number[];
  #blocks = 0;
  #limit = 0;

  private constructor(file: BlockFile, header: Header, bytes: Uint8Array, options: JournalOptions) {
    this.#file = file;
    this.header = header;
    this.#place = { segment: header.journal, block: 0, previous: headerChecksum(bytes) };
    this.#segments = [header.journal];
    this.#slack = options.slack;
  }

  /**
   * The journal of `file`, which gets a header with `bytes` and `identity` when it is empty. EINVAL for a file that is no
   * overlay, or of a version that is not known.
   */
  static open(file: BlockFile, bytes: number, identity: string, options: JournalOptions): Journal {
    // What a writer that died has left unflushed must not be lost after it was read, and built upon.
    file.flush();
    const found = readHeader(file);
    if (found) return new Journal(file, checkHeader(found.header), found.bytes, options);
    if (!isUnmade(file))
      throw new KvmError('EINVAL', 'this file is no overlay, or its headers are damaged: name another file');
    const header = { version: VERSION, cluster: CLUSTER, bytes, sequence: 1, journal: FIRST_SLOT, identity };
    const encoded = encodeHeader(header);
    file.write(headerAt(header.sequence), encoded);
    file.flush();
    return new Journal(file, header, encoded, options);
  }

  /** Hands out all runs that the journal has, oldest first. Call it once, first. */
  load(onRun: (run: Run) => void): void {
    const clusters = Math.ceil(this.header.bytes / CLUSTER);
    const segment = new Uint8Array(SEGMENT_BLOCKS * BLOCK);
    this.#file.read(this.#place.segment * CLUSTER, segment);
    for (;;) {
      const { block, previous } = this.#place;
      const bytes = segment.subarray(block * BLOCK, (block + 1) * BLOCK);
      const found = block < SEGMENT_BLOCKS ? decodeBlock(bytes, previous) : undefined;
      if (!found) return;
      for (const run of found.runs) {
        if (run.cluster + run.count > clusters)
          throw new KvmError('EINVAL', 'this overlay names clusters outside its disk: the file is damaged');
        onRun(run);
      }
      this.#blocks++;
      this.#place = { ...this.#place, block: block + 1, previous: blockChecksum(bytes) };
      if (found.next === 0) continue;
      this.#place = { ...this.#place, segment: found.next, block: 0 };
      this.#segments.push(found.next);
      this.#file.read(found.next * CLUSTER, segment);
    }
  }

  /** The slots that the journal itself takes. */
  get used(): { slot: number; count: number }[] {
    return this.#segments.map((slot) => ({ slot, count: SEGMENT_SLOTS }));
  }

  /** Whether it should be written anew. */
  get isLong(): boolean {
    return this.#blocks > this.#limit;
  }

  /** Sets when it is long, from how many runs are needed. */
  measure(runs: number): void {
    this.#limit = 2 * blocksFor(runs) + this.#slack;
  }

  /** Appends `runs`; they are on the medium when this returns. */
  append(runs: readonly Run[], slots: Slots): void {
    const { place, taken } = this.#write(this.#place, runs, slots);
    this.#file.flush();
    this.#place = place;
    this.#segments.push(...taken);
    this.#blocks += blocksFor(runs.length);
  }

  /** Writes a new journal of only `runs`, then the header that names it, and frees the old one. */
  rewrite(runs: readonly Run[], slots: Slots): void {
    this.measure(runs.length);
    const journal = slots.takeWhole(SEGMENT_SLOTS);
    const header = { ...this.header, sequence: this.header.sequence + 1, journal };
    const bytes = encodeHeader(header);
    let written: { place: Place; taken: number[] };
    try {
      written = this.#write({ segment: journal, block: 0, previous: headerChecksum(bytes) }, runs, slots);
    } catch (error) {
      slots.give(journal, SEGMENT_SLOTS);
      // The old one is whole: a journal that stays long is no reason to refuse the flush that came by.
      if (isKvmError(error, 'ENOSPC')) return;
      throw error;
    }
    this.#file.flush();
    this.#file.write(headerAt(header.sequence), bytes);
    this.#file.flush();
    for (const segment of this.#segments) slots.give(segment, SEGMENT_SLOTS);
    this.header = header;
    this.#place = written.place;
    this.#segments = [journal, ...written.taken];
    this.#blocks = blocksFor(runs.length);
  }

  /** Writes blocks from `start` on; where the next one goes, and the segments that were needed. */
  #write(start: Place, runs: readonly Run[], slots: Slots): { place: Place; taken: number[] } {
    const scratch = new Uint8Array(SEGMENT_BLOCKS * BLOCK);
    const taken: number[] = [];
    let { segment, block, previous } = start;
    let first = block;
    try {
      for (let done = 0; done < runs.length; done += RUNS) {
        const isLast = block === SEGMENT_BLOCKS - 1;
        const next = isLast ? slots.takeWhole(SEGMENT_SLOTS) : 0;
        if (isLast) taken.push(next);
        const bytes = scratch.subarray(block * BLOCK, (block + 1) * BLOCK);
        encodeBlock({ previous, life: this.#life, next, runs: runs.slice(done, done + RUNS) }, bytes);
        previous = blockChecksum(bytes);
        block++;
        if (!isLast && done + RUNS < runs.length) continue;
        this.#file.write(segment * CLUSTER + first * BLOCK, scratch.subarray(first * BLOCK, block * BLOCK));
        if (isLast) {
          segment = next;
          block = 0;
        }
        first = block;
      }
    } catch (error) {
      for (const slot of taken) slots.give(slot, SEGMENT_SLOTS);
      throw error;
    }
    return { place: { segment, block, previous }, taken };
  }
}

function checkHeader(header: Header): Header {
  if (header.version !== VERSION || header.cluster !== CLUSTER)
    throw new KvmError(
      'EINVAL',
      `this overlay has version ${header.version} with clusters of ${header.cluster} bytes, known is ${VERSION} with ${CLUSTER}: open it with the program that made it`,
    );
  return header;
}
