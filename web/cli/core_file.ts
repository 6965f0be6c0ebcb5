// The core's Wasm for the command line.
import fs from 'node:fs';
import { coreFile } from '../session/node_files.ts';

/** Compiles build/core.wasm. Throws one sentence when it has not been built. */
export function readCore(): WebAssembly.Module {
  if (fs.existsSync(coreFile)) return new WebAssembly.Module(fs.readFileSync(coreFile));
  throw new Error('the core has not been built; run "npm run build" first.');
}
