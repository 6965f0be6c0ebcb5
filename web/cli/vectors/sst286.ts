// Real-mode single-step cases captured on an 80286: which of them a 386 shares, and the comparison. Builds no machine.

import { bytesOf } from './golden_case.ts';
import type { Report } from './report.ts';
import { REAL_REGISTERS, RealMachine, type RealOutcome, type RealRegisters } from './sst286_machine.ts';

/** One line; the fields are described beside the vectors. */
interface Line {
  op: string;
  n: string;
  b: string;
  i: RealRegisters;
  m: Record<string, string>;
  o: Partial<RealRegisters>;
  p: Record<string, string>;
  x?: [number, number];
  fm?: number;
}

/** The flags that both processors have. */
const FLAGS = 0x0fd5;
const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0xf2, 0xf3];
const GP = 13;

/**
 * True for lines whose result on a 386 and later is another one by design: LOCK, which a 286 takes everywhere; more
 * than ten bytes; escapes without a coprocessor; ports, which float on the tester; FS and GS, which it does not have.
 */
export function isOnly286(line: { op: string; b: string }): boolean {
  const code = bytesOf(line.b).subarray(0, -1);
  if (code.length > 10) return true;
  const at = code.findIndex((byte) => !PREFIXES.includes(byte));
  if (code[at] === 0xf0) return true;
  const op = Number.parseInt(line.op, 16);
  if (op >= 0xd8 && op <= 0xdf) return true;
  const segment = ((code[at + 1] ?? 0) >> 3) & 7;
  if ((op === 0x8c || op === 0x8e) && (segment === 4 || segment === 5)) return true;
  return (op >= 0xe4 && op <= 0xe7) || (op >= 0xec && op <= 0xef) || (op >= 0x6c && op <= 0x6f);
}

/** The bytes of `{ address: bytes }`, one by one. */
function bytesAt(chunks: Record<string, string>, into: Map<number, number>): Map<number, number> {
  for (const [start, bytes] of Object.entries(chunks)) {
    bytesOf(bytes).forEach((byte, k) => {
      into.set(Number.parseInt(start, 16) + k, byte);
    });
  }
  return into;
}

/**
 * SI, DI and CX after a string instruction that faulted. A 286 leaves them moved past the element that it could not
 * reach; a 386 and later can start it again, so they stand at that element (SDM volume 3, 7.6).
 */
function restartable(line: Line, got: RealRegisters): Partial<RealRegisters> | undefined {
  const op = Number.parseInt(line.op, 16);
  if (line.x?.[0] !== GP || op < 0xa4 || op > 0xaf || op === 0xa8 || op === 0xa9) return undefined;
  const repeats = /^(26|2e|36|3e)*f[23]/.test(line.b);
  const done = repeats ? (line.i.cx - got.cx) & 0xffff : 0;
  const step = (op & 1 ? 2 : 1) * (line.i.flags & 0x400 ? -1 : 1) * done;
  const usesSi = op <= 0xa7 || op === 0xac || op === 0xad;
  const usesDi = op <= 0xab || op >= 0xae;
  return {
    cx: repeats ? got.cx : line.i.cx,
    si: usesSi ? (line.i.si + step) & 0xffff : line.i.si,
    di: usesDi ? (line.i.di + step) & 0xffff : line.i.di,
  };
}

/** How the outcome differs from the line, empty when it passed. */
function compare(line: Line, got: RealOutcome, ram: Uint8Array, expected: Map<number, number>): string[] {
  if (!got.registers) return [got.why];
  const wrong: string[] = [];
  const want = { ...line.i, ...line.o, ...restartable(line, got.registers) };
  const care = FLAGS & (line.fm ?? 0xffff);
  for (const name of REAL_REGISTERS) {
    const mask = name === 'flags' ? care : 0xffff;
    if ((got.registers[name] ^ want[name]) & mask)
      wrong.push(`${name} ${got.registers[name].toString(16)}, expected ${want[name].toString(16)}`);
  }
  // A pushed image of the flags has undefined bits, and a 286's bits 12 to 15.
  const image = line.x ? want.sp + 4 : want.sp;
  const masks = new Map<number, number>();
  if (line.x || line.op === '9C') {
    const at = (want.ss << 4) + (image & 0xffff);
    masks.set(at, care & 0xff);
    masks.set(at + 1, care >> 8);
  }
  for (const [at, byte] of expected) {
    if ((((ram[at] as number) ^ byte) & (masks.get(at) ?? 0xff)) === 0) continue;
    wrong.push(`memory[${at.toString(16)}] ${ram[at]?.toString(16)}, expected ${byte.toString(16)}`);
    break;
  }
  return wrong;
}

/** Runs every line of `text` that a 386 shares; lines that fail are described in `report`. */
export function runSst286(core: WebAssembly.Module, text: string, report: Report): void {
  const machine = new RealMachine(core);
  text.split('\n').forEach((one, index) => {
    if (one === '') return;
    const line = JSON.parse(one) as Line;
    if (isOnly286(line)) {
      report.skipped++;
      return;
    }
    const before = bytesAt(line.m, new Map());
    // A 286 has one vector for every limit; a 386 and later say #SS (12) when it is the stack's. One handler for both.
    if (line.x?.[0] === GP)
      for (let k = 0; k < 4; k++) before.set(12 * 4 + k, before.get(GP * 4 + k) as number);
    machine.fill(before);
    const got = machine.run(line.i);
    const expected = bytesAt(line.p, new Map(before));
    const wrong = compare(line, got, machine.ram, expected);
    report.note(index, `${line.n} (${line.b})`, wrong);
    machine.clear(wrong.length === 0 ? expected.keys() : undefined);
  });
}
