// x87 loads from memory: FLD m32, m64, m80, FILD, FBLD; and the same operands widened for arithmetic.
import { FE_DENORMAL, FE_INVALID, ST_EXPONENT, V_FLOAT_RESULT } from '../abi/fpu';
import {
  OP_FBLD,
  OP_FILD_16,
  OP_FILD_32,
  OP_FILD_64,
  OP_FLD_M32,
  OP_FLD_M64,
  OP_FLD_M80,
} from '../abi/ops_x87';
import {
  BIAS,
  clear_c1,
  EXPONENT,
  has_room,
  INTEGER_BIT,
  push,
  put,
  QUIET_BIT,
  SIGN,
  signal,
} from './x87_stack';

/** The operand at `rm` as 80 bits at `to`. A signaling NaN stays one. Gives FE_DENORMAL for a denormal. */
export function widen_m32(rm: u32, to: u32): u32 {
  const bits = load<u32>(rm);
  return widen((bits as u64) << 40, (bits >> 23) & 0xff, 0xff, BIAS - 127, (bits >> 16) & SIGN, to);
}

export function widen_m64(rm: u32, to: u32): u32 {
  const bits = load<u64>(rm);
  const high = (bits >> 32) as u32;
  return widen(bits << 11, (high >> 20) & 0x7ff, 0x7ff, BIAS - 1023, (high >> 16) & SIGN, to);
}

/** `fraction` has its first bit below the integer bit. */
function widen(fraction: u64, exponent: u32, special: u32, rebias: i32, sign: u32, to: u32): u32 {
  fraction &= ~INTEGER_BIT;
  if (exponent == special) {
    put(to, fraction | INTEGER_BIT, sign | EXPONENT);
    return 0;
  }
  if (exponent) {
    put(to, fraction | INTEGER_BIT, sign | ((exponent as i32) + rebias));
    return 0;
  }
  if (fraction == 0) {
    put(to, 0, sign);
    return 0;
  }
  const shift = clz<u64>(fraction) as i32;
  put(to, fraction << shift, sign | (rebias + 1 - shift));
  return FE_DENORMAL;
}

export function widen_integer(value: i64, to: u32): void {
  if (value == 0) return put(to, 0, 0);
  const sign: u32 = value < 0 ? SIGN : 0;
  const magnitude = (value < 0 ? -value : value) as u64;
  const shift = clz<u64>(magnitude) as u32;
  put(to, magnitude << shift, sign | (BIAS + 63 - shift));
}

export function is_signaling(significand: u64, se: u32): bool {
  return (se & EXPONENT) == EXPONENT && significand >> 62 == 2 && significand != INTEGER_BIT;
}

/** FLD m32 and m64: unlike m80 they are operations, so that a signaling NaN and a denormal are exceptions. */
function load_real(v: u32, flags: u32): void {
  const from = v + V_FLOAT_RESULT;
  const significand = load<u64>(from);
  const se = load<u16>(from + ST_EXPONENT);
  clear_c1(v);
  if (is_signaling(significand, se)) {
    if (signal(v, FE_INVALID)) return;
    return put(push(v), significand | QUIET_BIT, se);
  }
  // A denormal is loaded even when its exception is unmasked.
  if (flags) signal(v, flags);
  put(push(v), significand, se);
}

/** FLD m64 of a normal number, the most frequent load: false = the long way is needed. */
function load_normal(v: u32, rm: u32): bool {
  const bits = load<u64>(rm);
  const exponent = ((bits >> 52) as u32) & 0x7ff;
  if (exponent - 1 >= 0x7fe) return false;
  clear_c1(v);
  put(push(v), (bits << 11) | INTEGER_BIT, (((bits >> 48) as u32) & SIGN) | (exponent + (BIAS - 1023)));
  return true;
}

function load_integer(v: u32, value: i64): void {
  clear_c1(v);
  widen_integer(value, push(v));
}

function fbld(v: u32, rm: u32): void {
  let value: u64 = 0;
  for (let n = 8; n >= 0; n--) {
    const byte: u32 = load<u8>(rm + n);
    value = value * 100 + ((byte >> 4) * 10 + (byte & 15));
  }
  clear_c1(v);
  const to = push(v);
  widen_integer(value as i64, to);
  if (load<u8>(rm + 9) & 0x80) store<u16>(to + ST_EXPONENT, load<u16>(to + ST_EXPONENT) | (SIGN as u16));
}

/** Inlined into the family's switch: a decorator needs a class. */
export class Load {
  /** Executes OP_FLD_M32 .. OP_FBLD. */
  @inline
  static execute(v: u32, op: u32, rm: u32): void {
    if (!has_room(v)) return;
    switch (op) {
      case OP_FLD_M32:
        return load_real(v, widen_m32(rm, v + V_FLOAT_RESULT));
      case OP_FLD_M64:
        if (load_normal(v, rm)) return;
        return load_real(v, widen_m64(rm, v + V_FLOAT_RESULT));
      case OP_FLD_M80:
        clear_c1(v);
        return put(push(v), load<u64>(rm), load<u16>(rm + ST_EXPONENT));
      case OP_FILD_16:
        return load_integer(v, load<i16>(rm));
      case OP_FILD_32:
        return load_integer(v, load<i32>(rm));
      case OP_FILD_64:
        return load_integer(v, load<i64>(rm));
      case OP_FBLD:
        return fbld(v, rm);
    }
  }
}
