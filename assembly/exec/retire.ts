// The end of a run of records: RIP and the instruction count become exact. Executes nothing.
import { FLOW_BRANCH, FLOW_EXIT, FLOW_EXIT_BRANCH, FLOW_NEXT, FLOW_ON, FLOW_STOP } from '../abi/insn';
import { V_STOPPED_BEHIND } from '../abi/pv';
import { V_BUDGET, V_RIP } from '../abi/vcpu_page';
import { finish_store, next_rip, rip_of } from '../cpu/operands';

/** Instructions from `first` to `r`, and `extra` for `r` itself, leave the budget. */
export function retire(v: u32, r: u32, first: u32, extra: u32): void {
  const n = ((r - first) >> 5) + extra;
  store<i32>(v + V_BUDGET, load<i32>(v + V_BUDGET) - (n as i32));
}

/**
 * Ends the run of blocks at `r`: RIP and the instruction count become exact. A family's branch may have changed what
 * events may come in (IRET), so it ends the run as FLOW_STOP does, unless the handler has looked (FLOW_ON).
 */
export function leave(v: u32, r: u32, first: u32, flow: u32): u32 {
  if (flow == FLOW_BRANCH || flow == FLOW_EXIT_BRANCH || flow == FLOW_ON) {
    retire(v, r, first, 1);
    if (flow == FLOW_ON) return FLOW_BRANCH;
    return flow == FLOW_BRANCH ? FLOW_STOP : flow;
  } else if (flow == FLOW_STOP || flow == FLOW_EXIT) {
    store<u32>(v + V_STOPPED_BEHIND, r);
    store<u64>(v + V_RIP, next_rip(v, r));
    retire(v, r, first, 1);
  } else {
    store<u64>(v + V_RIP, rip_of(v, r));
    retire(v, r, first, 0);
  }
  return flow;
}

/** Behind a record of a family that has asked for a look or has ended the run: what its stores still need, then FLOW_*. */
export function left(v: u32, r: u32, first: u32, flow: u32): u32 {
  if (flow == FLOW_NEXT) flow = finish_store(v);
  return flow == FLOW_NEXT ? FLOW_NEXT : leave(v, r, first, flow);
}
