// Whether the host's floating-point result is the instruction's, to the bit and with the same exceptions: the questions of
// exec/sse_float_lane.ts and sse_float_packed.ts as numbers that are 0 for no, so that one comparison answers all of them.
//
// With t(x) = the exponent field of (|x| as an integer) - 1/2: 0 for a denormal (and for the smallest normal number, which may
// well be asked about), all ones for 0, so that zeros pass; all ones for a NaN too, whose result never passes.
//
// Of products, sums and differences the low bits of that field are dropped, so that operands pass that are 0 or so large that no
// result can be denormal: for a product from 2^-511 on (singles: 2^-63), for a sum from 2^-959 on (2^-95), for what is left of
// two of them is at least 2^-1011 (2^-118), or 0. Then all that is left to ask is whether the result is finite.

import { FE_INEXACT, MXCSR_MASK_SHIFT, MXCSR_RC_SHIFT, V_MXCSR } from '../abi/fpu';
import { R_OP } from '../abi/insn';
import { OP_FLOAT } from '../abi/ops';
import { LANE_ADD, LANE_DIV, LANE_MAX, LANE_MIN, LANE_MUL, LANE_SQRT, LANE_SUB } from '../abi/ops_float';
import { get, set } from './frame';
import {
  L_A32,
  L_A64,
  L_SLOW,
  L_TV,
  L_V,
  L_X32,
  L_X64,
  L_XV,
  L_Y32,
  L_Y64,
  L_YV,
  L_Z32,
  L_Z64,
  L_ZV,
} from './locals';
import {
  byte,
  I32_ADD,
  I32_AND,
  I32_EQZ,
  I32_LOAD,
  I32_MUL,
  I32_NE,
  I32_OR,
  I32_SHL,
  I32_SHR_U,
  I32_SUB,
  I64_ADD,
  I64_EQZ,
  I64_MUL,
  I64_OR,
  I64_SHL,
  I64_SHR_U,
  I64_SUB,
  i32_const,
  i64_const,
  LOCAL_TEE,
  memory_op,
  op1,
} from './wasm';
import {
  F32_GE,
  F32_LE,
  F32X4_EQ,
  F64_GE,
  F64_LE,
  F64X2_EQ,
  FLOAT_GE,
  FLOAT_LE,
  I32_REINTERPRET,
  I32X4_ADD,
  I32X4_ALL_TRUE,
  I32X4_EQ,
  I32X4_MIN_U,
  I32X4_SHL,
  I32X4_SHR_U,
  I32X4_SPLAT,
  I32X4_SUB,
  I64_REINTERPRET,
  I64X2_ADD,
  I64X2_ALL_TRUE,
  I64X2_SHL,
  I64X2_SHR_U,
  I64X2_SUB,
  simd,
  V128_OR,
} from './wasm_simd';

const INEXACT_SEEN: u32 = FE_INEXACT | (FE_INEXACT << MXCSR_MASK_SHIFT);
const ROUNDING: u32 = 3 << MXCSR_RC_SHIFT;

let looks: bool = false;

/** The code that follows has no record that reads MXCSR, as far as is known. */
export function begin_checks(): void {
  looks = false;
}

/** It has the record `r`. */
export function prepare_checks(r: u32): void {
  if (load<u16>(r + R_OP) >> 8 == OP_FLOAT >> 8) looks = true;
}

/** Behind whatever may have changed MXCSR: L_SLOW becomes 0 when MXCSR rounds to nearest and PE is set and masked, so that it does not matter whether a result is exact. */
export function look_at_mxcsr(): void {
  if (!looks) return;
  get(L_V);
  memory_op(I32_LOAD, V_MXCSR);
  i32_const((ROUNDING | INEXACT_SEEN) as i32);
  byte(I32_AND);
  i32_const(INEXACT_SEEN as i32);
  byte(I32_NE);
  set(L_SLOW);
}

let double: bool = false;

