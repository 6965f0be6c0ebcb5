// The file server behind `npm start`: what it sends and what it refuses.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { serve } from '../../../web/cli/serve.mjs';

let folder = '';
let site: Awaited<ReturnType<typeof serve>> | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-serve-'));
  mkdirSync(join(folder, 'page', 'assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'page', 'index.html'), '<p>page</p>');
  writeFileSync(join(folder, 'page', 'assets', 'core-1a2b.wasm'), new Uint8Array([0, 0x61, 0x73, 0x6d]));
});
afterEach(() => site?.close());
afterAll(() => rmSync(folder, { recursive: true }));

async function get(options: Omit<Parameters<typeof serve>[0], 'root'>, path: string, method = 'GET') {
  site = await serve({ root: join(folder, 'page'), ...options });
  const { port } = site;
  // node:http sends the path as it is; fetch would tidy the dots away.
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, method }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    })
      .on('error', reject)
      .end();
  });
}

test('the page comes with the headers that isolate it', async () => {
  const { status, headers } = await get({}, '/');
  expect(status).toBe(200);
  expect(headers['cross-origin-opener-policy']).toBe('same-origin');
  expect(headers['cross-origin-embedder-policy']).toBe('require-corp');
});

test('a host without isolation sends no such header', async () => {
  const { headers } = await get({ isolate: false }, '/index.html');
  expect(headers['cross-origin-embedder-policy']).toBeUndefined();
});

test('wasm has its own type and hashed files may be kept', async () => {
  const { headers } = await get({}, '/assets/core-1a2b.wasm');
  expect(headers['content-type']).toBe('application/wasm');
  expect(headers['cache-control']).toContain('immutable');
});

test('a folder that lies elsewhere is served under its name, and hides no other file of the page', async () => {
  const also = { assets: join(folder, 'elsewhere') };
  mkdirSync(also.assets, { recursive: true });
  writeFileSync(join(also.assets, 'manifest.json'), '{}');
  expect((await get({ also }, '/assets/manifest.json')).status).toBe(200);
  await site?.close();
  expect((await get({ also }, '/assets/core-1a2b.wasm')).status).toBe(200);
  await site?.close();
  expect((await get({ also }, '/assets/..%2f..%2fsecret.txt')).status).toBe(404);
});

test('a page at a sub-path is found there and nowhere else', async () => {
  expect((await get({ base: '/course/' }, '/course/index.html')).status).toBe(200);
  await site?.close();
  expect((await get({ base: '/course/' }, '/index.html')).status).toBe(404);
});

test.each(['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/assets', '/none'])(
  '%s is no file of the page',
  async (path) => {
    expect((await get({}, path)).status).toBe(404);
  },
);

test('a broken address and another method are refused in words', async () => {
  expect((await get({}, '/%zz')).status).toBe(400);
  await site?.close();
  expect((await get({}, '/', 'POST')).status).toBe(405);
});
