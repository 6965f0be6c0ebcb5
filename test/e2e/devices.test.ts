// The devices of a machine in the page: chosen in its options, held by their modules, seen by a guest or by nobody.
import { existsSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { browserTest, chromePath, findAxeViolations, LOOKS, screenshot } from './support/browser.ts';
import { makeSite, makeStage } from './support/stage.ts';

const stage = makeStage();
const { site } = stage;
const hasLinux = chromePath !== undefined && existsSync('.guests/cloud.vmlinuz');
const linux = makeSite({ also: { guests: '.guests' }, canRun: hasLinux });

const BOXES = ['Network card', 'Folder of this browser', 'Entropy', 'Second console', 'Balloon'];

/** Chooses all devices, a disk too, and makes the machine of them. */
async function chooseAll(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Machine options/ }).click();
  for (const name of BOXES) await page.getByRole('checkbox', { name: new RegExp(`^${name}`) }).check();
  await page.getByRole('combobox', { name: 'Disk' }).selectOption({ label: '64 MiB, empty' });
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Reset', exact: true }).click();
}

describe('devices', () => {
  for (const look of LOOKS) {
    browserTest(
      `${look.name}: those that are chosen stand on the bus, without a serious finding of axe`,
      () =>
        stage.withPage(look, async (page, errors) => {
          await page.goto(site.url);
          await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
          await chooseAll(page);
          const tab = page.getByRole('tab', { name: 'Devices' });
          if (await tab.count()) await tab.click();
          else await page.getByRole('radio', { name: 'Devices' }).click();
          const panel = page.getByRole('region', { name: 'Devices', exact: true });
          for (const name of ['disk', 'network', '9p share', 'entropy', 'console', 'balloon'])
            await panel.getByRole('listitem').filter({ hasText: name }).getByText('no driver yet').waitFor();
          expect(await findAxeViolations(page)).toEqual([]);
          await screenshot(page, `devices-${look.name}`);
          const width = await page.evaluate(() => document.documentElement.scrollWidth);
          expect(width).toBeLessThanOrEqual(look.viewport.width);
          expect(errors).toEqual([]);
        }),
    );
  }

  test.skipIf(!hasLinux)(
    'Linux on two CPUs finds them all, and talks on its second console',
    () =>
      stage.withPage({}, async (page, errors) => {
        await page.goto(linux.url);
        await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
        await page
          .getByRole('combobox', { name: 'Guest' })
          .locator('optgroup[label="Real programs"] option[value="cloud"]')
          .waitFor({ state: 'attached' });
        await page.getByRole('combobox', { name: 'Guest' }).selectOption('cloud');
        await page.getByText('The kernel is loaded').waitFor();
        await chooseAll(page);
        await page.getByRole('button', { name: 'Run', exact: true }).click();
        const screen = page.locator('.xterm-accessibility');
        await screen
          .getByText(/^Ready: Linux/)
          .first()
          .waitFor({ timeout: 240_000 });
        await page.getByRole('radio', { name: 'hvc0' }).click();
        await page.getByRole('textbox', { name: /^Console hvc0 input/ }).focus();
        await page.keyboard.type('nproc; cat /sys/class/block/vda/size; ls /sys/class/net; tty\n');
        await screen.getByText('131072').first().waitFor();
        await screen.getByText('eth0').first().waitFor();
        await screen.getByText('/dev/hvc0').first().waitFor();
        await page.getByRole('radio', { name: 'Devices' }).click();
        const panel = page.getByRole('region', { name: 'Devices', exact: true });
        const disk = panel.getByRole('listitem').filter({ hasText: 'disk' });
        await disk.getByText('DRIVER_OK').waitFor();
        const balloon = panel.getByRole('listitem').filter({ hasText: 'balloon' });
        await balloon.getByRole('textbox', { name: 'MiB' }).fill('32');
        await page.keyboard.press('Enter');
        const pages = page.getByRole('region', { name: 'Balloon' });
        await pages.getByText('held 32 MiB').waitFor();
        await expect.poll(() => pages.textContent(), { timeout: 20_000 }).not.toContain('reported free 0 B');
        await screenshot(page, 'balloon');
        await page.getByRole('radio', { name: 'Shell' }).click();
        await page.getByRole('textbox', { name: /^Shell/ }).focus();
        await page.keyboard.type('cut -d" " -f1 /kvm/vm0/balloon_pages | sort | uniq\n');
        await screen
          .getByText(/^free$/)
          .first()
          .waitFor();
        await screen
          .getByText(/^held$/)
          .first()
          .waitFor();
        await balloon.getByRole('button', { name: 'Deflate' }).click();
        await pages.getByText('held 0 B').waitFor();
        await page.getByRole('radio', { name: 'hvc0' }).click();
        await page.getByRole('textbox', { name: /^Console hvc0 input/ }).focus();
        await page.keyboard.type('poweroff\n');
        expect(errors).toEqual([]);
      }),
    300_000,
  );
});
