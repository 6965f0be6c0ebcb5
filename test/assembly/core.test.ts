// The built core as a Wasm module: what every instance may rely on. Instructions are tested elsewhere.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const core = new WebAssembly.Module(readFileSync('build/core.wasm'));

test('the core is built and exports functions', () => {
  expect(WebAssembly.Module.exports(core).some((entry) => entry.kind === 'function')).toBe(true);
});
