// The local APIC's timer: one-shot, periodic and TSC deadline (SDM vol. 3, 11.5.4). Its bus clock is 1 GHz as KVM's.
// Whoever swaps the deadline fires it, so the vCPU's thread and another that polls may meet here without a lock.
import {
  APIC_DM_FIXED,
  APIC_LVTT,
  APIC_MASKED,
  APIC_TDCR,
  APIC_TIMER_PERIODIC,
  APIC_TIMER_TSCDEADLINE,
  APIC_TMICT,
  LAPIC_DEADLINE,
  LAPIC_PERIOD,
} from '../abi/irqchip';
import { V_TSC_DEADLINE } from '../abi/vcpu_page';
import { host_now } from '../host';
import { read_tsc } from '../state/tsc';
import { tsc_to_ns } from './clock';
import { accept, lapic_get, lapic_page, lapic_set } from './lapic_bus';

/** The shortest period that is honoured (KVM's min_timer_period_us = 200). */
const MIN_PERIOD: u64 = 200000;

/** Mode bits of LVTT: APIC_TIMER_*. */
export function timer_mode(v: u32): u32 {
  return (lapic_get(v, APIC_LVTT) >> 17) & 3;
}

/** ns for each count, from the divide configuration: 1 to 128. */
function divider(v: u32): u64 {
  const tdcr = lapic_get(v, APIC_TDCR);
  return (1 as u64) << (((((tdcr & 3) | ((tdcr & 8) >> 1)) + 1) & 7) as u64);
}

/** When the timer fires (ns of machine time); 0 = stopped. */
export function lapic_deadline(v: u32): u64 {
  return atomic.load<u64>(lapic_page(v) + LAPIC_DEADLINE);
}

function arm(v: u32, deadline: u64, period: u64): void {
  store<u64>(lapic_page(v) + LAPIC_PERIOD, period);
  atomic.store<u64>(lapic_page(v) + LAPIC_DEADLINE, deadline);
}

export function timer_stop(v: u32): void {
  arm(v, 0, 0);
}

/** Starts to count down from the initial count, in one-shot and periodic mode. */
export function timer_start(v: u32): void {
  const count = lapic_get(v, APIC_TMICT) as u64;
  if (count == 0) {
    timer_stop(v);
    return;
  }
  let length = count * divider(v);
  const periodic = timer_mode(v) == APIC_TIMER_PERIODIC;
  if (periodic && length < MIN_PERIOD) length = MIN_PERIOD;
  arm(v, host_now() + length, periodic ? length : 0);
}

/** IA32_TSC_DEADLINE as the guest reads it: 0 outside deadline mode. */
export function lapic_get_deadline(v: u32): u64 {
  return timer_mode(v) == APIC_TIMER_TSCDEADLINE ? load<u64>(v + V_TSC_DEADLINE) : 0;
}

/** Writes IA32_TSC_DEADLINE: arms the timer, 0 disarms it; ignored outside deadline mode. */
export function lapic_set_deadline(v: u32, tsc: u64): void {
  if (timer_mode(v) != APIC_TIMER_TSCDEADLINE) return;
  atomic.store<u64>(v + V_TSC_DEADLINE, tsc);
  if (tsc == 0) {
    timer_stop(v);
    return;
  }
  const now = host_now();
  const then = read_tsc(v);
  arm(v, tsc > then ? now + tsc_to_ns(v, tsc - then) : now == 0 ? 1 : now, 0);
  timer_poll(v, now);
}

/** Writes LVTT's mode bits: entering or leaving deadline mode stops the timer (SDM vol. 3, 11.5.4.1). */
export function timer_set_lvt(v: u32, value: u32): void {
  const before = timer_mode(v);
  lapic_set(v, APIC_LVTT, value);
  const after = timer_mode(v);
  if (before == after) return;
  if (before == APIC_TIMER_TSCDEADLINE || after == APIC_TIMER_TSCDEADLINE) {
    lapic_set(v, APIC_TMICT, 0);
    store<u64>(v + V_TSC_DEADLINE, 0);
    timer_stop(v);
    return;
  }
  // Between one-shot and periodic the countdown goes on; only what follows it changes.
  const length = (lapic_get(v, APIC_TMICT) as u64) * divider(v);
  const period: u64 = length < MIN_PERIOD ? MIN_PERIOD : length;
  store<u64>(lapic_page(v) + LAPIC_PERIOD, after == APIC_TIMER_PERIODIC ? period : 0);
}

/** Writes the divide configuration; what is left of a running countdown keeps its count. */
export function timer_set_divider(v: u32, value: u32): void {
  const left = timer_count(v) as u64;
  lapic_set(v, APIC_TDCR, value & 0xb);
  if (left == 0) return;
  timer_start(v);
  atomic.store<u64>(lapic_page(v) + LAPIC_DEADLINE, host_now() + left * divider(v));
}

/** The current count. */
export function timer_count(v: u32): u32 {
  if (timer_mode(v) == APIC_TIMER_TSCDEADLINE) return 0;
  const now = host_now();
  timer_poll(v, now);
  const deadline = lapic_deadline(v);
  if (deadline <= now) return 0;
  return ((deadline - now) / divider(v)) as u32;
}

/** Fires the timer of a vCPU if it is due at `now`. */
export function timer_poll(v: u32, now: u64): void {
  const word = lapic_page(v) + LAPIC_DEADLINE;
  // The MSR first: read behind the deadline it could be that of the next one, which the guest is just writing.
  const msr = atomic.load<u64>(v + V_TSC_DEADLINE);
  const deadline = atomic.load<u64>(word);
  if (deadline == 0 || now < deadline) return;
  const period = load<u64>(lapic_page(v) + LAPIC_PERIOD);
  // Periods that passed unseen are one interrupt, as their requests would meet in one IRR bit.
  const next = period == 0 ? 0 : deadline + period * ((now - deadline) / period + 1);
  if (atomic.cmpxchg<u64>(word, deadline, next) != deadline) return;
  const lvt = lapic_get(v, APIC_LVTT);
  if (((lvt >> 17) & 3) == APIC_TIMER_TSCDEADLINE) atomic.cmpxchg<u64>(v + V_TSC_DEADLINE, msr, 0);
  if ((lvt & APIC_MASKED) == 0) accept(v, APIC_DM_FIXED, lvt & 0xff, false);
}
