// Node up to version 24 reads WebAssembly's branch hints only when it is told to; emitted code is a quarter slower without them
// (assembly/jit/hints.ts). Import it before any module is compiled.
import { setFlagsFromString } from 'node:v8';

/** The first V8 that reads them anyway. */
const READS_HINTS = 14;

if (Number.parseInt(process.versions.v8, 10) < READS_HINTS)
  setFlagsFromString('--experimental-wasm-branch-hinting');
