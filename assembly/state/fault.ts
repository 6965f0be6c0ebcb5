// The pending fault of a vCPU: handlers raise it and unwind; the run loop delivers it (cpu/deliver.ts). Knows no delivery.

import { FLOW_FAULT } from '../abi/insn';
import {
  FAULT_EXIT,
  V_FAULT,
  V_FAULT_ADDRESS,
  V_FAULT_CODE,
  V_FAULT_DR6,
  V_FAULT_HAS_CODE,
} from '../abi/vcpu_page';
import { DB, PF } from '../abi/x86';

/** Raises an exception without an error code. */
export function raise(v: u32, vector: u32): u32 {
  store<u32>(v + V_FAULT, vector + 1);
  store<u32>(v + V_FAULT_HAS_CODE, 0);
  store<u32>(v + V_FAULT_CODE, 0);
  return FLOW_FAULT;
}

/** Raises an exception with an error code. */
export function raise_code(v: u32, vector: u32, code: u32): u32 {
  store<u32>(v + V_FAULT, vector + 1);
  store<u32>(v + V_FAULT_HAS_CODE, 1);
  store<u32>(v + V_FAULT_CODE, code);
  return FLOW_FAULT;
}

/** Raises #PF; CR2 is written when the fault is delivered. */
export function raise_page_fault(v: u32, la: u64, code: u32): u32 {
  store<u64>(v + V_FAULT_ADDRESS, la);
  return raise_code(v, PF, code);
}

/** Raises #DB with the bits that it brings for DR6. */
export function raise_debug(v: u32, dr6: u32): u32 {
  store<u32>(v + V_FAULT_DR6, dr6);
  return raise(v, DB);
}

/** Leaves the instruction for an exit that is in the run page; it starts again on re-entry. */
export function raise_exit(v: u32): u32 {
  store<u32>(v + V_FAULT, FAULT_EXIT);
  return FLOW_FAULT;
}

export function faulted(v: u32): bool {
  return load<u32>(v + V_FAULT) != 0;
}

export function clear_fault(v: u32): void {
  store<u32>(v + V_FAULT, 0);
}
