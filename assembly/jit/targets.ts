// Where branches go: the target of a JMP, CALL or RET that only the running code knows into L_A64, and the return address of a
// CALL onto the guest's stack. It does not go there.

import { R_IMM } from '../abi/insn';
import { is_memory } from './addresses';
import { close, exit_behind, get, is_wide, open, push_rip, set } from './frame';
import { unlikely } from './hints';
import { L_A64, L_B32, L_B64 } from './locals';
import { move_stack, push_memory, push_return, push_rm, reach_operand, reach_stack } from './operands';
import { delta_of, instructions_before, next_delta } from './registers';
import { byte, EMPTY, I64_EQ, I64_EXTEND_U, I64_NE, I64_SHL, I64_SHR_S, IF, i64_const } from './wasm';

/** An address on the stack, as wide as the code is, into L_A64. */
function set_target(): void {
  if (!is_wide()) byte(I64_EXTEND_U);
  set(L_A64);
}

/** Leaves before the record `r`, which the interpreter shall execute, when 64-bit code could not go to the address in L_A64. */
function check_canonical(r: u32): void {
  if (!is_wide()) return;
  get(L_A64);
  i64_const(16);
  byte(I64_SHL);
  i64_const(16);
  byte(I64_SHR_S);
  get(L_A64);
  byte(I64_NE);
  unlikely();
  open(IF, EMPTY);
  exit_behind(delta_of(r), instructions_before());
  close();
}

/** The target of the record `r`, a JMP or CALL of a register or memory. */
export function take_target(r: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, is_wide() ? 3 : 2);
  set_target();
  check_canonical(r);
}

/** The target of the record `r`, a RET, off the guest's stack. */
export function take_return(r: u32): void {
  reach_stack(r);
  push_memory(is_wide() ? 3 : 2);
  set_target();
  check_canonical(r);
  move_stack((is_wide() ? 8 : 4) + load<i32>(r + R_IMM));
}

/** The target is the place `delta` bytes behind the entry. */
export function set_place(delta: i32): void {
  push_rip(delta);
  set_target();
}

/** Pushes whether the target is that place. */
export function push_is_place(delta: i32): void {
  get(L_A64);
  push_rip(delta);
  if (!is_wide()) byte(I64_EXTEND_U);
  byte(I64_EQ);
}

/** The return address of the record `r`, a CALL of the target in L_A64, onto the guest's stack. */
export function push_return_address(r: u32): void {
  const value = is_wide() ? L_B64 : L_B32;
  push_rip(next_delta(r));
  set(value);
  push_return(r, value, L_A64);
}
