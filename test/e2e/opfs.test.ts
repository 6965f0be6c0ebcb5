// A share in the browser's own file system: what it keeps, what it refuses.
import { rmSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect } from 'vitest';
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
    worker: { format: 'es' },
    build: {
      outDir: '../../../build/e2e-opfs',
      emptyOutDir: true,
      target: 'es2022',
      rolldownOptions: { input: 'test/e2e/pages/opfs.html' },
    },
  });
});
afterAll(async () => {
  await browser?.close();
  rmSync('build/e2e-opfs', { recursive: true, force: true });
});

browserTest('files in the browser are made, shared, renamed and kept beyond a reload', () =>
  withPage(browser, {}, async (page, errors) => {
    const site = await serveSite({ root: 'build/e2e-opfs' });
    const look = async () => {
      await page.goto(`${site.url}opfs.html`);
      await page.waitForFunction(() => document.title === 'done');
      return JSON.parse((await page.textContent('body')) ?? '');
    };
    const first = await look();
    expect(first).toEqual({
      before: [],
      size: 5,
      mode: 0o100755,
      isRecent: true,
      busy: ['EBUSY', 'EBUSY'],
      tail: 't',
      errors: ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EPERM', 'EXDEV'],
      names: ['big', 'dir', 'kept', 'old'],
      renamed: 'new',
      isSame: true,
    });
    await page.reload();
    // Its worker begins anew, and is done with the file by then.
    await page.waitForFunction(() => document.title === 'done');
    const text = await page.evaluate(async () => {
      const top = await navigator.storage.getDirectory();
      const folder = await (await top.getDirectoryHandle('shares')).getDirectoryHandle('test');
      return (await (await folder.getFileHandle('kept')).getFile()).text();
    });
    expect(text).toBe('kept');
    await site.close();
    expect(errors).toEqual([]);
  }),
);

browserTest("the page's own tree has them in /share/files", () =>
  withPage(browser, {}, async (page, errors) => {
    const site = await serveSite();
    page.setDefaultTimeout(30_000);
    const shell = page.getByRole('region', { name: 'Shell', exact: true });
    const type = async (line: string, answer: string) => {
      await page.goto(site.url);
      // The page remembers which of the two was shown.
      await page.getByRole('radio', { name: 'Shell', exact: true }).click();
      await shell.locator('.xterm-accessibility').getByText('/home $').first().waitFor();
      await page.getByRole('textbox', { name: /^Shell input/ }).focus();
      await page.keyboard.type(`${line}\n`);
      await shell.locator('.xterm-accessibility').getByText(answer).first().waitFor();
    };
    await type('echo kept > /share/files/it; stat -c %s-bytes /share/files/it', '5-bytes');
    await type('sed s/^/still-/ /share/files/it', 'still-kept');
    await site.close();
    expect(errors).toEqual([]);
  }),
);
