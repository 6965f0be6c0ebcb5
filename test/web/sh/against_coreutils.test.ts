import { describe, expect, test } from 'vitest';
import { isInstalled, readFragments, runOurs, runSystem } from './fragments.ts';

/** A fragment's name begins with the utility it is about. */
const utilityOf = (name: string) => name.split(' ')[0] ?? '';

describe('a utility writes the bytes that the one of Debian writes', () => {
  for (const { name, text } of readFragments('utilities.txt')) {
    test.skipIf(!isInstalled(utilityOf(name)))(name, async () => {
      const { stdout, complains, status } = await runOurs(text);
      expect({ stdout, complains, status }).toEqual(runSystem('dash', text));
    });
  }
});
