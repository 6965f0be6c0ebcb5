// Numbers and integers: rounding to integral values, conversion, comparison.

import {
  CLASS_INFINITY,
  CLASS_NORMAL,
  CLASS_ZERO,
  F_ROUNDED_UP,
  F_ROUNDING,
  N_EXP,
  N_LOW,
  N_SIG,
  N_SIGN,
} from '../abi/float';
import { FE_INEXACT, FE_INVALID, V_FLOAT_FLAGS } from '../abi/fpu';
import { class_of, set_normalized, set_zero } from './number';
import { raise_float, rounds_up } from './round';

/** The fraction of a normal number with exponent below 63, left-aligned, the last bit sticky. */
function fraction_of(sig: u64, exp: i32): u64 {
  if (exp >= 0) return sig << (exp + 1);
  return exp == -1 ? sig : 1;
}

/** The magnitude rounded to an integer, for exponents below 64. Raises PE. */
function rounded_magnitude(v: u32, n: u32): u64 {
  const sig = load<u64>(n + N_SIG);
  const exp = load<i32>(n + N_EXP);
  store<u32>(v + F_ROUNDED_UP, 0);
  if (exp == 63) return sig;
  const whole: u64 = exp < 0 ? 0 : sig >> (63 - exp);
  const tail = fraction_of(sig, exp);
  if (tail == 0) return whole;
  raise_float(v, FE_INEXACT);
  if (!rounds_up(load<u32>(v + F_ROUNDING), load<u32>(n + N_SIGN), tail, whole)) return whole;
  store<u32>(v + F_ROUNDED_UP, 1);
  return whole + 1;
}

/** Rounds a number of at most 64 bits to an integral value in place, by F_ROUNDING; raises PE. */
export function round_integral(v: u32, n: u32): void {
  if (class_of(n) != CLASS_NORMAL || load<i32>(n + N_EXP) >= 63) {
    store<u32>(v + F_ROUNDED_UP, 0);
    return;
  }
  const sign = load<u32>(n + N_SIGN);
  const whole = rounded_magnitude(v, n);
  if (whole) set_normalized(n, sign, 63, whole, 0);
  else set_zero(n, sign);
}

/** The number as a signed integer of `bits` bits, by F_ROUNDING; what does not fit, NaNs too, gives IE and the indefinite value. */
export function to_integer(v: u32, n: u32, bits: u32): i64 {
  const kind = class_of(n);
  if (kind == CLASS_ZERO) return 0;
  const limit = (1 as u64) << (bits - 1);
  if (kind == CLASS_NORMAL && load<i32>(n + N_EXP) < (bits as i32)) {
    const sign = load<u32>(n + N_SIGN);
    if (load<i32>(n + N_EXP) == 63) {
      if (sign && load<u64>(n + N_SIG) == limit) return limit as i64;
    } else {
      const flags = load<u32>(v + V_FLOAT_FLAGS);
      const whole = rounded_magnitude(v, n);
      if (whole < limit || (sign && whole == limit)) return (sign ? 0 - whole : whole) as i64;
      store<u32>(v + V_FLOAT_FLAGS, flags);
    }
  }
  store<u32>(v + F_ROUNDED_UP, 0);
  raise_float(v, FE_INVALID);
  return (0 - limit) as i64;
}

/** Of numbers without NaNs: -1, 0 or 1 as a is less than, equal to or greater than b. */
export function compare(a: u32, b: u32): i32 {
  const class_a = class_of(a);
  const class_b = class_of(b);
  if (class_a == CLASS_ZERO && class_b == CLASS_ZERO) return 0;
  const sign_a = load<u32>(a + N_SIGN);
  const sign_b = load<u32>(b + N_SIGN);
  if (class_a == CLASS_ZERO) return sign_b ? 1 : -1;
  if (class_b == CLASS_ZERO || sign_a != sign_b) return sign_a ? -1 : 1;
  const order = compare_magnitudes(a, b);
  return sign_a ? -order : order;
}

/** Neither is zero. */
function compare_magnitudes(a: u32, b: u32): i32 {
  const class_a = class_of(a);
  const class_b = class_of(b);
  if (class_a == CLASS_INFINITY || class_b == CLASS_INFINITY) return (class_a as i32) - (class_b as i32);
  const exp_a = load<i32>(a + N_EXP);
  const exp_b = load<i32>(b + N_EXP);
  if (exp_a != exp_b) return exp_a < exp_b ? -1 : 1;
  const sig_a = load<u64>(a + N_SIG);
  const sig_b = load<u64>(b + N_SIG);
  if (sig_a != sig_b) return sig_a < sig_b ? -1 : 1;
  const low_a = load<u64>(a + N_LOW);
  const low_b = load<u64>(b + N_LOW);
  return low_a == low_b ? 0 : low_a < low_b ? -1 : 1;
}
