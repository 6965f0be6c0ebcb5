// What an operation on operands of 2^size bytes leaves: its result in a local, sign-extended, and the lazy flags of it.

import { LF_LOGIC, LF_PARTIAL, V_LF_CF, V_LF_KIND } from '../abi/vcpu_page';
import { forget_flags, note_kind, set_flag } from './flags';
import { get, set, spill_flags } from './frame';
import { F_CARRY, L_A, L_B, L_CF, L_KIND, L_RES, L_V } from './locals';
import { local_a, local_b, local_r } from './registers';
import {
  byte,
  call_core,
  I32_EXTEND8,
  I32_EXTEND16,
  I32_LOAD,
  I32_OR,
  I32_SHL,
  i32_const,
  memory_op,
} from './wasm';

/** Extends the 8 or 16 bits on the stack to 32. */
export function sign_extend(size: u32): void {
  if (size == 0) byte(I32_EXTEND8);
  else if (size == 1) byte(I32_EXTEND16);
}

/** A local that holds an operand into one that flags are made of. */
export function keep(local: u32, value: u32, size: u32): void {
  get(value);
  set_flag(local, size);
}

/** The result on the stack into its local, as the operand size has it. */
export function take_result(size: u32): void {
  sign_extend(size);
  set(local_r(size));
}

/** Flags of `kind`, made of the operands' locals and the result's. */
export function note(kind: u32, size: u32): void {
  keep(L_A, local_a(size), size);
  keep(L_B, local_b(size), size);
  keep(L_RES, local_r(size), size);
  note_kind(kind);
}

export function note_logic(size: u32): void {
  keep(L_RES, local_r(size), size);
  note_kind(LF_LOGIC);
}

/** The core changes some of the flags, of whatever kind: what they become is in a local, to be shifted. */
export function replace_flags(local: u32, shift: u32, which: u32): void {
  spill_flags();
  get(L_V);
  get(local);
  if (shift) {
    i32_const(shift);
    byte(I32_SHL);
  }
  i32_const(which);
  byte(I32_OR);
  call_core(F_CARRY);
  get(L_V);
  memory_op(I32_LOAD, V_LF_CF);
  set(L_CF);
  // Whatever was known is void.
  note_kind(LF_PARTIAL);
  get(L_V);
  memory_op(I32_LOAD, V_LF_KIND);
  set(L_KIND);
  forget_flags();
}
