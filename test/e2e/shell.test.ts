// The machine as files in the page: the Shell, every button's command, and both doing the same. Panels have their own test.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { browserTest, findAxeViolations, LOOKS, screenshot } from './support/browser.ts';
import { makeSite, makeStage } from './support/stage.ts';

const stage = makeStage();
const { site } = stage;
const plainSite = makeSite({ isolate: false });

const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] };
/** A program that never ends, and one that fills more than a command spells out. */
const COUNTER = 'bits 16\n org 0x1000\nagain: inc ax\n mov [0x2000], ax\n jmp again\n';
const LONG_COUNTER = `${COUNTER} times 400 db 0x90\n`;

const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const isInState = (page: Page, words: string) =>
  page.getByRole('status', { name: 'Machine state' }).getByText(words).waitFor();
const source = (page: Page) => page.getByRole('textbox', { name: 'Guest source, NASM syntax' });
const keyboard = (page: Page) => page.getByRole('textbox', { name: /^Shell input/ });
/** The screen of the shell, as a screen reader has it. */
const screen = (page: Page) => region(page, 'Shell').locator('.xterm-accessibility');

async function openShell(page: Page): Promise<void> {
  page.setDefaultTimeout(15_000);
  await region(page, 'Console').getByRole('radio', { name: 'Shell' }).click();
  await screen(page).getByText('/home $').first().waitFor();
}

/** Types a line; waits until the screen shows `answer`. */
async function type(page: Page, line: string, answer: RegExp | string): Promise<void> {
  await keyboard(page).focus();
  await page.keyboard.type(line);
  await page.keyboard.press('Enter');
  await screen(page).getByText(answer).first().waitFor();
}

/** Pastes what the clipboard holds, and an Enter behind it. */
async function paste(page: Page): Promise<void> {
  await keyboard(page).focus();
  await page.keyboard.press('Control+v');
  await page.keyboard.press('Enter');
}

/** The command of a button from its context menu, by keyboard alone; it lies in the clipboard too. */
async function copyAsShell(page: Page, name: string): Promise<string> {
  await button(page, name).focus();
  await page.keyboard.press('Shift+F10');
  await page.getByRole('dialog', { name: `Copy as shell: ${name}` }).waitFor();
  await page.keyboard.press('Enter');
  await button(page, `Copied: ${name}`).waitFor();
  await page.keyboard.press('Escape');
  return page.evaluate(() => navigator.clipboard.readText());
}

const TIERS = [
  { name: 'parallel', options: {}, engine: /Parallel/ },
  { name: 'deterministic', options: {}, engine: /Deterministic/ },
  { name: 'messages', options: { serviceWorkers: 'block' }, engine: undefined },
] as const;

describe.each(TIERS)('in tier $name', ({ name, options, engine }) => {
  browserTest('the buttons act, and the shell does the same', () =>
    stage.withPage({ ...options, ...CLIPBOARD }, async (page, errors) => {
      await page.goto(name === 'messages' ? plainSite.url : site.url);
      await isInState(page, 'Ready');
      if (engine) {
        await page.getByRole('button', { name: /Machine options/ }).click();
        await page.getByRole('radio', { name: engine }).check();
        await page.keyboard.press('Escape');
      }
      await source(page).fill(COUNTER);
      await button(page, 'Run').click();
      await isInState(page, 'Running');
      await button(page, 'Pause').click();
      await isInState(page, 'Paused');
      await button(page, 'Step').click();
      await isInState(page, 'Paused');
      await openShell(page);
      await type(page, 'ls /kvm', /README.*vm0/);
      await type(page, 'echo 0 > /kvm/vm0/paused', '/home $');
      await isInState(page, 'Running');
      await type(page, 'echo 1 > /kvm/vm0/paused; cat /kvm/vm0/state', 'paused');
      await isInState(page, 'Paused');
      await type(page, 'echo 1 > /kvm/vm0/reset', '/home $');
      await isInState(page, 'Ready');
      await button(page, 'Run').click();
      await isInState(page, 'Running');
      await button(page, 'Reset').click();
      await isInState(page, 'Ready');
      expect(errors).toEqual([]);
    }),
  );
});

