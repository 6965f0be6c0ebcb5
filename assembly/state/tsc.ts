// The time-stamp counter: machine time at the VM's frequency plus a vCPU's offset.
import { VM_PAGE, VM_TSC_KHZ } from '../abi/map';
import { V_TSC_OFFSET } from '../abi/vcpu_page';
import { host_now, vm_base } from '../host';

/** Ticks before a vCPU's offset. Machine time is split, so that the product fits 64 bits. */
export function tsc_base(): u64 {
  const now = host_now();
  const khz = load<u64>(vm_base + VM_PAGE + VM_TSC_KHZ);
  return (now / 1000000) * khz + ((now % 1000000) * khz) / 1000000;
}

/** IA32_TIME_STAMP_COUNTER of a vCPU. */
export function read_tsc(v: u32): u64 {
  return tsc_base() + load<u64>(v + V_TSC_OFFSET);
}
