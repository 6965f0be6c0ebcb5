// Runs a golden file and compares: what a real processor did against what the core does.
import { type Case, type Frame, GPR, parseCase } from './golden_case.ts';
import { compareFloat } from './golden_float.ts';
import { GoldenMachine, type Outcome } from './golden_machine.ts';
import type { Report } from './report.ts';

const RF = 0x10000;
const BREAKPOINT = 3;

const show = (value: bigint | number): string => value.toString(16);

/** The differences of one case, empty when it passed. */
function compare(
  test: Case,
  got: Outcome,
  window: Uint8Array,
  frame: Frame,
  expectedWindow: Uint8Array,
): string[] {
  const wrong: string[] = [];
  const { out, ignore } = test;
  const vector = out.vector ?? BREAKPOINT;
  if (got.vector !== vector)
    return [
      `vector ${got.vector ?? got.why}, expected ${out.vector ?? 'none'} (error ${show(got.error)}, rip ${show(got.rip)})`,
    ];
  const base = test.mode === 16 ? 0n : frame.code;
  const ip = BigInt.asUintN(64, got.rip - base - (out.vector === undefined ? 1n : 0n));
  if (ip !== out.ip) wrong.push(`ip ${show(ip)}, expected ${show(out.ip)}`);
  if (out.error !== undefined && got.error !== out.error)
    wrong.push(`error code ${show(got.error)}, expected ${show(out.error)}`);
  if (out.vector === 14 && out.cr2 !== undefined && got.cr2 !== out.cr2)
    wrong.push(`cr2 ${show(got.cr2)}, expected ${show(out.cr2)}`);
  const mask = test.mode === 64 ? (1n << 64n) - 1n : 0xffffffffn;
  for (let n = 0; n < (test.mode === 64 ? 16 : 8); n++) {
    const care = mask & ~(ignore.gpr.get(n) ?? 0n);
    const have = got.gpr[n] as bigint;
    const want = out.gpr[n] as bigint;
    if (((have ^ want) & care) !== 0n)
      wrong.push(`${GPR[n]} ${show(have & mask)}, expected ${show(want & mask)}`);
  }
  const flagsCare = ~(ignore.flags | RF);
  if ((got.flags ^ out.flags) & flagsCare)
    wrong.push(`flags ${show(got.flags)}, expected ${show(out.flags)}`);
  if (Buffer.compare(window, expectedWindow) !== 0) {
    for (let at = 0; at < window.length; at++) {
      if (window[at] === expectedWindow[at]) continue;
      if (ignore.memory.some(([offset, length]) => at >= offset && at < offset + length)) continue;
      wrong.push(
        `memory[${show(at)}] ${show(window[at] as number)}, expected ${show(expectedWindow[at] as number)}`,
      );
      break;
    }
  }
  wrong.push(...compareFloat(test, got.float));
  return wrong;
}

/** Runs every line of `text`; a line that fails is described in `report`. */
export function runGolden(
  core: WebAssembly.Module,
  text: string,
  frame: Frame,
  report: Report,
  group = '',
  compileAfter?: number,
): void {
  const machine = new GoldenMachine(core, frame, compileAfter);
  const expected = new Uint8Array(frame.pattern.length);
  let index = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const test = parseCase(line, index++, frame, group.startsWith('avx'));
    const got = machine.run(test);
    expected.set(frame.pattern);
    for (const [offset, bytes] of test.memory) expected.set(bytes, offset);
    for (const [offset, bytes] of test.out.memory) expected.set(bytes, offset);
    const wrong = compare(test, got, machine.window, frame, expected);
    const name = `${test.name} (${test.mode}-bit, ${Buffer.from(test.code).toString('hex')})`;
    report.note(test.index, name, wrong);
  }
  report.compiled = machine.compiled;
  report.emitted = machine.emitted;
}
