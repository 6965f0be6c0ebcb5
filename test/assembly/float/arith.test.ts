// Arithmetic of the floating-point core against exact rationals: every format, precision and rounding mode.
import { describe, expect, test } from 'vitest';
import {
  F_A,
  F_B,
  F_C,
  F_MASKS,
  F_PRECISION,
  F_ROUNDED_UP,
  F_ROUNDING,
  F_Z,
} from '../../../assembly/abi/float.ts';
import { V_FLOAT_FLAGS } from '../../../assembly/abi/fpu.ts';
import {
  core,
  expected,
  FORMATS,
  type Format,
  meaning,
  power,
  type Rational,
  rational,
  view,
} from './core.ts';

const V = 0x8000;
const at = (offset: number) => V + offset;

/** A small generator, so that every run sees the same numbers. */
let state = 0x2545f491n;
function random(bits: number): bigint {
  state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
  const high = (state >> 32n) & 0xffffffffn;
  if (bits <= 32) return high >> BigInt(32 - bits);
  return (high << BigInt(bits - 32)) | random(bits - 32);
}

/** Finite operands: near one another, near the ends of the range, denormal, with few bits. */
function operand(format: Format): bigint {
  const field = format.max * 2 + 1;
  const fraction = format.name === 80 ? 63 : format.bits - 1;
  const kind = Number(random(3));
  const middle = format.max + Number(random(5)) - 16;
  const exponent = [0, 1 + Number(random(4)), field - 1 - Number(random(3)), middle][kind] ?? middle;
  let stored = random(fraction);
  const shape = Number(random(3));
  if (shape === 0) stored = 0n;
  if (shape === 1) stored = (1n << BigInt(fraction)) - 1n - random(2);
  if (shape === 2) stored = random(2);
  if (shape === 3) stored &= ~((1n << BigInt(fraction >> 1)) - 1n);
  const sign = random(1);
  if (format.name !== 80) return ((sign * BigInt(field + 1) + BigInt(exponent)) << BigInt(fraction)) | stored;
  return (((sign << 15n) | BigInt(exponent)) << 64n) | (exponent ? 1n << 63n : 0n) | stored;
}

function unpack(format: Format, n: number, bits: bigint): void {
  if (format.name === 80) core.unpack80?.(n, BigInt.asIntN(64, bits), Number(bits >> 64n));
  else core[`unpack${format.name}`]?.(n, format.name === 64 ? BigInt.asIntN(64, bits) : Number(bits));
}

/** Rounds F_Z into the format and says what came of it. */
function result(format: Format): string {
  core[`round${format.name}`]?.(V, at(F_Z));
  let bits: bigint;
  if (format.name === 80) {
    core.pack80?.(at(F_Z), at(0x300 + F_Z));
    bits = view.getBigUint64(at(0x300 + F_Z), true) | (BigInt(view.getUint16(at(0x308 + F_Z), true)) << 64n);
  } else {
    const packed = core[`pack${format.name}`]?.(at(F_Z)) ?? 0;
    bits = format.name === 64 ? BigInt.asUintN(64, BigInt(packed)) : BigInt(packed >>> 0);
  }
  const up = view.getUint32(at(F_ROUNDED_UP), true);
  return `${meaning(format, bits)} flags ${view.getUint32(at(V_FLOAT_FLAGS), true)} up ${up}`;
}

function prepare(format: Format, mode: number): void {
  view.setUint32(at(F_ROUNDING), mode, true);
  view.setUint32(at(F_PRECISION), format.bits, true);
  view.setUint32(at(F_MASKS), 0x3f, true);
  view.setUint32(at(V_FLOAT_FLAGS), 0, true);
}

function plus(a: Rational, b: Rational, mode: number): Rational {
  const signed = (x: Rational, den: bigint) => (x.sign ? -x.num : x.num) * den;
  const num = signed(a, b.den) + signed(b, a.den);
  if (num === 0n) {
    const sign = a.num === 0n && b.num === 0n && a.sign === b.sign ? a.sign : mode === 1 ? 1 : 0;
    return { sign, num, den: 1n };
  }
  return { sign: num < 0n ? 1 : 0, num: num < 0n ? -num : num, den: a.den * b.den };
}

const times = (a: Rational, b: Rational): Rational => ({
  sign: (a.sign ^ b.sign) as 0 | 1,
  num: a.num * b.num,
  den: a.den * b.den,
});

const over = (a: Rational, b: Rational): Rational => times(a, { sign: b.sign, num: b.den, den: b.num });

/** floor(sqrt) by Newton's method. */
function integerRoot(n: bigint): bigint {
  let root = 1n << BigInt((n.toString(2).length + 1) >> 1);
  for (let next = (root + n / root) >> 1n; next < root; next = (root + n / root) >> 1n) root = next;
  return root;
}

/** The root cut off far below every rounding position, its last bit sticky. */
function root(a: Rational): Rational {
  if (a.num === 0n) return a;
  const [scale] = power(300);
  const scaled = a.num * a.den * scale * scale;
  const whole = integerRoot(scaled);
  return { sign: 0, num: whole * 2n + (whole * whole === scaled ? 0n : 1n), den: a.den * scale * 2n };
}

const cases = FORMATS.flatMap((format) => [0, 1, 2, 3].map((mode) => ({ ...format, mode })));

describe.each(cases)('$name bits, precision $bits, rounding mode $mode', (format) => {
  const { mode } = format;
  const turns = format.name === 80 ? 300 : 1000;

  function check(operation: string, exact: (a: Rational, b: Rational, c: Rational) => Rational): void {
    for (let turn = 0; turn < turns; turn++) {
      const operands = [operand(format), operand(format), operand(format)] as [bigint, bigint, bigint];
      const [a, b, c] = operands.map((bits) => rational(format, bits)) as [Rational, Rational, Rational];
      if (operation === 'divide' && b.num === 0n) continue;
      if (operation === 'square_root' && a.sign === 1 && a.num !== 0n) continue;
      [F_A, F_B, F_C].forEach((slot, i) => {
        unpack(format, at(slot), operands[i] ?? 0n);
      });
      prepare(format, mode);
      if (operation === 'square_root') core.square_root?.(V, at(F_Z), at(F_A));
      else core[operation === 'fma' ? 'multiply' : operation]?.(V, at(F_Z), at(F_A), at(F_B));
      if (operation === 'fma') core.add?.(V, at(F_Z), at(F_Z), at(F_C));
      const shown = operands.map((bits) => bits.toString(16)).join(' ');
      expect(`${shown}: ${result(format)}`).toBe(`${shown}: ${expected(exact(a, b, c), format, mode)}`);
    }
  }

  test('sums are exact before they are rounded', () => check('add', (a, b) => plus(a, b, mode)));
  test('differences are', () =>
    check('subtract', (a, b) => plus(a, { ...b, sign: (b.sign ^ 1) as 0 | 1 }, mode)));
  test('products are', () => check('multiply', times));
  test('quotients are', () => check('divide', over));
  test('roots are', () => check('square_root', root));
  if (format.name !== 80)
    test('a product plus a number is rounded once', () =>
      check('fma', (a, b, c) => plus(times(a, b), c, mode)));
});
