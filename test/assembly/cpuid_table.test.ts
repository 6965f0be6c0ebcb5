// The table of CPUID features in assembly/README.md: every announced bit, nothing else, and tests that exist.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { FEATURES } from '../../web/kvm/index.ts';

const rows = readFileSync('assembly/README.md', 'utf8')
  .split('\n')
  .filter((line) => /^\| [0-9A-F]+H?\.E[ABCD]X\[/.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, 4)
      .map((cell) => cell.trim()),
  ) as [string, string, string][];

test('it names every feature that KVM_GET_SUPPORTED_CPUID announces, and no other', () => {
  const announced = FEATURES.map(([leaf, register, bit, name]) => {
    const number = leaf > 9 ? `${leaf.toString(16).toUpperCase()}H` : String(leaf);
    return `${number}.${register.toUpperCase()}[${bit}] ${name}`;
  });
  expect(rows.map(([place, name]) => `${place} ${name}`)).toEqual(announced);
});

test('every test that it names exists', () => {
  const missing = rows.flatMap(([, , tests]) => {
    let folder = '';
    return tests.split(/[;,] /).filter((each) => {
      if (!each.includes('.') && !each.includes('/')) return false; // a golden group
      if (each.includes('/')) folder = dirname(each);
      return !existsSync(each.includes('/') ? each : join(folder, each));
    });
  });
  expect(missing).toEqual([]);
});
