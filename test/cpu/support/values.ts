// Values of golden cases: text to numbers and back. Flags by name, vectors by lane, x87 registers as decimals.
import {
  FLAG_AC,
  FLAG_AF,
  FLAG_CF,
  FLAG_DF,
  FLAG_ID,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_NT,
  FLAG_OF,
  FLAG_PF,
  FLAG_SF,
  FLAG_TF,
  FLAG_VIF,
  FLAG_VIP,
  FLAG_VM,
  FLAG_ZF,
} from '../../../assembly/abi/x86.ts';

const FLAGS: readonly (readonly [string, number])[] = [
  ['CF', FLAG_CF],
  ['PF', FLAG_PF],
  ['AF', FLAG_AF],
  ['ZF', FLAG_ZF],
  ['SF', FLAG_SF],
  ['TF', FLAG_TF],
  ['IF', FLAG_IF],
  ['DF', FLAG_DF],
  ['OF', FLAG_OF],
  ['IOPL3', FLAG_IOPL],
  ['IOPL1', 0x1000],
  ['IOPL2', 0x2000],
  ['NT', FLAG_NT],
  ['VM', FLAG_VM],
  ['AC', FLAG_AC],
  ['VIF', FLAG_VIF],
  ['VIP', FLAG_VIP],
  ['ID', FLAG_ID],
];

/** `CF ZF ?AF` to bits, and the bits that a `?` says are undefined; `-` stands for none. */
export function parseFlags(text: string): { bits: bigint; undefined: bigint } {
  let bits = 0;
  let open = 0;
  for (const word of text.split(/\s+/)) {
    if (word === '-') continue;
    const row = FLAGS.find(([name]) => name === word.replace('?', ''));
    if (!row) throw new Error(`there is no flag ${word}`);
    if (word.startsWith('?')) open |= row[1];
    else bits |= row[1];
  }
  return { bits: BigInt(bits), undefined: BigInt(open) };
}

export function showFlags(value: bigint, open = 0n): string {
  const words: string[] = [];
  let left = Number(value & ~open);
  for (const [name, bits] of FLAGS) {
    if (Number(open) & bits) words.push(`?${name}`);
    if ((left & bits) !== bits) continue;
    words.push(name);
    left &= ~bits;
  }
  return words.join(' ') || '-';
}

/** `0x12`, `-5`, `1_000`; a word that `symbols` knows; sums of both. */
export function parseNumber(text: string, symbols: (name: string) => bigint | undefined): bigint {
  let sum = 0n;
  for (const [, sign, term] of text.replaceAll(' ', '').matchAll(/([+-]?)([^+-]+)/g)) {
    const word = (term as string).replaceAll('_', '');
    const known = symbols(term as string);
    if (known === undefined && !/^(0x[\da-f]+|\d+)$/i.test(word))
      throw new Error(`${term} is neither a number nor a name`);
    const value = known ?? BigInt(word);
    sum += sign === '-' ? -value : value;
  }
  return sum;
}

export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

const scratch = new DataView(new ArrayBuffer(8));

function floatBits(text: string, bits: number): bigint {
  if (text.startsWith('0x')) return BigInt(text);
  const value = text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text);
  if (text === 'nan' || Number.isNaN(value)) throw new Error(`${text}: write a NaN as its bits, 0x...`);
  if (bits === 64) {
    scratch.setFloat64(0, value);
    return scratch.getBigUint64(0);
  }
  scratch.setFloat32(0, value);
  return BigInt(scratch.getUint32(0));
}

