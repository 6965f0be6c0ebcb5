// The x87 of the vCPU page beside what is known of it: a look whether it is as expected, and what is pending written to it.

import { FE_ALL, FSW_ES, V_FCW, V_FIP, V_FTOP } from '../abi/fpu';
import { close, exit_behind, get, is_wide, open, push_rip } from './frame';
import { unlikely } from './hints';
import { L_V } from './locals';
import { delta_of, instructions_before } from './registers';
import {
  byte,
  EMPTY,
  I32_OR,
  I64_AND,
  I64_EXTEND_U,
  I64_LOAD,
  I64_NE,
  I64_STORE,
  IF,
  i64_const,
  memory_op,
} from './wasm';
import {
  confirm_x87,
  is_fip_pending,
  is_known,
  is_stack_pending,
  pending_fip,
  settle_c1,
  settled_x87,
  stack_x87,
} from './x87_state';

/** TOP and tags as V_FTOP and the word behind it have them. */
function stack_image(): i64 {
  const stack = stack_x87();
  return (stack & 7) | (((stack >> 8) as i64) << 32);
}

/** Looks whether the state is as it was guessed, or leaves before record `r`. */
export function expect_x87(r: u32): void {
  if (is_known()) return;
  get(L_V);
  memory_op(I64_LOAD, V_FTOP);
  i64_const(stack_image());
  byte(I64_NE);
  get(L_V);
  memory_op(I64_LOAD, V_FCW);
  i64_const(((FSW_ES as u64) << 32) | FE_ALL);
  byte(I64_AND);
  i64_const(FE_ALL);
  byte(I64_NE);
  byte(I32_OR);
  unlikely();
  open(IF, EMPTY);
  leave_before(r);
  close();
  confirm_x87();
}

/** Leaves before record `r`, which the interpreter shall execute. */
export function leave_before(r: u32): void {
  exit_behind(delta_of(r), instructions_before());
}

/** Writes everything that is pending. */
export function settle_x87(): void {
  if (is_stack_pending()) {
    get(L_V);
    i64_const(stack_image());
    memory_op(I64_STORE, V_FTOP);
  }
  settle_c1();
  if (is_fip_pending()) {
    get(L_V);
    push_rip(pending_fip());
    if (!is_wide()) byte(I64_EXTEND_U);
    memory_op(I64_STORE, V_FIP);
  }
  settled_x87();
}
