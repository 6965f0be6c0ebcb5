// The panel of tiers: it lists what became hot, shows a region beside its Wasm, and switches the JIT of a machine that runs.
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { browserTest, findAxeViolations, LOOKS, screenshot } from './support/browser.ts';
import { makeStage } from './support/stage.ts';

const stage = makeStage();
const { site } = stage;

/** A loop that never ends, with an instruction that is left to the interpreter. */
const LOOP = `bits 32
org 0x10000
again:
    mov ecx, 1000
turn:
    add eax, [0x20000]
    mov [0x20004], eax
    dec ecx
    jnz turn
    cpuid
    jmp again
`;

/** Runs the loop and shows the panel with its first region, wherever the width has put it. */
async function runLoop(page: Page) {
  await page.goto(site.url);
  const state = page.getByRole('status', { name: 'Machine state' });
  await state.getByText('Ready').waitFor();
  await page.getByRole('combobox', { name: 'Guest' }).selectOption('count');
  await state.getByText('Ready').waitFor();
  await page.getByRole('textbox', { name: 'Guest source, NASM syntax' }).fill(LOOP);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const tab = page.getByRole('tab', { name: 'Tiers' });
  if (await tab.count()) await tab.click();
  else await page.getByRole('radio', { name: 'Tiers' }).click();
  const panel = page.getByRole('region', { name: 'Tiers', exact: true });
  await panel.getByRole('row').nth(1).getByRole('button').waitFor();
  return panel;
}

describe('tiers', () => {
  for (const look of LOOKS) {
    browserTest(
      `${look.name}: a machine that runs loses and gets its JIT, and a hot region shows its WebAssembly`,
      () =>
        stage.withPage(look, async (page, errors) => {
          const panel = await runLoop(page);
          await panel.getByRole('button', { name: 'JIT', exact: true }).click();
          await panel.getByText('The JIT is off again').waitFor();
          await page.getByRole('button', { name: 'Reset', exact: true }).click();
          await page.getByRole('button', { name: 'Run', exact: true }).click();
          await panel.getByText('The interpreter executes everything').waitFor();
          await screenshot(page, `tiers-off-${look.name}`);
          await panel.getByRole('button', { name: 'Compile hot code' }).click();
          const region = panel.getByRole('row').nth(1).getByRole('button');
          await region.waitFor();
          await panel.getByText(/instructions a second; \d+ % in all/).waitFor();
          await screenshot(page, `tiers-${look.name}`);
          // What axe looks at stands.
          await page.getByRole('button', { name: 'Pause', exact: true }).click();
          await region.click();
          const dialog = page.getByRole('dialog', { name: /^Region \d+$/ });
          await dialog.getByRole('option', { name: /dec ecx/ }).waitFor();
          await dialog
            .getByRole('option', { name: /local\.get \$eax/ })
            .first()
            .waitFor();
          expect(await findAxeViolations(page)).toEqual([]);
          await screenshot(page, `tiers-region-${look.name}`);
          const width = await page.evaluate(() => document.documentElement.scrollWidth);
          expect(width).toBeLessThanOrEqual(look.viewport.width);
          expect(errors).toEqual([]);
        }),
      120_000,
    );
  }

  browserTest(
    'arrow keys choose an instruction and its lines; Forget drops the region, and the events say so',
    () =>
      stage.withPage({}, async (page, errors) => {
        const panel = await runLoop(page);
        await panel.getByRole('row').nth(1).getByRole('button').click();
        const dialog = page.getByRole('dialog', { name: /^Region \d+$/ });
        const guest = dialog.getByRole('listbox', { name: 'Instructions of the region' });
        await guest.getByRole('option', { name: /dec ecx/ }).waitFor();
        await guest.focus();
        await page.keyboard.press('Home');
        const selected = () =>
          dialog
            .getByRole('option', { selected: true })
            .evaluateAll((all) => [...new Set(all.map((one) => one.getAttribute('data-row')))]);
        expect(await selected()).toEqual(['entry']);
        await page.keyboard.press('ArrowDown');
        const [second] = await selected();
        expect(second).not.toBe('entry');
        expect(await selected()).toHaveLength(1);
        await dialog.getByRole('button', { name: 'Forget' }).click();
        await panel.getByText(/\d asked/).waitFor();
        await panel.getByRole('radio', { name: 'Events' }).check();
        await panel
          .getByText(/forgotten on request/)
          .first()
          .waitFor();
        await screenshot(page, 'tiers-events');
        await page.getByRole('button', { name: 'Pause', exact: true }).click();
        expect(await findAxeViolations(page)).toEqual([]);
        await panel.getByRole('button', { name: 'JIT', exact: true }).click();
        await page.getByRole('button', { name: 'Run', exact: true }).click();
        await panel.getByRole('radio', { name: 'Regions' }).check();
        await panel.getByText('The JIT is off again').waitFor();
        expect(errors).toEqual([]);
      }),
  );
});
