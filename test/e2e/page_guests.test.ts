// Every guest of the lab in the page, and a real kernel where one was fetched: it runs, says what it should, and is looked at in a screenshot.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { guests } from '../../web/lab/index.ts';
import {
  browserTest,
  chromePath,
  findAxeViolations,
  LOOKS,
  screenshot,
  serveSite,
} from './support/browser.ts';
import { makeSite, makeStage } from './support/stage.ts';

const stage = makeStage();
const { site } = stage;
const plainSite = makeSite({ isolate: false });

/** A row of a manifest. */
const HERE = {
  name: 'cloud',
  title: 'Debian Linux, 64 bits',
  sentence: 'A kernel.',
  command: 'npm run guests',
  append: 'console=ttyS0',
  memory: 64 << 20,
  cpus: 2,
  kernel: 'here.vmlinuz',
  bytes: 1024,
};

/** What each guest's console or panels say when it does its work. */
const SAYS: Record<string, { region: string; text: string | RegExp }> = {
  hello_port: { region: 'Console', text: '4' },
  mmio: { region: 'Exits', text: 'KVM_EXIT_MMIO' },
  modes: { region: 'Console', text: /long mode: 64 bits/ },
  echo: { region: 'Console', text: /Type, and it comes back/ },
  painter: { region: 'Dirty log', text: /in the last of \d+ harvest/ },
  smp: { region: 'Console', text: /CPU 1: awake/ },
  lock: { region: 'vCPUs', text: /vCPU 1/ },
  vectors: { region: 'Console', text: /four products: 3 9 4 30 make 46/ },
  count: { region: 'vCPUs', text: /\d M instr/ },
};

async function runGuest(page: Page, id: string, title: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Guest' }).selectOption(title);
  await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const said = SAYS[id] ?? { region: 'vCPUs', text: 'instr' };
  const region = page.getByRole('region', { name: said.region, exact: true });
  await region.getByText(said.text).first().waitFor();
}

for (const { id, title } of guests) {
  browserTest(`${id} runs in the page`, () =>
    stage.withPage({ viewport: { width: 1440, height: 900 } }, async (page, errors) => {
      await page.goto(site.url);
      await runGuest(page, id, title);
      await page.waitForTimeout(1500);
      await screenshot(page, `guest-${id}`);
      expect(errors).toEqual([]);
    }),
  );
}

browserTest('what is typed into the console reaches the guest, and comes back', () =>
  stage.withPage({}, async (page) => {
    await page.goto(site.url);
    await runGuest(page, 'echo', 'Interrupts answer');
    await page.getByRole('textbox', { name: /^Console input/ }).focus();
    await page.keyboard.type('hello class');
    await page.getByRole('region', { name: 'Console' }).getByText('hello class').first().waitFor();
  }),
);

browserTest('where memory cannot be shared the page says so and runs guests all the same', () =>
  stage.withPage({ serviceWorkers: 'block' }, async (page) => {
    await page.goto(plainSite.url);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    await runGuest(page, 'modes', 'From 1978 to 64 bits');
    expect((await page.locator('.strip-tier.is-limited').textContent())?.length).toBeGreaterThan(20);
    await page.getByRole('region', { name: 'Registers' }).getByText('long mode, 64-bit').waitFor();
    await page.getByRole('region', { name: 'Exits' }).getByText('KVM_EXIT_IO').first().waitFor();
    await screenshot(page, 'page-without-isolation');
  }),
);

for (const look of LOOKS) {
  browserTest(`${look.name}: a real guest that is not here says the command that brings it`, () =>
    stage.withPage(look, async (page, errors) => {
      await page.goto(site.url);
      await page.getByRole('combobox', { name: 'Guest' }).selectOption('Debian Linux, 64 bits…');
      const dialog = page.getByRole('dialog', { name: 'Debian Linux, 64 bits' });
      await dialog.getByText('npm run guests', { exact: true }).waitFor();
      expect(await findAxeViolations(page)).toEqual([]);
      await screenshot(page, `guest-absent-${look.name}`);
      await dialog.getByRole('button', { name: 'Close', exact: true }).click();
      await dialog.waitFor({ state: 'hidden' });
      expect(errors).toEqual([]);
    }),
  );
}

browserTest(
  'a real guest beside the page is in the list, and is opened with its own memory and vCPUs',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vitrine-guests-'));
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ guests: [HERE] }));
    writeFileSync(join(folder, HERE.kernel), 'This is no kernel.');
    const own = await serveSite({ also: { guests: folder } });
    try {
      await stage.withPage({ viewport: { width: 1440, height: 900 } }, async (page) => {
        await page.goto(own.url);
        const list = page.getByRole('combobox', { name: 'Guest' });
        await list.selectOption(HERE.title);
        await page
          .getByText(/of no kind that we know/)
          .filter({ visible: true })
          .first()
          .waitFor();
        expect(await list.evaluate((field: HTMLSelectElement) => field.value)).toBe(HERE.name);
        await page.getByRole('button', { name: /Machine options/ }).click();
        expect(await page.getByRole('textbox', { name: /vCPUs/ }).inputValue()).toBe('2');
      });
    } finally {
      await own.close();
      rmSync(folder, { recursive: true });
    }
  },
);

/** Put there by `npm run guests`; without it the test is reported as skipped. */
const MEMTEST = '.guests/memtest86+x64.bin';

test.skipIf(!chromePath || !existsSync(MEMTEST))(
  'a kernel from the disk boots on two vCPUs: memtest86+ draws its screen',
  () =>
    stage.withPage({ viewport: { width: 1440, height: 900 } }, async (page) => {
      await page.goto(site.url);
      await page.getByRole('combobox', { name: 'Guest' }).selectOption('Open kernel…');
      const dialog = page.getByRole('dialog', { name: 'Open kernel' });
      await dialog.getByLabel(/^Kernel/).setInputFiles(MEMTEST);
      await dialog.getByRole('button', { name: 'Open' }).click();
      await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
      await page.getByRole('button', { name: /Machine options/ }).click();
      await page.getByRole('textbox', { name: /vCPUs/ }).fill('2');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      const console = page.getByRole('region', { name: 'Console' });
      await console.getByText('2 Cores 2 Threads').first().waitFor();
      await console
        .getByText(/Test #[1-9]/)
        .first()
        .waitFor({ timeout: 50_000 });
      await screenshot(page, 'memtest86');
    }),
);
