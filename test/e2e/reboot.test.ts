// A kernel in the page: its exits are told by reason and by the second, and its reset starts it anew on the same screen.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { assemble } from '../../web/asm/index.ts';
import { browserTest, screenshot } from './support/browser.ts';
import { makeStage } from './support/stage.ts';

/** Says that it starts, then looks at the serial port for ever; a key resets it. */
const CODE = `bits 32
org 0x100000
header:
dd 0x1badb002, 0x10000, 0xe4514ffe, header, 0x100000, finish, finish, start
start:
  mov esi, hello
  mov dx, 0x3f8
next:
  lodsb
  test al, al
  jz wait_for
  out dx, al
  jmp next
wait_for:
  mov dx, 0x3fd
  in al, dx
  test al, 1
  jz wait_for
  mov dx, 0xcf9
  mov al, 6
  out dx, al
  jmp $
hello:
  db 'it starts ', 0
finish:
`;

const stage = makeStage();
const { site } = stage;
const folder = mkdtempSync(join(tmpdir(), 'vitrine-reboot-'));
const kernel = join(folder, 'reboot.bin');

beforeAll(() => {
  const { bytes } = assemble(CODE) as { bytes: Uint8Array };
  writeFileSync(kernel, bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

browserTest('exits have rates while a kernel runs, and it goes on after its reset', () =>
  stage.withPage({ viewport: { width: 1440, height: 900 } }, async (page, errors) => {
    await page.goto(site.url);
    await page.getByRole('combobox', { name: 'Guest' }).selectOption('Open kernel…');
    const dialog = page.getByRole('dialog', { name: 'Open kernel' });
    await dialog.getByLabel(/^Kernel/).setInputFiles(kernel);
    await dialog.getByRole('button', { name: 'Open' }).click();
    await page.getByRole('status', { name: 'Machine state' }).getByText('Ready').waitFor();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    const screen = page.getByRole('region', { name: 'Console', exact: true });
    await screen.getByText('it starts').first().waitFor();
    const exits = page.getByRole('region', { name: 'Exits', exact: true });
    await exits.getByRole('button', { name: /^IO [\d.]+ ?[kMG]? [\d.]+ ?[kMG]?\/s$/ }).waitFor();
    await screenshot(page, 'exit-rates');
    await page.getByRole('textbox', { name: /^Console input/ }).focus();
    await page.keyboard.type('x');
    await screen
      .getByText(/it starts\s+it starts/)
      .first()
      .waitFor();
    await page.getByRole('status', { name: 'Machine state' }).getByText('Running').waitFor();
    expect(errors).toEqual([]);
  }),
);
