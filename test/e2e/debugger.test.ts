// Breakpoints and guest memory in the page: set, stopped at, gone on from, looked at, written. The shell has its own test.
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { browserTest, findAxeViolations, LOOKS, screenshot } from './support/browser.ts';
import { makeSite, makeStage } from './support/stage.ts';

const stage = makeStage();
const { site } = stage;
const plainSite = makeSite({ isolate: false });

/** Counts in AX and writes each number to 0x2000: 1003 inc, 1004 mov, 1007 nop, 1008 jmp. */
const COUNTER = `bits 16
 org 0x1000
 mov ax, 0x1233
again: inc ax
 mov [0x2000], ax
 nop
 jmp again
`;

const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const isInState = (page: Page, words: string) =>
  page.getByRole('status', { name: 'Machine state' }).getByText(words).waitFor();
const nextRow = (page: Page) => region(page, 'Disassembly').locator('tr[aria-current="step"]');
const breakpoints = (page: Page) => region(page, 'Disassembly').getByRole('region', { name: 'Breakpoints' });
const grid = (page: Page) => region(page, 'Memory').getByRole('grid');
/** The row of bytes at an address of 8 digits. */
const row = (page: Page, address: string) => grid(page).getByRole('row', { name: address });

async function openCounter(page: Page, url = site.url): Promise<void> {
  page.setDefaultTimeout(15_000);
  await page.goto(url);
  await isInState(page, 'Ready');
  await page.getByRole('textbox', { name: 'Guest source, NASM syntax' }).fill(COUNTER);
  await button(page, 'Reset').click();
  await isInState(page, 'Ready');
  await nextRow(page).getByText('mov').waitFor();
}

async function lookAt(page: Page, address: string): Promise<void> {
  const choice = page.getByRole('radio', { name: 'Memory', exact: true });
  if (await choice.count()) await choice.check();
  await page.getByRole('textbox', { name: /^Address: a number/ }).fill(address);
  await page.keyboard.press('Enter');
}

const TIERS = [
  { name: 'parallel', options: {}, url: () => site.url },
  { name: 'messages', options: { serviceWorkers: 'block' }, url: () => plainSite.url },
] as const;

describe.each(TIERS)('in tier $name', ({ options, url }) => {
  browserTest('the machine stops at a breakpoint each time, and after a store to a watched place', () =>
    stage.withPage(options, async (page, errors) => {
      await openCounter(page, url());
      await button(page, 'Breakpoint at 0x1007').click();
      await breakpoints(page).getByText('0x1007').waitFor();
      await button(page, 'Run').click();
      await isInState(page, 'Stopped');
      await nextRow(page).getByText('00001007').waitFor();
      await lookAt(page, '0x2000');
      await row(page, '00002000').getByText('34', { exact: true }).waitFor();
      await button(page, 'Run').click();
      await row(page, '00002000').getByText('35', { exact: false }).waitFor();
      expect(await row(page, '00002000').textContent()).toMatch(/^●?00002000 dirty35 changed, was 0x3412/);
      await button(page, 'Step').click();
      await nextRow(page).getByText('00001008').waitFor();
      await button(page, 'Remove 0x1007').click();
      await page.getByRole('combobox', { name: 'Stop on' }).selectOption('write');
      await page.getByRole('textbox', { name: 'Address to stop at' }).fill('0x2000');
      await page.keyboard.press('Enter');
      await breakpoints(page).getByText('write 0x2000, 4 bytes').waitFor();
      await button(page, 'Run').click();
      await row(page, '00002000').getByText('36').waitFor();
      await nextRow(page).getByText('00001007').waitFor();
      expect(errors).toEqual([]);
    }),
  );

  browserTest('two digits write a byte of memory, and the disassembly follows', () =>
    stage.withPage(options, async (page, errors) => {
      await openCounter(page, url());
      await lookAt(page, 'rip+7');
      await grid(page).focus();
      await page.keyboard.press('ArrowLeft');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.type('4');
      await page.keyboard.press('Escape');
      await page.keyboard.type('43');
      await region(page, 'Disassembly')
        .getByRole('row', { name: /00001007.*inc bx/ })
        .waitFor();
      await button(page, 'Commands').click();
      await page
        .getByText("printf 'C' | dd of=/kvm/vm0/memory/0/mem bs=1 seek=$((0x1007)) conv=notrunc status=none")
        .waitFor();
      expect(errors).toEqual([]);
    }),
  );
});

