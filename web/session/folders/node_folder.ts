// A folder of the host as a tree, in Node. It never leaves the folder: no symbolic link is followed, in whatever moment it
// was put there. It knows no guest and no protocol.

import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {
  type Attributes,
  type DirNode,
  type FileNode,
  O_ACCMODE,
  O_APPEND,
  type OpenNode,
  type Room,
  readOnly,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  type TreeNode,
} from '../../fs/index.ts';
import { ERRNO, type ErrnoName, KvmError } from '../../kvm/index.ts';

/** How a folder is shown. */
export interface FolderOptions {
  /** Every change is EROFS. */
  readonly readOnly?: boolean;
}

/** A folder of the host that is shown as a tree. */
export interface HostFolder {
  readonly root: DirNode;
  /** The last call. */
  close(): void;
}

/** Linux's open(2) flag for a handle that only names a file; Node has no name for it. */
const O_PATH = 0o10000000;
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Runs calls of the host; their errors become KvmErrors, which do not say where the folder lies. */
function host<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    const what = message.slice(message.indexOf(':') + 2).split(',')[0];
    throw new KvmError(code in ERRNO ? (code as ErrnoName) : 'EIO', `the host's ${syscall} says: ${what}`);
  }
}

/** What all nodes of a folder share: the handle of its root, and the way from there. */
class Folder {
  readonly root: number;
  readonly #path: string;
  /** The host's directories can be reached by handle, so that nobody can exchange one on the way. */
  readonly #byHandle = existsSync('/proc/self/fd');
  readonly #device: bigint;

