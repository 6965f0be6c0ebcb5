// The fids of one session: which file a client's number stands for, and what is open under it. It asks no file system.

import type { Entry, OpenFile } from '../fs/index.ts';
import { KvmError } from '../kvm/abi/errno.ts';
import { FIDS_MAX, OPEN_MAX } from './constants.ts';

/** A file that Tlopen or Tlcreate has opened. */
export interface OpenedFile {
  readonly kind: 'file';
  readonly file: OpenFile;
  /** It has no end of its own: see `read` in data.ts. */
  readonly isStream: boolean;
  /** Of a stream: where its last answer ended, if that was shorter than asked for. */
  shortAt?: number | undefined;
}

/** A directory that Tlopen has opened: its entries as the last Treaddir from the beginning has seen them. */
export interface OpenedDirectory {
  readonly kind: 'directory';
  entries: readonly Entry[] | undefined;
}

/** A list of extended attributes, which is empty. */
export interface OpenedXattr {
  readonly kind: 'xattr';
}
export const NO_XATTRS: OpenedXattr = { kind: 'xattr' };

export type Opened = OpenedFile | OpenedDirectory | OpenedXattr;

/** What one number of the client stands for. */
export interface Fid {
  /** The path below the session's root: '' for the root itself, else '/name/name'. Renames move it. */
  path: string;
  /** 'opening' while the answer of Tlopen or Tlcreate is made. */
  opened: Opened | 'opening' | undefined;
}

/** All fids of a session. */
export class Fids {
  readonly #fids = new Map<number, Fid>();
  /** Numbers that an unanswered Tattach or Twalk is going to give. */
  readonly #promised = new Set<number>();
  #open = 0;

  /** EBADF for a number that stands for nothing. */
  get(number: number): Fid {
    const fid = this.#fids.get(number);
    if (!fid) throw new KvmError('EBADF', `fid ${number} is not in use: attach or walk to it first`);
    return fid;
  }

  /**
   * Keeps `number` for what `find` gives, and enters that; nobody else gets the number meanwhile. `find` answers
   * undefined when there is nothing to enter. EBADF when it is in use, EMFILE.
   */
  async enter(number: number, find: () => Promise<Fid | undefined>): Promise<void> {
    if (this.#fids.has(number) || this.#promised.has(number)) {
      throw new KvmError('EBADF', `fid ${number} is in use: clunk it first`);
    }
    if (this.#fids.size + this.#promised.size >= FIDS_MAX) {
      throw new KvmError('EMFILE', `${FIDS_MAX} fids are in use: clunk some`);
    }
    this.#promised.add(number);
    try {
      const fid = await find();
      // The promise is taken back when the session starts anew in between.
      if (fid && this.#promised.has(number)) this.#fids.set(number, fid);
    } finally {
      this.#promised.delete(number);
    }
  }

  /**
   * Opens what `fid` stands for by `open`; calls of the same fid that come meanwhile see that it is being opened.
   * EBADF when it is open already, EMFILE.
   */
  async open<T extends Opened>(number: number, open: (fid: Fid) => Promise<T>): Promise<T> {
    const fid = this.get(number);
    if (fid.opened) throw new KvmError('EBADF', `fid ${number} is open already`);
    if (this.#open >= OPEN_MAX) throw new KvmError('EMFILE', `${OPEN_MAX} files are open: clunk some`);
    fid.opened = 'opening';
    this.#open++;
    try {
      const opened = await open(fid);
      if (this.#fids.get(number) === fid) fid.opened = opened;
      else if (opened.kind === 'file') void opened.file.close();
      return opened;
    } catch (error) {
      if (this.#fids.get(number) === fid) this.#open--;
      fid.opened = undefined;
      throw error;
    }
  }

  /** Forgets a fid, and closes what is open under it. EBADF. */
  async clunk(number: number): Promise<void> {
    const { opened } = this.get(number);
    this.#fids.delete(number);
    if (opened && opened !== NO_XATTRS) this.#open--;
    if (typeof opened === 'object' && opened.kind === 'file') await opened.file.close();
  }

  /** Forgets all of them. */
  async clear(): Promise<void> {
    this.#promised.clear();
    await Promise.all([...this.#fids.keys()].map((number) => this.clunk(number)));
  }

  /** Tells the fids at and below `from` that they are at `to` now. */
  moved(from: string, to: string): void {
    for (const fid of this.#fids.values()) {
      if (fid.path === from) fid.path = to;
      else if (fid.path.startsWith(`${from}/`)) fid.path = to + fid.path.slice(from.length);
    }
  }
}
