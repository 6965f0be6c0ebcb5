// A disk in the browser's private files: a raw image, written in place. Only in a worker. Node never uses it.

import { KvmError } from '../kvm/abi/errno.ts';
import { RawStore } from './block_file.ts';
import type { BlockStore } from './block_store.ts';
import { openOpfsFile } from './opfs_file.ts';

export interface OpfsStoreOptions {
  /** Makes an empty disk of so many bytes, if there is none of this name. */
  readonly bytes?: number;
  readonly readonly?: boolean;
}

/** Opens the raw image `name`. EINVAL when there is one, but of another size than `bytes`; else as `openOpfsFile`. */
export async function openOpfsStore(name: string, options: OpfsStoreOptions = {}): Promise<BlockStore> {
  const { bytes, readonly = false } = options;
  const file = await openOpfsFile(name, { readonly, create: bytes !== undefined });
  try {
    if (file.size === 0 && bytes !== undefined && bytes > 0 && !readonly) {
      // The last byte makes the size; a file that was left without it is still empty, and is made again.
      file.write(bytes - 1, new Uint8Array(1));
      file.flush();
    }
    if (file.size === 0) throw new KvmError('EINVAL', `the disk ${name} is empty: give it a size`);
    if (bytes !== undefined && file.size !== bytes)
      throw new KvmError(
        'EINVAL',
        `the disk ${name} has ${file.size} bytes, not ${bytes}: give its size, or another name`,
      );
    return new RawStore(file, { readonly });
  } catch (error) {
    file.close();
    throw error;
  }
}
