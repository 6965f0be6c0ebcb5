// Files and disk images that a person gives the page: what becomes of each, what the page says of it, and what a browser
// without room loses (nothing).
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { assemble } from '../../web/asm/index.ts';
import {
  browserTest,
  chromePath,
  findAxeViolations,
  LOOKS,
  launchBrowser,
  launchProfile,
  limitRoom,
  type Site,
  screenshot,
  serveSite,
  withPage,
} from './support/browser.ts';

/** A Multiboot kernel that resets its machine. */
const RESETTING = `bits 32
org 0x100000
header:
dd 0x1badb002, 0x10000, 0xe4514ffe, header, 0x100000, finish, finish, start
start:
  mov dx, 0xcf9
  mov al, 6
  out dx, al
  jmp $
finish:
`;
const MIB = 1 << 20;

let browser: Browser;
let site: Site;
let kernel: number[];

beforeAll(async () => {
  kernel = [...(assemble(RESETTING) as { bytes: Uint8Array }).bytes];
  if (!chromePath) return;
  browser = await launchBrowser();
  site = await serveSite();
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

interface Given {
  readonly name: string;
  /** Its first bytes, or text. */
  readonly head: readonly number[] | string;
  /** Its size where it is more, in bytes: the rest is zeroes. */
  readonly size?: number;
}

const MBR: readonly number[] = [...new Array<number>(510).fill(0), 0x55, 0xaa];
const DISK: Given = { name: 'my disk.img', head: MBR, size: 8 * MIB };

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const said = (page: Page) => page.getByRole('status', { name: 'What happened' });

async function drop(page: Page, ...files: Given[]): Promise<void> {
  const transfer = await page.evaluateHandle((all) => {
    const data = new DataTransfer();
    for (const { name, head, size = 0 } of all) {
      const first = typeof head === 'string' ? new TextEncoder().encode(head) : new Uint8Array(head);
      const rest = new Uint8Array(Math.max(size - first.length, 0));
      data.items.add(new File([first, rest], name));
    }
    return data;
  }, files);
  await page.locator('.page').dispatchEvent('drop', { dataTransfer: transfer });
}

async function opened(page: Page): Promise<void> {
  await page.goto(site.url);
  await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
}

async function openDialog(page: Page) {
  await page.getByRole('button', { name: /^Machine options/ }).click();
  await page.getByRole('button', { name: 'Disks and files…' }).click();
  return page.getByRole('dialog', { name: 'Disks and files' });
}

browserTest(
  'a disk image that is dropped is kept, is the disk of the machine, and is there after a reload',
  () =>
    withPage(browser, {}, async (page, errors) => {
      await opened(page);
      await drop(page, DISK);
      await said(page)
        .getByText(
          /^my-disk.img is kept in this browser: the machine has it as its disk from the next Run or Reset/,
        )
        .waitFor();
      // Chromium promises nothing to a page that nobody has used yet.
      await said(page)
        .getByText(/The browser has not promised to keep disks and files/)
        .waitFor();
      await page.getByRole('button', { name: /^Machine options/ }).click();
      const list = page.getByRole('combobox', { name: 'Disk' });
      expect(await list.evaluate((field: HTMLSelectElement) => field.selectedOptions[0]?.label)).toBe(
        'my-disk.img, 8 MiB',
      );
      await page.reload();
      await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
      await drop(page, DISK);
      await said(page)
        .getByText(/^my-disk.img was kept here already, with what guests changed of it/)
        .waitFor();
      expect(errors).toEqual([]);
    }),
);

browserTest(
  'a kernel that is dropped is loaded, beside files for the shared folder that keep their elders',
  () =>
    withPage(browser, {}, async (page, errors) => {
      await opened(page);
      await drop(page, { name: 'note.txt', head: 'one' });
      await said(page)
        .getByText(/^note.txt is in \/share\/files/)
        .waitFor();
      await drop(page, { name: 'k.bin', head: kernel }, { name: 'note.txt', head: 'two' });
      await said(page)
        .getByText(/^k.bin is loaded: Run starts it. note-2.txt is in \/share\/files/)
        .waitFor();
      const dialog = await openDialog(page);
      const coming = page.waitForEvent('download');
      await dialog.getByRole('button', { name: 'Download note.txt' }).click();
      expect(readFileSync(await (await coming).path(), 'utf8')).toBe('one');
      expect(errors).toEqual([]);
    }),
);

browserTest('a browser that promises to keep data is believed, and the dialog says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitrine-profile-'));
  const own = await launchProfile(folder);
  try {
    const page = await own.newPage();
    const devtools = await own.newCDPSession(page);
    const { origin } = new URL(site.url);
    await devtools.send('Browser.grantPermissions', { origin, permissions: ['durableStorage'] });
    await opened(page);
    await drop(page, { name: 'note.txt', head: 'one' });
    await said(page)
      .getByText(/for guests to find it\.$/)
      .waitFor();
    const dialog = await openDialog(page);
    await dialog
      .getByText('The browser has promised to keep disks and files until you delete them.')
      .waitFor();
  } finally {
    await own.close();
    rmSync(folder, { recursive: true });
  }
});

