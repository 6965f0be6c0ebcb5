// Between the x87 registers and the numbers of assembly/float: rounding and precision from FCW, what a NaN operand gives
// (SDM vol. 1, 4.8.3.5 and table 4-7), and how a result with its exceptions enters a register.

import {
  CLASS_INFINITY,
  CLASS_NORMAL,
  CLASS_SNAN,
  CLASS_UNSUPPORTED,
  F_FTZ,
  F_MASKS,
  F_PRECISION,
  F_ROUNDED_UP,
  F_ROUNDING,
  N_DENORMAL,
} from '../abi/float';
import {
  FE_ALL,
  FE_DENORMAL,
  FE_INEXACT,
  FE_INVALID,
  FE_OVERFLOW,
  FE_UNDERFLOW,
  FE_ZERO_DIVIDE,
  FSW_C1,
  ST_EXPONENT,
  V_FCW,
  V_FLOAT_FLAGS,
  V_FLOAT_RESULT,
  V_FSW,
} from '../abi/fpu';
import { class_of, is_nan } from '../float/number';
import { pack80 } from '../float/pack';
import { round80 } from '../float/round';
import { unpack80 } from '../float/unpack';
import { clear_c1, put, put_indefinite, QUIET_BIT, signal } from './x87_stack';

/** Rounding control of FCW. */
export function rounding(v: u32): u32 {
  return (load<u32>(v + V_FCW) >> 10) & 3;
}

/** Bits that PC rounds to; its reserved value means 64. */
export function precision(v: u32): u32 {
  const pc = (load<u32>(v + V_FCW) >> 8) & 3;
  return pc == 2 ? 53 : pc == 0 ? 24 : 64;
}

/** Begins a calculation that rounds to `bits` bits: no exceptions yet, C1 = 0. */
export function prepare(v: u32, bits: u32): void {
  clear_c1(v);
  store<u32>(v + F_ROUNDING, rounding(v));
  store<u32>(v + F_PRECISION, bits);
  store<u32>(v + F_MASKS, load<u32>(v + V_FCW) & FE_ALL);
  store<u32>(v + F_FTZ, 0);
  store<u32>(v + V_FLOAT_FLAGS, 0);
}

/** Number `n` from the 80 bits at `from`. */
export function unpack_register(n: u32, from: u32): void {
  unpack80(n, load<u64>(from), load<u16>(from + ST_EXPONENT));
}

/** What one NaN or unsupported operand gives, at `to`; false when the exception is unmasked and nothing was written. */
export function answer_nan(v: u32, n: u32, from: u32, to: u32): bool {
  const kind = class_of(n);
  if (kind >= CLASS_SNAN && signal(v, FE_INVALID)) return false;
  if (kind == CLASS_UNSUPPORTED) put_indefinite(to);
  else put(to, load<u64>(from) | QUIET_BIT, load<u16>(from + ST_EXPONENT));
  return true;
}

/** The same for two operands, of which one or both are no numbers. */
export function answer_nans(v: u32, a: u32, b: u32, from_a: u32, from_b: u32, to: u32): bool {
  const class_a = class_of(a);
  const class_b = class_of(b);
  if ((class_a >= CLASS_SNAN || class_b >= CLASS_SNAN) && signal(v, FE_INVALID)) return false;
  if (class_a == CLASS_UNSUPPORTED || class_b == CLASS_UNSUPPORTED) {
    put_indefinite(to);
    return true;
  }
  let from = from_a;
  if (!is_nan(a)) from = from_b;
  else if (is_nan(b)) from = chosen(class_a, class_b, from_a, from_b);
  put(to, load<u64>(from) | QUIET_BIT, load<u16>(from + ST_EXPONENT));
  return true;
}

/** Of two NaNs the quiet one, else the one with the larger significand, else the positive one. */
function chosen(class_a: u32, class_b: u32, from_a: u32, from_b: u32): u32 {
  if (class_a != class_b) return class_a == CLASS_SNAN ? from_b : from_a;
  const a = load<u64>(from_a);
  const b = load<u64>(from_b);
  if (a != b) return a < b ? from_b : from_a;
  return load<u16>(from_a + ST_EXPONENT) <= load<u16>(from_b + ST_EXPONENT) ? from_a : from_b;
}

/** FE_DENORMAL when the encoding of `n` was denormal. */
export function denormal(n: u32): u32 {
  return load<u32>(n + N_DENORMAL) ? FE_DENORMAL : 0;
}

/**
 * Notes the exceptions that come before the result is rounded: IE or ZE, else DE of the operands (`more`). False when one is
 * unmasked: everything stays as it was.
 */
export function may_proceed(v: u32, more: u32): bool {
  const raised = load<u32>(v + V_FLOAT_FLAGS) & (FE_INVALID | FE_ZERO_DIVIDE);
  const flags = raised ? raised : more;
  return flags == 0 || signal(v, flags) == 0;
}

/** Rounds `n`, which may be inexact already, and writes it at `to`. Overflow and underflow that are unmasked have left a scaled result. */
export function round_into(v: u32, n: u32, to: u32): void {
  store<u32>(v + V_FLOAT_FLAGS, load<u32>(v + V_FLOAT_FLAGS) & FE_INEXACT);
  round80(v, n);
  pack80(n, to);
  // FSCALE may leave the range even of scaled results: then zero or infinity stands for the number.
  if (load<u32>(v + V_FLOAT_FLAGS) & (FE_OVERFLOW | FE_UNDERFLOW) && class_of(n) != CLASS_NORMAL) {
    store<u32>(v + V_FLOAT_FLAGS, load<u32>(v + V_FLOAT_FLAGS) | FE_INEXACT);
    store<u32>(v + F_ROUNDED_UP, (class_of(n) == CLASS_INFINITY) as u32);
  }
  note_rounding(v);
}

/** Notes what rounding raised, and C1. */
export function note_rounding(v: u32): void {
  const flags = load<u32>(v + V_FLOAT_FLAGS);
  if (flags == 0) return;
  signal(v, flags);
  if (load<u32>(v + F_ROUNDED_UP)) store<u32>(v + V_FSW, load<u32>(v + V_FSW) | FSW_C1);
}

/** Where a memory operand lies widened to 80 bits. */
export function operand_slot(v: u32): u32 {
  return v + V_FLOAT_RESULT;
}
