// Records that the interpreter executes for a region.

import { forget_flags } from './flags';
import {
  get,
  go_gone_if,
  go_out_if,
  reload_flags,
  reload_registers,
  reload_tlb,
  settle_registers,
  spill_flags,
  tee,
} from './frame';
import { reload_vector_state } from './light';
import { F_RECORD, L_BUDGET, L_FLOW, L_V } from './locals';
import { keep_record } from './records';
import { read_registers, USES_FLAGS, USES_TLB, written_registers } from './uses';
import { call_core, i32_const } from './wasm';

/** The interpreter executes the record `r`, the `n`th of its block at `delta`. */
export function interpret(v: u32, r: u32, n: u32, delta: i32): void {
  const distance = keep_record(r);
  const with_flags = (read_registers(v, r) & USES_FLAGS) != 0;
  const written = written_registers(v, r);
  settle_registers();
  if (with_flags) spill_flags();
  get(L_V);
  get(L_BUDGET);
  i32_const(distance as i32);
  i32_const(n as i32);
  i32_const(delta);
  call_core(F_RECORD);
  tee(L_FLOW);
  if (with_flags) go_gone_if();
  else go_out_if();
  reload_registers(written);
  if (written & USES_TLB) reload_tlb();
  reload_vector_state();
  if (written & USES_FLAGS) {
    reload_flags();
    forget_flags();
  }
}
