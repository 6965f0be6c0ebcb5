// Golden cases as text: blocks between blank lines to cases, and what the lines of one mean. Runs nothing.
import { type Assembly, assemble } from '../../../web/asm/index.ts';
import { CODE, type Mode, type Paging, SYMBOLS } from './frame.ts';
import { parseNumber } from './values.ts';

/** `rax 0x10`: a name and the rest of its item. */
export interface Item {
  readonly name: string;
  readonly value: string;
}

export interface Case {
  readonly name: string;
  /** Line of the name in its file, from 1. */
  readonly line: number;
  readonly mode: Mode;
  readonly cpl: 0 | 3;
  readonly paging: Paging;
  /** The single-stepping tier cannot run it: the debugger would take the guest's own #DB. */
  readonly notStepped: boolean;
  readonly settings: readonly Item[];
  readonly source: string;
  readonly expected: readonly Item[];
}

/** A file as its blocks; `item` is undefined for a block of remarks. */
export interface Block {
  readonly lines: readonly string[];
  readonly item: Case | undefined;
}

const MODES: readonly string[] = ['real', '16', '32', '64'];
const PAGING: readonly string[] = ['off', '32', 'pae', '64'];

/** Items of a line stand apart by two blanks or more. */
function items(line: string): Item[] {
  return line
    .trim()
    .split(/\s{2,}/)
    .filter((text) => text !== '')
    .map((text) => {
      const bracket = /^(\[[^\]]*\])\s*(.*)$/.exec(text) ?? /^(\S+)\s*(.*)$/.exec(text);
      return { name: bracket?.[1] ?? text, value: bracket?.[2] ?? '' };
    });
}

export function parseFile(text: string): Block[] {
  const blocks: Block[] = [];
  let lines: string[] = [];
  let first = 1;
  const all = text.split('\n');
  all.push('');
  all.forEach((line, index) => {
    if (line.trim() !== '') {
      if (lines.length === 0) first = index + 1;
      lines.push(line);
      return;
    }
    if (lines.length > 0) blocks.push({ lines, item: parseCase(lines, first) });
    lines = [];
  });
  return blocks;
}

function parseCase(lines: readonly string[], line: number): Case | undefined {
  if (!lines.some((text) => text.startsWith('|'))) return undefined;
  const source: string[] = [];
  const settings: Item[] = [];
  const expected: Item[] = [];
  for (const text of lines) {
    if (text.startsWith('|')) source.push(text.slice(1));
    else if (text.startsWith('=')) expected.push(...items(text.slice(1)));
    else if (!text.startsWith('#')) settings.push(...items(text));
  }
  const value = (name: string): string | undefined => settings.find((item) => item.name === name)?.value;
  const mode = value('mode') ?? '64';
  const cpl = mode === 'real' ? '0' : (value('cpl') ?? '3');
  const paging = value('paging') ?? (mode === 'real' ? 'off' : mode === '64' ? '64' : '32');
  if (!MODES.includes(mode)) throw new Error(`line ${line}: mode ${mode} is none of ${MODES.join(', ')}`);
  if (!PAGING.includes(paging) || (paging === '64') !== (mode === '64'))
    throw new Error(`line ${line}: mode ${mode} has no paging ${paging}`);
  if (cpl !== '0' && cpl !== '3') throw new Error(`line ${line}: cpl is 0 or 3`);
  return {
    name: lines[0]?.replace(/^#\s*/, '') ?? '',
    line,
    mode: mode as Mode,
    paging: paging as Paging,
    cpl: cpl === '0' ? 0 : 3,
    notStepped: settings.some((item) => item.name === 'not' && item.value === 'stepped'),
    settings: settings.filter((item) => !['mode', 'cpl', 'paging', 'not'].includes(item.name)),
    source: source.join('\n'),
    expected,
  };
}

/** The assembled code of a case, and every name that its other lines may use. */
export interface Program {
  readonly origin: number;
  readonly chunks: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  /** First byte behind the code: the HLT at which a case has run to its end. */
  readonly end: number;
  readonly labels: ReadonlyMap<string, bigint>;
}

function assembled(source: string, what: string, skip: number): Assembly & { errors?: undefined } {
  const result = assemble(source);
  if (!result.errors) return result;
  throw new Error(
    result.errors.map((e) => `${what}, line ${e.line - skip} of the code: ${e.message}`).join('\n'),
  );
}

export function assembleCase(test: Case): Program {
  const own = test.settings.find((item) => item.name === 'org')?.value;
  const origin = own ? Number(parseNumber(own, symbolsOf(new Map()))) : CODE;
  const names = Object.entries(SYMBOLS).map(([name, address]) => `${name} equ ${address}`);
  const head = [`bits ${test.mode === 'real' ? 16 : test.mode}`, `org ${origin}`, ...names];
  const result = assembled([...head, test.source].join('\n'), test.name, head.length);
  const [text] = result.sections;
  return {
    origin,
    chunks: result.sections.map(({ address, offset, size }) => ({
      address: Number(address),
      bytes: result.bytes.slice(offset, offset + size),
    })),
    end: Number(text?.address ?? origin) + (text?.size ?? 0),
    labels: new Map([...result.symbols].filter(([name]) => !(name in SYMBOLS))),
  };
}

/** What a name in an address or a value stands for: a label of the case, a place of the frame. */
export function symbolsOf(labels: ReadonlyMap<string, bigint>): (name: string) => bigint | undefined {
  return (name) => labels.get(name) ?? (name in SYMBOLS ? BigInt(SYMBOLS[name] as number) : undefined);
}

/** Bytes of a memory item: NASM's db, dw, dd, dq or dt and its list, or hex digits. */
export function memoryBytes(text: string, labels: ReadonlyMap<string, bigint>): Uint8Array {
  if (!/^(d[bwdqt]|times)\s/.test(text)) return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
  const names = [...Object.entries(SYMBOLS), ...labels].map(([name, value]) => `${name} equ ${value}`);
  const known = names.filter((name) => text.includes(name.split(' ')[0] ?? ''));
  return assembled([...known, text].join('\n'), text, known.length).bytes;
}
