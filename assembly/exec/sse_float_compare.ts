// CMPPS, CMPPD, CMPSS, CMPSD with their 32 predicates; COMISS, UCOMISS, COMISD, UCOMISD.

import { CLASS_SNAN, F_A, F_B } from '../abi/float';
import { FE_INVALID, V_FLOAT_RESULT } from '../abi/fpu';
import { FLOW_NEXT, R_REG } from '../abi/insn';
import { FLOAT_SS, OP_COMI, PREDICATES_HIGH, PREDICATES_LOW } from '../abi/ops_float';
import { FORM_SSE, R_FORM, R_IMM8, R_SRC } from '../abi/simd';
import { FLAG_CF, FLAG_PF, FLAG_ZF } from '../abi/x86';
import { set_arith } from '../cpu/flags';
import { class_of, compare, has_nan, raise_float } from '../float';
import { is_denormal, note_denormal } from './sse_float_lane';
import { begin, load_lane, settle, settle_scalar, settle_vector, vector_size } from './sse_float_result';

// A relation, as bits of a set (PREDICATES_LOW, PREDICATES_HIGH).
const LESS: u32 = 1;
const EQUAL: u32 = 2;
const GREATER: u32 = 4;
const UNORDERED: u32 = 8;

/** A quiet NaN is invalid: predicates 1, 2, 5, 6 of each 8, and the opposite from 16 on. */
function is_signaling(predicate: u32): bool {
  const low = predicate & 3;
  return (low == 1 || low == 2) != ((predicate & 16) != 0);
}

/** The relation of two lanes; flags into V_FLOAT_FLAGS. */
function relation<T>(v: u32, a: u32, b: u32, signaling: bool): u32 {
  const x = load<T>(a);
  const y = load<T>(b);
  if (!is_denormal<T>(x) && !is_denormal<T>(y)) {
    if (x < y) return LESS;
    if (x > y) return GREATER;
    if (x == y) return EQUAL;
  }
  return slow_relation(v, a, b, signaling, sizeof<T>() == 8);
}

function slow_relation(v: u32, a: u32, b: u32, signaling: bool, double: bool): u32 {
  const x = v + F_A;
  const y = v + F_B;
  load_lane(v, x, a, double);
  load_lane(v, y, b, double);
  if (has_nan(x, y)) {
    if (signaling || class_of(x) == CLASS_SNAN || class_of(y) == CLASS_SNAN) raise_float(v, FE_INVALID);
    return UNORDERED;
  }
  note_denormal(v, x, y);
  const order = compare(x, y);
  return order < 0 ? LESS : order > 0 ? GREATER : EQUAL;
}

/** CMPccPS, PD, SS, SD. */
export function exec_float_compare(v: u32, r: u32, type: u32, rm: u32): u32 {
  const src = load<u32>(r + R_SRC);
  const z = v + V_FLOAT_RESULT;
  const double = (type & 1) != 0;
  const step: u32 = double ? 8 : 4;
  const scalar = type >= FLOAT_SS;
  const bytes = scalar ? step : vector_size(r);
  const predicate: u32 = (load<u8>(r + R_IMM8) as u32) & (load<u8>(r + R_FORM) == FORM_SSE ? 7 : 31);
  const truths = ((predicate & 8 ? PREDICATES_HIGH : PREDICATES_LOW) >> ((predicate & 7) * 4)) & 15;
  const signaling = is_signaling(predicate);
  begin(v);
  for (let i: u32 = 0; i < bytes; i += step) {
    if (double) store<i64>(z + i, relation<f64>(v, src + i, rm + i, signaling) & truths ? -1 : 0);
    else store<i32>(z + i, relation<f32>(v, src + i, rm + i, signaling) & truths ? -1 : 0);
  }
  return scalar ? settle_scalar(v, r, double) : settle_vector(v, r);
}

/** COMISS, COMISD and the unordered ones. */
export function exec_float_flags(v: u32, r: u32, op: u32, rm: u32): u32 {
  const reg = load<u32>(r + R_REG);
  const signaling = op >= OP_COMI;
  begin(v);
  const found = op & 1 ? relation<f64>(v, reg, rm, signaling) : relation<f32>(v, reg, rm, signaling);
  const flow = settle(v);
  if (flow) return flow;
  const bits: u32 =
    found == UNORDERED ? FLAG_ZF | FLAG_PF | FLAG_CF : found == LESS ? FLAG_CF : found == EQUAL ? FLAG_ZF : 0;
  set_arith(v, bits);
  return FLOW_NEXT;
}
