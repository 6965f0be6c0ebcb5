// What is known of the x87 while code is emitted: TOP and the tags as the code expects them, which locals hold registers, and
// what has yet to be written to the vCPU page. It emits no instruction of its own.
//
// A compiler's code finds the register stack always alike at the same place. So TOP and tags are guessed, from what they were
// when the region was compiled and from the instructions since, and looked at once on each way; when they are others, or an
// exception waits or is not masked, the region leaves before the instruction. Registers are written at once and read once.

import { FSW_C1, ST_EXPONENT, ST_STRIDE, V_FSW, V_FTAG, V_FTOP, V_ST } from '../abi/fpu';
import { NODE_X87 } from '../abi/jit';
import { OP_EMMS, OP_X87 } from '../abi/ops';
import {
  OP_FBLD,
  OP_FBSTP,
  OP_FFREEP,
  OP_FNINIT,
  OP_FNSAVE,
  OP_FSTP1,
  SETTLE_C1,
  SETTLE_FIP,
  SETTLE_STACK,
} from '../abi/ops_x87';
import { F_X87_SETTLE, L_V, X87_LOCALS } from './locals';
import {
  byte,
  call_core,
  DROP,
  I32_AND,
  I32_LOAD,
  I32_LOAD16_U,
  I32_STORE,
  I32_STORE16,
  I64_LOAD,
  I64_STORE,
  i32_const,
  LOCAL_GET,
  LOCAL_SET,
  memory_op,
  op1,
} from './wasm';

const NO_VALUES: u64 = 0xffffffffffffffff;
const NO_VALUE: u32 = 0xff;
const KNOWN: u32 = 0x10000;
const GUESSED: u32 = 0x20000;

/** TOP and tags are what they are taken for, all exceptions are masked and none waits. */
let known: bool = false;
let first_local: u32 = 0;
let top: u32 = 0;
let tags: u32 = 0;
/** For each physical register a byte: which of the locals holds it, or NO_VALUE. */
let values: u64 = 0;
/** TOP and the tags << 8 that the vCPU page has, where they are known. */
let written: u32 = 0;
/** C1 = 0 and FIP are not in the vCPU page yet. */
let c1_pending: bool = false;
let fip_pending: bool = false;
let fip: i32 = 0;

/** TOP, and the tags from bit 8 on. */
export function stack_x87(): u32 {
  return top | (tags << 8);
}

/** TOP or tags are not in the vCPU page yet. */
export function is_stack_pending(): bool {
  return known && written != stack_x87();
}

/** Begins a region whose numbers are in the locals from `locals` on, and whose entry finds the state of vCPU `v`. */
export function begin_x87(v: u32, locals: u32): void {
  first_local = locals;
  top = load<u32>(v + V_FTOP) & 7;
  tags = load<u32>(v + V_FTAG) & 0xff;
  forget_x87();
}

/** A way leads to the node at `at` with what is known here. */
export function note_x87(at: u32): void {
  if (load<u32>(at + NODE_X87) == 0) store<u32>(at + NODE_X87, stack_x87() | GUESSED);
}

/** Several ways lead to the node at `at`, which begins here. */
export function join_x87(at: u32): void {
  const guess = load<u32>(at + NODE_X87);
  if (guess) assume_x87(guess & 0xffff, NO_VALUES);
  else forget_x87();
}

/** What is known, for assume_x87: nothing is pending. */
export function known_x87(): u32 {
  return stack_x87() | (known ? KNOWN : 0);
}

export function values_x87(): u64 {
  return values;
}

/** The place that follows is reached with this. */
export function assume_x87(state: u32, registers: u64): void {
  top = state & 7;
  tags = (state >> 8) & 0xff;
  known = (state & KNOWN) != 0;
  written = state & 0xffff;
  values = registers;
}

/** From here on the state is only guessed. Nothing may be pending. */
export function forget_x87(): void {
  known = false;
  values = NO_VALUES;
}

/** Registers, TOP and tags are in the vCPU page, as far as they have not been foretold; `foretold`: the guess is sure. */
export function behind_call(foretold: bool): void {
  values = NO_VALUES;
  written = stack_x87();
  if (!foretold) known = false;
}

export function is_known(): bool {
  return known;
}

export function top_x87(): u32 {
  return top;
}

/** The state is as it was guessed. */
export function confirm_x87(): void {
  known = true;
  written = stack_x87();
}

/** Where FIP has to point, if it is pending. */
export function is_fip_pending(): bool {
  return fip_pending;
}
export function pending_fip(): i32 {
  return fip;
}

/** Nothing is pending any more. */
export function settled_x87(): void {
  written = stack_x87();
  fip_pending = false;
}

function get(local: u32): void {
  op1(LOCAL_GET, local);
}

