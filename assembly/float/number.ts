// Numbers taken apart (abi/float.ts): the simplest questions and fillings; no arithmetic.
import {
  CLASS_INFINITY,
  CLASS_NORMAL,
  CLASS_QNAN,
  CLASS_ZERO,
  N_CLASS,
  N_DENORMAL,
  N_EXP,
  N_LOW,
  N_SIG,
  N_SIGN,
} from '../abi/float';

const INTEGER_BIT: u64 = 0x8000000000000000;
const DEFAULT_NAN: u64 = 0xc000000000000000;

export function class_of(n: u32): u32 {
  return load<u32>(n + N_CLASS);
}

/** A quiet or signaling NaN or an unsupported encoding. */
export function is_nan(n: u32): bool {
  return class_of(n) >= CLASS_QNAN;
}

export function has_nan(a: u32, b: u32): bool {
  return is_nan(a) || is_nan(b);
}

export function set_number(n: u32, kind: u32, sign: u32, exp: i32, sig: u64, low: u64): void {
  store<u32>(n + N_CLASS, kind);
  store<u32>(n + N_SIGN, sign);
  store<i32>(n + N_EXP, exp);
  store<u32>(n + N_DENORMAL, 0);
  store<u64>(n + N_SIG, sig);
  store<u64>(n + N_LOW, low);
}

export function set_zero(n: u32, sign: u32): void {
  set_number(n, CLASS_ZERO, sign, 0, 0, 0);
}

export function set_infinity(n: u32, sign: u32): void {
  set_number(n, CLASS_INFINITY, sign, 0, INTEGER_BIT, 0);
}

/** The real indefinite: what a masked invalid operation gives. */
export function set_default_nan(n: u32): void {
  set_number(n, CLASS_QNAN, 1, 0, DEFAULT_NAN, 0);
}

/** high:low * 2^(exp - 127), not 0, brought to the form with the top bit set. */
export function set_normalized(n: u32, sign: u32, exp: i32, high: u64, low: u64): void {
  let h = high;
  let l = low;
  let e = exp;
  if (h == 0) {
    h = l;
    l = 0;
    e -= 64;
  }
  const shift = clz(h);
  if (shift) {
    h = (h << shift) | (l >> (64 - shift));
    l <<= shift;
  }
  set_number(n, CLASS_NORMAL, sign, e - (shift as i32), h, l);
}

export function copy_number(z: u32, n: u32): void {
  v128.store(z, v128.load(n));
  v128.store(z + 16, v128.load(n + 16));
}

/** Multiplies by 2^k; what is far beyond every format stays there. */
export function scale(n: u32, k: i32): void {
  const limited = k > 0x20000 ? 0x20000 : k < -0x20000 ? -0x20000 : k;
  if (class_of(n) == CLASS_NORMAL) store<i32>(n + N_EXP, load<i32>(n + N_EXP) + limited);
}
