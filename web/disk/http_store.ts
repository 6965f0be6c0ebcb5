// A disk image behind a URL, read by HTTP ranges (RFC 9110, 14): only what a guest reads is fetched. Read only: changes go
// to an overlay. The same in a page, in its workers and in Node.

import { KvmError } from '../kvm/abi/errno.ts';
import { type BlockStore, checkRange, checkWritable } from './block_store.ts';
import { ReadAhead } from './read_ahead.ts';

/** What it needs of a response. */
interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  arrayBuffer(): Promise<ArrayBuffer>;
  readonly body?: { cancel(): Promise<void> } | null;
}

/** What it needs of `fetch`. */
export type Fetch = (
  url: string,
  options: { headers: Record<string, string>; signal: AbortSignal },
) => Promise<Answer>;

declare const fetch: Fetch;
declare function setTimeout(callback: () => void, milliseconds: number): unknown;
declare function clearTimeout(timer: unknown): void;

export interface HttpStoreOptions {
  /** The host's `fetch`, when left out. */
  readonly fetch?: Fetch;
  /** Bytes of the image that are kept in memory, 64 MiB when left out. */
  readonly cacheBytes?: number;
  /** Tries of one request after the first one failed, 4 when left out. */
  readonly retries?: number;
  /** Wait before the first of them, in ms; each next one waits twice as long. 200 when left out. */
  readonly retryMs?: number;
  /** A request that takes longer is tried anew, in ms; 30000 when left out. */
  readonly timeoutMs?: number;
}

/** A failure that may pass: no connection, a server that is busy. */
class Passing extends Error {}

/** What tells one content of a URL from the next: a strong ETag, else the time of the last change. */
function versionOf(answer: Answer): string {
  const etag = answer.headers.get('etag');
  return etag && !etag.startsWith('W/') ? etag : (answer.headers.get('last-modified') ?? etag ?? '');
}

/** The first byte and the total of `bytes 0-1023/4096`, or undefined when it is not to be read. */
function rangeOf(answer: Answer): { start: number; total: number } | undefined {
  const found = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.headers.get('content-range') ?? '');
  return found ? { start: Number(found[1]), total: Number(found[2]) } : undefined;
}

class HttpImage {
  readonly #url: string;
  readonly #options: Required<HttpStoreOptions>;
  /** What the first answer said; each later one must say the same. */
  #version: string | undefined;
  #total: number | undefined;
  readonly #ended = new AbortController();

