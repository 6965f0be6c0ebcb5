// The messages between FsClient and FsServer. Types and two helpers; it sends nothing.

import { type ErrnoName, isKvmError, KvmError } from '../kvm/abi/errno.ts';
import type { Entry, Stats } from './fs.ts';
import type { Change, Room } from './node.ts';

/**
 * Calls: name, argument and result. A fid is a number that the client chooses for an open file, so that it can send
 * what follows the open with it; bytes are transferred both ways and never share memory.
 */
export interface Calls {
  /** Gives the file's path without '.' and '..'. */
  open(argument: { fid: number; path: string; flags: number; mode: number }): string;
  read(argument: { fid: number; length: number; position?: number | undefined }): Uint8Array;
  write(argument: { fid: number; bytes: Uint8Array; position?: number | undefined }): number;
  fstat(argument: { fid: number }): Stats;
  truncate(argument: { fid: number; size: number }): void;
  sync(argument: { fid: number }): void;
  poll(argument: { fid: number; events: number; timeout?: number | undefined }): number;
  close(argument: { fid: number }): void;
  readFile(argument: { path: string }): Uint8Array;
  writeFile(argument: { path: string; bytes: Uint8Array }): void;
  appendFile(argument: { path: string; bytes: Uint8Array }): void;
  readdir(argument: { path: string }): Entry[];
  stat(argument: { path: string }): Stats;
  mkdir(argument: { path: string; mode?: number | undefined }): void;
  rmdir(argument: { path: string }): void;
  unlink(argument: { path: string }): void;
  rename(argument: { from: string; to: string }): void;
  chmod(argument: { path: string; mode: number }): void;
  readlink(argument: { path: string }): string;
  room(argument: { path: string }): Room;
  symlink(argument: { target: string; path: string }): void;
  link(argument: { from: string; to: string }): void;
  utimes(argument: { path: string; mtime: number }): void;
  /** Changes come as events with the call's id, until it is cancelled; only then it is answered. */
  watch(argument: { path: string }): void;
}
export type CallName = keyof Calls;
export type Argument<C extends CallName> = Parameters<Calls[C]>[0];
export type Result<C extends CallName> = ReturnType<Calls[C]>;

/** What a client sends: a call, `cancel` for one that it gave up (which is answered all the same), or good-bye. */
export type Request =
  | { readonly id: number; readonly call: CallName; readonly argument: Argument<CallName> }
  | { readonly cancel: number }
  | { readonly bye: true };

/** What a server sends. Answers may come in any order. */
export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: WireError }
  | { readonly id: number; readonly change: Change };

/** An error under way. */
export interface WireError {
  readonly code: ErrnoName;
  readonly sentence: string;
}

/** An error as a message. What is no KvmError is a fault in a tree: EIO. */
export function packError(error: unknown): WireError {
  if (isKvmError(error)) return { code: error.code, sentence: error.message.slice(error.code.length + 2) };
  const what = error instanceof Error ? error.message : String(error);
  return { code: 'EIO', sentence: `the file's server failed: ${what}` };
}

/** A message as an error. */
export function unpackError({ code, sentence }: WireError): KvmError {
  return new KvmError(code, sentence);
}
