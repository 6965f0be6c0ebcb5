// Interrupts of Hyper-V's synthetic interrupt controller, as far as the local APIC has to know them: sixteen sources (SINTs)
// of a vCPU, each with a vector. What the guest sets them by is hyperv/synic.ts.

import {
  HV_SINT_AUTO_EOI,
  HV_SINT_MASKED,
  HV_SINT_VECTOR,
  HV_SINTS,
  HV_SYNIC_OFF,
  V_HV_ACKED,
  V_HV_SINT,
  V_HV_SINTS,
  V_HV_SYNIC,
  V_HV_VP_INDEX,
} from '../abi/hyperv';
import { APIC_DM_FIXED } from '../abi/irqchip';
import { VM_PAGE, VM_VCPUS } from '../abi/map';
import { V_ID } from '../abi/vcpu_page';
import { vm_base } from '../host';
import { vcpu_page } from '../state/vcpu';
import { accept } from './lapic_bus';

/** HV_X64_MSR_SINTn. */
export function sint(v: u32, n: u32): u64 {
  return atomic.load<u64>(v + V_HV_SINT + n * 8) ^ HV_SINT_MASKED;
}

/** Index of a virtual processor: its vCPU's id, unless the host has set another. */
export function vp_index(v: u32): u32 {
  const set = load<u32>(v + V_HV_VP_INDEX);
  return set ? set - 1 : load<u32>(v + V_ID);
}

/** The vCPU with this VP index, or 0. */
export function vcpu_of_vp(index: u32): u32 {
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const v = vcpu_page(ctz<u32>(left));
    if (vp_index(v) == index) return v;
  }
  return 0;
}

/** Raises a SINT of a vCPU: 1 when its local APIC took it, 0 when it did not, -1 when the SINT is masked or none. */
export function sint_raise(v: u32, n: u32): i32 {
  if (n >= HV_SINTS || load<u32>(v + V_HV_SYNIC) == HV_SYNIC_OFF) return -1;
  const value = sint(v, n);
  if (value & HV_SINT_MASKED) return -1;
  return accept(v, APIC_DM_FIXED, (value & HV_SINT_VECTOR) as u32, false) ? 1 : 0;
}

/** What a GSI's route to a SINT does on a raise (KVM_IRQ_ROUTING_HV_SINT); as sint_raise. */
export function sint_route(vp: u32, n: u32): i32 {
  const v = vcpu_of_vp(vp);
  return v ? sint_raise(v, n) : -1;
}

/** A vector of the local APIC is one whose interrupts end by themselves. */
export function sint_ends_itself(v: u32, vector: u32): bool {
  for (let left = atomic.load<u32>(v + V_HV_SINTS); left != 0; left &= left - 1) {
    const value = sint(v, ctz<u32>(left));
    if ((value & HV_SINT_VECTOR) == (vector as u64) && value & HV_SINT_AUTO_EOI) return true;
  }
  return false;
}

/** The guest has ended the interrupt of `vector`: its SINTs' messages go on at the next block edge. */
export function sint_ended(v: u32, vector: u32): void {
  for (let left = atomic.load<u32>(v + V_HV_SINTS); left != 0; left &= left - 1) {
    const bit = left & (0 - left);
    if ((sint(v, ctz<u32>(left)) & HV_SINT_VECTOR) == (vector as u64)) atomic.or<u32>(v + V_HV_ACKED, bit);
  }
}
