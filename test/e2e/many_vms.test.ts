// Many VMs in one page session: each with 64 slots and 16 vCPUs that run, made and ended by file operations. With
// VITRINE_VMS=1000 it makes so many, and measures from outside what the page's process keeps of them.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { browserTest } from './support/browser.ts';
import { makeStage } from './support/stage.ts';

const MEASURED = Number(process.env.VITRINE_VMS ?? 0);
const COUNT = MEASURED || 5;
/** VMs after which the code that all of them run is loaded and compiled: memory is compared from then on. */
const WARM = 20;
/** How long the page rests before it is measured: the session gives idle workers and memories back after 10 s. */
const REST_MS = 60_000;
/** One collection leaves what finalizers and ended workers let go of while it runs; the next ones find it. */
const COLLECTIONS = 4;
const BETWEEN_MS = 10_000;
const stage = makeStage({
  page: 'many_vms',
  flags: ['--js-flags=--expose-gc', '--disable-features=SpareRendererForSitePerProcess'],
});
const { site } = stage;

/** What the page has in its global scope. */
interface ManyVms {
  live(count: number): Promise<string[]>;
  collect(): Promise<void>;
}
const live = (page: Page, count: number) =>
  page.evaluate((n) => (globalThis as unknown as ManyVms).live(n), count);

/** Lets the page rest, and collects garbage in all of its threads. */
async function rest(page: Page): Promise<void> {
  await sleep(REST_MS);
  for (let n = 0; n < COLLECTIONS; n++) {
    await page.evaluate(() => (globalThis as unknown as ManyVms).collect());
    await sleep(BETWEEN_MS);
  }
}

/** Resident bytes of the process that runs the page. */
async function resident(): Promise<number> {
  const cdp = await stage.browser.newBrowserCDPSession();
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
  await cdp.detach();
  const sizes = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(({ id }) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1]) * 1024);
  return Math.max(...sizes);
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

browserTest(
  'VMs come and go in one page session, and leave its memory as it was',
  () =>
    stage.withPage({}, async (page, errors) => {
      await page.goto(`${site.url}many_vms.html`);
      await page.waitForFunction(() => document.title === 'ready');
      const empty = await resident();
      if (MEASURED) {
        expect(await live(page, WARM)).toEqual([]);
        await rest(page);
      }
      const before = await resident();
      const began = performance.now();
      expect(await live(page, COUNT)).toEqual([]);
      const seconds = (performance.now() - began) / 1000;
      if (MEASURED) {
        const busy = await resident();
        await rest(page);
        const after = await resident();
        console.warn(
          `${COUNT} VMs in ${seconds.toFixed(0)} s; ${mib(empty)} in a new page, ${mib(before)} after ${WARM}, ${mib(busy)} at once, ${mib(after)} later`,
        );
        expect(after / before).toBeLessThan(1.05);
      }
      expect(errors).toEqual([]);
    }),
  1_200_000,
);
