// One client's session: takes messages, has each carried out beside the others, gives one answer to each. Bytes in, bytes
// out: whoever has a channel to a client (virtio, a socket, a test) calls it.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import type { Call, Context, Handler } from './call.ts';
import {
  DIALECT,
  HEADER_BYTES,
  MSIZE_MAX,
  MSIZE_MIN,
  NAME_MAX,
  NOTAG,
  REQUESTS_MAX,
  type RequestName,
  TYPE,
} from './constants.ts';
import { fsync, getlock, lcreate, lock, lopen, read, readdir, write } from './data.ts';
import { link, mkdir, mknod, remove, rename, renameat, symlink, unlinkat } from './entries.ts';
import { Fids } from './fids.ts';
import { getattr, readlink, setattr, statfs, xattrcreate, xattrwalk } from './stat.ts';
import { attach, auth, clunk, walk } from './walk.ts';
import { Reader, Writer } from './wire.ts';

/** Each request but those of the session itself. */
const HANDLERS: Record<Exclude<RequestName, 'Tversion' | 'Tflush'>, Handler> = {
  Tstatfs: statfs,
  Tlopen: lopen,
  Tlcreate: lcreate,
  Tsymlink: symlink,
  Tmknod: mknod,
  Trename: rename,
  Treadlink: readlink,
  Tgetattr: getattr,
  Tsetattr: setattr,
  Txattrwalk: xattrwalk,
  Txattrcreate: xattrcreate,
  Treaddir: readdir,
  Tfsync: fsync,
  Tlock: lock,
  Tgetlock: getlock,
  Tlink: link,
  Tmkdir: mkdir,
  Trenameat: renameat,
  Tunlinkat: unlinkat,
  Tauth: auth,
  Tattach: attach,
  Twalk: walk,
  Tread: read,
  Twrite: write,
  Tclunk: clunk,
  Tremove: remove,
};

const BY_TYPE = new Map(
  Object.entries(HANDLERS).map(([name, handler]) => [TYPE[name as RequestName] as number, handler]),
);

/** A request that is not answered yet. */
interface Pending {
  readonly controller: AbortController;
  /** Resolves when its answer has been made. */
  done: Promise<unknown>;
  /** It reads or writes a stream: nobody knows when it ends. */
  mayWait: boolean;
}

/** What a session is made of; `msize` is agreed on with the client. */
export type SessionOptions = Omit<Context, 'fids' | 'msize'>;

export class P9Session {
  readonly #options: SessionOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #fids = new Fids();
  /** 0 until the client has said Tversion. */
  #msize = 0;
  #isEnded = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /**
   * Carries out one message and resolves with its answer: it never rejects, for what is no request is answered by an
   * error. Answers come in any order, that of Tflush after the one it cancels. `message` is the session's until then.
   * An answer of more than `room` bytes (at least those of an error, 11) is EOVERFLOW.
   */
  async answer(message: Uint8Array, room = MSIZE_MAX): Promise<Uint8Array<ArrayBuffer>> {
    const tag = message.length >= HEADER_BYTES ? new Reader(message, 5).u16() : NOTAG;
    try {
      return await this.#begin(message, tag, room);
    } catch (error) {
      return errorAnswer(error, tag);
    }
  }

  /** Gives up all requests and closes all files: the client is gone, or begins anew. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#clear();
  }

  /** Resolves when no request waits but those that read or write streams. */
  async quiet(): Promise<void> {
    for (;;) {
      const busy = [...this.#pending.values()].filter(({ mayWait }) => !mayWait);
      if (busy.length === 0) return;
      await Promise.all(busy.map(({ done }) => done));
    }
  }

  async #clear(): Promise<void> {
    const all = [...this.#pending.values()];
    for (const { controller } of all) controller.abort();
    await this.#fids.clear();
    await Promise.all(all.map(({ done }) => done));
    // What was opened in between is let go of too.
    await this.#fids.clear();
  }

  #begin(message: Uint8Array, tag: number, room: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#isEnded) throw new KvmError('EIO', 'this session has ended');
    const header = new Reader(message);
    const size = header.u32();
    const type = header.u8();
    header.u16();
    if (size !== message.length) {
      throw new KvmError('EINVAL', `the message says ${size} bytes and has ${message.length}`);
    }
    if (type === TYPE.Tversion) return this.#version(header, tag);
    if (this.#msize === 0) throw new KvmError('EINVAL', 'a session begins with Tversion');
    if (size > this.#msize) throw new KvmError('EINVAL', `${size} bytes are more than msize ${this.#msize}`);
    if (type === TYPE.Tflush) return this.#flush(header, tag);
    const handler = BY_TYPE.get(type);
    if (!handler) throw new KvmError('EOPNOTSUPP', `there is no request of type ${type} in ${DIALECT}`);
    if (this.#pending.has(tag)) throw new KvmError('EINVAL', `tag ${tag} waits for its answer already`);
    if (this.#pending.size >= REQUESTS_MAX) {
      throw new KvmError('EAGAIN', `${REQUESTS_MAX} requests wait: take their answers first`);
    }
    return this.#run(handler, header, type, tag, room);
  }

  #run(
    handler: Handler,
    body: Reader,
    type: number,
    tag: number,
    room: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const controller = new AbortController();
    const pending: Pending = { controller, done: Promise.resolve(), mayWait: false };
    this.#pending.set(tag, pending);
    const call: Call = {
      signal: controller.signal,
      mayWait: () => {
        pending.mayWait = true;
      },
    };
    const msize = Math.min(this.#msize, room);
    const reply = new Writer(msize);
    const done = handler({ ...this.#options, fids: this.#fids, msize }, body, reply, call).then(
      () => reply.finish(type + 1, tag),
      (error: unknown) => errorAnswer(error, tag),
    );
    pending.done = done.then(() => this.#pending.delete(tag));
    return done;
  }

  /** Tversion: the client begins anew. Another dialect is answered by "unknown". */
  async #version(body: Reader, tag: number): Promise<Uint8Array<ArrayBuffer>> {
    const asked = body.u32();
    const dialect = body.text(NAME_MAX);
    if (asked < MSIZE_MIN)
      throw new KvmError('EINVAL', `messages have at least ${MSIZE_MIN} bytes, not ${asked}`);
    this.#msize = 0;
    await this.#clear();
    const msize = Math.min(asked, MSIZE_MAX);
    const isKnown = dialect === DIALECT;
    if (isKnown) this.#msize = msize;
    const reply = new Writer(MSIZE_MIN);
    return reply
      .u32(msize)
      .text(isKnown ? DIALECT : 'unknown')
      .finish(TYPE.Tversion + 1, tag);
  }

  /** Tflush: gives the request up, and answers when that one is answered. */
  async #flush(body: Reader, tag: number): Promise<Uint8Array<ArrayBuffer>> {
    const pending = this.#pending.get(body.u16());
    pending?.controller.abort();
    await pending?.done;
    return new Writer(HEADER_BYTES).finish(TYPE.Tflush + 1, tag);
  }
}

/** An error as Rlerror; what is no KvmError is a fault in a tree: EIO. */
function errorAnswer(error: unknown, tag: number): Uint8Array<ArrayBuffer> {
  const { errno } = isKvmError(error) ? error : new KvmError('EIO', 'the tree failed');
  return new Writer(HEADER_BYTES + 4).u32(errno).finish(TYPE.Rlerror, tag);
}
