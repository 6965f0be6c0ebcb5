// Several trees as one: a table of what is mounted where, and the directory that shows them. It opens no file.

import { KvmError } from '../kvm/abi/errno.ts';
import {
  type Attributes,
  type Change,
  type DirNode,
  type FileNode,
  type Maybe,
  type Room,
  S_IFDIR,
  type TreeNode,
} from './node.ts';
import { joinNames, resolvePath } from './path.ts';
import { readOnly } from './read_only.ts';
import { Emitter } from './wait.ts';

/** One row of the table. */
export interface Mount {
  /** Absolute, without '.' and '..'. */
  readonly path: string;
  readonly tree: DirNode;
  readonly isReadOnly: boolean;
}

/** How a tree is mounted. */
export interface MountOptions {
  /** Every change below it is EROFS. */
  readonly readOnly?: boolean;
}

const ATTRIBUTES: Attributes = { mode: S_IFDIR | 0o555, size: 0, ino: 0n, mtime: 0 };

/** True if `path` lies below `above`. */
const isBelow = (path: string, above: string) =>
  path !== above && path.startsWith(above === '/' ? '/' : `${above}/`);

/** Which trees are mounted where. `root` shows them as one tree, always as the table is now. */
export class MountTable {
  readonly root: DirNode;
  readonly #mounts: Mount[] = [];
  readonly #changed = new Emitter<{ readonly kind: Change['kind']; readonly path: string }>();

  constructor() {
    this.root = new MountedDir(this, '/', []);
  }

  /** The rows in the order in which they were mounted. */
  get mounts(): readonly Mount[] {
    return this.#mounts;
  }

  /**
   * Shows `tree` at `path`; no directory need be there. What else stood at `path` is seen through it as far as it has
   * other names, and so are trees mounted deeper. EBUSY if something is mounted there already.
   */
  mount(path: string, tree: DirNode, options: MountOptions = {}): void {
    const at = resolvePath('/', path);
    if (this.at(at)) throw new KvmError('EBUSY', `something is mounted at ${at}: unmount it first`);
    const isReadOnly = options.readOnly ?? false;
    this.#mounts.push({ path: at, tree: isReadOnly ? readOnly(tree) : tree, isReadOnly });
    this.#changed.emit({ kind: 'made', path: at });
  }

  /** Takes the tree at `path` away; files that are open go on. EINVAL if nothing is mounted there. */
  unmount(path: string): void {
    const at = resolvePath('/', path);
    const index = this.#mounts.findIndex((mount) => mount.path === at);
    if (index < 0) throw new KvmError('EINVAL', `nothing is mounted at ${at}`);
    this.#mounts.splice(index, 1);
    this.#changed.emit({ kind: 'removed', path: at });
  }

  /** The tree mounted at `path` itself. */
  at(path: string): DirNode | undefined {
    return this.#mounts.find((mount) => mount.path === path)?.tree;
  }

  /** True if a tree is mounted at `path` or somewhere below it. */
  leadsOn(path: string): boolean {
    return this.#mounts.some((mount) => mount.path === path || isBelow(mount.path, path));
  }

  /** The names in the directory `path` that lead to a mounted tree. */
  namesIn(path: string): string[] {
    const below = this.#mounts.filter((mount) => isBelow(mount.path, path));
    const skip = path === '/' ? 1 : path.length + 1;
    return [...new Set(below.map((mount) => mount.path.slice(skip).split('/')[0] as string))];
  }

  /** Calls back with each path at which a tree comes or goes. */
  readonly onChange = this.#changed.on;
}

/** A directory that is, or leads to, a mount point. Every other directory is its own tree's node. */
class MountedDir implements DirNode {
  readonly kind = 'directory';
  readonly #table: MountTable;
  readonly #path: string;
  /** Directories that other trees have at this path. */
  readonly #under: readonly DirNode[];

  constructor(table: MountTable, path: string, under: readonly DirNode[]) {
    this.#table = table;
    this.#path = path;
    this.#under = under;
  }

  /** All that is shown here, what is mounted here first. */
  get #layers(): readonly DirNode[] {
    const own = this.#table.at(this.#path);
    return own ? [own, ...this.#under] : this.#under;
  }

  /** What is new here goes to the uppermost tree. */
  get isReadOnly(): boolean {
    return this.#layers[0]?.isReadOnly ?? false;
  }

