// Images in files of the host, and what is opened from options in Node.
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { copyImage } from '../../../web/disk/index.ts';
import { createNodeImage } from '../../../web/disk/node_file.ts';
import { openDisk } from '../../../web/disk/open_node.ts';

const folder = mkdtempSync(join(tmpdir(), 'vitrine-disk-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
/** A file of `bytes` bytes 1. */
function image(bytes = 10_000): string {
  const path = join(folder, `disk${files++}.img`);
  writeFileSync(path, new Uint8Array(bytes).fill(1));
  return path;
}

const file = (path: string, readonly = false) => openDisk({ kind: 'file', path, readonly });

test('a write lands in the file, whose size stays', async () => {
  const path = image();
  const disk = await file(path);
  await disk.write(5000, new Uint8Array(100).fill(2));
  await disk.close();
  const content = readFileSync(path);
  expect([content.length, content[4999], content[5000], content[5099], content[5100]]).toEqual([
    10_000, 1, 2, 2, 1,
  ]);
});

test('a write behind the end is refused', async () => {
  const path = image();
  const disk = await file(path);
  expect(() => disk.write(9_999, new Uint8Array(2))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  await disk.close();
  expect(statSync(path).size).toBe(10_000);
});

test('bytes go to and from shared memory', async () => {
  const disk = await file(image());
  const shared = new Uint8Array(new SharedArrayBuffer(300));
  await disk.write(50, shared.fill(7));
  await disk.read(0, shared);
  expect([shared[49], shared[50], shared[299]]).toEqual([1, 7, 7]);
  await disk.close();
});

test('a second writer is locked out, by any name of the file, until the first one closes', async () => {
  const path = image();
  const link = join(folder, 'link.img');
  symlinkSync(path, link);
  const first = await file(path);
  await expect(file(path)).rejects.toMatchObject({ code: 'EBUSY' });
  await expect(file(link)).rejects.toThrow('is written by another machine');
  await first.close();
  await (await file(link)).close();
});

test('readers are let in beside a writer, and cannot write', async () => {
  const path = image();
  const writer = await file(path);
  const reader = await file(path, true);
  await writer.write(0, new Uint8Array([42]));
  const byte = new Uint8Array(1);
  await reader.read(0, byte);
  expect(byte[0]).toBe(42);
  expect(() => reader.write(0, byte)).toThrow(expect.objectContaining({ code: 'EROFS' }));
  await writer.close();
  await reader.close();
});

test.each([
  ['no such file', () => join(folder, 'none.img'), 'ENOENT'],
  ['a folder', () => folder, 'EISDIR'],
  ['an empty file', () => image(0), 'EINVAL'],
])('opening %s is refused', async (_, path, code) => {
  await expect(file(path())).rejects.toMatchObject({ code });
});

test('an overlay keeps the changes in a file of its own, and its base as it is', async () => {
  const options = {
    kind: 'overlay',
    base: { kind: 'file', path: image() },
    upper: { kind: 'file', path: join(folder, 'changes.overlay') },
  } as const;
  const disk = await openDisk(options);
  await disk.write(1, new Uint8Array([2]));
  await expect(openDisk(options)).rejects.toMatchObject({ code: 'EBUSY' });
  await disk.close();
  const again = await openDisk(options);
  const bytes = new Uint8Array(3);
  await again.read(0, bytes);
  expect([...bytes]).toEqual([1, 2, 1]);
  expect(readFileSync(options.base.path).every((byte) => byte === 1)).toBe(true);
  await again.close();
  writeFileSync(options.base.path, new Uint8Array(10_000).fill(3));
  await expect(openDisk(options)).rejects.toMatchObject({ code: 'ESTALE' });
  await (await openDisk({ ...options, trust: true })).close();
  const trusted = await openDisk(options);
  await trusted.read(8000, bytes);
  expect([...bytes]).toEqual([3, 3, 3]);
  await trusted.close();
});

test('an overlay is committed to a new image', async () => {
  const overlay = await openDisk({
    kind: 'overlay',
    base: { kind: 'empty', bytes: 3 << 20 },
    upper: { kind: 'memory' },
  });
  await overlay.write(2_000_000, new Uint8Array(5000).fill(8));
  const path = join(folder, 'new.img');
  createNodeImage(path, overlay.bytes);
  expect(() => createNodeImage(path, 1)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  const image = await file(path);
  await copyImage(overlay, image);
  await image.close();
  const content = readFileSync(path);
  expect([
    content.length,
    content[1_999_999],
    content[2_000_000],
    content[2_004_999],
    content[2_005_000],
  ]).toEqual([3 << 20, 0, 8, 8, 0]);
});

test('what only a page has is refused in Node', async () => {
  await expect(openDisk({ kind: 'opfs', name: 'a' })).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
});
