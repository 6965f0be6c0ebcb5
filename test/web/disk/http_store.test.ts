// Images behind URLs, from a server of Node's own with all its moods.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type HttpStoreOptions, openHttpStore } from '../../../web/disk/index.ts';

const IMAGE = Uint8Array.from({ length: 1_000_003 }, (_, n) => (n * 7) % 253);
const asked: string[] = [];

/** Answers a range as a good server does. */
function serveRange(
  request: IncomingMessage,
  response: ServerResponse,
  headers: object = { etag: '"1"' },
): void {
  const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
  const end = Math.min(Number(to), IMAGE.length - 1);
  response.writeHead(206, { 'content-range': `bytes ${from}-${end}/${IMAGE.length}`, ...headers });
  response.end(IMAGE.subarray(Number(from), end + 1));
}

let answer: (request: IncomingMessage, response: ServerResponse) => void = serveRange;
const server = createServer((request, response) => {
  asked.push(request.headers.range ?? 'all');
  answer(request, response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/disk.img`;
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  answer = serveRange;
  asked.length = 0;
});

const open = (options: HttpStoreOptions = {}) => openHttpStore(url, { retryMs: 1, ...options });

async function read(store: Awaited<ReturnType<typeof open>>, offset: number, length: number) {
  const bytes = new Uint8Array(length);
  await store.read(offset, bytes);
  return bytes;
}

test('any range reads as the image does', async () => {
  const store = await open({ cacheBytes: 5 << 16 });
  for (const [offset, length] of [
    [0, 10],
    [65_530, 20],
    [999_000, 1003],
    [100_000, 600_000],
    [0, 1_000_003],
  ] as const)
    expect(Buffer.compare(await read(store, offset, length), IMAGE.subarray(offset, offset + length))).toBe(
      0,
    );
});

test('what was read is not fetched again, and answers at once', async () => {
  const store = await open();
  await read(store, 0, 5000);
  const before = asked.length;
  expect(store.read(100, new Uint8Array(1000))).toBeUndefined();
  expect(asked.length).toBe(before);
});

test('reads in order fetch more and more at once', async () => {
  const store = await open();
  for (let offset = 0; offset + 65_536 <= IMAGE.length; offset += 65_536) await read(store, offset, 65_536);
  expect(asked.length).toBeLessThan(8);
});

test('many reads at the same time fetch each block once', async () => {
  const store = await open();
  await Promise.all(Array.from({ length: 50 }, (_, n) => read(store, n * 1000, 1000)));
  expect(asked.length).toBe(2);
});

test('a busy server is asked again', async () => {
  const store = await open();
  let failures = 3;
  answer = (request, response) => {
    if (failures-- > 0) response.writeHead(503).end();
    else serveRange(request, response);
  };
  expect(await read(store, 0, 10)).toEqual(IMAGE.slice(0, 10));
});

test('a connection that breaks is made again', async () => {
  const store = await open();
  let failures = 2;
  answer = (request, response) => {
    if (failures-- > 0) request.socket.destroy();
    else serveRange(request, response);
  };
  expect(await read(store, 500_000, 10)).toEqual(IMAGE.slice(500_000, 500_010));
});

test('after all tries a read fails, and the next one may succeed', async () => {
  const store = await open({ retries: 1 });
  answer = (_, response) => void response.writeHead(500).end();
  await expect(read(store, 0, 10)).rejects.toMatchObject({ code: 'EIO' });
  answer = serveRange;
  expect(await read(store, 0, 10)).toEqual(IMAGE.slice(0, 10));
});

test.each([
  ['another ETag', { etag: '"2"' }],
  ['no ETag any more', {}],
])('an image that was changed is not read on: %s', async (_, headers) => {
  const store = await open();
  answer = (request, response) => serveRange(request, response, headers);
  await expect(read(store, 0, 10)).rejects.toMatchObject({ code: 'ESTALE' });
});

test.each([
  ['no ranges', 200, {}, 'EOPNOTSUPP', 'sends no ranges'],
  ['no total', 206, { 'content-range': 'bytes 0-0/*' }, 'EOPNOTSUPP', 'Content-Range'],
  ['a hidden Content-Range', 206, {}, 'EOPNOTSUPP', 'Access-Control-Expose-Headers'],
  ['no such file', 404, {}, 'ENOENT', '404'],
  ['not for everybody', 403, {}, 'EACCES', '403'],
  ['an empty file', 416, {}, 'ESTALE', 'empty'],
])('a server with %s is refused with a sentence', async (_, status, headers, code, words) => {
  answer = (_request, response) => void response.writeHead(status, headers).end('x');
  const refusal = open();
  await expect(refusal).rejects.toMatchObject({ code });
  await expect(refusal).rejects.toThrow(words);
});

test('what cannot be fetched names CORS, since a browser does not say why', async () => {
  const fetch = () => Promise.reject(new TypeError('Failed to fetch'));
  await expect(open({ fetch, retries: 1 })).rejects.toThrow('Access-Control-Allow-Origin');
});

test('a server that does not answer is given up, then asked again', async () => {
  const store = await open({ timeoutMs: 50 });
  let failures = 1;
  answer = (request, response) => {
    if (failures-- <= 0) serveRange(request, response);
  };
  expect(await read(store, 0, 10)).toEqual(IMAGE.slice(0, 10));
});
