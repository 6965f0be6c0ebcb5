// What compiled regions call: accesses that the TLB does not answer, records that only the interpreter executes, flags. Those
// that leave the region put RIP and the budget in order first.
//
// `info` tells of the instruction: span of the operand in bits 0 to 4, segment in 5 to 7, instructions of the block before this
// one in 8 to 15, its length in 16 to 19, INFO_*, and from bit 22 on, signed, the bytes from the region's entry to it. What
// `_nothing` is for call_core (jit/wasm.ts) says.

import { V_FLOAT_RESULT, V_MXCSR } from '../abi/fpu';
import { FLOW_BRANCH, FLOW_FAULT, FLOW_NEXT, FLOW_STOP, R_LEN, R_OP, R_RM, RECORD_SIZE } from '../abi/insn';
import {
  CHANGES_OVERFLOW,
  CHANGES_ZERO,
  COMPARED,
  INFO_ALIGNED,
  INFO_DELTA_SHIFT,
  INFO_WHOLE,
  KEPT_BEFORE,
  KEPT_DELTA,
} from '../abi/jit';
import {
  TLB_ADDEND,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_READ,
  TLB_WRITE,
  VCPU_JIT,
  VCPU_PAGE,
} from '../abi/map';
import { OP_PACKED } from '../abi/ops';
import { V_STOPPED_BEHIND } from '../abi/pv';
import {
  LEAVE_COMMIT,
  V_BUDGET,
  V_GPR,
  V_JIT_RECORDS,
  V_JIT_RIP,
  V_LEAVE,
  V_RFLAGS,
  V_RIP,
  V_TLB,
} from '../abi/vcpu_page';
import { FLAG_CF, FLAG_DF, FLAG_IF, FLAG_PF, FLAG_RF, FLAG_VM, FLAG_ZF, GP, RDI, RSI } from '../abi/x86';
import { arith_flags, condition, get_flags, set_arith, set_carry, set_carry_overflow } from '../cpu/flags';
import { wrap_rip } from '../cpu/operands';
import { access_rights, access_slow, commit } from '../memory/access';
import { raise_code } from '../state/fault';
import { mul_high_unsigned } from '../state/product';
import { exec_unit } from './cold';
import { opens_window } from './control';
import { exec_record } from './general';
import { mul_high_signed } from './muldiv';
import { left } from './retire';
import { is_quick } from './sse_float_lane';
import { exec_x87 } from './x87';
import { Hot } from './x87_hot';

/** A record of which only the length counts, for what asks which instruction has ended the run. */
const LAST_RECORD: u32 = 0x3f00;

function length_of(info: i64): u32 {
  return ((info >> 16) as u32) & 15;
}

/** RIP and budget of the instruction, or behind it. */
function stop_at(v: u32, info: i64, behind: bool): void {
  const delta = (info >> INFO_DELTA_SHIFT) + (behind ? (length_of(info) as i64) : 0);
  store<u64>(v + V_RIP, wrap_rip(v, load<u64>(v + V_JIT_RIP) + delta));
  const retired: u32 = (((info >> 8) as u32) & 0xff) + (behind as u32);
  store<i32>(v + V_BUDGET, load<i32>(v + V_BUDGET) - (retired as i32));
}

/** What a store has left to do, behind its instruction: FLOW_NEXT or FLOW_STOP. */
export function compiled_finish(v: u32, budget: i32, info: i64, _nothing: v128): u32 {
  store<i32>(v + V_BUDGET, budget);
  if (load<u32>(v + V_LEAVE) & LEAVE_COMMIT) commit(v);
  if (load<u32>(v + V_LEAVE) == 0) return FLOW_NEXT;
  stop_at(v, info, true);
  const record = v - VCPU_PAGE + VCPU_JIT + LAST_RECORD;
  store<u8>(record + R_LEN, length_of(info) as u8);
  store<u32>(v + V_STOPPED_BEHIND, record);
  return FLOW_STOP;
}

/** The TLB's entry for an address. */
function entry_of(v: u32, la: u64): u32 {
  const n = ((la >> 12) as u32) & (TLB_ENTRIES - 1);
  return load<u32>(v + V_TLB) + n * TLB_ENTRY_SIZE;
}

