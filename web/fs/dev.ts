// The streams of /dev that need no machine: null, zero, full, random. A terminal (tty) comes from whoever has one.

import { KvmError } from '../kvm/abi/errno.ts';
import { type FileNode, S_IFCHR } from './node.ts';
import type { Row } from './rows.ts';

/** The most that one read gives, so that nobody asks for a gigabyte of zeros at once. */
const READ_MAX = 1 << 20;
/** The most that crypto.getRandomValues fills at once. */
const RANDOM_MAX = 65536;

function device(read: (length: number) => Uint8Array, write = (bytes: Uint8Array) => bytes.length): FileNode {
  const attributes = { mode: S_IFCHR | 0o666, size: 0, ino: 0n, mtime: 0 };
  return {
    kind: 'file',
    attributes: () => attributes,
    open: () => ({
      read: (_offset, length) => read(Math.min(length, READ_MAX)),
      write: (_offset, bytes) => write(bytes),
      close: () => {},
    }),
  };
}

const zeros = (length: number) => new Uint8Array(length);

function random(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_MAX) crypto.getRandomValues(bytes.subarray(at, at + RANDOM_MAX));
  return bytes;
}

/** The rows of a /dev directory. */
export function deviceRows(): Row[] {
  const full = () => {
    throw new KvmError('ENOSPC', '/dev/full has no room: that is what it is for');
  };
  return [
    ['full', device(zeros, full)],
    ['null', device(() => new Uint8Array(0))],
    ['random', device(random)],
    ['urandom', device(random)],
    ['zero', device(zeros)],
  ];
}
