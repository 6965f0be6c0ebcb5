// Folders that a client shows in the session's tree: plain data, and how they are mounted. It opens none.

import type { DirNode, MountTable } from '../../fs/index.ts';
import { KvmError } from '../../kvm/index.ts';

/** Where they stand. */
export const SHARES = '/share';

/**
 * A folder, as the client asks for it when the session starts. Only then: whoever can write a machine's options (a guest
 * that has /kvm mounted, too) can name what stands in the tree, and nothing else of the host.
 */
export interface FolderRequest {
  /** Its name in /share. */
  readonly name: string;
  /** A path of the host in Node; in a page a name in the browser's own file system. */
  readonly folder: string;
  /** Every change is EROFS. */
  readonly readOnly?: boolean;
}

/** Opens a folder in the way of its host. Rejects with a KvmError. */
export type OpenFolder = (folder: string) => DirNode | Promise<DirNode>;

/** Mounts them. EINVAL for a name that is none; what the host says when a folder cannot be opened. */
export async function mountFolders(
  table: MountTable,
  requests: readonly FolderRequest[],
  open: OpenFolder,
): Promise<void> {
  for (const { name, folder, readOnly = false } of requests) {
    if (!/^[^/\0]+$/.test(name) || name === '.' || name === '..') {
      throw new KvmError('EINVAL', `'${name}' is no name for a share`);
    }
    const tree = await open(folder);
    table.mount(`${SHARES}/${name}`, tree, { readOnly });
  }
}
