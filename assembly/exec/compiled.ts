// What compiled regions call: accesses that the TLB does not answer, records that only the interpreter executes, flags. Those
// that leave the region put RIP and the budget in order first.
//
// `info` tells of the instruction: span of the operand in bits 0 to 4, segment in 5 to 7, instructions of the block before this
// one in 8 to 15, its length in 16 to 19, and from bit 20 on, signed, the bytes from the region's entry to it.

import { FLOW_BRANCH, FLOW_FAULT, FLOW_NEXT, FLOW_STOP, R_LEN } from '../abi/insn';
import { TLB_READ, TLB_WRITE, VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { V_STOPPED_BEHIND } from '../abi/pv';
import { LEAVE_COMMIT, V_BUDGET, V_GPR, V_JIT_RIP, V_LEAVE, V_RIP, V_TLB } from '../abi/vcpu_page';
import { FLAG_PF } from '../abi/x86';
import { condition, set_arith, set_carry } from '../cpu/flags';
import { wrap_rip } from '../cpu/operands';
import { access_rights, access_slow, commit } from '../memory/access';
import { exec_record } from './general';
import { mul_high_signed } from './muldiv';

/** A record of which only the length counts, for what asks which instruction has ended the run. */
const LAST_RECORD: u32 = 0x3f00;

function length_of(info: i64): u32 {
  return ((info >> 16) as u32) & 15;
}

/** RIP and budget of the instruction, or behind it. */
function stop_at(v: u32, info: i64, behind: bool): void {
  const delta = (info >> 20) + (behind ? (length_of(info) as i64) : 0);
  store<u64>(v + V_RIP, wrap_rip(v, load<u64>(v + V_JIT_RIP) + delta));
  const retired: u32 = (((info >> 8) as u32) & 0xff) + (behind as u32);
  store<i32>(v + V_BUDGET, load<i32>(v + V_BUDGET) - (retired as i32));
}

/** What a store has left to do, behind its instruction: FLOW_NEXT or FLOW_STOP. */
export function compiled_finish(v: u32, budget: i32, info: i64): u32 {
  store<i32>(v + V_BUDGET, budget);
  if (load<u32>(v + V_LEAVE) & LEAVE_COMMIT) commit(v);
  if (load<u32>(v + V_LEAVE) == 0) return FLOW_NEXT;
  stop_at(v, info, true);
  const record = v - VCPU_PAGE + VCPU_JIT + LAST_RECORD;
  store<u8>(record + R_LEN, length_of(info) as u8);
  store<u32>(v + V_STOPPED_BEHIND, record);
  return FLOW_STOP;
}

function reach(v: u32, la: u64, tag: u32, modifies: bool, budget: i32, info: i64): u32 {
  store<i32>(v + V_BUDGET, budget);
  const low = info as u32;
  const segment = (low >> 5) & 7;
  const p = access_slow(v, load<u32>(v + V_TLB), la, tag, low & 31, segment, modifies, access_rights(v));
  if (p == 0) stop_at(v, info, false);
  return p;
}

/** Address of bytes to be read, 0 = fault. */
export function compiled_read(v: u32, la: u64, budget: i32, info: i64): u32 {
  return reach(v, la, TLB_READ, false, budget, info);
}

/** Address of bytes to be read and written, 0 = fault; compiled_finish follows. */
export function compiled_modify(v: u32, la: u64, budget: i32, info: i64): u32 {
  return reach(v, la, TLB_WRITE, true, budget, info);
}

/** A whole store: FLOW_NEXT, FLOW_STOP behind it, or FLOW_FAULT. */
export function compiled_write(v: u32, la: u64, value: u64, budget: i32, info: i64): u32 {
  const p = reach(v, la, TLB_WRITE, false, budget, info);
  if (p == 0) return FLOW_FAULT;
  const span = (info as u32) & 31;
  if (span == 0) store<u8>(p, value as u8);
  else if (span == 1) store<u16>(p, value as u16);
  else if (span == 3) store<u32>(p, value as u32);
  else store<u64>(p, value);
  return load<u32>(v + V_LEAVE) ? compiled_finish(v, budget, info) : FLOW_NEXT;
}

/** PUSH: the same, and RSP is where the value lies. */
export function compiled_push(v: u32, la: u64, value: u64, budget: i32, info: i64): u32 {
  const flow = compiled_write(v, la, value, budget, info);
  if (flow != FLOW_FAULT) store<u64>(v + V_GPR + 32, la);
  return flow;
}

/** CALL: the same; where the run ends behind it, it goes on at `target`. */
export function compiled_call(v: u32, la: u64, value: u64, target: u64, budget: i32, info: i64): u32 {
  const flow = compiled_push(v, la, value, budget, info);
  if (flow != FLOW_STOP) return flow;
  store<u64>(v + V_RIP, target);
  return FLOW_BRANCH;
}

/** Executes the copied record `r`, of the block at `delta` whose first record `first` would be. */
export function compiled_record(v: u32, budget: i32, r: u32, first: u32, delta: i32): u32 {
  store<i32>(v + V_BUDGET, budget);
  store<u64>(v + V_RIP, wrap_rip(v, load<u64>(v + V_JIT_RIP) + (delta as i64 as u64)));
  return exec_record(v, r, first);
}

export function compiled_condition(v: u32, cc: u32): u32 {
  return condition(v, cc) as u32;
}

/** A rotation has replaced CF (bit 0 of `carry`). */
export function compiled_carry(v: u32, carry: u32): void {
  set_carry(v, carry & 1);
}

/** Whether a signed product does not fit 64 bits. */
export function compiled_overflow(a: i64, b: i64): u32 {
  return (mul_high_signed(a, b) != (a * b) >> 63) as u32;
}

/** The flags of a product whose low part is 0. */
export function compiled_zero_product(v: u32, cf_of: u32): void {
  set_arith(v, FLAG_PF | cf_of);
}
