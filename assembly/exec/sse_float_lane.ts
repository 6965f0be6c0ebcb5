// One lane of an arithmetic operation. The host's arithmetic gives the result when it is the same to the bit: rounding to nearest,
// operands that are no denormals, a normal result away from the ends of the range. Everything else goes through assembly/float.

import { CLASS_SNAN, CLASS_ZERO, F_A, F_B, F_Z, N_DENORMAL } from '../abi/float';
import { FE_DENORMAL, FE_INEXACT, FE_INVALID, MXCSR_MASK_SHIFT, MXCSR_RC_SHIFT, V_MXCSR } from '../abi/fpu';
import { LANE_ADD, LANE_DIV, LANE_MAX, LANE_MIN, LANE_MUL, LANE_SQRT, LANE_SUB } from '../abi/ops_float';
import {
  add,
  class_of,
  compare,
  copy_number,
  divide,
  has_nan,
  is_nan,
  multiply,
  raise_float,
  square_root,
  subtract,
} from '../float';
import { load_lane, set_environment, store_lane } from './sse_float_result';

const INEXACT_SEEN: u32 = FE_INEXACT | (FE_INEXACT << MXCSR_MASK_SHIFT);
const ROUNDING: u32 = 3 << MXCSR_RC_SHIFT;

/** MXCSR says nearest. */
export function is_nearest(mxcsr: u32): bool {
  return (mxcsr & ROUNDING) == 0;
}

/** PE is set and masked, so it does not matter whether a result is exact. */
export function is_inexact_known(mxcsr: u32): bool {
  return (mxcsr & INEXACT_SEEN) == INEXACT_SEEN;
}

/** Both of the above. */
export function is_quick(mxcsr: u32): bool {
  return (mxcsr & (ROUNDING | INEXACT_SEEN)) == INEXACT_SEEN;
}

/** The host's result; of SQRT, b's root. */
export function native<T>(operation: u32, a: T, b: T): T {
  switch (operation) {
    case LANE_ADD:
      return (a + b) as T;
    case LANE_MUL:
      return (a * b) as T;
    case LANE_SUB:
      return (a - b) as T;
    case LANE_DIV:
      return (a / b) as T;
    case LANE_SQRT:
      return sqrt<T>(b);
    case LANE_MIN:
      return a < b ? a : b;
    default:
      return a > b ? a : b;
  }
}

export function is_denormal<T>(x: T): bool {
  if (sizeof<T>() == 8) return (reinterpret<u64>(x as f64) << 1) - 1 < 0x001fffffffffffff;
  return (reinterpret<u32>(x as f32) << 1) - 1 < 0x00ffffff;
}

/** Not a NaN. */
export function is_number<T>(x: T): bool {
  return x <= (Infinity as T);
}

/** Normal, and not the smallest normal numbers, which may have been tiny before rounding. */
export function is_plain<T>(x: T): bool {
  if (sizeof<T>() == 8) return ((reinterpret<u64>(x as f64) >> 52) & 0x7ff) - 2 < 0x7fd;
  return ((reinterpret<u32>(x as f32) >> 23) & 0xff) - 2 < 0xfd;
}

/** Whether the host's result c is the instruction's, and only PE is in question. */
export function is_same<T>(operation: u32, a: T, b: T, c: T): bool {
  if (operation == LANE_SQRT) return !is_denormal<T>(b) && (is_plain<T>(c) || c == 0);
  if (is_denormal<T>(a) || is_denormal<T>(b)) return false;
  if (operation == LANE_MIN || operation == LANE_MAX) return is_number<T>(a) && is_number<T>(b);
  if (is_plain<T>(c)) return true;
  if (c != 0) return false;
  if (operation == LANE_MUL) return a == 0 || b == 0;
  return operation != LANE_DIV || a == 0;
}

/** Whether the product of two significands of 53 bits has no more than 53: p is the product, rounded. */
function is_product_exact(a: f64, b: f64, p: f64): bool {
  const x = reinterpret<u64>(a);
  const y = reinterpret<u64>(b);
  const zeros = ctz(x | 0x0010000000000000) + ctz(y | 0x0010000000000000);
  if (zeros != 52) return zeros > 52;
  const exponent = ((x >> 52) & 0x7ff) + ((y >> 52) & 0x7ff) - 1023;
  return ((reinterpret<u64>(p) >> 52) & 0x7ff) == exponent;
}

