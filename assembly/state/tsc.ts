// The time-stamp counter: machine time at a vCPU's frequency plus its offset.
import { V_TSC_KHZ } from '../abi/calls';
import { VM_PAGE, VM_TSC_KHZ } from '../abi/map';
import { V_TSC_OFFSET } from '../abi/vcpu_page';
import { host_now, vm_base } from '../host';

/** Frequency in kHz: the vCPU's own (KVM_SET_TSC_KHZ), else the VM's. */
export function tsc_khz(v: u32): u64 {
  const own = load<u64>(v + V_TSC_KHZ);
  return own ? own : load<u64>(vm_base + VM_PAGE + VM_TSC_KHZ);
}

/** Ticks before a vCPU's offset. Machine time is split, so that the product fits 64 bits. */
export function tsc_base(v: u32): u64 {
  const now = host_now();
  const khz = tsc_khz(v);
  return (now / 1000000) * khz + ((now % 1000000) * khz) / 1000000;
}

/** IA32_TIME_STAMP_COUNTER of a vCPU. */
export function read_tsc(v: u32): u64 {
  return tsc_base(v) + load<u64>(v + V_TSC_OFFSET);
}
