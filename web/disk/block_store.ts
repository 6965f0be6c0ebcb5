// What a disk is to whoever serves it to a guest: bytes at offsets that are kept once they were flushed. No sectors, no
// requests, no guest.

import { KvmError } from '../kvm/abi/errno.ts';

/** A value now, or later: a store in memory or in a file answers at once, one behind a network later. */
export type Maybe<T> = T | Promise<T>;

/** What guests address disks by: 512 bytes. A store need not be a multiple of it; what is over is not seen by a guest. */
export const SECTOR = 512;

/**
 * A disk. Errors are KvmErrors: EINVAL for a range outside, EROFS for a write to a store that is read only, EIO and ENOSPC
 * from the medium, ESTALE when an image was changed by somebody else.
 *
 * Calls may be made while others are under way. A read sees each write that was finished before it began. Two calls whose
 * ranges overlap in time and place have no order, as on a disk.
 */
export interface BlockStore {
  /** Its size in bytes, fixed. */
  readonly bytes: number;
  readonly isReadonly?: boolean;
  /**
   * What tells this content from another, if the store knows: an image's ETag, a file's size and time. An overlay is bound
   * to it, and refuses a base that has become another one.
   */
  readonly identity?: string;
  /** Fills `into` with the bytes at `offset`. */
  read(offset: number, into: Uint8Array): Maybe<void>;
  /** Stores `from` at `offset`. The bytes may be changed again as soon as the write is finished. */
  write(offset: number, from: Uint8Array): Maybe<void>;
  /** When it is finished, all writes that were finished before the call are on the medium and outlive a crash. */
  flush(): Maybe<void>;
  /** The range is not needed any more: it reads as zeroes, and its room may be used otherwise. A flush makes it last. */
  discard?(offset: number, bytes: number): Maybe<void>;
  /** Lets go of the medium, after a flush if the store is writable. Nothing may be under way, nothing be called after it. */
  close(): Maybe<void>;
}

/** Refuses a range that does not lie inside the store. */
export function checkRange(store: BlockStore, offset: number, bytes: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && bytes >= 0 && bytes <= store.bytes - offset) return;
  throw new KvmError(
    'EINVAL',
    `bytes ${offset} to ${offset + bytes} are outside this disk of ${store.bytes} bytes: ask inside it`,
  );
}

/** Refuses what would change a store that is read only. */
export function checkWritable(store: BlockStore): void {
  if (store.isReadonly)
    throw new KvmError('EROFS', 'this disk is read only: open it writable, or put an overlay on it');
}

/** What a store throws for `error`: a KvmError as it is, anything else as EIO with `doing` and the host's words. */
export function ioError(doing: string, error: unknown): KvmError {
  if (error instanceof KvmError) return error;
  const words = error instanceof Error ? error.message : String(error);
  return new KvmError('EIO', `${doing} failed: ${words}`);
}

/** `work` once `first` is finished; at once when that is no promise. */
export function after<T>(first: Maybe<void>, work: () => Maybe<T>): Maybe<T> {
  return first instanceof Promise ? first.then(work) : work();
}
