// FMA: a product plus a number, rounded once.

import { CLASS_SNAN, F_A, F_B, F_C, F_Z, N_DENORMAL, N_SIGN } from '../abi/float';
import { FE_DENORMAL, FE_INVALID, V_FLOAT_RESULT } from '../abi/fpu';
import { FLOW_NEXT, R_REG } from '../abi/insn';
import { OP_FMA } from '../abi/ops_float';
import { R_SRC } from '../abi/simd';
import { add, class_of, copy_number, is_nan, multiply, raise_float } from '../float';
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

/** Lane z = (-)a * b +- c. */
function fused_lane(v: u32, a: u32, b: u32, c: u32, z: u32, double: bool, negate: u32, minus: u32): void {
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
