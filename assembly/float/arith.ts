// Exact arithmetic on numbers without NaNs: results are rounded afterwards (round.ts). Invalid operations and divisions by zero
// raise their flag and give their masked result.

import {
  CLASS_INFINITY,
  CLASS_NORMAL,
  CLASS_ZERO,
  F_ROUNDING,
  N_EXP,
  N_LOW,
  N_SIG,
  N_SIGN,
} from '../abi/float';
import { FE_INVALID, FE_ZERO_DIVIDE, ROUND_DOWN } from '../abi/fpu';
import {
  class_of,
  copy_number,
  set_default_nan,
  set_infinity,
  set_normalized,
  set_number,
  set_zero,
} from './number';
import { raise_float } from './round';
import { divide_high, multiply_high, shift_right_high, shift_right_low, square_root_128 } from './wide';

const TOP: u64 = 0x8000000000000000;

function invalid(v: u32, z: u32): void {
  raise_float(v, FE_INVALID);
  set_default_nan(z);
}

export function add(v: u32, z: u32, a: u32, b: u32): void {
  sum(v, z, a, b, load<u32>(b + N_SIGN));
}

export function subtract(v: u32, z: u32, a: u32, b: u32): void {
  sum(v, z, a, b, load<u32>(b + N_SIGN) ^ 1);
}

/** a + b, with b's sign given. */
function sum(v: u32, z: u32, a: u32, b: u32, sign_b: u32): void {
  const sign_a = load<u32>(a + N_SIGN);
  const class_a = class_of(a);
  const class_b = class_of(b);
  if (class_a == CLASS_NORMAL && class_b == CLASS_NORMAL) {
    if (sign_a == sign_b) add_magnitudes(z, a, b, sign_a);
    else if (is_smaller(a, b)) subtract_magnitudes(v, z, b, a, sign_b);
    else subtract_magnitudes(v, z, a, b, sign_a);
    return;
  }
  if (class_a == CLASS_INFINITY) {
    if (class_b == CLASS_INFINITY && sign_a != sign_b) return invalid(v, z);
    return set_infinity(z, sign_a);
  }
  if (class_b == CLASS_INFINITY) return set_infinity(z, sign_b);
  if (class_a == CLASS_ZERO && class_b == CLASS_ZERO) {
    return set_zero(z, sign_a == sign_b ? sign_a : exact_zero_sign(v));
  }
  if (class_a == CLASS_ZERO) {
    copy_number(z, b);
    store<u32>(z + N_SIGN, sign_b);
  } else {
    copy_number(z, a);
  }
}

/** Sign of a difference that is 0: minus only when rounding down. */
function exact_zero_sign(v: u32): u32 {
  return (load<u32>(v + F_ROUNDING) == ROUND_DOWN) as u32;
}

/** |a| < |b|, both normal. */
function is_smaller(a: u32, b: u32): bool {
  const exp_a = load<i32>(a + N_EXP);
  const exp_b = load<i32>(b + N_EXP);
  if (exp_a != exp_b) return exp_a < exp_b;
  const sig_a = load<u64>(a + N_SIG);
  const sig_b = load<u64>(b + N_SIG);
  return sig_a < sig_b || (sig_a == sig_b && load<u64>(a + N_LOW) < load<u64>(b + N_LOW));
}

function add_magnitudes(z: u32, a: u32, b: u32, sign: u32): void {
  const swap = load<i32>(a + N_EXP) < load<i32>(b + N_EXP);
  const big = swap ? b : a;
  const small = swap ? a : b;
  const exp = load<i32>(big + N_EXP);
  const distance = (exp - load<i32>(small + N_EXP)) as u32;
  let high = load<u64>(small + N_SIG);
  let low = load<u64>(small + N_LOW);
  if (distance) {
    low = shift_right_low(high, low, distance);
    high = shift_right_high(high, distance);
  }
  const low_sum = load<u64>(big + N_LOW) + low;
  const carry = (low_sum < low) as u64;
  const high_big = load<u64>(big + N_SIG);
  const high_sum = high_big + high + carry;
  if (high_sum < high_big || (carry && high_sum == high_big)) {
    set_number(z, CLASS_NORMAL, sign, exp + 1, (high_sum >> 1) | TOP, shift_right_low(high_sum, low_sum, 1));
  } else {
    set_number(z, CLASS_NORMAL, sign, exp, high_sum, low_sum);
  }
}

