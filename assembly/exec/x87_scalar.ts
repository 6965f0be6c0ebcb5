// x87 calculations on operands that are passed as significand and as sign with exponent: the result's significand is returned,
// its sign and exponent are in V_X87_WORD. C1 and PE are noted, and PE must be masked. Sums, products, quotients and roots of
// normal numbers with normal results are calculated here, everything else is left to x87_calculate.ts; when an exception is
// not masked there, nothing happens and the word is X87_FAILED.
import {
  FE_ALL,
  FSW_C1,
  ROUND_DOWN,
  ST_EXPONENT,
  V_FCW,
  V_FSW,
  V_X87_A,
  V_X87_B,
  V_X87_WORD,
  V_X87_Z,
  X87_FAILED,
  X87_TURNED,
} from '../abi/fpu';
import { ARITHMETIC_ADD, ARITHMETIC_DIV, ARITHMETIC_MUL, ARITHMETIC_SUB } from '../abi/ops_x87';
import { rounds_up } from '../float/round';
import { divide_high, multiply_high, shift_right_low, square_root_128 } from '../float/wide';
import { calculate, root_of } from './x87_calculate';
import { widen_m32, widen_m64 } from './x87_load';
import { precision, rounding } from './x87_operands';
import { BIAS, clear_c1, EXPONENT, INTEGER_BIT, put, SIGN } from './x87_stack';

/** PC and RC in FCW. */
const FCW_ROUND: u32 = 0xf00;
/** To nearest, 64 bits. */
const ROUND_ORDINARY: u32 = 0x300;
const FCW_PRECISION: u32 = 0x300;
/** The largest biased exponent of a normal number, from 0. */
const NORMAL_SPAN: u32 = 0x7ffe;
/** The largest of a double's, from 0. */
const NORMAL_DOUBLE: u32 = 0x7fe;
const NORMAL_SINGLE: u32 = 0xfe;
/** A significand that no normal number has: the result is not a normal number. */
const NO_RESULT: u64 = 1;
const C1_SHIFT: u32 = 9;
const PE_SHIFT: u32 = 5;

/** Inlined into each of the operations: a decorator needs a class. */
export class Scalar {
  @inline
  static normal(sig: u64, se: u32): bool {
    return (sig & INTEGER_BIT) != 0 && (se & EXPONENT) - 1 < NORMAL_SPAN;
  }

  /** A result that needs no rounding of its own. */
  @inline
  static exact(v: u32, sig: u64, se: u32): u64 {
    clear_c1(v);
    store<u32>(v + V_X87_WORD, se & 0xffff);
    return sig;
  }

  /** Rounds high:low, the top bit set, the last one sticky. */
  @inline
  static round(v: u32, sign: u32, exponent: i32, high: u64, low: u64): u64 {
    if ((load<u32>(v + V_FCW) & FCW_ROUND) != ROUND_ORDINARY) return round_any(v, sign, exponent, high, low);
    const up = u64(low > INTEGER_BIT) | (u64(low == INTEGER_BIT) & high);
    high += up;
    if (high == 0) {
      high = INTEGER_BIT;
      exponent++;
    }
    if (((exponent - 1) as u32) >= NORMAL_SPAN) return NO_RESULT;
    Scalar.note(v, up as u32, low);
    store<u32>(v + V_X87_WORD, sign | exponent);
    return high;
  }

  /** PE and C1. */
  @inline
  static note(v: u32, up: u32, tail: u64): void {
    const fsw = load<u32>(v + V_FSW) & ~FSW_C1;
    store<u32>(v + V_FSW, fsw | (up << C1_SHIFT) | (u32(tail != 0) << PE_SHIFT));
  }

  /** a + b of normal numbers; an exact zero is one more result. */
  @inline
  static sum(v: u32, a: u64, a_se: u32, b: u64, b_se: u32): u64 {
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
      if (distance < 64) {
        low = small << (64 - distance);
        small >>= distance;
      } else {
        low = shift_right_low(small, 0, distance);
        small = 0;
      }
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
        if (low == 0) return Scalar.exact(v, 0, rounding(v) == ROUND_DOWN ? SIGN : 0);
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
    return Scalar.round(v, se & SIGN, exponent, high, low);
  }

  @inline
  static product(v: u32, a: u64, a_se: u32, b: u64, b_se: u32): u64 {
    const high = multiply_high(a, b);
    const low = a * b;
    // One bit at most is missing at the top.
    const shift = (high >> 63) ^ 1;
    const exponent = ((a_se & EXPONENT) as i32) + ((b_se & EXPONENT) as i32) - BIAS + 1 - (shift as i32);
    const shifted = (high << shift) | ((low >> 63) & shift);
    return Scalar.round(v, (a_se ^ b_se) & SIGN, exponent, shifted, low << shift);
  }
}