describe('copy as shell', () => {
  browserTest('gives text that does in the shell what the button does', () =>
    stage.withPage(CLIPBOARD, async (page) => {
      await page.goto(site.url);
      await isInState(page, 'Ready');
      await source(page).fill(LONG_COUNTER);
      await button(page, 'Reset').click();
      await isInState(page, 'Ready');
      await openShell(page);
      expect(await copyAsShell(page, 'Run')).toBe('echo 0 > /kvm/vm0/paused');
      await paste(page);
      await isInState(page, 'Running');
      expect(await copyAsShell(page, 'Pause')).toBe('echo 1 > /kvm/vm0/paused');
      await paste(page);
      await isInState(page, 'Paused');
      await copyAsShell(page, 'Step');
      await paste(page);
      await region(page, 'vCPUs').getByText('paused 1').waitFor();
      expect(await copyAsShell(page, 'Reset')).toBe('echo 1 > /kvm/vm0/reset');
      await paste(page);
      await isInState(page, 'Ready');
    }),
  );

  browserTest('of a changed source makes that machine and runs it', () =>
    stage.withPage(CLIPBOARD, async (page) => {
      await page.goto(site.url);
      await isInState(page, 'Ready');
      await source(page).fill(COUNTER.replace('inc ax', 'inc bx'));
      const script = await copyAsShell(page, 'Run');
      expect(script).toMatch(
        /^echo 'memory=.*options\nrm -f .*\nprintf '.*boot\/image\necho 1 .*reset\necho 0 .*paused$/,
      );
      await openShell(page);
      await paste(page);
      await isInState(page, 'Running');
      await button(page, 'Pause').click();
      await isInState(page, 'Paused');
      expect(await region(page, 'Registers').getByText(/^rax/).locator('..').textContent()).not.toContain(
        'was',
      );
    }),
  );

  browserTest('lists what the page has done, so that it can be done again', () =>
    stage.withPage(CLIPBOARD, async (page) => {
      await page.goto(site.url);
      await isInState(page, 'Ready');
      await source(page).fill(LONG_COUNTER);
      await button(page, 'Run').click();
      await isInState(page, 'Running');
      await button(page, 'Pause').click();
      await isInState(page, 'Paused');
      await button(page, 'Commands').click();
      const commands = page.getByRole('dialog', { name: 'Commands' });
      await commands.getByText('cp /home/image /kvm/vm0/boot/image').first().waitFor();
      expect(await findAxeViolations(page)).toEqual([]);
      await commands.getByRole('button', { name: /^Copy as shell: all/ }).click();
      await page.keyboard.press('Escape');
      await openShell(page);
      await paste(page);
      await screen(page).getByText('echo 1 > /kvm/vm0/paused').first().waitFor();
      await isInState(page, 'Paused');
    }),
  );
});

describe('the shell', () => {
  browserTest('has history, completion and Ctrl-C, and stays while the console is looked at', () =>
    stage.withPage(CLIPBOARD, async (page) => {
      await page.goto(site.url);
      await isInState(page, 'Ready');
      await openShell(page);
      await type(page, 'echo one$((40+2))', 'one42');
      await page.keyboard.type('cat /kvm/vm0/opt');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await screen(page)
        .getByText(/memory=\d+M cpus=/)
        .first()
        .waitFor();
      await type(page, 'while :; do :; done', 'done');
      await page.keyboard.press('Control+c');
      await type(page, 'echo status $?', 'status 130');
      await type(page, 'cat /kvm/vm0/cpu/0/event', 'event');
      await page.keyboard.press('Control+c');
      await type(page, 'echo still here', /^still here/);
      await page.keyboard.press('ArrowUp');
      await screen(page).getByText('$ echo still here').first().waitFor();
      await region(page, 'Shell').getByRole('radio', { name: 'Console' }).click();
      await region(page, 'Console').getByRole('radio', { name: 'Shell' }).click();
      await screen(page).getByText('one42').first().waitFor();
    }),
  );

  browserTest('keeps its files when the page makes another machine', () =>
    stage.withPage(CLIPBOARD, async (page) => {
      await page.goto(site.url);
      await isInState(page, 'Ready');
      await openShell(page);
      await type(page, 'echo kept > /home/note; mkdir /kvm/mine; ls /kvm', /mine/);
      await source(page).fill(COUNTER);
      await button(page, 'Run').click();
      await isInState(page, 'Running');
      await type(page, 'clear; cat /home/note; ls -d /kvm/mine', /^kept/);
      await screen(page).getByText('/kvm/mine').last().waitFor();
    }),
  );
});

