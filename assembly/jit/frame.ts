// What surrounds the instructions of a region: registers and flags come in and go out, and every way out. Labels are levels:
// the number of structures that enclose a place.

import { FLOW_BRANCH } from '../abi/insn';
import {
  V_BUDGET,
  V_GPR,
  V_LF_A,
  V_LF_B,
  V_LF_CF,
  V_LF_KIND,
  V_LF_RES,
  V_RIP,
  V_TLB,
} from '../abi/vcpu_page';
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
  CALL,
  EMPTY,
  END,
  I32_CONST,
  I32_LOAD,
  I32_STORE,
  I32_SUB,
  I64_ADD,
  I64_AND,
  I64_LOAD,
  I64_STORE,
  IF,
  i32_const,
  i64_const,
  LOCAL_GET,
  LOCAL_SET,
  memory_op,
  op1,
} from './wasm';

let level: u32 = 0;
let wide: bool = false;
let registers: u32 = 0;

/** The label behind which registers and flags go back into the vCPU page; behind GONE they are there already. */
const OUT: u32 = 2;
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
  go(OUT);
}

/** Leaves when the value on the stack is not 0. */
export function go_out_if(): void {
  op1(BR_IF, level - OUT);
}

/** The same when registers and flags are in the vCPU page too. */
export function go_gone_if(): void {
  op1(BR_IF, level - GONE);
}

function load_field(local: u32, opcode: u32, offset: u32): void {
  get(L_V);
  memory_op(opcode, offset);
  set(local);
}

function store_field(local: u32, opcode: u32, offset: u32): void {
  get(L_V);
  get(local);
  memory_op(opcode, offset);
}

/** Registers and flags into locals. */
export function reload(): void {
  for (let n: u32 = 0; n < 16; n++) {
    if ((registers >> n) & 1) load_field(L_GPR + n, I64_LOAD, V_GPR + n * 8);
  }
  load_field(L_KIND, I32_LOAD, V_LF_KIND);
  load_field(L_CF, I32_LOAD, V_LF_CF);
  load_field(L_A, I64_LOAD, V_LF_A);
  load_field(L_B, I64_LOAD, V_LF_B);
  load_field(L_RES, I64_LOAD, V_LF_RES);
  load_field(L_TLB, I32_LOAD, V_TLB);
  i32_const(0);
  set(L_OVER);
}

/** Flags into the vCPU page. */
export function spill_flags(): void {
  store_field(L_KIND, I32_STORE, V_LF_KIND);
  store_field(L_CF, I32_STORE, V_LF_CF);
  store_field(L_A, I64_STORE, V_LF_A);
  store_field(L_B, I64_STORE, V_LF_B);
  store_field(L_RES, I64_STORE, V_LF_RES);
  get(L_OVER);
  open(IF, EMPTY);
  get(L_V);
  get(L_OVER);
  op1(CALL, F_CARRY);
  close();
}

/** Registers and flags into the vCPU page. */
export function spill(): void {
  for (let n: u32 = 0; n < 16; n++) {
    if ((registers >> n) & 1) store_field(L_GPR + n, I64_STORE, V_GPR + n * 8);
  }
  spill_flags();
}

/** The budget into the vCPU page, as of the start of the block in hand: what is called may look at the time. */
export function spill_budget(): void {
  store_field(L_BUDGET, I32_STORE, V_BUDGET);
}

/** `n` instructions have retired. */
export function retire(n: u32): void {
  get(L_BUDGET);
  i32_const(n as i32);
  byte(I32_SUB);
  set(L_BUDGET);
}

/** Pushes the RIP that is `delta` bytes behind the entry. */
export function push_rip(delta: i32): void {
  get(L_RIP);
  i64_const(delta as i64);
  byte(I64_ADD);
  if (!wide) {
    i64_const(0xffffffff);
    byte(I64_AND);
  }
}

/** Leaves as behind a branch, for the RIP in the local `rip`. */
export function exit_to_local(rip: u32): void {
  store_field(rip, I64_STORE, V_RIP);
  exit_branch();
}

/** Leaves as behind a branch, for the place `delta` bytes behind the entry. */
export function exit_to(delta: i32): void {
  get(L_V);
  push_rip(delta);
  memory_op(I64_STORE, V_RIP);
  exit_branch();
}

function exit_branch(): void {
  spill_budget();
  set_flow(FLOW_BRANCH);
  go_out();
}

export function set_flow(flow: u32): void {
  op1(I32_CONST, flow);
  set(L_FLOW);
}

/** Begins the function's body: `mask` says which registers its code knows. */
export function enter(is_64: bool, mask: u32): void {
  wide = is_64;
  registers = mask;
  level = 0;
  load_field(L_BUDGET, I32_LOAD, V_BUDGET);
  load_field(L_RIP, I64_LOAD, V_RIP);
  reload();
  open(BLOCK, EMPTY);
  open(BLOCK, EMPTY);
}

/** Ends the function's body. No way leads here but those of go_out and go_gone. */
export function leave(): void {
  close();
  spill();
  close();
  get(L_FLOW);
  byte(END);
}
