// The system side of the processor by whole small guests: each case writes text, which must be what its .txt holds.
// How the texts came about is in README.md.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runCase } from './machine.ts';

const here = new URL('.', import.meta.url);
const names = readdirSync(here)
  .filter((file) => file.endsWith('.asm'))
  .map((file) => file.slice(0, -4));

test.each(names)('the guest %s says what a processor makes it say', (name) => {
  const golden = new URL(`${name}.txt`, here);
  const text = runCase(name);
  if (process.env.VITRINE_RECORD === 'system') writeFileSync(golden, text);
  expect(text).toBe(readFileSync(golden, 'utf8'));
});
