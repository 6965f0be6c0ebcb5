// The floating-point core compiled alone, one calculation at a time, and what each must give: exact rationals in BigInt.
import asc from 'assemblyscript/asc';

const FLAGS =
  '--config none --runtime stub --importMemory --noExportMemory --initialMemory 16 --memoryBase 1024 --enable simd';

async function compile(): Promise<Record<string, (...args: (number | bigint)[]) => number>> {
  let wasm = new Uint8Array();
  const args = ['assembly/float/index.ts', ...FLAGS.split(' '), '--outFile', 'float.wasm'];
  const { error, stderr } = await asc.main(args, {
    writeFile: (_name, contents) => {
      wasm = new Uint8Array(contents as Uint8Array);
    },
  });
  if (error) throw new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(wasm, { env: { memory } });
  return instance.exports as never;
}

const memory = new WebAssembly.Memory({ initial: 16 });
export const view = new DataView(memory.buffer);
export const core = await compile();

export interface Format {
  name: 16 | 32 | 64 | 80;
  bits: number;
  min: number;
  max: number;
}
export const FORMATS: Format[] = [
  { name: 32, bits: 24, min: -126, max: 127 },
  { name: 64, bits: 53, min: -1022, max: 1023 },
  { name: 80, bits: 24, min: -16382, max: 16383 },
  { name: 80, bits: 53, min: -16382, max: 16383 },
  { name: 80, bits: 64, min: -16382, max: 16383 },
];

/** sign * num / den; a zero has its sign. */
export interface Rational {
  sign: 0 | 1;
  num: bigint;
  den: bigint;
}

export const power = (e: number): [bigint, bigint] =>
  e < 0 ? [1n, 1n << BigInt(-e)] : [1n << BigInt(e), 1n];

const lengthOf = (n: bigint) => n.toString(2).length;

/** floor(num / den / 2^e) and whether something is left: compared with a half, -1 below, 0 equal, 1 above; -2 nothing. */
function cut({ num, den }: Rational, e: number): { whole: bigint; left: number } {
  const [n, d] = power(-e);
  const whole = (num * n) / (den * d);
  const rest = num * n - whole * den * d;
  const twice = rest * 2n - den * d;
  return { whole, left: rest === 0n ? -2 : twice < 0n ? -1 : twice === 0n ? 0 : 1 };
}

function roundAt(x: Rational, e: number, mode: number): { whole: bigint; up: boolean; inexact: boolean } {
  const { whole, left } = cut(x, e);
  const nearest = left > 0 || (left === 0 && (whole & 1n) === 1n);
  const up = left !== -2 && (mode === 0 ? nearest : mode !== 3 && (mode === 1) === (x.sign === 1));
  return { whole: up ? whole + 1n : whole, up, inexact: left !== -2 };
}

/** The rounded result with everything masked, as "sign:whole*2^exponent" with the smallest whole, and its flags. */
export function expected(x: Rational, format: Format, mode: number): string {
  const { bits, min, max } = format;
  if (x.num === 0n) return `${x.sign}:zero flags 0 up 0`;
  let exp = lengthOf(x.num) - lengthOf(x.den);
  if (cut(x, exp).whole === 0n) exp--;
  let at = exp - bits + 1;
  let { whole, up, inexact } = roundAt(x, at, mode);
  if (lengthOf(whole) > bits) exp++;
  let flags = 0;
  if (exp > max) {
    const infinite = mode === 0 || mode === (x.sign ? 1 : 2);
    const huge = `${(1n << BigInt(bits)) - 1n}*2^${max - bits + 1}`;
    return `${x.sign}:${infinite ? 'infinity' : huge} flags 40 up ${+infinite}`;
  }
  if (exp < min) {
    at = min - bits + 1;
    ({ whole, up, inexact } = roundAt(x, at, mode));
    if (inexact) flags |= 0x10;
  }
  if (inexact) flags |= 0x20;
  return `${x.sign}:${shown(whole, at)} flags ${flags} up ${+up}`;
}

function shown(whole: bigint, at: number): string {
  if (whole === 0n) return 'zero';
  let [w, e] = [whole, at];
  for (; (w & 1n) === 0n; w >>= 1n) e++;
  return `${w}*2^${e}`;
}

/** What bits of a format mean, in the words of `expected`. */
export function meaning(format: Format, bits: bigint): string {
  const fraction = format.name === 80 ? 63 : format.bits - 1;
  const stored = bits & ((1n << BigInt(fraction + (format.name === 80 ? 1 : 0))) - 1n);
  const rest = bits >> BigInt(format.name === 80 ? 64 : fraction);
  const exponent = Number(rest & BigInt(format.max * 2 + 1));
  const sign = rest >> BigInt(lengthOf(BigInt(format.max * 2 + 1)));
  if (exponent === format.max * 2 + 1) return `${sign}:infinity`;
  const whole = stored | (exponent && format.name !== 80 ? 1n << BigInt(fraction) : 0n);
  return `${sign}:${shown(whole, (exponent || 1) - format.max - fraction)}`;
}

/** A finite number of a format as a rational. */
export function rational(format: Format, bits: bigint): Rational {
  const [sign, value] = meaning(format, bits).split(':') as [string, string];
  if (value === 'zero') return { sign: +sign as 0 | 1, num: 0n, den: 1n };
  const [whole, exp] = value.split('*2^') as [string, string];
  const [n, d] = power(Number(exp));
  return { sign: +sign as 0 | 1, num: BigInt(whole) * n, den: d };
}
