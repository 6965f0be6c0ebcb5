// What the tests of a file share: one Chromium, one server, and pages of test/e2e/pages built for them. It looks at no page.
import { rmSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll } from 'vitest';
import { icedForBrowsers } from '../../../vite.iced.ts';
import { chromePath, launchBrowser, type Site, type SiteOptions, serveSite } from './browser.ts';

/** Set before the first test of the file, where there is a Chromium. */
export interface Stage {
  readonly browser: Browser;
  readonly site: Site;
}

/** What a stage is made of; what is left out is the built page, isolated, at the root of its server. */
export interface StageOptions extends SiteOptions {
  /** Chromium's flags beside our own. */
  readonly flags?: readonly string[];
  /** A page of test/e2e/pages, by its name: it is built and served instead of the built page. */
  readonly page?: string;
  /** Does more before the site is served; `folder` is where the page was built. */
  readonly prepare?: (folder: string) => void | Promise<void>;
  /** Without it nothing is started: the file's tests are skipped. */
  readonly canRun?: boolean;
}

/** Puts Chromium and a site up for the tests of this file, and takes them away after them. */
export function makeStage(options: StageOptions = {}): Stage {
  const { flags, page, prepare, canRun = true, ...site } = options;
  const stage: { browser?: Browser; site?: Site } = {};
  const folder = page === undefined ? 'dist' : `build/e2e-${page}`;
  beforeAll(async () => {
    if (!chromePath || !canRun) return;
    stage.browser = await launchBrowser(flags);
    if (page !== undefined) await buildPage(page, folder);
    await prepare?.(folder);
    stage.site = await serveSite({ root: folder, ...site });
  });
  afterAll(async () => {
    await stage.browser?.close();
    await stage.site?.close();
    if (page !== undefined) rmSync(folder, { recursive: true, force: true });
  });
  return stage as Stage;
}

/** Builds a page of test/e2e/pages as the page itself is built. */
async function buildPage(name: string, folder: string): Promise<void> {
  await build({
    configFile: false,
    root: 'test/e2e/pages',
    base: './',
    logLevel: 'error',
    plugins: [icedForBrowsers()],
    worker: { format: 'es', plugins: () => [icedForBrowsers()] },
    build: {
      outDir: `../../../${folder}`,
      emptyOutDir: true,
      target: 'es2022',
      rolldownOptions: { input: `test/e2e/pages/${name}.html` },
    },
  });
}
