// What sessions of one export share: the tree, where it begins, and its locks. It has no channel to any client.

import type { Fs } from '../fs/index.ts';
import { resolvePath } from '../fs/index.ts';
import { Locks } from './locks.ts';
import { P9Session } from './session.ts';

/** What is exported. */
export interface P9Options {
  /** The tree: in this thread (LocalFs) or in another (FsClient). */
  readonly fs: Fs;
  /** The directory that clients see as their root; '/' if left out. They never get above it. */
  readonly path?: string;
}

/** Serves a directory by 9P2000.L to any number of clients. */
export class P9Server {
  readonly #options: P9Options;
  readonly #root: string;
  readonly #locks = new Locks();
  #sessions = 0;

  constructor(options: P9Options) {
    this.#options = options;
    const root = resolvePath('/', options.path ?? '/');
    this.#root = root === '/' ? '' : root;
  }

  /** A session for one more client. */
  open(): P9Session {
    const { fs } = this.#options;
    return new P9Session({ fs, root: this.#root, locks: this.#locks, name: `${this.#sessions++}` });
  }
}
