// A disk over a Blob or File of a page: an image that a user dropped there. Read only: changes go to an overlay.

import { KvmError } from '../kvm/abi/errno.ts';
import { type BlockStore, checkRange, checkWritable } from './block_store.ts';

/** What it needs of a Blob; a File also has a name and the time of its last change. */
export interface BlobLike {
  readonly size: number;
  readonly name?: string;
  readonly lastModified?: number;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** A disk over `blob`. ESTALE when the file behind it was changed or is gone: browsers stop reading it then. */
export function blobStore(blob: BlobLike): BlockStore {
  const name = blob.name ?? 'this image';
  const store: BlockStore = {
    bytes: blob.size,
    isReadonly: true,
    identity: `blob ${blob.size} ${blob.name ?? ''} ${blob.lastModified ?? ''}`,
    async read(offset, into) {
      checkRange(store, offset, into.length);
      const slice = blob.slice(offset, offset + into.length);
      const bytes = await slice.arrayBuffer().catch(() => {
        throw new KvmError(
          'ESTALE',
          `${name} cannot be read any more, it was changed or moved: choose it again`,
        );
      });
      into.set(new Uint8Array(bytes));
    },
    write: () => checkWritable(store),
    flush() {},
    close() {},
  };
  return store;
}
