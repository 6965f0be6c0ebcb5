// What a request's handler is given, and paths below a session's root. No request here.

import type { Fs } from '../fs/index.ts';
import type { Fid, Fids } from './fids.ts';
import type { Locks } from './locks.ts';
import type { Reader, Writer } from './wire.ts';

/** A session as handlers see it. */
export interface Context {
  readonly fs: Fs;
  /** Path of the exported directory in `fs`, without a slash at its end: '' for the whole tree. */
  readonly root: string;
  readonly fids: Fids;
  readonly locks: Locks;
  /** The session among those that share `locks`. */
  readonly name: string;
  /** Bytes of the longest message that was agreed on. */
  readonly msize: number;
}

/** A request that is being carried out. */
export interface Call {
  /** Aborted when the client does not want it any more. */
  readonly signal: AbortSignal;
  /** Says, before it waits for anything, that the answer may be long in coming: see `quiet` of the session. */
  mayWait(): void;
}

/**
 * Carries out one request: takes the fields of `body`, all of them before it waits for anything, and puts those of the
 * answer into `reply`. An error becomes Rlerror. What may block ends with EINTR when the call's signal is aborted (Tflush).
 */
export type Handler = (context: Context, body: Reader, reply: Writer, call: Call) => Promise<void>;

/** The path of a fid, or of the entry `name` in it, as `fs` has it. */
export function fullPath({ root }: Context, fid: Fid, name?: string): string {
  const path = root + (name === undefined ? fid.path : `${fid.path}/${name}`);
  return path === '' ? '/' : path;
}

/** The path below the root of the directory that holds `path`; the root's is the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
