// Disks and shared files of a Linux guest in the page: what it was told is kept outlives the page, and comes out of it whole.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  chromePath,
  launchBrowser,
  launchProfile,
  limitRoom,
  type Site,
  screenshot,
  serveSite,
  withPage,
} from './support/browser.ts';

const MANIFEST = '.guests/manifest.json';
const { guests }: { guests: { name: string; lacks?: readonly string[] }[] } = existsSync(MANIFEST)
  ? JSON.parse(readFileSync(MANIFEST, 'utf8'))
  : { guests: [] };
/** The quickest guest that has all that is needed. */
const guest = ['small', 'small32', 'cloud', '686'].find((name) =>
  guests.some((one) => one.name === name && one.lacks?.length === 0),
);
const has = (program: string) => spawnSync(program, ['-V']).error === undefined;
const canRun = chromePath && guest !== undefined && ['mke2fs', 'e2fsck', 'debugfs'].every(has);
const PATIENCE_MS = 240_000;
const BOOT_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'vitrine-disks-'));
const image = join(folder, 'root.img');
const IMAGE_BYTES = 48 << 20;
let browser: Browser;
/** A browser that keeps what it is given when it ends. */
let own: BrowserContext | undefined;
let site: Site;

beforeAll(async () => {
  if (!canRun) return;
  writeFileSync(image, '');
  truncateSync(image, IMAGE_BYTES);
  writeFileSync(join(folder, 'hello'), 'from the host\n');
  spawnSync('mke2fs', ['-q', '-t', 'ext4', image]);
  spawnSync('debugfs', ['-w', '-R', `write ${join(folder, 'hello')} hello`, image]);
  browser = await launchBrowser();
  site = await serveSite({ also: { guests: '.guests' } });
});
afterAll(async () => {
  await browser?.close();
  await own?.close();
  await site?.close();
  rmSync(folder, { recursive: true });
});

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
const said = (page: Page) => page.getByRole('status', { name: 'What happened' });
const screen = (page: Page) => page.locator('.xterm-accessibility');

async function opened(page: Page): Promise<void> {
  await page.goto(site.url);
  await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
}

/** Drops files of these names and contents on the page. */
async function drop(page: Page, files: Record<string, string>): Promise<void> {
  const transfer = await page.evaluateHandle((all) => {
    const data = new DataTransfer();
    for (const [name, text] of Object.entries(all)) data.items.add(new File([text], name));
    return data;
  }, files);
  await page.locator('.page').dispatchEvent('drop', { dataTransfer: transfer });
}

/** Chooses the guest and runs it to its shell. */
async function booted(page: Page): Promise<void> {
  const list = page.getByRole('combobox', { name: 'Guest' });
  await list.locator(`option[value="${guest}"]`).waitFor({ state: 'attached' });
  await list.selectOption(guest as string);
  await said(page).getByText('The kernel is loaded').waitFor({ timeout: BOOT_MS });
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await screen(page)
    .getByText(/^Ready: Linux/)
    .first()
    .waitFor({ timeout: BOOT_MS });
  await page.getByRole('textbox', { name: /^Console input/ }).focus();
}

/** Types lines into the guest's shell; what they have printed, on one line. */
async function typed(page: Page, lines: string): Promise<string> {
  await page.keyboard.type(`clear; echo "<"$(${lines})">"\n`);
  const rows = () => screen(page).getByRole('listitem').allTextContents();
  const answer = async () => /<([^<>"$]+)>/.exec((await rows()).join(''))?.[1];
  await expect.poll(answer, { timeout: BOOT_MS, interval: 200 }).toBeDefined();
  const text = await answer();
  await page.keyboard.type('clear\n');
  await expect.poll(answer).toBeUndefined();
  return text as string;
}

const MOUNT = 'mkdir -p /d; mount -t ext4 /dev/vda /d';
const sumOf = (path: string) => `sha256sum ${path} | cut -c 1-64`;

async function chooseDisk(page: Page, name: RegExp | string): Promise<void> {
  await page.getByRole('button', { name: /^Machine options/ }).click();
  const list = page.getByRole('combobox', { name: 'Disk' });
  const option = list.locator('option').filter({ hasText: name });
  await option.waitFor({ state: 'attached' });
  await list.selectOption((await option.getAttribute('value')) as string);
  await page.keyboard.press('Escape');
}

/** The path of a disk that was downloaded. */
async function brought(page: Page, name: string): Promise<string> {
  await page.getByRole('button', { name: /^Machine options/ }).click();
  await page.getByRole('button', { name: 'Disks and files…' }).click();
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: `Download ${name}` }).click();
  const download = await coming;
  const path = join(folder, `${Math.random()}`);
  await download.saveAs(path);
  return path;
}

