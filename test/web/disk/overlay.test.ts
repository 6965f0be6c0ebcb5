// What an overlay does, without crashes.
import { describe, expect, test } from 'vitest';
import {
  type BlockStore,
  copyImage,
  emptyStore,
  MemoryFile,
  memoryStore,
  openOverlay,
  RawStore,
} from '../../../web/disk/index.ts';
import { type LossyFile, randomOf } from './lossy_file.ts';

const CLUSTER = 4096;
const BYTES = 40 * CLUSTER + 1000;

/** A disk on which byte n is n modulo 251; read only. */
const pattern = (bytes = BYTES) =>
  memoryStore(
    Uint8Array.from({ length: bytes }, (_, n) => n % 251),
    { readonly: true },
  );

/** The same, answering later. */
function slow(store: BlockStore): BlockStore {
  return {
    ...store,
    read: async (offset, into) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await store.read(offset, into);
    },
  };
}

async function contentOf(store: BlockStore): Promise<Uint8Array> {
  const bytes = new Uint8Array(store.bytes);
  await store.read(0, bytes);
  return bytes;
}

/** Whether bytes are the same; `toEqual` takes seconds for so many. */
const areSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** The content of a file, as a new one. */
function copyOf(file: MemoryFile | LossyFile): Uint8Array {
  const bytes = new Uint8Array(file.size);
  file.read(0, bytes);
  return bytes;
}

const filled = (length: number, value: number) => new Uint8Array(length).fill(value);

describe.each([
  ['that answers at once', pattern],
  ['that answers later', () => slow(pattern())],
])('an overlay on a base %s', (_, makeBase) => {
  test('reads as an array does that saw the same writes and discards', async () => {
    const random = randomOf(7);
    const disk = openOverlay(makeBase(), new MemoryFile());
    const model = await contentOf(disk);
    for (let step = 0; step < 300; step++) {
      const offset = random(BYTES);
      const length = random(Math.min(BYTES - offset, random(3) === 0 ? 30_000 : 700)) + 1;
      const value = random(4) === 0 ? 0 : random(256);
      if (value === 0) await disk.discard(offset, length);
      else await disk.write(offset, filled(length, value));
      model.fill(value, offset, offset + length);
      if (random(9) === 0) disk.flush();
    }
    expect(areSame(await contentOf(disk), model)).toBe(true);
  });

  test('keeps both of two writes into one cluster at the same time', async () => {
    const disk = openOverlay(makeBase(), new MemoryFile());
    await Promise.all([0, 1, 2, 3].map((part) => disk.write(100 + part * 500, filled(500, part + 1))));
    const content = await contentOf(disk);
    expect([99, 100, 600, 1100, 1600, 2100].map((at) => content[at])).toEqual([99, 1, 2, 3, 4, 2100 % 251]);
  });

  test('is there again when its file is opened anew', async () => {
    const file = new MemoryFile();
    const disk = openOverlay(makeBase(), file);
    await disk.write(5000, filled(10_000, 9));
    await disk.discard(8 * CLUSTER, 3 * CLUSTER);
    disk.flush();
    expect(areSame(await contentOf(openOverlay(makeBase(), file)), await contentOf(disk))).toBe(true);
  });
});

test('a long journal of many segments is loaded, and written anew', () => {
  const file = new MemoryFile();
  const base = emptyStore(16000 * CLUSTER);
  const disk = openOverlay(base, file, { slack: 300 });
  for (let pass = 0; pass < 3; pass++) {
    for (let cluster = pass; cluster < 15000; cluster += 2) {
      disk.write(cluster * CLUSTER, filled(CLUSTER, 1 + ((cluster + pass) % 200)));
      if (cluster % 64 < 2) disk.flush();
    }
    disk.discard(100 * CLUSTER, 1000 * CLUSTER);
    disk.flush();
  }
  const again = openOverlay(base, file);
  for (const cluster of [0, 1, 2, 98, 99, 100, 1099, 1100, 1101, 14_998, 14_999, 15_000]) {
    const [was, is] = [new Uint8Array(CLUSTER), new Uint8Array(CLUSTER)];
    disk.read(cluster * CLUSTER, was);
    again.read(cluster * CLUSTER, is);
    expect(is).toEqual(was);
  }
});

test('room that was discarded is used again', () => {
  const file = new MemoryFile();
  const disk = openOverlay(pattern(), file);
  for (let round = 0; round < 50; round++) {
    disk.write(0, filled(20 * CLUSTER, round + 1));
    disk.flush();
    disk.discard(0, 20 * CLUSTER);
    disk.flush();
  }
  expect(file.size).toBeLessThan(60 * CLUSTER);
});