/** Whether c, which is_same, is exact. */
export function is_exact<T>(operation: u32, a: T, b: T, c: T): bool {
  if (operation == LANE_MIN || operation == LANE_MAX || c == 0) return true;
  if (operation == LANE_ADD || operation == LANE_SUB) {
    // The error of the sum (Knuth, TAOCP 4.2.2, theorem B).
    const other: T = operation == LANE_SUB ? (-b as T) : b;
    const second: T = (c - a) as T;
    const first: T = (c - second) as T;
    return ((((a - first) as T) + ((other - second) as T)) as T) == 0;
  }
  const x: f64 = a as f64;
  const y: f64 = b as f64;
  const z: f64 = c as f64;
  if (operation == LANE_MUL) {
    if (sizeof<T>() == 4) return x * y == z;
    return is_product_exact(x, y, z);
  }
  const factor: f64 = operation == LANE_SQRT ? z : y;
  const whole: f64 = operation == LANE_SQRT ? y : x;
  const back = z * factor;
  if (sizeof<T>() == 4) return back == whole;
  return back == whole && is_product_exact(z, factor, back);
}

/** Calculates lane z of `T` from lanes a and b; flags into V_FLOAT_FLAGS. */
export function lane<T>(v: u32, operation: u32, a: u32, b: u32, z: u32): void {
  const mxcsr = load<u32>(v + V_MXCSR);
  if (is_nearest(mxcsr)) {
    const x = load<T>(a);
    const y = load<T>(b);
    const c = native<T>(operation, x, y);
    if (is_same<T>(operation, x, y, c)) {
      if (!is_inexact_known(mxcsr) && !is_exact<T>(operation, x, y, c)) raise_float(v, FE_INEXACT);
      store<T>(z, c);
      return;
    }
  }
  slow_lane(v, operation, a, b, z, sizeof<T>() == 8);
}

/** The same for a type known at run time. */
export function any_lane(v: u32, operation: u32, a: u32, b: u32, z: u32, double: bool): void {
  if (double) lane<f64>(v, operation, a, b, z);
  else lane<f32>(v, operation, a, b, z);
}

/** DE for a denormal operand. */
export function note_denormal(v: u32, a: u32, b: u32): void {
  if (load<u32>(a + N_DENORMAL) | load<u32>(b + N_DENORMAL)) raise_float(v, FE_DENORMAL);
}

/** A signaling NaN among the operands is an invalid operation; the first NaN is the result (SDM vol. 1, table 4-7). */
function propagate(v: u32, z: u32, a: u32, b: u32): void {
  if (class_of(a) == CLASS_SNAN || class_of(b) == CLASS_SNAN) raise_float(v, FE_INVALID);
  copy_number(z, is_nan(a) ? a : b);
}

function slow_lane(v: u32, operation: u32, a: u32, b: u32, z: u32, double: bool): void {
  set_environment(v);
  const x = v + F_A;
  const y = v + F_B;
  const result = v + F_Z;
  load_lane(v, y, b, double);
  if (operation == LANE_SQRT) {
    if (is_nan(y)) propagate(v, result, y, y);
    else slow_root(v, result, y);
    return store_lane(v, result, z, double);
  }
  load_lane(v, x, a, double);
  if (operation == LANE_MIN || operation == LANE_MAX) {
    // With a NaN or two zeros it is the second operand. Nothing is rounded.
    let second = true;
    if (has_nan(x, y)) {
      raise_float(v, FE_INVALID);
    } else {
      note_denormal(v, x, y);
      const order = compare(x, y);
      second = operation == LANE_MIN ? order >= 0 : order <= 0;
    }
    return copy_lane(second ? y : x, second ? b : a, z, double);
  }
  if (has_nan(x, y)) {
    propagate(v, result, x, y);
  } else {
    // ZE is reported alone.
    if (operation != LANE_DIV || class_of(y) != CLASS_ZERO) note_denormal(v, x, y);
    if (operation == LANE_ADD) add(v, result, x, y);
    else if (operation == LANE_SUB) subtract(v, result, x, y);
    else if (operation == LANE_MUL) multiply(v, result, x, y);
    else divide(v, result, x, y);
  }
  store_lane(v, result, z, double);
}

/** An invalid root is not denormal as well. */
function slow_root(v: u32, z: u32, a: u32): void {
  square_root(v, z, a);
  if (!is_nan(z)) note_denormal(v, a, a);
}

/** The operand at p, taken apart in n: its bits, or the zero that DAZ made of it. */
function copy_lane(n: u32, p: u32, z: u32, double: bool): void {
  const zero = class_of(n) == CLASS_ZERO;
  if (double) store<u64>(z, load<u64>(p) & (zero ? 0x8000000000000000 : u64.MAX_VALUE));
  else store<u32>(z, load<u32>(p) & (zero ? 0x80000000 : u32.MAX_VALUE));
}
