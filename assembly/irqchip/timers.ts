// Firing what is due. Whoever has the time may call this, on any thread.

import { PIT_NEXT } from '../abi/irqchip';
import { KVM_MP_STATE_RUNNABLE } from '../abi/kvm_run';
import { PIT_PAGE, VM_PAGE, VM_VCPUS } from '../abi/map';
import { V_MP_STATE } from '../abi/vcpu_page';
import { vm_base } from '../host';
import { vcpu_page } from '../state/vcpu';
import { lapic_deadline, timer_poll } from './lapic_timer';
import { irq_lock } from './lock';
import { pit_poll } from './pit_chip';
import { finish } from './settle';

/** Fires every timer that is due at `now` (ns): the PIT's channel 0 and each local APIC's. */
export function timers_poll(now: u64): void {
  const next = atomic.load<u64>(vm_base + PIT_PAGE + PIT_NEXT);
  if (next != 0 && now >= next) {
    irq_lock();
    pit_poll(now);
    finish();
  }
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    timer_poll(vcpu_page(ctz<u32>(left)), now);
  }
}

/**
 * When a halted vCPU must be there (ns), 0 = never: for the PIT, its own timer, and the timers of those that run, who look
 * seldom. Others that halt look after their own, so that an idle machine is not woken by each of them for all.
 */
export function timers_next_halted(v: u32): u64 {
  let next = atomic.load<u64>(vm_base + PIT_PAGE + PIT_NEXT);
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const other = vcpu_page(ctz<u32>(left));
    if (other != v && atomic.load<u32>(other + V_MP_STATE) != KVM_MP_STATE_RUNNABLE) continue;
    const deadline = lapic_deadline(other);
    if (deadline != 0 && (next == 0 || deadline < next)) next = deadline;
  }
  return next;
}

/** The earliest time (ns) at which timers_poll has something to do; 0 = never. */
export function timers_next(): u64 {
  let next = atomic.load<u64>(vm_base + PIT_PAGE + PIT_NEXT);
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const deadline = lapic_deadline(vcpu_page(ctz<u32>(left)));
    if (deadline != 0 && (next == 0 || deadline < next)) next = deadline;
  }
  return next;
}