/** A decimal that reads back as the same bits; NaNs and denormals stay bits. */
function showFloat(value: bigint, bits: number): string {
  if (bits === 64) scratch.setBigUint64(0, value);
  else scratch.setUint32(0, Number(value));
  const exponent = bits === 64 ? (value >> 52n) & 0x7ffn : (value >> 23n) & 0xffn;
  const top = bits === 64 ? 0x7ffn : 0xffn;
  const x = bits === 64 ? scratch.getFloat64(0) : scratch.getFloat32(0);
  if (Object.is(x, -0)) return '-0';
  if (x === Infinity || x === -Infinity) return x > 0 ? 'inf' : '-inf';
  if (exponent === top || (exponent === 0n && x !== 0)) return hex(value);
  if (bits === 64) return String(x);
  // The shortest decimal that is this float.
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(x.toPrecision(digits));
    if (Math.fround(short) === x) return String(short);
  }
  return hex(value);
}

const LANE = /^(f32|f64|i8|i16|i32|i64|u8|u16|u32|u64)\s+/;

/** A vector register: hex digits (`_` between them is only for the eye), or a lane type and the lanes, lowest first. */
export function parseVector(text: string): bigint {
  const type = LANE.exec(text)?.[1];
  if (!type) return BigInt(`0x${text.replace(/^0x/, '').replaceAll('_', '')}`);
  const bits = Number(type.slice(1));
  let value = 0n;
  text
    .slice(type.length)
    .trim()
    .split(/\s+/)
    .forEach((word, lane) => {
      const raw = type[0] === 'f' ? floatBits(word, bits) : BigInt.asUintN(bits, BigInt(word));
      value |= raw << BigInt(lane * bits);
    });
  return value;
}

/** `value` of `width` bits as lanes of `type`, or in groups of eight hex digits. */
export function showVector(value: bigint, width: number, type?: string): string {
  if (value === 0n) return '0';
  if (!type) {
    const digits = value.toString(16).padStart(width / 4, '0');
    return digits.match(/.{8}/g)?.join('_') ?? digits;
  }
  const bits = Number(type.slice(1));
  const lanes = Array.from({ length: width / bits }, (_, lane) =>
    BigInt.asUintN(bits, value >> BigInt(lane * bits)),
  );
  const show = (lane: bigint): string =>
    type[0] === 'f'
      ? showFloat(lane, bits)
      : type[0] === 'i'
        ? BigInt.asIntN(bits, lane).toString()
        : bits <= 8
          ? lane.toString()
          : hex(lane);
  return `${type} ${lanes.map(show).join(' ')}`;
}

/** The lane type at the start of a vector's text, if it has one. */
export const laneType = (text: string): string | undefined => LANE.exec(text)?.[1];

/** An empty x87 register. */
export const EMPTY = -1n;
const EXPLICIT = 1n << 63n;

/** ST(i): `empty`, 80 bits as 0x and twenty digits, or a decimal that a double holds. */
export function parseSt(text: string): bigint {
  if (text === 'empty') return EMPTY;
  if (text.startsWith('0x')) return BigInt(text.replaceAll('_', ''));
  const bits = floatBits(text, 64);
  const sign = (bits >> 63n) << 79n;
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = (bits & ((1n << 52n) - 1n)) << 11n;
  if (exponent === 0x7ffn) return sign | (0x7fffn << 64n) | EXPLICIT;
  if (exponent === 0n) return sign;
  return sign | ((exponent + 15360n) << 64n) | EXPLICIT | fraction;
}

export function showSt(value: bigint): string {
  if (value === EMPTY) return 'empty';
  const exponent = (value >> 64n) & 0x7fffn;
  const significand = value & (EXPLICIT * 2n - 1n);
  const sign = value >> 79n;
  const special = exponent === 0x7fffn && significand === EXPLICIT;
  if (special) return sign ? '-inf' : 'inf';
  if (significand === 0n && exponent === 0n) return sign ? '-0' : '0';
  const biased = exponent - 15360n;
  if (significand & EXPLICIT && biased > 0n && biased < 0x7ffn && (significand & 0x7ffn) === 0n) {
    const text = showFloat((sign << 63n) | (biased << 52n) | ((significand >> 11n) & ((1n << 52n) - 1n)), 64);
    if (text.length <= 20) return text;
  }
  return `0x${value.toString(16).padStart(20, '0')}`;
}
