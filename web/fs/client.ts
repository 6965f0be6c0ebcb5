// A tree in another thread as an Fs: each call is a message and its answer. It starts no thread.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { BaseFs, bytesOf } from './base_fs.ts';
import { Changes } from './changes.ts';
import type { Cancel, Entry, OpenFile, OpenFlags, PollOptions, Stats } from './fs.ts';
import type { Change, Room } from './node.ts';
import { flagBits } from './open_flags.ts';
import type { Port } from './port.ts';
import { type Answer, type Argument, type CallName, type Result, unpackError } from './protocol.ts';
import { interrupted, onAbort } from './wait.ts';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: KvmError) => void;
  readonly tell?: ((change: Change) => void) | undefined;
}

/** The near end of a tree that another thread serves. Same calls, same errors as LocalFs. */
export class FsClient extends BaseFs {
  readonly #port: Port;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #death: string | undefined;

  constructor(port: Port) {
    super();
    this.#port = port;
    port.listen(
      (message) => this.#receive(message as Answer),
      (why) => this.#die(`the thread that serves the files is gone: ${why}`),
    );
  }

  async open(path: string, flags: OpenFlags = 'r', mode = 0o644): Promise<OpenFile> {
    const fid = this.#next++;
    const full = await this.#call('open', { fid, path, flags: flagBits(flags), mode });
    return new RemoteFile(full, fid, (...call) => this.#call(...call));
  }

  readFile(path: string, cancel?: Cancel): Promise<Uint8Array> {
    return this.#call('readFile', { path }, cancel);
  }

  writeFile(path: string, data: Uint8Array | string, cancel?: Cancel): Promise<void> {
    return this.#call('writeFile', { path, bytes: bytesOf(data) }, cancel);
  }

  appendFile(path: string, data: Uint8Array | string, cancel?: Cancel): Promise<void> {
    return this.#call('appendFile', { path, bytes: bytesOf(data) }, cancel);
  }

  readdir(path: string): Promise<Entry[]> {
    return this.#call('readdir', { path });
  }

  stat(path: string): Promise<Stats> {
    return this.#call('stat', { path });
  }

  mkdir(path: string, mode?: number): Promise<void> {
    return this.#call('mkdir', { path, mode });
  }

  rmdir(path: string): Promise<void> {
    return this.#call('rmdir', { path });
  }

  unlink(path: string): Promise<void> {
    return this.#call('unlink', { path });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call('rename', { from, to });
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#call('chmod', { path, mode });
  }

  readlink(path: string): Promise<string> {
    return this.#call('readlink', { path });
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#call('symlink', { target, path });
  }

  link(from: string, to: string): Promise<void> {
    return this.#call('link', { from, to });
  }

  room(path: string): Promise<Room> {
    return this.#call('room', { path });
  }

  utimes(path: string, mtime: number): Promise<void> {
    return this.#call('utimes', { path, mtime });
  }

  watch(path: string, cancel: Cancel): AsyncIterable<Change> {
    const start = async (tell: (change: Change) => void, fail: (error: unknown) => void) => {
      const stopping = new AbortController();
      this.#call('watch', { path }, stopping, tell).catch(fail);
      return () => stopping.abort();
    };
    return new Changes(start, cancel.signal);
  }

  /** Tells the server to close all that is open here, and ends the port: calls after it are EIO. */
  close(): void {
    if (this.#death !== undefined) return;
    this.#port.post({ bye: true });
    this.#die('this client of the file tree is closed');
    this.#port.close();
  }

  /** Sends a call and waits for its answer. A call that is given up is answered too, so nothing is lost on the way. */
  #call<C extends CallName>(
    call: C,
    argument: Argument<C>,
    cancel?: Cancel,
    tell?: (change: Change) => void,
  ): Promise<Result<C>> {
    const signal = cancel?.signal;
    if (this.#death !== undefined) return Promise.reject(new KvmError('EIO', this.#death));
    if (signal?.aborted) return Promise.reject(interrupted());
    const id = this.#next++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, tell });
    });
    // A copy, because what is transferred is gone here, and shared memory cannot be transferred.
    if ('bytes' in argument) {
      const bytes = argument.bytes.slice();
      this.#port.post({ id, call, argument: { ...argument, bytes } }, [bytes.buffer]);
    } else this.#port.post({ id, call, argument });
    const release = signal && onAbort(signal, () => this.#port.post({ cancel: id }));
    return answer.finally(release) as Promise<Result<C>>;
  }

  #receive(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if (!waiting) return;
    if ('change' in answer) {
      waiting.tell?.(answer.change);
      return;
    }
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting.reject(unpackError(answer.error));
    else waiting.resolve(answer.result);
  }

  #die(why: string): void {
    if (this.#death !== undefined) return;
    this.#death = why;
    for (const { reject } of this.#waiting.values()) reject(new KvmError('EIO', why));
    this.#waiting.clear();
  }
}

type Call = <C extends CallName>(call: C, argument: Argument<C>, cancel?: Cancel) => Promise<Result<C>>;

/** An open file of the other thread. */
class RemoteFile implements OpenFile {
  readonly path: string;
  readonly #fid: number;
  readonly #call: Call;
  #isClosed = false;

  constructor(path: string, fid: number, call: Call) {
    this.path = path;
    this.#fid = fid;
    this.#call = call;
  }

  read(length: number, position?: number, cancel?: Cancel): Promise<Uint8Array> {
    return this.#call('read', { fid: this.#fid, length, position }, cancel);
  }

  write(bytes: Uint8Array, position?: number, cancel?: Cancel): Promise<number> {
    return this.#call('write', { fid: this.#fid, bytes, position }, cancel);
  }

  stat(): Promise<Stats> {
    return this.#call('fstat', { fid: this.#fid });
  }

  truncate(size: number): Promise<void> {
    return this.#call('truncate', { fid: this.#fid, size });
  }

  sync(): Promise<void> {
    return this.#call('sync', { fid: this.#fid });
  }

  poll(events: number, options?: PollOptions): Promise<number> {
    return this.#call('poll', { fid: this.#fid, events, timeout: options?.timeout }, options);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.#call('close', { fid: this.#fid });
    } catch (error) {
      // The server is gone, and closed it when it went.
      if (!isKvmError(error, 'EIO')) throw error;
    }
  }
}