/** |a| - |b| for |a| >= |b|; `sign` is a's. */
function subtract_magnitudes(v: u32, z: u32, a: u32, b: u32, sign: u32): void {
  const exp = load<i32>(a + N_EXP);
  const distance = (exp - load<i32>(b + N_EXP)) as u32;
  let high = load<u64>(b + N_SIG);
  let low = load<u64>(b + N_LOW);
  if (distance) {
    low = shift_right_low(high, low, distance);
    high = shift_right_high(high, distance);
  }
  const low_a = load<u64>(a + N_LOW);
  const low_rest = low_a - low;
  const high_rest = load<u64>(a + N_SIG) - high - ((low_a < low) as u64);
  if ((high_rest | low_rest) == 0) return set_zero(z, exact_zero_sign(v));
  set_normalized(z, sign, exp, high_rest, low_rest);
}

/** The product is exact when both significands have 64 bits. */
export function multiply(v: u32, z: u32, a: u32, b: u32): void {
  const sign = load<u32>(a + N_SIGN) ^ load<u32>(b + N_SIGN);
  const class_a = class_of(a);
  const class_b = class_of(b);
  if (class_a == CLASS_NORMAL && class_b == CLASS_NORMAL) {
    const x = load<u64>(a + N_SIG);
    const y = load<u64>(b + N_SIG);
    return set_normalized(
      z,
      sign,
      load<i32>(a + N_EXP) + load<i32>(b + N_EXP) + 1,
      multiply_high(x, y),
      x * y,
    );
  }
  if (class_a == CLASS_INFINITY || class_b == CLASS_INFINITY) {
    if (class_a == CLASS_ZERO || class_b == CLASS_ZERO) return invalid(v, z);
    return set_infinity(z, sign);
  }
  set_zero(z, sign);
}

export function divide(v: u32, z: u32, a: u32, b: u32): void {
  const sign = load<u32>(a + N_SIGN) ^ load<u32>(b + N_SIGN);
  const class_a = class_of(a);
  const class_b = class_of(b);
  if (class_a == CLASS_NORMAL && class_b == CLASS_NORMAL) return divide_normal(z, a, b, sign);
  if (class_a == CLASS_INFINITY) {
    if (class_b == CLASS_INFINITY) return invalid(v, z);
    return set_infinity(z, sign);
  }
  if (class_b == CLASS_ZERO) {
    if (class_a == CLASS_ZERO) return invalid(v, z);
    raise_float(v, FE_ZERO_DIVIDE);
    return set_infinity(z, sign);
  }
  set_zero(z, sign);
}

/** A quotient of 64 bits; N_LOW says how the remainder compares with half the divisor. */
function divide_normal(z: u32, a: u32, b: u32, sign: u32): void {
  const x = load<u64>(a + N_SIG);
  const y = load<u64>(b + N_SIG);
  const exp = load<i32>(a + N_EXP) - load<i32>(b + N_EXP);
  // x / y is in (1/2, 2): a quotient of 1 or more is divided as (x - y) / y with its first bit known.
  const whole = x >= y;
  const rest = whole ? x - y : x;
  const quotient = divide_high(rest, y);
  const remainder = 0 - quotient * y;
  if (whole) {
    const low = (quotient << 63) | ((remainder != 0) as u64);
    return set_number(z, CLASS_NORMAL, sign, exp, TOP | (quotient >> 1), low);
  }
  const twice = remainder << 1;
  const above = remainder & TOP || twice > y;
  const low: u64 = above ? TOP | 1 : twice == y ? TOP : remainder ? 1 : 0;
  set_number(z, CLASS_NORMAL, sign, exp - 1, quotient, low);
}

export function square_root(v: u32, z: u32, a: u32): void {
  const kind = class_of(a);
  if (kind == CLASS_ZERO) return copy_number(z, a);
  if (load<u32>(a + N_SIGN)) return invalid(v, z);
  if (kind == CLASS_INFINITY) return copy_number(z, a);
  const sig = load<u64>(a + N_SIG);
  const exp = load<i32>(a + N_EXP);
  const odd = (exp & 1) != 0;
  const high = odd ? sig : sig >> 1;
  const low = odd ? 0 : sig << 63;
  const root = square_root_128(high, low);
  // high:low - root^2 is at most 2 * root: exact, below half a unit, or above.
  const square = root * root;
  const rest = low - square;
  const rest_high = high - multiply_high(root, root) - ((low < square) as u64);
  const tail: u64 = (rest | rest_high) == 0 ? 0 : rest_high || rest > root ? TOP | 1 : 1;
  set_number(z, CLASS_NORMAL, 0, exp >> 1, root, tail);
}
