// How the page comes to be isolated on different hosts. What it then shows is tested by its neighbours.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, expect } from 'vitest';
import { browserTest, type Site, serveSite } from './support/browser.ts';
import { makeBrowser } from './support/stage.ts';

const stage = makeBrowser();
let site: Site | undefined;
afterAll(() => site?.close());

async function open(page: Page, options: Parameters<typeof serveSite>[0]): Promise<() => number> {
  await site?.close();
  site = await serveSite(options);
  let loads = 0;
  page.on('domcontentloaded', () => {
    loads += 1;
  });
  await page.goto(site.url);
  await page.locator('#root > *').first().waitFor();
  return () => loads;
}

browserTest('with headers the page is isolated at once', () =>
  stage.withPage({}, async (page, errors) => {
    const loads = await open(page, {});
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(loads()).toBe(1);
    expect(errors).toEqual([]);
  }),
);

browserTest('without headers, at a sub-path, the service worker isolates it after one reload', () =>
  stage.withPage({}, async (page, errors) => {
    const loads = await open(page, { isolate: false, base: '/some/course/' });
    await page.waitForFunction(() => crossOriginIsolated);
    await page.locator('#root > *').first().waitFor();
    expect(loads()).toBe(2);
    expect(errors).toEqual([]);
  }),
);

browserTest('once visited the page opens without a network', () =>
  stage.withPage({}, async (page) => {
    await open(page, { isolate: false });
    await page.waitForFunction(() => crossOriginIsolated);
    await page.reload({ waitUntil: 'networkidle' });
    await site?.close();
    await page.reload();
    await page.locator('#root > *').first().waitFor();
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  }),
);

browserTest('where service workers are refused the page runs on and does not reload', () =>
  stage.withPage({ serviceWorkers: 'block' }, async (page) => {
    const loads = await open(page, { isolate: false });
    await page.waitForTimeout(500);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(loads()).toBeLessThanOrEqual(1);
  }),
);

browserTest('a service worker that does nothing for isolation costs one reload, not a loop', async () => {
  const root = mkdtempSync(join(tmpdir(), 'vitrine-'));
  cpSync('dist', root, { recursive: true });
  writeFileSync(join(root, 'sw.js'), 'addEventListener("activate", (e) => e.waitUntil(clients.claim()))');
  await stage.withPage({}, async (page) => {
    const loads = await open(page, { isolate: false, root });
    await page.waitForTimeout(1500);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(loads()).toBe(2);
  });
  rmSync(root, { recursive: true });
});
