// `vitrine asm`: bytes in a file, or a sentence that says where the source is wrong.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { file, MAIN } from './vitrine.ts';

function asm(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, 'asm', ...args], { encoding: 'utf8', timeout: 30_000 });
}

test('a source becomes a file of its bytes, with the values that were defined', () => {
  const source = file('answer.asm', 'bits 32\nmov eax, ANSWER\n');
  const done = asm(source, '--define', 'ANSWER=42');
  expect([done.status, done.stderr]).toEqual([0, '']);
  expect(readFileSync(source.replace('.asm', '')).toString('hex')).toBe('b82a000000');
});

test('an error names file, line and column, and writes nothing', () => {
  const source = file('wrong.asm', 'nop\nmov eax, NOWHERE\n');
  const done = asm(source, '--define', 'A=1,B=2');
  expect(done.status).toBe(1);
  expect(done.stderr).toMatch(/wrong\.asm:2:\d+: .*NOWHERE/);
});

test.each([
  [['missing.asm'], 'cannot be read'],
  [['missing.txt'], '--out'],
  [['missing.asm', '--define', 'A'], 'NAME=VALUE'],
])('%j is refused in one sentence', (args, why) => {
  const done = asm(...args);
  expect([done.status, done.stderr.split('\n').length]).toEqual([2, 2]);
  expect(done.stderr).toContain(why);
});