/** Any precision and direction. */
function round_any(v: u32, sign: u32, exponent: i32, high: u64, low: u64): u64 {
  let tail = low;
  let unit: u64 = 1;
  const bits = (load<u32>(v + V_FCW) & FCW_PRECISION) == FCW_PRECISION ? 64 : precision(v);
  if (bits != 64) {
    unit <<= 64 - bits;
    tail = (high << bits) | ((low != 0) as u64);
    high &= 0 - unit;
  }
  const up = rounds_up(rounding(v), sign, tail, (high & unit) != 0 ? 1 : 0);
  if (up) {
    high += unit;
    if (high == 0) {
      high = INTEGER_BIT;
      exponent++;
    }
  }
  if (((exponent - 1) as u32) >= NORMAL_SPAN) return NO_RESULT;
  Scalar.note(v, up as u32, tail);
  store<u32>(v + V_X87_WORD, sign | exponent);
  return high;
}

/** What the last function has given beside its significand is X87_FAILED. */
export function has_failed(v: u32): bool {
  return load<u32>(v + V_X87_WORD) == X87_FAILED;
}

function fail(v: u32): u64 {
  store<u32>(v + V_X87_WORD, X87_FAILED);
  return 0;
}

function is_masked(v: u32): bool {
  return (load<u32>(v + V_FCW) & FE_ALL) == FE_ALL;
}

/** The long way of all of them. */
function long_way(v: u32, operation: u32, a: u64, a_se: u32, b: u64, b_se: u32): u64 {
  if (!is_masked(v)) return fail(v);
  put(v + V_X87_A, a, a_se);
  put(v + V_X87_B, b, b_se);
  calculate(v, operation, v + V_X87_A, v + V_X87_B, 0, v + V_X87_Z);
  return result(v);
}

function result(v: u32): u64 {
  store<u32>(v + V_X87_WORD, load<u16>(v + V_X87_Z + ST_EXPONENT));
  return load<u64>(v + V_X87_Z);
}

function is_zero(sig: u64, se: u32): bool {
  return sig == 0 && (se & EXPONENT) == 0;
}

function is_full_precision(v: u32): bool {
  return (load<u32>(v + V_FCW) & FCW_PRECISION) == FCW_PRECISION;
}

function hard_sum(v: u32, a: u64, a_se: u32, b: u64, b_se: u32): u64 {
  if (is_full_precision(v)) {
    if (is_zero(b, b_se) && Scalar.normal(a, a_se)) return Scalar.exact(v, a, a_se);
    if (is_zero(a, a_se) && Scalar.normal(b, b_se)) return Scalar.exact(v, b, b_se);
  }
  return b_se & X87_TURNED
    ? long_way(v, ARITHMETIC_SUB, a, a_se, b, b_se ^ SIGN)
    : long_way(v, ARITHMETIC_ADD, a, a_se, b, b_se);
}

function hard_product(v: u32, a: u64, a_se: u32, b: u64, b_se: u32): u64 {
  if ((is_zero(a, a_se) && Scalar.normal(b, b_se)) || (is_zero(b, b_se) && Scalar.normal(a, a_se)))
    return Scalar.exact(v, 0, (a_se ^ b_se) & SIGN);
  return long_way(v, ARITHMETIC_MUL, a, a_se, b, b_se);
}

/** a + b; for a - b the sign in `b_se` is turned and X87_TURNED set. */
export function x87_sum(v: u32, a: u64, a_se: u32, b: u64, b_se: u32, _nothing: v128): u64 {
  if (Scalar.normal(a, a_se) && Scalar.normal(b, b_se)) {
    const z = Scalar.sum(v, a, a_se, b, b_se);
    if (z != NO_RESULT) return z;
  }
  return hard_sum(v, a, a_se, b, b_se);
}

/** a * b. */
export function x87_product(v: u32, a: u64, a_se: u32, b: u64, b_se: u32, _nothing: v128): u64 {
  if (Scalar.normal(a, a_se) && Scalar.normal(b, b_se)) {
    const z = Scalar.product(v, a, a_se, b, b_se);
    if (z != NO_RESULT) return z;
  }
  return hard_product(v, a, a_se, b, b_se);
}

/** a / b. */
export function x87_quotient(v: u32, a: u64, a_se: u32, b: u64, b_se: u32, _nothing: v128): u64 {
  if (Scalar.normal(a, a_se) && Scalar.normal(b, b_se)) {
    const z = quotient(v, a, a_se, b, b_se);
    if (z != NO_RESULT) return z;
  }
  return long_way(v, ARITHMETIC_DIV, a, a_se, b, b_se);
}

