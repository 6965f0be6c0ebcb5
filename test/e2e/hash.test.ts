// The deterministic engine in Chromium and in Node: the same guest and seed leave the same bytes of memory.
import { rmSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect } from 'vitest';
import { icedForBrowsers } from '../../vite.iced.ts';
import { readCore } from '../../web/cli/core_file.ts';
import { nodeThreads } from '../../web/cli/threads/node_threads.ts';
import { SessionClient } from '../../web/session/client.ts';
import { hashedMachine } from './pages/hashed_machine.ts';
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
      outDir: '../../../build/e2e-hash',
      emptyOutDir: true,
      target: 'es2022',
      rolldownOptions: { input: 'test/e2e/pages/hash.html' },
    },
  });
});
afterAll(async () => {
  await browser?.close();
  rmSync('build/e2e-hash', { recursive: true, force: true });
});

/** The hash of the same machine in Node. */
async function hashInNode(): Promise<string> {
  const session = await SessionClient.start(
    nodeThreads.spawn('machine'),
    'deterministic',
    readCore(),
    hashedMachine,
  );
  await new Promise<void>((resolve) => {
    session.onStatus(({ state }) => {
      if (state === 'ended') resolve();
    });
    void session.run();
  });
  const hash = await session.hash();
  await session.close();
  return hash;
}

browserTest('two racing vCPUs leave the same memory in Chromium and in Node', () =>
  withPage(browser, {}, async (page, errors) => {
    const site = await serveSite({ root: 'build/e2e-hash', isolate: true });
    await page.goto(`${site.url}hash.html`);
    await page.waitForFunction(() => document.body.textContent?.includes('deterministic '));
    expect(await page.textContent('body')).toBe(`deterministic ${await hashInNode()}`);
    await site.close();
    expect(errors).toEqual([]);
  }),
);
