// Records that the core's handlers execute without a look at the flags, which stay in their locals: most of MMX, SSE and AVX, and
// x87 without memory. One general register may come out.

import { R_FLAGS, R_OFF, R_OP, R_REG, R_RM, RF_ADDRESS_ONLY } from '../abi/insn';
import { OP_FLOAT, OP_PACKED, OP_VECTOR_MOVE, OP_X87 } from '../abi/ops';
import { OP_CVT_FROM_INT, OP_CVTPS2PH, OP_UCOMI } from '../abi/ops_float';
import {
  OP_MASKMOV,
  OP_PEXTR,
  OP_PINSR,
  OP_STORE_32,
  OP_STORE_64,
  OP_VEXTRACTF128,
  OP_VZERO,
} from '../abi/ops_move';
import { OP_PTEST } from '../abi/ops_packed';
import { OP_FCMOV, OP_FNSTSW, OP_FTST, OP_FUCOMPP } from '../abi/ops_x87';
import { FORM_VEX_256, R_FORM } from '../abi/simd';
import { is_memory } from './addresses';
import { get, go_out_if, reload_registers, settle_registers, tee } from './frame';
import { F_FLOAT, F_LIGHT, L_ADDRESS, L_BUDGET, L_FLOW, L_SLOW, L_V } from './locals';
import { is_plain, reach_operand } from './operands';
import { keep_light_record } from './records';
import { delta_of, instructions_before, register_at } from './registers';
import { look_at_mxcsr } from './vector_check';
import { reload_vector, reload_vectors } from './vector_registers';
import { byte, call_core, I32_GT_U, i32_const, LOCAL_TEE, op1 } from './wasm';

/** A general register that the handler has written comes into its local. */
export function take_register(address: u32): void {
  reload_registers(1 << register_at(address));
}

/** Pushes FLOW_* of the record's handler, called by way of function `f`; RIP and the budget are in order if that is not FLOW_NEXT. A memory operand is at L_ADDRESS. */
export function push_flow(r: u32, f: u32): void {
  const delta = delta_of(r) - (load<u16>(r + R_OFF) as i32);
  const distance = keep_light_record(r, delta, instructions_before());
  settle_registers();
  get(L_V);
  get(L_BUDGET);
  i32_const(distance as i32);
  if (is_memory(r)) get(L_ADDRESS);
  else i32_const(0);
  call_core(f);
}

/** Executes the record by its handler and leaves if that says so. */
export function call_handler(r: u32): void {
  push_flow(r, F_LIGHT);
  tee(L_FLOW);
  go_out_if();
}

/** Executes the record by its handler, after which MXCSR may be another: L_SLOW. */
export function call_float(r: u32): void {
  push_flow(r, F_FLOAT);
  op1(LOCAL_TEE, L_SLOW);
  op1(LOCAL_TEE, L_FLOW);
  i32_const(1);
  byte(I32_GT_U);
  go_out_if();
  reload_vector(load<u32>(r + R_REG));
}

/** The record's r/m operand is a general register. */
function has_general_rm(r: u32): bool {
  return !is_memory(r) && register_at(load<u32>(r + R_RM)) < 16;
}

/** The general register that the record writes, 0 if there is none. */
function written(r: u32, op: u32): u32 {
  const stores = op == OP_STORE_32 || op == OP_STORE_64 || (op >= OP_PEXTR && op < OP_PINSR);
  if (stores) return has_general_rm(r) ? load<u32>(r + R_RM) : 0;
  return register_at(load<u32>(r + R_REG)) < 16 ? load<u32>(r + R_REG) : 0;
}

/** Flags do not matter to the handler, and of the general registers it writes one at most. */
function is_light(r: u32, op: u32): bool {
  if (!is_plain(r) || load<u16>(r + R_FLAGS) & RF_ADDRESS_ONLY) return false;
  if (op < OP_PACKED) {
    if (op < OP_X87 || is_memory(r)) return false;
    return op != OP_FCMOV && op != OP_FNSTSW && (op <= OP_FUCOMPP || op >= OP_FTST);
  }
  if (op < OP_FLOAT) return op < OP_PTEST;
  if (op < OP_VECTOR_MOVE) return op < OP_UCOMI || op >= OP_CVT_FROM_INT;
  return op < OP_MASKMOV;
}

/** Emits a call of the record's handler; false when it needs more than that. */
export function emit_light(r: u32): bool {
  const op: u32 = load<u16>(r + R_OP);
  if (!is_light(r, op)) return false;
  if (is_memory(r)) reach_operand(r);
  const target = written(r, op);
  call_handler(r);
  if (target) take_register(target);
  if (op < OP_PACKED) return true;
  if (op == OP_VEXTRACTF128 || op == OP_CVTPS2PH) reload_vector(load<u32>(r + R_RM));
  else if (op != OP_VZERO) reload_vector(load<u32>(r + R_REG));
  else if (load<u8>(r + R_FORM) == FORM_VEX_256) reload_vectors();
  return true;
}

/** Vector registers and MXCSR anew, where the code knows them. */
export function reload_vector_state(): void {
  look_at_mxcsr();
  reload_vectors();
}
