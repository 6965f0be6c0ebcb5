// A file in the browser's origin private file system, by a sync access handle. Only in a worker. Node never uses it.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { type BlockFile, brokenBy } from './block_file.ts';

interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  flush(): void;
  getSize(): number;
  close(): void;
}

interface StoredFile {
  readonly size: number;
  readonly lastModified: number;
  slice(start: number, end: number): object;
}

interface FileHandle {
  getFile(): Promise<StoredFile>;
  createSyncAccessHandle?(options?: { mode: 'read-only' | 'readwrite' }): Promise<SyncAccessHandle>;
}

interface DirectoryHandle {
  getDirectoryHandle(name: string, options: { create: boolean }): Promise<DirectoryHandle>;
  getFileHandle(name: string, options: { create: boolean }): Promise<FileHandle>;
  removeEntry(name: string): Promise<void>;
  keys(): AsyncIterableIterator<string>;
}

declare class FileReaderSync {
  readAsArrayBuffer(part: object): ArrayBuffer;
}

declare const navigator: { readonly storage?: { getDirectory?(): Promise<DirectoryHandle> } };
declare function setTimeout(callback: () => void, milliseconds: number): unknown;

/** The folder of all disks in the page's private file system. */
const FOLDER = 'vitrine-disks';

/** A worker that was ended lets go of its files a moment later: so long an opener tries again, in ms. */
const TRIES = 40;
const TRY_MS = 50;

const nameOf = (error: unknown) => (error as { name?: string }).name ?? '';

function storageError(doing: string, error: unknown): KvmError {
  if (nameOf(error) === 'QuotaExceededError')
    return new KvmError(
      'ENOSPC',
      `${doing} failed, the browser gives this page no more room: delete disks or files that it keeps, or free some on the host`,
    );
  return new KvmError('EIO', `${doing} failed: ${error instanceof Error ? error.message : String(error)}`);
}

