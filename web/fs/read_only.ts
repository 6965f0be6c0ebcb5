// A tree seen through glass: everything can be read, every change is EROFS. It hides nothing and copies nothing.

import { KvmError } from '../kvm/abi/errno.ts';
import { type DirNode, type FileNode, O_ACCMODE, O_RDONLY, O_TRUNC, type TreeNode } from './node.ts';

const refuse = (): never => {
  throw new KvmError('EROFS', 'this tree is mounted read-only: it can be looked at, not changed');
};

function readOnlyFile(file: FileNode): FileNode {
  return {
    kind: 'file',
    isReadOnly: true,
    ...(file.readlink && { readlink: () => file.readlink?.() ?? '' }),
    attributes: () => file.attributes(),
    open(flags) {
      if ((flags & O_ACCMODE) !== O_RDONLY || flags & O_TRUNC) refuse();
      if (file.readChanges)
        throw new KvmError(
          'EROFS',
          'a read takes away what this file shows, and the tree is mounted read-only',
        );
      return file.open(flags);
    },
    chmod: refuse,
    utimes: refuse,
  };
}

const view = (node: TreeNode) => (node.kind === 'file' ? readOnlyFile(node) : readOnly(node));

/** The tree below `dir`, in which every change is EROFS. */
export function readOnly(dir: DirNode): DirNode {
  const { watch, room } = dir;
  return {
    kind: 'directory',
    isReadOnly: true,
    attributes: () => dir.attributes(),
    async lookup(name) {
      const node = await dir.lookup(name);
      return node && view(node);
    },
    names: () => dir.names(),
    create: refuse,
    mkdir: refuse,
    symlink: refuse,
    link: refuse,
    rmdir: refuse,
    unlink: refuse,
    rename: refuse,
    chmod: refuse,
    utimes: refuse,
    ...(room && { room: () => room.call(dir) }),
    ...(watch && { watch: (listener) => watch.call(dir, listener) }),
  };
}
