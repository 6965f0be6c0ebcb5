// A tab with Linux in it, as a person uses one: a guest is chosen, devices are chosen, words are typed and read. It starts
// no browser.
import { existsSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { chromePath, collectErrors } from './browser.ts';

/** A Linux that `npm run guests` has brought: the small kernel is there sooner, Debian's is what it always brings. */
export const linux = ['small', 'cloud'].find((name) => existsSync(`.guests/${name}.vmlinuz`));

/** What a test of Linux in the page needs beside Chromium. */
export const hasLinux = chromePath !== undefined && linux !== undefined;

/** How long a kernel may take to its shell, in ms. */
const BOOT_MS = 240_000;
const ANSWER_MS = 60_000;

/** A tab of the page. */
export class Tab {
  readonly page: Page;
  /** What the page complained about. */
  readonly errors: string[];

  constructor(page: Page) {
    this.page = page;
    this.errors = collectErrors(page);
  }

  /** Opens Linux on a machine with a card on the network of this name, and waits for its shell. */
  async start(url: string, network: string): Promise<void> {
    const { page } = this;
    await page.goto(url);
    const list = page.getByRole('combobox', { name: 'Guest' });
    await list.locator(`option[value="${linux}"]`).waitFor({ state: 'attached' });
    await list.selectOption(linux as string);
    await page.getByText('The kernel is loaded').waitFor();
    await page.getByRole('button', { name: /^Machine options/ }).click();
    await page.getByRole('checkbox', { name: /^Network card/ }).check();
    await page.getByRole('textbox', { name: 'Name of the network' }).fill(network);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await this.said(/^Ready: Linux/, BOOT_MS);
  }

  /** Types a command on an empty screen; the text that matches what it prints, which the command itself must not. */
  async ask(command: string, answer: RegExp): Promise<string> {
    await this.page.getByRole('textbox', { name: /^Console input/ }).focus();
    await this.page.keyboard.type(`clear; ${command}\n`);
    return this.said(answer, ANSWER_MS);
  }

  async said(answer: RegExp, timeout: number): Promise<string> {
    const line = this.page.locator('.xterm-accessibility').getByText(answer).first();
    await line.waitFor({ timeout });
    return answer.exec((await line.textContent()) ?? '')?.[0] ?? '';
  }
}
