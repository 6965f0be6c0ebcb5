// A disk in a file of the host (Node): a raw image, written in place. A page never uses it.

import { KvmError } from '../kvm/abi/errno.ts';
import { RawStore } from './block_file.ts';
import type { BlockStore } from './block_store.ts';
import { openNodeFile } from './node_file.ts';

/**
 * Opens the raw image `path`, whose size stays as it is. EBUSY while another machine writes it, EINVAL when it is empty,
 * else the errno of open(2).
 */
export async function openFileStore(
  path: string,
  options: { readonly readonly?: boolean } = {},
): Promise<BlockStore> {
  const file = await openNodeFile(path, options);
  if (file.size > 0) return new RawStore(file, options);
  file.close();
  throw new KvmError(
    'EINVAL',
    `${path} is empty, so it is no disk: make it with truncate -s 1G, or take another file`,
  );
}
