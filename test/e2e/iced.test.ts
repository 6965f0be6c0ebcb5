// The assembler's encoder in a browser: on the page and in a module worker, from the built bundle.
import { expect } from 'vitest';
import { browserTest } from './support/browser.ts';
import { makeStage } from './support/stage.ts';

const stage = makeStage({ page: 'iced' });
const { site } = stage;

browserTest('iced-x86 decodes on the page and in a worker that is spoken to at once', () =>
  stage.withPage({}, async (page, errors) => {
    await page.goto(`${site.url}iced.html`);
    await page.waitForFunction(() => document.title.startsWith('page:'));
    expect(await page.title()).toBe('page: out 0E9h,al; worker: hlt');
    expect(errors).toEqual([]);
  }),
);