browserTest('what is not clear is refused in a sentence, with nothing done', () =>
  withPage(browser, {}, async (page) => {
    await opened(page);
    await drop(page, { name: 'a.qcow2', head: [0x51, 0x46, 0x49, 0xfb] }, { name: 'note.txt', head: 'one' });
    await said(page).getByText('a.qcow2 is no raw image').waitFor();
    await drop(page, { name: 'a.bin', head: kernel }, { name: 'b.bin', head: kernel });
    await said(page).getByText('a.bin and b.bin are kernels: a machine takes one').waitFor();
    const dialog = await openDialog(page);
    await dialog.getByText('No disk is kept here').waitFor();
    await dialog.getByText('The folder is empty').waitFor();
  }),
);

browserTest('without room an image is refused in a sentence, and a file is none in part', () =>
  withPage(browser, {}, async (page) => {
    await opened(page);
    await drop(page, { name: 'note.txt', head: 'one' });
    await said(page)
      .getByText(/^note.txt is in/)
      .waitFor();
    await limitRoom(page, 4 * MIB);
    await drop(page, DISK);
    await said(page)
      .getByText(/writing the disk my-disk.img.image failed, the browser gives this page no more room/)
      .waitFor();
    await drop(page, { name: 'large', head: 'x', size: 8 * MIB });
    await said(page)
      .getByText(/large cannot be put into \/share\/files: the browser gives this page no more room/)
      .waitFor();
    const dialog = await openDialog(page);
    await dialog.getByText('No disk is kept here').waitFor();
    expect(await dialog.getByRole('listitem').allTextContents()).toEqual([
      expect.stringMatching(/^note.txt3 B/),
    ]);
    await limitRoom(page);
  }),
);

browserTest('disks are files of the shell: made, copied, read and removed', () =>
  withPage(browser, {}, async (page, errors) => {
    await opened(page);
    await page.getByRole('radio', { name: 'Shell', exact: true }).click();
    const shell = page.getByRole('region', { name: 'Shell', exact: true }).locator('.xterm-accessibility');
    await shell.getByText('/home $').first().waitFor();
    await page.getByRole('textbox', { name: /^Shell input/ }).focus();
    const type = async (line: string, ...answers: string[]) => {
      await page.keyboard.type(`${line}\n`);
      for (const answer of answers) await shell.getByText(answer).first().waitFor();
    };
    await type('printf 12345678 > a; for i in 1 2 3 4 5 6 7; do cat a a > b; mv b a; done');
    await type('cp a /disk/one.img; sha256sum /disk/one.img', sha256('12345678'.repeat(128)));
    await type(
      'echo name=two bytes=64M > /disk/ctl; stat -c %n-%s /disk/*',
      '/disk/one.img-1024',
      '/disk/two-67108864',
    );
    await type('echo name=two bytes=1M > /disk/ctl', 'there is a disk two already');
    await type('rm /disk/one.img; echo left /disk/*', 'left /disk/ctl /disk/two');
    const dialog = await openDialog(page);
    await dialog.getByText('64 MiB', { exact: true }).waitFor();
    expect(errors).toEqual([]);
  }),
);

