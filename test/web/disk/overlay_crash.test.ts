// An overlay on a medium that loses everything unflushed at a random moment keeps what its guest was told is on disk.
import { expect, test } from 'vitest';
import { memoryStore, type Overlay, openOverlay, SECTOR } from '../../../web/disk/index.ts';
import { LossyFile, PowerCut, type Random, randomOf } from './lossy_file.ts';

const SECTORS = 8 * 40 + 3;

/** Sector contents that tell when they were written: a stamp in each 32-bit word. 0 are zeroes. */
const sectorOf = (stamp: number) => new Uint8Array(new Uint32Array(SECTOR / 4).fill(stamp).buffer);

/** The stamp of the sector at `index`, or -1 when it was torn. */
function stampOf(bytes: Uint8Array, index: number): number {
  const words = new Uint32Array(bytes.buffer, index * SECTOR, SECTOR / 4);
  const stamp = words[0] as number;
  for (const word of words) if (word !== stamp) return -1;
  return stamp;
}

/** What the guest knows about its disk: the stamps that each sector may have. */
class Guest {
  /** The last is what the disk reads as now. */
  readonly #may: number[][];
  #stamp = 0;

  constructor(first: number) {
    this.#may = Array.from({ length: SECTORS }, (_, sector) => [first + sector]);
    this.#stamp = first + SECTORS;
  }

  step(disk: Overlay, random: Random): void {
    const choice = random(10);
    if (choice < 3) {
      this.#flush(disk);
      return;
    }
    const sector = random(SECTORS);
    const count = 1 + random(Math.min(SECTORS - sector, random(3) === 0 ? 80 : 12));
    const isDiscard = choice === 3;
    const bytes = new Uint8Array(count * SECTOR);
    for (let index = 0; index < count; index++) {
      const stamp = isDiscard ? 0 : ++this.#stamp;
      this.#may[sector + index]?.push(stamp);
      bytes.set(sectorOf(stamp), index * SECTOR);
    }
    if (isDiscard) disk.discard(sector * SECTOR, bytes.length);
    else disk.write(sector * SECTOR, bytes);
  }

  /** Sectors that are not what they may be; `isExact` when they must be what was last written. */
  wrong(disk: Overlay, isExact: boolean, tearsSectors: boolean): number[] {
    const bytes = new Uint8Array(SECTORS * SECTOR);
    disk.read(0, bytes);
    return this.#may.flatMap((stamps, sector) => {
      const stamp = stampOf(bytes, sector);
      const may = isExact ? stamps.slice(-1) : stamps;
      const isRight = may.includes(stamp) || (tearsSectors && stamps.length > 1);
      this.#may[sector] = [stamp];
      return isRight ? [] : [sector];
    });
  }

  /** Makes torn sectors whole, as a guest does that reads its own log again. */
  repair(disk: Overlay): void {
    this.#may.forEach((stamps, sector) => {
      if (stamps[0] !== -1) return;
      this.#may[sector] = [-1, ++this.#stamp];
      disk.write(sector * SECTOR, sectorOf(this.#stamp));
    });
    this.#flush(disk);
  }

  #flush(disk: Overlay): void {
    disk.flush();
    for (const stamps of this.#may) stamps.splice(0, stamps.length - 1);
  }
}

/** Lives of one overlay, each ended at a random moment by a power cut, or by a kill that only its user feels; the sectors that were wrong after one. */
function liveAndDie(seed: number, tearsSectors: boolean): number[] {
  const random = randomOf(seed);
  const image = new Uint8Array(SECTORS * SECTOR);
  for (let sector = 0; sector < SECTORS; sector++) image.set(sectorOf(1000 + sector), sector * SECTOR);
  const base = memoryStore(image, { readonly: true });
  const guest = new Guest(1000);
  const slack = random(2) === 0 ? random(8) : 140;
  let file = new LossyFile();
  for (let life = 0; life < 5; life++) {
    let wrong: number[] = [];
    file.fuse = random(random(4) === 0 ? 8 : 200);
    try {
      const disk = openOverlay(base, file, { slack });
      wrong = guest.wrong(disk, false, tearsSectors);
      if (wrong.length > 0) return wrong;
      if (tearsSectors) guest.repair(disk);
      for (let step = 0; step < 400; step++) guest.step(disk, random);
      wrong = guest.wrong(disk, true, false);
      if (wrong.length > 0) return wrong;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    file = random(3) === 0 ? file.outlive() : file.crash(random, tearsSectors);
  }
  return [];
}

const rounds = Array.from({ length: 600 }, (_, index) => index + 1);

test('what was flushed is there after a crash at any point, and no sector is torn', () => {
  expect(rounds.filter((seed) => liveAndDie(seed, false).length > 0)).toEqual([]);
}, 120_000);

test('what was flushed is there on a medium that tears sectors too', () => {
  expect(rounds.filter((seed) => liveAndDie(seed + 100_000, true).length > 0)).toEqual([]);
}, 120_000);
