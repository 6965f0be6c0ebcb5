// The assembler's encoder in a browser: on the page and in a module worker, from the built bundle.
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
      outDir: '../../../build/e2e-pages',
      emptyOutDir: true,
      target: 'es2022',
      rolldownOptions: { input: 'test/e2e/pages/iced.html' },
    },
  });
});
afterAll(async () => {
  await browser?.close();
  rmSync('build/e2e-pages', { recursive: true, force: true });
});

browserTest('iced-x86 decodes on the page and in a worker that is spoken to at once', () =>
  withPage(browser, {}, async (page, errors) => {
    const site = await serveSite({ root: 'build/e2e-pages' });
    await page.goto(`${site.url}iced.html`);
    await page.waitForFunction(() => document.title.startsWith('page:'));
    expect(await page.title()).toBe('page: out 0E9h,al; worker: hlt');
    await site.close();
    expect(errors).toEqual([]);
  }),
);
