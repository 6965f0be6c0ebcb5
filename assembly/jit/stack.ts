// Stack instructions into Wasm beside PUSH and POP of registers: PUSH of memory and of segment registers, PUSHF, LEAVE, as wide as the stack is.

import { R_FLAGS, R_SEG, RF_SIZE } from '../abi/insn';
import { TLB_READ } from '../abi/map';
import { OP_LEAVE, OP_PUSH, OP_PUSH_SEG, OP_PUSHF } from '../abi/ops';
import { SEG_SELECTOR, SEG_STRIDE, SS, V_GPR, V_SEGS } from '../abi/vcpu_page';
import { is_memory } from './addresses';
import { get, is_wide, set, spill_flags } from './frame';
import { F_FLAGS, L_V } from './locals';
import {
  check_limit,
  move_stack,
  push_memory,
  push_rm,
  push_selector_to_stack,
  push_to_stack,
  reach,
  reach_operand,
  register_address,
  stack_address,
} from './operands';
import { local_b, set_register } from './registers';
import { byte, call_core, I32_LOAD, I64_EXTEND_U, memory_op } from './wasm';

const RBP: u32 = 5 * 8;

function push(r: u32, size: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  set(local_b(size));
  stack_address(-(1 << size));
  check_limit(r, size);
  push_to_stack(r, local_b(size));
}

function push_selector(r: u32, size: u32): void {
  get(L_V);
  memory_op(I32_LOAD, V_SEGS + load<u8>(r + R_SEG) * SEG_STRIDE + SEG_SELECTOR);
  if (size == 3) byte(I64_EXTEND_U);
  set(local_b(size));
  if (size == 3) push_to_stack(r, local_b(size));
  else push_selector_to_stack(r, local_b(size));
}

function push_flags(r: u32, size: u32): void {
  spill_flags();
  get(L_V);
  call_core(F_FLAGS);
  if (size == 3) byte(I64_EXTEND_U);
  set(local_b(size));
  stack_address(-(1 << size));
  check_limit(r, size);
  push_to_stack(r, local_b(size));
}

function leave_frame(v: u32, r: u32, size: u32): void {
  register_address(v + V_GPR + RBP);
  reach(r, TLB_READ, size, SS);
  move_stack(1 << size);
  push_memory(size);
  set_register(v + V_GPR + RBP, size);
}

/** Emits the record `r` of OP_PUSH .. OP_POP_SEG; false when the interpreter must execute it. */
export function emit_stack(v: u32, r: u32, op: u32): bool {
  const size: u32 = load<u16>(r + R_FLAGS) & RF_SIZE;
  if (size != (is_wide() ? 3 : 2)) return false;
  if (op == OP_PUSH) push(r, size);
  else if (op == OP_PUSHF) push_flags(r, size);
  else if (op == OP_LEAVE) leave_frame(v, r, size);
  else if (op == OP_PUSH_SEG) push_selector(r, size);
  else return false;
  return true;
}