test.skipIf(!canRun)(
  'what a guest has synced on an image outlives a reload, a closed tab and the browser, and comes out clean',
  async () => {
    const profile = join(folder, 'profile');
    own = await launchProfile(profile);
    const first = await own.newPage();
    await opened(first);
    await first.getByLabel('Files', { exact: true }).setInputFiles(image);
    await said(first)
      .getByText(/^root.img is kept in this browser: the machine has it as its disk/)
      .waitFor();
    await booted(first);
    const write = (name: string) =>
      `${MOUNT}; dd if=/dev/urandom of=/d/${name} bs=64k count=40 2>/dev/null; sync; ${sumOf(`/d/${name}`)}`;
    const one = await typed(first, write('one'));
    expect(one).toMatch(/^[0-9a-f]{64}$/);

    await first.reload();
    await chooseDisk(first, /^root.img, 48 MiB/);
    await booted(first);
    expect(await typed(first, `${MOUNT}; ${sumOf('/d/one')}`)).toBe(one);
    const two = await typed(first, write('two'));
    await first.close();

    const second = await own.newPage();
    await opened(second);
    await chooseDisk(second, /^root.img/);
    await booted(second);
    expect(await typed(second, `${MOUNT}; cat /d/hello; ${sumOf('/d/one')}; ${sumOf('/d/two')}`)).toBe(
      `from the host ${one} ${two}`,
    );
    await second.keyboard.type('umount /d; poweroff\n');
    await said(second).getByText('The guest powered the machine off.').waitFor({ timeout: BOOT_MS });

    const out = await brought(second, 'root.img');
    await own.close();

    own = await launchProfile(profile);
    const third = await own.newPage();
    await opened(third);
    const again = await brought(third, 'root.img');
    expect(sha256(readFileSync(again))).toBe(sha256(readFileSync(out)));
    const { status, stdout } = spawnSync('e2fsck', ['-f', '-n', out], { encoding: 'utf8' });
    expect(status, stdout).toBe(0);
    const file = join(folder, 'file');
    for (const [name, sum] of Object.entries({ one, two })) {
      spawnSync('debugfs', ['-R', `dump /${name} ${file}`, out]);
      expect(sha256(readFileSync(file))).toBe(sum);
    }
  },
  PATIENCE_MS,
);

test.skipIf(!canRun)(
  'of a disk by URL only what is read is fetched, and guest and page see the same shared files',
  () =>
    withPage(browser, {}, async (page, errors) => {
      const content = readFileSync(image);
      let fetched = 0;
      const images = createServer(({ headers }, response) => {
        const [, from, to] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
        const part = content.subarray(Number(from ?? 0), Number(to ?? content.length - 1) + 1);
        fetched += part.length;
        response.writeHead(from === undefined ? 200 : 206, {
          'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${content.length}`,
          etag: '"image"',
          'access-control-allow-origin': '*',
          'access-control-expose-headers': 'Content-Range, ETag',
        });
        response.end(part);
      });
      await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(images.address() as AddressInfo).port}/far.img`;

      await opened(page);
      await drop(page, { 'note.txt': 'from the page\n', 'more.txt': 'and more' });
      await said(page).getByText('note.txt and more.txt are in /share/files').waitFor();
      await page.getByRole('button', { name: /^Machine options/ }).click();
      await page.getByRole('checkbox', { name: /^Folder of this browser/ }).check();
      await page.getByRole('combobox', { name: 'Disk' }).selectOption({ label: 'an image at a URL…' });
      await page.getByRole('textbox', { name: /^URL/ }).fill(url);
      await page.getByRole('textbox', { name: /^URL/ }).press('Enter');
      await said(page)
        .getByText(/^What guests change of far.img is kept in this browser/)
        .waitFor();
      await page.keyboard.press('Escape');

      await booted(page);
      expect(await typed(page, `${MOUNT}; cat /d/hello; echo changed > /d/mine; sync; cat /d/mine`)).toBe(
        'from the host changed',
      );
      expect(fetched).toBeGreaterThan(0);
      expect(fetched).toBeLessThan(IMAGE_BYTES / 4);

      const share = 'mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=131072 files /mnt';
      const made = 'dd if=/dev/urandom of=/mnt/made bs=64k count=16 2>/dev/null';
      const sums = await typed(
        page,
        `mkdir -p /mnt; ${share}; ${made}; sync; cd /mnt; sha256sum note.txt made | cut -c 1-64`,
      );
      const inPage = await page.evaluate(async () => {
        const top = await navigator.storage.getDirectory();
        const files = await (await top.getDirectoryHandle('shares')).getDirectoryHandle('files');
        const file = await (await files.getFileHandle('made')).getFile();
        const hash = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
        return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
      });
      expect(sums).toBe(`${sha256('from the page\n')} ${inPage}`);
      await page.keyboard.type('poweroff\n');
      await said(page).getByText('The guest powered the machine off.').waitFor({ timeout: BOOT_MS });
      expect(errors).toEqual([]);
      images.closeAllConnections();
      images.close();
    }),
  PATIENCE_MS,
);

test.skipIf(!canRun)(
  'a guest for whose disk the browser has no room waits, and goes on with all its bytes when there is some',
  () =>
    withPage(browser, { viewport: { width: 1440, height: 900 } }, async (page) => {
      await opened(page);
      await page.getByRole('button', { name: /^Machine options/ }).click();
      await page.getByRole('combobox', { name: 'Disk' }).selectOption({ label: '64 MiB, empty' });
      await said(page)
        .getByText(/^disk-64M is kept in this browser/)
        .waitFor();
      await page.keyboard.press('Escape');
      await booted(page);
      const sum = await typed(page, `dd if=/dev/urandom of=/f bs=64k count=160 2>/dev/null; ${sumOf('/f')}`);
      await limitRoom(page, 4 << 20);
      await page.keyboard.type('dd if=/f of=/dev/vda bs=64k conv=fsync &\n');
      await said(page)
        .getByText(/The guest waits for blk0: .* the browser gives this page no more room/)
        .waitFor({ timeout: BOOT_MS });
      await screenshot(page, 'disk-without-room');
      await limitRoom(page);
      await said(page).getByText('The kernel runs').waitFor({ timeout: BOOT_MS });
      const cold = 'wait; sync; echo 3 > /proc/sys/vm/drop_caches';
      const back = 'dd if=/dev/vda bs=64k count=160 2>/dev/null | sha256sum | cut -c 1-64';
      expect(await typed(page, `${cold}; ${back}`)).toBe(sum);
    }),
  PATIENCE_MS,
);

test.skipIf(canRun)(
  'no disk was used in the page: it takes Chromium, e2fsprogs and "npm run guests -- --build-linux"',
  (context) => context.skip(),
);
