// The page as a person uses it: Run, Step, edit, share, keyboard, phone. Guests have their own test.
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { browserTest, findAxeViolations, LOOKS, screenshot } from './support/browser.ts';
import { makeStage } from './support/stage.ts';

const REGIONS = [
  'Editor',
  'Disassembly',
  'Console',
  'vCPUs',
  'Registers',
  'Memory slots',
  'Dirty log',
  'Exits',
];

const stage = makeStage();
const { site } = stage;

const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const machineState = (page: Page) => page.getByRole('status', { name: 'Machine state' });
const sentence = (page: Page) => page.getByRole('status', { name: 'What happened' });
const source = (page: Page) => page.getByRole('textbox', { name: 'Guest source, NASM syntax' });

/** A program that never ends, so that a test can pause it where it likes. */
const COUNTER = 'bits 16\n org 0x1000\nagain: inc ax\n mov [0x2000], ax\n jmp again\n';

async function open(page: Page, fragment = ''): Promise<void> {
  await page.goto(`${site.url}${fragment}`);
  await machineState(page).getByText('Ready').waitFor();
}

/** Replaces the guest's source as a person does: select all, paste. */
async function write(page: Page, text: string): Promise<void> {
  await source(page).fill(text);
}

async function waitForState(page: Page, words: string): Promise<void> {
  await machineState(page).getByText(words).waitFor();
}

describe('the page', () => {
  browserTest('runs the first guest after one click', () =>
    stage.withPage({}, async (page, errors) => {
      await open(page);
      for (const name of REGIONS) expect(await region(page, name).count(), name).toBe(1);
      await button(page, 'Run').click();
      await region(page, 'Exits').getByText('KVM_EXIT_IO').first().waitFor();
      expect(errors).toEqual([]);
    }),
  );

  browserTest('steps one instruction and marks what changed beside its old value', () =>
    stage.withPage({}, async (page) => {
      await open(page);
      await write(page, COUNTER);
      await button(page, 'Step').click();
      await waitForState(page, 'Paused');
      await region(page, 'Registers').getByText('was 0x1000').waitFor();
      const next = region(page, 'Disassembly').locator('tr[aria-current="step"]');
      expect(await next.textContent()).toMatch(/00001001.*mov/);
      await button(page, 'Step').click();
      await region(page, 'Disassembly').locator('tr[aria-current="step"]', { hasText: '00001004' }).waitFor();
    }),
  );

  browserTest('pauses a guest that runs on, and runs it again', () =>
    stage.withPage({}, async (page) => {
      await open(page);
      await write(page, COUNTER);
      await page.keyboard.press('F8');
      await waitForState(page, 'Running');
      expect(await button(page, 'Step').isDisabled()).toBe(true);
      await page.keyboard.press('F8');
      await waitForState(page, 'Paused');
      const cpu = region(page, 'vCPUs').getByText('instr').first();
      const [before] = [await cpu.textContent()];
      await page.waitForTimeout(200);
      expect(await cpu.textContent()).toBe(before);
      await button(page, 'Run').click();
      await waitForState(page, 'Running');
      await button(page, 'Reset').click();
      await waitForState(page, 'Ready');
    }),
  );

  browserTest('shows the dirty pages of a guest that writes', () =>
    stage.withPage({}, async (page) => {
      await open(page);
      await page.getByRole('button', { name: /Machine options/ }).click();
      await page.getByRole('checkbox', { name: /Log dirty pages/ }).setChecked(true);
      await page.keyboard.press('Escape');
      await write(page, COUNTER);
      await button(page, 'Run').click();
      await region(page, 'Dirty log')
        .getByText(/in the last of \d+ harvest/)
        .waitFor();
      await button(page, 'Pause').click();
      await waitForState(page, 'Paused');
      await region(page, 'Dirty log').getByRole('button', { name: 'Table' }).click();
      await region(page, 'Dirty log').getByText('0x00002000').first().waitFor();
    }),
  );
});

describe('what goes wrong', () => {
  browserTest('an assembly error is told with line and column, and the page stays usable', () =>
    stage.withPage({}, async (page) => {
      await open(page);
      await write(page, 'bits 16\n  bogus ax\n');
      await button(page, 'Run').click();
      await sentence(page).getByText('Line 2, column 3').waitFor();
      await page.getByRole('button', { name: /2:3/ }).click();
      expect(await source(page).evaluate((node) => node === document.activeElement)).toBe(true);
      await write(page, COUNTER);
      await button(page, 'Run').click();
      await waitForState(page, 'Running');
    }),
  );

  browserTest('a triple fault ends the guest with a sentence, and Reset brings it back', () =>
    stage.withPage({}, async (page) => {
      await open(page);
      // An empty IDT: the first interrupt faults, so does its delivery, and the third fault shuts down.
      await write(page, 'bits 16\n org 0x1000\n lidt [none]\n int3\nnone: dw 0, 0, 0\n');
      await button(page, 'Run').click();
      await region(page, 'Exits').getByText('KVM_EXIT_SHUTDOWN').waitFor();
      expect((await sentence(page).textContent())?.length).toBeGreaterThan(20);
      await button(page, 'Reset').click();
      await waitForState(page, 'Ready');
    }),
  );

  browserTest('a file that is no kernel is refused in one sentence', () =>
    stage.withPage({}, async (page) => {
      await open(page);
      await page.getByRole('combobox', { name: 'Guest' }).selectOption('Open kernel…');
      const dialog = page.getByRole('dialog', { name: 'Open kernel' });
      const file = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('not a kernel') };
      await dialog.getByLabel(/^Kernel/).setInputFiles(file);
      await dialog.getByRole('button', { name: 'Open' }).click();
      await page.locator('.strip-sentence.is-error').waitFor();
      expect((await sentence(page).textContent())?.length).toBeGreaterThan(20);
      await page.getByRole('combobox', { name: 'Guest' }).selectOption({ index: 1 });
      await waitForState(page, 'Ready');
    }),
  );
});

