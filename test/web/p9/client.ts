// A 9P2000.L client for tests: fields in, fields out, a message at a time. Its bytes are made here, not by the server's code.
import { ERRNO } from '../../../web/kvm/abi/errno.ts';
import type { P9Session } from '../../../web/p9/index.ts';

/** A field: its size in bytes with its value, a string, or bytes. */
export type Field = readonly [1 | 2 | 4 | 8, number | bigint] | string | Uint8Array;

const encoder = new TextEncoder();

function bytesOfField(field: Field): Uint8Array {
  if (field instanceof Uint8Array) return field;
  if (typeof field === 'string') {
    const text = encoder.encode(field);
    return new Uint8Array([text.length & 255, text.length >> 8, ...text]);
  }
  const [size, value] = field;
  return Uint8Array.from({ length: size }, (_, n) => Number((BigInt(value) >> BigInt(8 * n)) & 255n));
}

/** A message of these fields. */
export function pack(type: number, tag: number, ...fields: Field[]): Uint8Array<ArrayBuffer> {
  const body = fields.flatMap((field) => [...bytesOfField(field)]);
  const header: Field[] = [
    [4, 7 + body.length],
    [1, type],
    [2, tag],
  ];
  return new Uint8Array([...header.flatMap((field) => [...bytesOfField(field)]), ...body]);
}

/** An answer, of which fields are taken. */
export class Answer {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #at = 7;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.#view.getUint32(0, true) !== bytes.length)
      throw new Error('an answer of another size than it says');
  }

  get type(): number {
    return this.#view.getUint8(4);
  }

  get tag(): number {
    return this.#view.getUint16(5, true);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  n(size: 1 | 2 | 4 | 8): number {
    const at = this.#at;
    this.#at += size;
    if (size === 8) return Number(this.#view.getBigUint64(at, true));
    return size === 4
      ? this.#view.getUint32(at, true)
      : size === 2
        ? this.#view.getUint16(at, true)
        : this.#view.getUint8(at);
  }

  bytes(length = this.n(4)): Uint8Array {
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  text(): string {
    return new TextDecoder().decode(this.bytes(this.n(2)));
  }

  qid(): string {
    return [...this.bytes(13)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}

const NAMES = new Map<number, string>(Object.entries(ERRNO).map(([name, number]) => [number, name]));

/** A client of one session, with a root at fid 0. */
export class Client {
  readonly session: P9Session;
  #tag = 0;
  #fid = 100;

  constructor(session: P9Session) {
    this.session = session;
  }

  /** Says Tversion and attaches fid 0 to the root. */
  async mount(msize = 65536, aname = ''): Promise<this> {
    await this.call(100, [4, msize], '9P2000.L');
    await this.call(104, [4, 0], [4, 0xffffffff], 'root', aname, [4, 0]);
    return this;
  }

  /** A number for a fid that was not used before. */
  fid(): number {
    return this.#fid++;
  }

  nextTag(): number {
    return ++this.#tag;
  }

  /** Sends a request and takes its answer; throws the name of the errno. */
  async call(type: number, ...fields: Field[]): Promise<Answer> {
    return this.send(this.nextTag(), type, ...fields);
  }

  async send(tag: number, type: number, ...fields: Field[]): Promise<Answer> {
    const answer = new Answer(await this.session.answer(pack(type, tag, ...fields)));
    if (answer.tag !== tag) throw new Error(`tag ${answer.tag} for ${tag}`);
    if (answer.type === 7) throw new Error(NAMES.get(answer.n(4)) ?? 'an errno without a name');
    if (answer.type !== type + 1) throw new Error(`type ${answer.type} for ${type}`);
    return answer;
  }

  /** Walks from fid 0 to a path; the new fid. */
  async walk(path: string, from = 0): Promise<number> {
    const names = path.split('/').filter(Boolean);
    const to = this.fid();
    const answer = await this.call(110, [4, from], [4, to], [2, names.length], ...names);
    if (answer.n(2) !== names.length) throw new Error('ENOENT');
    return to;
  }

  /** Walks to a path and opens it. */
  async open(path: string, flags = 0): Promise<number> {
    const fid = await this.walk(path);
    await this.call(12, [4, fid], [4, flags]);
    return fid;
  }

  async create(path: string, flags = 2, mode = 0o644): Promise<number> {
    const cut = path.lastIndexOf('/');
    const fid = await this.walk(path.slice(0, Math.max(cut, 0)));
    await this.call(14, [4, fid], path.slice(cut + 1), [4, flags], [4, mode], [4, 0]);
    return fid;
  }

  async read(fid: number, offset = 0, count = 4096): Promise<string> {
    const answer = await this.call(116, [4, fid], [8, offset], [4, count]);
    return new TextDecoder().decode(answer.bytes());
  }

  async write(fid: number, text: string | Uint8Array, offset = 0): Promise<number> {
    const bytes = typeof text === 'string' ? encoder.encode(text) : text;
    return (await this.call(118, [4, fid], [8, offset], [4, bytes.length], bytes)).n(4);
  }

  async clunk(fid: number): Promise<void> {
    await this.call(120, [4, fid]);
  }

  /** Names of a directory, a message at a time. */
  async list(path: string, count = 4096): Promise<string[]> {
    const fid = await this.open(path);
    const names: string[] = [];
    for (let offset = 0; ; ) {
      const answer = await this.call(40, [4, fid], [8, offset], [4, count]);
      answer.n(4);
      if (answer.left === 0) break;
      while (answer.left > 0) {
        answer.qid();
        offset = answer.n(8);
        answer.n(1);
        names.push(answer.text());
      }
    }
    await this.clunk(fid);
    return names;
  }

  async getattr(
    fid: number,
  ): Promise<{ qid: string; mode: number; size: number; mtime: number; uid: number }> {
    const answer = await this.call(24, [4, fid], [8, 0x7ff]);
    answer.n(8);
    const qid = answer.qid();
    const mode = answer.n(4);
    const uid = answer.n(4);
    answer.n(4);
    answer.n(8);
    answer.n(8);
    const size = answer.n(8);
    for (let n = 0; n < 4; n++) answer.n(8);
    return { qid, mode, size, uid, mtime: answer.n(8) };
  }

  /** Tsetattr of some fields. */
  async setattr(
    fid: number,
    valid: number,
    given: { mode?: number; uid?: number; size?: number; mtime?: number },
  ) {
    const { mode = 0, uid = 0, size = 0, mtime = 0 } = given;
    await this.call(
      26,
      [4, fid],
      [4, valid],
      [4, mode],
      [4, uid],
      [4, 0],
      [8, size],
      [8, 0],
      [8, 0],
      [8, mtime],
      [8, 0],
    );
  }
}
