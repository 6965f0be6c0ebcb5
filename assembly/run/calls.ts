// What the KVM API asks of the core beside KVM_RUN: a new vCPU, and registers that were set from outside. Runs no guest.

import { VM_PAGE, VM_SEED } from '../abi/map';
import { V_ID, V_RANDOM } from '../abi/vcpu_page';
import { update_mode } from '../cpu/mode';
import { flush_blocks } from '../decode/block';
import { vm_base } from '../host';
import { lapic_reset } from '../irqchip/lapic_start';
import { flush_tlb } from '../memory/tlb';
import { mix64 } from '../state/random';
import { has_irqchip } from '../state/vcpu';
import { reset_vcpu } from './reset';

/** KVM_CREATE_VCPU: from a zeroed area with V_ID, the BSP flag of V_APIC_BASE and V_MP_STATE to power-up. */
export function create_vcpu(v: u32): void {
  flush_blocks(v);
  reset_vcpu(v);
  store<u64>(v + V_RANDOM, mix64(load<u64>(vm_base + VM_PAGE + VM_SEED) + load<u32>(v + V_ID)));
  if (has_irqchip()) lapic_reset(v, load<u32>(v + V_ID));
}

/** Somebody has written registers of a standing vCPU: makes what is derived from them anew. */
export function state_changed(v: u32): void {
  flush_tlb(v);
  update_mode(v);
}
