// A new vCPU's area: what the core needs to bring it to its state at power-up, which is the core's business.

import { V_TSC_KHZ } from '../../assembly/abi/calls.ts';
import { KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_UNINITIALIZED } from '../../assembly/abi/kvm_run.ts';
import { VCPU_STRIDE } from '../../assembly/abi/map.ts';
import {
  V_APIC_BASE,
  V_BASE,
  V_BLOCKS_TOP,
  V_ID,
  V_MP_STATE,
  V_SIPI_VECTOR,
} from '../../assembly/abi/vcpu_page.ts';
import type { Core } from './core.ts';
import type { MachineMemory } from './memory.ts';
import { vcpuArea, vcpuPage, vmTscKhz } from './vm_page.ts';

/** IA32_APIC_BASE.BSP. */
const APIC_BASE_BSP = 0x100n;

/**
 * Fills the area of vCPU `id` with its state at power-up. `boot`: it is the bootstrap processor; `waits`: it is an
 * application processor that waits for INIT.
 */
export function powerUp(memory: MachineMemory, core: Core, id: number, boot: boolean, waits: boolean): void {
  const v = vcpuPage(memory, id);
  // Pages that nobody has touched stay untouched: an area that was in use has a decode cache.
  if (memory.u32(v + V_BLOCKS_TOP) !== 0) memory.bytes(vcpuArea(memory, id), VCPU_STRIDE).fill(0);
  memory.setU32(v + V_BASE, memory.base);
  memory.setU32(v + V_ID, id);
  memory.setU64(v + V_APIC_BASE, boot ? APIC_BASE_BSP : 0n);
  memory.setU32(v + V_SIPI_VECTOR, 0xffff_ffff);
  memory.store(v + V_MP_STATE, waits ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE);
  memory.setU64(v + V_TSC_KHZ, BigInt(vmTscKhz(memory)));
  core.create_vcpu(v);
}
