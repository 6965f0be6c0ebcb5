// x87 instructions that work on exponents and integral values: FRNDINT, FSCALE, FXTRACT.

import { CLASS_INFINITY, CLASS_ZERO, F_A, F_B, N_EXP, N_SIG, N_SIGN } from '../abi/float';
import { FE_INVALID, FE_ZERO_DIVIDE, ST_EXPONENT, V_FLOAT_FLAGS } from '../abi/fpu';
import { round_integral } from '../float/integer';
import { class_of, has_nan, is_nan, scale, set_default_nan, set_infinity, set_zero } from '../float/number';
import { pack80 } from '../float/pack';
import { from_integer } from '../float/unpack';
import {
  answer_nan,
  answer_nans,
  denormal,
  may_proceed,
  note_rounding,
  prepare,
  round_into,
  unpack_register,
} from './x87_operands';
import {
  BIAS,
  is_empty,
  mark_valid,
  push,
  put,
  put_indefinite,
  SIGN,
  st,
  stack_overflow,
  stack_underflow,
} from './x87_stack';

export function frndint(v: u32): void {
  const a = st(v, 0);
  if (is_empty(v, 0)) {
    if (!stack_underflow(v)) return;
    put_indefinite(a);
    return mark_valid(v, 0);
  }
  const x = v + F_A;
  prepare(v, 64);
  unpack_register(x, a);
  if (is_nan(x)) {
    answer_nan(v, x, a, a);
    return;
  }
  if (!may_proceed(v, denormal(x))) return;
  round_integral(v, x);
  pack80(x, a);
  note_rounding(v);
}

/** The integer part of `n`, as far as it can matter to a scale. */
function integer_part(n: u32): i32 {
  const exponent = load<i32>(n + N_EXP);
  if (class_of(n) == CLASS_ZERO || exponent < 0) return 0;
  const magnitude: i32 = exponent > 16 ? 0x20000 : ((load<u64>(n + N_SIG) >> (63 - exponent)) as i32);
  return load<u32>(n + N_SIGN) ? -magnitude : magnitude;
}

/** ST(0) * 2^ST(1), where 0 * 2^infinity and infinity * 2^-infinity are invalid. */
function scaled(v: u32, x: u32, y: u32): void {
  if (class_of(y) != CLASS_INFINITY) return scale(x, integer_part(y));
  const down = load<u32>(y + N_SIGN) != 0;
  if (class_of(x) == (down ? CLASS_INFINITY : CLASS_ZERO)) {
    store<u32>(v + V_FLOAT_FLAGS, FE_INVALID);
    return set_default_nan(x);
  }
  const sign = load<u32>(x + N_SIGN);
  if (down) set_zero(x, sign);
  else set_infinity(x, sign);
}

export function fscale(v: u32): void {
  const a = st(v, 0);
  if (is_empty(v, 0) || is_empty(v, 1)) {
    if (!stack_underflow(v)) return;
    put_indefinite(a);
    return mark_valid(v, 0);
  }
  const b = st(v, 1);
  const x = v + F_A;
  const y = v + F_B;
  prepare(v, 64);
  unpack_register(x, a);
  unpack_register(y, b);
  if (has_nan(x, y)) {
    answer_nans(v, x, y, a, b, a);
    return;
  }
  const more = denormal(x) | denormal(y);
  scaled(v, x, y);
  if (may_proceed(v, more)) round_into(v, x, a);
}

/** Exponent to ST(0), significand pushed upon it. */
export function fxtract(v: u32): void {
  const empty = is_empty(v, 0);
  if (empty || !is_empty(v, 7)) {
    if (!(empty ? stack_underflow(v) : stack_overflow(v))) return;
    put_indefinite(st(v, 0));
    mark_valid(v, 0);
    return put_indefinite(push(v));
  }
  const a = st(v, 0);
  const x = v + F_A;
  prepare(v, 64);
  unpack_register(x, a);
  if (is_nan(x)) {
    if (answer_nan(v, x, a, a)) put(push(v), load<u64>(a), load<u16>(a + ST_EXPONENT));
    return;
  }
  const kind = class_of(x);
  if (!may_proceed(v, kind == CLASS_ZERO ? FE_ZERO_DIVIDE : denormal(x))) return;
  const sign = load<u32>(x + N_SIGN) ? SIGN : 0;
  const exponent = v + F_B;
  if (kind == CLASS_ZERO || kind == CLASS_INFINITY) {
    set_infinity(exponent, (kind == CLASS_ZERO) as u32);
    pack80(exponent, a);
    const significand = push(v);
    if (kind == CLASS_ZERO) put(significand, 0, sign);
    else pack80(x, significand);
    return;
  }
  from_integer(exponent, load<i32>(x + N_EXP));
  pack80(exponent, a);
  put(push(v), load<u64>(x + N_SIG), sign | BIAS);
}
