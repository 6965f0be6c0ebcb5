// The assembler in a browser's worker, from the built bundle: the same bytes as in Node.
import { rmSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect } from 'vitest';
import { icedForBrowsers } from '../../vite.iced.ts';
import { assemble } from '../../web/asm/index.ts';
import { guests } from '../../web/lab/index.ts';
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
      outDir: '../../../build/e2e-asm',
      emptyOutDir: true,
      target: 'es2022',
      rolldownOptions: { input: 'test/e2e/pages/asm.html' },
    },
  });
});
afterAll(async () => {
  await browser?.close();
  rmSync('build/e2e-asm', { recursive: true, force: true });
});

browserTest("a worker assembles the lab's guests to the bytes that Node gives", () =>
  withPage(browser, {}, async (page, errors) => {
    const site = await serveSite({ root: 'build/e2e-asm' });
    await page.goto(`${site.url}asm.html`);
    await page.waitForFunction(() => document.title === 'done');
    const lines = guests.map(({ id, source }) => {
      const result = assemble(source);
      return `${id} ${Buffer.from(result.errors ? [] : result.bytes).toString('hex')}`;
    });
    expect(await page.textContent('body')).toBe([...lines, 'hlt'].join('\n'));
    await site.close();
    expect(errors).toEqual([]);
  }),
);