function reach(v: u32, la: u64, tag: u32, modifies: bool, budget: i32, info: i64): u32 {
  store<i32>(v + V_BUDGET, budget);
  const low = info as u32;
  const segment = (low >> 5) & 7;
  const span = low & 31;
  let p: u32 = 0;
  if (low & INFO_ALIGNED && (la as u32) & span) {
    raise_code(v, GP, 0);
  } else if (load<u64>(entry_of(v, la) + tag) == ((la + span) & ~0xfff)) {
    p = (la as u32) + load<u32>(entry_of(v, la) + TLB_ADDEND);
  } else p = access_slow(v, load<u32>(v + V_TLB), la, tag, span, segment, modifies, access_rights(v));
  if (p == 0) stop_at(v, info, false);
  return p;
}

/** Address of bytes to be read, 0 = fault. */
export function compiled_read(v: u32, la: u64, budget: i32, info: i64, _nothing: v128): u32 {
  return reach(v, la, TLB_READ, false, budget, info);
}

/** Address of bytes to be written, and read too without INFO_WHOLE, 0 = fault; compiled_finish follows. */
export function compiled_modify(v: u32, la: u64, budget: i32, info: i64, _nothing: v128): u32 {
  return reach(v, la, TLB_WRITE, ((info as u32) & INFO_WHOLE) == 0, budget, info);
}

/** A whole store: FLOW_NEXT, FLOW_STOP behind it, or FLOW_FAULT. */
export function compiled_write(v: u32, la: u64, value: u64, budget: i32, info: i64, _nothing: v128): u32 {
  const p = reach(v, la, TLB_WRITE, false, budget, info);
  if (p == 0) return FLOW_FAULT;
  const span = (info as u32) & 31;
  if (span == 0) store<u8>(p, value as u8);
  else if (span == 1) store<u16>(p, value as u16);
  else if (span == 3) store<u32>(p, value as u32);
  else store<u64>(p, value);
  return load<u32>(v + V_LEAVE) ? compiled_finish(v, budget, info, _nothing) : FLOW_NEXT;
}

/** PUSH: the same, and RSP is where the value lies. */
export function compiled_push(v: u32, la: u64, value: u64, budget: i32, info: i64, _nothing: v128): u32 {
  const flow = compiled_write(v, la, value, budget, info, _nothing);
  if (flow != FLOW_FAULT) store<u64>(v + V_GPR + 32, la);
  return flow;
}

/** STOS, and MOVS with CS for a segment: the same; where the run ends behind it, the registers have gone on. */
export function compiled_string(v: u32, la: u64, value: u64, budget: i32, info: i64, _nothing: v128): u32 {
  const flow = compiled_write(v, la, value, budget, info, _nothing);
  if (flow != FLOW_STOP) return flow;
  const bytes: i64 = (info & 31) + 1;
  const step = load<u32>(v + V_RFLAGS) & FLAG_DF ? -bytes : bytes;
  store<u64>(v + V_GPR + RDI * 8, wrap_rip(v, load<u64>(v + V_GPR + RDI * 8) + step));
  if (info & 0xe0) store<u64>(v + V_GPR + RSI * 8, wrap_rip(v, load<u64>(v + V_GPR + RSI * 8) + step));
  return flow;
}

/** CALL: the same; where the run ends behind it, it goes on at `target`. */
export function compiled_call(
  v: u32,
  la: u64,
  value: u64,
  target: u64,
  budget: i32,
  info: i64,
  _nothing: v128,
): u32 {
  const flow = compiled_push(v, la, value, budget, info, _nothing);
  if (flow != FLOW_STOP) return flow;
  store<u64>(v + V_RIP, target);
  return FLOW_BRANCH;
}

/** The kept record at `distance` behind the first one of the region in hand. */
export function kept_record(v: u32, distance: u32): u32 {
  return load<u32>(v + V_JIT_RECORDS) + distance;
}

/** Executes the kept record at `distance`, of the block at `delta`; `before`: its instructions before this one. */
export function compiled_record(
  v: u32,
  budget: i32,
  distance: u32,
  before: u32,
  delta: i32,
  _nothing: v128,
): u32 {
  store<i32>(v + V_BUDGET, budget);
  store<u64>(v + V_RIP, wrap_rip(v, load<u64>(v + V_JIT_RIP) + (delta as i64 as u64)));
  const r = kept_record(v, distance);
  return exec_record(v, r, r - before * RECORD_SIZE);
}

