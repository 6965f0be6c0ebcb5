// A small tree in memory for the shell's tests, with /tmp, /dev/null and /dev/full, and a file that takes one value a write.
import {
  type DirNode,
  directory,
  type FileNode,
  LocalFs,
  O_APPEND,
  S_IFDIR,
  S_IFREG,
  type TreeNode,
} from '../../../web/fs/index.ts';
import { KvmError } from '../../../web/kvm/abi/errno.ts';

let inos = 1000n;

function file(mode: number): FileNode {
  const ino = inos++;
  let bytes = new Uint8Array(0);
  let permissions = mode & 0o777;
  let mtime = Date.now();
  return {
    kind: 'file',
    attributes: () => ({ mode: S_IFREG | permissions, size: bytes.length, ino, mtime }),
    chmod: (to) => {
      permissions = to & 0o777;
    },
    open: (flags) => ({
      read: (offset, length) => bytes.slice(offset, offset + length),
      write: (at, data) => {
        const offset = flags & O_APPEND ? bytes.length : at;
        const next = new Uint8Array(Math.max(bytes.length, offset + data.length));
        next.set(bytes);
        next.set(data, offset);
        bytes = next;
        mtime = Date.now();
        return data.length;
      },
      truncate: (size) => {
        const next = new Uint8Array(size);
        next.set(bytes.subarray(0, size));
        bytes = next;
      },
      close: () => {},
    }),
  };
}

class Folder implements DirNode {
  readonly kind = 'directory';
  readonly entries = new Map<string, TreeNode>();
  private readonly ino = inos++;

  attributes = () => ({ mode: S_IFDIR | 0o755, size: 0, ino: this.ino, mtime: 0 });
  lookup = (name: string) => this.entries.get(name);
  names = () => [...this.entries.keys()];

  create(name: string, mode: number): FileNode {
    const made = file(mode);
    this.entries.set(name, made);
    return made;
  }

  mkdir(name: string): void {
    if (this.entries.has(name)) throw new KvmError('EEXIST', 'there is one already');
    this.entries.set(name, new Folder());
  }

  rmdir(name: string): void {
    const found = this.entries.get(name);
    if (found instanceof Folder && found.entries.size > 0) throw new KvmError('ENOTEMPTY', 'it is not empty');
    this.entries.delete(name);
  }

  unlink(name: string): void {
    this.entries.delete(name);
  }

  rename(name: string, target: DirNode, to: string): void {
    const node = this.entries.get(name);
    if (node && target instanceof Folder) target.entries.set(to, node);
    if (target !== this || to !== name) this.entries.delete(name);
  }
}

const device = (
  write: (bytes: Uint8Array) => number,
  read = (_length: number) => new Uint8Array(0),
): FileNode => ({
  kind: 'file',
  attributes: () => ({ mode: 0o020666, size: 0, ino: 7n, mtime: 0 }),
  open: () => ({
    read: (_offset, length) => read(length),
    write: (_offset, bytes) => write(bytes),
    close: () => {},
  }),
});

/** A tree, and what was written to its synthetic file /dev/value, one entry a write. */
export function makeTree(): { fs: LocalFs; values: string[] } {
  const values: string[] = [];
  const value = device((bytes) => {
    const text = new TextDecoder().decode(bytes).trim();
    if (!/^[0-9]+$/.test(text)) throw new KvmError('EINVAL', 'a value is a number');
    values.push(text);
    return bytes.length;
  });
  const full = device(() => {
    throw new KvmError('ENOSPC', '/dev/full is full');
  });
  const zero = device(
    (bytes) => bytes.length,
    (length) => new Uint8Array(length),
  );
  const null_ = device((bytes) => bytes.length);
  const root = directory([
    ['tmp', new Folder()],
    [
      'dev',
      directory([
        ['full', full],
        ['null', null_],
        ['value', value],
        ['zero', zero],
      ]),
    ],
  ]);
  return { fs: new LocalFs(root), values };
}