describe('breakpoints', () => {
  browserTest('are kept by Reset, seen when a shell sets them, and gone with the program', () =>
    stage.withPage({}, async (page) => {
      await openCounter(page);
      await page.keyboard.press('F9');
      await breakpoints(page).getByText('0x1000').waitFor();
      await page.keyboard.press('F9');
      await breakpoints(page).getByText('No breakpoint').waitFor();
      await page.getByRole('radio', { name: 'Shell' }).click();
      await region(page, 'Shell').locator('.xterm-accessibility').getByText('/home $').first().waitFor();
      await page.getByRole('textbox', { name: /^Shell input/ }).focus();
      await page.keyboard.type('echo break=0x1004 watch=0x2000,2,rw > /kvm/vm0/cpu/0/debugger\n');
      await breakpoints(page).getByText('access 0x2000, 2 bytes').waitFor();
      await button(page, 'Reset').click();
      await isInState(page, 'Ready');
      await breakpoints(page).getByText('0x1004').waitFor();
      await button(page, 'Run').click();
      await isInState(page, 'Stopped');
      await nextRow(page).getByText('00001004').waitFor();
      await page.getByRole('combobox', { name: 'Guest' }).selectOption({ index: 1 });
      await breakpoints(page).getByText('No breakpoint').waitFor();
    }),
  );

  browserTest('are reached by keyboard: one stop of Tab, arrow keys, Enter, and the context menu', () =>
    stage.withPage({}, async (page) => {
      await openCounter(page);
      await button(page, 'Breakpoint at 0x1000').focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await breakpoints(page).getByText('0x1004').waitFor();
      await page.keyboard.press('Shift+F10');
      await page.getByText('echo clear=0x1004 > /kvm/vm0/cpu/0/debugger').waitFor();
      expect(await findAxeViolations(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Tab');
      const after = await page.evaluate(() => document.activeElement?.className);
      expect(after).not.toContain('dis-break');
    }),
  );

  browserTest('a fifth is refused in one sentence', () =>
    stage.withPage({}, async (page) => {
      await openCounter(page);
      for (const at of ['0x1000', '0x1003', '0x1004', '0x1007', '0x1008'])
        await button(page, `Breakpoint at ${at}`).click();
      await page.getByRole('status', { name: 'What happened' }).getByText('clear one').waitFor();
      expect(await breakpoints(page).getByRole('listitem').count()).toBe(4);
    }),
  );
});

describe('guest memory', () => {
  browserTest('is looked at by linear and by physical address', () =>
    stage.withPage({}, async (page) => {
      page.setDefaultTimeout(15_000);
      await page.goto(site.url);
      await isInState(page, 'Ready');
      await page.getByRole('combobox', { name: 'Guest' }).selectOption('modes');
      await isInState(page, 'Ready');
      await button(page, 'Run').click();
      await isInState(page, 'Ended');
      await lookAt(page, '0x8000');
      await row(page, '00008000').getByText('31', { exact: true }).first().waitFor();
      await lookAt(page, '0x7fff00000000');
      await region(page, 'Memory').getByText('0x7fff00000000: no memory').waitFor();
      await page.getByRole('radio', { name: 'Physical' }).check();
      await lookAt(page, '0x3ffff0');
      await row(page, '00400000').getByText('··').first().waitFor();
    }),
  );

  browserTest('its dump is a command that can be copied', () =>
    stage.withPage({ permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
      await openCounter(page);
      await lookAt(page, '0x1000');
      await page.getByRole('button', { name: 'Copy as shell: these bytes' }).click();
      const command = await page.evaluate(() => navigator.clipboard.readText());
      expect(command).toMatch(/^xxd -s 0x1000 -l \d+ -g 1 \/kvm\/vm0\/memory\/0\/mem$/);
    }),
  );
});

describe('looks', () => {
  for (const look of LOOKS) {
    browserTest(`${look.name}: breakpoints and memory, without a serious finding of axe`, () =>
      stage.withPage(look, async (page) => {
        await openCounter(page);
        await button(page, 'Breakpoint at 0x1007').click();
        await breakpoints(page).getByText('0x1007').waitFor();
        await button(page, 'Run').click();
        await isInState(page, 'Stopped');
        expect(await findAxeViolations(page)).toEqual([]);
        await screenshot(page, `breakpoints-${look.name}`);
        const tab = page.getByRole('tab', { name: 'Memory' });
        if (await tab.count()) await tab.click();
        await lookAt(page, '0x2000');
        await button(page, 'Run').click();
        await row(page, '00002000').getByText('changed').waitFor();
        expect(await findAxeViolations(page)).toEqual([]);
        await screenshot(page, `memory-${look.name}`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        expect(width).toBeLessThanOrEqual(look.viewport.width);
      }),
    );
  }
});
