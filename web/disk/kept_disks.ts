// The disks that a browser keeps for this page, by name: made empty, from an image, or over one behind a URL, always
// copy-on-write. Only in a worker. No machine, no page.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { type BlockFile, RawStore } from './block_file.ts';
import type { BlockStore } from './block_store.ts';
import { openHttpStore } from './http_store.ts';
import { emptyStore } from './memory_store.ts';
import {
  deleteOpfsDisk,
  isOpfsLocked,
  listOpfsDisks,
  openOpfsFile,
  openOpfsSnapshot,
  statOpfsFile,
} from './opfs_file.ts';
import { openOverlay } from './overlay.ts';
import type { DiskWords } from './words.ts';

/** What a kept disk was made of: zeroes, an image that was kept whole, or one behind a URL. */
export type KeptContent = { readonly bytes: number } | { readonly image: true } | { readonly url: string };

/** One disk that is kept. */
export interface KeptDisk {
  readonly name: string;
  readonly bytes: number;
  /** Time of the last change in ms since the Unix epoch. */
  readonly mtime: number;
  readonly content: KeptContent;
}

/** A disk is up to three files: what it is (JSON), its image, and what was changed of it. */
const files = (name: string) => ({
  note: `${name}.json`,
  image: `${name}.image`,
  changes: `${name}.changes`,
});
const NOTE = /\.json$/;
const IMAGE = /\.image$/;
const NAME = /^\w[\w.-]{0,99}$/;
/** Names that stand for something else where disks are shown as files. */
const RESERVED = ['ctl'];

function checkName(name: string): void {
  if (NAME.test(name) && !RESERVED.includes(name)) return;
  throw new KvmError(
    'EINVAL',
    `${JSON.stringify(name)} is no name for a disk: take letters, digits, dots and dashes`,
  );
}

interface Note {
  readonly bytes: number;
  readonly content: KeptContent;
}

async function noteOf(name: string): Promise<Note | undefined> {
  let file: BlockFile;
  try {
    file = await openOpfsSnapshot(files(name).note);
  } catch (error) {
    if (isKvmError(error, 'ENOENT') || isKvmError(error, 'EINVAL')) return undefined;
    throw error;
  }
  const bytes = new Uint8Array(file.size);
  file.read(0, bytes);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Note;
  } catch {
    // It was left before it was whole: its image is not, either.
    return undefined;
  }
}

/** Writes what `note` holds into its file, which makes the disk. */
function write(note: Note, file: BlockFile): void {
  file.write(0, new TextEncoder().encode(JSON.stringify(note)));
  file.flush();
}

/** The disk of this name; undefined when none is kept. */
export async function keptDisk(name: string): Promise<KeptDisk | undefined> {
  const note = await noteOf(name);
  if (!note) return undefined;
  const { changes, note: made } = files(name);
  const { mtime } = (await statOpfsFile(changes)) ?? (await statOpfsFile(made)) ?? { mtime: 0 };
  return { name, mtime, ...note };
}

/** All of them, by name. */
export async function keptDisks(): Promise<KeptDisk[]> {
  const notes = (await listOpfsDisks()).filter((name) => NOTE.test(name));
  const disks = await Promise.all(notes.map((name) => keptDisk(name.replace(NOTE, ''))));
  return disks.filter((disk) => disk !== undefined);
}

/** Removes images that never became whole, because their page was closed: nobody would see the room that they take. */
export async function sweepKept(): Promise<void> {
  for (const name of await listOpfsDisks()) {
    if (!IMAGE.test(name) || (await noteOf(name.replace(IMAGE, '')))) continue;
    // One that is being written cannot be removed.
    await deleteOpfsDisk(name).catch(() => {});
  }
}

/** How a machine opens it. */
export function wordsOf({ name, content }: KeptDisk): DiskWords {
  const { image, changes } = files(name);
  return { ...('image' in content ? { opfs: image } : content), changes };
}

