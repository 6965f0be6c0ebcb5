// Opening a disk in Node, in the thread that serves it. A page never uses it.

import type { BlockStore } from './block_store.ts';
import { openFileStore } from './file_store.ts';
import { openNodeFile } from './node_file.ts';
import { openDiskWith, refuseKind } from './open.ts';
import type { DiskOptions } from './options.ts';

/** Opens the disk that `options` describe, in this thread. Errors are those of its kind. */
export function openDisk(options: DiskOptions): Promise<BlockStore> {
  return openDiskWith(
    {
      openStore: async (disk) =>
        disk.kind === 'file' ? openFileStore(disk.path, disk) : refuseKind(disk.kind, 'in Node'),
      openUpper: async (upper) =>
        upper.kind === 'file' || upper.kind === 'kept'
          ? openNodeFile(upper.kind === 'file' ? upper.path : upper.name, { create: true })
          : refuseKind(upper.kind, 'in Node'),
    },
    options,
  );
}
