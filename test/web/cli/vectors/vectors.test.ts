// Golden cases of our own, a file a family: what the manual says, through the machinery that runs the recorded ones.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runGolden } from '../../../../web/cli/vectors/golden.ts';
import type { Frame } from '../../../../web/cli/vectors/golden_case.ts';
import { Report } from '../../../../web/cli/vectors/report.ts';
import { isOnly286, runSst286 } from '../../../../web/cli/vectors/sst286.ts';

const core = new WebAssembly.Module(readFileSync('build/core.wasm'));
const fixtures = new URL('fixtures/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, fixtures), 'utf8');

/** Registers are 0 but for RSP, and so is the window: a line says all it needs. */
const frame: Frame = {
  code: 0x10000000n,
  data: 0x20000000n,
  gpr: Array.from({ length: 16 }, (_, n) => (n === 4 ? 0x20001800n : 0n)),
  pattern: new Uint8Array(0x2000),
  ymm: Array<bigint>(16).fill(0n),
};

/** Runs lines; what failed, in words. */
function failures(text: string, run: (text: string, report: Report) => void): string[] {
  const lines: string[] = [];
  const report = new Report(1000, (line) => lines.push(line));
  run(text, report);
  expect(report.passed + report.failed).toBeGreaterThan(0);
  return lines;
}

const golden = (text: string): string[] =>
  failures(text, (lines, report) => runGolden(core, lines, frame, report));

const groups = readdirSync(fixtures).filter((name) => name !== 'sst286.jsonl');

test.each(groups)('every case of %s ends as the manual says', (name) => {
  expect(golden(read(name))).toEqual([]);
});

test('real-mode cases end as a 386 ends them', () => {
  expect(failures(read('sst286.jsonl'), (text, report) => runSst286(core, text, report))).toEqual([]);
});

describe('a case that went wrong is told by', () => {
  const line = (o: object, rest: object = {}): string =>
    golden(JSON.stringify({ n: 'inc', m: 32, b: '40', f: 0x202, ...rest, o: { f: 0x202, ...o } })).join();

  test('its register', () => expect(line({ r: { rax: '2' } })).toContain('rax 1, expected 2'));
  test('its flags', () => expect(line({ r: { rax: '1' }, f: 0x203 })).toContain('flags 202, expected 203'));
  test('its memory', () =>
    expect(line({ r: { rax: '1' }, M: { 8: 'ff' } })).toContain('memory[8] 0, expected ff'));
  test('its end', () => expect(line({ r: { rax: '1' }, ip: 0x900 })).toContain('ip 801, expected 900'));
  test('the exception that did not come', () => expect(line({ t: 6 })).toContain('vector 3, expected 6'));
  test('nothing, where the difference is undefined', () =>
    expect(line({ r: { rax: '1' }, f: 0x203 }, { u: { f: 1 } })).toBe(''));
});

test('lines that only a 286 runs so are left out', () => {
  const left = (op: string, b: string): boolean => isOnly286({ op, b });
  expect([left('00', 'f00007f4'), left('D8', 'd8c0f4'), left('E4', 'e460f4'), left('8C', '8ce0f4')]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(left('90', `${'26'.repeat(10)}90f4`)).toBe(true);
  expect([left('00', '0007f4'), left('8C', '8cd8f4'), left('90', '9bf4')]).toEqual([false, false, false]);
});
