// Which tier executes a block: the interpreter, or the region that was compiled of it once it was hot.

import { B_HEAT, B_HVA, B_MODE, B_REGION, BORN, BORN_SHIFT, FLOW_BRANCH, HEAT_LIMIT } from '../abi/insn';
import {
  DROPPED_THREAD,
  EXIT_DELTA_SHIFT,
  EXIT_RETIRED_SHIFT,
  EXIT_TOLD,
  REGION_COUNT,
  REGION_EXECUTED,
  REGION_RECORDS,
  REGION_SLOT,
} from '../abi/jit';
import { VM_HEAT, VM_PAGE } from '../abi/map';
import {
  V_BUDGET,
  V_JIT_RECORDS,
  V_JIT_REGIONS,
  V_JIT_RIP,
  V_LEAVE,
  V_REQUESTS,
  V_RIP,
} from '../abi/vcpu_page';
import { wrap_rip } from '../cpu/operands';
import { born, first_heat, flush_blocks, next_region } from '../decode/block';
import { note_entered, note_refused } from '../decode/region_notes';
import { flush_regions, has_own_regions, is_region, region } from '../decode/regions';
import { exec_block } from '../exec/dispatch';
import { vm_base } from '../host';
import { compile_region } from '../jit/compile';

/** The heat of a block that is never compiled. */
const COLD: i32 = i32.MIN_VALUE;
/** Instructions of the vCPU for each entry of a hot block at most; and, in 2^BORN_SHIFT, what any block may take. */
const PATIENCE: u64 = 8000;
const LEAST_PATIENCE: u64 = 8;

/** Regions of another instance of the core are nothing to this one. */
export function prepare_regions(v: u32): void {
  if (load<u32>(v + V_JIT_REGIONS) == 0 || has_own_regions(v)) return;
  flush_regions(v, DROPPED_THREAD);
  flush_blocks(v);
}

/**
 * A block that has B_REGION `since` has become hot so slowly that compiling it (some 4 ms of the host's processors) would take more than it gains
 * (some 70 ns an entry) for many seconds: it is counted anew, for heat is a rate.
 */
function is_lukewarm(v: u32, since: u32): bool {
  if (since == 0) return false;
  const entries = (load<u32>(vm_base + VM_PAGE + VM_HEAT) as u64) - 1;
  const patience = LEAST_PATIENCE + ((entries * PATIENCE) >> BORN_SHIFT);
  return (((born(v) - since) & ~BORN) as u64) > patience;
}

/** Executes from block `b` on, or compiles it and executes nothing; FLOW_*. */
export function execute(v: u32, b: u32): u32 {
  const heat = load<i32>(b + B_HEAT);
  if (heat < HEAT_LIMIT) {
    store<i32>(b + B_HEAT, heat + 1);
    return exec_block(v, b);
  }
  let number = load<u32>(b + B_REGION);
  if (number == 0 || number & BORN) {
    if (is_lukewarm(v, number)) {
      store<u32>(b + B_REGION, born(v));
      store<i32>(b + B_HEAT, first_heat());
      return exec_block(v, b);
    }
    // Even a block that is never compiled has been entered so often in the end.
    if (load<u32>(vm_base + VM_PAGE + VM_HEAT) == 0) {
      store<i32>(b + B_HEAT, COLD);
      return exec_block(v, b);
    }
    if (!has_own_regions(v)) flush_regions(v, DROPPED_THREAD);
    number = compile_region(v, b, load<u64>(v + V_RIP));
    store<u32>(b + B_REGION, number);
    if (number == 0) {
      store<i32>(b + B_HEAT, COLD);
      note_refused(v);
    }
    return FLOW_BRANCH;
  }
  const found = region(v, number);
  if (!is_region(found, load<u32>(b + B_HVA), load<u32>(b + B_MODE))) {
    // It went for want of room; its number may be another's.
    store<u32>(b + B_REGION, born(v));
    store<i32>(b + B_HEAT, first_heat());
    return exec_block(v, b);
  }
  if (load<i32>(v + V_BUDGET) < (load<u16>(found + REGION_COUNT) as i32)) return exec_block(v, b);
  const rip = load<u64>(v + V_RIP);
  const budget = load<i32>(v + V_BUDGET);
  const flow = run_regions(v, found);
  note_entered(v, budget - load<i32>(v + V_BUDGET));
  // A region leaves before an instruction that only the interpreter can execute. At its entry that is no way forward.
  const stands = flow == FLOW_BRANCH && load<u64>(v + V_RIP) == rip && load<i32>(v + V_BUDGET) == budget;
  return stands && load<u32>(v + V_REQUESTS) == 0 ? exec_block(v, b) : flow;
}

/** Executes the region `found` at V_RIP and those that follow it, as long as one does and nothing else is to be done. */
function run_regions(v: u32, found: u32): u32 {
  while (true) {
    const rip = load<u64>(v + V_RIP);
    const budget = load<i32>(v + V_BUDGET);
    store<u64>(v + V_JIT_RIP, rip);
    store<u32>(v + V_JIT_RECORDS, load<u32>(found + REGION_RECORDS));
    const told = call_indirect<u32>(load<u32>(found + REGION_SLOT), v);
    if (told & EXIT_TOLD) {
      store<u64>(v + V_RIP, wrap_rip(v, rip + (((told as i32) >> EXIT_DELTA_SHIFT) as i64)));
      const retired = (told >> EXIT_RETIRED_SHIFT) & 0x7f;
      store<i32>(v + V_BUDGET, load<i32>(v + V_BUDGET) - (retired as i32));
    }
    const executed = budget - load<i32>(v + V_BUDGET);
    store<u64>(found + REGION_EXECUTED, load<u64>(found + REGION_EXECUTED) + (executed as i64 as u64));
    if ((told & 7) != FLOW_BRANCH) return told & 7;
    if (load<u32>(v + V_LEAVE) | load<u32>(v + V_REQUESTS)) return FLOW_BRANCH;
    found = next_region(v, found);
    if (found == 0) return FLOW_BRANCH;
    // Whoever leaves where it began would do so again.
    if (load<i32>(v + V_BUDGET) == budget && load<u64>(v + V_RIP) == rip) return FLOW_BRANCH;
  }
}
