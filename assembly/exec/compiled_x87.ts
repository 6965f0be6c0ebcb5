// What compiled regions call for x87 records, behind a look that no exception waits and that all are masked. Operands come as
// in x87_scalar.ts, from which sums, products, quotients and roots are called themselves. A result's sign and exponent are in
// V_X87_WORD.
import { ROUND_ZERO, V_FIP, V_FTAG, V_FTOP, V_X87_WORD } from '../abi/fpu';
import { R_OP } from '../abi/insn';
import {
  ONE_FISTTP,
  ONE_FLAGS,
  ONE_INTEGER,
  ONE_M32,
  ONE_M64,
  ONE_QUIET,
  ONE_ROOT,
  ONE_TO_INTEGER,
  ONE_TO_M32,
  ONE_TO_M64,
  SETTLE_C1,
  SETTLE_FIP,
  SETTLE_STACK,
} from '../abi/ops_x87';
import { V_JIT_RIP } from '../abi/vcpu_page';
import { wrap_rip } from '../cpu/operands';
import { rounds_up } from '../float/round';
import { kept_record } from './compiled';
import { exec_x87 } from './x87';
import { compare_numbers, order, set_codes, set_flags } from './x87_compare';
import { rounding } from './x87_operands';
import { Scalar, x87_root, x87_widen32, x87_widen64 } from './x87_scalar';
import { BIAS, clear_c1, EXPONENT, INTEGER_BIT, SIGN } from './x87_stack';
import { narrow, to_whole } from './x87_store';

/** Bits of a number as a double: what stays a normal double here. */
function to_double(v: u32, sig: u64, se: u32): u64 {
  const exponent = ((se & EXPONENT) as i32) - BIAS + 1023;
  if (exponent >= 1 && exponent < 2046 && (sig & INTEGER_BIT) != 0 && rounding(v) == 0) {
    const tail = sig << 53;
    const kept = sig >> 11;
    const up = u64(tail > INTEGER_BIT) | (u64(tail == INTEGER_BIT) & kept);
    Scalar.note(v, up as u32, tail);
    // The integer bit adds 1 to the exponent field, as a carry out of the fraction does.
    return (((se & SIGN) as u64) << 48) | ((((exponent - 1) as u64) << 52) + kept + up);
  }
  if (sig == 0 && (se & EXPONENT) == 0) {
    clear_c1(v);
    return ((se & SIGN) as u64) << 48;
  }
  return narrow(v, sig, se, false);
}

function to_single(v: u32, sig: u64, se: u32): u64 {
  const exponent = ((se & EXPONENT) as i32) - BIAS + 127;
  if (exponent >= 1 && exponent < 254 && (sig & INTEGER_BIT) != 0 && rounding(v) == 0) {
    const tail = sig << 24;
    const kept = sig >> 40;
    const up = u64(tail > INTEGER_BIT) | (u64(tail == INTEGER_BIT) & kept);
    Scalar.note(v, up as u32, tail);
    return (((se & SIGN) as u64) << 16) | ((((exponent - 1) as u64) << 23) + kept + up);
  }
  return narrow(v, sig, se, true);
}

function integer(v: u32, value: i64): u64 {
  const magnitude = (value < 0 ? 0 - value : value) as u64;
  const shift = clz<u64>(magnitude) as u32;
  store<u32>(v + V_X87_WORD, value == 0 ? 0 : (value < 0 ? SIGN : 0) | (BIAS + 63 - shift));
  return magnitude << shift;
}

/** A number as an integer of 2^size bytes: here what is normal and far from the ends. */
function to_integer(v: u32, sig: u64, se: u32, size: u32, mode: u32): u64 {
  const weight = ((se & EXPONENT) as i32) - BIAS;
  if ((sig & INTEGER_BIT) == 0 || ((weight + 1) as u32) >= (8 << size) - 1)
    return to_whole(v, sig, se, size, mode);
  // Of a number from 1/2 to 1 nothing is whole.
  const whole: u64 = weight < 0 ? 0 : sig >> (63 - weight);
  const tail = weight < 0 ? sig : (sig << 1) << weight;
  const up = tail != 0 && rounds_up(mode, se & SIGN, tail, whole);
  Scalar.note(v, up as u32, tail);
  const magnitude = whole + (up as u64);
  return se & SIGN ? 0 - magnitude : magnitude;
}

/** One operand: a number, or bits of another format; ONE_*. */
export function compiled_x87_one(v: u32, a: u64, a_se: u32, op: u32, _nothing: v128): u64 {
  switch (op) {
    case ONE_M32:
      return x87_widen32(v, a);
    case ONE_M64:
      return x87_widen64(v, a);
    case ONE_INTEGER:
      return integer(v, a as i64);
    case ONE_TO_M32:
      return to_single(v, a, a_se);
    case ONE_TO_M64:
      return to_double(v, a, a_se);
    case ONE_TO_INTEGER + 1:
    case ONE_TO_INTEGER + 2:
    case ONE_TO_INTEGER + 3:
      return to_integer(v, a, a_se, op - ONE_TO_INTEGER, rounding(v));
    case ONE_FISTTP + 1:
    case ONE_FISTTP + 2:
    case ONE_FISTTP + 3:
      return to_integer(v, a, a_se, op - ONE_FISTTP, ROUND_ZERO);
    case ONE_ROOT:
      return x87_root(v, a, a_se);
    default:
      return 0;
  }
}

/** A normal number or a zero. */
function is_ordinary(sig: u64, se: u32): bool {
  return sig & INTEGER_BIT ? (se & EXPONENT) - 1 < 0x7ffe : sig == 0 && (se & EXPONENT) == 0;
}

/** Compares two numbers; `how` is ONE_QUIET for FUCOM and its kin, ONE_FLAGS when the result is in the flags. */
export function compiled_x87_compare(v: u32, a: u64, a_se: u32, b: u64, b_how: u32, _nothing: v128): u64 {
  const how = b_how & (ONE_QUIET | ONE_FLAGS);
  const found =
    is_ordinary(a, a_se) && is_ordinary(b, b_how)
      ? order(a, a_se, b, b_how)
      : compare_numbers(v, a, a_se, b, b_how & 0xffff, 0, (how & ONE_QUIET) != 0);
  if (how & ONE_FLAGS) {
    set_flags(v, found);
  } else {
    set_codes(v, found);
    clear_c1(v);
  }
  return 0;
}

/** Executes the kept record at `distance`, of a register form that cannot fault; `delta` is that of its RIP. */
export function compiled_x87(v: u32, distance: u32, delta: i32, _nothing: v128): u32 {
  const r = kept_record(v, distance);
  exec_x87(v, r, load<u16>(r + R_OP), 0);
  return note_address(v, delta);
}

function note_address(v: u32, delta: i32): u32 {
  store<u64>(v + V_FIP, wrap_rip(v, load<u64>(v + V_JIT_RIP) + (delta as i64 as u64)));
  return 0;
}

/** What emitted code still keeps to itself of the x87's state (SETTLE_*), on its way out. */
export function compiled_x87_settle(v: u32, what: u32, delta: i32, _nothing: v128): u32 {
  if (what & SETTLE_STACK) {
    store<u32>(v + V_FTOP, what & 7);
    store<u32>(v + V_FTAG, (what >> 8) & 0xff);
  }
  if (what & SETTLE_C1) clear_c1(v);
  return what & SETTLE_FIP ? note_address(v, delta) : 0;
}
