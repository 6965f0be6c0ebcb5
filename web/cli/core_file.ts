// Where the command line finds the core's Wasm.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Compiles build/core.wasm, which lies beside build/cli. Throws one sentence when it has not been built. */
export function readCore(): WebAssembly.Module {
  for (const place of ['../core.wasm', '../../build/core.wasm', '../../../build/core.wasm']) {
    const file = fileURLToPath(new URL(place, import.meta.url));
    if (fs.existsSync(file)) return new WebAssembly.Module(fs.readFileSync(file));
  }
  throw new Error('the core has not been built; run "npm run build" first.');
}
