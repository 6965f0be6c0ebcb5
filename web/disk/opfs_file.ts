// A file in the browser's origin private file system, by a sync access handle. Only in a worker. Node never uses it.

import { KvmError } from '../kvm/abi/errno.ts';
import type { BlockFile } from './block_file.ts';

interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  flush(): void;
  getSize(): number;
  close(): void;
}

interface FileHandle {
  getFile(): Promise<{ readonly size: number; readonly lastModified: number }>;
  createSyncAccessHandle?(options?: { mode: 'read-only' | 'readwrite' }): Promise<SyncAccessHandle>;
}

interface DirectoryHandle {
  getDirectoryHandle(name: string, options: { create: boolean }): Promise<DirectoryHandle>;
  getFileHandle(name: string, options: { create: boolean }): Promise<FileHandle>;
  removeEntry(name: string): Promise<void>;
  keys(): AsyncIterableIterator<string>;
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
      `${doing} failed, the browser gives this page no more room: delete disks, or free some on the host`,
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
async function take(file: FileHandle, name: string, readonly: boolean): Promise<SyncAccessHandle> {
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
      if (tries === TRIES)
        throw new KvmError(
          'EBUSY',
          `the disk ${name} is used by another machine or tab: end that one, or take another name`,
        );
    }
    await new Promise<void>((resolve) => setTimeout(resolve, TRY_MS));
  }
}

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
    this.identity = `opfs ${this.size} ${lastModified}`;
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
    if (count < from.length) throw storageError(doing, { name: 'QuotaExceededError' });
    this.size = Math.max(this.size, position + from.length);
  }

  flush(): void {
    if (this.#broken) throw this.#broken;
    try {
      this.#handle.flush();
    } catch (error) {
      this.#broken = storageError(`flushing the disk ${this.#name}`, error);
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

/**
 * Opens the disk `name`. ENOENT when there is none, EBUSY while another worker or tab has it, EOPNOTSUPP where the browser
 * has no such files, ENOSPC when it gives no room, EINVAL for a name that is none.
 */
export async function openOpfsFile(name: string, options: OpfsFileOptions = {}): Promise<BlockFile> {
  const folder = await diskFolder();
  let file: FileHandle;
  try {
    file = await folder.getFileHandle(name, { create: options.create ?? false });
  } catch (error) {
    if (nameOf(error) === 'NotFoundError')
      throw new KvmError('ENOENT', `there is no disk ${name} in this browser: make it first`);
    if (nameOf(error) === 'TypeError')
      throw new KvmError('EINVAL', `${JSON.stringify(name)} is no name for a disk: take letters and digits`);
    throw storageError(`opening the disk ${name}`, error);
  }
  const handle = await take(file, name, options.readonly ?? false);
  return new OpfsFile(name, handle, (await file.getFile()).lastModified);
}

/** Names of all disks of this page's origin. */
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