  constructor(path: string) {
    this.#path = host(() => realpathSync(path));
    this.root = host(() => openSync(this.#path, O_RDONLY | (O_DIRECTORY ?? 0)));
    this.#device = fstatSync(this.root, { bigint: true }).dev;
  }

  /**
   * Calls `use` with a path of the directory `names`, each of which is a directory and no link. All in one go: nobody in
   * this process comes between. Where directories have handles, nobody at all does.
   */
  inside<T>(names: readonly string[], use: (base: string) => T): T {
    return host(() => (this.#byHandle ? this.#byHandles(names, use) : this.#byPath(names, use)));
  }

  #byHandles<T>(names: readonly string[], use: (base: string) => T): T {
    let handle = this.root;
    try {
      for (const name of names) {
        const next = openSync(`/proc/self/fd/${handle}/${name}`, O_PATH | O_DIRECTORY | O_NOFOLLOW);
        if (handle !== this.root) closeSync(handle);
        handle = next;
      }
      return use(`/proc/self/fd/${handle}`);
    } finally {
      if (handle !== this.root) closeSync(handle);
    }
  }

  #byPath<T>(names: readonly string[], use: (base: string) => T): T {
    let path = this.#path;
    for (const name of names) {
      path = `${path}/${name}`;
      if (!lstatSync(path).isDirectory()) throw new KvmError('ENOTDIR', `${name} is no directory`);
    }
    return use(path);
  }

  /** Calls `use` with a path of an entry; its last name is not followed by calls that follow none. */
  at<T>(names: readonly string[], use: (path: string) => T): T {
    const name = names.at(-1);
    if (name === undefined) return this.inside([], use);
    return this.inside(names.slice(0, -1), (base) => use(`${base}/${name}`));
  }

  attributes(names: readonly string[]): Attributes {
    const stats =
      names.length === 0
        ? host(() => fstatSync(this.root, { bigint: true }))
        : this.at(names, (path) => lstatSync(path, { bigint: true }));
    const bits = Number(stats.mode) & 0o777;
    let mode = S_IFREG;
    if (stats.isDirectory()) mode = S_IFDIR | bits;
    else if (stats.isSymbolicLink()) mode = S_IFLNK | 0o777;
    // Pipes, sockets and devices of the host are seen and removed, never opened: they have no permission bits.
    else if (stats.isFile()) mode = S_IFREG | bits;
    // Numbers of another file system that is mounted in the folder must not meet those of this one.
    const ino = BigInt.asUintN(64, stats.ino ^ ((stats.dev ^ this.#device) * 0x9e3779b97f4a7c15n));
    return { mode, size: Number(stats.size), ino, mtime: Number(stats.mtimeNs) / 1e6 };
  }

  /** Sets permission bits of what is a file or a directory, not of what a link leads to. */
  chmod(names: readonly string[], mode: number): void {
    this.at(names, (path) => {
      const kind = names.length === 0 ? undefined : lstatSync(path);
      if (kind && !kind.isFile() && !kind.isDirectory()) {
        throw new KvmError('EPERM', 'only files and directories have permission bits');
      }
      if (!this.#byHandle || !kind) return chmodSync(path, mode);
      const handle = openSync(path, O_PATH | O_NOFOLLOW);
      try {
        chmodSync(`/proc/self/fd/${handle}`, mode);
      } finally {
        closeSync(handle);
      }
    });
  }

  room(): Room {
    return this.inside([], (base) => {
      const { blocks, bavail, bsize } = statfsSync(base);
      return { total: blocks * bsize, free: bavail * bsize };
    });
  }

  utimes(names: readonly string[], mtime: number): void {
    this.at(names, (path) => {
      if (names.length === 0) futimesSync(this.root, fstatSync(this.root).atime, mtime / 1000);
      else lutimesSync(path, lstatSync(path).atime, mtime / 1000);
    });
  }
}

class FolderFile implements FileNode {
  readonly kind = 'file';
  readonly folder: Folder;
  readonly names: readonly string[];
  readonly readlink?: () => string;
  /** A handle for reading and writing that making the file has left: its mode may forbid to open it again. */
  #made: number | undefined;

  constructor(folder: Folder, names: readonly string[], made?: number, isLink = false) {
    this.folder = folder;
    this.names = names;
    this.#made = made;
    if (isLink) this.readlink = () => folder.at(names, (path) => readlinkSync(path));
  }

  attributes(): Attributes {
    return this.folder.attributes(this.names);
  }

  chmod(mode: number): void {
    this.folder.chmod(this.names, mode);
  }

  utimes(mtime: number): void {
    this.folder.utimes(this.names, mtime);
  }

  open(flags: number): OpenNode {
    const handle = this.#made ?? this.#open(flags);
    this.#made = undefined;
    return openHandle(handle, (flags & O_APPEND) !== 0);
  }

  #open(flags: number): number {
    return this.folder.at(this.names, (path) => {
      // To open a pipe or a device may wait, or do something.
      const stats = lstatSync(path);
      if (stats.isSymbolicLink())
        throw new KvmError('ELOOP', 'a symbolic link is not followed here: readlink it');
      if (!stats.isFile())
        throw new KvmError('ENXIO', 'this is a pipe, socket or device of the host: it stays there');
      const handle = openSync(path, (flags & O_ACCMODE) | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0));
      if (fstatSync(handle).isFile()) return handle;
      closeSync(handle);
      throw new KvmError('ENXIO', 'this is no file any more');
    });
  }
}

/** An open file of the host. All calls are made at once: what a page cache holds comes faster than a thread is woken. */
function openHandle(handle: number, appends: boolean): OpenNode {
  const size = () => fstatSync(handle).size;
  return {
    read: (offset, length) =>
      host(() => {
        const bytes = new Uint8Array(Math.max(Math.min(length, size() - offset), 0));
        return bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, offset));
      }),
    write: (offset, bytes) =>
      host(() => writeSync(handle, bytes, 0, bytes.length, appends ? size() : offset)),
    truncate: (length) => host(() => ftruncateSync(handle, length)),
    sync: () => host(() => fsyncSync(handle)),
    close: () => closeSync(handle),
  };
}

class FolderDir implements DirNode {
  readonly kind = 'directory';
  readonly #folder: Folder;
  readonly #names: readonly string[];

  constructor(folder: Folder, names: readonly string[]) {
    this.#folder = folder;
    this.#names = names;
  }

  attributes(): Attributes {
    return this.#folder.attributes(this.#names);
  }

  chmod(mode: number): void {
    this.#folder.chmod(this.#names, mode);
  }

  utimes(mtime: number): void {
    this.#folder.utimes(this.#names, mtime);
  }

  room(): Room {
    return this.#folder.room();
  }

  lookup(name: string): TreeNode | undefined {
    const names = this.#entry(name);
    try {
      const type = this.#folder.attributes(names).mode & ~0o777;
      if (type === S_IFDIR) return new FolderDir(this.#folder, names);
      return new FolderFile(this.#folder, names, undefined, type === S_IFLNK);
    } catch (error) {
      if (error instanceof KvmError && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Names that are no UTF-8 are left out. */
  names(): string[] {
    const all = this.#folder.inside(this.#names, (base) => readdirSync(base, { encoding: 'buffer' }));
    return all
      .flatMap((bytes) => {
        try {
          return [decoder.decode(bytes)];
        } catch {
          return [];
        }
      })
      .sort();
  }

  create(name: string, mode: number): FileNode {
    const names = this.#entry(name);
    const handle = this.#folder.at(names, (path) =>
      openSync(path, O_RDWR | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), mode),
    );
    // The umask of this process is not the guest's.
    host(() => fchmodSync(handle, mode));
    return new FolderFile(this.#folder, names, handle);
  }

  mkdir(name: string, mode: number): void {
    const names = this.#entry(name);
    this.#folder.at(names, (path) => mkdirSync(path, mode));
    this.#folder.chmod(names, mode);
  }

  rmdir(name: string): void {
    this.#folder.at(this.#entry(name), (path) => rmdirSync(path));
  }

  unlink(name: string): void {
    this.#folder.at(this.#entry(name), (path) => unlinkSync(path));
  }

  symlink(name: string, target: string): void {
    this.#folder.at(this.#entry(name), (path) => symlinkSync(target, path));
  }

  link(name: string, file: FileNode): void {
    const to = this.#entry(name);
    if (!(file instanceof FolderFile) || file.folder !== this.#folder) throw otherFolder(name);
    this.#folder.at(file.names, (from) => this.#folder.at(to, (path) => linkSync(from, path)));
  }

  rename(name: string, target: DirNode, to: string): void {
    if (!(target instanceof FolderDir) || target.#folder !== this.#folder) throw otherFolder(to);
    const there = target.#entry(to);
    this.#folder.at(this.#entry(name), (from) => this.#folder.at(there, (path) => renameSync(from, path)));
  }

  /** The names that lead to an entry. EINVAL for one that the host would read as more than a name. */
  #entry(name: string): string[] {
    if (process.platform === 'win32' && /[\\:]/.test(name)) {
      throw new KvmError('EINVAL', `'${name}': this host has no names with \\ and : in them`);
    }
    return [...this.#names, name];
  }
}

const otherFolder = (to: string) =>
  new KvmError('EXDEV', `${to} would be in another tree: copy it and remove the old one`);

/**
 * Shows the folder at `path`. Files have their permission bits and times; setuid bits are not shown and cannot be set.
 * ENOENT, ENOTDIR, EACCES.
 */
export function nodeFolder(path: string, options: FolderOptions = {}): HostFolder {
  const folder = new Folder(path);
  const dir = new FolderDir(folder, []);
  return {
    root: options.readOnly ? readOnly(dir) : dir,
    close: () => closeSync(folder.root),
  };
}
