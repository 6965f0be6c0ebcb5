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

/** Ticks of a vCPU's frequency in `ns` of machine time. The time is split, so that the product fits 64 bits. */
export function tsc_ticks(v: u32, ns: u64): u64 {
  const khz = tsc_khz(v);
  return (ns / 1000000) * khz + ((ns % 1000000) * khz) / 1000000;
}

/** Ticks before a vCPU's offset. */
export function tsc_base(v: u32): u64 {
  return tsc_ticks(v, host_now());
}

/** IA32_TIME_STAMP_COUNTER of a vCPU. */
export function read_tsc(v: u32): u64 {
  return tsc_base(v) + load<u64>(v + V_TSC_OFFSET);
}