function set(local: u32): void {
  op1(LOCAL_SET, local);
}

function clear_c1(): void {
  get(L_V);
  get(L_V);
  memory_op(I32_LOAD, V_FSW);
  i32_const(~FSW_C1);
  byte(I32_AND);
  memory_op(I32_STORE, V_FSW);
}

/** C1 in the vCPU page is what it is. */
export function settle_c1(): void {
  if (c1_pending) clear_c1();
  c1_pending = false;
}

/** Something must be written on a way out. */
export function is_pending(): bool {
  return is_stack_pending() || c1_pending || fip_pending;
}

/** The same on a way out: behind it code goes on as if nothing had been written. */
export function settle_on_way_out(): void {
  if (!is_pending()) return;
  let what = stack_x87();
  if (is_stack_pending()) what |= SETTLE_STACK;
  if (c1_pending) what |= SETTLE_C1;
  if (fip_pending) what |= SETTLE_FIP;
  get(L_V);
  i32_const(what as i32);
  i32_const(fip);
  call_core(F_X87_SETTLE);
  byte(DROP);
}

/** FIP points `delta` bytes behind the entry. */
export function note_fip(delta: i32): void {
  fip = delta;
  fip_pending = true;
}

/** C1 is 0 from here on. */
export function note_c1_clear(): void {
  c1_pending = true;
}

/** What the code has called has written C1. */
export function note_c1_written(): void {
  c1_pending = false;
}

function physical(i: u32): u32 {
  return (top + i) & 7;
}

/** ST(i) is full. */
export function is_full(i: u32): bool {
  return ((tags >> physical(i)) & 1) != 0;
}

export function turn_x87(by: u32): void {
  top = (top + by) & 7;
}

export function pop_x87(): void {
  tags &= ~(1 << top);
  turn_x87(1);
}

/** The new ST(0) is full. */
export function push_x87(): void {
  turn_x87(7);
  tags |= 1 << top;
}

export function mark_x87(i: u32, full: bool): void {
  const bit: u32 = 1 << physical(i);
  tags = full ? tags | bit : tags & ~bit;
}

/** The locals of a number: sign and exponent, significand. */
export function exponent_local(k: u32): u32 {
  return first_local + k;
}
export function significand_local(k: u32): u32 {
  return first_local + X87_LOCALS + k;
}

function value_of(n: u32): u32 {
  return ((values >> (n << 3)) & 0xff) as u32;
}

function set_value(n: u32, k: u32): void {
  values = (values & ~((0xff as u64) << (n << 3))) | ((k as u64) << (n << 3));
}

/** A pair of locals that holds no register. */
export function new_value(): u32 {
  let used: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) {
    if (value_of(n) != NO_VALUE) used |= 1 << value_of(n);
  }
  let k: u32 = 0;
  while (k < X87_LOCALS - 1 && (used >> k) & 1) k++;
  return k;
}

/** The locals that hold ST(i). */
export function value_x87(i: u32): u32 {
  const n = physical(i);
  let k = value_of(n);
  if (k != NO_VALUE) return k;
  k = new_value();
  get(L_V);
  memory_op(I64_LOAD, V_ST + n * ST_STRIDE);
  set(significand_local(k));
  get(L_V);
  memory_op(I32_LOAD16_U, V_ST + n * ST_STRIDE + ST_EXPONENT);
  set(exponent_local(k));
  set_value(n, k);
  return k;
}

export function push_value(k: u32): void {
  get(significand_local(k));
  get(exponent_local(k));
}

/** ST(i) becomes the value in the locals `k`. */
export function set_x87(i: u32, k: u32): void {
  const n = physical(i);
  get(L_V);
  get(significand_local(k));
  memory_op(I64_STORE, V_ST + n * ST_STRIDE);
  get(L_V);
  get(exponent_local(k));
  memory_op(I32_STORE16, V_ST + n * ST_STRIDE + ST_EXPONENT);
  set_value(n, k);
}

/** The interpreter executes a record that begins with `op`: what may be expected behind it is a guess again. Nothing may be pending. */
export function pass_x87(op: u32): void {
  forget_x87();
  if (op == OP_FNINIT || op == OP_FNSAVE) {
    top = 0;
    tags = 0;
  } else if (op == OP_EMMS) {
    tags = 0;
  } else if (op == OP_FBLD) {
    top = (top + 7) & 7;
    tags |= 1 << top;
  } else if (op == OP_FBSTP || op == OP_FFREEP || op == OP_FSTP1) {
    tags &= ~(1 << top);
    top = (top + 1) & 7;
  }
}

/** Operations that touch the x87. */
export function is_x87(op: u32): bool {
  return op - OP_X87 < 0x100;
}
