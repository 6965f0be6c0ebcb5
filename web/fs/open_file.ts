// An OpenFile over an OpenNode in this thread: its place, its flags, non-blocking reads, poll. It walks no path.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import type { Cancel, OpenFile, PollOptions, Stats } from './fs.ts';
import {
  type Attributes,
  type Maybe,
  O_ACCMODE,
  O_APPEND,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  type OpenNode,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  S_IFDIR,
  S_IFMT,
} from './node.ts';
import { pathNumber } from './path.ts';
import { interrupted, joinSignals, waitUntil } from './wait.ts';

/** The most that one read gives: more would only fill the memory (Linux's is MAX_RW_COUNT, just below 2 GiB). */
const READ_MAX = 1 << 30;

/** What stat(2) says of the node at `path`. */
export function statsOf(attributes: Attributes, path: string): Stats {
  const { mode, size, ino, mtime } = attributes;
  return { mode, size, ino: ino || pathNumber(path), mtime, isDirectory: (mode & S_IFMT) === S_IFDIR };
}

/** EINVAL unless `value` can be a length, a size or a position. */
function checkCount(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new KvmError('EINVAL', `${what} must be a whole number from 0 on, not ${value}`);
  }
}

/** One open(2). Calls that are made without waiting for each other see the place that the one before left. */
export class LocalFile implements OpenFile {
  readonly path: string;
  readonly #node: OpenNode;
  readonly #flags: number;
  readonly #attributes: () => Maybe<Attributes>;
  readonly #closing = new AbortController();
  #place = 0;

  /** `attributes` are those of the file behind `node`; `flags` are O_*. */
  constructor(path: string, node: OpenNode, flags: number, attributes: () => Maybe<Attributes>) {
    this.path = path;
    this.#node = node;
    this.#flags = flags;
    this.#attributes = attributes;
  }

  read(length: number, position?: number, cancel?: Cancel): Promise<Uint8Array> {
    return this.#call(cancel, async (signal) => {
      if ((this.#flags & O_ACCMODE) === O_WRONLY) throw this.#misuse('reading');
      checkCount(length, 'the length');
      if (position !== undefined) checkCount(position, 'the position');
      if (length === 0) return new Uint8Array(0);
      this.#refuseToBlock(POLLIN);
      const answer = this.#node.read(position ?? this.#place, Math.min(length, READ_MAX), signal);
      const bytes = answer instanceof Promise ? await answer : answer;
      if (position === undefined) this.#place += bytes.length;
      return bytes;
    });
  }

  write(bytes: Uint8Array, position?: number, cancel?: Cancel): Promise<number> {
    return this.#call(cancel, async (signal) => {
      if ((this.#flags & O_ACCMODE) === O_RDONLY) throw this.#misuse('writing');
      if (position !== undefined) checkCount(position, 'the position');
      let done = 0;
      try {
        while (done < bytes.length) {
          this.#refuseToBlock(POLLOUT);
          const offset = position === undefined ? this.#place : position + done;
          const answer = this.#node.write(offset, done > 0 ? bytes.subarray(done) : bytes, signal);
          const count = answer instanceof Promise ? await answer : answer;
          done += count;
          if (position === undefined) this.#place += count;
        }
      } catch (error) {
        if (done === 0 || !(isKvmError(error, 'EINTR') || isKvmError(error, 'EAGAIN'))) throw error;
      }
      if (this.#flags & O_APPEND && position === undefined && done > 0) {
        this.#place = (await this.#attributes()).size;
      }
      return done;
    });
  }

  stat(): Promise<Stats> {
    return this.#call(undefined, async () => statsOf(await this.#attributes(), this.path));
  }

  truncate(size: number): Promise<void> {
    return this.#call(undefined, async () => {
      checkCount(size, 'the size');
      if ((this.#flags & O_ACCMODE) === O_RDONLY) {
        throw new KvmError('EINVAL', `${this.path} is not open for writing: it cannot be cut`);
      }
      await this.#node.truncate?.(size);
    });
  }

  sync(): Promise<void> {
    return this.#call(undefined, async () => this.#node.sync?.());
  }

  poll(events: number, options?: PollOptions): Promise<number> {
    return this.#call(options, async (signal) => {
      let ready = 0;
      const isReady = () => {
        ready = this.#ready(events);
        return ready !== 0;
      };
      const subscribe = (listener: () => void) => this.#node.onReady?.(listener) ?? (() => {});
      await waitUntil(isReady, subscribe, signal, options?.timeout);
      return ready;
    });
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#node.close();
  }

  #ready(events: number): number {
    const ready = this.#node.poll ? this.#node.poll() : POLLIN | POLLOUT;
    return ready & (events | POLLERR | POLLHUP);
  }

  /** EAGAIN where a call of a file opened with O_NONBLOCK would sleep. */
  #refuseToBlock(event: number): void {
    if (!(this.#flags & O_NONBLOCK) || this.#ready(event) !== 0) return;
    const what = event === POLLIN ? 'nothing can be read from' : 'nothing can be written to';
    throw new KvmError('EAGAIN', `${what} ${this.path} now: wait for it with poll`);
  }

  #misuse(what: string): KvmError {
    return new KvmError('EBADF', `${this.path} is not open for ${what}: open it with other flags`);
  }

  /** Runs a call with a signal that `cancel` and close() abort. */
  async #call<T>(cancel: Cancel | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const closing = this.#closing.signal;
    const closed = () => new KvmError('EBADF', `${this.path} is closed: open it again`);
    if (closing.aborted) throw closed();
    if (cancel?.signal?.aborted) throw interrupted();
    const { signal, release } = joinSignals(closing, cancel?.signal);
    try {
      return await run(signal);
    } catch (error) {
      throw closing.aborted && isKvmError(error, 'EINTR') ? closed() : error;
    } finally {
      release();
    }
  }
}