browserTest('a page without isolation keeps disks too; one that its machine has is not deleted', () =>
  withPage(browser, { serviceWorkers: 'block' }, async (page, errors) => {
    const plain = await serveSite({ isolate: false });
    await page.goto(plain.url);
    await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
    await drop(page, DISK);
    await said(page)
      .getByText(/^my-disk.img is kept/)
      .waitFor();
    await page.getByRole('button', { name: 'Reset', exact: true }).click();
    await said(page).getByText('The guest is loaded').waitFor();
    const dialog = await openDialog(page);
    const coming = page.waitForEvent('download');
    await dialog.getByRole('button', { name: 'Download my-disk.img' }).click();
    expect(readFileSync(await (await coming).path())).toHaveLength(8 * MIB);
    await dialog.getByRole('button', { name: 'Delete my-disk.img' }).click();
    await dialog.getByRole('button', { name: 'Delete my-disk.img for good' }).click();
    await dialog.getByText(/the disk my-disk.img belongs to the machine at hand/).waitFor();
    expect(errors).toEqual([]);
    await plain.close();
  }),
);

browserTest('End at reset ends a machine that would start anew', () =>
  withPage(browser, {}, async (page, errors) => {
    await opened(page);
    await drop(page, { name: 'k.bin', head: kernel });
    await said(page).getByText('k.bin is loaded').waitFor();
    await page.getByRole('button', { name: /^Machine options/ }).click();
    await page.getByRole('checkbox', { name: /^End at reset/ }).check();
    await page.getByText('reboot=0').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await said(page).getByText('The guest asked for a reset.').waitFor();
    expect(errors).toEqual([]);
  }),
);

browserTest('the keyboard alone adds a file and deletes it', () =>
  withPage(browser, {}, async (page, errors) => {
    await opened(page);
    const dialog = await openDialog(page);
    const choosing = page.waitForEvent('filechooser');
    await dialog.getByRole('button', { name: 'Add files…' }).press('Enter');
    await (await choosing).setFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') });
    await dialog.getByText(/^a.txt is in \/share\/files/).waitFor();
    await dialog.getByRole('button', { name: 'Delete a.txt' }).press('Enter');
    await dialog.getByRole('button', { name: 'Delete a.txt for good' }).press('Enter');
    await dialog.getByText('a.txt was deleted.').waitFor();
    await dialog.getByText('The folder is empty').waitFor();
    expect(errors).toEqual([]);
  }),
);

for (const look of LOOKS) {
  browserTest(`${look.name}: disks and files are listed, without a serious finding of axe`, () =>
    withPage(browser, look, async (page, errors) => {
      await opened(page);
      await drop(
        page,
        DISK,
        { name: 'note.txt', head: 'one' },
        { name: `${'long-'.repeat(20)}name`, head: 'x' },
      );
      await said(page)
        .getByText(/my-disk.img is kept/)
        .waitFor();
      await page.locator('.page').dispatchEvent('dragover', {
        dataTransfer: await page.evaluateHandle(() => {
          const data = new DataTransfer();
          data.items.add(new File(['x'], 'x'));
          return data;
        }),
      });
      await screenshot(page, `drop-${look.name}`);
      await page.locator('.page').dispatchEvent('dragleave');
      await page.getByRole('button', { name: /^Machine options/ }).click();
      await screenshot(page, `options-${look.name}`);
      await page.getByRole('checkbox', { name: /^Balloon/ }).scrollIntoViewIfNeeded();
      await page.getByRole('button', { name: 'Disks and files…' }).scrollIntoViewIfNeeded();
      await screenshot(page, `options-end-${look.name}`);
      await page.getByRole('button', { name: 'Disks and files…' }).click();
      const dialog = page.getByRole('dialog', { name: 'Disks and files' });
      await dialog.getByText('my-disk.img', { exact: true }).waitFor();
      expect(await findAxeViolations(page)).toEqual([]);
      await screenshot(page, `storage-${look.name}`);
      expect(errors).toEqual([]);
    }),
  );
}
