// Xen's hypercalls: the page through which a guest makes them, and the exit by which user space carries them out
// (KVM_EXIT_XEN). None is carried out here.
import { FLOW_EXIT } from '../abi/insn';
import { PAGE_SIZE, VM_PAGE } from '../abi/map';
import { PENDING_XEN, V_GPR, V_PENDING } from '../abi/vcpu_page';
import { R8, RAX, RBP, RBX, RCX, RDI, RDX, RSI } from '../abi/x86';
import {
  KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
  VM_XEN_BLOB_32,
  VM_XEN_BLOB_64,
  VM_XEN_FLAGS,
  VM_XEN_MSR,
  VM_XEN_PAGES_32,
  VM_XEN_PAGES_64,
} from '../abi/xen';
import { exit_xen_call, set_xen_param } from '../cpu/exits';
import { vm_base } from '../host';
import { guest_data } from '../memory/guest_data';
import { guest_written } from '../memory/slots';
import { vm_setting } from '../state/settings';
import { is_64, is_long } from '../state/vcpu';

const R9: u32 = 9;
const R10: u32 = 10;
/** A stub of the page: MOV EAX, number; VMCALL; RET; then INT3. */
const STUB_SIZE: u32 = 32;
const MOV_EAX: u8 = 0xb8;
const VMCALL_RET: u32 = 0xc3c1010f;
const INT3: u8 = 0xcc;

/** VMCALL is a hypercall of Xen's in this VM. */
export function takes_xen_calls(): bool {
  return (vm_setting(VM_XEN_FLAGS) & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL) != 0;
}

/** The MSR is the one by which this VM's guest names its hypercall page. */
export function is_xen_msr(index: u32): bool {
  const msr = load<u32>(vm_base + VM_PAGE + VM_XEN_MSR);
  return msr != 0 && msr == index;
}

/**
 * Writes a hypercall page where the guest says: stubs that exit, or a page of user space's, of which the low 12 bits are
 * the number. False when there is none of that number, or no slot holds the place.
 */
export function write_xen_page(v: u32, value: u64): bool {
  const number = (value & 0xfff) as u32;
  const gpa = value & ~0xfff;
  const page = guest_data(gpa, PAGE_SIZE, true);
  if (takes_xen_calls()) {
    if (number != 0 || page == 0) return false;
    memory.fill(page, INT3, PAGE_SIZE);
    for (let n: u32 = 0; n < PAGE_SIZE / STUB_SIZE; n++) {
      const stub = page + n * STUB_SIZE;
      store<u8>(stub, MOV_EAX);
      store<u32>(stub + 1, n);
      store<u32>(stub + 5, VMCALL_RET);
    }
  } else {
    const long = is_long(v);
    const pages = vm_setting(long ? VM_XEN_PAGES_64 : VM_XEN_PAGES_32);
    if (number >= pages || page == 0) return false;
    memory.copy(page, vm_setting(long ? VM_XEN_BLOB_64 : VM_XEN_BLOB_32) + number * PAGE_SIZE, PAGE_SIZE);
  }
  guest_written(v, gpa, PAGE_SIZE);
  return true;
}

/** Executes a hypercall of Xen's: it leaves, from whatever ring. */
export function xen_hypercall(v: u32): u32 {
  const wide = is_64(v);
  const mask: u64 = wide ? ~0 : 0xffffffff;
  const gpr = v + V_GPR;
  exit_xen_call(v, wide, load<u64>(gpr + RAX * 8) & mask);
  set_xen_param(v, 0, load<u64>(gpr + (wide ? RDI : RBX) * 8) & mask);
  set_xen_param(v, 1, load<u64>(gpr + (wide ? RSI : RCX) * 8) & mask);
  set_xen_param(v, 2, load<u64>(gpr + RDX * 8) & mask);
  set_xen_param(v, 3, load<u64>(gpr + (wide ? R10 : RSI) * 8) & mask);
  set_xen_param(v, 4, load<u64>(gpr + (wide ? R8 : RDI) * 8) & mask);
  set_xen_param(v, 5, load<u64>(gpr + (wide ? R9 : RBP) * 8) & mask);
  store<u32>(v + V_PENDING, PENDING_XEN);
  return FLOW_EXIT;
}

/** What user space has answered. */
export function set_xen_result(v: u32, result: u64): void {
  store<u64>(v + V_GPR + RAX * 8, result);
}
