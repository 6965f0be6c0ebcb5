// A tree in this thread as an Fs: walking paths, permission bits, open flags. What the files hold is the nodes' business.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { BaseFs, bytesOf } from './base_fs.ts';
import { Changes } from './changes.ts';
import type { Cancel, Entry, OpenFlags, Stats } from './fs.ts';
import {
  type Change,
  type DirNode,
  type FileNode,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  type Room,
  S_IFMT,
  S_IFREG,
  type TreeNode,
} from './node.ts';
import { LocalFile, statsOf } from './open_file.ts';
import { flagBits } from './open_flags.ts';
import { joinNames, otherTree, parsePath } from './path.ts';

/** Permission bits that decide: there is one user, who owns everything. */
const MAY_READ = 0o400;
const MAY_WRITE = 0o200;
const MAY_SEARCH = 0o100;

/** How much is read at a time where the size is not known. */
const CHUNK = 64 * 1024;

/** The largest file that is read as a whole. */
const WHOLE_MAX = 1 << 30;

/** Where a path leads. */
interface Place {
  /** The absolute path without '.' and '..'. */
  readonly path: string;
  /** The last name as it was written: '.' and '..' too, empty for '/'. */
  readonly name: string;
  /** The directory in which `name` is an entry; undefined for '/', '.' and '..'. */
  readonly dir: DirNode | undefined;
  /** What stands there, if anything. */
  readonly node: TreeNode | undefined;
  /** The path ends in a slash. */
  readonly slash: boolean;
}

export class LocalFs extends BaseFs {
  readonly #root: DirNode;

  constructor(root: DirNode) {
    super();
    this.#root = root;
  }

  async open(path: string, flags: OpenFlags = 'r', mode = 0o644): Promise<LocalFile> {
    const bits = flagBits(flags);
    let place = await this.#find(path, (bits & O_CREAT) !== 0);
    if (bits & O_CREAT && place.slash && place.dir) throw isDirectory(place.path);
    let made: FileNode | undefined;
    while (place.node === undefined && bits & O_CREAT) {
      try {
        made = await this.#create(place, mode);
        break;
      } catch (error) {
        // Somebody else made it in between.
        if (!isKvmError(error, 'EEXIST')) throw error;
        place = await this.#find(path);
      }
    }
    const node = made ?? present(place);
    if (made === undefined) {
      if (bits & O_CREAT && bits & O_EXCL) throw new KvmError('EEXIST', `${place.path} exists already`);
      await checkAccess(node, bits, place.path);
    }
    if (node.kind === 'directory') throw isDirectory(place.path);
    const opened = await node.open(bits);
    try {
      if (bits & O_TRUNC && (bits & O_ACCMODE) !== O_RDONLY && !made) await opened.truncate?.(0);
    } catch (error) {
      opened.close();
      throw error;
    }
    return new LocalFile(place.path, opened, bits, () => node.attributes());
  }

  async readFile(path: string, cancel?: Cancel): Promise<Uint8Array> {
    const file = await this.open(path);
    try {
      const { mode, size } = await file.stat();
      if (size > WHOLE_MAX) {
        throw new KvmError('EFBIG', `${file.path} has ${size} bytes: open it and read it in parts`);
      }
      const first = await file.read(Math.max(size + 1, CHUNK), undefined, cancel);
      if ((mode & S_IFMT) !== S_IFREG) return first;
      const parts = [first];
      for (let last = first; last.length > 0; parts.push(last)) {
        last = await file.read(CHUNK, undefined, cancel);
      }
      return join(parts);
    } finally {
      await file.close();
    }
  }

  writeFile(path: string, data: Uint8Array | string, cancel?: Cancel): Promise<void> {
    return this.#writeOnce(path, 'w', data, cancel);
  }

  appendFile(path: string, data: Uint8Array | string, cancel?: Cancel): Promise<void> {
    return this.#writeOnce(path, 'a', data, cancel);
  }

  async readdir(path: string): Promise<Entry[]> {
    const dir = await this.#directory(path);
    const entries: Entry[] = [];
    for (const name of await dir.names()) {
      const node = await dir.lookup(name);
      // It may have gone since the names were told.
      if (node !== undefined) entries.push({ name, isDirectory: node.kind === 'directory' });
    }
    return entries;
  }

  async stat(path: string): Promise<Stats> {
    const place = await this.#find(path);
    return statsOf(await present(place).attributes(), place.path);
  }

  async mkdir(path: string, mode = 0o755): Promise<void> {
    const place = await this.#find(path, true);
    if (place.node !== undefined || place.dir === undefined) {
      throw new KvmError('EEXIST', `${place.path} exists already`);
    }
    if (!place.dir.mkdir) throw isFixed(place, 'cannot be made: no directory is made here by hand');
    await checkWritable(place.dir, place.path);
    await place.dir.mkdir(place.name, mode & 0o777);
  }