  attributes() {
    return this.#layers[0]?.attributes() ?? ATTRIBUTES;
  }

  room(): Maybe<Room> {
    return this.#layers[0]?.room?.() ?? { total: 0, free: 0 };
  }

  async chmod(mode: number): Promise<void> {
    const top = this.#layers[0];
    if (!top?.chmod) throw new KvmError('EPERM', `the permission bits of ${this.#path} are fixed`);
    await top.chmod(mode);
  }

  async utimes(mtime: number): Promise<void> {
    const top = this.#layers[0];
    if (!top?.utimes) throw new KvmError('EPERM', `nobody counts when ${this.#path} was changed`);
    await top.utimes(mtime);
  }

  async lookup(name: string): Promise<TreeNode | undefined> {
    const path = joinNames([...this.#path.split('/').filter(Boolean), name]);
    if (this.#table.leadsOn(path)) {
      const nodes = await Promise.all(this.#layers.map((layer) => layer.lookup(name)));
      return new MountedDir(
        this.#table,
        path,
        nodes.filter((node) => node?.kind === 'directory'),
      );
    }
    for (const layer of this.#layers) {
      const node = await layer.lookup(name);
      if (node) return node;
    }
    return undefined;
  }

  async names(): Promise<string[]> {
    const lists = await Promise.all(this.#layers.map((layer) => layer.names()));
    return [...new Set([...lists.flat(), ...this.#table.namesIn(this.#path)])];
  }

  async create(name: string, mode: number): Promise<FileNode> {
    return this.#top('create').create(name, mode);
  }

  async mkdir(name: string, mode: number): Promise<void> {
    await this.#top('mkdir').mkdir(name, mode);
  }

  async rmdir(name: string): Promise<void> {
    await (await this.#holder(name, 'rmdir')).rmdir(name);
  }

  async unlink(name: string): Promise<void> {
    await (await this.#holder(name, 'unlink')).unlink(name);
  }

  watch(listener: (change: Change) => void): () => void {
    const stops = this.#layers.map((layer) => layer.watch?.(listener));
    const own = this.#table.onChange(({ kind, path }) => {
      if (!isBelow(path, this.#path)) return;
      const name = path.slice(this.#path === '/' ? 1 : this.#path.length + 1).split('/')[0] as string;
      listener({ kind, name });
    });
    return () => {
      for (const stop of stops) stop?.();
      own();
    };
  }

  async holder(name: string): Promise<DirNode> {
    this.#refuseMountPoint(name);
    for (const layer of this.#layers) {
      if (await layer.lookup(name)) return (await layer.holder?.(name)) ?? layer;
    }
    throw new KvmError('ENOENT', `there is no ${name} in ${this.#path}`);
  }

  receiver(name: string): DirNode {
    this.#refuseMountPoint(name);
    const top = this.#layers[0];
    if (!top) throw this.#fixed('nothing can be renamed into');
    return top.receiver?.(name) ?? top;
  }

  /** The uppermost tree here, which takes what is new. EPERM if it has no such call. */
  #top<C extends Call>(call: C): DirNode & Required<Pick<DirNode, C>> {
    const top = this.#layers[0];
    if (!top?.[call]) throw this.#fixed(CANNOT[call]);
    return top as DirNode & Required<Pick<DirNode, C>>;
  }

  /** The tree in which `name` stands. EPERM if it has no such call. */
  async #holder<C extends Call>(name: string, call: C): Promise<DirNode & Required<Pick<DirNode, C>>> {
    const layer = await this.holder(name);
    if (!layer[call]) throw this.#fixed(CANNOT[call]);
    return layer as DirNode & Required<Pick<DirNode, C>>;
  }

  #refuseMountPoint(name: string): void {
    if (!this.#table.namesIn(this.#path).includes(name)) return;
    throw new KvmError('EBUSY', `something is mounted at ${name}, or below it: unmount it first`);
  }

  #fixed(what: string): KvmError {
    return new KvmError('EPERM', `${what} ${this.#path}: ls shows what there is`);
  }
}

type Call = 'create' | 'mkdir' | 'rmdir' | 'unlink';

const CANNOT: Record<Call, string> = {
  create: 'no file can be made in',
  mkdir: 'no directory can be made in',
  rmdir: 'no directory can be removed from',
  unlink: 'no file can be removed from',
};
