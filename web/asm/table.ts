// The instruction table: NASM mnemonics to iced's codes, sorted as NASM would try them. It matches no operands.

import {
  Code,
  CodeExt,
  EncodingKind,
  OpCodeOperandKind as Kind,
  MemorySize,
  MemorySizeExt,
  Mnemonic,
} from './iced.ts';
import type { Bits } from './operand.ts';

/** One encoding of an instruction. */
export interface Form {
  readonly code: Code;
  /** All operands iced wants, in order. */
  readonly kinds: readonly Kind[];
  /** Indices in `kinds` of the operands that a program writes. */
  readonly written: readonly number[];
  /** In bytes; 0 when any size may be written. */
  readonly memorySize: number;
  /** A far pointer in memory: `jmp far [x]`. */
  readonly farMemory: boolean;
  /** 0, 16, 32 or 64: the operand and address size that choose this form. */
  readonly operandSize: number;
  readonly addressSize: number;
  readonly modes: Readonly<Record<Bits, boolean>>;
  readonly encoding: EncodingKind;
  /** Without prefixes for sizes: how many bytes, leaving out SIB and displacement. */
  readonly plainLength: number;
  /** In 64-bit mode its operand size needs no REX.W. */
  readonly wide: boolean;
  readonly broadcastSize: number;
}

let codesByMnemonic: Map<string, Code[]> | undefined;

function index(): Map<string, Code[]> {
  if (codesByMnemonic) return codesByMnemonic;
  const map = new Map<string, Code[]>();
  for (const name of Object.keys(Code)) {
    const code = Code[name as keyof typeof Code];
    if (typeof code !== 'number' || code === Code.INVALID) continue;
    const info = CodeExt.opCode(code);
    if (info.isInstruction && info.encoding !== EncodingKind.MVEX) {
      const mnemonic = (Mnemonic[info.mnemonic] ?? '').toLowerCase();
      const codes = map.get(mnemonic);
      if (codes) codes.push(code);
      else map.set(mnemonic, [code]);
    }
    info.free();
  }
  codesByMnemonic = map;
  return map;
}

const STRING_KINDS: ReadonlySet<Kind> = new Set([Kind.seg_rSI, Kind.es_rDI, Kind.seg_rDI, Kind.seg_rBX_al]);
const STRING_REGISTERS: ReadonlySet<Kind> = new Set([Kind.al, Kind.ax, Kind.eax, Kind.rax, Kind.dx]);
const FAR: ReadonlySet<MemorySize> = new Set([MemorySize.SegPtr16, MemorySize.SegPtr32, MemorySize.SegPtr64]);
const SIZES = new Set([1, 2, 4, 8, 10, 16, 32, 64]);
// Encodings that disassemble well but that no assembler emits, since a shorter name or opcode says the same.
const NEVER =
  /^Cmpxchg486|^Popw_CS$|^VEX_KNC|^VEX_(?:Vpdp(?:bu|wss)|Vpmadd52|Vcvtneps2bf16)|_82$|_F[67]r1$|_D[CDEF](?:C8|D0|D8)$|Loadall286/;

function form(code: Code): Form {
  const info = CodeExt.opCode(code);
  const kinds: Kind[] = [];
  for (let i = 0; i < info.opCount; i++) kinds.push(info.opKind(i));
  const isString = kinds.some((kind) => STRING_KINDS.has(kind));
  const written: number[] = [];
  kinds.forEach((kind, i) => {
    if (!(isString && (STRING_KINDS.has(kind) || STRING_REGISTERS.has(kind)))) written.push(i);
  });
  const size = MemorySizeExt.size(info.memorySize);
  const result: Form = {
    code,
    kinds,
    written,
    memorySize: SIZES.has(size) ? size : 0,
    farMemory: FAR.has(info.memorySize),
    operandSize: info.operandSize,
    addressSize: info.addressSize,
    modes: { 16: info.mode16, 32: info.mode32, 64: info.mode64 },
    encoding: info.encoding,
    plainLength: plainLength(info.opCodeString),
    wide: info.defaultOpSize64 || info.forceOpSize64,
    broadcastSize: info.canBroadcast ? MemorySizeExt.elementSize(info.broadcastMemorySize) : 0,
  };
  info.free();
  return result;
}

const FIELD_LENGTH: Readonly<Record<string, number>> = {
  ib: 1,
  iw: 2,
  id: 4,
  io: 8,
  cb: 1,
  cw: 2,
  cd: 4,
  cp: 6,
  // The address of a moffs form stands where others have a displacement, which is not counted either.
  mo: 0,
};

/** Counts the bytes that a manual's notation (`o16 0F AF /r ib`) stands for. */
function plainLength(notation: string): number {
  // VEX.W1 takes the three-byte prefix.
  let length = /^VEX.*\.W1/.test(notation) ? 1 : 0;
  for (const part of notation.split(' ')) {
    if (/^[0-9A-F]{2}(\+.*)?$/.test(part) || /^\/[r0-7]/.test(part)) length++;
    else length += FIELD_LENGTH[part] ?? 0;
  }
  return length;
}

/** What NASM's spelling stands for: iced mnemonics, and what is fixed by the spelling. */
interface Alias {
  readonly names: readonly string[];
  readonly operandSize?: number;
  /** An immediate added at the end: aam is aam 10, cmpeqps is cmpps with 0. */
  readonly immediate?: number;
}

