// Conversions of SSE between integers, singles and doubles.

import { R_REG, R_RM } from '../abi/insn';
import {
  FLOAT_SD,
  FLOAT_SS,
  OP_CVT_FROM_INT,
  OP_CVT_TO_INT,
  OP_CVTDQ2PD,
  OP_CVTDQ2PS,
  OP_CVTPH2PS,
  OP_CVTT_TO_INT,
  OP_CVTTPD2DQ,
  OP_FLOAT_ROUND,
  OP_FLOAT_WIDTH,
} from '../abi/ops_float';
import { R_IMM8, R_WIDE } from '../abi/simd';
import { is_memory } from './addresses';
import { close, get, open, set } from './frame';
import { unlikely } from './hints';
import { call_float, take_register } from './light';
import { L_SLOW, L_X32, L_X64, L_Z32 } from './locals';
import { push_memory, reach_operand } from './operands';
import { local_a, local_r, push_register, set_register } from './registers';
import { local_x, push_slow_narrowing, push_slow_operand } from './vector_check';
import {
  begin_scalar,
  begin_vector,
  end_scalar,
  end_vector,
  float_load,
  float_store,
  push_rm_low,
  push_rm_part,
  push_rm_vector,
} from './vector_registers';
import { byte, ELSE, EMPTY, I32_AND, I32_EQZ, I32_OR, IF } from './wasm';
import {
  F32_CONVERT_I32_S,
  F32_CONVERT_I64_S,
  F32_DEMOTE,
  F32X4_CONVERT_I32X4_S,
  F64_ABS,
  F64_CONVERT_I32_S,
  F64_CONVERT_I64_S,
  F64_LE,
  F64_NE,
  F64_NEAREST,
  F64_PROMOTE,
  F64X2_CONVERT_LOW_I32X4_S,
  f64_const,
  I32_TRUNC_SAT_F64_S,
  I64_TRUNC_SAT_F64_S,
  saturating,
  simd,
} from './wasm_simd';

/** Values beyond these are left to the handler. */
const LIMIT_32: f64 = 2147483647.0;
const LIMIT_64: f64 = 4611686018427387904.0;

/** CVTSI2SS and CVTSI2SD. Every integer of 32 bits is a double; the others may be inexact. */
function from_integer(r: u32, double: bool): void {
  const wide = load<u8>(r + R_WIDE) != 0;
  const size: u32 = wide ? 3 : 2;
  if (is_memory(r)) {
    reach_operand(r);
    push_memory(size);
  } else {
    push_register(load<u32>(r + R_RM), size);
  }
  set(local_a(size));
  const exact = double && !wide;
  if (!exact) {
    get(L_SLOW);
    unlikely();
    open(IF, EMPTY);
    call_float(r);
    byte(ELSE);
  }
  begin_scalar(r);
  get(local_a(size));
  if (double) byte(wide ? F64_CONVERT_I64_S : F64_CONVERT_I32_S);
  else byte(wide ? F32_CONVERT_I64_S : F32_CONVERT_I32_S);
  end_scalar(r, float_store(double));
  if (!exact) close();
}

/** CVTSS2SI, CVTSD2SI and the truncating ones: an exact conversion needs no look at MXCSR. */
function to_integer(r: u32, double: bool, truncate: bool): void {
  const wide = load<u8>(r + R_WIDE) != 0;
  const size: u32 = wide ? 3 : 2;
  if (is_memory(r)) reach_operand(r);
  push_rm_low(r, float_load(double));
  set(local_x(double));
  if (!double) {
    get(L_X32);
    byte(F64_PROMOTE);
    set(L_X64);
  }
  get(L_X64);
  if (!truncate) byte(F64_NEAREST);
  saturating(wide ? I64_TRUNC_SAT_F64_S : I32_TRUNC_SAT_F64_S);
  set(local_r(size));
  get(local_r(size));
  byte(wide ? F64_CONVERT_I64_S : F64_CONVERT_I32_S);
  get(L_X64);
  byte(F64_NE);
  get(L_SLOW);
  push_slow_operand(double, false);
  byte(I32_OR);
  byte(I32_AND);
  get(L_X64);
  byte(F64_ABS);
  f64_const(wide ? LIMIT_64 : LIMIT_32);
  byte(F64_LE);
  byte(I32_EQZ);
  byte(I32_OR);
  unlikely();
  open(IF, EMPTY);
  call_float(r);
  take_register(load<u32>(r + R_REG));
  byte(ELSE);
  get(local_r(size));
  set_register(load<u32>(r + R_REG), size);
  close();
}

