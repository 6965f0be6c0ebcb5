// The images of the kill test: made before a boot, judged after the kills. It runs no guest.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyImage, type DiskWords, diskOf } from '../../web/disk/index.ts';
import { createNodeImage } from '../../web/disk/node_file.ts';
import { openDisk } from '../../web/disk/open_node.ts';

/** As in writer.c. */
const SECTOR = 512;
const RECORD = 4096;
const SLOTS = 16;

const RAW_BYTES = RECORD * SLOTS;
const EXT4_BYTES = 16 << 20;

/** Every second disk has a file system; two are images written in place, then two are overlays. */
export const hasFiles = (disk: number): boolean => disk % 2 === 1;
export const isOverlay = (disk: number): boolean => disk % 4 >= 2;

/** Makes the image of disk `disk` in `folder`; how a machine is given it. */
export function makeImage(folder: string, disk: number): DiskWords {
  const path = join(folder, `${disk}.img`);
  const changes = join(folder, `${disk}.overlay`);
  for (const file of [path, changes]) rmSync(file, { force: true });
  createNodeImage(path, hasFiles(disk) ? EXT4_BYTES : RAW_BYTES);
  if (hasFiles(disk)) execFileSync('mke2fs', ['-q', '-t', 'ext4', path]);
  return isOverlay(disk) ? { file: path, changes } : { file: path };
}

function run(program: string, args: readonly string[]): number {
  return spawnSync(program, args, { stdio: 'ignore' }).status ?? -1;
}

/** The records of a disk as they are after a crash: those of the device, or of the file once its journal is replayed. */
async function recordsOf(folder: string, disk: number, words: DiskWords): Promise<Uint8Array | string> {
  const store = await openDisk(diskOf(words));
  try {
    if (!hasFiles(disk)) {
      const bytes = new Uint8Array(store.bytes);
      await store.read(0, bytes);
      return bytes;
    }
    const [image, file] = [join(folder, `${disk}.after`), join(folder, `${disk}.records`)];
    for (const old of [image, file]) rmSync(old, { force: true });
    createNodeImage(image, store.bytes);
    const copy = await openDisk({ kind: 'file', path: image });
    await copyImage(store, copy);
    await copy.close();
    if (run('e2fsck', ['-f', '-p', image]) > 1) return 'e2fsck cannot mend its file system';
    if (run('e2fsck', ['-f', '-n', image]) !== 0)
      return 'its file system is not clean after its journal was replayed';
    if (run('debugfs', ['-R', `dump /records ${file}`, image]) !== 0) return 'debugfs cannot read its file';
    return new Uint8Array(readFileSync(file));
  } finally {
    await store.close();
  }
}

/** Which record sector `sector` of slot `slot` is of; undefined when it is of none of this disk's. */
function numberAt(words: Uint32Array, disk: number, slot: number, sector: number): number | undefined {
  const start = (slot * RECORD + sector * SECTOR) / 4;
  const first = words[start];
  if (first === undefined) return undefined;
  for (let word = 1; word < SECTOR / 4; word++) if (words[start + word] !== first) return undefined;
  return (first ^ (disk << 24) ^ (sector << 20)) >>> 0;
}

/**
 * What is wrong with a disk whose guest was told that records 1 to `told` are on it: a sentence, or undefined. Later
 * records may be there in part.
 */
export async function judge(
  folder: string,
  disk: number,
  words: DiskWords,
  told: number,
): Promise<string | undefined> {
  const found = await recordsOf(folder, disk, words);
  if (typeof found === 'string') return `disk ${disk}: ${found}`;
  const view = new Uint32Array(found.buffer, found.byteOffset, Math.floor(found.length / 4));
  for (let number = Math.max(1, told - SLOTS + 1); number <= told; number++) {
    const slot = number % SLOTS;
    for (let sector = 0; sector < RECORD / SECTOR; sector++) {
      const is = numberAt(view, disk, slot, sector);
      if (is === number || is === number + SLOTS) continue;
      return `disk ${disk}: record ${number} of ${told} has record ${is ?? 'of nobody'} in sector ${sector}`;
    }
  }
  return undefined;
}
