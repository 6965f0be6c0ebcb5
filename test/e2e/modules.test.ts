// Modules in Chromium: workers of a page serve a guest of that page, near and behind a message channel.
import { rmSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect } from 'vitest';
import { icedForBrowsers } from '../../vite.iced.ts';
import { browserTest, chromePath, launchBrowser, serveSite, withPage } from './support/browser.ts';

let browser: Browser;

beforeAll(async () => {
  if (!chromePath) return;
  browser = await launchBrowser();
  await build({
    configFile: false,
    root: 'test/e2e/pages',
    base: './',
    logLevel: 'error',
    plugins: [icedForBrowsers()],
    worker: { format: 'es', plugins: () => [icedForBrowsers()] },
    build: {
      outDir: '../../../build/e2e-modules',
      emptyOutDir: true,
      target: 'es2022',
      rolldownOptions: { input: 'test/e2e/pages/modules.html' },
    },
  });
});
afterAll(async () => {
  await browser?.close();
  rmSync('build/e2e-modules', { recursive: true, force: true });
});

browserTest('the ring module serves a guest of the page, near and far, and leaves no pins', () =>
  withPage(browser, {}, async (page, errors) => {
    const site = await serveSite({ root: 'build/e2e-modules', isolate: true });
    await page.goto(`${site.url}modules.html`);
    await page.waitForFunction('document.title === "done"');
    const text = 'ALPHA ..BETA ...GAMMA ..DELTA ..EPSILON\n';
    expect(JSON.parse((await page.textContent('body')) ?? '')).toEqual({
      lines: [text, text],
      states: ['killed', 'ended'],
      pins: [0, 0],
    });
    expect(errors).toEqual([]);
    await site.close();
  }),
);