/** CVTSS2SD and CVTSD2SS. */
function change_width(r: u32, from_double: bool): void {
  if (is_memory(r)) reach_operand(r);
  push_rm_low(r, float_load(from_double));
  set(local_x(from_double));
  if (from_double) {
    get(L_X64);
    byte(F32_DEMOTE);
    set(L_Z32);
    push_slow_narrowing();
  } else {
    push_slow_operand(false, true);
  }
  unlikely();
  open(IF, EMPTY);
  call_float(r);
  byte(ELSE);
  begin_scalar(r);
  if (from_double) {
    get(L_Z32);
  } else {
    get(L_X32);
    byte(F64_PROMOTE);
  }
  end_scalar(r, float_store(!from_double));
  close();
}

/** The host's rounding of a double for the low two bits of the immediate; of a single LESS_FOR_SINGLE less. */
const ROUNDINGS = memory.data<u8>([0x9e, 0x9c, 0x9b, 0x9d]);
const LESS_FOR_SINGLE: u32 = 14;

/** ROUNDSS and ROUNDSD: to nearest where MXCSR decides, for else it is looked at for each result. */
function round(r: u32, double: bool): void {
  const imm: u32 = load<u8>(r + R_IMM8);
  const by_mxcsr = (imm & 4) != 0;
  const quiet = (imm & 8) != 0;
  if (is_memory(r)) reach_operand(r);
  push_rm_low(r, float_load(double));
  set(local_x(double));
  push_slow_operand(double, true);
  if (by_mxcsr || !quiet) {
    get(L_SLOW);
    byte(I32_OR);
  }
  unlikely();
  open(IF, EMPTY);
  call_float(r);
  byte(ELSE);
  begin_scalar(r);
  get(local_x(double));
  byte(load<u8>(ROUNDINGS + (by_mxcsr ? 0 : imm & 3)) - (double ? 0 : LESS_FOR_SINGLE));
  end_scalar(r, float_store(double));
  close();
}

/** CVTDQ2PS. */
function singles_from_integers(r: u32): void {
  if (is_memory(r)) reach_operand(r);
  get(L_SLOW);
  unlikely();
  open(IF, EMPTY);
  call_float(r);
  byte(ELSE);
  begin_vector();
  push_rm_vector(r);
  simd(F32X4_CONVERT_I32X4_S);
  end_vector(r);
  close();
}

/** CVTDQ2PD: always exact. */
function doubles_from_integers(r: u32): void {
  if (is_memory(r)) reach_operand(r);
  begin_vector();
  push_rm_part(r, 8);
  simd(F64X2_CONVERT_LOW_I32X4_S);
  end_vector(r);
}

/** Emits a conversion; false if it is left to its handler. */
export function emit_conversion(r: u32, op: u32): bool {
  const type = op & 3;
  const scalar = type >= FLOAT_SS;
  const double = type == FLOAT_SD;
  if (op == OP_CVTDQ2PS) singles_from_integers(r);
  else if (op == OP_CVTDQ2PD) doubles_from_integers(r);
  else if (!scalar) return false;
  else if (op >= OP_FLOAT_WIDTH && op < OP_CVTDQ2PS) change_width(r, double);
  else if (op >= OP_CVT_FROM_INT && op < OP_CVTT_TO_INT) from_integer(r, double);
  else if (op >= OP_CVTT_TO_INT && op < OP_CVTTPD2DQ - 1) to_integer(r, double, op < OP_CVT_TO_INT);
  else if (op >= OP_FLOAT_ROUND && op < OP_CVTPH2PS) round(r, double);
  else return false;
  return true;
}
