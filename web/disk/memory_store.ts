// A disk of plain bytes: a small image that is at hand, or an empty disk. Nothing outlives the thread.

import { type BlockStore, checkRange, checkWritable } from './block_store.ts';

export interface MemoryStoreOptions {
  readonly readonly?: boolean;
}

/** A disk over `image`, which it changes; a number makes an empty disk of so many bytes. */
export function memoryStore(image: Uint8Array | number, options: MemoryStoreOptions = {}): BlockStore {
  const bytes = typeof image === 'number' ? new Uint8Array(image) : image;
  const store: BlockStore = {
    bytes: bytes.length,
    isReadonly: options.readonly ?? false,
    read(offset, into) {
      checkRange(store, offset, into.length);
      into.set(bytes.subarray(offset, offset + into.length));
    },
    write(offset, from) {
      checkWritable(store);
      checkRange(store, offset, from.length);
      bytes.set(from, offset);
    },
    flush() {},
    discard(offset, length) {
      checkWritable(store);
      checkRange(store, offset, length);
      bytes.fill(0, offset, offset + length);
    },
    close() {},
  };
  return store;
}

/** A disk of `bytes` zeroes that takes no room: the base of an overlay that begins empty. Read only. */
export function emptyStore(bytes: number): BlockStore {
  const store: BlockStore = {
    bytes,
    isReadonly: true,
    identity: 'empty',
    read(offset, into) {
      checkRange(store, offset, into.length);
      into.fill(0);
    },
    write: () => checkWritable(store),
    flush() {},
    close() {},
  };
  return store;
}