/** Executes a record of keep_light_record by its handler: FLOW_*. RIP and the budget are in order if it is not FLOW_NEXT. */
export function compiled_light(v: u32, budget: i32, distance: u32, operand: u32, _nothing: v128): u32 {
  const r = kept_record(v, distance);
  const op: u32 = load<u16>(r + R_OP);
  const rm = operand ? operand : load<u32>(r + R_RM);
  let flow: u32;
  if (op < OP_PACKED) {
    place(v, r);
    if (Hot.execute(v, r, op, rm)) return FLOW_NEXT;
    flow = exec_x87(v, r, op, rm);
  } else {
    flow = exec_unit(v, r, op, rm);
  }
  if (flow == FLOW_NEXT && load<u32>(v + V_LEAVE) == 0) return FLOW_NEXT;
  place(v, r);
  store<i32>(v + V_BUDGET, budget);
  return left(v, r, r - load<u32>(r + KEPT_BEFORE) * RECORD_SIZE, flow);
}

/** RIP of the block that the record is of. */
function place(v: u32, r: u32): void {
  store<u64>(v + V_RIP, wrap_rip(v, load<u64>(v + V_JIT_RIP) + (load<i32>(r + KEPT_DELTA) as i64 as u64)));
}

/** The same for a record that reads MXCSR: 1 instead of FLOW_NEXT while it must be looked at for each result. */
export function compiled_float(v: u32, budget: i32, distance: u32, operand: u32, _nothing: v128): u32 {
  const flow = compiled_light(v, budget, distance, operand, _nothing);
  return flow == FLOW_NEXT ? !is_quick(load<u32>(v + V_MXCSR)) : flow;
}

/** The same for COMISS and its kin: two doubles at V_FLOAT_RESULT compare as the operands do. */
export function compiled_compare(v: u32, budget: i32, distance: u32, operand: u32, _nothing: v128): u32 {
  const flow = compiled_light(v, budget, distance, operand, _nothing);
  const bits = load<u32>(v + V_RFLAGS);
  const unordered = (bits & FLAG_PF) != 0;
  store<f64>(v + V_FLOAT_RESULT, unordered ? NaN : bits & (FLAG_CF | FLAG_ZF) ? 0 : 1);
  store<f64>(v + V_FLOAT_RESULT + 8, bits & FLAG_CF ? 1 : 0);
  return flow;
}

export function compiled_condition(v: u32, cc: u32, _nothing: v128): u32 {
  return condition(v, cc) as u32;
}

/**
 * A rotation has replaced CF (bit 0 of `carry`), or a comparison all flags (COMPARED, and CF and ZF). With CHANGES_OVERFLOW it
 * is CF and OF, with CHANGES_ZERO ZF alone, each in its place.
 */
export function compiled_carry(v: u32, carry: u32, _nothing: v128): void {
  if (carry & COMPARED) set_arith(v, carry & (FLAG_CF | FLAG_ZF));
  else if (carry & CHANGES_ZERO) set_arith(v, (arith_flags(v) & ~FLAG_ZF) | (carry & FLAG_ZF));
  else if (carry & CHANGES_OVERFLOW) set_carry_overflow(v, carry & 1, (carry >> 11) & 1);
  else set_carry(v, carry & 1);
}

/** Upper half of an unsigned product. */
export function compiled_high(a: u64, b: u64, _nothing: v128): u64 {
  return mul_high_unsigned(a, b);
}

/** STI would let in what waits already. */
export function compiled_opens(v: u32, _nothing: v128): u32 {
  return ((load<u32>(v + V_RFLAGS) & FLAG_IF) == 0 && opens_window(v)) as u32;
}

/** EFLAGS as PUSHF pushes them. */
export function compiled_flags(v: u32, _nothing: v128): u32 {
  return get_flags(v) & ~(FLAG_VM | FLAG_RF);
}

/** Whether a signed product does not fit 64 bits. */
export function compiled_overflow(a: i64, b: i64, _nothing: v128): u32 {
  return (mul_high_signed(a, b) != (a * b) >> 63) as u32;
}

/** The flags of a product whose low part is 0. */
export function compiled_zero_product(v: u32, cf_of: u32, _nothing: v128): void {
  set_arith(v, FLAG_PF | cf_of);
}
