// The short way of x87 arithmetic: sums, products and quotients of two normal numbers whose result is normal or an exact zero,
// in any precision and rounding mode, without taking the numbers apart in memory. Everything else is x87_arithmetic.ts.
import { FE_INEXACT, FSW_C1, ROUND_DOWN, V_FSW } from '../abi/fpu';
import {
  ARITHMETIC_ADD,
  ARITHMETIC_DIV,
  ARITHMETIC_MUL,
  ARITHMETIC_SUB,
  ARITHMETIC_SUBR,
} from '../abi/ops_x87';
import { rounds_up } from '../float/round';
import { divide_high, multiply_high, shift_right_high, shift_right_low } from '../float/wide';
import { precision, rounding } from './x87_operands';
import { BIAS, clear_c1, EXPONENT, INTEGER_BIT, put, SIGN, signal } from './x87_stack';

/** The largest biased exponent of a normal number, from 0. */
const NORMAL_SPAN: u32 = 0x7ffe;

/** Calculates a op b into the register at `to`; false = nothing was done, the long way is needed. */
export function quick_arithmetic(
  v: u32,
  operation: u32,
  to: u32,
  a: u64,
  a_se: u32,
  b: u64,
  b_se: u32,
): bool {
  const a_exp = a_se & EXPONENT;
  const b_exp = b_se & EXPONENT;
  if ((a & b & INTEGER_BIT) == 0 || a_exp - 1 >= NORMAL_SPAN || b_exp - 1 >= NORMAL_SPAN) return false;
  switch (operation) {
    case ARITHMETIC_ADD:
      return sum(v, to, a, a_se, b, b_se);
    case ARITHMETIC_SUB:
      return sum(v, to, a, a_se, b, b_se ^ SIGN);
    case ARITHMETIC_SUBR:
      return sum(v, to, b, b_se, a, a_se ^ SIGN);
    case ARITHMETIC_MUL:
      return product(v, to, a, b, (a_se ^ b_se) & SIGN, (a_exp + b_exp) as i32);
    case ARITHMETIC_DIV:
      return quotient(v, to, a, b, (a_se ^ b_se) & SIGN, (a_exp as i32) - (b_exp as i32));
    default:
      return quotient(v, to, b, a, (a_se ^ b_se) & SIGN, (b_exp as i32) - (a_exp as i32));
  }
}

/** Rounds high:low (top bit set, last bit sticky) and writes it; false = not a normal number. */
function round_quick(v: u32, to: u32, sign: u32, exponent: i32, high: u64, low: u64): bool {
  let kept = high;
  let tail = low;
  let unit: u64 = 1;
  const bits = precision(v);
  if (bits != 64) {
    unit <<= 64 - bits;
    tail = (high << bits) | ((low != 0) as u64);
    kept &= 0 - unit;
  }
  let up = false;
  if (tail) {
    up = rounds_up(rounding(v), sign, tail, (kept & unit) != 0 ? 1 : 0);
    if (up) {
      kept += unit;
      if (kept == 0) {
        kept = INTEGER_BIT;
        exponent++;
      }
    }
  }
  if (((exponent - 1) as u32) >= NORMAL_SPAN) return false;
  put(to, kept, sign | exponent);
  if (tail == 0) {
    clear_c1(v);
    return true;
  }
  store<u32>(v + V_FSW, (load<u32>(v + V_FSW) & ~FSW_C1) | (up ? FSW_C1 : 0));
  signal(v, FE_INEXACT);
  return true;
}

/** a + b. */
function sum(v: u32, to: u32, a: u64, a_se: u32, b: u64, b_se: u32): bool {
  let big = a;
  let big_se = a_se;
  let small = b;
  let small_se = b_se;
  const order = ((a_se & EXPONENT) as i32) - ((b_se & EXPONENT) as i32);
  if (order < 0 || (order == 0 && a < b)) {
    big = b;
    big_se = b_se;
    small = a;
    small_se = a_se;
  }
  const distance = (order < 0 ? -order : order) as u32;
  const exponent = (big_se & EXPONENT) as i32;
  const sign = big_se & SIGN;
  let low: u64 = 0;
  if (distance) {
    low = shift_right_low(small, 0, distance);
    small = shift_right_high(small, distance);
  }
  if (((big_se ^ small_se) & SIGN) == 0) {
    const high = big + small;
    if (high >= big) return round_quick(v, to, sign, exponent, high, low);
    return round_quick(
      v,
      to,
      sign,
      exponent + 1,
      (high >> 1) | INTEGER_BIT,
      (high << 63) | (low >> 1) | (low & 1),
    );
  }
  let high = big - small - ((low != 0) as u64);
  low = 0 - low;
  if (high == 0) {
    if (low == 0) {
      clear_c1(v);
      put(to, 0, rounding(v) == ROUND_DOWN ? SIGN : 0);
      return true;
    }
    // Only neighbours cancel so far: one bit is left.
    return round_quick(v, to, sign, exponent - 64, low, 0);
  }
  const shift = clz<u64>(high);
  if (shift) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
  }
  return round_quick(v, to, sign, exponent - (shift as i32), high, low);
}

function product(v: u32, to: u32, a: u64, b: u64, sign: u32, exponents: i32): bool {
  const high = multiply_high(a, b);
  const low = a * b;
  if (high & INTEGER_BIT) return round_quick(v, to, sign, exponents - BIAS + 1, high, low);
  return round_quick(v, to, sign, exponents - BIAS, (high << 1) | (low >> 63), low << 1);
}

/** a / b; the low word says how the remainder compares with half of b. */
function quotient(v: u32, to: u32, a: u64, b: u64, sign: u32, exponents: i32): bool {
  const whole = a >= b;
  const digits = divide_high(whole ? a - b : a, b);
  const rest = 0 - digits * b;
  if (whole) {
    const low = (digits << 63) | ((rest != 0) as u64);
    return round_quick(v, to, sign, exponents + BIAS, INTEGER_BIT | (digits >> 1), low);
  }
  let low: u64 = 0;
  if (rest) {
    // Compared so that nothing overflows.
    const other = b - rest;
    low = rest > other ? INTEGER_BIT | 1 : rest == other ? INTEGER_BIT : 1;
  }
  return round_quick(v, to, sign, exponents + BIAS - 1, digits, low);
}
