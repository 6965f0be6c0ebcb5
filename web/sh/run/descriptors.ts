// File descriptors: numbers for open streams, which several descriptors of several processes may share, as after
// dup(2) and fork(2). It opens nothing by name.

import type { Cancel, Stats } from '../../fs/fs.ts';
import type { Maybe } from '../../fs/node.ts';
import { KvmError } from '../../kvm/abi/errno.ts';
import { concatBytes } from '../bytes.ts';

/** What stands behind a descriptor. An OpenFile of the file tree is one; a terminal or a test may be a smaller one. */
export interface Stream {
  read?(length: number, position?: number, cancel?: Cancel): Promise<Uint8Array>;
  write?(bytes: Uint8Array, position?: number, cancel?: Cancel): Promise<number>;
  stat?(): Promise<Stats>;
  truncate?(size: number): Promise<void>;
  close?(): Maybe<void>;
  /** True for a terminal (`test -t`). */
  readonly isTerminal?: boolean;
}

/** An open stream (POSIX: open file description). */
export class Description {
  readonly stream: Stream;
  #references = 1;
  /** Bytes that were read ahead and given back. */
  #returned: Uint8Array | undefined;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  share(): this {
    this.#references++;
    return this;
  }

  /** Gives one reference up; the last one closes the stream. */
  release(): Maybe<void> {
    this.#references--;
    if (this.#references === 0) return this.stream.close?.();
  }

  async read(length: number, cancel: Cancel): Promise<Uint8Array> {
    const returned = this.#returned;
    if (returned) {
      this.#returned = returned.length > length ? returned.subarray(length) : undefined;
      return returned.subarray(0, length);
    }
    if (!this.stream.read) throw new KvmError('EBADF', 'this descriptor is not open for reading.');
    return await this.stream.read(length, undefined, cancel);
  }

  /** Puts bytes back, so that the next reader begins with them. */
  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#returned = concatBytes(this.#returned ? [bytes, this.#returned] : [bytes]);
  }

  /** Writes all bytes in one call of the stream. */
  async write(bytes: Uint8Array, cancel: Cancel): Promise<void> {
    if (!this.stream.write) throw new KvmError('EBADF', 'this descriptor is not open for writing.');
    await this.stream.write(bytes, undefined, cancel);
  }
}

/** One process's table. */
export class Descriptors {
  readonly #map = new Map<number, Description>();

  get(fd: number): Description | undefined {
    return this.#map.get(fd);
  }

  /** Puts a description in place and gives back what was there: its reference is the caller's now. */
  replace(fd: number, description: Description | undefined): Description | undefined {
    const old = this.#map.get(fd);
    if (description) this.#map.set(fd, description);
    else this.#map.delete(fd);
    return old;
  }

  clone(): Descriptors {
    const copy = new Descriptors();
    for (const [fd, description] of this.#map) copy.#map.set(fd, description.share());
    return copy;
  }

  async closeAll(): Promise<void> {
    const all = [...this.#map.values()];
    this.#map.clear();
    for (const description of all) {
      const closing = description.release();
      if (closing) await closing;
    }
  }
}
