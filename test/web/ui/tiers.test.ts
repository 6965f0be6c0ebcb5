// The models of the panel of tiers: the line of shares, and a region's guest code joined with its Wasm.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VCPU_PAGE } from '../../../assembly/abi/map.ts';
import { IMPORTS } from '../../../web/kvm/regions.ts';
import { readRegions, readText } from '../../../web/kvm/tiers.ts';
import type { DropReason, Region, TierCounts } from '../../../web/session/views/index.ts';
import {
  functionName,
  LOCALS,
  localName,
  pageField,
  VECTOR_LOCALS,
} from '../../../web/session/views/region_names.ts';
import { wasmLines } from '../../../web/ui/editor/wasm_text.ts';
import { joinRegion } from '../../../web/ui/state/region_code.ts';
import { TierHistory } from '../../../web/ui/state/tier_history.ts';
import { guest } from '../../assembly/run/machine.ts';

const counts = (instructions: number, compiled: number): TierCounts => ({
  ...{ instructions, compiled, entered: 0, blocks: 0, made: 0, madeBytes: 0, refused: 0 },
  dropped: {} as Record<DropReason, number>,
});
const region = (number: number, executed: number): Region => ({
  ...{ number, executed, rip: 0x1000n, code: 32, blocks: 1, pages: 1, instructions: 4, bytes: 100 },
});

test('the line has the share of each span, and of each region in the last one', () => {
  const history = new TierHistory();
  history.look(counts(1000, 0), [], 0);
  const { moments, shares } = history.look(counts(3000, 1500), [region(1, 1500)], 500);
  expect(moments).toEqual([{ compiled: 0.75, rate: 4000 }]);
  expect(shares).toEqual(new Map([[1, 0.75]]));
});

test('a machine that stands adds nothing, and another one begins anew', () => {
  const history = new TierHistory();
  history.look(counts(0, 0), [], 0);
  const line = history.look(counts(100, 100), [], 1000);
  expect(history.look(counts(100, 100), [], 2000)).toEqual(line);
  expect(history.look(counts(10, 0), [], 3000).moments).toEqual([]);
});

test('a number that another region has got is counted from its beginning', () => {
  const history = new TierHistory();
  history.look(counts(1000, 1000), [region(1, 1000)], 0);
  const { shares } = history.look(counts(1100, 1050), [region(1, 50)], 1000);
  expect(shares).toEqual(new Map([[1, 0.5]]));
});

const bytes = (...all: number[]) => Uint8Array.from(all);
const place = (
  offset: number,
  kind: 'instruction' | 'entry' | 'loop' | 'exit',
  delta: number,
  code = bytes(),
) => ({
  ...{ offset, kind, delta, code },
});

test('each line of Wasm belongs to the instruction whose place it lies in', () => {
  const text = {
    module: new Uint8Array(40),
    places: [
      place(10, 'entry', 0),
      place(14, 'loop', 0),
      place(20, 'instruction', 0, bytes(0x49)),
      place(26, 'instruction', 5, bytes(0x0f, 0xa2)),
      place(30, 'instruction', 0, bytes(0x49)),
      place(32, 'exit', 0),
    ],
  };
  const line = (offset: number, words: string) => ({ offset, depth: 0, text: words });
  const instructions = new Map([
    [0, { text: 'dec ecx', bytes: bytes(0x49) }],
    [5, { text: 'cpuid', bytes: bytes(0x0f, 0xa2) }],
  ]);
  const wasm = [
    line(10, 'local.get $v'),
    line(22, 'i32.sub'),
    line(26, 'call $compiled_record'),
    line(31, 'end'),
  ];
  const { rows, lines } = joinRegion({ rip: 0x1000n }, text, instructions, wasm);
  expect(lines.map(({ row }) => row)).toEqual(['entry', 'instruction0', 'instruction5', 'instruction0']);
  expect(rows.map(({ id, size, by, isApart }) => [id, size, by, isApart])).toEqual([
    ['entry', 4, 'wasm', false],
    ['loop0', 6, 'wasm', false],
    ['instruction0', 8, 'wasm', false],
    ['instruction5', 4, 'interpreter', true],
    ['exit', 8, 'wasm', false],
  ]);
});

test('locals have the names of assembly/jit/locals.ts, in their order', () => {
  const source = readFileSync('assembly/jit/locals.ts', 'utf8');
  const names = [...source.matchAll(/^export const L_(\w+): u32 = (\w+)(?: \+ (\w+))?;$/gm)];
  const first = names.findIndex(([, name]) => name === 'SLOW');
  expect(names.slice(0, first).map(([, name]) => name?.toLowerCase())).toEqual([...LOCALS, 'gpr']);
  expect(names.slice(first, first + VECTOR_LOCALS.length).map(([, name]) => name?.toLowerCase())).toEqual([
    ...VECTOR_LOCALS,
  ]);
});

test('functions and fields of the vCPU page are told by their names', () => {
  const own = IMPORTS.length;
  expect([functionName(4), functionName(own)]).toEqual(['compiled_record', 'region']);
  expect([localName(21, 32), localName(21, 64)]).toEqual(['eax', 'rax']);
  expect([pageField(8, 32), pageField(0xc0, 32), pageField(0xc8, 64), pageField(3, 32)]).toEqual([
    'ecx',
    'V_REQUESTS',
    'V_BUDGET',
    undefined,
  ]);
});

test('a region is one function with the registers in locals', async () => {
  const { vm, vcpu } = guest('mov ecx, 9\nagain: add eax, [0x3000]\njmp next\nnext: dec ecx\njnz again\nhlt');
  vm.compileAfter(2);
  vm.write(0x3000, Uint8Array.of(1));
  vcpu.enter(1000);
  const place = [vm.memory.wasm.buffer, vcpu.page - VCPU_PAGE] as const;
  const found = readRegions(...place).find(({ blocks }) => blocks > 1);
  const text = found && readText(...place, found.number);
  if (!found || !text) throw new Error('no region of several blocks was made');
  const wasm = await wasmLines(text.module, found);
  const { rows, lines } = joinRegion(found, text, new Map(), wasm);
  expect(lines.map(({ text }) => text)).toContain('local.get $ecx');
  expect(rows[0]?.text).toBe('entry: state into locals');
});
