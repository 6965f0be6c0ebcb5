// Integers, comparisons, classes of encodings and unmasked underflow in the floating-point core.
import { expect, test } from 'vitest';
import {
  CLASS_NORMAL,
  CLASS_QNAN,
  CLASS_SNAN,
  CLASS_UNSUPPORTED,
  F_A,
  F_B,
  F_MASKS,
  F_PRECISION,
  F_ROUNDED_UP,
  F_ROUNDING,
  N_CLASS,
  N_DENORMAL,
} from '../../../assembly/abi/float.ts';
import {
  FE_ALL,
  FE_INEXACT,
  FE_INVALID,
  FE_OVERFLOW,
  FE_UNDERFLOW,
  V_FLOAT_FLAGS,
} from '../../../assembly/abi/fpu.ts';
import { core, view } from './core.ts';

const V = 0x8000;
const A = V + F_A;
const B = V + F_B;
const REGISTER = V + 0x700;
const ONE = 1n << 63n;

function begin(mode = 0, masks = FE_ALL): void {
  view.setUint32(V + F_ROUNDING, mode, true);
  view.setUint32(V + F_PRECISION, 64, true);
  view.setUint32(V + F_MASKS, masks, true);
  view.setUint32(V + V_FLOAT_FLAGS, 0, true);
}

const flags = () => view.getUint32(V + V_FLOAT_FLAGS, true);

function unpack(n: number, value: number): void {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  core.unpack64?.(n, bits.getBigInt64(0));
}

function packed(n: number): [bigint, number] {
  core.pack80?.(n, REGISTER);
  return [view.getBigUint64(REGISTER, true), view.getUint16(REGISTER + 8, true)];
}

function toInteger(value: number, bits: number, mode: number): [bigint, number] {
  begin(mode);
  unpack(A, value);
  return [BigInt(core.to_integer?.(V, A, bits) ?? 0), flags()];
}

const INEXACT = [FE_INEXACT];
test.each([
  [2.5, 32, [2n, 2n, 3n, 2n], INEXACT],
  [-2.5, 32, [-2n, -3n, -2n, -2n], INEXACT],
  [-0.25, 16, [0n, -1n, 0n, 0n], INEXACT],
  [0.75, 64, [1n, 0n, 1n, 0n], INEXACT],
  [-2147483648, 32, [-2147483648n, -2147483648n, -2147483648n, -2147483648n], [0]],
  [2147483647.5, 32, [-2147483648n, 2147483647n, -2147483648n, 2147483647n], [FE_INVALID, FE_INEXACT]],
  [-2147483648.5, 32, [-2147483648n, -2147483648n, -2147483648n, -2147483648n], [FE_INEXACT, FE_INVALID]],
  [2 ** 63, 64, [-(2n ** 63n), -(2n ** 63n), -(2n ** 63n), -(2n ** 63n)], [FE_INVALID]],
  [-(2 ** 63), 64, [-(2n ** 63n), -(2n ** 63n), -(2n ** 63n), -(2n ** 63n)], [0]],
  [32768, 16, [-32768n, -32768n, -32768n, -32768n], [FE_INVALID]],
  [Number.NaN, 32, [-2147483648n, -2147483648n, -2147483648n, -2147483648n], [FE_INVALID]],
  [Number.NEGATIVE_INFINITY, 16, [-32768n, -32768n, -32768n, -32768n], [FE_INVALID]],
])('%f as an integer of %i bits follows the rounding mode', (value, bits, wanted, raised) => {
  const got = [0, 1, 2, 3].map((mode) => toInteger(value, bits, mode));
  expect(got.map(([whole]) => whole)).toEqual(wanted);
  expect(got.filter(([, raises]) => !raised.includes(raises))).toEqual([]);
});

test.each([
  [2 ** 52 - 0.5, [2 ** 52, 2 ** 52 - 1, 2 ** 52, 2 ** 52 - 1]],
  [-0.5, [-0, -1, -0, -0]],
  [-1.5, [-2, -2, -1, -1]],
  [1e300, [1e300, 1e300, 1e300, 1e300]],
])('%f is rounded to an integral value', (value, wanted) => {
  const got = [0, 1, 2, 3].map((mode) => {
    begin(mode);
    unpack(A, value);
    core.round_integral?.(V, A);
    const bits = new DataView(new ArrayBuffer(8));
    bits.setBigInt64(0, BigInt(core.pack64?.(A) ?? 0));
    return bits.getFloat64(0);
  });
  expect(got).toEqual(wanted);
});

test('numbers of every sign and size compare', () => {
  const ordered = [-Infinity, -1e300, -3, -2.5, -5e-324, 0, 5e-324, 1, 1.5, 2 ** 52, Infinity];
  for (const [i, a] of ordered.entries())
    for (const [k, b] of ordered.entries()) {
      unpack(A, a);
      unpack(B, k % 2 && b === 0 ? -0 : b);
      expect([a, b, core.compare?.(A, B)]).toEqual([a, b, Math.sign(i - k)]);
    }
});

test.each([
  ['a pseudo-denormal counts as a denormal', ONE, 0, CLASS_NORMAL, 1],
  ['an unnormal is unsupported', 1n, 0x3fff, CLASS_UNSUPPORTED, 0],
  ['a pseudo-infinity is unsupported', 0n, 0x7fff, CLASS_UNSUPPORTED, 0],
  ['a pseudo-NaN is unsupported', 1n << 62n, 0x7fff, CLASS_UNSUPPORTED, 0],
  ['a NaN without the quiet bit signals', ONE | 1n, 0xffff, CLASS_SNAN, 0],
  ['a NaN with it is quiet', ONE | (1n << 62n), 0x7fff, CLASS_QNAN, 0],
])('%s', (_sentence, sig, head, kind, denormal) => {
  core.unpack80?.(A, BigInt.asIntN(64, sig), head);
  expect([view.getUint32(A + N_CLASS, true), view.getUint32(A + N_DENORMAL, true)]).toEqual([kind, denormal]);
});

test('a NaN keeps its payload through every format and becomes quiet', () => {
  core.unpack32?.(A, 0xff800123 | 0);
  expect(packed(A)).toEqual([0xc0012300n << 32n, 0xffff]);
  expect(Number(core.pack32?.(A)) >>> 0).toBe(0xffc00123);
});

test('unmasked underflow and overflow of the extended format bias the exponent', () => {
  begin(0, FE_ALL & ~FE_UNDERFLOW);
  core.unpack80?.(A, BigInt.asIntN(64, ONE), 1);
  core.unpack80?.(B, BigInt.asIntN(64, ONE), 0x3ffe);
  core.multiply?.(V, A, A, B);
  core.round80?.(V, A);
  expect([packed(A), flags()]).toEqual([[ONE, 24576], FE_UNDERFLOW]);
  begin(0, FE_ALL & ~FE_OVERFLOW);
  core.unpack80?.(A, BigInt.asIntN(64, ONE), 0x7ffe);
  core.add?.(V, A, A, A);
  core.round80?.(V, A);
  expect([packed(A), flags()]).toEqual([[ONE, 0x7fff - 24576], FE_OVERFLOW]);
});

test('the magnitude that grew in rounding is told', () => {
  begin();
  unpack(A, 1 + 2 ** -23 * 1.75);
  core.round32?.(V, A);
  expect([view.getUint32(V + F_ROUNDED_UP, true), flags()]).toEqual([1, FE_INEXACT]);
});