/** The low word says how the remainder compares with half of b. */
function quotient(v: u32, a: u64, a_se: u32, b: u64, b_se: u32): u64 {
  const whole = a >= b;
  let digits = divide_high(whole ? a - b : a, b);
  const rest = 0 - digits * b;
  let exponent = ((a_se & EXPONENT) as i32) - ((b_se & EXPONENT) as i32) + BIAS;
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
  return Scalar.round(v, (a_se ^ b_se) & SIGN, exponent, digits, low);
}

/** The square root. */
export function x87_root(v: u32, a: u64, a_se: u32): u64 {
  if (Scalar.normal(a, a_se) && (a_se & SIGN) == 0) {
    const exponent = (a_se as i32) - BIAS;
    const odd = (exponent & 1) != 0;
    const high = odd ? a : a >> 1;
    const low = odd ? 0 : a << 63;
    const root = square_root_128(high, low);
    // high:low - root^2 is at most 2 * root: exact, below half a unit, or above.
    const square = root * root;
    const rest = low - square;
    const rest_high = high - multiply_high(root, root) - ((low < square) as u64);
    const tail: u64 = (rest | rest_high) == 0 ? 0 : rest_high || rest > root ? INTEGER_BIT | 1 : 1;
    return Scalar.round(v, 0, (exponent >> 1) + BIAS, root, tail);
  }
  if (!is_masked(v)) return fail(v);
  put(v + V_X87_A, a, a_se);
  root_of(v, v + V_X87_A, v + V_X87_Z);
  return result(v);
}

/** Widens a double. What is denormal or a signaling NaN fails: it is an exception or not by what it is loaded for. */
export function x87_widen64(v: u32, bits: u64): u64 {
  const exponent = ((bits >> 52) as u32) & 0x7ff;
  if (exponent - 1 < NORMAL_DOUBLE) {
    store<u32>(v + V_X87_WORD, (((bits >> 48) as u32) & SIGN) | (exponent + (BIAS - 1023)));
    return (bits << 11) | INTEGER_BIT;
  }
  store<u64>(v + V_X87_A, bits);
  return widened(v, widen_m64(v + V_X87_A, v + V_X87_Z));
}

/** The same of a single, in the lower half. */
export function x87_widen32(v: u32, bits: u64): u64 {
  const exponent = ((bits >> 23) as u32) & 0xff;
  if (exponent - 1 < NORMAL_SINGLE) {
    store<u32>(v + V_X87_WORD, (((bits >> 16) as u32) & SIGN) | (exponent + (BIAS - 127)));
    return (bits << 40) | INTEGER_BIT;
  }
  store<u64>(v + V_X87_A, bits);
  return widened(v, widen_m32(v + V_X87_A, v + V_X87_Z));
}

function widened(v: u32, denormal: u32): u64 {
  const sig = load<u64>(v + V_X87_Z);
  const se: u32 = load<u16>(v + V_X87_Z + ST_EXPONENT);
  const signals = (se & EXPONENT) == EXPONENT && sig >> 62 == 2 && sig != INTEGER_BIT;
  if (denormal | u32(signals)) return fail(v);
  return result(v);
}

/** The sum with a double; also when this fails nothing has changed. */
export function x87_sum64(v: u32, a: u64, a_se: u32, bits: u64, turned: u32, _nothing: v128): u64 {
  const exponent = ((bits >> 52) as u32) & 0x7ff;
  if (exponent - 1 < NORMAL_DOUBLE && Scalar.normal(a, a_se)) {
    const b_se = ((((bits >> 48) as u32) & SIGN) | (exponent + (BIAS - 1023))) ^ turned;
    const z = Scalar.sum(v, a, a_se, (bits << 11) | INTEGER_BIT, b_se);
    if (z != NO_RESULT) return z;
  }
  const b = x87_widen64(v, bits);
  return has_failed(v) ? 0 : hard_sum(v, a, a_se, b, load<u32>(v + V_X87_WORD) ^ turned);
}

/** The product with a double. */
export function x87_product64(v: u32, a: u64, a_se: u32, bits: u64, _nothing: v128): u64 {
  const exponent = ((bits >> 52) as u32) & 0x7ff;
  if (exponent - 1 < NORMAL_DOUBLE && Scalar.normal(a, a_se)) {
    const b_se = (((bits >> 48) as u32) & SIGN) | (exponent + (BIAS - 1023));
    const z = Scalar.product(v, a, a_se, (bits << 11) | INTEGER_BIT, b_se);
    if (z != NO_RESULT) return z;
  }
  const b = x87_widen64(v, bits);
  return has_failed(v) ? 0 : hard_product(v, a, a_se, b, load<u32>(v + V_X87_WORD));
}
