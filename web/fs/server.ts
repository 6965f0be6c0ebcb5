// Serves a tree to clients over message ports. It starts no thread and knows no contents.

import { KvmError } from '../kvm/abi/errno.ts';
import type { OpenFile } from './fs.ts';
import { LocalFs } from './local.ts';
import type { DirNode } from './node.ts';
import type { Port } from './port.ts';
import {
  type Answer,
  type Argument,
  type CallName,
  packError,
  type Request,
  type Result,
} from './protocol.ts';

/** The most files that one client may have open (EMFILE), as RLIMIT_NOFILE bounds a process. */
export const OPEN_MAX = 1024;

/** Serves one tree to any number of clients. */
export class FsServer {
  readonly #fs: LocalFs;

  /** Serves the tree below `root`, and `port` at once if it is given. */
  constructor(root: DirNode, port?: Port) {
    this.#fs = new LocalFs(root);
    if (port) this.accept(port);
  }

  /** Serves one more client. When its port dies, or by the function returned, all that it has open is closed. */
  accept(port: Port): () => void {
    const client = new Client(this.#fs, port);
    return () => client.end();
  }
}

type Handlers = {
  readonly [C in CallName]: (argument: Argument<C>, signal: AbortSignal, id: number) => Promise<Result<C>>;
};

/** One client: its open files and the calls that are under way. */
class Client {
  readonly #fs: LocalFs;
  readonly #port: Port;
  readonly #files = new Map<number, OpenFile>();
  readonly #calls = new Map<number, AbortController>();
  /** Fids whose open is under way: they count, and no second open may take them. */
  readonly #opening = new Set<number>();
  #isEnded = false;

  constructor(fs: LocalFs, port: Port) {
    this.#fs = fs;
    this.#port = port;
    port.listen(
      (message) => this.#receive(message as Request),
      () => this.end(),
    );
  }

  /** Gives up its calls and closes its files. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const call of this.#calls.values()) call.abort();
    for (const file of this.#files.values()) void file.close();
    this.#files.clear();
    this.#port.close();
  }

  readonly #handlers: Handlers = {
    open: async ({ fid, path, flags, mode }) => {
      if (this.#files.has(fid) || this.#opening.has(fid)) {
        throw new KvmError('EBADF', `fid ${fid} is in use: close it first`);
      }
      if (this.#files.size + this.#opening.size >= OPEN_MAX) {
        throw new KvmError('EMFILE', `${OPEN_MAX} files are open: close some`);
      }
      this.#opening.add(fid);
      try {
        const file = await this.#fs.open(path, flags, mode);
        if (this.#isEnded) await file.close();
        else this.#files.set(fid, file);
        return file.path;
      } finally {
        this.#opening.delete(fid);
      }
    },
    read: ({ fid, length, position }, signal) => this.#file(fid).read(length, position, { signal }),
    write: ({ fid, bytes, position }, signal) => this.#file(fid).write(bytes, position, { signal }),
    fstat: async ({ fid }) => this.#file(fid).stat(),
    truncate: async ({ fid, size }) => this.#file(fid).truncate(size),
    sync: async ({ fid }) => this.#file(fid).sync(),
    poll: async ({ fid, events, timeout }, signal) => this.#file(fid).poll(events, { signal, timeout }),
    close: async ({ fid }) => {
      const file = this.#file(fid);
      this.#files.delete(fid);
      await file.close();
    },
    readFile: ({ path }, signal) => this.#fs.readFile(path, { signal }),
    writeFile: ({ path, bytes }, signal) => this.#fs.writeFile(path, bytes, { signal }),
    appendFile: ({ path, bytes }, signal) => this.#fs.appendFile(path, bytes, { signal }),
    readdir: ({ path }) => this.#fs.readdir(path),
    stat: ({ path }) => this.#fs.stat(path),
    mkdir: ({ path, mode }) => this.#fs.mkdir(path, mode),
    rmdir: ({ path }) => this.#fs.rmdir(path),
    unlink: ({ path }) => this.#fs.unlink(path),
    rename: ({ from, to }) => this.#fs.rename(from, to),
    chmod: ({ path, mode }) => this.#fs.chmod(path, mode),
    readlink: ({ path }) => this.#fs.readlink(path),
    room: ({ path }) => this.#fs.room(path),
    symlink: ({ target, path }) => this.#fs.symlink(target, path),
    link: ({ from, to }) => this.#fs.link(from, to),
    utimes: ({ path, mtime }) => this.#fs.utimes(path, mtime),
    watch: async ({ path }, signal, id) => {
      for await (const change of this.#fs.watch(path, { signal })) this.#answer({ id, change });
    },
  };

  #receive(message: Request): void {
    // A client may be anybody's page: what is no request is not worth an answer.
    if (this.#isEnded || typeof message !== 'object' || message === null) return;
    if ('bye' in message) this.end();
    else if ('cancel' in message) this.#calls.get(message.cancel)?.abort();
    else void this.#serve(message.id, message.call, message.argument);
  }

  /** Runs one call and answers it, whatever happens. */
  async #serve(id: number, call: CallName, argument: unknown): Promise<void> {
    const controller = new AbortController();
    this.#calls.set(id, controller);
    try {
      const handler = Object.hasOwn(this.#handlers, call) ? this.#handlers[call] : undefined;
      if (!handler) throw new KvmError('ENOSYS', `${call} is no call of the file protocol`);
      const run = handler as (argument: unknown, signal: AbortSignal, id: number) => Promise<unknown>;
      const result = await run(argument, controller.signal, id);
      // A copy: the node may keep its bytes, and shared memory cannot be transferred.
      if (result instanceof Uint8Array) {
        const copy = result.slice();
        this.#answer({ id, result: copy }, [copy.buffer]);
      } else this.#answer({ id, result });
    } catch (error) {
      this.#answer({ id, error: packError(error) });
    } finally {
      this.#calls.delete(id);
    }
  }

  #answer(answer: Answer, transfer?: ArrayBuffer[]): void {
    if (!this.#isEnded) this.#port.post(answer, transfer);
  }

  #file(fid: number): OpenFile {
    const file = this.#files.get(fid);
    if (!file) throw new KvmError('EBADF', 'this file is closed: open it again');
    return file;
  }
}
