// Messages as bytes: a reader that never leaves its message, and a writer that never leaves its room. No meaning here.
//
//   size[4] type[1] tag[2] body    little-endian; a string is count[2] and UTF-8; a qid is type[1] version[4] path[8]

import { KvmError } from '../kvm/abi/errno.ts';
import { HEADER_BYTES, NAME_MAX } from './constants.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const notName = (name: string) => new KvmError('EINVAL', `'${name}' is no name of an entry`);
const short = () => new KvmError('EINVAL', 'the message ends before its fields do');

/** What identifies a file for a client: no two files of a session have the same path at one time. */
export interface Qid {
  readonly type: number;
  /** Another number when the content has changed. */
  readonly version: number;
  readonly path: bigint;
}

/** Takes fields off a message, one after the other. Each is EINVAL when the message is too short for it. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  /** Reads `bytes` from `at` on. */
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw short();
    this.#at = at + count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** A u64 that is a position or a size. EINVAL above 2^53 - 1, which no file here has. */
  size(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new KvmError('EINVAL', `${value} is beyond any file`);
    return Number(value);
  }

  /** A string of at most `most` bytes. ENAMETOOLONG; EILSEQ when it is no UTF-8. */
  text(most: number): string {
    const length = this.u16();
    const at = this.#take(length);
    if (length > most) throw new KvmError('ENAMETOOLONG', `${length} bytes are too many: ${most} at most`);
    try {
      // A copy: shared memory cannot be decoded.
      return decoder.decode(this.#bytes.slice(at, at + length));
    } catch {
      throw new KvmError('EILSEQ', 'names here are UTF-8, and these bytes are none');
    }
  }

  /** A step of a walk: a name of an entry, or '..'. */
  step(): string {
    const name = this.text(NAME_MAX);
    if (name === '' || name === '.' || /[/\0]/.test(name)) throw notName(name);
    return name;
  }

  /** The name of an entry: EINVAL for an empty one, '.', '..' and one with a slash or NUL in it. */
  name(): string {
    const name = this.step();
    if (name === '..') throw notName(name);
    return name;
  }

  /** `length` bytes, not copied. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }
}

/** Puts fields behind each other into a message of at most `room` bytes; it grows by itself. */
export class Writer {
  readonly #room: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #end = HEADER_BYTES;

  constructor(room: number) {
    this.#room = room;
    // Most answers fit; one that waits for a read takes no more until it has its bytes.
    this.#bytes = new Uint8Array(Math.min(room, 192));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes so far, the header with them. */
  get length(): number {
    return this.#end;
  }

  /** Makes room for `count` bytes and gives their place. Call it first: the buffer may be another one afterwards. */
  #put(count: number): number {
    const at = this.#end;
    const end = at + count;
    if (end > this.#room) throw new KvmError('EOVERFLOW', 'the answer does not fit into a message (msize)');
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.#room, Math.max(end, 2 * this.#bytes.length)));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#end = end;
    return at;
  }

  u8(value: number): this {
    const at = this.#put(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#put(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#put(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: bigint | number): this {
    const at = this.#put(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
    return this;
  }

  text(text: string): this {
    const bytes = encoder.encode(text);
    return this.u16(bytes.length).bytes(bytes);
  }

  qid({ type, version, path }: Qid): this {
    return this.u8(type).u32(version).u64(path);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#put(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** The finished message. */
  finish(type: number, tag: number): Uint8Array<ArrayBuffer> {
    this.#view.setUint32(0, this.#end, true);
    this.#view.setUint8(4, type);
    this.#view.setUint16(5, tag, true);
    return this.#bytes.subarray(0, this.#end);
  }
}
