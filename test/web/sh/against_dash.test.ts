import { describe, expect, test } from 'vitest';
import { isInstalled, readFragments, runOurs, runSystem } from './fragments.ts';

const hasDash = isInstalled('dash');
if (!hasDash) console.warn('dash is not installed, so nothing is compared with it: apt-get install dash.');

describe.skipIf(!hasDash)('a script does what it does under dash', () => {
  test.each(readFragments('dash.txt'))('$name', async ({ text }) => {
    const { stdout, complains, status } = await runOurs(text);
    expect({ stdout, complains, status }).toEqual(runSystem('dash', text));
  });

  test('there are at least 150 fragments', () => {
    expect(readFragments('dash.txt').length).toBeGreaterThanOrEqual(150);
  });
});
