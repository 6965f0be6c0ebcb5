// Which tier executes a block: the interpreter, or the region that was compiled of it once it was hot.

import { B_HEAT, B_REGION, FLOW_BRANCH, HEAT_LIMIT } from '../abi/insn';
import {
  EXIT_DELTA_SHIFT,
  EXIT_RETIRED_SHIFT,
  EXIT_TOLD,
  NONE,
  REGION_COUNT,
  REGION_HVA,
  REGION_SLOT,
} from '../abi/jit';
import { VM_HEAT, VM_PAGE } from '../abi/map';
import { V_BUDGET, V_JIT_REGIONS, V_JIT_RIP, V_LEAVE, V_REQUESTS, V_RIP } from '../abi/vcpu_page';
import { wrap_rip } from '../cpu/operands';
import { flush_blocks, next_region } from '../decode/block';
import { flush_regions, has_own_regions, region, regions_are_full } from '../decode/regions';
import { exec_block } from '../exec/dispatch';
import { vm_base } from '../host';
import { compile_region } from '../jit/compile';

/** The heat of a block that is never compiled. */
const COLD: i32 = i32.MIN_VALUE;

/** Regions of another instance of the core are nothing to this one. */
export function prepare_regions(v: u32): void {
  if (load<u32>(v + V_JIT_REGIONS) == 0 || has_own_regions(v)) return;
  flush_regions(v);
  flush_blocks(v);
}

/** Executes from block `b` on; FLOW_*. */
export function execute(v: u32, b: u32): u32 {
  const heat = load<i32>(b + B_HEAT);
  if (heat < HEAT_LIMIT) {
    store<i32>(b + B_HEAT, heat + 1);
    return exec_block(v, b);
  }
  let number = load<u32>(b + B_REGION);
  if (number == 0) {
    // Even a block that is never compiled has been entered so often in the end.
    if (load<u32>(vm_base + VM_PAGE + VM_HEAT) == 0) {
      store<i32>(b + B_HEAT, COLD);
      return exec_block(v, b);
    }
    if (!has_own_regions(v)) flush_regions(v);
    if (regions_are_full(v)) {
      flush_regions(v);
      flush_blocks(v);
      // `b` is not among the blocks any more, so that a store to its own code would go unnoticed: it is found anew.
      return FLOW_BRANCH;
    }
    number = compile_region(v, b);
    store<u32>(b + B_REGION, number);
    if (number == 0) store<i32>(b + B_HEAT, COLD);
  }
  const found = region(v, number);
  if (
    number == 0 ||
    load<u32>(found + REGION_HVA) == NONE ||
    load<i32>(v + V_BUDGET) < load<i32>(found + REGION_COUNT)
  )
    return exec_block(v, b);
  const rip = load<u64>(v + V_RIP);
  const budget = load<i32>(v + V_BUDGET);
  const flow = run_regions(v, found);
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
    const told = call_indirect<u32>(load<u32>(found + REGION_SLOT), v);
    if (told & EXIT_TOLD) {
      store<u64>(v + V_RIP, wrap_rip(v, rip + (((told as i32) >> EXIT_DELTA_SHIFT) as i64)));
      const retired = (told >> EXIT_RETIRED_SHIFT) & 0x7f;
      store<i32>(v + V_BUDGET, load<i32>(v + V_BUDGET) - (retired as i32));
    }
    if ((told & 7) != FLOW_BRANCH) return told & 7;
    if (load<u32>(v + V_LEAVE) | load<u32>(v + V_REQUESTS)) return FLOW_BRANCH;
    found = next_region(v);
    if (found == 0) return FLOW_BRANCH;
    // Whoever leaves where it began would do so again.
    if (load<i32>(v + V_BUDGET) == budget && load<u64>(v + V_RIP) == rip) return FLOW_BRANCH;
  }
}
