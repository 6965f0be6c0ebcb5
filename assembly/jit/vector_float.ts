// Arithmetic and comparisons of SSE's floating point: the host calculates where its result is the instruction's
// (vector_check.ts), and the record's handler elsewhere.

import { V_FLOAT_RESULT } from '../abi/fpu';
import { R_REG } from '../abi/insn';
import { COMPARED } from '../abi/jit';
import {
  FLOAT_PD,
  FLOAT_SD,
  FLOAT_SS,
  LANE_ADD,
  LANE_MAX,
  LANE_MIN,
  LANE_MUL,
  LANE_SQRT,
  LANE_SUB,
  OP_CVT_FROM_INT,
  OP_FLOAT_ADD,
  OP_FLOAT_CMP,
  OP_FLOAT_RSQRT,
  OP_FLOAT_SQRT,
  OP_FLOAT_WIDTH,
  OP_UCOMI,
  PREDICATES_HIGH,
  PREDICATES_LOW,
} from '../abi/ops_float';
import { FORM_SSE, R_FORM, R_IMM8, R_SRC } from '../abi/simd';
import { LF_EXPLICIT } from '../abi/vcpu_page';
import { is_memory } from './addresses';
import { note_comparison } from './flags';
import { close, get, go_out_if, open, set } from './frame';
import { unlikely } from './hints';
import { call_float, push_flow } from './light';
import { F_COMPARE, L_FLOW, L_KIND, L_LEFT, L_OVER, L_RIGHT, L_V, L_XV, L_YV, L_ZV } from './locals';
import { reach_operand } from './operands';
import {
  local_x,
  local_y,
  local_z,
  push_slow_comparison,
  push_slow_result,
  push_slow_vector,
  push_slow_vector_comparison,
} from './vector_check';
import { emit_conversion } from './vector_convert';
import {
  begin_scalar,
  begin_vector,
  end_scalar,
  end_vector,
  float_load,
  float_store,
  push_low,
  push_rm_low,
  push_rm_vector,
  push_vector,
} from './vector_registers';
import {
  byte,
  ELSE,
  EMPTY,
  I32_OR,
  I32_SHL,
  I32_STORE,
  I32_SUB,
  I64_EXTEND_S,
  I64_STORE,
  IF,
  i32_const,
  LOCAL_TEE,
  memory_op,
  op1,
  SELECT,
} from './wasm';
import {
  F32_ADD,
  F32_EQ,
  F32_GT,
  F32_LT,
  F32_SQRT,
  F32X4_ADD,
  F32X4_EQ,
  F32X4_PMAX,
  F32X4_PMIN,
  F32X4_SQRT,
  F64_ADD,
  F64_EQ,
  F64_GT,
  F64_LOAD,
  F64_LT,
  F64_PROMOTE,
  F64_SQRT,
  F64X2_EQ,
  I32X4_SPLAT,
  simd,
  TO_F64X2,
} from './wasm_simd';

/** Distance from the host's ADD to an operation. */
function from_add(operation: u32): u32 {
  return operation == LANE_ADD ? 0 : operation == LANE_SUB ? 1 : operation == LANE_MUL ? 2 : 3;
}

/** Operands of a scalar record into their locals. */
function load_scalars(r: u32, first: u32, double: bool): void {
  if (is_memory(r)) reach_operand(r);
  if (first) {
    push_low(first, float_load(double));
    set(local_x(double));
  }
  push_rm_low(r, float_load(double));
  set(local_y(double));
}

function push_both(double: bool): void {
  get(local_x(double));
  get(local_y(double));
}

/** Pushes the host's result. */
function push_result(operation: u32, double: bool): void {
  if (operation == LANE_SQRT) {
    get(local_y(double));
    return byte(double ? F64_SQRT : F32_SQRT);
  }
  push_both(double);
  if (operation == LANE_MIN || operation == LANE_MAX) {
    push_both(double);
    if (operation == LANE_MIN) byte(double ? F64_LT : F32_LT);
    else byte(double ? F64_GT : F32_GT);
    byte(SELECT);
  } else {
    byte((double ? F64_ADD : F32_ADD) + from_add(operation));
  }
}

function scalar(r: u32, operation: u32, double: bool): void {
  load_scalars(r, operation == LANE_SQRT ? 0 : load<u32>(r + R_SRC), double);
  push_result(operation, double);
  set(local_z(double));
  push_slow_result(operation, double);
  unlikely();
  open(IF, EMPTY);
  call_float(r);
  byte(ELSE);
  begin_scalar(r);
  get(local_z(double));
  end_scalar(r, float_store(double));
  close();
}

/** Operands of a packed record into their locals. */
function load_vectors(r: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_vector(load<u32>(r + R_SRC));
  set(L_XV);
  push_rm_vector(r);
  set(L_YV);
}

/** Keeps the vector in L_ZV unless the value on the stack is not 0: then the handler executes the record. */
function keep_vector(r: u32): void {
  unlikely();
  open(IF, EMPTY);
  call_float(r);
  byte(ELSE);
  begin_vector();
  get(L_ZV);
  end_vector(r);
  close();
}

