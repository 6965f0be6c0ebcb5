// What surrounds the instructions of a region: registers and flags in locals, and every way out. Labels are levels: the number
// of structures that enclose a place.
//
// A register that is written goes into the vCPU page before the next place that anybody could look at it from, so that hardly a
// way out has to put anything back, which would cost the compiler most of its time. What is written again before is never
// stored. Flags change too often for that: they go back where the region is left.

import { FLOW_BRANCH, FLOW_FAULT } from '../abi/insn';
import { EXIT_DELTA_SHIFT, EXIT_RETIRED_SHIFT, EXIT_TOLD } from '../abi/jit';
import {
  V_BUDGET,
  V_GPR,
  V_JIT_RIP,
  V_LF_A,
  V_LF_B,
  V_LF_CF,
  V_LF_KIND,
  V_LF_RES,
  V_RIP,
  V_TLB,
} from '../abi/vcpu_page';
import { unlikely } from './hints';
import {
  F_CARRY,
  L_A,
  L_B,
  L_BUDGET,
  L_CF,
  L_FLOW,
  L_GPR,
  L_KIND,
  L_OVER,
  L_RES,
  L_RIP,
  L_TLB,
  L_V,
} from './locals';
import {
  BLOCK,
  BR,
  BR_IF,
  byte,
  call_core,
  EMPTY,
  END,
  I32_ADD,
  I32_LOAD,
  I32_STORE,
  I32_SUB,
  I64_ADD,
  I64_EXTEND_S,
  I64_EXTEND_U,
  I64_LOAD,
  I64_STORE,
  IF,
  i32_const,
  i64_const,
  LOCAL_GET,
  LOCAL_SET,
  LOCAL_TEE,
  memory_op,
  op1,
} from './wasm';
import { is_pending, settle_on_way_out } from './x87_state';

let level: u32 = 0;
let wide: bool = false;
let registers: u32 = 0;
/** Registers whose locals the vCPU page does not have yet: whole ones, and those of which the lower half has changed. */
let pending: u32 = 0;
let pending_parts: u32 = 0;
/** The level that all ways through the instruction in hand pass. */
let straight: u32 = 0;

// The ways out: labels by their level. Behind FAULT the flow is a fault, and RIP and budget are in the vCPU page; behind OUT
// L_FLOW is set and the budget goes there; behind PLACED both are there; behind GONE the flags are there too.
const FAULT: u32 = 4;
const OUT: u32 = 3;
const PLACED: u32 = 2;
const GONE: u32 = 1;

/** Code is 64-bit code. */
export function is_wide(): bool {
  return wide;
}

export function get(local: u32): void {
  op1(LOCAL_GET, local);
}

export function set(local: u32): void {
  op1(LOCAL_SET, local);
}

export function tee(local: u32): void {
  op1(LOCAL_TEE, local);
}

/** Opens a block, loop or if; its level. */
export function open(opcode: u32, type: u32): u32 {
  byte(opcode);
  byte(type);
  return ++level;
}

export function close(): void {
  byte(END);
  level--;
}

/** Goes to the label at `target`. */
export function go(target: u32): void {
  op1(BR, level - target);
}

/** Leaves with L_FLOW set; RIP and the budget are in the vCPU page already. */
export function go_out(): void {
  settle_here();
  go(PLACED);
}

/** Something must be put into the vCPU page on a way out. */
function must_settle(): bool {
  return is_pending() || (pending | pending_parts) != 0;
}

/** Puts it there, on this way alone. */
function settle_here(): void {
  store_registers();
  settle_on_way_out();
}

/** Leaves when the value on the stack is not 0. */
export function go_out_if(): void {
  if (must_settle()) {
    unlikely();
    open(IF, EMPTY);
    go_out();
    return close();
  }
  unlikely();
  op1(BR_IF, level - PLACED);
}

/** The same when the flags are in the vCPU page too. */
export function go_gone_if(): void {
  unlikely();
  op1(BR_IF, level - GONE);
}

/** Leaves with a fault, of which RIP and the budget know already, when the value on the stack is not 0. */
export function go_fault_if(): void {
  if (must_settle()) {
    unlikely();
    open(IF, EMPTY);
    settle_here();
    go(FAULT);
    return close();
  }
  unlikely();
  op1(BR_IF, level - FAULT);
}

function load_field(local: u32, opcode: u32, offset: u32): void {
  get(L_V);
  memory_op(opcode, offset);
  set(local);
}

/** Loads a local that is as wide as the code is. */
function load_wide(local: u32, offset: u32): void {
  load_field(local, wide ? I64_LOAD : I32_LOAD, offset);
}

/** The value on the stack, as wide as the code is, becomes general register `n`. */
export function set_gpr(n: u32): void {
  set(L_GPR + n);
  if (level == straight) pending |= 1 << n;
  else store_register(n);
}

/** The same for a write of 8 or 16 bits, which leaves the rest of all 64 bits as it is. */
export function set_gpr_part(n: u32): void {
  if (wide) return set_gpr(n);
  set(L_GPR + n);
  if (level == straight) pending_parts |= 1 << n;
  else store_part(n);
}

/** All ways through what follows, up to the next call of this, pass the place where code is emitted now. */
export function begin_straight(): void {
  straight = level;
}

/** Registers that are still to be stored go into the vCPU page. */
export function settle_registers(): void {
  store_registers();
  // On a way beside the straight one they are stored, and still to be stored on the others.
  if (level != straight) return;
  pending = 0;
  pending_parts = 0;
}

