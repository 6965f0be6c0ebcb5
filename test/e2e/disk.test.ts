// Disks in Chromium: copy-on-write in the page's private files over an image of another origin, and a reload.
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect } from 'vitest';
import { browserTest, chromePath, launchBrowser, serveSite, withPage } from './support/browser.ts';

const IMAGE = Uint8Array.from({ length: 3 << 20 }, (_, n) => 1 + (Math.floor(n / 512) % 50));
/** What a server of images has to send to other origins. */
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Content-Range, ETag',
};

const images = createServer(({ headers, url }, response) => {
  const [, from, to] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
  if (from === undefined) return void response.writeHead(400).end();
  const end = Math.min(Number(to), IMAGE.length - 1);
  response.writeHead(206, {
    'content-range': `bytes ${from}-${end}/${IMAGE.length}`,
    etag: '"image"',
    ...(url === '/open.img' && CORS),
  });
  response.end(IMAGE.subarray(Number(from), end + 1));
});

let browser: Browser;
beforeAll(async () => {
  if (!chromePath) return;
  browser = await launchBrowser();
  await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve));
  await build({
    configFile: false,
    root: 'test/e2e/pages',
    base: './',
    logLevel: 'error',
    worker: { format: 'es' },
    build: {
      outDir: '../../../build/e2e-disk',
      emptyOutDir: true,
      target: 'es2022',
      rolldownOptions: { input: 'test/e2e/pages/disk.html' },
    },
  });
});
afterAll(async () => {
  await browser?.close();
  images.closeAllConnections();
  images.close();
  rmSync('build/e2e-disk', { recursive: true, force: true });
});

/** The address of the page that uses the image `name`. */
const address = (site: string, name: string) =>
  `${site}disk.html?image=http://127.0.0.1:${(images.address() as AddressInfo).port}/${name}`;

browserTest('an overlay over an image of another origin survives a reload', () =>
  withPage(browser, {}, async (page, errors) => {
    const site = await serveSite({ root: 'build/e2e-disk' });
    const said = async () => {
      await page.waitForFunction('document.title === "done"');
      return JSON.parse((await page.textContent('body')) ?? '');
    };
    await page.goto(address(site.url, 'open.img'));
    expect(await said()).toEqual({ sectors: [1, 2, 1, 2, 1], second: 'EBUSY', disks: ['changes'] });
    await page.reload();
    const { sectors } = await said();
    // Sector 101 was not flushed: a reload keeps it or not.
    expect([sectors[0], sectors[1], sectors[2], sectors[4]]).toEqual([0, 2, 101, 7]);
    expect(errors).toEqual([]);
    await site.close();
  }),
);

browserTest('an image that its server keeps from other origins is refused in a sentence', () =>
  withPage(browser, {}, async (page) => {
    const site = await serveSite({ root: 'build/e2e-disk' });
    await page.goto(address(site.url, 'closed.img'));
    await page.waitForFunction('document.title === "done"');
    expect(await page.textContent('body')).toContain('Access-Control-Allow-Origin');
    await site.close();
  }),
);
