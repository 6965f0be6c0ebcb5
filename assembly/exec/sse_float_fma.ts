// FMA: a product plus a number, rounded once. As with the other operations the host's arithmetic does it where it can: in double
// precision with the product and the sum as pairs of numbers, in single precision with the next wider one.

import { CLASS_SNAN, F_A, F_B, F_C, F_Z, N_DENORMAL, N_SIGN } from '../abi/float';
import { FE_DENORMAL, FE_INEXACT, FE_INVALID, V_FLOAT_RESULT, V_MXCSR } from '../abi/fpu';
import { FLOW_NEXT, R_REG } from '../abi/insn';
import { OP_FMA } from '../abi/ops_float';
import { R_SRC } from '../abi/simd';
import { add, class_of, copy_number, is_nan, multiply, raise_float } from '../float';
import { is_denormal, is_nearest, is_plain } from './sse_float_lane';
import {
  begin,
  load_lane,
  set_environment,
  settle,
  settle_vector,
  store_lane,
  vector_size,
} from './sse_float_result';

// (opcode & 15) of the kinds: from MADD on odd numbers are the scalar ones, and bit 1 subtracts the addend (MSUB, NMSUB).
const ADDSUB: u32 = 6;
const SUBADD: u32 = 7;
const MADD: u32 = 8;
const NMADD: u32 = 12;

/** Exponents (biased) of factors whose product and its error are far from both ends of the range. */
const FACTOR_MIN: u64 = 1023 - 400;
const FACTOR_RANGE: u64 = 800;
/** The smallest exponent of an addend whose errors are no denormals, and how many follow. */
const ADDEND_MIN: u64 = 120;
const ADDEND_RANGE: u64 = 1900;
/** Splits a significand of 53 bits into two of 26 (Dekker). */
const SPLIT: f64 = 134217729.0;

/** The error of the sum s = a + b. */
function sum_error(a: f64, b: f64, s: f64): f64 {
  const second = s - a;
  return a - (s - second) + (b - second);
}

/** The error of the product p = a * b. */
function product_error(a: f64, b: f64, p: f64): f64 {
  const wide_a = SPLIT * a;
  const wide_b = SPLIT * b;
  const high_a = wide_a - (wide_a - a);
  const high_b = wide_b - (wide_b - b);
  const low_a = a - high_a;
  const low_b = b - high_b;
  return high_a * high_b - p + high_a * low_b + low_a * high_b + low_a * low_b;
}

/** s, which misses `error`, rounded to odd: a second rounding then gives what one would. */
function to_odd(s: f64, error: f64): f64 {
  const bits = reinterpret<u64>(s);
  if (error == 0 || (bits & 1) != 0) return s;
  return reinterpret<f64>(error > 0 == s > 0 ? bits + 1 : bits - 1);
}

function exponent64(x: f64): u64 {
  return (reinterpret<u64>(x) >> 52) & 0x7ff;
}

/** a * b + c by the host; false when that may not be the result (S. Boldo, G. Melquiond: Emulation of FMA with rounding to odd). */
function fused64(v: u32, a: f64, b: f64, c: f64, z: u32): bool {
  if (exponent64(a) - FACTOR_MIN > FACTOR_RANGE || exponent64(b) - FACTOR_MIN > FACTOR_RANGE) return false;
  if (c != 0 && exponent64(c) - ADDEND_MIN > ADDEND_RANGE) return false;
  const product = a * b;
  const product_low = product_error(a, b, product);
  const addend = c + product_low;
  const addend_low = sum_error(c, product_low, addend);
  const sum = product + addend;
  const sum_low = sum_error(product, addend, sum);
  const rest = addend_low + sum_low;
  const rest_error = sum_error(addend_low, sum_low, rest);
  const odd = to_odd(rest, rest_error);
  const result = sum + odd;
  if (result != 0 && !is_plain<f64>(result)) return false;
  if (rest_error != 0 || sum_error(sum, odd, result) != 0) raise_float(v, FE_INEXACT);
  store<f64>(z, result);
  return true;
}

