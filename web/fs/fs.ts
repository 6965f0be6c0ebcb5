// The file API as its users see it: Node's names where Node has them. Implemented over a tree in this thread (local.ts)
// and over a message port (client.ts); the shell, the page and the command line use nothing else. Interfaces only.

import type { Attributes, Change, Room } from './node.ts';

/** How a blocking call is given up: it then fails with EINTR. */
export interface Cancel {
  readonly signal?: AbortSignal | undefined;
}

/** How long one file's `poll` waits. */
export interface PollOptions extends Cancel {
  /** Milliseconds after which the answer is 0; 0 only asks, undefined and negative numbers wait for ever. */
  readonly timeout?: number | undefined;
}

/** stat(2) of a path or an open file. */
export interface Stats extends Attributes {
  readonly isDirectory: boolean;
}

/** An entry of a directory with its type. */
export interface Entry {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** An open file with a place in it. Every error is a KvmError: errno and one sentence. */
export interface OpenFile {
  readonly path: string;
  /**
   * Up to `length` bytes at `position`, or at the file's place, which then moves; empty at the end. May block, or be
   * EAGAIN with O_NONBLOCK. EBADF if the file was not opened for reading. The bytes belong to the caller.
   */
  read(length: number, position?: number, cancel?: Cancel): Promise<Uint8Array>;
  /**
   * Writes all of `bytes` at `position`, or at the file's place, which then moves; with O_APPEND always at the end.
   * Gives fewer than all only when EINTR or EAGAIN came after some were taken; every other error is thrown.
   */
  write(bytes: Uint8Array, position?: number, cancel?: Cancel): Promise<number>;
  stat(): Promise<Stats>;
  truncate(size: number): Promise<void>;
  /** Resolves once what was written is safe (fsync); at once where nothing is kept beyond the thread. */
  sync(): Promise<void>;
  /** Resolves with the ready events of `events` (POLLIN, POLLOUT; POLLERR and POLLHUP always) as soon as there is one. */
  poll(events: number, options?: PollOptions): Promise<number>;
  /** Closes it; calls after it, and those that still wait, are EBADF. Closing twice does nothing. */
  close(): Promise<void>;
}

/** One row of `poll`: what is asked of a file, and what was ready (POLLNVAL for a closed one). */
export interface PollFile {
  readonly file: OpenFile;
  readonly events: number;
  revents?: number;
}

/** Flags of `open`: Node's strings or O_* numbers. */
export type OpenFlags = 'r' | 'r+' | 'w' | 'w+' | 'wx' | 'wx+' | 'a' | 'a+' | 'ax' | number;

/** A tree of files. Paths are absolute, or relative to '/'; '.' and '..' mean what they mean in POSIX. */
export interface Fs {
  /**
   * ENOENT, ENOTDIR, EACCES, EROFS, EEXIST, ENAMETOOLONG as open(2); directories are always EISDIR, for there are no
   * handles of them. `mode` (0o644) holds for a file that is made.
   */
  open(path: string, flags?: OpenFlags, mode?: number): Promise<OpenFile>;
  /** The whole file from one open. What is not a regular file (S_IFIFO, S_IFCHR) is read once: one event. EFBIG above 1 GiB. */
  readFile(path: string, cancel?: Cancel): Promise<Uint8Array>;
  /** The whole file as UTF-8. */
  readText(path: string, cancel?: Cancel): Promise<string>;
  /** One open, one write, one close: how a value is set. */
  writeFile(path: string, data: Uint8Array | string, cancel?: Cancel): Promise<void>;
  appendFile(path: string, data: Uint8Array | string, cancel?: Cancel): Promise<void>;
  readdir(path: string): Promise<Entry[]>;
  stat(path: string): Promise<Stats>;
  /** False for what cannot be found; other errors are thrown. */
  exists(path: string): Promise<boolean>;
  mkdir(path: string, mode?: number): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** What a symbolic link holds. EINVAL for anything else. Links are followed by nobody: to open one is ELOOP. */
  readlink(path: string): Promise<string>;
  /** Makes the symbolic link `path`, which holds `target`. EPERM where there are none. */
  symlink(target: string, path: string): Promise<void>;
  /** Makes one more name of a file. EPERM where files have one. */
  link(from: string, to: string): Promise<void>;
  /** Room in the tree that the directory `path` belongs to (statfs); zeros where nobody counts. ENOTDIR for a file. */
  room(path: string): Promise<Room>;
  /** Sets the time of the last change, in ms since the Unix epoch. EPERM where nobody counts it. */
  utimes(path: string, mtime: number): Promise<void>;
  /** Changes of a directory's entries from this call on, until `signal` is aborted. EOPNOTSUPP where nobody tells them. */
  watch(path: string, cancel: Cancel): AsyncIterable<Change>;
  /** Waits until at least one file is ready, or `timeout` ms are over (negative: for ever); sets `revents`, returns how many are. */
  poll(files: PollFile[], timeout: number, cancel?: Cancel): Promise<number>;
}
