// Opening a disk in whatever host this is, for a worker whose file is the same in a page and in Node. What only the other
// host has is refused when it is opened, and never loaded: neither side imports anything of its host.

import * as browser from './open_browser.ts';
import * as node from './open_node.ts';

const { process } = globalThis as { process?: { versions?: { node?: string } } };

/** Opens the disk that `options` describe, in this thread. Errors are those of its kind. */
export const openDisk = process?.versions?.node ? node.openDisk : browser.openDisk;
