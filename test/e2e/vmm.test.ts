// The C VMMs in a page: the same Wasm as in Node, in a worker, with the same output.
import { copyFileSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileWasm, missingPackages, PROGRAMS } from '../cvmm/build.mjs';
import { chromePath } from './support/browser.ts';
import { makeStage } from './support/stage.ts';

const canRun = chromePath !== undefined && missingPackages('wasm').length === 0;
const stage = makeStage({
  page: 'vmm',
  canRun,
  prepare: (folder) => {
    for (const name of PROGRAMS) copyFileSync(compileWasm(name), `${folder}/${name}.wasm`);
  },
});
const { site } = stage;

test.skipIf(!canRun).each(PROGRAMS)('%s prints in Chromium what it prints in Node', (name) =>
  stage.withPage({}, async (page, errors) => {
    await page.goto(`${site.url}vmm.html?${name}`);
    await page.waitForFunction(() => document.title !== 'running');
    expect(await page.title()).toBe('exit 0');
    expect(await page.textContent('pre')).toBe(readFileSync(`test/cvmm/expected/${name}.txt`, 'utf8'));
    expect(errors).toEqual([]);
  }),
);
