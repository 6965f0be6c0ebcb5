// What a case expects against what came of it, and the `=` lines that would describe it. Runs nothing.
import { type Case, type Item, memoryBytes, type Program, symbolsOf } from './case.ts';
import { pageEntry, showPage } from './frame.ts';
import { addressOf, CONTROL_BITS, setItem } from './items.ts';
import { type Outcome, usesMmx } from './machine.ts';
import { GPR, type State } from './state.ts';
import { hex, laneType, parseFlags, parseNumber, showFlags, showSt, showVector } from './values.ts';

const LOW_128 = (1n << 128n) - 1n;
const WIDTH = 100;
const ENDING = /^(#|at$|int$|shutdown$|NMI$|exit$|does$|run$)/;
const EXIT = /^(out|in|read|write)$/;
/** Pointers of the last x87 instruction: compared only where a case names them. */
const POINTERS = ['fip', 'fdp', 'fop'];

interface Expectation {
  readonly state: State;
  readonly memory: Uint8Array;
  readonly end: string;
  readonly exits: readonly string[];
  /** Flags that the manual leaves undefined here. */
  readonly open: bigint;
}

/** `page 0xb000 PWU` to its name in the state and the rest. */
function pageItem(
  value: string,
  number: (text: string) => bigint,
): [name: string, address: number, text: string] {
  const [, address = '', text = ''] = /^(\S+)\s*(.*)$/.exec(value) ?? [];
  const at = Number(number(address));
  return [`page 0x${at.toString(16)}`, at, text];
}

function expectation(test: Case, outcome: Outcome): Expectation {
  const state = new Map(outcome.before);
  const memory = outcome.memoryBefore.slice();
  const number = (text: string): bigint => parseNumber(text, symbolsOf(outcome.program.labels));
  let end = 'end';
  let open = 0n;
  const exits: string[] = [];
  for (const { name, value } of test.expected) {
    const whole = `${name} ${value}`.trim();
    if (ENDING.test(name)) end = whole;
    else if (EXIT.test(name)) exits.push(whole);
    else if (name.startsWith('['))
      memory.set(memoryBytes(value, outcome.program.labels), Number(number(name.slice(1, -1))));
    else if (name === 'flags') {
      const flags = parseFlags(value);
      state.set('flags', flags.bits);
      open = flags.undefined;
    } else if (name === 'page') {
      const [key, at, text] = pageItem(value, number);
      state.set(key, pageEntry(text, at));
    } else setItem(state, name, value, number);
  }
  return { state, memory, end, exits, open };
}

/** The names that are compared for this case, in the order in which they are shown. */
function names(test: Case, state: State): string[] {
  const mmx = usesMmx(test);
  const named = (name: string): boolean =>
    [...test.expected, ...test.settings].some((item) => item.name === name);
  return [...state.keys()].filter((name) => {
    if (name === 'rip') return false;
    if (/^st\d$/.test(name)) return !mmx;
    if (/^mm\d$/.test(name) || name === 'ftag') return mmx || named(name);
    return !POINTERS.includes(name) || named(name);
  });
}

function differs(name: string, a: State, b: State, open: bigint): boolean {
  const difference = (a.get(name) ?? 0n) ^ (b.get(name) ?? 0n);
  return (name === 'flags' ? difference & ~open : difference) !== 0n;
}

/** Sentences about what is not as the case says; none when it passes. */
export function failures(test: Case, outcome: Outcome): string[] {
  const want = expectation(test, outcome);
  const wrong: string[] = [];
  if (outcome.end !== want.end) wrong.push(`ends with '${outcome.end}', expected '${want.end}'`);
  if (outcome.exits.join(', ') !== want.exits.join(', '))
    wrong.push(`exits are '${outcome.exits.join(', ')}', expected '${want.exits.join(', ')}'`);
  for (const name of names(test, outcome.after)) {
    if (!differs(name, outcome.after, want.state, want.open)) continue;
    const show = (state: State): string => shown(test, name, state, want.state, want.open).join(' ');
    wrong.push(`${show(outcome.after)}, expected ${show(want.state)}`);
  }
  const at = outcome.memoryAfter.findIndex((byte, index) => byte !== want.memory[index]);
  if (at >= 0)
    wrong.push(
      `[${addressOf(at)}] is ${byteText(outcome.memoryAfter, at)}, expected ${byteText(want.memory, at)}`,
    );
  return wrong;
}

const byteText = (memory: Uint8Array, at: number): string =>
  Buffer.from(memory.subarray(at, at + 1)).toString('hex');

/** Lane types that the case itself uses: for the register, else for any. */
function typeFor(test: Case, name: string): string | undefined {
  const typed = (items: readonly Item[]): Item[] => items.filter(({ value }) => laneType(value));
  const all = [...typed(test.expected), ...typed(test.settings)];
  const own = all.find((item) => item.name.slice(1) === name.slice(1));
  return laneType((own ?? all[0])?.value ?? '');
}

/** Decimal below ten, where both are the same. */
const small = (value: bigint): string => (value < 10n ? value.toString() : hex(value));

/** Name and value as the case would write them. `before` tells what need not be said. */
function shown(test: Case, name: string, state: State, before: State, open = 0n): [string, string] {
  const value = state.get(name) ?? 0n;
  const old = before.get(name) ?? 0n;
  if (name === 'flags') return [name, showFlags(value, open)];
  if (/^ymm/.test(name)) {
    const type = typeFor(test, name);
    if (value >> 128n === old >> 128n) return [`x${name.slice(1)}`, showVector(value & LOW_128, 128, type)];
    return [name, showVector(value, 256, type)];
  }
  if (/^mm\d/.test(name)) return [name, showVector(value, 64, typeFor(test, name))];
  if (/^st\d/.test(name)) return [name, showSt(value)];
  if (name.startsWith('page ')) {
    const at = Number(name.slice(5));
    return ['page', `${addressOf(at)} ${showPage(value, at)}`];
  }
  if (name in CONTROL_BITS) {
    const words: string[] = [];
    let left = value ^ old;
    for (const [bit, n] of Object.entries(CONTROL_BITS[name] ?? {})) {
      if (((left >> BigInt(n)) & 1n) === 0n) continue;
      words.push(`${(value >> BigInt(n)) & 1n ? '+' : '-'}${bit}`);
      left &= ~(1n << BigInt(n));
    }
    return [name, left || words.length === 0 ? hex(value) : words.join(' ')];
  }
  if (test.mode !== '64' && (GPR as string[]).includes(name) && !/\d/.test(name))
    return [`e${name.slice(1)}`, small(value)];
  return [name, small(value)];
}

/** Runs of changed bytes; gaps of less than four bytes are shown along. */
function memoryItems(before: Uint8Array, after: Uint8Array, program: Program): string[] {
  const runs: [number, number][] = [];
  for (let at = 0; at < after.length; at++) {
    if (before[at] === after[at]) continue;
    const last = runs.at(-1);
    if (last && at - last[1] < 4 && at - last[0] < 16) last[1] = at + 1;
    else runs.push([at, at + 1]);
  }
  const label = (at: number): string =>
    [...program.labels].find(([, value]) => Number(value) === at)?.[0] ?? addressOf(at);
  return runs.map(([from, to]) => {
    const text = Buffer.from(after.subarray(from, to))
      .toString('hex')
      .replace(/..(?=.)/g, '$& ');
    return `[${label(from)}] ${text}`;
  });
}

/** The `=` lines that say what came of a run. */
export function describe(test: Case, outcome: Outcome): string[] {
  const { open } = expectation(
    { ...test, expected: test.expected.filter(({ name }) => name === 'flags') },
    outcome,
  );
  const items: string[] = outcome.end === 'end' ? [] : [outcome.end];
  items.push(...outcome.exits);
  for (const name of names(test, outcome.after)) {
    if (
      differs(name, outcome.after, outcome.before, name === 'flags' ? open : 0n) ||
      (name === 'flags' && open)
    )
      items.push(shown(test, name, outcome.after, outcome.before, open).join(' '));
  }
  items.push(...memoryItems(outcome.memoryBefore, outcome.memoryAfter, outcome.program));
  if (items.length === 0) return ['='];
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + item.length <= WIDTH)
      lines[lines.length - 1] = `${last}  ${item}`;
    else lines.push(`= ${item}`);
  }
  return lines;
}