function packed(r: u32, operation: u32, double: bool): void {
  const more: u32 = double ? TO_F64X2 : 0;
  load_vectors(r);
  if (operation == LANE_SQRT) {
    get(L_YV);
    simd(F32X4_SQRT + more);
  } else if (operation == LANE_MIN || operation == LANE_MAX) {
    get(L_YV);
    get(L_XV);
    simd((operation == LANE_MIN ? F32X4_PMIN : F32X4_PMAX) + more);
  } else {
    get(L_XV);
    get(L_YV);
    simd(F32X4_ADD + from_add(operation) + more);
  }
  set(L_ZV);
  push_slow_vector(operation, double);
  keep_vector(r);
}

/** The host's comparison, as its distance from EQ, for a set of relations: less 1, equal 2, greater 4. */
const COMPARISONS = memory.data<u8>([0, 2, 0, 4, 3, 1, 5, 0]);

/** Relations of numbers for which the predicate is true. */
function relations(r: u32): u32 {
  const predicate: u32 = (load<u8>(r + R_IMM8) as u32) & (load<u8>(r + R_FORM) == FORM_SSE ? 7 : 31);
  return ((predicate & 8 ? PREDICATES_HIGH : PREDICATES_LOW) >> ((predicate & 7) * 4)) & 7;
}

/** CMPSS and CMPSD. */
function compare_scalars(r: u32, double: bool): void {
  const truths = relations(r);
  load_scalars(r, load<u32>(r + R_SRC), double);
  push_slow_comparison(double);
  unlikely();
  open(IF, EMPTY);
  call_float(r);
  byte(ELSE);
  begin_scalar(r);
  i32_const(0);
  if (truths == 0 || truths == 7) {
    i32_const(truths ? 1 : 0);
  } else {
    push_both(double);
    byte((double ? F64_EQ : F32_EQ) + load<u8>(COMPARISONS + truths));
  }
  byte(I32_SUB);
  if (double) byte(I64_EXTEND_S);
  end_scalar(r, double ? I64_STORE : I32_STORE);
  close();
}

/** CMPPS and CMPPD. */
function compare_vectors(r: u32, double: bool): void {
  const truths = relations(r);
  load_vectors(r);
  if (truths == 0 || truths == 7) {
    i32_const(truths ? -1 : 0);
    simd(I32X4_SPLAT);
  } else {
    get(L_XV);
    get(L_YV);
    simd((double ? F64X2_EQ : F32X4_EQ) + load<u8>(COMPARISONS + truths));
  }
  set(L_ZV);
  push_slow_vector_comparison(double);
  keep_vector(r);
}

function keep_operand(local: u32, to: u32, double: bool): void {
  get(local);
  if (!double) byte(F64_PROMOTE);
  set(to);
}

/** UCOMISS, UCOMISD, COMISS, COMISD. The handler leaves explicit flags, and two numbers that compare as its operands do. */
function compare_into_flags(r: u32, double: bool): void {
  load_scalars(r, load<u32>(r + R_REG), double);
  push_slow_comparison(double);
  unlikely();
  open(IF, EMPTY);
  push_flow(r, F_COMPARE);
  op1(LOCAL_TEE, L_FLOW);
  go_out_if();
  get(L_V);
  memory_op(F64_LOAD, V_FLOAT_RESULT);
  set(L_LEFT);
  get(L_V);
  memory_op(F64_LOAD, V_FLOAT_RESULT + 8);
  set(L_RIGHT);
  i32_const(LF_EXPLICIT as i32);
  set(L_KIND);
  i32_const(0);
  set(L_OVER);
  byte(ELSE);
  keep_operand(local_x(double), L_LEFT, double);
  keep_operand(local_y(double), L_RIGHT, double);
  get(L_LEFT);
  get(L_RIGHT);
  byte(F64_LT);
  get(L_LEFT);
  get(L_RIGHT);
  byte(F64_EQ);
  i32_const(6);
  byte(I32_SHL);
  byte(I32_OR);
  i32_const(COMPARED);
  byte(I32_OR);
  set(L_OVER);
  close();
  note_comparison();
}

function is_arithmetic(op: u32): bool {
  return (op >= OP_FLOAT_SQRT && op < OP_FLOAT_RSQRT) || (op >= OP_FLOAT_ADD && op < OP_FLOAT_CMP);
}

/** Emits a record of the family OP_FLOAT on 128 bits; false if that is left to its handler. */
export function emit_vector_float(r: u32, op: u32): bool {
  const type = op & 3;
  const operation = (op >> 2) & 15;
  if (is_arithmetic(op) && op >> 2 != OP_FLOAT_WIDTH >> 2 && operation != 11) {
    if (type >= FLOAT_SS) scalar(r, operation, type == FLOAT_SD);
    else packed(r, operation, type == FLOAT_PD);
    return true;
  }
  if (op >= OP_FLOAT_CMP && op < OP_UCOMI) {
    if (type >= FLOAT_SS) compare_scalars(r, type == FLOAT_SD);
    else compare_vectors(r, type == FLOAT_PD);
    return true;
  }
  if (op >= OP_UCOMI && op < OP_CVT_FROM_INT) {
    compare_into_flags(r, (op & 1) != 0);
    return true;
  }
  return emit_conversion(r, op);
}