describe('a share link', () => {
  browserTest('opens the same source, options and layout elsewhere', () =>
    stage.withPage({ permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
      await open(page);
      await write(page, `; shared with the class\n${COUNTER}`);
      await page.getByRole('button', { name: /Machine options/ }).click();
      await page.getByRole('radio', { name: /Deterministic/ }).check();
      await page.getByRole('textbox', { name: 'Seed' }).fill('77');
      await page.keyboard.press('Escape');
      const border = page.getByRole('separator', { name: /^Editor and disassembly/ });
      await border.press('ArrowLeft');
      const share = await border.getAttribute('aria-valuenow');
      await page.getByRole('radio', { name: 'Vectors' }).check();
      await button(page, 'Share').click();
      await button(page, 'Link copied').waitFor();
      const link = await page.evaluate(() => navigator.clipboard.readText());
      expect(link).toContain('#v1=');
      await stage.withPage({}, async (other) => {
        await other.goto(link);
        await machineState(other).getByText('Ready').waitFor();
        expect(await source(other).textContent()).toContain('shared with the class');
        const there = other.getByRole('separator', { name: /^Editor and disassembly/ });
        expect(await there.getAttribute('aria-valuenow')).toBe(share);
        expect(await other.getByRole('radio', { name: 'Vectors' }).isChecked()).toBe(true);
        await other.getByRole('button', { name: /Machine options.*deterministic/ }).click();
        expect(await other.getByRole('textbox', { name: 'Seed' }).inputValue()).toBe('77');
      });
    }),
  );

  browserTest('that is damaged or from the future gives a sentence and the first guest', () =>
    stage.withPage({}, async (page) => {
      await open(page, '#v1=broken');
      await sentence(page).getByText('This link is damaged').waitFor();
      await page.goto('about:blank');
      await open(page, '#v7=abc');
      await sentence(page).getByText('newer Vitrine').waitFor();
      await button(page, 'Run').click();
      await region(page, 'Exits').getByText('KVM_EXIT_').first().waitFor();
    }),
  );
});

describe('by keyboard', () => {
  browserTest('F6 walks through every panel and leaves the console', () =>
    stage.withPage({}, async (page) => {
      await open(page);
      const seen: (string | null | undefined)[] = [];
      for (let press = 0; press < REGIONS.length; press++) {
        await page.keyboard.press('F6');
        seen.push(await page.evaluate(() => document.activeElement?.closest('[data-panel]')?.ariaLabel));
      }
      expect(seen).toEqual(REGIONS);
    }),
  );

  browserTest(
    'Tab reaches the whole page from the skip link on and is caught nowhere but in the console',
    () =>
      stage.withPage({}, async (page) => {
        await open(page);
        const seen = new Set<string>();
        for (let press = 0; press < 80; press++) {
          await page.keyboard.press('Tab');
          const place = await page.evaluate(() => {
            const active = document.activeElement;
            return active?.closest('[data-panel]')?.ariaLabel ?? active?.textContent?.trim() ?? '';
          });
          if (place === 'Console') await page.keyboard.press('F6');
          seen.add(place);
        }
        expect([...seen][0]).toBe('Skip to the panels');
        for (const name of REGIONS) expect(seen, name).toContain(name);
      }),
  );

  browserTest('arrow keys switch the views of the registers, each accessible', () =>
    stage.withPage({}, async (page) => {
      await open(page);
      const registers = region(page, 'Registers');
      await registers.getByRole('radio', { name: 'General' }).focus();
      await page.keyboard.press('ArrowRight');
      await registers.getByRole('table', { name: /^x87 stack/ }).waitFor();
      expect(await registers.getByRole('row', { name: /^st7 R7 empty 0/ }).count()).toBe(1);
      expect(await findAxeViolations(page)).toEqual([]);
      await page.keyboard.press('ArrowRight');
      await registers.getByRole('combobox', { name: 'Lanes read as' }).selectOption('floats');
      await registers.getByText('all exceptions masked').waitFor();
      expect(await registers.getByText(/^xmm/).count()).toBe(8);
      expect(await findAxeViolations(page)).toEqual([]);
    }),
  );

  browserTest('arrow keys move a border, Enter restores it', () =>
    stage.withPage({}, async (page) => {
      await open(page);
      const border = page.getByRole('separator', { name: /^Code and machine/ });
      const before = await border.getAttribute('aria-valuenow');
      await border.press('ArrowRight');
      expect(Number(await border.getAttribute('aria-valuenow'))).toBe(Number(before) + 2);
      await border.press('Enter');
      expect(await border.getAttribute('aria-valuenow')).toBe(before);
    }),
  );
});

describe('looks', () => {
  for (const look of LOOKS) {
    browserTest(`${look.name}: no serious finding of axe, nothing to scroll sideways`, () =>
      stage.withPage(look, async (page) => {
        await open(page);
        expect(await findAxeViolations(page)).toEqual([]);
        await button(page, 'Run').click();
        await page.waitForTimeout(800);
        const tabs = page.getByRole('tab');
        for (let at = 0; at < Math.max(1, await tabs.count()); at++) {
          if (await tabs.count()) await tabs.nth(at).click();
          expect(await findAxeViolations(page)).toEqual([]);
          const width = await page.evaluate(() => document.documentElement.scrollWidth);
          expect(width).toBeLessThanOrEqual(look.viewport.width);
          await screenshot(page, `page-${look.name}-${at}`);
        }
      }),
    );
  }
});