  constructor(url: string, options: HttpStoreOptions) {
    this.#url = url;
    this.#options = {
      fetch: (to, how) => fetch(to, how),
      cacheBytes: 64 << 20,
      retries: 4,
      retryMs: 200,
      timeoutMs: 30_000,
      ...options,
    };
  }

  get cacheBytes(): number {
    return this.#options.cacheBytes;
  }

  /** Its size, and its version as far as the server gives one. */
  async open(): Promise<{ bytes: number; version: string }> {
    await this.get(0, 1);
    return { bytes: this.#total as number, version: this.#version as string };
  }

  /** `length` bytes from `offset` on. */
  async get(offset: number, length: number): Promise<Uint8Array> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#ask(offset, length);
      } catch (error) {
        if (!(error instanceof Passing)) throw error;
        if (tries >= this.#options.retries) throw new KvmError('EIO', error.message);
      }
      await this.#pause(this.#options.retryMs * 2 ** tries);
    }
  }

  /** Ends what is under way. */
  end(): void {
    this.#ended.abort();
  }

  async #ask(offset: number, length: number): Promise<Uint8Array> {
    const timeout = new AbortController();
    const stop = () => timeout.abort();
    this.#ended.signal.addEventListener('abort', stop);
    const timer = setTimeout(stop, this.#options.timeoutMs);
    try {
      if (this.#ended.signal.aborted) throw new KvmError('EIO', `${this.#url} was closed: open it anew`);
      const range = `bytes=${offset}-${offset + length - 1}`;
      const answer = await this.#options.fetch(this.#url, { headers: { range }, signal: timeout.signal });
      this.#check(answer, offset, length);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const wanted = Math.min(length, (this.#total as number) - offset);
      if (bytes.length < wanted)
        throw new Passing(
          `${this.#url} gave ${bytes.length} bytes of ${wanted}: its server ends answers early`,
        );
      return bytes.subarray(0, wanted);
    } catch (error) {
      if (error instanceof Passing || error instanceof KvmError) throw error;
      throw new Passing(
        `${this.#url} cannot be fetched: the network is down, the address is wrong, or its server forbids this page to read it (CORS: it must send Access-Control-Allow-Origin)`,
      );
    } finally {
      clearTimeout(timer);
      this.#ended.signal.removeEventListener('abort', stop);
    }
  }

  /** Refuses an answer that does not hold the bytes that were asked for, of the image that was opened. */
  #check(answer: Answer, offset: number, length: number): void {
    const { status } = answer;
    if (status === 206) {
      this.#checkPart(answer, offset);
      return;
    }
    void answer.body?.cancel().catch(() => {});
    if (status === 408 || status === 429 || status >= 500)
      throw new Passing(
        `${this.#url} answers with status ${status}: its server is busy or broken, try again later`,
      );
    if (status === 404 || status === 410)
      throw new KvmError('ENOENT', `${this.#url} is not there (status ${status}): look at the address`);
    if (status === 401 || status === 403)
      throw new KvmError(
        'EACCES',
        `${this.#url} is not for everybody (status ${status}): take a public address`,
      );
    if (status === 416)
      throw new KvmError(
        'ESTALE',
        `${this.#url} has no bytes ${offset} to ${offset + length}: it is empty, or became shorter since it was opened`,
      );
    if (status === 200)
      throw new KvmError(
        'EOPNOTSUPP',
        `the server of ${this.#url} sends no ranges (it answers 200, not 206): take one that does, or download the image and drop it here`,
      );
    throw new KvmError('EIO', `${this.#url} answers with status ${status}: look at the address`);
  }

  #checkPart(answer: Answer, offset: number): void {
    const range = rangeOf(answer);
    if (!range)
      throw new KvmError(
        'EOPNOTSUPP',
        `the server of ${this.#url} does not say how large it is: it must send Content-Range with a total, and to other origins Access-Control-Expose-Headers: Content-Range, ETag`,
      );
    const version = versionOf(answer);
    if (this.#total === undefined) {
      this.#total = range.total;
      this.#version = version;
    }
    if (range.total !== this.#total || version !== this.#version)
      throw new KvmError(
        'ESTALE',
        `${this.#url} was changed since it was opened: start the machine anew, on a new overlay`,
      );
    if (range.start !== offset)
      throw new Passing(
        `${this.#url} gave bytes from ${range.start} on, not from ${offset}: a cache on the way is wrong`,
      );
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}

/**
 * Opens the image at `url` by asking for its first byte. EOPNOTSUPP when its server sends no ranges or hides its size,
 * ENOENT and EACCES as it says, EIO when it cannot be fetched. Reads are ESTALE once the image was changed.
 */
export async function openHttpStore(url: string, options: HttpStoreOptions = {}): Promise<BlockStore> {
  const image = new HttpImage(url, options);
  const { bytes, version } = await image.open();
  const ahead = new ReadAhead(bytes, image.cacheBytes, (offset, length) => image.get(offset, length));
  const store: BlockStore = {
    bytes,
    isReadonly: true,
    // Without a version the size is all there is to tell images apart.
    identity: `http ${bytes} ${version}`,
    read(offset, into) {
      checkRange(store, offset, into.length);
      return ahead.read(offset, into);
    },
    write: () => checkWritable(store),
    flush() {},
    close: () => image.end(),
  };
  return store;
}
