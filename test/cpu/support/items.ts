// What the items of a case do: registers into a state, descriptors and page-table entries into memory. Runs nothing.
import type { Case, Program } from './case.ts';
import * as frame from './frame.ts';
import { SEGMENTS, type State } from './state.ts';
import { parseFlags, parseSt, parseVector } from './values.ts';

const { SYMBOLS } = frame;
const LOW_32 = 0xffffffffn;
const LOW_128 = (1n << 128n) - 1n;

/** Named bits of CR0, CR4 and EFER for `+WP` and `-TS`. */
export const CONTROL_BITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  cr0: { PE: 0, MP: 1, EM: 2, TS: 3, ET: 4, NE: 5, WP: 16, AM: 18, NW: 29, CD: 30, PG: 31 },
  cr4: {
    ...{ VME: 0, PVI: 1, TSD: 2, DE: 3, PSE: 4, PAE: 5, MCE: 6, PGE: 7, PCE: 8, OSFXSR: 9 },
    ...{ OSXMMEXCPT: 10, UMIP: 11, FSGSBASE: 16, PCIDE: 17, OSXSAVE: 18, SMEP: 20, SMAP: 21, PKE: 22 },
  },
  efer: { SCE: 0, LME: 8, LMA: 10, NXE: 11 },
};

/** An address as a label of the case, a distance from its first byte, or a place of the frame. */
export function placeOf(at: number, { labels, origin, end }: Program): string {
  for (const [name, value] of labels) if (Number(value) === at && at !== origin) return name;
  if (at >= origin && at <= end) return `+${at - origin}`;
  return addressOf(at);
}

/** An address as the frame names it: `data+0x10`. */
export function addressOf(at: number): string {
  // Stacks are named by their upper ends.
  const stack = STACKS.find((name) => at < place(name) && at >= place(name) - 0x1000);
  if (stack) return `${stack}-0x${(place(stack) - at).toString(16)}`;
  const near = Object.entries(SYMBOLS)
    .filter(
      ([name, start]) => !STACKS.includes(name) && name !== 'code' && start <= at && at - start < 0x1000,
    )
    .sort((a, b) => b[1] - a[1])[0];
  const offset = at - (near?.[1] ?? 0);
  if (!near) return `0x${at.toString(16)}`;
  return offset ? `${near[0]}+0x${offset.toString(16)}` : near[0];
}

const STACKS = ['stack', 'kernel_stack', 'ist_stack'];
const place = (name: string): number => SYMBOLS[name] as number;

type ToNumber = (text: string) => bigint;

/** `0x88 base 0x1000 limit 0xfff attr 0x93`, `0x88 gate 0x08:handler type 0xec params 2`, `0x88 0x00cf...`. */
export function setDescriptor(
  view: DataView,
  mode: frame.Mode,
  table: string,
  text: string,
  number: ToNumber,
): void {
  const [index = '0', ...words] = text.split(/\s+/);
  const wide = table === 'idt' && mode === '64' ? 16 : 8;
  const start = SYMBOLS[table] as number;
  const at = start + (table === 'idt' ? Number(number(index)) * wide : Number(number(index)) & 0xfff8);
  const field = (name: string): number => {
    const n = words.indexOf(name);
    return n < 0 ? 0 : Number(number(words[n + 1] ?? '0'));
  };
  if (words[0] === 'gate') {
    const [selector = '0', offset = '0'] = (words[1] ?? '').split(':');
    const target = number(offset);
    const low = frame.gate(Number(number(selector)), Number(target & LOW_32), field('type'), field('params'));
    view.setBigUint64(at, low, true);
    if (mode === '64') view.setBigUint64(at + 8, (target >> 32n) & LOW_32, true);
  } else if (words.length === 1) {
    view.setBigUint64(at, number(words[0] as string), true);
  } else {
    view.setBigUint64(at, frame.descriptor(field('base'), field('limit'), field('attr')), true);
  }
  // IST of an interrupt gate.
  if (words.includes('ist')) view.setUint8(at + 4, field('ist'));
}

export function setPage(view: DataView, paging: frame.Paging, address: number, text: string): void {
  const entry = frame.pageEntry(text, address);
  const at = frame.PAGE_TABLE + (address >>> 12) * (paging === '32' ? 4 : 8);
  if (paging === '32') view.setUint32(at, Number(entry), true);
  else view.setBigUint64(at, entry, true);
}

/** `+TS -WP` on top of `now`, or a number. */
function control(name: string, now: bigint, text: string, number: ToNumber): bigint {
  if (!/^[+-][A-Z]/.test(text)) return number(text);
  let value = now;
  for (const word of text.split(/\s+/)) {
    const bit = CONTROL_BITS[name]?.[word.slice(1)];
    if (bit === undefined) throw new Error(`${name} has no bit ${word}`);
    if (word[0] === '+') value |= 1n << BigInt(bit);
    else value &= ~(1n << BigInt(bit));
  }
  return value;
}

interface Tables {
  readonly test: Case;
  readonly view: DataView;
}

/** Puts one item into a state. `tables` gives what a selector loads; without it only the selector changes. */
export function setItem(state: State, name: string, text: string, number: ToNumber, tables?: Tables): void {
  const low = /^e(ax|cx|dx|bx|sp|bp|si|di)$/.exec(name);
  if (name === 'flags') {
    state.set('flags', parseFlags(text).bits);
  } else if (low) {
    state.set(`r${low[1]}`, number(text) & LOW_32);
  } else if (/^xmm\d+$/.test(name)) {
    const whole = `y${name.slice(1)}`;
    const kept = (state.get(whole) ?? 0n) & ~LOW_128;
    state.set(whole, kept | (parseVector(text) & LOW_128));
  } else if (/^[ym]mm?\d+$/.test(name)) {
    state.set(name, parseVector(text));
  } else if (/^st[0-7]$/.test(name)) {
    state.set(name, parseSt(text));
  } else if (name in CONTROL_BITS) {
    state.set(name, control(name, state.get(name) ?? 0n, text, number));
  } else if (SEGMENTS.some(([segment]) => segment === name)) {
    loadSegment(state, name, number(text), tables);
  } else if (state.has(name) || /^page /.test(name)) {
    state.set(name, BigInt.asUintN(64, number(text)));
  } else {
    throw new Error(`${name} is no register, table or directive`);
  }
}

function loadSegment(state: State, name: string, selector: bigint, tables: Tables | undefined): void {
  state.set(name, selector);
  if (!tables) return;
  const put = (base: bigint, limit: number, attr: number): void => {
    state.set(`${name}.base`, base);
    state.set(`${name}.limit`, BigInt(limit));
    state.set(`${name}.attr`, BigInt(attr));
  };
  if (tables.test.mode === 'real') {
    put(selector << 4n, 0xffff, name === 'cs' ? 0x9b : 0x93);
  } else if ((selector & 0xfffcn) === 0n) {
    put(0n, 0, 0x10000);
  } else {
    const table = selector & 4n ? frame.LDT : frame.GDT;
    const { base, limit, attr } = frame.parts(tables.view, table + Number(selector & 0xfff8n));
    put(base, limit, attr);
  }
}
