// What user space has set for the whole VM (KVM_ENABLE_CAP and its kin), and the counters of KVM_GET_STATS_FD.
import { VCPU_MSRS, VCPU_PAGE, VM_PAGE } from '../abi/map';
import { vm_base } from '../host';

/** A word of the VM page (VM_*). */
export function vm_setting(offset: u32): u32 {
  return load<u32>(vm_base + VM_PAGE + offset);
}

/** Adds one to a counter (STAT_*) of a vCPU. */
export function count(v: u32, counter: u32): void {
  const at = v - VCPU_PAGE + VCPU_MSRS + counter;
  store<u64>(at, load<u64>(at) + 1);
}
