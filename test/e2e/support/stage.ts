// What the tests of a file share: one Chromium, the sites it opens, and pages of test/e2e/pages built for them. Each of these
// functions sets its part up before the file's first test, or its `describe`'s, and takes it away after the last. It looks at
// no page.
import { rmSync } from 'node:fs';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll } from 'vitest';
import { icedForBrowsers } from '../../../vite.iced.ts';
import { chromePath, launchBrowser, type Site, type SiteOptions, serveSite, withPage } from './browser.ts';

/** When something is set up: where there is a Chromium, and nothing else is missing. */
interface Condition {
  /** False where the tests are skipped for a reason of their own: nothing is started then. */
  readonly canRun?: boolean;
}

/** Chromium with tests' pages. */
export interface BrowserStage {
  /** There from the first test on. */
  readonly browser: Browser;
  /** Runs `act` on a fresh page of a fresh context, as `withPage` of browser.ts. */
  withPage<T>(options: BrowserContextOptions, act: (page: Page, errors: string[]) => Promise<T>): Promise<T>;
}

/** A Chromium; `flags` come on top of ours. */
export function makeBrowser({
  flags,
  canRun = true,
}: Condition & { flags?: readonly string[] } = {}): BrowserStage {
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (chromePath && canRun) browser = await launchBrowser(flags);
  });
  afterAll(async () => browser?.close());
  const launched = () => browser as Browser;
  return {
    get browser() {
      return launched();
    },
    withPage: (options, act) => withPage(launched(), options, act),
  };
}

/** What is served: the built page unless `page` or `root` say otherwise. */
export interface MakeSiteOptions extends SiteOptions, Condition {
  /** A page of test/e2e/pages, by its name: it is built into `build/e2e-NAME`. */
  readonly page?: string;
  /** Puts more into the folder that `page` was built into. */
  readonly prepare?: (folder: string) => void;
}

/** A server; its `url` is there from the first test on. */
export function makeSite({
  page,
  prepare,
  canRun = true,
  ...options
}: MakeSiteOptions = {}): Pick<Site, 'url'> {
  const folder = page === undefined ? undefined : `build/e2e-${page}`;
  let site: Site | undefined;
  beforeAll(async () => {
    if (!chromePath || !canRun) return;
    if (page !== undefined && folder !== undefined) {
      await buildPage(page, folder);
      prepare?.(folder);
    }
    site = await serveSite(folder === undefined ? options : { root: folder, ...options });
  });
  afterAll(async () => {
    await site?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });
  return {
    get url() {
      return (site as Site).url;
    },
  };
}

/** A Chromium and a site. */
export function makeStage(
  options: MakeSiteOptions & { flags?: readonly string[] } = {},
): BrowserStage & { readonly site: Pick<Site, 'url'> } {
  const { flags, ...rest } = options;
  const { canRun } = rest;
  const stage = makeBrowser({ ...(flags && { flags }), ...(canRun !== undefined && { canRun }) });
  const site = makeSite(rest);
  return {
    get browser() {
      return stage.browser;
    },
    withPage: stage.withPage,
    site,
  };
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
