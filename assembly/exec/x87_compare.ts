// x87 comparisons: FCOM, FUCOM, FCOMI, FUCOMI with their popping forms, FTST (SDM vol. 1, 8.3.6).
import { FE_DENORMAL, FE_INVALID, FSW_C0, FSW_C2, FSW_C3, ST_EXPONENT, V_FSW } from '../abi/fpu';
import {
  OP_FCOMI,
  OP_FCOMIP,
  OP_FCOMPP,
  OP_FTST,
  OP_FUCOM,
  OP_FUCOMI,
  OP_FUCOMIP,
  OP_FUCOMP,
  OP_FUCOMPP,
  R_FOP,
} from '../abi/ops_x87';
import { FLAG_CF, FLAG_PF, FLAG_ZF } from '../abi/x86';
import { set_arith } from '../cpu/flags';
import { is_signaling } from './x87_load';
import { operand_slot } from './x87_operands';
import {
  clear_c1,
  EXPONENT,
  INTEGER_BIT,
  is_empty,
  pop,
  put,
  SIGN,
  signal,
  st,
  stack_underflow,
} from './x87_stack';

// Results, as C3, C2 and C0.
const GREATER: u32 = 0;
const LESS: u32 = FSW_C0;
const EQUAL: u32 = FSW_C3;
const UNORDERED: u32 = FSW_C0 | FSW_C2 | FSW_C3;

/** A NaN or an unsupported encoding. */
function is_no_number(sig: u64, se: u32): bool {
  const exponent = se & EXPONENT;
  if (exponent == 0) return false;
  return (sig & INTEGER_BIT) == 0 || (exponent == EXPONENT && sig != INTEGER_BIT);
}

function is_unsupported(sig: u64, se: u32): bool {
  return (se & EXPONENT) != 0 && (sig & INTEGER_BIT) == 0;
}

/** Of two numbers, without looking at their signs: -1, 0, 1. */
function order_of_magnitudes(a: u64, a_se: u32, b: u64, b_se: u32): i32 {
  let a_exp = a_se & EXPONENT;
  let b_exp = b_se & EXPONENT;
  // A pseudo-denormal has the value of exponent 1.
  if (a_exp == 0 && a & INTEGER_BIT) a_exp = 1;
  if (b_exp == 0 && b & INTEGER_BIT) b_exp = 1;
  if (a_exp != b_exp) return a_exp < b_exp ? -1 : 1;
  return a == b ? 0 : a < b ? -1 : 1;
}

/** Of two numbers, as C3, C2 and C0. */
export function order(a: u64, a_se: u32, b: u64, b_se: u32): u32 {
  if ((a | b) == 0) return EQUAL;
  if ((a_se ^ b_se) & SIGN) return a_se & SIGN ? LESS : GREATER;
  const found = order_of_magnitudes(a, a_se, b, b_se);
  if (found == 0) return EQUAL;
  return found < 0 == ((a_se & SIGN) == 0) ? LESS : GREATER;
}

/** An unmasked exception: the result is written all the same, but nothing is popped. */
const STOPPED: u32 = 1;

/**
 * Compares ST(0) with the 80 bits at `b`; `more` is FE_DENORMAL when memory held a denormal. A quiet NaN is invalid
 * unless `quiet`.
 */
function compare(v: u32, b: u32, b_empty: bool, more: u32, quiet: bool): u32 {
  if (is_empty(v, 0) || b_empty) return stack_underflow(v) ? UNORDERED : UNORDERED | STOPPED;
  const a = st(v, 0);
  const b_se = load<u16>(b + ST_EXPONENT);
  return compare_numbers(v, load<u64>(a), load<u16>(a + ST_EXPONENT), load<u64>(b), b_se, more, quiet);
}

/** The same of any two numbers; C1 is as it was. */
export function compare_numbers(v: u32, x: u64, x_se: u32, y: u64, y_se: u32, more: u32, quiet: bool): u32 {
  if (is_no_number(x, x_se) || is_no_number(y, y_se)) {
    const silent =
      quiet &&
      !is_signaling(x, x_se) &&
      !is_signaling(y, y_se) &&
      !is_unsupported(x, x_se) &&
      !is_unsupported(y, y_se);
    return !silent && signal(v, FE_INVALID) ? UNORDERED | STOPPED : UNORDERED;
  }
  const found = order(x, x_se, y, y_se);
  const denormals = more | (is_denormal(x, x_se) || is_denormal(y, y_se) ? FE_DENORMAL : 0);
  return denormals && signal(v, denormals) ? found | STOPPED : found;
}

function is_denormal(sig: u64, se: u32): bool {
  return (se & EXPONENT) == 0 && sig != 0;
}

/** C3, C2 and C0. */
export function set_codes(v: u32, found: u32): void {
  store<u32>(v + V_FSW, (load<u32>(v + V_FSW) & ~UNORDERED) | (found & UNORDERED));
}

/** ZF, PF and CF; the other flags of arithmetic are 0. */
export function set_flags(v: u32, found: u32): void {
  set_arith(
    v,
    (found & FSW_C0 ? FLAG_CF : 0) | (found & FSW_C2 ? FLAG_PF : 0) | (found & FSW_C3 ? FLAG_ZF : 0),
  );
}

/** FCOM, FUCOM and FTST: the result in C3, C2, C0, then `pops` pops. */
function compare_to_codes(v: u32, b: u32, b_empty: bool, more: u32, quiet: bool, pops: u32): void {
  clear_c1(v);
  const found = compare(v, b, b_empty, more, quiet);
  set_codes(v, found);
  if (found & STOPPED) return;
  if (pops) pop(v);
  if (pops == 2) pop(v);
}

/** FCOMI and FUCOMI: the result in ZF, PF and CF. */
function compare_to_flags(v: u32, i: u32, quiet: bool, pops: bool): void {
  const found = compare(v, st(v, i), is_empty(v, i), 0, quiet);
  set_flags(v, found);
  if (pops && (found & STOPPED) == 0) pop(v);
}

/** FCOM with an operand of the arithmetic table. */
export function compare_operand(v: u32, b: u32, b_empty: bool, more: u32, pops: u32): void {
  compare_to_codes(v, b, b_empty, more, false, pops);
}

/** Executes OP_FCOMPP .. OP_FTST. */
export function exec_x87_compare(v: u32, r: u32, op: u32): void {
  const i: u32 = load<u8>(r + R_FOP) & 7;
  switch (op) {
    case OP_FCOMPP:
      return compare_to_codes(v, st(v, 1), is_empty(v, 1), 0, false, 2);
    case OP_FUCOM:
      return compare_to_codes(v, st(v, i), is_empty(v, i), 0, true, 0);
    case OP_FUCOMP:
      return compare_to_codes(v, st(v, i), is_empty(v, i), 0, true, 1);
    case OP_FUCOMPP:
      return compare_to_codes(v, st(v, 1), is_empty(v, 1), 0, true, 2);
    case OP_FCOMI:
      return compare_to_flags(v, i, false, false);
    case OP_FCOMIP:
      return compare_to_flags(v, i, false, true);
    case OP_FUCOMI:
      return compare_to_flags(v, i, true, false);
    case OP_FUCOMIP:
      return compare_to_flags(v, i, true, true);
    case OP_FTST: {
      const zero = operand_slot(v);
      put(zero, 0, 0);
      return compare_to_codes(v, zero, false, 0, false, 0);
    }
  }
}
