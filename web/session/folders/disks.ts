// Disks that a host keeps for machines by name, as a session sees them. Interfaces only: disk_tree.ts is a browser's.

import type { DiskWords } from '../../disk/index.ts';
import type { DirNode } from '../../fs/index.ts';

/** Where they stand in the tree. */
export const DISKS = '/disk';

/** What a session may ask of its host's disks. */
export interface KeptDisks {
  readonly tree: DirNode;
  /** How a machine opens the disk of this name; undefined when there is none. */
  words(name: string): Promise<DiskWords | undefined>;
}

/** How the session's own machine uses a disk: only one that stands lets it be read. */
export type DiskUse = (name: string) => 'none' | 'standing' | 'running';

/** Opens them, told how the session's own machine uses each. */
export type OpenDisks = (use: DiskUse) => KeptDisks;