function store_register(n: u32): void {
  get(L_V);
  push_gpr64(n);
  memory_op(I64_STORE, V_GPR + n * 8);
}

function store_part(n: u32): void {
  get(L_V);
  get(L_GPR + n);
  memory_op(I32_STORE, V_GPR + n * 8);
}

function store_registers(): void {
  for (let n: u32 = 0; n < 16; n++) {
    if ((pending >> n) & 1) store_register(n);
    else if ((pending_parts >> n) & 1) store_part(n);
  }
}

/** Pushes all 64 bits of general register `n`. */
export function push_gpr64(n: u32): void {
  get(L_GPR + n);
  if (!wide) byte(I64_EXTEND_U);
}

/** General registers of the mask `which` into locals. */
export function reload_registers(which: u32): void {
  const some = which & registers;
  for (let n: u32 = 0; n < 16; n++) {
    if ((some >> n) & 1) load_wide(L_GPR + n, V_GPR + n * 8);
  }
}

/** Flags into locals. */
export function reload_flags(): void {
  load_field(L_KIND, I32_LOAD, V_LF_KIND);
  load_field(L_CF, I32_LOAD, V_LF_CF);
  load_wide(L_A, V_LF_A);
  load_wide(L_B, V_LF_B);
  load_wide(L_RES, V_LF_RES);
  i32_const(0);
  set(L_OVER);
}

/** The TLB in force into its local. */
export function reload_tlb(): void {
  load_field(L_TLB, I32_LOAD, V_TLB);
}

/** Pushes a local that flags are made of as an i64. */
export function push_flag(local: u32): void {
  get(local);
  if (!wide) byte(I64_EXTEND_S);
}

function store_flag(local: u32, offset: u32): void {
  get(L_V);
  push_flag(local);
  memory_op(I64_STORE, offset);
}

/** The flags go into the vCPU page. */
export function spill_flags(): void {
  get(L_V);
  get(L_KIND);
  memory_op(I32_STORE, V_LF_KIND);
  get(L_V);
  get(L_CF);
  memory_op(I32_STORE, V_LF_CF);
  store_flag(L_A, V_LF_A);
  store_flag(L_B, V_LF_B);
  store_flag(L_RES, V_LF_RES);
  get(L_OVER);
  open(IF, EMPTY);
  get(L_V);
  get(L_OVER);
  call_core(F_CARRY);
  close();
}

/** The budget into the vCPU page, as of the start of the block in hand: what is called may look at the time. */
export function spill_budget(): void {
  get(L_V);
  get(L_BUDGET);
  memory_op(I32_STORE, V_BUDGET);
}

/** `n` instructions have retired. */
export function retire(n: u32): void {
  get(L_BUDGET);
  i32_const(n as i32);
  byte(I32_SUB);
  set(L_BUDGET);
}

/** Pushes the RIP that is `delta` bytes behind the entry, as wide as the code is. */
export function push_rip(delta: i64): void {
  get(L_RIP);
  if (wide) {
    i64_const(delta);
    byte(I64_ADD);
  } else {
    i32_const(delta as i32);
    byte(I32_ADD);
  }
}

/** Leaves as behind a branch, for the RIP in the i64 local `rip`. */
export function exit_to_local(rip: u32): void {
  settle_here();
  get(L_V);
  get(rip);
  memory_op(I64_STORE, V_RIP);
  set_flow(FLOW_BRANCH);
  go(OUT);
}

/** Leaves as behind a branch with `retired` instructions more, for the place `delta` bytes behind the entry. */
export function exit_behind(delta: i64, retired: u32): void {
  settle_here();
  push_told(delta, retired);
  set(L_FLOW);
  go(OUT);
}

/** Pushes what the function returns in that case; a place that the number does not reach is stored. */
function push_told(delta: i64, retired: u32): void {
  const told = (delta as i32) << EXIT_DELTA_SHIFT;
  if (((told >> EXIT_DELTA_SHIFT) as i64) == delta)
    return i32_const(told | (retired << EXIT_RETIRED_SHIFT) | EXIT_TOLD | FLOW_BRANCH);
  if (retired) retire(retired);
  get(L_V);
  push_rip(delta);
  if (!wide) byte(I64_EXTEND_U);
  memory_op(I64_STORE, V_RIP);
  i32_const(FLOW_BRANCH);
}

/** Leaves as behind a branch, for the place `delta` bytes behind the entry. */
export function exit_to(delta: i32): void {
  exit_behind(delta, 0);
}

export function set_flow(flow: u32): void {
  i32_const(flow as i32);
  set(L_FLOW);
}

/** Begins the function's body: `mask` says which registers its code knows. */
export function enter(is_64: bool, mask: u32): void {
  wide = is_64;
  registers = mask;
  level = 0;
  pending = 0;
  pending_parts = 0;
  load_locals();
  for (let label: u32 = 0; label < FAULT; label++) open(BLOCK, EMPTY);
}

function load_locals(): void {
  load_field(L_BUDGET, I32_LOAD, V_BUDGET);
  load_wide(L_RIP, V_JIT_RIP);
  reload_registers(0xffff);
  reload_flags();
  reload_tlb();
}

/** Ends the function's body. No way leads here but those out. */
export function leave(): void {
  close();
  set_flow(FLOW_FAULT);
  go(PLACED);
  close();
  spill_budget();
  close();
  spill_flags();
  close();
  get(L_FLOW);
  byte(END);
}
