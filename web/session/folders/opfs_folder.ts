// A folder of the browser's own file system (OPFS) as a tree, in a worker. It stays when the page is closed. It knows no
// guest and no protocol.

import {
  type Attributes,
  type DirNode,
  type FileNode,
  O_APPEND,
  type OpenNode,
  type Room,
  S_IFDIR,
  S_IFREG,
  type TreeNode,
} from '../../fs/index.ts';
import { type ErrnoName, KvmError } from '../../kvm/index.ts';

/** The directory of OPFS in which shares lie, each under its name. */
const SHARES = 'shares';

/** OPFS keeps no permission bits; programs in a share can be run. */
const MODE = 0o755;

/** What the browser's errors mean here, by their names. */
const ERRNOS: Readonly<Record<string, ErrnoName>> = {
  InvalidModificationError: 'ENOTEMPTY',
  InvalidStateError: 'EIO',
  NoModificationAllowedError: 'EBUSY',
  NotAllowedError: 'EACCES',
  NotFoundError: 'ENOENT',
  QuotaExceededError: 'ENOSPC',
  SecurityError: 'EACCES',
  TypeMismatchError: 'ENOTDIR',
  TypeError: 'EINVAL',
};

const nameOf = (error: unknown) => (error instanceof Error ? error.name : '');

function refusal(error: unknown): unknown {
  const code = ERRNOS[nameOf(error)];
  if (code === undefined || !(error instanceof Error)) return error;
  return new KvmError(code, `the browser says: ${error.message}`);
}

/** Waits for a call of the browser; its errors become KvmErrors. */
async function browser<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw refusal(error);
  }
}

/** The same for a call that answers at once. */
function atOnce<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw refusal(error);
  }
}

const noRoom = () =>
  new KvmError(
    'ENOSPC',
    'the browser gives this page no more room: delete disks or files that it keeps, or free some on the host',
  );

/** FileSystemSyncAccessHandle, as far as it is used: only workers know it. */
interface AccessHandle {
  read(into: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  getSize(): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

interface FileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<AccessHandle>;
  /** Not in every browser. */
  move?(target: FileSystemDirectoryHandle, name: string): Promise<void>;
}

/** A file that is open: the browser gives one handle of it, which all who have it open share. */
interface Shared {
  readonly handle: Promise<AccessHandle>;
  /** The same, once it has come. */
  now: AccessHandle | undefined;
  users: number;
  mtime: number | undefined;
}

/** What the nodes of one folder share: the files that are open, by their paths. */
type Open = Map<string, Shared>;

class OpfsFile implements FileNode {
  readonly kind = 'file';
  readonly handle: FileHandle;
  readonly path: string;
  readonly #open: Open;

  constructor(handle: FileHandle, path: string, open: Open) {
    this.handle = handle;
    this.path = path;
    this.#open = open;
  }

  async attributes(): Promise<Attributes> {
    const shared = this.#open.get(this.path);
    const known = shared?.now?.getSize();
    if (known !== undefined && shared?.mtime !== undefined) {
      return { mode: S_IFREG | MODE, size: known, ino: 0n, mtime: shared.mtime };
    }
    const { size, lastModified } = await browser(this.handle.getFile());
    return { mode: S_IFREG | MODE, size: known ?? size, ino: 0n, mtime: lastModified };
  }

  async open(flags: number): Promise<OpenNode> {
    const { path } = this;
    let shared = this.#open.get(path);
    if (!shared) {
      shared = { handle: this.handle.createSyncAccessHandle(), now: undefined, users: 0, mtime: undefined };
      this.#open.set(path, shared);
    }
    shared.users++;
    const mine = shared;
    const leave = () => {
      mine.users--;
      if (mine.users > 0) return;
      this.#open.delete(path);
      mine.now?.close();
    };
    try {
      shared.now = await browser(shared.handle);
    } catch (error) {
      leave();
      throw error;
    }
    return openHandle(shared.now, shared, (flags & O_APPEND) !== 0, leave);
  }
}

function openHandle(handle: AccessHandle, shared: Shared, appends: boolean, leave: () => void): OpenNode {
  const touch = () => {
    shared.mtime = Date.now();
  };
  return {
    read: (offset, length) =>
      atOnce(() => {
        const bytes = new Uint8Array(Math.max(Math.min(length, handle.getSize() - offset), 0));
        return bytes.subarray(0, handle.read(bytes, { at: offset }));
      }),
    write: (offset, bytes) =>
      atOnce(() => {
        // The browser takes no views on shared memory.
        const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : bytes.slice();
        const count = handle.write(own, { at: appends ? handle.getSize() : offset });
        touch();
        // In a private window Chromium tells of a full quota by a count beyond what was given (a negative error, unsigned).
        if (count === 0 || count > own.length) throw noRoom();
        return count;
      }),
    truncate: (size) =>
      atOnce(() => {
        handle.truncate(size);
        touch();
        // There it leaves the size as it was, too, and says nothing.
        if (handle.getSize() !== size) throw noRoom();
      }),
    sync: () => atOnce(() => handle.flush()),
    close: leave,
  };
}

class OpfsDir implements DirNode {
  readonly kind = 'directory';
  readonly #handle: FileSystemDirectoryHandle;
  readonly #path: string;
  readonly #open: Open;