  async rmdir(path: string): Promise<void> {
    const place = await this.#find(path);
    const node = present(place);
    if (place.name === '.') throw new KvmError('EINVAL', 'a directory cannot be removed as . : name it');
    if (place.name === '..') throw notEmpty(place.path);
    if (place.dir === undefined) throw new KvmError('EBUSY', 'the root of the tree cannot be removed');
    if (node.kind !== 'directory') {
      throw new KvmError('ENOTDIR', `${place.path} is a file: remove it with unlink (rm)`);
    }
    if (!place.dir.rmdir)
      throw isFixed(place, 'cannot be removed alone: rmdir takes away what mkdir has made, as a whole');
    await checkWritable(place.dir, place.path);
    await place.dir.rmdir(place.name);
  }

  async unlink(path: string): Promise<void> {
    const place = await this.#find(path);
    const node = present(place);
    if (node.kind === 'directory' || place.dir === undefined) throw isDirectory(place.path);
    if (!place.dir.unlink)
      throw isFixed(
        place,
        'cannot be removed alone: rmdir takes away the directory that mkdir has made, with its files',
      );
    await checkWritable(place.dir, place.path);
    await place.dir.unlink(place.name);
  }

  async rename(from: string, to: string): Promise<void> {
    const source = await this.#find(from, true);
    const target = await this.#find(to, true);
    if (source.dir === undefined || target.dir === undefined) {
      throw new KvmError('EBUSY', '/, . and .. cannot be renamed: name the entry');
    }
    const node = present(source);
    if (node.kind === 'file' && (source.slash || target.slash)) throw notDirectory(source.path);
    if (source.dir.isReadOnly) throw readOnly(source.path);
    const holder = (await source.dir.holder?.(source.name)) ?? source.dir;
    const receiver = target.dir.receiver?.(target.name) ?? target.dir;
    // A tree that renames and one that does not are two trees.
    if (!holder.rename !== !receiver.rename) throw otherTree(target.path);
    if (!holder.rename) throw isFixed(source, 'keeps its name: nothing is renamed here');
    await checkWritable(holder, source.path);
    await checkWritable(receiver, target.path);
    await holder.rename(source.name, receiver, target.name);
  }

  async readlink(path: string): Promise<string> {
    const place = await this.#find(path);
    const node = present(place);
    if (node.kind === 'file' && node.readlink) return node.readlink();
    throw new KvmError('EINVAL', `${place.path} is no symbolic link`);
  }

  async symlink(target: string, path: string): Promise<void> {
    if (target === '') throw new KvmError('ENOENT', 'a symbolic link cannot hold an empty path');
    const { dir, name } = await this.#newName(path);
    if (!dir.symlink) throw new KvmError('EPERM', `there are no symbolic links where ${path} would be`);
    await dir.symlink(name, target);
  }

  async link(from: string, to: string): Promise<void> {
    const source = await this.#find(from);
    const node = present(source);
    if (node.kind === 'directory')
      throw new KvmError('EPERM', `${source.path} is a directory: it has one name`);
    const { dir, name } = await this.#newName(to);
    if (!dir.link) throw new KvmError('EPERM', `a file has one name where ${to} would be`);
    await dir.link(name, node);
  }

  async chmod(path: string, mode: number): Promise<void> {
    const place = await this.#find(path);
    const node = present(place);
    if (node.isReadOnly) throw readOnly(place.path);
    if (!node.chmod) throw new KvmError('EPERM', `the permission bits of ${place.path} are fixed`);
    await node.chmod(mode & 0o777);
  }

  async room(path: string): Promise<Room> {
    const place = await this.#find(path);
    const node = present(place);
    if (node.kind !== 'directory') throw notDirectory(place.path);
    return (await node.room?.()) ?? { total: 0, free: 0 };
  }

  async utimes(path: string, mtime: number): Promise<void> {
    if (!Number.isFinite(mtime)) throw new KvmError('EINVAL', `${mtime} is no time: give ms since 1970`);
    const place = await this.#find(path);
    const node = present(place);
    if (node.isReadOnly) throw readOnly(place.path);
    if (!node.utimes) throw new KvmError('EPERM', `nobody counts when ${place.path} was changed`);
    await node.utimes(mtime);
  }

  watch(path: string, cancel: Cancel): AsyncIterable<Change> {
    return new Changes(async (tell) => {
      const dir = await this.#directory(path);
      if (!dir.watch) throw new KvmError('EOPNOTSUPP', `${path} does not tell its changes: read it again`);
      return dir.watch(tell);
    }, cancel.signal);
  }

