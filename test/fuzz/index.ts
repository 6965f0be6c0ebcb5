// What the fuzzer's program needs, behind one door.
export { dump } from './dump.ts';
export { Fuzzer } from './fuzz.ts';
export { MODES } from './world.ts';