/** Locals of the first and second operand and of the result. */
export function local_x(is_double: bool): u32 {
  return is_double ? L_X64 : L_X32;
}
export function local_y(is_double: bool): u32 {
  return is_double ? L_Y64 : L_Y32;
}
export function local_z(is_double: bool): u32 {
  return is_double ? L_Z64 : L_Z32;
}

/** The opcode for 64 bits, or that for 32 bits. */
function sized(opcode64: u32, opcode32: u32): void {
  byte(double ? opcode64 : opcode32);
}

function constant(n: i32): void {
  if (double) i64_const(n);
  else i32_const(n);
}

function exponent_bits(): i32 {
  return double ? 11 : 8;
}

/** The highest exponent field, which infinities and NaNs have. */
function top(): i32 {
  return double ? 0x7ff : 0xff;
}

function push_doubled(local: u32): void {
  get(local);
  sized(I64_REINTERPRET, I32_REINTERPRET);
  constant(1);
  sized(I64_SHL, I32_SHL);
}

/** How many low bits of the exponent fields of an operation's operands do not matter. */
function dropped(operation: u32): i32 {
  if (operation == LANE_MUL) return double ? 9 : 6;
  if (operation == LANE_ADD || operation == LANE_SUB) return double ? 6 : 5;
  return 0;
}

/** t(x), without its low bits. */
function push_t(local: u32, without: i32): void {
  push_doubled(local);
  constant(1);
  sized(I64_SUB, I32_SUB);
  constant((double ? 53 : 24) + without);
  sized(I64_SHR_U, I32_SHR_U);
}

/** The upper bits of the exponent field: without `skipped`. */
function push_exponent(local: u32, skipped: i32): void {
  push_doubled(local);
  constant((double ? 53 : 24) + skipped);
  sized(I64_SHR_U, I32_SHR_U);
}

/** 0 for an infinity or a NaN. */
function push_finite(local: u32): void {
  constant(top());
  push_exponent(local, 0);
  sized(I64_SUB, I32_SUB);
}

function multiply(): void {
  sized(I64_MUL, I32_MUL);
}

/** The result of a quotient is away from the lower end, or the dividend, whose t is in a local, was 0. */
function push_not_tiny(): void {
  push_exponent(local_z(double), 1);
  get(double ? L_A64 : L_A32);
  constant(1);
  sized(I64_ADD, I32_ADD);
  constant(exponent_bits());
  sized(I64_SHR_U, I32_SHR_U);
  sized(I64_OR, I32_OR);
}

/** Pushes whether one of the two operands is a NaN. */
function push_unordered(): void {
  const x = local_x(double);
  const y = local_y(double);
  get(x);
  get(y);
  sized(F64_LE, F32_LE);
  get(x);
  get(y);
  sized(F64_GE, F32_GE);
  byte(I32_OR);
  byte(I32_EQZ);
}

/** Pushes whether an operand of a comparison, MIN or MAX is a NaN or denormal. */
export function push_slow_comparison(is_double: bool): void {
  double = is_double;
  push_t(local_x(double), 0);
  push_t(local_y(double), 0);
  multiply();
  sized(I64_EQZ, I32_EQZ);
  push_unordered();
  byte(I32_OR);
}

/** Pushes whether the one operand is denormal, and with `nan` whether it is a NaN. */
export function push_slow_operand(is_double: bool, nan: bool): void {
  double = is_double;
  push_t(local_x(double), 0);
  sized(I64_EQZ, I32_EQZ);
  if (!nan) return;
  get(local_x(double));
  get(local_x(double));
  sized(F64_GE, F32_GE);
  byte(I32_EQZ);
  byte(I32_OR);
}

/** Pushes whether the result, rounded from a double, is no normal single away from the lower end, and not 0 either. */
export function push_slow_narrowing(): void {
  double = false;
  push_finite(L_Z32);
  push_exponent(L_Z32, 1);
  byte(I32_MUL);
  byte(I32_EQZ);
  get(L_SLOW);
  byte(I32_OR);
  get(L_X64);
  byte(I64_REINTERPRET);
  i64_const(1);
  byte(I64_SHL);
  byte(I64_EQZ);
  byte(I32_EQZ);
  byte(I32_AND);
}

