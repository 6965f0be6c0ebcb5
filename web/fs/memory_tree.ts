// Plain files and directories in this thread's memory (/tmp, /home). They are gone with the thread.

import { KvmError } from '../kvm/abi/errno.ts';
import { MemoryFile } from './memory_file.ts';
import { type Attributes, type Change, type DirNode, type Room, S_IFDIR, type TreeNode } from './node.ts';
import { otherTree } from './path.ts';
import { Emitter } from './wait.ts';

/** What bounds a memory tree. */
export interface MemoryTreeOptions {
  /** Bytes that all files may hold together, in whole pages; more is ENOSPC. 64 MiB if left out. */
  readonly limit?: number;
  /** Permission bits of the root. */
  readonly mode?: number;
}

/** What the nodes of one tree share. */
class MemoryStore {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** True, and counted, if there is room for `bytes` more. */
  reserve(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }

  get room(): Room {
    return { total: this.#limit, free: this.#limit - this.#used };
  }
}

let inos = 0n;
/** Numbers nodes: no two of this thread's memory trees have the same. */
const nextIno = () => ++inos;

/** What an entry costs, so that a tree of empty files is bounded too. */
const ENTRY_BYTES = 256;

class MemoryDir implements DirNode {
  readonly kind = 'directory';
  readonly #ino = nextIno();
  readonly #store: MemoryStore;
  readonly #entries = new Map<string, MemoryDir | MemoryFile>();
  readonly #changes = new Emitter<Change>();
  readonly watch = this.#changes.on;
  #mode: number;
  #mtime = Date.now();
  /** The directory it is in; undefined for the root and for one that was removed. */
  #parent: MemoryDir | undefined;
  #isRemoved = false;

  constructor(store: MemoryStore, mode: number, parent?: MemoryDir) {
    this.#store = store;
    this.#mode = mode;
    this.#parent = parent;
  }

  attributes(): Attributes {
    return { mode: S_IFDIR | this.#mode, size: 0, ino: this.#ino, mtime: this.#mtime };
  }

  chmod(mode: number): void {
    this.#mode = mode;
  }

  utimes(mtime: number): void {
    this.#mtime = mtime;
  }

  room(): Room {
    return this.#store.room;
  }

  lookup(name: string): TreeNode | undefined {
    return this.#entries.get(name);
  }

  names(): string[] {
    return [...this.#entries.keys()].sort();
  }

  create(name: string, mode: number): MemoryFile {
    this.#makeRoom(name);
    const file = new MemoryFile(this.#store, mode, nextIno());
    this.#enter(name, file);
    return file;
  }

  mkdir(name: string, mode: number): void {
    this.#makeRoom(name);
    this.#enter(name, new MemoryDir(this.#store, mode, this));
  }

  rmdir(name: string): void {
    const entry = this.#present(name);
    if (!(entry instanceof MemoryDir)) throw new KvmError('ENOTDIR', `${name} is a file: unlink it`);
    entry.#checkEmpty(name);
    entry.#isRemoved = true;
    this.#remove(name);
  }

  unlink(name: string): void {
    const entry = this.#present(name);
    if (entry instanceof MemoryDir) throw new KvmError('EISDIR', `${name} is a directory: rmdir it`);
    this.#remove(name);
    entry.unlink();
  }

  rename(name: string, target: DirNode, to: string): void {
    if (!(target instanceof MemoryDir) || target.#store !== this.#store) {
      throw otherTree(to);
    }
    const moved = this.#present(name);
    if (moved instanceof MemoryDir && target.#isWithin(moved)) {
      throw new KvmError('EINVAL', `${name} cannot become a part of itself`);
    }
    const there = target.#entries.get(to);
    if (there === moved) return;
    if (there instanceof MemoryDir) {
      // A directory that holds the one to be moved is not empty: seen before what kinds they are, as on Linux.
      if (this.#isWithin(there)) there.#checkEmpty(to);
      if (!(moved instanceof MemoryDir))
        throw new KvmError('EISDIR', `${to} is a directory, ${name} is a file`);
      there.#checkEmpty(to);
    } else if (there && moved instanceof MemoryDir) {
      throw new KvmError('ENOTDIR', `${to} is a file, ${name} is a directory`);
    }
    if (target.#isRemoved) throw new KvmError('ENOENT', 'that directory was removed');
    if (there instanceof MemoryDir) target.rmdir(to);
    else if (there) target.unlink(to);
    this.#entries.delete(name);
    this.#touch();
    this.#changes.emit({ kind: 'removed', name });
    if (moved instanceof MemoryDir) moved.#parent = target;
    target.#enter(to, moved);
  }

  #present(name: string): MemoryDir | MemoryFile {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new KvmError('ENOENT', `there is no ${name}`);
    return entry;
  }

  /** Reserves an entry of `name`. EEXIST, ENOSPC; ENOENT where the directory itself was removed. */
  #makeRoom(name: string): void {
    if (this.#isRemoved) throw new KvmError('ENOENT', 'this directory was removed');
    if (this.#entries.has(name)) throw new KvmError('EEXIST', `${name} exists already`);
    if (!this.#store.reserve(ENTRY_BYTES)) {
      throw new KvmError('ENOSPC', 'this tree in memory is full: remove something');
    }
  }

  #enter(name: string, node: MemoryDir | MemoryFile): void {
    this.#entries.set(name, node);
    if (node instanceof MemoryFile) node.onChange = () => this.#changes.emit({ kind: 'changed', name });
    this.#touch();
    this.#changes.emit({ kind: 'made', name });
  }

  #remove(name: string): void {
    this.#entries.delete(name);
    this.#store.release(ENTRY_BYTES);
    this.#touch();
    this.#changes.emit({ kind: 'removed', name });
  }

  #touch(): void {
    this.#mtime = Date.now();
  }

  #checkEmpty(name: string): void {
    if (this.#entries.size > 0) throw new KvmError('ENOTEMPTY', `${name} is not empty: remove what is in it`);
  }

  /** True if it is `dir` or lies somewhere below it. */
  #isWithin(dir: MemoryDir): boolean {
    let at: MemoryDir | undefined = this;
    while (at !== undefined && at !== dir) at = at.#parent;
    return at === dir;
  }
}

/** A tree of plain files and directories, empty at first. */
export function memoryTree({ limit = 64 << 20, mode = 0o755 }: MemoryTreeOptions = {}): DirNode {
  return new MemoryDir(new MemoryStore(limit), mode);
}
