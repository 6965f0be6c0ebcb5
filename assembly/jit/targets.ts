// Where branches go: the target of a JMP, CALL or RET that only the running code knows into L_A64, and the return address of a
// CALL onto the guest's stack. It does not go there.

import { R_IMM } from '../abi/insn';
import { TLB_EXEC_ADDEND, TLB_EXEC_ENTRIES, TLB_EXEC_ENTRY_SIZE } from '../abi/map';
import { V_TLB_EXEC } from '../abi/vcpu_page';
import { is_memory } from './addresses';
import { close, exit_behind, get, is_wide, open, push_rip, set, tee } from './frame';
import { unlikely } from './hints';
import { L_A64, L_B32, L_B64, L_ENTRY, L_LA, L_V } from './locals';
import {
  move_stack,
  push_linear,
  push_linear32,
  push_memory,
  push_return,
  push_rm,
  reach_operand,
  reach_stack,
} from './operands';
import { hva_at } from './pages';
import { delta_of, instructions_before, next_delta } from './registers';
import {
  byte,
  EMPTY,
  I32_ADD,
  I32_AND,
  I32_LOAD,
  I32_NE,
  I32_OR,
  I32_SHR_U,
  I64_AND,
  I64_EQ,
  I64_EXTEND_U,
  I64_LOAD,
  I64_NE,
  I64_SHL,
  I64_SHR_S,
  IF,
  i32_const,
  i64_const,
  memory_op,
} from './wasm';

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
export function set_place(delta: i64): void {
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

/** Pushes whether the place `delta` bytes behind the entry, in another page, is not where it was when the region was compiled. */
export function push_is_elsewhere(delta: i32): void {
  push_rip(delta);
  set(L_LA);
  get(L_V);
  memory_op(I32_LOAD, V_TLB_EXEC);
  // la >> 12 % TLB_EXEC_ENTRIES * TLB_EXEC_ENTRY_SIZE
  push_linear32();
  i32_const(8);
  byte(I32_SHR_U);
  i32_const((TLB_EXEC_ENTRIES - 1) * TLB_EXEC_ENTRY_SIZE);
  byte(I32_AND);
  byte(I32_ADD);
  tee(L_ENTRY);
  memory_op(I64_LOAD, 0);
  push_linear();
  i64_const(~0xfff);
  byte(I64_AND);
  byte(I64_NE);
  push_linear32();
  get(L_ENTRY);
  memory_op(I32_LOAD, TLB_EXEC_ADDEND);
  byte(I32_ADD);
  i32_const(hva_at(delta) as i32);
  byte(I32_NE);
  byte(I32_OR);
}

/** The return address of the record `r`, a CALL of the target in L_A64, onto the guest's stack. */
export function push_return_address(r: u32): void {
  const value = is_wide() ? L_B64 : L_B32;
  push_rip(next_delta(r));
  set(value);
  push_return(r, value, L_A64);
}