  /** The directory at `path`, which may be listed. */
  async #directory(path: string): Promise<DirNode> {
    const place = await this.#find(path);
    const node = present(place);
    if (node.kind !== 'directory') throw notDirectory(place.path);
    if (!((await node.attributes()).mode & MAY_READ)) {
      throw new KvmError('EACCES', `${place.path} may not be read (chmod u+r lets you)`);
    }
    return node;
  }

  /** The directory that shall hold `path`, which is not there yet (EEXIST), and its name there. EROFS, EACCES. */
  async #newName(path: string): Promise<{ dir: DirNode; name: string }> {
    const place = await this.#find(path, true);
    if (place.node !== undefined || place.dir === undefined) {
      throw new KvmError('EEXIST', `${place.path} exists already`);
    }
    if (place.slash) throw absent(place.path);
    await checkWritable(place.dir, place.path);
    return { dir: place.dir.receiver?.(place.name) ?? place.dir, name: place.name };
  }

  async #create(place: Place, mode: number): Promise<FileNode> {
    if (!place.dir?.create) throw isFixed(place, 'cannot be made: ls shows the files that there are here');
    await checkWritable(place.dir, place.path);
    return place.dir.create(place.name, mode & 0o777);
  }

  async #writeOnce(
    path: string,
    flags: OpenFlags,
    data: Uint8Array | string,
    cancel?: Cancel,
  ): Promise<void> {
    const file = await this.open(path, flags);
    try {
      const bytes = bytesOf(data);
      const done = await file.write(bytes, undefined, cancel);
      if (done < bytes.length) {
        throw new KvmError('EINTR', `the call was given up after ${done} of ${bytes.length} bytes`);
      }
    } finally {
      await file.close();
    }
  }

  /**
   * Walks to `path`. Every name but the last must be there (ENOENT, ENOTDIR, EACCES); '..' means the directory that
   * the walk came from. With `anyKind` a file may stand where the path ends in a slash.
   */
  async #find(path: string, anyKind = false): Promise<Place> {
    const { names, slash } = parsePath(path);
    const dirs: DirNode[] = [this.#root];
    const trail: string[] = [];
    let dir = this.#root;
    for (const [index, name] of names.entries()) {
      const here = joinNames(trail);
      if (!((await dir.attributes()).mode & MAY_SEARCH)) {
        throw new KvmError('EACCES', `${here} may not be searched (chmod u+x lets you)`);
      }
      if (name === '..' && dirs.length > 1) {
        dirs.pop();
        trail.pop();
      }
      if (name === '.' || name === '..') {
        dir = dirs.at(-1) ?? this.#root;
        continue;
      }
      const node = await dir.lookup(name);
      trail.push(name);
      if (index === names.length - 1) {
        if (node?.kind === 'file' && slash && !anyKind) throw notDirectory(joinNames(trail));
        return { path: joinNames(trail), name, dir, node, slash };
      }
      if (node === undefined) throw absent(joinNames(trail));
      if (node.kind === 'file') throw notDirectory(joinNames(trail));
      dir = node;
      dirs.push(node);
    }
    return { path: joinNames(trail), name: names.at(-1) ?? '', dir: undefined, node: dir, slash };
  }
}

/** The node of a place. ENOENT if there is none. */
function present(place: Place): TreeNode {
  if (place.node === undefined) throw absent(place.path);
  return place.node;
}

/** EACCES unless the permission bits of `node` allow what `flags` ask for; a directory is EISDIR. */
async function checkAccess(node: TreeNode, flags: number, path: string): Promise<void> {
  if (node.kind === 'directory') throw isDirectory(path);
  const { mode } = await node.attributes();
  const access = flags & O_ACCMODE;
  if (access !== O_WRONLY && !(mode & MAY_READ)) {
    throw new KvmError('EACCES', `${path} cannot be read: its permission bits have no r`);
  }
  if (access !== O_RDONLY && node.isReadOnly) throw readOnly(path);
  if (access !== O_RDONLY && !(mode & MAY_WRITE)) {
    throw new KvmError('EACCES', `${path} cannot be written: its permission bits have no w`);
  }
}

/** EROFS or EACCES unless entries of `dir` may come and go; `path` is the entry. */
async function checkWritable(dir: DirNode, path: string): Promise<void> {
  if (dir.isReadOnly) throw readOnly(path);
  if ((await dir.attributes()).mode & MAY_WRITE) return;
  throw new KvmError('EACCES', `the directory of ${path} may not be changed (chmod u+w lets you)`);
}

const absent = (path: string) => new KvmError('ENOENT', `there is no ${path}`);
const notDirectory = (path: string) => new KvmError('ENOTDIR', `${path} is a file, not a directory`);
const isDirectory = (path: string) => new KvmError('EISDIR', `${path} is a directory: name a file in it`);
const notEmpty = (path: string) => new KvmError('ENOTEMPTY', `${path} is not empty`);
const readOnly = (path: string) =>
  new KvmError('EROFS', `${path} is mounted read-only: it can be looked at, not changed`);
const isFixed = (place: Place, what: string) => new KvmError('EPERM', `${place.path} ${what}`);

function join(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
