// What stat(2) says of a node, as qids and as the fields of Rgetattr and Rreaddir. It asks no file system.

import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, type Stats } from '../fs/index.ts';
import { DT_DIR, DT_LNK, DT_REG, GETATTR_BASIC, QTDIR, QTFILE, QTSYMLINK } from './constants.ts';
import type { Qid, Writer } from './wire.ts';

/** st_blksize: what a client reads at a time at least. */
const BLOCK_BYTES = 4096;

/**
 * The mode as a guest shall see it. Streams and event files become regular files: a guest's kernel would take S_IFIFO and
 * S_IFCHR for a pipe or a device of its own and never ask here.
 */
function guestMode(mode: number): number {
  const type = mode & S_IFMT;
  return (type === S_IFDIR || type === S_IFLNK ? type : S_IFREG) | (mode & 0o777);
}

/** True for what has no end: pipes, consoles, event files. */
export function isStreamMode(mode: number): boolean {
  const type = mode & S_IFMT;
  return type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK;
}

/** d_type of a directory entry. */
export function entryType(mode: number): number {
  const type = guestMode(mode) & S_IFMT;
  return type === S_IFDIR ? DT_DIR : type === S_IFLNK ? DT_LNK : DT_REG;
}

/** The qid of a node. Its version changes with the time of change and the size, as far as anybody counts them. */
export function qidOf({ mode, ino, mtime, size }: Stats): Qid {
  const kind = mode & S_IFMT;
  const type = kind === S_IFDIR ? QTDIR : kind === S_IFLNK ? QTSYMLINK : QTFILE;
  return { type, version: (Math.trunc(mtime) + Math.imul(size, 0x9e3779b1)) >>> 0, path: ino };
}

/**
 * The body of Rgetattr. The owner is root: hosts have other users. One link: who counts names of a directory by its links
 * (find) is told by 1 that they are not counted. All times are that of the last change.
 */
export function putAttributes(reply: Writer, stats: Stats): void {
  const { size, mtime } = stats;
  const seconds = Math.floor(mtime / 1000);
  const nanoseconds = Math.trunc((mtime - seconds * 1000) * 1e6);
  reply.u64(GETATTR_BASIC).qid(qidOf(stats)).u32(guestMode(stats.mode));
  // uid, gid, nlink, rdev
  reply.u32(0).u32(0).u64(1).u64(0);
  reply
    .u64(size)
    .u64(BLOCK_BYTES)
    .u64(Math.ceil(size / 512));
  for (const _ of ['atime', 'mtime', 'ctime']) reply.u64(seconds).u64(nanoseconds);
  // btime, gen, data_version
  reply.u64(0).u64(0).u64(0).u64(0);
}