const aliases = new Map<string, Alias>();
const alias = (name: string, ...names: string[]): void => {
  aliases.set(name, { names });
};
const CONDITIONS: Readonly<Record<string, string>> = {
  z: 'e',
  nz: 'ne',
  c: 'b',
  nc: 'ae',
  nae: 'b',
  nb: 'ae',
  na: 'be',
  nbe: 'a',
  pe: 'p',
  po: 'np',
  nge: 'l',
  nl: 'ge',
  ng: 'le',
  nle: 'g',
};
for (const [name, same] of Object.entries(CONDITIONS)) {
  for (const stem of ['j', 'set', 'cmov']) alias(stem + name, stem + same);
}
alias('loopz', 'loope');
alias('loopnz', 'loopne');
alias('sal', 'shl');
alias('xlat', 'xlatb');
alias('fwait', 'wait');
alias('int03', 'int3');
alias('icebp', 'int1');
alias('int01', 'int1');
alias('retn', 'ret');
alias('pusha', 'pusha', 'pushad');
alias('popa', 'popa', 'popad');
alias('pushaw', 'pusha');
alias('popaw', 'popa');
alias('pushf', 'pushf', 'pushfd', 'pushfq');
alias('popf', 'popf', 'popfd', 'popfq');
alias('pushfw', 'pushf');
alias('popfw', 'popf');
alias('iret', 'iret', 'iretd');
alias('iretw', 'iret');
alias('movsx', 'movsx', 'movsxd');
alias('ud2a', 'ud2');
alias('fsetpm', 'fnsetpm');
for (const [suffix, operandSize] of [
  ['w', 16],
  ['d', 32],
  ['q', 64],
] as const) {
  aliases.set(`ret${suffix}`, { names: ['ret'], operandSize });
  aliases.set(`retn${suffix}`, { names: ['ret'], operandSize });
  aliases.set(`retf${suffix}`, { names: ['retf'], operandSize });
}
const COMPARISONS = ['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'];
const AVX_COMPARISONS = [
  ...COMPARISONS,
  'eq_uq',
  'nge',
  'ngt',
  'false',
  'neq_oq',
  'ge',
  'gt',
  'true',
  'eq_os',
  'lt_oq',
  'le_oq',
  'unord_s',
  'neq_us',
  'nlt_uq',
  'nle_uq',
  'ord_s',
  'eq_us',
  'nge_uq',
  'ngt_uq',
  'false_os',
  'neq_os',
  'ge_oq',
  'gt_oq',
  'true_us',
];
for (const type of ['ps', 'pd', 'ss', 'sd']) {
  for (const [immediate, name] of COMPARISONS.entries()) {
    aliases.set(`cmp${name}${type}`, { names: [`cmp${type}`], immediate });
  }
  for (const [immediate, name] of AVX_COMPARISONS.entries()) {
    aliases.set(`vcmp${name}${type}`, { names: [`vcmp${type}`], immediate });
  }
}
for (const [name, immediate] of [
  ['lqlq', 0],
  ['hqlq', 1],
  ['lqhq', 16],
  ['hqhq', 17],
] as const) {
  aliases.set(`pclmul${name}dq`, { names: ['pclmulqdq'], immediate });
  aliases.set(`vpclmul${name}dq`, { names: ['vpclmulqdq'], immediate });
}

/** An instruction by NASM's name. */
export interface Entry {
  readonly forms: readonly Form[];
  readonly operandSize?: number;
  readonly immediate?: number;
}

const entries = new Map<string, Entry>();
const sorted = new Map<string, readonly Form[]>();

/** The entry of a mnemonic in lower case, or undefined when there is no such instruction. */
export function findInstruction(mnemonic: string): Entry | undefined {
  const known = entries.get(mnemonic);
  if (known) return known;
  const { names, ...fixed } = aliases.get(mnemonic) ?? { names: [mnemonic] };
  const codes = names.flatMap((name) => index().get(name) ?? []);
  const forms = codes.filter((code) => !NEVER.test(Code[code] ?? '')).map(form);
  if (forms.length === 0) return undefined;
  const entry = { forms, ...fixed };
  entries.set(mnemonic, entry);
  return entry;
}

/** Every mnemonic, for suggestions. */
export function mnemonics(): Iterable<string> {
  return [...index().keys(), ...aliases.keys()];
}

/** The length of a form in a mode with the prefixes its sizes need. */
export function formLength(form: Form, bits: Bits): number {
  let length = form.plainLength;
  const natural = bits === 16 ? 16 : 32;
  if (form.operandSize === 64) length += form.wide ? 0 : 1;
  else if (form.operandSize && form.operandSize !== natural) length++;
  if (form.addressSize && form.addressSize !== bits) length++;
  return length;
}

/** Of equals NASM takes the sign-extended byte: `add ax, -1` is 83 /0, not the accumulator's 05. */
function signExtends(form: Form): number {
  return form.kinds.some(
    (kind) => kind === Kind.imm8sex16 || kind === Kind.imm8sex32 || kind === Kind.imm8sex64,
  )
    ? 1
    : 0;
}

/** The forms of a mnemonic for a mode, in the order in which they are tried: VEX before EVEX, then the shortest. */
export function formsFor(mnemonic: string, entry: Entry, bits: Bits): readonly Form[] {
  const key = `${bits}${mnemonic}`;
  const known = sorted.get(key);
  if (known) return known;
  const forms = entry.forms
    .filter((candidate) => candidate.modes[bits])
    .map((candidate, order) => ({ candidate, order, length: formLength(candidate, bits) }))
    .sort(
      (a, b) =>
        a.candidate.encoding - b.candidate.encoding ||
        a.length - b.length ||
        signExtends(b.candidate) - signExtends(a.candidate) ||
        a.order - b.order,
    )
    .map(({ candidate }) => candidate);
  sorted.set(key, forms);
  return forms;
}
