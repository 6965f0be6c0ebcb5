// FPREM and FPREM1: exact remainders, in as many steps as the exponents need (SDM vol. 2).

import { CLASS_INFINITY, CLASS_ZERO, F_A, F_B, N_EXP, N_SIG, N_SIGN } from '../abi/float';
import { FE_INVALID, FSW_C0, FSW_C1, FSW_C2, FSW_C3, V_FLOAT_FLAGS, V_FSW } from '../abi/fpu';
import { class_of, has_nan, set_default_nan, set_normalized, set_zero } from '../float/number';
import { answer_nans, denormal, may_proceed, prepare, round_into, unpack_register } from './x87_operands';
import { is_empty, mark_valid, put_indefinite, st, stack_underflow } from './x87_stack';

/** Exponents further apart than this take more than one instruction; each brings them nearer by 32 to 63. */
const MOST_STEPS: i32 = 63;

/** The quotient's last bits in C0, C3, C1, and C2 = 1 when the remainder is not yet final. */
function set_quotient(v: u32, quotient: u64, partial: bool): void {
  let codes: u32 = partial ? FSW_C2 : 0;
  if (!partial) {
    if (quotient & 4) codes |= FSW_C0;
    if (quotient & 2) codes |= FSW_C3;
    if (quotient & 1) codes |= FSW_C1;
  }
  store<u32>(v + V_FSW, (load<u32>(v + V_FSW) & ~(FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3)) | codes);
}

/** Reduces x by y, both normal, and sets the condition codes. */
function reduce(v: u32, x: u32, y: u32, nearest: bool): void {
  const exponent = load<i32>(x + N_EXP);
  const distance = exponent - load<i32>(y + N_EXP);
  const divisor = load<u64>(y + N_SIG);
  const sign = load<u32>(x + N_SIGN);
  let rest = load<u64>(x + N_SIG);
  if (distance < 0) {
    // Less than y; the nearest multiple may be y itself when the exponents are neighbours: then y - x is 2 * divisor - rest.
    if (!nearest || distance < -1 || rest <= divisor) return set_quotient(v, 0, false);
    set_normalized(x, sign ^ 1, exponent, divisor - (rest - divisor), 0);
    return set_quotient(v, 1, false);
  }
  const partial = distance > MOST_STEPS;
  const steps = partial ? (distance & 31) | 32 : distance;
  let quotient: u64 = 0;
  let carry = false;
  for (let n = steps; n >= 0; n--) {
    quotient <<= 1;
    if (carry || rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
    if (n) {
      carry = rest >> 63 != 0;
      rest <<= 1;
    }
  }
  let flip: u32 = 0;
  if (nearest && !partial) {
    const other = divisor - rest;
    if (rest > other || (rest == other && (quotient & 1) != 0)) {
      rest = other;
      quotient++;
      flip = 1;
    }
  }
  if (rest == 0) set_zero(x, sign);
  else set_normalized(x, sign ^ flip, exponent - steps, rest, 0);
  set_quotient(v, quotient, partial);
}

/** FPREM truncates the quotient, FPREM1 (`nearest`) rounds it. */
export function remainder(v: u32, nearest: bool): void {
  const a = st(v, 0);
  const b = st(v, 1);
  store<u32>(v + V_FSW, load<u32>(v + V_FSW) & ~FSW_C2);
  if (is_empty(v, 0) || is_empty(v, 1)) {
    if (!stack_underflow(v)) return;
    put_indefinite(a);
    return mark_valid(v, 0);
  }
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
  if (class_of(x) == CLASS_INFINITY || class_of(y) == CLASS_ZERO) {
    store<u32>(v + V_FLOAT_FLAGS, FE_INVALID);
    set_default_nan(x);
    if (may_proceed(v, 0)) round_into(v, x, a);
    return;
  }
  if (!may_proceed(v, more)) return;
  if (class_of(x) == CLASS_ZERO || class_of(y) == CLASS_INFINITY) set_quotient(v, 0, false);
  else reduce(v, x, y, nearest);
  const quotient_bit = load<u32>(v + V_FSW) & FSW_C1;
  round_into(v, x, a);
  store<u32>(v + V_FSW, (load<u32>(v + V_FSW) & ~FSW_C1) | quotient_bit);
}
