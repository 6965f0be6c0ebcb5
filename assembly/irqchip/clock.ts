// Lengths of guest time: TSC ticks to ns, and kvmclock from machine time. The TSC itself is state/tsc.ts.
import { CLOCK_OFFSET } from '../abi/irqchip';
import { CLOCK_PAGE } from '../abi/map';
import { host_now, vm_base } from '../host';
import { tsc_khz } from '../state/tsc';

const MS: u64 = 1000000;
/** Over 300 years: longer lengths are cut, so that sums of times fit 64 bits. */
const LONGEST_MS: u64 = 10000000000000;

/** TSC ticks of a vCPU to ns, rounded up, so that the TSC has reached a deadline when its timer fires. */
export function tsc_to_ns(v: u32, ticks: u64): u64 {
  const khz = tsc_khz(v);
  if (khz == 0 || ticks / khz > LONGEST_MS) return LONGEST_MS * MS;
  return (ticks / khz) * MS + ((ticks % khz) * MS + khz - 1) / khz;
}

/** kvmclock in ns (KVM_GET_CLOCK). */
export function clock_now(): u64 {
  return host_now() + load<u64>(vm_base + CLOCK_PAGE + CLOCK_OFFSET);
}

/** Sets kvmclock (KVM_SET_CLOCK). */
export function clock_set(ns: u64): void {
  store<u64>(vm_base + CLOCK_PAGE + CLOCK_OFFSET, ns - host_now());
}