test('a journal that always says the same does not grow', () => {
  const file = new MemoryFile();
  const disk = openOverlay(pattern(), file, { slack: 16 });
  for (let round = 0; round < 2000; round++) {
    disk.write(0, filled(CLUSTER, round));
    disk.discard(0, CLUSTER);
    disk.flush();
  }
  expect(file.size).toBeLessThan(80 * CLUSTER);
});

test('a journal block of which a part is old or missing is not believed', () => {
  const file = new MemoryFile();
  const disk = openOverlay(pattern(), file);
  for (const cluster of [1, 3, 5]) disk.write(cluster * CLUSTER, filled(CLUSTER, 77));
  disk.flush();
  const kept = copyOf(file);
  for (const cluster of [7, 9, 11]) disk.write(cluster * CLUSTER, filled(CLUSTER, 78));
  disk.flush();
  const block = 2 * CLUSTER + 512;
  const base = pattern();
  for (let cut = 0; cut < 60; cut++) {
    for (const stale of [kept.slice(block, block + 512), kept.slice(block - 512, block), filled(512, 0xff)]) {
      const torn = copyOf(file);
      torn.set(stale.subarray(cut), block + cut);
      if (areSame(torn, copyOf(file))) continue;
      const found = new Uint8Array(BYTES);
      openOverlay(base, new MemoryFile(torn)).read(0, found);
      expect([3, 5, 7, 9, 11].map((cluster) => found[cluster * CLUSTER])).toEqual(
        [3, 5, 7, 9, 11].map((cluster) => (cluster < 6 ? 77 : (cluster * CLUSTER) % 251)),
      );
    }
  }
});

test('a write that found no room is refused, and the disk goes on', () => {
  const file = new MemoryFile();
  const disk = openOverlay(pattern(), file);
  disk.write(0, filled(CLUSTER, 1));
  const write = file.write.bind(file);
  file.write = () => {
    throw new Error('full');
  };
  expect(() => disk.write(CLUSTER, filled(CLUSTER, 2))).toThrow('full');
  expect(() => disk.flush()).toThrow('full');
  file.write = write;
  disk.write(2 * CLUSTER, filled(CLUSTER, 3));
  disk.flush();
  const content = new Uint8Array(BYTES);
  openOverlay(pattern(), file).read(0, content);
  expect([0, 1, 2].map((cluster) => content[cluster * CLUSTER])).toEqual([1, CLUSTER % 251, 3]);
});

describe('openOverlay refuses', () => {
  const made = (base: BlockStore) => {
    const file = new MemoryFile();
    openOverlay(base, file);
    return file;
  };
  test.each([
    ['a base of another size', made(pattern()), pattern(BYTES + 512), 'EINVAL'],
    [
      'a base that has changed',
      made({ ...pattern(), identity: 'a' }),
      { ...pattern(), identity: 'b' },
      'ESTALE',
    ],
    ['a file that is something else', new MemoryFile(filled(100_000, 1)), pattern(), 'EINVAL'],
    ['a small file that is something else', new MemoryFile(filled(100, 1)), pattern(), 'EINVAL'],
  ])('%s', (_, file, base, code) => {
    expect(() => openOverlay(base, file)).toThrow(expect.objectContaining({ code }));
  });
});

test('reads and writes outside the disk are refused', () => {
  const disk = openOverlay(pattern(), new MemoryFile());
  const refusal = expect.objectContaining({ code: 'EINVAL' });
  expect(() => disk.read(BYTES - 1, new Uint8Array(2))).toThrow(refusal);
  expect(() => disk.write(-1, new Uint8Array(2))).toThrow(refusal);
  expect(() => disk.discard(0.5, 1)).toThrow(refusal);
});

test('an overlay is committed to a new image, and holes stay holes', async () => {
  const disk = openOverlay(emptyStore(8 << 20), new MemoryFile());
  disk.write(5_000_000, filled(10, 5));
  const file = new MemoryFile(new Uint8Array(8 << 20));
  const places: number[] = [];
  const write = file.write.bind(file);
  file.write = (position, from) => {
    places.push(position);
    write(position, from);
  };
  const image = new RawStore(file);
  await copyImage(disk, image);
  expect(places).toEqual([4 << 20]);
  expect(areSame(await contentOf(image), await contentOf(disk))).toBe(true);
});
