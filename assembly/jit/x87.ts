// x87 records, behind a look that the register stack is as expected (x87_state.ts): moves inline, arithmetic by calls on
// values in locals. What is not here, and what would find a register empty or full, is left to the interpreter.

import { FCW_BITS, FCW_ONE, FE_ALL, V_FCW, V_FSW, V_FTOP } from '../abi/fpu';
import { R_FLAGS, R_OP, R_RM, RF_ADDRESS_ONLY, RF_MEMORY } from '../abi/insn';
import { OP_FWAIT } from '../abi/ops';
import {
  OP_F2XM1,
  OP_FBLD,
  OP_FBSTP,
  OP_FCOMPP,
  OP_FLD_CONSTANT,
  OP_FLD_M32,
  OP_FLD_STI,
  OP_FLDCW,
  OP_FNSTCW,
  OP_FNSTSW,
  OP_FPATAN,
  OP_FPREM,
  OP_FPREM1,
  OP_FPTAN,
  OP_FSCALE,
  OP_FSINCOS,
  OP_FSQRT,
  OP_FST_M32,
  OP_FTST,
  OP_FXAM,
  OP_FXCH,
  OP_FXTRACT,
  OP_FYL2X,
  OP_FYL2XP1,
} from '../abi/ops_x87';
import { MODE_TS, V_MODE } from '../abi/vcpu_page';
import { is_memory } from './addresses';
import { close, get, open, set } from './frame';
import { unlikely } from './hints';
import { F_X87, L_A32, L_V } from './locals';
import { finish_memory, push_memory, reach_operand, store_memory } from './operands';
import { keep_record } from './records';
import { delta_of, set_register } from './registers';
import {
  byte,
  call_core,
  DROP,
  EMPTY,
  I32_AND,
  I32_LOAD,
  I32_NE,
  I32_OR,
  I32_SHL,
  I32_STORE,
  IF,
  i32_const,
  LOCAL_TEE,
  memory_op,
  op1,
} from './wasm';
import { arithmetic, comparison, square_root } from './x87_arithmetic';
import { expect_x87, leave_before, settle_x87 } from './x87_look';
import { load_memory, move, store_number } from './x87_move';
import { behind_call, is_full, is_known, note_fip, pop_x87, push_x87, settle_c1, top_x87 } from './x87_state';

/** What is left to the interpreter's own function, without spills: it can do no more than change registers and FSW. */
function by_interpreter(r: u32, op: u32): bool {
  const two =
    op == OP_FYL2X ||
    op == OP_FYL2XP1 ||
    op == OP_FPATAN ||
    op == OP_FPREM ||
    op == OP_FPREM1 ||
    op == OP_FSCALE;
  const pushes = op == OP_FXTRACT || op == OP_FPTAN || op == OP_FSINCOS || op < OP_FXCH;
  const reads = op >= OP_FXCH && op != OP_FXAM;
  if ((reads && !is_full(0)) || (two && !is_full(1)) || (pushes && is_full(7))) return false;
  settle_x87();
  get(L_V);
  i32_const(keep_record(r) as i32);
  i32_const(delta_of(r));
  call_core(F_X87);
  byte(DROP);
  if (pushes) push_x87();
  if (op == OP_FYL2X || op == OP_FYL2XP1 || op == OP_FPATAN) pop_x87();
  behind_call(op != OP_FPTAN && op != OP_FSINCOS);
  return true;
}

/** Control instructions that only move a word. */
function control(r: u32, op: u32): bool {
  if (op == OP_FLDCW) {
    expect_x87(r);
    reach_operand(r);
    push_memory(1);
    i32_const(FCW_BITS as i32);
    byte(I32_AND);
    i32_const(FCW_ONE as i32);
    byte(I32_OR);
    op1(LOCAL_TEE, L_A32);
    i32_const(FE_ALL as i32);
    byte(I32_AND);
    i32_const(FE_ALL as i32);
    byte(I32_NE);
    unlikely();
    open(IF, EMPTY);
    leave_before(r);
    close();
    get(L_V);
    get(L_A32);
    memory_op(I32_STORE, V_FCW);
    return true;
  }
  if (op != OP_FNSTCW && op != OP_FNSTSW) return false;
  if (is_memory(r)) reach_operand(r);
  get(L_V);
  if (op == OP_FNSTCW) {
    memory_op(I32_LOAD, V_FCW);
  } else {
    settle_c1();
    memory_op(I32_LOAD, V_FSW);
    if (is_known()) {
      i32_const((top_x87() << 11) as i32);
    } else {
      get(L_V);
      memory_op(I32_LOAD, V_FTOP);
      i32_const(11);
      byte(I32_SHL);
    }
    byte(I32_OR);
  }
  set(L_A32);
  if (is_memory(r)) {
    store_memory(L_A32, 1);
    finish_memory(r);
  } else {
    get(L_A32);
    set_register(load<u32>(r + R_RM), 1);
  }
  return true;
}

/** Emits the x87 record `r`; false when the interpreter must execute it. */
export function emit_x87(v: u32, r: u32): bool {
  const op: u32 = load<u16>(r + R_OP);
  // Where no exception waits FWAIT does nothing.
  if (op == OP_FWAIT) return is_known() && (load<u32>(v + V_MODE) & MODE_TS) == 0;
  const flags = load<u16>(r + R_FLAGS) as u32;
  if (flags & RF_ADDRESS_ONLY || ((flags & RF_MEMORY) != 0) != is_memory(r)) return false;
  if (op >= OP_FLDCW) return control(r, op);
  expect_x87(r);
  let done = false;
  let calls = false;
  if (op < OP_FLD_M32 - 1) done = arithmetic(r, op);
  else if (op < OP_FBLD) done = load_memory(r, op);
  else if (op >= OP_FST_M32 && op < OP_FBSTP) return store_number(r, op);
  else if (op >= OP_FCOMPP && op <= OP_FTST) done = comparison(r, op);
  else if (op == OP_FSQRT) done = square_root();
  else if (op >= OP_FLD_CONSTANT && op <= OP_FLD_STI) done = move(r, op);
  if (done) {
    note_fip(delta_of(r));
    return true;
  }
  calls = op == OP_FXAM || op >= OP_F2XM1 || (op > OP_FLD_CONSTANT && op < OP_FXCH);
  return calls && by_interpreter(r, op);
}
