// Modules in Chromium: workers of a page serve a guest of that page, near and behind a message channel.
import { expect } from 'vitest';
import { browserTest } from './support/browser.ts';
import { makeStage } from './support/stage.ts';

const stage = makeStage({ page: 'modules' });
const { site } = stage;

browserTest('the ring module serves a guest of the page, near and far, and leaves no pins', () =>
  stage.withPage({}, async (page, errors) => {
    await page.goto(`${site.url}modules.html`);
    await page.waitForFunction('document.title === "done"');
    const text = 'ALPHA ..BETA ...GAMMA ..DELTA ..EPSILON\n';
    expect(JSON.parse((await page.textContent('body')) ?? '')).toEqual({
      lines: [text, text],
      states: ['killed', 'ended'],
      pins: [0, 0],
    });
    expect(errors).toEqual([]);
  }),
);
