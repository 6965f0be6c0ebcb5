// PAUSE: a guest that spins gives its host core back, as by KVM's pause-loop exiting. Nothing but sleep comes of it.
//
// PAUSEs that follow each other closely are a spin. After SPIN of them the vCPU sleeps, each time twice as long, until it is
// woken or a timer is due; whoever waits for it meanwhile finds it parked. In the deterministic engine nothing sleeps.
import { FLOW_NEXT, FLOW_STOP } from '../abi/insn';
import { ENGINE_PARALLEL, VM_ENGINE, VM_PAGE } from '../abi/map';
import {
  V_BUDGET,
  V_ICOUNT_END,
  V_PAUSE_SLEEP,
  V_PAUSED_AT,
  V_PAUSES,
  V_REQUESTS,
  V_WAKE,
} from '../abi/vcpu_page';
import { host_now, vm_base } from '../host';
import { forget_time, timers_next } from '../irqchip/timers';
import { resume, stand } from '../memory/requests';
import { sleep } from '../state/sleep';

/** Instructions between two PAUSEs of one spin, at most. */
const GAP: u64 = 64;
/** PAUSEs until the first sleep: a lock that is held for a moment costs none. */
const SPIN: u32 = 1024;
/** And until the next. */
const SPIN_ON: u32 = 64;
/** ns. */
const SHORTEST: u32 = 50000;
const LONGEST: u32 = 1000000;

/** Sleeps for `ns` at most. It ends when an event comes, and early rather than late. */
function rest(v: u32, ns: u32): void {
  const wake = atomic.load<u32>(v + V_WAKE);
  if (atomic.load<u32>(v + V_REQUESTS)) return;
  let left: i64 = ns;
  const timer = timers_next();
  if (timer != 0) left = min(left, (timer - host_now()) as i64);
  if (left <= 0) return;
  stand(v);
  sleep(v + V_WAKE, wake, left);
  forget_time(v);
  resume(v);
}

/** Counts a PAUSE. FLOW_STOP after a sleep: what was asked of the vCPU meanwhile is served before it goes on. */
export function pause(v: u32): u32 {
  const now = load<u64>(v + V_ICOUNT_END) - (load<i32>(v + V_BUDGET) as i64 as u64);
  const since = now - load<u64>(v + V_PAUSED_AT);
  store<u64>(v + V_PAUSED_AT, now);
  if (since > GAP) {
    store<u32>(v + V_PAUSES, 0);
    store<u32>(v + V_PAUSE_SLEEP, 0);
    return FLOW_NEXT;
  }
  const pauses = load<u32>(v + V_PAUSES) + 1;
  store<u32>(v + V_PAUSES, pauses);
  if (pauses < SPIN || load<u32>(vm_base + VM_PAGE + VM_ENGINE) != ENGINE_PARALLEL) return FLOW_NEXT;
  const ns = min(max(load<u32>(v + V_PAUSE_SLEEP) * 2, SHORTEST), LONGEST);
  store<u32>(v + V_PAUSE_SLEEP, ns);
  store<u32>(v + V_PAUSES, SPIN - SPIN_ON);
  rest(v, ns);
  return FLOW_STOP;
}