async function refuseTaken(name: string): Promise<void> {
  checkName(name);
  if (await noteOf(name))
    throw new KvmError('EEXIST', `there is a disk ${name} already: take another name, or delete that one`);
}

/**
 * Makes a disk: of `bytes` zeroes, which take no room, or over the image at `url`, of which nothing but its size is asked
 * now. EEXIST, EINVAL; what the image's server refuses.
 */
export async function makeKept(name: string, content: { bytes: number } | { url: string }): Promise<void> {
  await refuseTaken(name);
  let { bytes } = content as { bytes?: number };
  if ('url' in content) {
    const image = await openHttpStore(content.url);
    bytes = image.bytes;
    await image.close();
  }
  if (bytes === undefined || !Number.isSafeInteger(bytes) || bytes < 512)
    throw new KvmError('EINVAL', 'a disk has a size: give bytes, at least 512');
  await removeRest(name);
  const file = await openOpfsFile(files(name).note, { create: true });
  try {
    write({ bytes, content }, file);
  } finally {
    file.close();
  }
}

/** An image on its way into the browser. */
export interface KeptImage {
  readonly size: number;
  /** Bytes of the image, in any order. ENOSPC. */
  write(position: number, from: Uint8Array): void;
  flush(): void;
  /** It is whole: from now on it is a disk, and is written here no more. */
  end(): void;
  /** It will not be whole: nothing of it is kept. */
  drop(): Promise<void>;
}

/** Begins a disk that holds an image. EEXIST, EINVAL; EBUSY while somebody else does the same. */
export async function receiveKept(name: string): Promise<KeptImage> {
  await refuseTaken(name);
  await removeRest(name);
  const { image, note } = files(name);
  const file = await openOpfsFile(image, { create: true });
  // Opened now, so that the end needs to wait for nothing.
  const made = await openOpfsFile(note, { create: true });
  const close = () => {
    file.close();
    made.close();
  };
  return {
    get size() {
      return file.size;
    },
    write: (position, from) => file.write(position, from),
    flush: () => file.flush(),
    end() {
      file.flush();
      write({ bytes: file.size, content: { image: true } }, made);
      close();
    },
    async drop() {
      close();
      await removeRest(name);
    },
  };
}

/** Files that a disk of this name has left behind; the note comes last, as what makes it a disk. */
async function removeRest(name: string): Promise<void> {
  const { changes, image, note } = files(name);
  for (const file of [changes, image, note])
    await deleteOpfsDisk(file).catch((error) => {
      if (!isKvmError(error, 'ENOENT')) throw error;
    });
}

/** Deletes it, and what was changed of it. ENOENT; EBUSY while a machine has it. */
export async function deleteKept(name: string): Promise<void> {
  if (!(await noteOf(name))) throw new KvmError('ENOENT', `there is no disk ${name} in this browser`);
  await removeRest(name);
}

/** Whether a machine has it, of this tab or another. */
export const isKeptInUse = (name: string): Promise<boolean> => isOpfsLocked(files(name).changes);

/** What it reads as after the last flush, though a machine has it, as long as that writes nothing. ENOENT. */
export async function readKept(name: string): Promise<BlockStore> {
  const note = await noteOf(name);
  if (!note) throw new KvmError('ENOENT', `there is no disk ${name} in this browser`);
  const { changes, image } = files(name);
  const base = await baseOf(note, image);
  const changed = await statOpfsFile(changes);
  if (!changed?.size) return base;
  try {
    return openOverlay(base, await openOpfsSnapshot(changes));
  } catch (error) {
    await base.close();
    throw error;
  }
}

async function baseOf({ content, bytes }: Note, image: string): Promise<BlockStore> {
  if ('url' in content) return openHttpStore(content.url);
  if ('bytes' in content) return emptyStore(bytes);
  return new RawStore(await openOpfsSnapshot(image), { readonly: true });
}