/** Pushes whether the host's result of an arithmetic operation may not be the instruction's. */
export function push_slow_result(operation: u32, is_double: bool): void {
  if (operation == LANE_MIN || operation == LANE_MAX) return push_slow_comparison(is_double);
  double = is_double;
  const without = dropped(operation);
  push_t(local_y(double), without);
  if (operation != LANE_SQRT) {
    push_t(local_x(double), without);
    if (operation == LANE_DIV) op1(LOCAL_TEE, double ? L_A64 : L_A32);
    multiply();
  }
  push_finite(local_z(double));
  multiply();
  if (operation == LANE_DIV) {
    push_not_tiny();
    multiply();
  }
  sized(I64_EQZ, I32_EQZ);
  get(L_SLOW);
  byte(I32_OR);
}

// The same on vectors. Here the least of the numbers is 0 when one of them is.

function each(opcode64: u32, opcode32: u32): void {
  simd(double ? opcode64 : opcode32);
}

function least(): void {
  simd(I32X4_MIN_U);
}

function push_vector_doubled(local: u32): void {
  get(local);
  i32_const(1);
  each(I64X2_SHL, I32X4_SHL);
}

function push_vector_t(local: u32, without: i32): void {
  push_vector_doubled(local);
  get(local);
  get(local);
  simd(I32X4_EQ);
  each(I64X2_ADD, I32X4_ADD);
  i32_const((double ? 53 : 24) + without);
  each(I64X2_SHR_U, I32X4_SHR_U);
}

function push_vector_exponent(local: u32, skipped: i32): void {
  push_vector_doubled(local);
  i32_const((double ? 53 : 24) + skipped);
  each(I64X2_SHR_U, I32X4_SHR_U);
}

function push_vector_finite(local: u32): void {
  i32_const(top());
  simd(I32X4_SPLAT);
  push_vector_exponent(local, 0);
  simd(I32X4_SUB);
}

function push_vector_not_tiny(): void {
  push_vector_exponent(L_ZV, 1);
  get(L_TV);
  get(L_TV);
  get(L_TV);
  simd(I32X4_EQ);
  each(I64X2_SUB, I32X4_SUB);
  i32_const(exponent_bits());
  each(I64X2_SHR_U, I32X4_SHR_U);
  simd(V128_OR);
}

/** Pushes whether a lane of the vector on the stack is 0. */
function push_any_zero(): void {
  each(I64X2_ALL_TRUE, I32X4_ALL_TRUE);
  byte(I32_EQZ);
}

/** Pushes whether the host's comparison of two vectors, or MIN or MAX, may not be the instruction's. */
export function push_slow_vector_comparison(is_double: bool): void {
  double = is_double;
  const base = double ? F64X2_EQ : F32X4_EQ;
  push_vector_t(L_XV, 0);
  push_vector_t(L_YV, 0);
  least();
  push_any_zero();
  get(L_XV);
  get(L_YV);
  simd(base + FLOAT_LE);
  get(L_XV);
  get(L_YV);
  simd(base + FLOAT_GE);
  simd(V128_OR);
  push_any_zero();
  byte(I32_OR);
}

/** Pushes whether the host's vector of results may not be the instruction's. */
export function push_slow_vector(operation: u32, is_double: bool): void {
  if (operation == LANE_MIN || operation == LANE_MAX) return push_slow_vector_comparison(is_double);
  double = is_double;
  const without = dropped(operation);
  push_vector_t(L_YV, without);
  if (operation != LANE_SQRT) {
    push_vector_t(L_XV, without);
    if (operation == LANE_DIV) op1(LOCAL_TEE, L_TV);
    least();
  }
  push_vector_finite(L_ZV);
  least();
  if (operation == LANE_DIV) {
    push_vector_not_tiny();
    least();
  }
  push_any_zero();
  get(L_SLOW);
  byte(I32_OR);
}