  constructor(handle: FileSystemDirectoryHandle, path: string, open: Open) {
    this.#handle = handle;
    this.#path = path;
    this.#open = open;
  }

  attributes(): Attributes {
    return { mode: S_IFDIR | MODE, size: 0, ino: 0n, mtime: 0 };
  }

  async room(): Promise<Room> {
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    return { total: quota, free: Math.max(quota - usage, 0) };
  }

  async lookup(name: string): Promise<TreeNode | undefined> {
    const path = `${this.#path}/${name}`;
    try {
      return new OpfsFile(await this.#file(name), path, this.#open);
    } catch (error) {
      // A name that the browser does not allow names nothing.
      if (nameOf(error) === 'NotFoundError' || nameOf(error) === 'TypeError') return undefined;
      if (nameOf(error) !== 'TypeMismatchError') throw refusal(error);
    }
    return new OpfsDir(await browser(this.#handle.getDirectoryHandle(name)), path, this.#open);
  }

  async #file(name: string, options?: { create: boolean }): Promise<FileHandle> {
    return (await this.#handle.getFileHandle(name, options)) as FileHandle;
  }

  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.#handle.keys()) names.push(name);
    return names.sort();
  }

  async create(name: string): Promise<FileNode> {
    const handle = await browser(this.#file(name, { create: true }));
    return new OpfsFile(handle, `${this.#path}/${name}`, this.#open);
  }

  async mkdir(name: string): Promise<void> {
    await browser(this.#handle.getDirectoryHandle(name, { create: true }));
  }

  async rmdir(name: string): Promise<void> {
    const dir = await browser(this.#handle.getDirectoryHandle(name));
    // Said before the browser finds that a file in it is open.
    for await (const inside of dir.keys())
      throw new KvmError('ENOTEMPTY', `${name} is not empty: ${inside} is in it`);
    await browser(this.#handle.removeEntry(name));
  }

  async unlink(name: string): Promise<void> {
    this.#refuseOpen(name);
    await browser(this.#handle.removeEntry(name));
  }

  async rename(name: string, target: DirNode, to: string): Promise<void> {
    const file = await this.lookup(name);
    if (!file) throw new KvmError('ENOENT', `there is no ${name}`);
    if (!(target instanceof OpfsDir) || !(file instanceof OpfsFile) || !file.handle.move) {
      throw new KvmError(
        'EXDEV',
        `the browser moves no directories: copy ${name} to ${to} and remove the old one`,
      );
    }
    if (file.path === `${target.#path}/${to}`) return;
    this.#refuseOpen(name);
    const there = await target.lookup(to);
    if (there?.kind === 'directory') throw new KvmError('EISDIR', `${to} is a directory, ${name} is a file`);
    if (there) target.#refuseOpen(to);
    await browser(file.handle.move(target.#handle, to));
  }

  /** The browser locks files that are open: without their names they would be gone for who reads them. */
  #refuseOpen(name: string): void {
    if (!this.#open.has(`${this.#path}/${name}`)) return;
    throw new KvmError(
      'EBUSY',
      `${name} is open: close it first, for the browser keeps no files without a name`,
    );
  }
}

/**
 * The folder `name` of the browser's file system, made if it is not there. It has no permission bits, no links and no
 * times but those of files; a file that is open can be neither removed nor renamed, a directory not renamed.
 * Only in a worker. EINVAL for a name that the browser does not allow.
 */
export async function opfsFolder(name: string): Promise<DirNode> {
  const top = await browser(navigator.storage.getDirectory());
  const shares = await browser(top.getDirectoryHandle(SHARES, { create: true }));
  return new OpfsDir(await browser(shares.getDirectoryHandle(name, { create: true })), '', new Map());
}
