// The C VMMs in a page: the same Wasm as in Node, in a worker, with the same output.
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileWasm, missingPackages, PROGRAMS } from '../cvmm/build.mjs';
import { chromePath, launchBrowser, type Site, serveSite, withPage } from './support/browser.ts';

const canRun = chromePath !== undefined && missingPackages('wasm').length === 0;
const OUT = 'build/e2e-vmm';
let browser: Browser;
let site: Site;

beforeAll(async () => {
  if (!canRun) return;
  browser = await launchBrowser();
  await build({
    configFile: false,
    root: 'test/e2e/pages',
    base: './',
    logLevel: 'error',
    worker: { format: 'es' },
    build: {
      outDir: `../../../${OUT}`,
      emptyOutDir: true,
      target: 'es2022',
      rolldownOptions: { input: 'test/e2e/pages/vmm.html' },
    },
  });
  for (const name of PROGRAMS) copyFileSync(compileWasm(name), `${OUT}/${name}.wasm`);
  site = await serveSite({ root: OUT });
});
afterAll(async () => {
  await site?.close();
  await browser?.close();
  rmSync(OUT, { recursive: true, force: true });
});

test.skipIf(!canRun).each(PROGRAMS)('%s prints in Chromium what it prints in Node', (name) =>
  withPage(browser, {}, async (page, errors) => {
    await page.goto(`${site.url}vmm.html?${name}`);
    await page.waitForFunction(() => document.title !== 'running');
    expect(await page.title()).toBe('exit 0');
    expect(await page.textContent('pre')).toBe(readFileSync(`test/cvmm/expected/${name}.txt`, 'utf8'));
    expect(errors).toEqual([]);
  }),
);