/** The product of two singles is exact in double precision. */
function fused32(v: u32, a: f32, b: f32, c: f32, z: u32): bool {
  if (is_denormal<f32>(a) || is_denormal<f32>(b) || is_denormal<f32>(c)) return false;
  const product = (a as f64) * (b as f64);
  const sum = product + (c as f64);
  const error = sum_error(product, c as f64, sum);
  const odd = to_odd(sum, error);
  const result = odd as f32;
  if (sum != 0 && !is_plain<f32>(result)) return false;
  if (error != 0 || (result as f64) != odd) raise_float(v, FE_INEXACT);
  store<f32>(z, result);
  return true;
}

/** Lane z = (-)a * b +- c. */
function fused_lane(v: u32, a: u32, b: u32, c: u32, z: u32, double: bool, negate: u32, minus: u32): void {
  if (is_nearest(load<u32>(v + V_MXCSR))) {
    if (double) {
      const factor = load<f64>(a);
      const addend = load<f64>(c);
      if (fused64(v, negate ? -factor : factor, load<f64>(b), minus ? -addend : addend, z)) return;
    } else {
      const factor = load<f32>(a);
      const addend = load<f32>(c);
      if (fused32(v, negate ? -factor : factor, load<f32>(b), minus ? -addend : addend, z)) return;
    }
  }
  const x = v + F_A;
  const y = v + F_B;
  const w = v + F_C;
  const result = v + F_Z;
  set_environment(v);
  load_lane(v, x, a, double);
  load_lane(v, y, b, double);
  load_lane(v, w, c, double);
  if (is_nan(x) || is_nan(y) || is_nan(w)) {
    if (class_of(x) == CLASS_SNAN || class_of(y) == CLASS_SNAN || class_of(w) == CLASS_SNAN)
      raise_float(v, FE_INVALID);
    copy_number(result, is_nan(x) ? x : is_nan(y) ? y : w);
    return store_lane(v, result, z, double);
  }
  const denormal = load<u32>(x + N_DENORMAL) | load<u32>(y + N_DENORMAL) | load<u32>(w + N_DENORMAL);
  store<u32>(x + N_SIGN, load<u32>(x + N_SIGN) ^ negate);
  store<u32>(w + N_SIGN, load<u32>(w + N_SIGN) ^ minus);
  multiply(v, result, x, y);
  if (!is_nan(result)) add(v, result, result, w);
  if (!is_nan(result) && denormal) raise_float(v, FE_DENORMAL);
  store_lane(v, result, z, double);
}

export function exec_fma(v: u32, r: u32, op: u32, rm: u32): u32 {
  const index = op - OP_FMA;
  const order = index >> 5;
  const kind = (index >> 1) & 15;
  const double = (index & 1) != 0;
  const reg = load<u32>(r + R_REG);
  const src = load<u32>(r + R_SRC);
  const a = order == 0 ? reg : src;
  const b = order == 1 ? reg : rm;
  const c = order == 0 ? src : order == 1 ? rm : reg;
  const z = v + V_FLOAT_RESULT;
  const step: u32 = double ? 8 : 4;
  const negate = (kind >= NMADD) as u32;
  begin(v);
  if (kind >= MADD && kind & 1) {
    fused_lane(v, a, b, c, z, double, negate, (kind & 2) >> 1);
    return settle_in_place(v, reg, double);
  }
  const bytes = vector_size(r);
  for (let i: u32 = 0; i < bytes; i += step) {
    const odd = ((i & step) != 0) as u32;
    const minus: u32 = kind == ADDSUB ? odd ^ 1 : kind == SUBADD ? odd : (kind & 2) >> 1;
    fused_lane(v, a + i, b + i, c + i, z + i, double, negate, minus);
  }
  return settle_vector(v, r);
}

/** A scalar result: the other lanes of the destination's lower half stay. */
function settle_in_place(v: u32, reg: u32, double: bool): u32 {
  const flow = settle(v);
  if (flow) return flow;
  if (double) store<u64>(reg, load<u64>(v + V_FLOAT_RESULT));
  else store<u32>(reg, load<u32>(v + V_FLOAT_RESULT));
  v128.store(reg + 16, i64x2.splat(0));
  return FLOW_NEXT;
}
