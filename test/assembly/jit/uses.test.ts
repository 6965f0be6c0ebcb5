// What records are said to read and write, held against what the golden cases' instructions do: whatever is not named is inverted
// before the case and must come out inverted, and change nothing else.
import { readdirSync, readFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { describe, expect, test } from 'vitest';
import { B_HVA, BLOCK_HEADER, R_OP, RECORD_SIZE } from '../../../assembly/abi/insn.ts';
import { BLOCK_HASH_ENTRIES, VCPU_BLOCK_HASH, VCPU_PAGE } from '../../../assembly/abi/map.ts';
import { OP_END, OP_HLT } from '../../../assembly/abi/ops.ts';
import { type Case, parseFile } from '../../cpu/support/case.ts';
import { CpuMachine } from '../../cpu/support/machine.ts';
import { GPR, type State } from '../../cpu/support/state.ts';
import { type Tier, tiers } from '../../cpu/support/tiers.ts';
import { showFlags } from '../../cpu/support/values.ts';

const folder = new URL('../../cpu/cases/', import.meta.url);
const machine = new CpuMachine();
const interpreter = tiers[0] as Tier;
const FLAGS = 0x10000;
const ARITHMETIC = 0x8d5n;
const { read_registers, written_registers } = await compile();

async function compile(): Promise<Record<string, (v: number, r: number) => number>> {
  const { memory } = machine.vm;
  let wasm = new Uint8Array();
  const options =
    '--config none --runtime stub --importMemory --noExportMemory --sharedMemory --enable threads --initialMemory 1 --maximumMemory 65536';
  const { error, stderr } = await asc.main(
    ['assembly/jit/uses.ts', ...options.split(' '), '--outFile', 'uses.wasm'],
    {
      writeFile: (_name, contents) => {
        wasm = new Uint8Array(contents as Uint8Array);
      },
    },
  );
  if (error) throw new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(wasm, { env: { memory: memory.wasm } });
  return instance.exports as never;
}

/** Registers and flags that the records that are decoded now read and write, HLT left out; undefined if there are none. */
function uses(): { reads: number; writes: number } | undefined {
  const { page } = machine.vcpu;
  const view = new DataView(machine.vm.memory.wasm.buffer);
  let [reads, writes, records] = [0, 0, 0];
  for (let slot = 0; slot < BLOCK_HASH_ENTRIES; slot++) {
    const block = view.getUint32(page - VCPU_PAGE + VCPU_BLOCK_HASH + slot * 4, true);
    if (block === 0 || view.getUint32(block + B_HVA, true) === 0xffffffff) continue;
    for (let r = block + BLOCK_HEADER; ; r += RECORD_SIZE) {
      const op = view.getUint16(r + R_OP, true);
      if (op === OP_END || op === OP_HLT) break;
      records++;
      reads |= read_registers?.(page, r) ?? 0;
      writes |= written_registers?.(page, r) ?? 0;
    }
  }
  return records > 0 ? { reads, writes } : undefined;
}

const changed = (a: State, b: State): string[] =>
  [...a.keys()].filter((name) => name !== 'rip' && a.get(name) !== b.get(name));

/** The case is about its code: it changes, lies across pages, or is entered by an event. What is decoded is not what has run. */
const isOfCode = ({ settings, expected, source }: Case): boolean =>
  /\b(victim|handler):/.test(source) || [...settings, ...expected].some(({ name }) => name === 'org');

/** What is wrong with what is said of a case's records. */
function check(golden: Case): string[] {
  const { before, after, end } = machine.run(golden, interpreter);
  const used = uses();
  if (end !== 'end' || used === undefined) return [];
  const { reads, writes } = used;
  const wrong: string[] = [];
  const wide = golden.mode === '64';
  const names: string[] = GPR.slice(0, wide ? 16 : 8);
  const named = (mask: number, name: string): boolean =>
    name === 'flags' ? (mask & FLAGS) !== 0 : ((mask >> names.indexOf(name)) & 1) !== 0;
  const other = new Map(before);
  for (const name of [...names, 'flags']) {
    const old = before.get(name) ?? 0n;
    const differs = (old ^ (after.get(name) ?? 0n)) & (name === 'flags' ? ARITHMETIC : -1n);
    if (differs && !named(writes, name)) wrong.push(`${name} is written`);
    if (named(writes & ~reads, name)) wrong.push(`${name} is written and not read`);
    if (named(reads, name)) continue;
    other.set(name, old ^ (name === 'flags' ? ARITHMETIC : wide ? 0x5a5a_5a5a_5a5a_5a5an : 0x5a5a_5a5an));
  }
  const inverted = changed(before, other);
  if (inverted.length === 0 || wrong.length > 0) return wrong;
  const settings = golden.settings.filter(({ name }) => !inverted.includes(name.replace(/^e/, 'r')));
  for (const name of inverted) {
    const value = other.get(name) ?? 0n;
    settings.push({ name, value: name === 'flags' ? showFlags(value, 0n) : `0x${value.toString(16)}` });
  }
  const again = machine.run({ ...golden, settings }, interpreter);
  if (again.end !== end) wrong.push(`ends with ${again.end}`);
  for (const name of after.keys()) {
    const difference = (before.get(name) ?? 0n) ^ (other.get(name) ?? 0n);
    const got = again.after.get(name) ?? 0n;
    if (name !== 'rip' && ((after.get(name) ?? 0n) ^ got) !== difference)
      wrong.push(`${name} is read or written`);
  }
  return wrong;
}

describe.each(readdirSync(folder).filter((name) => name.endsWith('.txt')))('%s', (file) => {
  test('records name what they use', () => {
    const cases = parseFile(readFileSync(new URL(file, folder), 'utf8')).flatMap(({ item }) => item ?? []);
    const wrong = cases
      .filter((golden) => (golden.mode === '32' || golden.mode === '64') && !isOfCode(golden))
      .flatMap((golden) => check(golden).map((line) => `line ${golden.line}: ${line}`));
    expect(wrong).toEqual([]);
  });
});

test('most instructions do not use all registers', () => {
  const text = '# shift\nrax 1\n| shl dword [data], cl\n= [data] 00';
  const [golden] = parseFile(text).flatMap(({ item }) => item ?? []);
  machine.run(golden as Case, interpreter);
  expect(uses()).toEqual({ reads: 0x10002, writes: 0x10002 });
});
