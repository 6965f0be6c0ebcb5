// HTTP of machines in a page: a request to port 80 of any address is sent by the page's `fetch`, as far as a browser lets
// it, and what is not let through is answered with a sentence that says why. One request a connection; no HTTPS.
import type { ByteStream } from '../stream.ts';
import { formatIp, parseIp } from '../wire/ipv4.ts';
import type { HostNetwork, WebAnswer } from './host.ts';
import { BadRequest, type HttpRequest, headerOf, RequestReader } from './http_request.ts';
import { PLAN, whyForbidden } from './plan.ts';

declare class URL {
  constructor(url: string, base: string);
  readonly protocol: string;
  readonly hostname: string;
  readonly pathname: string;
  readonly search: string;
  readonly href: string;
}

/** What the gateway answers from. */
export interface WebSource {
  readonly fetch: NonNullable<HostNetwork['fetch']>;
  /** The folder of the page's own files: `http://page/`. */
  readonly page: string | undefined;
  /** Hears each sentence with which a request was refused. */
  refused(sentence: string): void;
}

/** Headers that a request may bring without the browser asking the server's leave first, and `authorization`. */
const SENT = new Set(['accept', 'accept-language', 'authorization', 'content-type', 'range']);
/** Headers of an answer that belong to the way it came. */
const NOT_PASSED = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'keep-alive',
  'transfer-encoding',
]);
/** Networks that are the user's own: a machine from anywhere must not speak to them through his browser. */
const PRIVATE: readonly [number, number][] = [
  [0x0a000000, 8],
  [0x64400000, 10],
  [0xac100000, 12],
  [0xc0a80000, 16],
];

/** What the host of the page's own files is called. */
const PAGE_HOSTS: readonly string[] = [PLAN.PAGE_NAME, `${PLAN.PAGE_NAME}.${PLAN.DOMAIN}`];

const encoder = new TextEncoder();

/** Why a page does not fetch from a host for its machines, or undefined. */
export function whyNotFetched(hostname: string): string | undefined {
  const ip = parseIp(hostname);
  if (ip !== undefined) {
    const isPrivate = PRIVATE.some(([first, prefix]) => (ip ^ first) >>> (32 - prefix) === 0);
    return (
      whyForbidden(ip) ?? (isPrivate ? `${hostname} is an address of the user's own network` : undefined)
    );
  }
  if (hostname.startsWith('[')) return 'machines here have IPv4 only';
  if (!hostname.includes('.') || /\.(localhost|local|lan|internal|home\.arpa)$/.test(hostname))
    return `${hostname} is a name of the user's own network`;
  return undefined;
}

/** Answers the HTTP request that comes on a stream to `address`. */
export function serveWeb(stream: ByteStream, address: number, source: WebSource): void {
  const answer = new AnswerWriter(stream, source.refused);
  const reader = new RequestReader(() => stream.write(encoder.encode('HTTP/1.1 100 Continue\r\n\r\n')));
  let isRead = false;
  stream.listen({
    data(bytes) {
      if (isRead) return;
      try {
        const request = reader.push(bytes);
        if (!request) return;
        isRead = true;
        void relay(request, address, source, answer);
      } catch (error) {
        isRead = true;
        answer.refuse(error instanceof BadRequest ? error : new BadRequest(500, (error as Error).message));
      }
    },
    end() {
      if (!isRead) stream.reset();
    },
    drain: () => answer.drained(),
    closed: () => answer.closed(),
  });
}

async function relay(request: HttpRequest, address: number, source: WebSource, answer: AnswerWriter) {
  answer.isOld = request.isOld;
  answer.isHead = request.method === 'HEAD';
  let found: WebAnswer;
  try {
    found = await source.fetch({
      method: request.method,
      url: urlOf(request, address, source.page),
      headers: request.headers.filter(([name]) => SENT.has(name)),
      body: request.body,
    });
  } catch (error) {
    if (error instanceof BadRequest) return answer.refuse(error);
    return answer.refuse(new BadRequest(502, error instanceof Error ? error.message : String(error)));
  }
  await answer.pass(found);
}

