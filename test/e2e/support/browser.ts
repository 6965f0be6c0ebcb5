// What a browser test needs: Chromium, a server for the built page, screenshots and an accessibility check.
// It knows no panel and no guest; tests that open the page itself live beside this folder.
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { test } from 'vitest';
import { serve } from '../../../web/cli/serve.mjs';

const KNOWN_PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Chromium's path, from CHROME_PATH or one of the usual places; undefined where there is none. */
export const chromePath = [process.env.CHROME_PATH, ...KNOWN_PLACES].find((path) => path && existsSync(path));

/** `test` where Chromium stands, a reported skip elsewhere: a browser test must not pass unrun. */
export const browserTest = test.skipIf(!chromePath);

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a headless Chromium with a user folder of its own, which is removed with it; `flags` come on top of ours. */
export async function launchBrowser(flags: readonly string[] = []): Promise<Browser> {
  if (!chromePath)
    throw new Error('No Chromium was found: install the package "chromium" or set CHROME_PATH.');
  return chromium.launch({ executablePath: chromePath, headless: true, args: [...FLAGS, ...flags] });
}

/** Starts one that keeps what its pages keep in `folder`, as a person's own browser does and a private window does not. */
export async function launchProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, {
    ...(chromePath && { executablePath: chromePath }),
    headless: true,
    args: FLAGS,
  });
}

export interface Site {
  url: string;
  close(): Promise<void>;
}

/** `isolate: false` sends no COOP and COEP; `base` puts the page at a sub-path, `also` adds folders. */
export interface SiteOptions {
  isolate?: boolean;
  base?: string;
  root?: string;
  also?: Record<string, string>;
}

/** Serves the built page, or what `root` has. */
export function serveSite(options: SiteOptions = {}): Promise<Site> {
  return serve({ root: 'dist', ...options });
}

/** The sizes and schemes the page is looked at in. */
export const LOOKS = [
  { name: 'desk-light', viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
  { name: 'desk-dark', viewport: { width: 1440, height: 900 }, colorScheme: 'dark' },
  { name: 'phone-light', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  { name: 'phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
] as const satisfies (BrowserContextOptions & { name: string })[];

/** Everything the page complained about: uncaught errors and console errors, in order. */
export function collectErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return errors;
}

/** Runs `act` on a fresh page of a fresh context (its own storage and service workers) and closes it. */
export async function withPage<T>(
  browser: Browser,
  options: BrowserContextOptions,
  act: (page: Page, errors: string[]) => Promise<T>,
): Promise<T> {
  const context = await browser.newContext(options);
  try {
    const page = await context.newPage();
    return await act(page, collectErrors(page));
  } finally {
    await context.close();
  }
}

/** Lets the page's origin keep so many bytes more than it has; without a number as many as before. */
export async function limitRoom(page: Page, more?: number): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  const used = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
  await devtools.send('Storage.overrideQuotaForOrigin', {
    origin: new URL(page.url()).origin,
    ...(more !== undefined && { quotaSize: used + more }),
  });
}

/** Where screenshots go: VITRINE_SHOTS, or a new temporary folder that is named once on stderr. */
let shotsFolder: string | undefined;
function shots(): string {
  if (!shotsFolder) {
    shotsFolder = process.env.VITRINE_SHOTS ?? mkdtempSync(join(tmpdir(), 'vitrine-shots-'));
    mkdirSync(shotsFolder, { recursive: true });
    console.warn(`screenshots are in ${shotsFolder}`);
  }
  return shotsFolder;
}

/** Saves what the page shows as NAME.png and gives the file's path. */
export async function screenshot(page: Page, name: string): Promise<string> {
  const path = join(shots(), `${name}.png`);
  await page.screenshot({ path });
  return path;
}

/** The page's serious and critical accessibility findings, one line each: rule, element, help. */
export async function findAxeViolations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}: ${help}`));
}
