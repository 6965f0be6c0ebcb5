// Numbers of the extended format for the tests of transcendental functions: made at random, given to the core, measured.
import {
  F_A,
  F_B,
  F_MASKS,
  F_PRECISION,
  F_ROUNDING,
  F_Z,
  N_EXP,
  N_LOW,
  N_SIG,
} from '../../../assembly/abi/float.ts';
import { FE_ALL, V_FLOAT_FLAGS } from '../../../assembly/abi/fpu.ts';
import { core, view } from './core.ts';
import type { Fixed } from './reference.ts';

const V = 0x8000;
const Z = V + F_Z;
const REGISTER = V + 0x8000;
const BIAS = 16383;
export const MIN_EXP = -16382;
export const MAX_EXP = 16383;
const INTEGER_BIT = 1n << 63n;

/** sig * 2^(exp - 63), sig without its top bit only when exp is MIN_EXP. */
export interface Extended {
  sign: number;
  exp: number;
  sig: bigint;
}

/** Special operands and others by name. */
export const NAMED: Record<string, Extended> = {
  '+0': { sign: 0, exp: MIN_EXP, sig: 0n },
  '-0': { sign: 1, exp: MIN_EXP, sig: 0n },
  '+inf': { sign: 0, exp: MAX_EXP + 1, sig: INTEGER_BIT },
  '-inf': { sign: 1, exp: MAX_EXP + 1, sig: INTEGER_BIT },
  nan: { sign: 1, exp: MAX_EXP + 1, sig: 3n << 62n },
  '1': { sign: 0, exp: 0, sig: INTEGER_BIT },
  '-1': { sign: 1, exp: 0, sig: INTEGER_BIT },
  '1/2': { sign: 0, exp: -1, sig: INTEGER_BIT },
  '-1/2': { sign: 1, exp: -1, sig: INTEGER_BIT },
  '3': { sign: 0, exp: 1, sig: 3n << 62n },
  '-3': { sign: 1, exp: 1, sig: 3n << 62n },
  '8': { sign: 0, exp: 3, sig: INTEGER_BIT },
  '9': { sign: 0, exp: 3, sig: 9n << 60n },
  pi: { sign: 0, exp: 1, sig: 0xc90fdaa22168c235n },
  '-pi': { sign: 1, exp: 1, sig: 0xc90fdaa22168c235n },
  'pi/2': { sign: 0, exp: 0, sig: 0xc90fdaa22168c235n },
  '-pi/2': { sign: 1, exp: 0, sig: 0xc90fdaa22168c235n },
  'pi/4': { sign: 0, exp: -1, sig: 0xc90fdaa22168c235n },
  '-pi/4': { sign: 1, exp: -1, sig: 0xc90fdaa22168c235n },
  '3pi/4': { sign: 0, exp: 1, sig: 0x96cbe3f9990e91a8n },
  '-3pi/4': { sign: 1, exp: 1, sig: 0x96cbe3f9990e91a8n },
  '-2^-64': { sign: 1, exp: -64, sig: INTEGER_BIT },
};

export const ONE = NAMED['1'] as Extended;

let state = 0x9e3779b97f4a7c15n;

/** A small generator, so that every run sees the same numbers. */
export function random(bits: number): bigint {
  state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
  return bits <= 32 ? state >> BigInt(64 - bits) : ((state >> 32n) << BigInt(bits - 32)) | random(bits - 32);
}

export const between = (low: number, high: number): number =>
  low + Number(random(32) % BigInt(high - low + 1));

export function pick<T>(...choices: (() => T)[]): T {
  return (choices[between(0, choices.length - 1)] as () => T)();
}

export function fraction(): bigint {
  return pick(
    () => random(63),
    () => random(63) & ~((1n << random(6)) - 1n),
    () => random(2),
    () => INTEGER_BIT - 1n - random(2),
  );
}

/** A number with an exponent in these bounds, denormal below MIN_EXP; often with few bits, or next to a power of 2. */
export function number(low: number, high: number, sign = between(0, 1)): Extended {
  const exp = between(low, high);
  const sig = INTEGER_BIT | fraction();
  return exp < MIN_EXP ? { sign, exp: MIN_EXP, sig: sig >> BigInt(MIN_EXP - exp) } : { sign, exp, sig };
}

/** Above or below 1, at some distance. */
export function nearOne(): Extended {
  const distance = random(between(1, 62));
  return pick(
    () => ({ sign: 0, exp: 0, sig: INTEGER_BIT + 1n + distance }),
    () => ({ sign: 0, exp: -1, sig: 2n * INTEGER_BIT - 1n - distance }),
  );
}

/** A multiple of half the processor's pi, as near as the format comes. */
export function nearMultipleOfHalfPi(): Extended {
  const product = (1n + random(between(1, 61))) * 0x3243f6a8885a308d3n;
  const length = product.toString(2).length;
  return { sign: between(0, 1), exp: length - 66, sig: product >> BigInt(length - 64) };
}

export const fixed = ({ sign, exp, sig }: Extended): Fixed => ({ n: sign ? -sig : sig, scale: 63 - exp });

function unpack(n: number, { sign, exp, sig }: Extended): void {
  core.unpack80?.(n, BigInt.asIntN(64, sig), (sign << 15) | (sig & INTEGER_BIT ? exp + BIAS : 0));
}

export interface Result {
  /** Before rounding, without its sign. */
  unrounded: Fixed;
  rounded: Extended;
  /** FE_*. */
  flags: number;
}

/** Runs a function of ST(0) and ST(1), all exceptions masked. */
export function calculate(name: string, mode: number, x: Extended, y: Extended): Result {
  view.setUint32(V + F_ROUNDING, mode, true);
  view.setUint32(V + F_PRECISION, 64, true);
  view.setUint32(V + F_MASKS, FE_ALL, true);
  view.setUint32(V + V_FLOAT_FLAGS, 0, true);
  unpack(V + F_A, x);
  unpack(V + F_B, y);
  if (name === 'fpatan') core.fpatan?.(Z, V + F_A, V + F_B);
  else core[name]?.(V, Z, V + F_A, V + F_B);
  const n = (view.getBigUint64(Z + N_SIG, true) << 64n) | view.getBigUint64(Z + N_LOW, true);
  const unrounded = { n, scale: 127 - view.getInt32(Z + N_EXP, true) };
  core.round80?.(V, Z);
  core.pack80?.(Z, REGISTER);
  const field = view.getUint16(REGISTER + 8, true);
  return {
    unrounded,
    rounded: {
      sign: field >> 15,
      exp: Math.max(1, field & 0x7fff) - BIAS,
      sig: view.getBigUint64(REGISTER, true),
    },
    flags: view.getUint32(V + V_FLOAT_FLAGS, true),
  };
}

/** |value - exact| / 2^unit. */
export function distance(value: Fixed, exact: Fixed, unit: number): number {
  const common = Math.max(value.scale, exact.scale, 64 - unit);
  const difference = (value.n << BigInt(common - value.scale)) - (exact.n << BigInt(common - exact.scale));
  return Number((difference < 0n ? -difference : difference) >> BigInt(common + unit - 64)) / 2 ** 64;
}