/** The URL that a request asks for. BadRequest when it is fetched for no machine. */
function urlOf(request: HttpRequest, address: number, page: string | undefined): string {
  const { target } = request;
  const host = `http://${headerOf(request, 'host') ?? formatIp(address)}`;
  // A path may begin with two slashes: it is no other host.
  const url = new URL(target.startsWith('/') ? `${host}${target}` : target, host);
  if (page !== undefined && PAGE_HOSTS.includes(url.hostname)) return pageUrlOf(request, url, page);
  const why = url.protocol === 'http:' ? whyNotFetched(url.hostname) : `${url.protocol} has no gateway here`;
  if (why) throw new BadRequest(403, `Vitrine's gateway does not fetch ${url.href}: ${why}.`, why);
  return url.href;
}

/** A file of the page's own folder, whose server may be the user's own: nothing beside the folder, and nothing is written. */
function pageUrlOf({ method }: HttpRequest, { pathname, search }: URL, page: string): string {
  if (method !== 'GET' && method !== 'HEAD')
    throw new BadRequest(405, "The page's own files are only read: GET and HEAD.");
  const { href } = new URL(`.${pathname}${search}`, page);
  if (href.startsWith(page)) return href;
  throw new BadRequest(403, `Vitrine's gateway does not fetch ${href}: it is no file of the page.`);
}

/** Writes one answer to a machine. */
class AnswerWriter {
  isOld = true;
  isHead = false;
  readonly #stream: ByteStream;
  readonly #refused: (sentence: string) => void;
  #isClosed = false;
  #drained: () => void = () => {};

  constructor(stream: ByteStream, refused: (sentence: string) => void) {
    this.#stream = stream;
    this.#refused = refused;
  }

  /** An answer of the gateway's own, in plain text; the status line says why too, for it is all that some programs show. */
  refuse({ status, message, reason }: BadRequest): void {
    const body = encoder.encode(`${message}\n`);
    this.#refused(message);
    this.#head(status, reason.replace(/[^ -~]+/g, ' '), [
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['Content-Length', String(body.length)],
    ]);
    if (!this.isHead) this.#stream.write(body);
    this.#stream.end();
  }

  /** Passes an answer on, as fast as the machine takes it. */
  async pass(answer: WebAnswer): Promise<void> {
    const { status, statusText } = answer;
    const hasBody = !this.isHead && status !== 204 && status !== 304;
    const isChunked = hasBody && !this.isOld;
    this.#head(status, statusText, [
      ...answer.headers.filter(([name]) => !NOT_PASSED.has(name.toLowerCase())),
      ...(isChunked ? [['Transfer-Encoding', 'chunked'] as const] : []),
    ]);
    try {
      let piece = hasBody ? await answer.read() : undefined;
      while (piece && !this.#isClosed) {
        if (piece.length > 0) await this.#write(isChunked ? chunkOf(piece) : piece);
        piece = await answer.read();
      }
      if (this.#isClosed || !hasBody) answer.cancel();
      if (isChunked) this.#stream.write(encoder.encode('0\r\n\r\n'));
      this.#stream.end();
    } catch {
      // The server broke off: the machine must not take what it has for the whole.
      this.#stream.reset();
    }
  }

  drained(): void {
    this.#drained();
  }

  closed(): void {
    this.#isClosed = true;
    this.#drained();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#stream.write(bytes) || this.#isClosed) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }

  #head(status: number, text: string, headers: readonly (readonly [string, string])[]): void {
    const lines = [...headers, ['Connection', 'close'] as const].map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    this.#stream.write(encoder.encode(`HTTP/1.1 ${status} ${text}\r\n${lines.join('')}\r\n`));
  }
}

function chunkOf(piece: Uint8Array): Uint8Array {
  const head = encoder.encode(`${piece.length.toString(16)}\r\n`);
  const chunk = new Uint8Array(head.length + piece.length + 2);
  chunk.set(head);
  chunk.set(piece, head.length);
  chunk.set([13, 10], head.length + piece.length);
  return chunk;
}
