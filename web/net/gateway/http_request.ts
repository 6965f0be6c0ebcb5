// Reads one HTTP/1.x request from a stream of bytes (RFC 9112): head, then a body of known length or in chunks.
// It knows no connection and answers nothing.
import { concat } from '../wire/bytes.ts';

/** The largest head and body that are taken. */
const MAX_HEAD = 32_768;
const MAX_BODY = 16 * 2 ** 20;

/** A request in full. */
export interface HttpRequest {
  readonly method: string;
  /** As it was said: a path, or a whole URL. */
  readonly target: string;
  /** HTTP/1.0 knows no chunks. */
  readonly isOld: boolean;
  /** Names in lower case. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Uint8Array | undefined;
}

/** What was wrong with a request: the status to answer with, a sentence, and the reason for the status line. */
export class BadRequest extends Error {
  readonly status: number;
  readonly reason: string;

  /** The reason is the sentence's first part when left out. */
  constructor(status: number, message: string, reason = /^[^.(:]*/.exec(message)?.[0] ?? '') {
    super(message);
    this.status = status;
    this.reason = reason.trim();
  }
}

/** The header of a name, or undefined. */
export function headerOf(request: Pick<HttpRequest, 'headers'>, name: string): string | undefined {
  return request.headers.find(([other]) => other === name)?.[1];
}

/** Collects the bytes of one request. */
export class RequestReader {
  readonly #waitsForBody: () => void;
  #bytes: Uint8Array = new Uint8Array(0);
  #head: HttpRequest | undefined;
  #bodyAt = 0;
  #hasAsked = false;

  /** `waitsForBody` is called when the client wants to hear `100 Continue` before it sends its body. */
  constructor(waitsForBody: () => void) {
    this.#waitsForBody = waitsForBody;
  }

  /** Takes bytes; returns the request when it is complete. Throws BadRequest. */
  push(bytes: Uint8Array): HttpRequest | undefined {
    this.#bytes = concat([this.#bytes, bytes]);
    if (!this.#head) {
      const end = findHeadEnd(this.#bytes);
      if (end < 0) {
        if (this.#bytes.length > MAX_HEAD) throw new BadRequest(431, 'The request has too many headers.');
        return;
      }
      this.#head = parseHead(new TextDecoder().decode(this.#bytes.subarray(0, end)));
      this.#bodyAt = end + 4;
    }
    const body = this.#body(this.#head);
    return body === 'more' ? undefined : { ...this.#head, body };
  }

  #body(head: HttpRequest): Uint8Array | undefined | 'more' {
    const have = this.#bytes.subarray(this.#bodyAt);
    const isChunked = /(^|,)\s*chunked\s*$/i.test(headerOf(head, 'transfer-encoding') ?? '');
    const length = Number(headerOf(head, 'content-length') ?? 0);
    if (!Number.isSafeInteger(length) || length < 0)
      throw new BadRequest(400, 'Content-Length is no number.');
    if (length > MAX_BODY || have.length > 2 * MAX_BODY)
      throw new BadRequest(413, `The gateway takes bodies of ${MAX_BODY} bytes at most.`);
    const body = isChunked ? readChunks(have) : have.length >= length ? have.slice(0, length) : 'more';
    if (body === 'more' && !this.#hasAsked && headerOf(head, 'expect')?.toLowerCase() === '100-continue') {
      this.#hasAsked = true;
      this.#waitsForBody();
    }
    return body !== 'more' && body.length === 0 ? undefined : body;
  }
}

/** Where the empty line that ends the head begins, or -1. */
function findHeadEnd(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(13); at >= 0; at = bytes.indexOf(13, at + 1))
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  return -1;
}

function parseHead(text: string): HttpRequest {
  const [first = '', ...lines] = text.split('\r\n');
  const start = /^([!#$%&'*+.^_`|~\w-]+) (\S+) HTTP\/1\.([01])$/.exec(first);
  if (!start) throw new BadRequest(400, 'This is no HTTP/1.1 request.');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new BadRequest(400, 'A header has no colon.');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { method: start[1] ?? '', target: start[2] ?? '', isOld: start[3] === '0', headers };
}

function readChunks(bytes: Uint8Array): Uint8Array | 'more' {
  const pieces: Uint8Array[] = [];
  let at = 0;
  while (true) {
    const end = bytes.indexOf(10, at);
    if (end < 0) return 'more';
    const line = new TextDecoder().decode(bytes.subarray(at, end)).replace(/[\s;].*$/s, '');
    if (!/^[\da-f]{1,7}$/i.test(line)) throw new BadRequest(400, 'A chunk has no length.');
    const length = Number.parseInt(line, 16);
    // After the last chunk come trailers, which nobody needs, and an empty line.
    if (length === 0) return findTrailersEnd(bytes, end + 1) ? concat(pieces) : 'more';
    if (end + 1 + length + 2 > bytes.length) return 'more';
    pieces.push(bytes.subarray(end + 1, end + 1 + length));
    at = end + 1 + length + 2;
  }
}

function findTrailersEnd(bytes: Uint8Array, from: number): boolean {
  return (bytes[from] === 13 && bytes[from + 1] === 10) || findHeadEnd(bytes.subarray(from)) >= 0;
}
