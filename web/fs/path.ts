// Paths as text: what names they consist of and how long they may be. It looks nothing up.

import { KvmError } from '../kvm/abi/errno.ts';

/** NAME_MAX and PATH_MAX of Linux, in bytes of UTF-8 (the second without the NUL that ends it there). */
const NAME_MAX = 255;
const PATH_MAX = 4095;

const encoder = new TextEncoder();

/** A path taken apart. */
export interface ParsedPath {
  /** The names between the slashes, '.' and '..' among them; none for '/'. */
  readonly names: readonly string[];
  /** It ends in a slash: only a directory may stand there. */
  readonly slash: boolean;
}

/** Bytes of `text`, of which most is ASCII. */
const byteLength = (text: string) => (text.length > NAME_MAX / 3 ? encoder.encode(text).length : text.length);

/** Takes a path apart. ENOENT if it is empty, EINVAL for a NUL in it, ENAMETOOLONG. */
export function parsePath(path: string): ParsedPath {
  if (path === '') throw new KvmError('ENOENT', 'an empty path names nothing: write . for this directory');
  if (path.includes('\0')) throw new KvmError('EINVAL', 'a path cannot hold a NUL character');
  if (byteLength(path) > PATH_MAX) {
    throw new KvmError('ENAMETOOLONG', `a path has at most ${PATH_MAX} bytes`);
  }
  const names = path.split('/').filter((name) => name !== '');
  const long = names.find((name) => byteLength(name) > NAME_MAX);
  if (long !== undefined) {
    throw new KvmError(
      'ENAMETOOLONG',
      `a name has at most ${NAME_MAX} bytes, ${long.slice(0, 20)}... has more`,
    );
  }
  return { names, slash: names.length > 0 && path.endsWith('/') };
}

/** The absolute path of `names`, none of which is '.' or '..'. */
export function joinNames(names: readonly string[]): string {
  return `/${names.join('/')}`;
}

/** The absolute path of `path` as seen from `directory`, without '.', '..' and doubled slashes: text only. */
export function resolvePath(directory: string, path: string): string {
  const names: string[] = [];
  for (const name of (path.startsWith('/') ? path : `${directory}/${path}`).split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return joinNames(names);
}

/** A number for a node whose tree gives it none: FNV-1a (64 bits) of its path. */
export function pathNumber(path: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of encoder.encode(path)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** What a rename into another tree fails with. */
export function otherTree(to: string): KvmError {
  return new KvmError('EXDEV', `${to} would be in another tree: copy it and remove the old one`);
}
