// A file on a medium that loses what was not flushed: at a crash each piece of each unflushed write is there or not, in any
// order. A fuse makes the crash come in the middle of whatever uses the file.
import { type BlockFile, MemoryFile } from '../../../web/disk/index.ts';

/** What a burnt fuse throws: the power is gone, nothing is called any more. */
export class PowerCut extends Error {}

export type Random = (below: number) => number;

/** Whole numbers from 0 to below `below`, the same for the same seed (xorshift32). */
export function randomOf(seed: number): Random {
  let state = (Math.imul(seed, 2654435761) | 1) >>> 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state % below;
  };
}

interface Piece {
  readonly position: number;
  readonly bytes: Uint8Array;
}

export class LossyFile implements BlockFile {
  readonly #seen: MemoryFile;
  readonly #kept: MemoryFile;
  #unflushed: Piece[] = [];
  /** The write that the power cut came in. */
  #underWay: Piece | undefined;
  /** So many writes and flushes until the power is cut. */
  fuse = Number.POSITIVE_INFINITY;

  constructor(content: Uint8Array = new Uint8Array(0)) {
    this.#seen = new MemoryFile(content.slice());
    this.#kept = new MemoryFile(content.slice());
  }

  get size(): number {
    return this.#seen.size;
  }

  read(position: number, into: Uint8Array): void {
    this.#seen.read(position, into);
  }

  write(position: number, from: Uint8Array): void {
    const piece = { position, bytes: from.slice() };
    this.#underWay = piece;
    this.#burn();
    this.#underWay = undefined;
    this.#unflushed.push(piece);
    this.#seen.write(position, from);
  }

  flush(): void {
    this.#burn();
    for (const { position, bytes } of this.#unflushed) this.#kept.write(position, bytes);
    this.#unflushed = [];
  }

  close(): void {}

  /** Its user was killed, the host lives: what was written is still seen, and still not on the medium. */
  outlive(): LossyFile {
    this.#underWay = undefined;
    this.fuse = Number.POSITIVE_INFINITY;
    return this;
  }

  /** What is on the medium after a crash. Pieces end at multiples of 512 bytes, or anywhere when `tearsSectors`. */
  crash(random: Random, tearsSectors: boolean): LossyFile {
    const writes = this.#underWay ? [...this.#unflushed, this.#underWay] : this.#unflushed;
    const pieces = writes.flatMap((piece) => split(piece, tearsSectors ? random : undefined));
    const odds = random(5);
    for (let left = pieces.length; left > 0; left--) {
      const [piece] = pieces.splice(random(left), 1) as [Piece];
      if (random(4) < odds) this.#kept.write(piece.position, piece.bytes);
    }
    const content = new Uint8Array(this.#kept.size);
    this.#kept.read(0, content);
    return new LossyFile(content);
  }

  #burn(): void {
    if (this.fuse-- <= 0) throw new PowerCut();
  }
}

/** A write as the pieces that a medium writes as a whole. */
function split({ position, bytes }: Piece, random: Random | undefined): Piece[] {
  const pieces: Piece[] = [];
  const most = random?.(2) === 0 ? 40 : 700;
  for (let from = 0; from < bytes.length; ) {
    const whole = random ? 1 + random(most) : 512 - ((position + from) % 512);
    const end = Math.min(from + whole, bytes.length);
    pieces.push({ position: position + from, bytes: bytes.subarray(from, end) });
    from = end;
  }
  return pieces;
}
