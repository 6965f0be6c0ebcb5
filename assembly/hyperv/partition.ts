// The MSRs that all vCPUs of a VM share (TLFS: partition-wide), but for the reference TSC: who the guest is, its hypercall
// page, its crash, its reset.
import {
  HV_EXIT_CRASH,
  HV_EXIT_RESET,
  HV_HYPERCALL_LOCKED,
  HV_PAGE_ENABLE,
  V_HV_EXIT,
  VM_HV_CRASH_CTL,
  VM_HV_GUEST_OS_ID,
  VM_HV_HYPERCALL,
} from '../abi/hyperv';
import { VM_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { guest_data } from '../memory/guest_data';
import { guest_written } from '../memory/slots';
import { look_again } from './synic';

/** HV_X64_MSR_CRASH_CTL: the guest has crashed, and its parameters say how. */
const HV_CRASH_CTL_CRASH_NOTIFY: u64 = 1 << 63;
/** VMCALL; RET. */
const VMCALL_RET: u32 = 0xc3c1010f;
/** OR EAX, 0x80000000: tells a Hyper-V call from Xen's where a VM has both. */
const OR_EAX: u8 = 0x0d;
const HIGH_BIT: u32 = 0x80000000;

/** Address of a u64 of the partition. */
export function partition(word: u32): u32 {
  return vm_base + VM_PAGE + word;
}

/** HV_X64_MSR_GUEST_OS_ID: a guest that has no name has no hypercalls. */
export function set_guest_os_id(value: u64): void {
  store<u64>(partition(VM_HV_GUEST_OS_ID), value);
  const hypercall = partition(VM_HV_HYPERCALL);
  if (value == 0) store<u64>(hypercall, load<u64>(hypercall) & ~(HV_PAGE_ENABLE as u64));
}

/**
 * HV_X64_MSR_HYPERCALL: writes the instructions of a call into the page that the guest names; false when no slot holds
 * it. Without a guest's name, and by the guest once it is locked, it is not changed. `xen`: the VM takes Xen's calls too.
 */
export function set_hypercall_page(v: u32, value: u64, host: bool, xen: bool): bool {
  const home = partition(VM_HV_HYPERCALL);
  if (load<u64>(partition(VM_HV_GUEST_OS_ID)) == 0) return true;
  if (!host && load<u64>(home) & HV_HYPERCALL_LOCKED) return true;
  if (value & HV_PAGE_ENABLE) {
    const gpa = value & ~0xfff;
    const page = guest_data(gpa, 16, true);
    if (page == 0) return false;
    if (xen) {
      store<u8>(page, OR_EAX);
      store<u32>(page + 1, HIGH_BIT);
    }
    store<u32>(page + (xen ? 5 : 0), VMCALL_RET);
    guest_written(v, gpa, 16);
  }
  store<u64>(home, value);
  return true;
}

/** Leaves to user space after this instruction: HV_EXIT_*. */
function leave(v: u32, why: u32): void {
  store<u32>(v + V_HV_EXIT, load<u32>(v + V_HV_EXIT) | why);
  look_again(v);
}

/** HV_X64_MSR_CRASH_CTL: the host says what it can do, the guest that it has crashed. */
export function set_crash_control(v: u32, value: u64, host: bool): void {
  const notify = value & HV_CRASH_CTL_CRASH_NOTIFY;
  if (host) store<u64>(partition(VM_HV_CRASH_CTL), notify);
  else if (notify != 0) leave(v, HV_EXIT_CRASH);
}

/** HV_X64_MSR_RESET. */
export function set_reset(v: u32, value: u64, host: bool): void {
  if (value == 1 && !host) leave(v, HV_EXIT_RESET);
}
