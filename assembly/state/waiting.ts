// Since when a vCPU could run and does not: what its guest is told as stolen time. Knows no guest memory.
import { KVM_MP_STATE_HALTED } from '../abi/kvm_run';
import { KVM_MSR_ENABLED, PV_STEAL, V_PV_REQUESTS, V_STEAL_TIME, V_WAITS_SINCE } from '../abi/pv';
import { V_MP_STATE } from '../abi/vcpu_page';
import { host_now } from '../host';

/** The guest wants to know. */
export function tells_steal(v: u32): bool {
  return (load<u32>(v + V_STEAL_TIME) & KVM_MSR_ENABLED) != 0;
}

/** The vCPU waits from now on, unless it does already. */
export function begin_wait(v: u32): void {
  atomic.cmpxchg<u64>(v + V_WAITS_SINCE, 0, host_now());
  atomic.or<u32>(v + V_PV_REQUESTS, PV_STEAL);
}

/** Somebody wakes the vCPU: a halted one waits for its thread from now on. */
export function woken(v: u32): void {
  if (tells_steal(v) && atomic.load<u32>(v + V_MP_STATE) == KVM_MP_STATE_HALTED) begin_wait(v);
}

/** Ends the wait; its length in ns, 0 when there was none. */
export function end_wait(v: u32): u64 {
  if (atomic.load<u64>(v + V_WAITS_SINCE) == 0) return 0;
  const since = atomic.xchg<u64>(v + V_WAITS_SINCE, 0);
  const now = host_now();
  return since == 0 || now < since ? 0 : now - since;
}
