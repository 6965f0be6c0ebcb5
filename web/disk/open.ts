// Opening a disk from its options: what all hosts have. The rest a host adds (open_node.ts, open_browser.ts).

import { KvmError } from '../kvm/abi/errno.ts';
import { blobStore } from './blob_store.ts';
import { type BlockFile, MemoryFile } from './block_file.ts';
import type { BlockStore } from './block_store.ts';
import { openHttpStore } from './http_store.ts';
import { emptyStore, memoryStore } from './memory_store.ts';
import type { DiskOptions, UpperOptions } from './options.ts';
import { openOverlay } from './overlay.ts';

/** What one host opens. A kind that it lacks is refused. */
export interface HostDisks {
  openStore(options: DiskOptions): Promise<BlockStore>;
  openUpper(options: UpperOptions): Promise<BlockFile>;
}

/** EOPNOTSUPP for a kind of disk that this host has not. */
export function refuseKind(kind: string, where: string): never {
  throw new KvmError('EOPNOTSUPP', `a disk of kind ${kind} cannot be opened ${where}: take another kind`);
}

/** Opens what `options` say, with a host's own kinds opened by `host`. A base is always opened to be read. */
export async function openDiskWith(host: HostDisks, options: DiskOptions): Promise<BlockStore> {
  switch (options.kind) {
    case 'memory':
      return memoryStore(options.image, options);
    case 'empty':
      return emptyStore(options.bytes);
    case 'blob':
      return blobStore(options.blob);
    case 'http':
      return openHttpStore(
        options.url,
        options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes },
      );
    case 'overlay':
      return openOverlayWith(host, options.base, options.upper, options.trust ?? false);
    default:
      return host.openStore(options);
  }
}

async function openOverlayWith(
  host: HostDisks,
  below: DiskOptions,
  above: UpperOptions,
  trust: boolean,
): Promise<BlockStore> {
  const isChangeable = below.kind === 'file' || below.kind === 'opfs' || below.kind === 'memory';
  const base = await openDiskWith(host, isChangeable ? { ...below, readonly: true } : below);
  let file: BlockFile | undefined;
  try {
    file = above.kind === 'memory' ? new MemoryFile() : await host.openUpper(above);
    return openOverlay(base, file, { trust });
  } catch (error) {
    file?.close();
    await base.close();
    throw error;
  }
}
