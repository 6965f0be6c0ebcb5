// The same random worlds in the interpreter and in compiled regions, entry by entry: all that is to be seen must be alike. Code
// of 16 bits and code in segments that are not flat is never compiled; its worlds tell that the tiers do not mix.

import { expect, test } from 'vitest';
import { Regions } from '../../web/kvm/regions.ts';
import { Lockstep } from './lockstep.ts';
import { Random } from './random.ts';
import { MODES } from './world.ts';

test('random worlds come out of compiled regions as they come out of the interpreter', {
  timeout: 120_000,
}, () => {
  const lockstep = new Lockstep([undefined, 0, 3]);
  const random = new Random(7);
  const worlds = Number(process.env.VITRINE_WORLDS ?? 2 * MODES.length);
  for (let n = 0; n < worlds; n++) {
    const mode = MODES[n % MODES.length] as (typeof MODES)[number];
    expect(lockstep.world(mode, random.u32())).toBeUndefined();
  }
  expect(Regions.refusal).toBeUndefined();
  // It is no good comparison if little is compiled.
  expect(lockstep.regions).toBeGreaterThan(20 * worlds);
});
