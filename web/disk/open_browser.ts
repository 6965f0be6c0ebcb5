// Opening a disk in a worker of a page: the one that serves it. Node never uses it.

import type { BlockStore } from './block_store.ts';
import { openDiskWith, refuseKind } from './open.ts';
import { openOpfsFile } from './opfs_file.ts';
import { openOpfsStore } from './opfs_store.ts';
import type { DiskOptions } from './options.ts';

export * from './kept_disks.ts';
export { deleteOpfsDisk, listOpfsDisks } from './opfs_file.ts';

/** Opens the disk that `options` describe, in this thread. Errors are those of its kind. */
export function openDisk(options: DiskOptions): Promise<BlockStore> {
  return openDiskWith(
    {
      openStore: async (disk) =>
        disk.kind === 'opfs' ? openOpfsStore(disk.name, disk) : refuseKind(disk.kind, 'in a page'),
      openUpper: async (upper) =>
        upper.kind === 'opfs' || upper.kind === 'kept'
          ? openOpfsFile(upper.name, { create: true })
          : refuseKind(upper.kind, 'in a page'),
    },
    options,
  );
}
