// Many VMs in one page session: each with 64 slots and 16 vCPUs, made and ended by file operations. What the page's
// process keeps of them is measured from outside. VITRINE_VMS says how many (1000 for the figures in the README).
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect } from 'vitest';
import { browserTest, chromePath, launchBrowser, type Site, serveSite, withPage } from './support/browser.ts';

const COUNT = Number(process.env.VITRINE_VMS ?? 20);
/** Lives after which every cache and pool of the session is filled. */
const WARM = 8;
const OUT = 'build/e2e-many-vms';
let browser: Browser;
let site: Site;

/** What the page has in its global scope. */
interface ManyVms {
  live(count: number): Promise<string[]>;
  settle(): Promise<number>;
}
const live = (page: Page, count: number) =>
  page.evaluate((n) => (globalThis as unknown as ManyVms).live(n), count);

/** Resident bytes of the process that runs `page`, after its garbage is gone, and how many vCPU workers it has. */
async function resident(page: Page): Promise<{ bytes: number; workers: number }> {
  const cdp = await browser.newBrowserCDPSession();
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
  await cdp.detach();
  let workers = 0;
  for (let n = 0; n < 3; n++) {
    workers = await page.evaluate(() => (globalThis as unknown as ManyVms).settle());
    await sleep(500);
  }
  const sizes = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(({ id }) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1]) * 1024);
  return { bytes: Math.max(...sizes), workers };
}

beforeAll(async () => {
  if (!chromePath) return;
  browser = await launchBrowser(['--js-flags=--expose-gc']);
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
      rolldownOptions: { input: 'test/e2e/pages/many_vms.html' },
    },
  });
  site = await serveSite({ root: OUT });
});
afterAll(async () => {
  await site?.close();
  await browser?.close();
  rmSync(OUT, { recursive: true, force: true });
});

const mib = (bytes: number) => Math.round(bytes / 2 ** 20);

browserTest(
  `${COUNT} VMs leave a page's memory as it was`,
  () =>
    withPage(browser, {}, async (page, errors) => {
      await page.goto(`${site.url}many_vms.html`);
      await page.waitForFunction(() => document.title === 'ready');
      const empty = await resident(page);
      expect(await live(page, WARM)).toEqual([]);
      const before = await resident(page);
      const began = performance.now();
      for (let done = 0; done < COUNT; done += 100) {
        expect(await live(page, Math.min(100, COUNT - done))).toEqual([]);
        if (process.env.VITRINE_VMS) console.warn(done, mib((await resident(page)).bytes));
      }
      const seconds = (performance.now() - began) / 1000;
      const after = await resident(page);
      console.warn(
        `${COUNT} VMs in ${seconds.toFixed(1)} s; resident MiB: ${mib(empty.bytes)} before the first, ${mib(before.bytes)} after ` +
          `${WARM}, ${mib(after.bytes)} at the end; ${after.workers} vCPU workers`,
      );
      expect(after.workers).toBe(before.workers);
      expect(after.bytes / before.bytes).toBeLessThan(1.05);
      expect(errors).toEqual([]);
    }),
  1_200_000,
);
