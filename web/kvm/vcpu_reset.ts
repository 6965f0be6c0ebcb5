// A vCPU at power-up (SDM vol. 3, table 10-1): what KVM_CREATE_VCPU leaves. INIT, which keeps more, is the core's.

import { KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_UNINITIALIZED } from '../../assembly/abi/kvm_run.ts';
import { VCPU_STRIDE } from '../../assembly/abi/map.ts';
import {
  ATTR_ACCESSED,
  ATTR_CODE,
  ATTR_P,
  ATTR_RW,
  ATTR_S,
  CS,
  LDTR,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_STRIDE,
  TR,
  V_APIC_BASE,
  V_CR0,
  V_DELIVERING,
  V_DR,
  V_GDT_LIMIT,
  V_GPR,
  V_ID,
  V_IDT_LIMIT,
  V_MISC_ENABLE,
  V_MP_STATE,
  V_PAT,
  V_RIP,
  V_SEGS,
  V_SIPI_VECTOR,
  V_XCR0,
} from '../../assembly/abi/vcpu_page.ts';
import { CR0_CD, CR0_ET, CR0_NW, RDX } from '../../assembly/abi/x86.ts';
import { writeRflags } from './flags.ts';
import type { MachineMemory } from './memory.ts';
import { vcpuArea, vcpuPage } from './vm_page.ts';

/** Processor signature in EDX after reset, and in CPUID leaf 1: family 6, model 15, stepping 11. */
export const PROCESSOR_SIGNATURE = 0x6fb;
/** Page-attribute table after reset: WB, WT, UC-, UC, twice. */
const PAT_RESET = 0x0007_0406_0007_0406n;
/** IA32_APIC_BASE: enabled, at its usual address; BSP is bit 8. */
const APIC_BASE_RESET = 0xfee0_0800n;
/** Fast string operations, as IA32_MISC_ENABLE has after reset. */
const MISC_ENABLE_RESET = 1n;
const DATA = ATTR_P | ATTR_S | ATTR_RW | ATTR_ACCESSED;
const TYPE_LDT = 2;
const TYPE_TSS_BUSY_16 = 3;

/** Fills the area of vCPU `id` with its state at power-up. `waits`: an application processor waits for INIT. */
export function powerUp(memory: MachineMemory, id: number, boot: boolean, waits: boolean): void {
  memory.bytes(vcpuArea(id), VCPU_STRIDE).fill(0);
  const v = vcpuPage(id);
  memory.setU32(v + V_ID, id);
  for (let n = 0; n < 8; n++) {
    const at = v + V_SEGS + n * SEG_STRIDE;
    const system = n === LDTR ? TYPE_LDT : TYPE_TSS_BUSY_16;
    const attr = n === LDTR || n === TR ? ATTR_P | system : n === CS ? DATA | ATTR_CODE : DATA;
    memory.setU64(at + SEG_BASE, n === CS ? 0xffff_0000n : 0n);
    memory.setU32(at + SEG_LIMIT, 0xffff);
    memory.setU32(at + SEG_SELECTOR, n === CS ? 0xf000 : 0);
    memory.setU32(at + SEG_ATTR, attr);
  }
  memory.setU64(v + V_RIP, 0xfff0n);
  memory.setU64(v + V_GPR + RDX * 8, BigInt(PROCESSOR_SIGNATURE));
  writeRflags(memory, v, 2);
  memory.setU64(v + V_CR0, BigInt(CR0_CD) | BigInt(CR0_NW) | BigInt(CR0_ET));
  memory.setU32(v + V_GDT_LIMIT, 0xffff);
  memory.setU32(v + V_IDT_LIMIT, 0xffff);
  memory.setU64(v + V_DR + 6 * 8, 0xffff_0ff0n);
  memory.setU64(v + V_DR + 7 * 8, 0x400n);
  memory.setU64(v + V_XCR0, 1n);
  memory.setU64(v + V_PAT, PAT_RESET);
  memory.setU64(v + V_APIC_BASE, APIC_BASE_RESET | (boot ? 0x100n : 0n));
  memory.setU64(v + V_MISC_ENABLE, MISC_ENABLE_RESET);
  memory.setU32(v + V_SIPI_VECTOR, 0xffff_ffff);
  memory.setU32(v + V_DELIVERING, 0xffff_ffff);
  memory.store(v + V_MP_STATE, waits ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE);
}