async function diskFolder(): Promise<DirectoryHandle> {
  const getDirectory = navigator.storage?.getDirectory?.bind(navigator.storage);
  if (!getDirectory)
    throw new KvmError(
      'EOPNOTSUPP',
      'this browser keeps no private files for this page: open it over https or localhost, not in a private window',
    );
  try {
    return await (await getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  } catch (error) {
    throw storageError('opening the folder of disks', error);
  }
}

/** Takes the handle, which one thread at a time may have. */
async function take(
  file: FileHandle,
  name: string,
  readonly: boolean,
  most = TRIES,
): Promise<SyncAccessHandle> {
  if (!file.createSyncAccessHandle)
    throw new KvmError(
      'EOPNOTSUPP',
      'disks in the browser open in a worker only, and this browser or thread cannot',
    );
  for (let tries = 0; ; tries++) {
    try {
      return await file.createSyncAccessHandle({ mode: readonly ? 'read-only' : 'readwrite' });
    } catch (error) {
      if (!['NoModificationAllowedError', 'InvalidStateError'].includes(nameOf(error)))
        throw storageError(`opening the disk ${name}`, error);
      if (tries === most)
        throw new KvmError(
          'EBUSY',
          `the disk ${name} is used by another machine or tab: end that one, or take another name`,
        );
    }
    await new Promise<void>((resolve) => setTimeout(resolve, TRY_MS));
  }
}

const identityOf = (size: number, lastModified: number) => `opfs ${size} ${lastModified}`;

class OpfsFile implements BlockFile {
  readonly identity: string;
  size: number;
  readonly #name: string;
  readonly #handle: SyncAccessHandle;
  #broken: KvmError | undefined;

  constructor(name: string, handle: SyncAccessHandle, lastModified: number) {
    this.#name = name;
    this.#handle = handle;
    this.size = handle.getSize();
    this.identity = identityOf(this.size, lastModified);
  }

  read(position: number, into: Uint8Array): void {
    try {
      const count = this.#handle.read(into, { at: position });
      into.fill(0, count);
    } catch (error) {
      throw storageError(`reading the disk ${this.#name}`, error);
    }
  }

  write(position: number, from: Uint8Array): void {
    const doing = `writing the disk ${this.#name}`;
    let count: number;
    try {
      count = this.#handle.write(from, { at: position });
    } catch (error) {
      throw storageError(doing, error);
    }
    // In a private window Chromium tells of a full quota by a count beyond what was given (a negative error, unsigned).
    if (count !== from.length) throw storageError(doing, { name: 'QuotaExceededError' });
    this.size = Math.max(this.size, position + from.length);
  }

  flush(): void {
    if (this.#broken) throw this.#broken;
    try {
      this.#handle.flush();
    } catch (error) {
      this.#broken = brokenBy(storageError(`flushing the disk ${this.#name}`, error));
      throw this.#broken;
    }
  }

  close(): void {
    this.#handle.close();
  }
}

export interface OpfsFileOptions {
  readonly readonly?: boolean;
  /** Makes the file if there is none. What there is keeps its content. */
  readonly create?: boolean;
}

/** The handle of `name`. ENOENT, EINVAL, ENOSPC. */
async function find(name: string, create: boolean): Promise<FileHandle> {
  const folder = await diskFolder();
  try {
    return await folder.getFileHandle(name, { create });
  } catch (error) {
    if (nameOf(error) === 'NotFoundError')
      throw new KvmError('ENOENT', `there is no disk ${name} in this browser: make it first`);
    if (nameOf(error) === 'TypeError')
      throw new KvmError('EINVAL', `${JSON.stringify(name)} is no name for a disk: take letters and digits`);
    throw storageError(`opening the disk ${name}`, error);
  }
}

/**
 * Opens the disk `name`. ENOENT when there is none, EBUSY while another worker or tab has it, EOPNOTSUPP where the browser
 * has no such files, ENOSPC when it gives no room, EINVAL for a name that is none.
 */
export async function openOpfsFile(name: string, options: OpfsFileOptions = {}): Promise<BlockFile> {
  const file = await find(name, options.create ?? false);
  const handle = await take(file, name, options.readonly ?? false);
  return new OpfsFile(name, handle, (await file.getFile()).lastModified);
}

/**
 * The file `name` as it stands, to be read only, though another worker or tab may have it open: what was written there is
 * seen, flushed or not. Whoever reads it sees to it that nobody writes meanwhile. ENOENT.
 */
export async function openOpfsSnapshot(name: string): Promise<BlockFile> {
  const file = await (await find(name, false)).getFile();
  const reader = new FileReaderSync();
  const refuse = (): never => {
    throw new KvmError('EROFS', `the disk ${name} is only read here`);
  };
  return {
    size: file.size,
    identity: identityOf(file.size, file.lastModified),
    read(position, into) {
      const part = file.slice(position, Math.min(position + into.length, file.size));
      let bytes: Uint8Array;
      try {
        bytes = new Uint8Array(reader.readAsArrayBuffer(part));
      } catch (error) {
        throw storageError(`reading the disk ${name}`, error);
      }
      into.set(bytes);
      into.fill(0, bytes.length);
    },
    write: refuse,
    flush() {},
    close() {},
  };
}

/** Whether another worker or tab has `name` open to write it. */
export async function isOpfsLocked(name: string): Promise<boolean> {
  try {
    (await take(await find(name, false), name, false, 0)).close();
    return false;
  } catch (error) {
    if (isKvmError(error, 'ENOENT')) return false;
    if (isKvmError(error, 'EBUSY')) return true;
    throw error;
  }
}

/** Size and time of the file `name`; undefined when there is none. */
export async function statOpfsFile(name: string): Promise<{ size: number; mtime: number } | undefined> {
  try {
    const { size, lastModified } = await (await find(name, false)).getFile();
    return { size, mtime: lastModified };
  } catch (error) {
    if (isKvmError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Names of all files of disks of this page's origin. */
export async function listOpfsDisks(): Promise<string[]> {
  const names: string[] = [];
  for await (const name of (await diskFolder()).keys()) names.push(name);
  return names.sort();
}

/** Deletes a disk. ENOENT; EBUSY while a machine uses it. */
export async function deleteOpfsDisk(name: string): Promise<void> {
  try {
    await (await diskFolder()).removeEntry(name);
  } catch (error) {
    if (nameOf(error) === 'NotFoundError')
      throw new KvmError('ENOENT', `there is no disk ${name} in this browser: its name was read wrong`);
    if (nameOf(error) === 'NoModificationAllowedError')
      throw new KvmError('EBUSY', `the disk ${name} is used by a machine: end that first`);
    throw storageError(`deleting the disk ${name}`, error);
  }
}
