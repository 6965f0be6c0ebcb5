// One door to all MSRs: the processor's own and those of the hypervisors that the core stands in for. Whoever reads and
// writes says whether it is the guest or the host (KVM_GET_MSRS, KVM_SET_MSRS).
import { HV_PAGE_ENABLE, VM_HV_TSC_PAGE } from '../abi/hyperv';
import { VM_PAGE } from '../abi/map';
import { MSR_TSC } from '../abi/x86';
import { MSR_TSC_ADJUST, read_msr, write_msr } from '../cpu/msr_table';
import { vm_base } from '../host';
import { is_hyperv_msr, read_hyperv_msr, write_hyperv_msr } from '../hyperv/msrs';
import { reference_time_moved } from '../hyperv/reference_time';
import { is_xen_msr, takes_xen_calls, write_xen_page } from '../xen/hypercalls';

/** Reads an MSR into V_MSR_VALUE; false when it does not exist. */
export function read_any_msr(v: u32, index: u32, host: bool): bool {
  return is_hyperv_msr(index) ? read_hyperv_msr(v, index, host) : read_msr(v, index);
}

/** Writes an MSR; false when it does not exist or refuses the value. */
export function write_any_msr(v: u32, index: u32, value: u64, host: bool): bool {
  if (is_xen_msr(index)) return write_xen_page(v, value);
  if (is_hyperv_msr(index)) return write_hyperv_msr(v, index, value, host, takes_xen_calls());
  const done = write_msr(v, index, value);
  const has_page = (load<u64>(vm_base + VM_PAGE + VM_HV_TSC_PAGE) & HV_PAGE_ENABLE) != 0;
  if (has_page && (index == MSR_TSC || index == MSR_TSC_ADJUST)) reference_time_moved(v);
  return done;
}

/** KVM_GET_MSRS: whether the MSR exists; its value is then in V_MSR_VALUE. */
export function host_read_msr(v: u32, index: u32): bool {
  return read_any_msr(v, index, true);
}

/** KVM_SET_MSRS: whether the MSR exists and took the value. */
export function host_write_msr(v: u32, index: u32, value: u64): bool {
  return write_any_msr(v, index, value, true);
}
