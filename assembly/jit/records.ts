// Copies of records that regions leave to the interpreter: the decode cache may be emptied while a region lives.

import { R_IMM, R_REG, R_RM, RECORD_SIZE } from '../abi/insn';
import { JIT_END, JIT_RECORDS, LIGHT_BEFORE, LIGHT_DELTA, LIGHT_SIZE } from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { V_JIT_TOP } from '../abi/vcpu_page';

let vcpu: u32 = 0;
let full: bool = false;

export function begin_records(v: u32): void {
  vcpu = v;
  full = false;
}

/** There was no room for a copy: the region must not be used. */
export function records_full(): bool {
  return full;
}

export function clear_records(v: u32): void {
  store<u32>(v + V_JIT_TOP, v - VCPU_PAGE + VCPU_JIT + JIT_RECORDS);
}

/** A copy of the record `r` that stays as long as the vCPU's regions do. */
export function keep_record(r: u32): u32 {
  const copy = load<u32>(vcpu + V_JIT_TOP);
  if (copy + RECORD_SIZE > vcpu - VCPU_PAGE + VCPU_JIT + JIT_END) {
    full = true;
    return copy;
  }
  memory.copy(copy, r, RECORD_SIZE);
  // An immediate lies in the record itself.
  if (load<u32>(r + R_REG) == r + R_IMM) store<u32>(copy + R_REG, copy + R_IMM);
  if (load<u32>(r + R_RM) == r + R_IMM) store<u32>(copy + R_RM, copy + R_IMM);
  store<u32>(vcpu + V_JIT_TOP, copy + RECORD_SIZE);
  return copy;
}

/** The same for a light call: with the `delta` of its block and how many instructions of it come `before`. */
export function keep_light_record(r: u32, delta: i32, before: u32): u32 {
  const copy = keep_record(r);
  const top = load<u32>(vcpu + V_JIT_TOP);
  if (full || top + LIGHT_SIZE - RECORD_SIZE > vcpu - VCPU_PAGE + VCPU_JIT + JIT_END) {
    full = true;
    return copy;
  }
  store<i32>(copy + LIGHT_DELTA, delta);
  store<u32>(copy + LIGHT_BEFORE, before);
  store<u32>(vcpu + V_JIT_TOP, copy + LIGHT_SIZE);
  return copy;
}
