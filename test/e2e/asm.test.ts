// The assembler in a browser's worker, from the built bundle: the same bytes as in Node.
import { expect } from 'vitest';
import { assemble } from '../../web/asm/index.ts';
import { guests } from '../../web/lab/index.ts';
import { browserTest } from './support/browser.ts';
import { makeStage } from './support/stage.ts';

const stage = makeStage({ page: 'asm' });
const { site } = stage;

browserTest("a worker assembles the lab's guests to the bytes that Node gives", () =>
  stage.withPage({}, async (page, errors) => {
    await page.goto(`${site.url}asm.html`);
    await page.waitForFunction(() => document.title === 'done');
    const lines = guests.map(({ id, source }) => {
      const result = assemble(source);
      return `${id} ${Buffer.from(result.errors ? [] : result.bytes).toString('hex')}`;
    });
    expect(await page.textContent('body')).toBe([...lines, 'hlt'].join('\n'));
    expect(errors).toEqual([]);
  }),
);
