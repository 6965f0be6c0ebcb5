// Model-specific registers: which ones exist and where they live, for KVM_GET_MSRS and KVM_SET_MSRS. What RDMSR and
// WRMSR do inside the guest is the core's.

import { VM_PAGE, VM_TSC_KHZ } from '../../assembly/abi/map.ts';
import {
  FS,
  GS,
  SEG_BASE,
  SEG_STRIDE,
  V_APIC_BASE,
  V_CSTAR,
  V_EFER,
  V_FMASK,
  V_KERNEL_GS_BASE,
  V_LSTAR,
  V_MISC_ENABLE,
  V_PAT,
  V_SEGS,
  V_STAR,
  V_SYSENTER_CS,
  V_SYSENTER_EIP,
  V_SYSENTER_ESP,
  V_TSC_AUX,
  V_TSC_DEADLINE,
  V_TSC_OFFSET,
} from '../../assembly/abi/vcpu_page.ts';
import {
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  MSR_APIC_BASE,
  MSR_CSTAR,
  MSR_EFER,
  MSR_FS_BASE,
  MSR_GS_BASE,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MISC_ENABLE,
  MSR_PAT,
  MSR_STAR,
  MSR_SYSCALL_MASK,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC,
  MSR_TSC_AUX,
  MSR_TSC_DEADLINE,
} from '../../assembly/abi/x86.ts';
import type { Input, KvmMsrEntry } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { machineNanoseconds } from './vm_page.ts';

type Check = (value: bigint) => boolean;

const any: Check = () => true;
const canonical: Check = (value) => BigInt.asIntN(48, value) === BigInt.asIntN(64, value);
const narrow: Check = (value) => value >> 32n === 0n;
const efer: Check = (value) => (value & ~BigInt(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) === 0n;
/** Each of the eight types is one that exists: 0, 1, 4, 5, 6 or 7 (SDM vol. 3, 12.12.2). */
const pat: Check = (value) =>
  Array.from({ length: 8 }, (_, n) => (value >> BigInt(n * 8)) & 0xffn).every(
    (t) => t < 8n && t !== 2n && t !== 3n,
  );

/** MSRs that lie in the vCPU page as they are: index, offset, and what may be written. */
const HOMES: ReadonlyMap<number, readonly [offset: number, check: Check]> = new Map([
  [MSR_APIC_BASE, [V_APIC_BASE, any]],
  [MSR_SYSENTER_CS, [V_SYSENTER_CS, narrow]],
  [MSR_SYSENTER_ESP, [V_SYSENTER_ESP, canonical]],
  [MSR_SYSENTER_EIP, [V_SYSENTER_EIP, canonical]],
  [MSR_MISC_ENABLE, [V_MISC_ENABLE, any]],
  [MSR_PAT, [V_PAT, pat]],
  [MSR_TSC_DEADLINE, [V_TSC_DEADLINE, any]],
  [MSR_EFER, [V_EFER, efer]],
  [MSR_STAR, [V_STAR, any]],
  [MSR_LSTAR, [V_LSTAR, canonical]],
  [MSR_CSTAR, [V_CSTAR, canonical]],
  [MSR_SYSCALL_MASK, [V_FMASK, narrow]],
  [MSR_FS_BASE, [V_SEGS + FS * SEG_STRIDE + SEG_BASE, canonical]],
  [MSR_GS_BASE, [V_SEGS + GS * SEG_STRIDE + SEG_BASE, canonical]],
  [MSR_KERNEL_GS_BASE, [V_KERNEL_GS_BASE, canonical]],
  [MSR_TSC_AUX, [V_TSC_AUX, narrow]],
]);

/** Ticks of the time-stamp counter before a vCPU's own offset. */
function tscBase(memory: MachineMemory): bigint {
  return (machineNanoseconds(memory) * memory.u64(VM_PAGE + VM_TSC_KHZ)) / 1_000_000n;
}

function readMsr(memory: MachineMemory, v: number, index: number): bigint | undefined {
  if (index === MSR_TSC) return BigInt.asUintN(64, tscBase(memory) + memory.u64(v + V_TSC_OFFSET));
  const home = HOMES.get(index);
  return home && memory.u64(v + home[0]);
}

function writeMsr(memory: MachineMemory, v: number, index: number, value: bigint): boolean {
  if (index === MSR_TSC) {
    memory.setU64(v + V_TSC_OFFSET, BigInt.asUintN(64, value - tscBase(memory)));
    return true;
  }
  const home = HOMES.get(index);
  if (!home?.[1](value)) return false;
  memory.setU64(v + home[0], value);
  return true;
}

/** KVM_GET_MSR_INDEX_LIST: the MSRs that a snapshot of a vCPU needs. */
export function msrIndexList(): number[] {
  return [MSR_TSC, ...HOMES.keys()];
}

/** KVM_GET_MSRS: entries in order, ending before the first that does not exist. */
export function readMsrs(memory: MachineMemory, v: number, indices: readonly number[]): KvmMsrEntry[] {
  const entries: KvmMsrEntry[] = [];
  for (const index of indices) {
    const data = readMsr(memory, v, index >>> 0);
    if (data === undefined) break;
    entries.push({ index: index >>> 0, reserved: 0, data });
  }
  return entries;
}

/** KVM_SET_MSRS: sets in order and stops at the first that does not exist or refuses the value; returns how many were set. */
export function writeMsrs(memory: MachineMemory, v: number, entries: readonly Input<KvmMsrEntry>[]): number {
  let done = 0;
  for (const { index = 0, data = 0n } of entries) {
    if (!writeMsr(memory, v, index >>> 0, BigInt.asUintN(64, BigInt(data)))) break;
    done++;
  }
  return done;
}
