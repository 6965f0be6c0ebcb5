// A file as stores use it: bytes at positions, now. What a host has for it is in node_file.ts and opfs_file.ts; here are the
// contract, a file in memory, and a raw image: a store that is such a file and nothing else.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { type BlockStore, checkRange, checkWritable } from './block_store.ts';

/**
 * A file that answers at once. Errors are KvmErrors: EIO, ENOSPC. After a flush that failed, nobody knows what of the writes
 * before it is on the medium: so each later flush fails too, until the file is opened anew.
 */
export interface BlockFile {
  /** Bytes up to the last one that was written. */
  readonly size: number;
  readonly identity?: string;
  /** Fills `into` from `position` on; what lies behind the end reads as zeroes. */
  read(position: number, into: Uint8Array): void;
  /** Stores `from`; a file that is too short grows, with zeroes between. */
  write(position: number, from: Uint8Array): void;
  /** What was written is on the medium when this returns. */
  flush(): void;
  close(): void;
}

/** What each flush fails with after one that failed with `error`: to try again does not help, even where room was missing. */
export function brokenBy(error: KvmError): KvmError {
  return isKvmError(error, 'ENOSPC') ? new KvmError('EIO', error.message) : error;
}

/** Memory is taken by so many bytes, where something was written. */
const CHUNK = 1 << 16;

/** A file in memory, which nothing outlives: for changes that are to be forgotten, and for tests. */
export class MemoryFile implements BlockFile {
  readonly #chunks = new Map<number, Uint8Array>();
  #size = 0;

  constructor(content: Uint8Array = new Uint8Array(0)) {
    this.write(0, content);
  }

  get size(): number {
    return this.#size;
  }

  read(position: number, into: Uint8Array): void {
    for (const { chunk, start, from, to } of pieces(position, into.length)) {
      const bytes = this.#chunks.get(chunk)?.subarray(start, start + to - from);
      if (bytes) into.set(bytes, from);
      else into.fill(0, from, to);
    }
  }

  write(position: number, bytes: Uint8Array): void {
    for (const { chunk, start, from, to } of pieces(position, bytes.length)) {
      const held = this.#chunks.get(chunk) ?? new Uint8Array(CHUNK);
      this.#chunks.set(chunk, held);
      held.set(bytes.subarray(from, to), start);
    }
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  flush(): void {}
  close(): void {}
}

/** The parts of `length` bytes from `position` on by the chunks that they lie in: from `start` on in `chunk`. */
function* pieces(position: number, length: number) {
  for (let from = 0; from < length; ) {
    const start = (position + from) % CHUNK;
    const to = Math.min(length, from + CHUNK - start);
    yield { chunk: Math.floor((position + from) / CHUNK), start, from, to };
    from = to;
  }
}

/** A raw image: byte n of the disk is byte n of the file. */
export class RawStore implements BlockStore {
  readonly bytes: number;
  readonly isReadonly: boolean;
  readonly identity?: string;
  readonly #file: BlockFile;
  #isDirty = false;

  constructor(file: BlockFile, options: { readonly readonly?: boolean } = {}) {
    this.#file = file;
    this.bytes = file.size;
    this.isReadonly = options.readonly ?? false;
    if (file.identity !== undefined) this.identity = file.identity;
  }

  read(offset: number, into: Uint8Array): void {
    checkRange(this, offset, into.length);
    this.#file.read(offset, into);
  }

  write(offset: number, from: Uint8Array): void {
    checkWritable(this);
    checkRange(this, offset, from.length);
    this.#isDirty = true;
    this.#file.write(offset, from);
  }

  flush(): void {
    if (!this.#isDirty) return;
    this.#file.flush();
    this.#isDirty = false;
  }

  close(): void {
    try {
      this.flush();
    } finally {
      this.#file.close();
    }
  }
}
