// A file as stores use it: bytes at positions, now. What a host has for it is in node_file.ts and opfs_file.ts; here are the
// contract, a file in memory, and a raw image: a store that is such a file and nothing else.

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

/** Room grows to twice, by at least and at most so many bytes. */
const GROW_LEAST = 1 << 16;
const GROW_MOST = 1 << 26;

/** A file in memory, which nothing outlives: for changes that are to be forgotten, and for tests. */
export class MemoryFile implements BlockFile {
  #bytes: Uint8Array;
  #size: number;

  constructor(content: Uint8Array = new Uint8Array(0)) {
    this.#bytes = content;
    this.#size = content.length;
  }

  get size(): number {
    return this.#size;
  }

  read(position: number, into: Uint8Array): void {
    const found = this.#bytes.subarray(
      Math.min(position, this.#size),
      Math.min(position + into.length, this.#size),
    );
    into.set(found);
    into.fill(0, found.length);
  }

  write(position: number, from: Uint8Array): void {
    const end = position + from.length;
    if (end > this.#bytes.length) {
      const room = this.#bytes.length + Math.min(Math.max(this.#bytes.length, GROW_LEAST), GROW_MOST);
      const grown = new Uint8Array(Math.max(end, room));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(from, position);
    this.#size = Math.max(this.#size, end);
  }

  flush(): void {}
  close(): void {}
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
