// Synthetic directories: a directory is an array of rows. What stands in the rows is their maker's business.

import {
  type Attributes,
  type Change,
  type DirNode,
  type FileNode,
  type Maybe,
  S_IFDIR,
  type TreeNode,
} from './node.ts';

/** An entry: its name, and its node or what makes the node when somebody looks. */
export type Row = readonly [name: string, node: TreeNode | (() => TreeNode)];

/** What a directory can do beside showing its rows. Left out means EPERM: its names are fixed. */
export interface DirectoryOptions {
  /** Permission bits; without them 0o755 where entries can come or go, else 0o555. */
  readonly mode?: number;
  /** Nodes of names that `names` does not list (an address, say, of which there are too many). */
  readonly find?: (name: string) => Maybe<TreeNode | undefined>;
  readonly create?: (name: string, mode: number) => Maybe<FileNode>;
  readonly mkdir?: (name: string, mode: number) => Maybe<void>;
  readonly rmdir?: (name: string) => Maybe<void>;
  readonly unlink?: (name: string) => Maybe<void>;
  readonly rename?: (name: string, target: DirNode, to: string) => Maybe<void>;
  /** `on` of an Emitter that whoever changes the rows emits to. */
  readonly watch?: (listener: (change: Change) => void) => () => void;
}

/**
 * A directory of `rows`, in their order. With a function they are asked for at each look, so entries may come and go;
 * the nodes need not be the same ones each time, for a node without a number of its own is numbered by its path.
 */
export function directory(
  rows: readonly Row[] | (() => Maybe<readonly Row[]>),
  options: DirectoryOptions = {},
): DirNode {
  const { mode, find, ...can } = options;
  const isFixed = !(can.create || can.mkdir || can.rmdir || can.unlink || can.rename);
  const attributes: Attributes = {
    mode: S_IFDIR | (mode ?? (isFixed ? 0o555 : 0o755)),
    size: 0,
    ino: 0n,
    mtime: 0,
  };
  const all = typeof rows === 'function' ? rows : () => rows;
  return {
    kind: 'directory',
    attributes: () => attributes,
    async lookup(name) {
      const node = (await all()).find(([own]) => own === name)?.[1];
      return (typeof node === 'function' ? node() : node) ?? find?.(name);
    },
    names: async () => (await all()).map(([name]) => name),
    ...can,
  };
}
