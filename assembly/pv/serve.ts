// What must stand in guest memory before a guest goes on, and what of it a reset takes away. Knows no MSR numbers.
import {
  PV_CLOCK,
  PV_STEAL,
  V_APIC_ATTENTION,
  V_ASYNC_PF,
  V_ASYNC_PF_INT,
  V_KVMCLOCK,
  V_PV_EOI,
  V_PV_REQUESTS,
  V_STEAL_TIME,
  V_WAITS_SINCE,
} from '../abi/pv';
import { update_clock } from './clock';
import { update_steal_time } from './steal_time';

/** Serves V_PV_REQUESTS, on the vCPU's own thread. */
export function serve_pv(v: u32): void {
  const requests = atomic.xchg<u32>(v + V_PV_REQUESTS, 0);
  if (requests & PV_CLOCK) update_clock(v);
  if (requests & PV_STEAL) update_steal_time(v);
}

/** Power-up and INIT: the guest has told nothing, and its memory is its own. */
export function reset_pv(v: u32): void {
  atomic.store<u32>(v + V_PV_REQUESTS, 0);
  store<u32>(v + V_APIC_ATTENTION, 0);
  store<u64>(v + V_KVMCLOCK, 0);
  store<u64>(v + V_STEAL_TIME, 0);
  store<u64>(v + V_WAITS_SINCE, 0);
  store<u64>(v + V_ASYNC_PF, 0);
  store<u64>(v + V_ASYNC_PF_INT, 0);
  store<u64>(v + V_PV_EOI, 0);
}
