// What compiled regions call: accesses that the TLB does not answer, records that only the interpreter executes, flags. Those
// that leave the region put RIP and the budget in order first.

import { FLOW_FAULT, FLOW_NEXT, FLOW_STOP, R_LEN } from '../abi/insn';
import { TLB_READ, TLB_WRITE, VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { V_STOPPED_BEHIND } from '../abi/pv';
import { LEAVE_COMMIT, V_BUDGET, V_JIT_RIP, V_LEAVE, V_RIP, V_TLB } from '../abi/vcpu_page';
import { FLAG_PF } from '../abi/x86';
import { condition, set_arith, set_carry } from '../cpu/flags';
import { wrap_rip } from '../cpu/operands';
import { access_rights, access_slow, commit } from '../memory/access';
import { exec_record } from './general';
import { mul_high_signed } from './muldiv';

/** A record of which only the length counts, for what asks which instruction has ended the run. */
const LAST_RECORD: u32 = 0x3f00;

// `info`: span in bits 0..4, segment in 5..7, instructions of the block before this one in 8..15, its length in 16..
function retire(v: u32, n: u32): void {
  store<i32>(v + V_BUDGET, load<i32>(v + V_BUDGET) - (n as i32));
}

function stop_at(v: u32, delta: i32, info: u32): void {
  store<u64>(v + V_RIP, wrap_rip(v, load<u64>(v + V_JIT_RIP) + (delta as i64 as u64)));
  retire(v, (info >> 8) & 0xff);
}

/** What a store has left to do, behind its instruction: FLOW_NEXT or FLOW_STOP. */
export function compiled_finish(v: u32, delta: i32, info: u32): u32 {
  if (load<u32>(v + V_LEAVE) & LEAVE_COMMIT) commit(v);
  if (load<u32>(v + V_LEAVE) == 0) return FLOW_NEXT;
  const length = info >> 16;
  stop_at(v, delta + (length as i32), info + 0x100);
  const record = v - VCPU_PAGE + VCPU_JIT + LAST_RECORD;
  store<u8>(record + R_LEN, length as u8);
  store<u32>(v + V_STOPPED_BEHIND, record);
  return FLOW_STOP;
}

function reach(v: u32, la: u64, tag: u32, modifies: bool, delta: i32, info: u32): u32 {
  const segment = (info >> 5) & 7;
  const p = access_slow(v, load<u32>(v + V_TLB), la, tag, info & 31, segment, modifies, access_rights(v));
  if (p == 0) stop_at(v, delta, info);
  return p;
}

/** Address of bytes to be read, 0 = fault. */
export function compiled_read(v: u32, la: u64, delta: i32, info: u32): u32 {
  return reach(v, la, TLB_READ, false, delta, info);
}

/** Address of bytes to be read and written, 0 = fault; compiled_finish follows. */
export function compiled_modify(v: u32, la: u64, delta: i32, info: u32): u32 {
  return reach(v, la, TLB_WRITE, true, delta, info);
}

/** A whole store: FLOW_NEXT, FLOW_STOP behind it, or FLOW_FAULT. */
export function compiled_write(v: u32, la: u64, value: u64, delta: i32, info: u32): u32 {
  const p = reach(v, la, TLB_WRITE, false, delta, info);
  if (p == 0) return FLOW_FAULT;
  const span = info & 31;
  if (span == 0) store<u8>(p, value as u8);
  else if (span == 1) store<u16>(p, value as u16);
  else if (span == 3) store<u32>(p, value as u32);
  else store<u64>(p, value);
  return load<u32>(v + V_LEAVE) ? compiled_finish(v, delta, info) : FLOW_NEXT;
}

/** Executes the copied record `r`, of the block at `delta` whose first record `first` would be. */
export function compiled_record(v: u32, r: u32, first: u32, delta: i32): u32 {
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
