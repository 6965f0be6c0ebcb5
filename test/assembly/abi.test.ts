// assembly/abi as asc and as TypeScript see it: the same names with the same values. Meaning is tested elsewhere.
import asc from 'assemblyscript/asc';
import { expect, test } from 'vitest';

const files = import.meta.glob<Record<string, unknown>>('../../assembly/abi/*.ts');

/** The constants that asc gives an abi file, as numbers without sign where the type has none. */
async function constantsByAsc(file: string): Promise<Record<string, number>> {
  const outputs = new Map<string, string | Uint8Array>();
  const { error, stderr } = await asc.main(
    [
      file.replace('../../', ''),
      '--config',
      'none',
      '--outFile',
      'abi.wasm',
      '--runtime',
      'stub',
      '--optimizeLevel',
      '0',
    ],
    { writeFile: (name, contents) => void outputs.set(name, contents) },
  );
  if (error) throw new Error(stderr.toString());
  const module = await WebAssembly.compile(outputs.get('abi.wasm') as Uint8Array<ArrayBuffer>);
  const { exports } = await WebAssembly.instantiate(module);
  const globals = Object.entries(exports).filter(([, value]) => value instanceof WebAssembly.Global);
  return Object.fromEntries(
    globals.map(([name, value]) => [name, (value as WebAssembly.Global).value >>> 0]),
  );
}

test.each(Object.entries(files))('%s means the same to asc and to TypeScript', async (file, read) => {
  const numbers = Object.entries(await read()).filter(([, value]) => typeof value === 'number');
  const byTypeScript = Object.fromEntries(numbers.map(([name, value]) => [name, (value as number) >>> 0]));
  expect(await constantsByAsc(file)).toEqual(byTypeScript);
});
