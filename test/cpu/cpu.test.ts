// Golden cases of the processor: every case of every file in every tier. How to read and write them is in README.md.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Case, parseFile } from './support/case.ts';
import { failures } from './support/compare.ts';
import { CpuMachine } from './support/machine.ts';
import { recordFile } from './support/record.ts';
import { tiers } from './support/tiers.ts';

const folder = new URL('cases/', import.meta.url);
const machine = new CpuMachine();
const read = (file: string): Case[] =>
  parseFile(readFileSync(new URL(file, folder), 'utf8')).flatMap(({ item }) => item ?? []);

/** What is wrong with a case, a line for each tier that gets it wrong. */
function check(golden: Case): string[] {
  return tiers
    .filter(({ debug }) => !(debug && golden.notStepped))
    .flatMap((tier) => {
      const wrong = failures(golden, machine.run(golden, tier));
      return wrong.map((line) => `${tier.name}: ${line}`);
    });
}

describe.each(readdirSync(folder).filter((name) => name.endsWith('.txt')))('%s', (file) => {
  if (process.env.VITRINE_RECORD === 'cpu') recordFile(new URL(file, folder), machine);
  test.each(read(file).map((golden) => [golden.line, golden.name, golden] as const))(
    'line %i: %s',
    (_, __, golden) => {
      expect(check(golden)).toEqual([]);
    },
  );
});

describe('a case that is wrong is told by', () => {
  const said = (text: string): string =>
    parseFile(text)
      .flatMap(({ item }) => item ?? [])
      .flatMap((golden) => failures(golden, machine.run(golden, tiers[0] as (typeof tiers)[0])))
      .join();
  test('its register', () => expect(said('# inc\n| inc eax\n= rax 2')).toContain('rax 1, expected rax 2'));
  test('a register that it does not name', () =>
    expect(said('# inc\n| inc eax')).toContain('rax 1, expected rax 0'));
  test('its flags', () => expect(said('# stc\n| stc\n= flags ZF')).toContain('flags CF, expected flags ZF'));
  test('its memory', () =>
    expect(said('# not\n| not byte [data]\n= [data] 01')).toContain('[data] is ff, expected 01'));
  test('its end', () => expect(said('# ud2\n| nop\n| ud2')).toContain("'#UD at +1', expected 'end'"));
  test('its vector', () =>
    expect(said('# xmm\nxmm0 f32 1 2 3 4\n| nop\n= xmm0 0')).toContain('xmm0 f32 1 2 3 4, expected xmm0 0'));
  test('nothing, where the flag is undefined', () => expect(said('# stc\n| stc\n= flags ?CF')).toBe(''));
  test('an exit', () => expect(said('# out\ncpl 0\n| out 0x42, al')).toContain("exits are 'out 0x42 00'"));
});
