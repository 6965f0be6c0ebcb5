// What the fuzzer's program needs, behind one door.

export { compareTiers } from './compare_tiers.ts';
export { dump } from './dump.ts';
export { Fuzzer } from './fuzz.ts';
export { MODES } from './world.ts';