describe('the tour', () => {
  for (const { name, options } of TIERS.filter((tier) => tier.name !== 'deterministic')) {
    browserTest(`a button runs it, and it prints what it prints in Node: ${name}`, () =>
      stage.withPage({ ...options, ...CLIPBOARD }, async (page, errors) => {
        await page.goto(name === 'messages' ? plainSite.url : site.url);
        await isInState(page, 'Ready');
        await openShell(page);
        await button(page, 'Tour').click();
        await screen(page)
          .getByText(/^nothing is left/)
          .first()
          .waitFor();
        const lines = (await screen(page).locator('[role="listitem"]').allTextContents()).map((line) =>
          line.replaceAll('\u00a0', ' ').trimEnd(),
        );
        const from = lines.indexOf('/home $ sh /home/tour.sh') + 1;
        const expected = readFileSync('test/fixtures/sh/tour.txt', 'utf8').trimEnd().split('\n');
        expect(lines.slice(from, from + expected.length)).toEqual(expected.map((line) => line.trimEnd()));
        await type(page, 'sh tour.sh | wc -l', new RegExp(`^ *${expected.length}$`));
        expect(errors).toEqual([]);
      }),
    );
  }
});

describe('looks', () => {
  for (const look of LOOKS) {
    browserTest(`${look.name}: the shell and the commands, without a serious finding of axe`, () =>
      stage.withPage({ ...look, ...CLIPBOARD }, async (page) => {
        await page.goto(site.url);
        await isInState(page, 'Ready');
        const tab = page.getByRole('tab', { name: 'Console' });
        if (await tab.count()) await tab.click();
        await openShell(page);
        await type(page, 'ls /kvm/vm0', /options/);
        expect(await findAxeViolations(page)).toEqual([]);
        await screenshot(page, `shell-${look.name}`);
        await button(page, 'Commands').click();
        expect(await findAxeViolations(page)).toEqual([]);
        await screenshot(page, `commands-${look.name}`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        expect(width).toBeLessThanOrEqual(look.viewport.width);
      }),
    );
  }
});

describe('modules in the page', () => {
  browserTest('one holds the machine until its button kills it', () =>
    stage.withPage(CLIPBOARD, async (page, errors) => {
      await page.goto(site.url);
      await isInState(page, 'Ready');
      await openShell(page);
      const line = 'kind=framebuffer vm=vm0 pixels=0x3000 width=4 height=4 doorbell=0x510 pio=1';
      await type(page, `mkdir /modules/fb0; echo "${line}" > /modules/fb0/ctl`, '/home $');
      await type(page, 'cat /modules/bound', /fb0 framebuffer running vm vm0 references=1/);
      await type(page, 'echo 1 > /kvm/vm0/reset', /EBUSY.*module fb0/);
      const row = page.getByRole('row', { name: /fb0.*vm vm0/ });
      await row.getByText('running').waitFor();
      const kill = row.getByRole('button', { name: 'Kill' });
      const isSeen = await kill.evaluate((element) => {
        const { x, y, width, height } = element.getBoundingClientRect();
        return element.contains(document.elementFromPoint(x + width / 2, y + height / 2));
      });
      expect(isSeen, 'without scrolling').toBe(true);
      await kill.click();
      await row.getByText('killed').waitFor();
      await type(page, 'cat /kvm/vm0/pins; echo "[$(cat /modules/bound)]"', '[]');
      await type(page, 'echo 1 > /kvm/vm0/reset; rmdir /modules/fb0; ls /modules', 'README');
      await row.waitFor({ state: 'detached' });
      expect(errors).toEqual([]);
    }),
  );

  browserTest('without shared memory they are refused with a sentence', () =>
    stage.withPage({ ...CLIPBOARD, serviceWorkers: 'block' }, async (page) => {
      await page.goto(plainSite.url);
      await isInState(page, 'Ready');
      await openShell(page);
      await type(page, 'mkdir /modules/a; echo "kind=random vm=vm0" > /modules/a/ctl', /EOPNOTSUPP/);
    }),
  );
});
