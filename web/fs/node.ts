// What a file tree is made of, as its server sees it: directories, files and open files. Interfaces and constants only;
// no path, no protocol. A tree of these is served to clients (server.ts), used in place (local.ts), and could be
// exported over 9p: lookup is Twalk, open is Topen, `attributes` is Tgetattr.

/**
 * Permission bits and file types of st_mode (stat(2)). S_IFREG has an end; S_IFIFO (pipes, event files, consoles) and
 * S_IFCHR (/dev/null and its like) are streams, of which a reader takes what one read gives.
 */
export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
/** A symbolic link: it is shown and read, and followed by nobody here. */
export const S_IFLNK = 0o120000;

/** Flags of open(2) with Linux's numbers on x86. */
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_ACCMODE = 3;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
/** A read that would block is EAGAIN. */
export const O_NONBLOCK = 0o4000;

/** Events of poll(2) with Linux's numbers. */
export const POLLIN = 0x01;
export const POLLPRI = 0x02;
export const POLLOUT = 0x04;
export const POLLERR = 0x08;
export const POLLHUP = 0x10;
/** The file was not open. */
export const POLLNVAL = 0x20;

/** A value now, or later: a tree in one thread answers at once, a mounted one after a message. */
export type Maybe<T> = T | Promise<T>;

/** What stat(2) tells of a node. */
export interface Attributes {
  /** Type and permission bits (S_IF* | 0o777). There is one user, who owns all: the bits 0o700 decide about EACCES. */
  readonly mode: number;
  /** Bytes, as far as they are known without opening; 0 for a file whose text is made when it is read. */
  readonly size: number;
  /**
   * A number of this node that no other node has while it exists (st_ino, the path of a 9p qid). 0n where the tree
   * does not number its nodes: then a number is made from the path.
   */
  readonly ino: bigint;
  /** Time of the last change in ms since the Unix epoch; 0 where nobody counts it. */
  readonly mtime: number;
}

/** Bytes that a tree may hold and those that are left (statfs); zeros where nobody counts them. */
export interface Room {
  readonly total: number;
  readonly free: number;
}

/**
 * A file that somebody has opened. One per open(2): its snapshot and its place in a stream are its own.
 *
 * Errors are KvmErrors (errno and one sentence). A call that may block ends with EINTR when `signal` is aborted.
 */
export interface OpenNode {
  /**
   * Up to `length` bytes from `offset`; empty at the end. The first read takes one snapshot of a file with a value,
   * and all reads of this open come from it. Streams and event files take no notice of `offset` and may block.
   * The bytes belong to the caller: a copy, never a view on memory that goes on changing.
   */
  read(offset: number, length: number, signal: AbortSignal): Maybe<Uint8Array>;
  /**
   * Writes `bytes` (at least one) at `offset` and returns how many were taken, at least one. A refused value is an
   * error of this very call. Whoever opened with O_APPEND writes at the end, whatever `offset` says. Keeps no `bytes`.
   */
  write(offset: number, bytes: Uint8Array, signal: AbortSignal): Maybe<number>;
  /** Returns once what was written is safe from the end of the host (fsync). Left out where nothing is kept. */
  sync?(): Maybe<void>;
  /** Cuts or extends to `size` bytes (O_TRUNC, ftruncate). A file with a value takes no notice of it. */
  truncate?(size: number): Maybe<void>;
  /**
   * Which of POLLIN and POLLOUT would not block now, with POLLHUP and POLLERR. A file without it is always ready for
   * both; a file with it has `onReady` too. O_NONBLOCK is made from it, so no node needs to know that flag.
   */
  poll?(): number;
  /** Calls back when `poll` may answer otherwise than before; returns the unsubscriber. */
  onReady?(listener: () => void): () => void;
  /** The last call; never fails. */
  close(): void;
}

/** What every node has. */
interface NodeBase {
  attributes(): Maybe<Attributes>;
  /** Every change of it is EROFS, whatever its permission bits say: it is mounted read-only. */
  readonly isReadOnly?: boolean;
  /** Changes permission bits (chmod). EPERM where it is left out. */
  chmod?(mode: number): Maybe<void>;
  /** Sets the time of the last change in ms since the Unix epoch (utimes). EPERM where it is left out: nobody counts it. */
  utimes?(mtime: number): Maybe<void>;
}

/** A file. */
export interface FileNode extends NodeBase {
  readonly kind: 'file';
  /** A read takes something away or resets it (an event, a dirty bitmap): through a read-only mount it is EROFS. */
  readonly readChanges?: boolean;
  /** Of a symbolic link (S_IFLNK): the path it holds. To open one is ELOOP. */
  readlink?(): Maybe<string>;
  /** Opens it with O_* flags; permission bits have been looked at already. */
  open(flags: number): Maybe<OpenNode>;
}

/** A directory. Names hold no slash and are neither '.' nor '..'. */
export interface DirNode extends NodeBase {
  readonly kind: 'directory';
  /** The node with this name, or undefined. */
  lookup(name: string): Maybe<TreeNode | undefined>;
  /** All names, in the order in which a person wants to read them. */
  names(): Maybe<string[]>;
  /** Makes a file (O_CREAT). EPERM where it is left out: the tree is fixed. */
  create?(name: string, mode: number): Maybe<FileNode>;
  /** Makes a directory. EPERM where it is left out. */
  mkdir?(name: string, mode: number): Maybe<void>;
  /** Makes a symbolic link that holds `target`, which need not lead anywhere. EPERM where it is left out. */
  symlink?(name: string, target: string): Maybe<void>;
  /** Makes one more name of `file`. EXDEV when it is not of this tree; EPERM where it is left out. */
  link?(name: string, file: FileNode): Maybe<void>;
  /** Removes a directory. EPERM where it is left out. */
  rmdir?(name: string): Maybe<void>;
  /** Removes a file. EPERM where it is left out. */
  unlink?(name: string): Maybe<void>;
  /**
   * Moves an entry to `to` in `target`, with rename(2)'s rules about what stands there. EXDEV when `target` is not of
   * this tree; EPERM where it is left out. Callers ask `holder?.(name)` for it, and pass `target.receiver?.(to) ?? target`.
   */
  rename?(name: string, target: DirNode, to: string): Maybe<void>;
  /** Of a directory that only shows others: the one in which `name` stands. EBUSY, ENOENT. */
  holder?(name: string): Maybe<DirNode>;
  /** Of a directory that only shows others: the one that takes what is moved here as `name`. EBUSY, EPERM. */
  receiver?(name: string): DirNode;
  /** Room in the tree that it belongs to. Left out where nobody counts. */
  room?(): Maybe<Room>;
  /** Calls back with the name when an entry comes, goes or changes; returns the unsubscriber. */
  watch?(listener: (change: Change) => void): () => void;
}

export type TreeNode = FileNode | DirNode;

/** What a watch tells: an entry came (`made`), went (`removed`) or has another value (`changed`). */
export interface Change {
  readonly kind: 'made' | 'removed' | 'changed';
  readonly name: string;
}
