// Firing what is due. Whoever has the time may call this, on any thread.

import { PIT_NEXT } from '../abi/irqchip';
import { KVM_MP_STATE_RUNNABLE } from '../abi/kvm_run';
import { PIT_PAGE, VM_PAGE, VM_VCPUS } from '../abi/map';
import { V_BUDGET, V_MP_STATE, V_TIMER_BUDGET, V_TIMER_NEXT } from '../abi/vcpu_page';
import { vm_base } from '../host';
import { vcpu_page } from '../state/vcpu';
import { lapic_deadline, timer_poll } from './lapic_timer';
import { irq_lock } from './lock';
import { pit_poll } from './pit_chip';
import { finish } from './settle';

/** Instructions in which the host's clock is looked at once, some 10 us: asking takes as long as a system call's way in. */
const LOOK: i32 = 2000;
const NOT_LOOKED: u64 = u64.MAX_VALUE;

/** Time may have passed without instructions: whoever wants to know what is due asks the host. */
export function forget_time(v: u32): void {
  store<u64>(v + V_TIMER_NEXT, NOT_LOOKED);
}

/** The host is asked for the time now, and `next` is the next timer. */
export function note_time(v: u32, next: u64): void {
  store<u64>(v + V_TIMER_NEXT, next);
  store<i32>(v + V_TIMER_BUDGET, load<i32>(v + V_BUDGET) - LOOK);
}

/** The host was asked just now, and the next timer is still the same. */
export function knows_time(v: u32, next: u64): bool {
  return next == load<u64>(v + V_TIMER_NEXT) && load<i32>(v + V_BUDGET) > load<i32>(v + V_TIMER_BUDGET);
}

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
