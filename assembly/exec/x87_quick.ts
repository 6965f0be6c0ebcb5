// The short way of x87 arithmetic: sums, products and quotients of two normal numbers whose result is normal or an exact zero,
// in any precision and rounding mode, without taking the numbers apart in memory. Everything else is x87_arithmetic.ts.
import { ROUND_DOWN, ST_EXPONENT, V_FCW } from '../abi/fpu';
import {
  ARITHMETIC_DIV,
  ARITHMETIC_DIVR,
  ARITHMETIC_MUL,
  ARITHMETIC_SUB,
  ARITHMETIC_SUBR,
} from '../abi/ops_x87';
import { rounds_up } from '../float/round';
import { divide_high, multiply_high, shift_right_high, shift_right_low } from '../float/wide';
import { precision, rounding } from './x87_operands';
import { BIAS, clear_c1, EXPONENT, INTEGER_BIT, note_inexact, put, SIGN } from './x87_stack';

/** PC and RC in FCW: 3 is 64 bits, 0 is to nearest. */
const FCW_PRECISION: u32 = 0x300;
const FCW_ROUNDING: u32 = 0xc00;
/** The largest biased exponent of a normal number, from 0. */
const NORMAL_SPAN: u32 = 0x7ffe;

export class Quick {
  /** Calculates the register at `x` op that at `y` into that at `to`; false = nothing was done, the long way is needed. */
  @inline
  static arithmetic(v: u32, operation: u32, x: u32, y: u32, to: u32): bool {
    const a = load<u64>(x);
    const b = load<u64>(y);
    const a_se: u32 = load<u16>(x + ST_EXPONENT);
    const b_se: u32 = load<u16>(y + ST_EXPONENT);
    const a_exp = a_se & EXPONENT;
    const b_exp = b_se & EXPONENT;
    if ((a & b & INTEGER_BIT) == 0 || a_exp - 1 >= NORMAL_SPAN || b_exp - 1 >= NORMAL_SPAN) return false;
    if (operation == ARITHMETIC_MUL)
      return product(v, to, a, b, (a_se ^ b_se) & SIGN, (a_exp + b_exp) as i32);
    if (operation >= ARITHMETIC_DIV) {
      const reversed = operation == ARITHMETIC_DIVR;
      const exponents = (a_exp as i32) - (b_exp as i32);
      const sign = (a_se ^ b_se) & SIGN;
      return quotient(v, to, reversed ? b : a, reversed ? a : b, sign, reversed ? -exponents : exponents);
    }
    const a_flip = operation == ARITHMETIC_SUBR ? SIGN : 0;
    const b_flip = operation == ARITHMETIC_SUB ? SIGN : 0;
    return sum(v, to, a, a_se ^ a_flip, b, b_se ^ b_flip);
  }
}

/** Inlined into each of the four operations: a decorator needs a class. */
class Short {
  /** Rounds high:low (top bit set, last bit sticky) and writes it; false = not a normal number. */
  @inline
  static round(v: u32, to: u32, sign: u32, exponent: i32, high: u64, low: u64): bool {
    let tail = low;
    let unit: u64 = 1;
    const fcw = load<u32>(v + V_FCW);
    if ((fcw & FCW_PRECISION) != FCW_PRECISION) {
      const bits = precision(v);
      if (bits != 64) {
        unit <<= 64 - bits;
        tail = (high << bits) | ((low != 0) as u64);
        high &= 0 - unit;
      }
    }
    let up: bool;
    if (fcw & FCW_ROUNDING) up = rounds_up(rounding(v), sign, tail, (high & unit) != 0 ? 1 : 0);
    else up = tail > INTEGER_BIT || (tail == INTEGER_BIT && (high & unit) != 0);
    if (up) {
      high += unit;
      if (high == 0) {
        high = INTEGER_BIT;
        exponent++;
      }
    }
    if (((exponent - 1) as u32) >= NORMAL_SPAN) return false;
    put(to, high, sign | exponent);
    if (tail) note_inexact(v, up);
    else clear_c1(v);
    return true;
  }
}

/** a + b. */
function sum(v: u32, to: u32, a: u64, a_se: u32, b: u64, b_se: u32): bool {
  let high = a;
  let se = a_se;
  let small = b;
  const order = ((a_se & EXPONENT) as i32) - ((b_se & EXPONENT) as i32);
  if (order < 0 || (order == 0 && a < b)) {
    high = b;
    se = b_se;
    small = a;
  }
  const distance = (order < 0 ? -order : order) as u32;
  let exponent = (se & EXPONENT) as i32;
  let low: u64 = 0;
  if (distance) {
    low = shift_right_low(small, 0, distance);
    small = shift_right_high(small, distance);
  }
  if (((a_se ^ b_se) & SIGN) == 0) {
    high += small;
    if (high < small) {
      low = (high << 63) | (low >> 1) | (low & 1);
      high = (high >> 1) | INTEGER_BIT;
      exponent++;
    }
  } else {
    high -= small + ((low != 0) as u64);
    low = 0 - low;
    if (high == 0) {
      if (low == 0) {
        clear_c1(v);
        put(to, 0, rounding(v) == ROUND_DOWN ? SIGN : 0);
        return true;
      }
      // Only neighbours cancel so far: one bit is left.
      high = low;
      low = 0;
      exponent -= 64;
    }
    const shift = clz<u64>(high);
    if (shift) {
      high = (high << shift) | (low >> (64 - shift));
      low <<= shift;
      exponent -= shift as i32;
    }
  }
  return Short.round(v, to, se & SIGN, exponent, high, low);
}

function product(v: u32, to: u32, a: u64, b: u64, sign: u32, exponents: i32): bool {
  let high = multiply_high(a, b);
  let low = a * b;
  let exponent = exponents - BIAS + 1;
  if ((high & INTEGER_BIT) == 0) {
    high = (high << 1) | (low >> 63);
    low <<= 1;
    exponent--;
  }
  return Short.round(v, to, sign, exponent, high, low);
}

/** a / b; the low word says how the remainder compares with half of b. */
function quotient(v: u32, to: u32, a: u64, b: u64, sign: u32, exponents: i32): bool {
  const whole = a >= b;
  let digits = divide_high(whole ? a - b : a, b);
  const rest = 0 - digits * b;
  let exponent = exponents + BIAS;
  let low: u64 = 0;
  if (whole) {
    low = (digits << 63) | ((rest != 0) as u64);
    digits = INTEGER_BIT | (digits >> 1);
  } else {
    exponent--;
    if (rest) {
      // Compared so that nothing overflows.
      const other = b - rest;
      low = rest > other ? INTEGER_BIT | 1 : rest == other ? INTEGER_BIT : 1;
    }
  }
  return Short.round(v, to, sign, exponent, digits, low);
}
