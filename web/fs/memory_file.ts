// A plain file in memory: pages that exist once they were written, so that a hole costs nothing. No names.

import { KvmError } from '../kvm/abi/errno.ts';
import { type Attributes, type FileNode, O_APPEND, type OpenNode, S_IFREG } from './node.ts';

const PAGE = 4096;
/** The largest file (s_maxbytes of this tree): positions above are EFBIG. */
const FILE_MAX = 2 ** 43;

/** Counts the bytes of all files of a tree. */
interface Room {
  reserve(bytes: number): boolean;
  release(bytes: number): void;
}

export class MemoryFile implements FileNode {
  readonly kind = 'file';
  /** Told after each change of the content; its directory sets it. */
  onChange: () => void = () => {};
  readonly #room: Room;
  readonly #ino: bigint;
  readonly #pages = new Map<number, Uint8Array>();
  #mode: number;
  #size = 0;
  #mtime = Date.now();
  #opens = 0;
  #isUnlinked = false;

  constructor(room: Room, mode: number, ino: bigint) {
    this.#room = room;
    this.#mode = mode;
    this.#ino = ino;
  }

  attributes(): Attributes {
    return { mode: S_IFREG | this.#mode, size: this.#size, ino: this.#ino, mtime: this.#mtime };
  }

  chmod(mode: number): void {
    this.#mode = mode;
    this.onChange();
  }

  utimes(mtime: number): void {
    this.#mtime = mtime;
    this.onChange();
  }

  /** Its last name is gone: the bytes go with the last open. */
  unlink(): void {
    this.#isUnlinked = true;
    this.onChange = () => {};
    this.#drop();
  }

  open(flags: number): OpenNode {
    this.#opens++;
    return {
      read: (offset, length) => this.#read(offset, length),
      write: (offset, bytes) => this.#write(flags & O_APPEND ? this.#size : offset, bytes),
      truncate: (size) => this.#truncate(size),
      close: () => {
        this.#opens--;
        this.#drop();
      },
    };
  }

  #read(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.#size);
    const bytes = new Uint8Array(Math.max(end - offset, 0));
    for (let at = offset; at < end; ) {
      const start = at % PAGE;
      const count = Math.min(PAGE - start, end - at);
      const page = this.#pages.get((at - start) / PAGE);
      if (page) bytes.set(page.subarray(start, start + count), at - offset);
      at += count;
    }
    return bytes;
  }

  /** Takes what there is room for. ENOSPC if that is nothing, EFBIG. */
  #write(offset: number, bytes: Uint8Array): number {
    if (offset >= FILE_MAX) throw new KvmError('EFBIG', `a file here has at most ${FILE_MAX} bytes`);
    const length = Math.min(bytes.length, FILE_MAX - offset);
    let done = 0;
    while (done < length) {
      const start = (offset + done) % PAGE;
      const page = this.#page((offset + done - start) / PAGE);
      if (!page) break;
      const count = Math.min(PAGE - start, length - done);
      page.set(bytes.subarray(done, done + count), start);
      done += count;
    }
    if (done === 0) throw new KvmError('ENOSPC', 'this tree in memory is full: remove something');
    this.#size = Math.max(this.#size, offset + done);
    this.#changed();
    return done;
  }

  #truncate(size: number): void {
    if (size > FILE_MAX) throw new KvmError('EFBIG', `a file here has at most ${FILE_MAX} bytes`);
    if (size < this.#size) {
      const keep = Math.ceil(size / PAGE);
      for (const index of [...this.#pages.keys()].filter((index) => index >= keep)) {
        this.#pages.delete(index);
        this.#room.release(PAGE);
      }
      // What is cut off reads as zeros when the file grows again.
      this.#pages.get(Math.floor(size / PAGE))?.fill(0, size % PAGE);
    }
    this.#size = size;
    this.#changed();
  }

  /** A page to write to, made if need be; undefined if there is no room for it. */
  #page(index: number): Uint8Array | undefined {
    const old = this.#pages.get(index);
    if (old || !this.#room.reserve(PAGE)) return old;
    const page = new Uint8Array(PAGE);
    this.#pages.set(index, page);
    return page;
  }

  #changed(): void {
    this.#mtime = Date.now();
    this.onChange();
  }

  /** Frees the bytes if no name and no open is left. */
  #drop(): void {
    if (!this.#isUnlinked || this.#opens > 0) return;
    this.#room.release(this.#pages.size * PAGE);
    this.#pages.clear();
  }
}
