// Model-specific registers for the host: KVM_GET_MSRS and KVM_SET_MSRS over the core's table of MSRs, which is the only
// one. It knows no MSR but the list that a snapshot needs.

import {
  MSR_KVM_ASYNC_PF_ACK,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
  MSR_KVM_POLL_CONTROL,
  MSR_KVM_PV_EOI_EN,
  MSR_KVM_STEAL_TIME,
  MSR_KVM_SYSTEM_TIME,
  MSR_KVM_SYSTEM_TIME_NEW,
  MSR_KVM_WALL_CLOCK,
  MSR_KVM_WALL_CLOCK_NEW,
} from '../../assembly/abi/pv.ts';
import { MSR_SMBASE, MSR_SMI_COUNT } from '../../assembly/abi/smm.ts';
import { V_MSR_VALUE } from '../../assembly/abi/vcpu_page.ts';
import {
  ARCH_CAPABILITIES_HIGH,
  ARCH_CAPABILITIES_LOW,
  MSR_APIC_BASE,
  MSR_ARCH_CAPABILITIES,
  MSR_BIOS_SIGN_ID,
  MSR_CSTAR,
  MSR_EFER,
  MSR_FS_BASE,
  MSR_GS_BASE,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MISC_ENABLE,
  MSR_MTRR_DEF_TYPE,
  MSR_PAT,
  MSR_SPEC_CTRL,
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
import type { Core } from './core.ts';
import { HYPERV_MSRS } from './hyperv.ts';
import type { MachineMemory } from './memory.ts';

/** IA32_MTRR_PHYSBASE0 to PHYSMASK7, and the fixed ranges (SDM vol. 3, 12.11.2). */
const MTRRS = [
  ...Array.from({ length: 16 }, (_, n) => 0x200 + n),
  ...[0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f],
];

/** KVM_GET_MSR_INDEX_LIST: the MSRs that a snapshot of a vCPU needs, in an order in which they can be set. */
export const MSR_INDEX_LIST: readonly number[] = [
  ...[MSR_TSC, MSR_APIC_BASE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_MISC_ENABLE, MSR_PAT],
  ...[
    MSR_EFER,
    MSR_STAR,
    MSR_LSTAR,
    MSR_CSTAR,
    MSR_SYSCALL_MASK,
    MSR_FS_BASE,
    MSR_GS_BASE,
    MSR_KERNEL_GS_BASE,
  ],
  ...[MSR_TSC_AUX, MSR_TSC_DEADLINE, MSR_SMBASE, MSR_SMI_COUNT, MSR_SPEC_CTRL, MSR_MTRR_DEF_TYPE, ...MTRRS],
  ...[MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME_NEW, MSR_KVM_WALL_CLOCK_NEW],
  ...[MSR_KVM_ASYNC_PF_EN, MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN],
  ...[MSR_KVM_ASYNC_PF_INT, MSR_KVM_ASYNC_PF_ACK, MSR_KVM_POLL_CONTROL],
  ...HYPERV_MSRS,
];

/** MSRs that describe the processor (KVM_GET_MSR_FEATURE_INDEX_LIST) and their values: microcode, and what it is immune to. */
export const MSR_FEATURES: ReadonlyMap<number, bigint> = new Map([
  [MSR_BIOS_SIGN_ID, 0n],
  [MSR_ARCH_CAPABILITIES, (BigInt(ARCH_CAPABILITIES_HIGH) << 32n) | BigInt(ARCH_CAPABILITIES_LOW)],
]);

/** KVM_GET_MSRS of the system: values of feature MSRs in order, ending before the first that is none. */
export function readFeatureMsrs(indices: readonly number[]): KvmMsrEntry[] {
  const end = indices.findIndex((index) => !MSR_FEATURES.has(index));
  return indices
    .slice(0, end < 0 ? indices.length : end)
    .map((index) => ({ index, reserved: 0, data: MSR_FEATURES.get(index) ?? 0n }));
}

/** KVM_GET_MSRS: entries in order, ending before the first that does not exist. */
export function readMsrs(
  memory: MachineMemory,
  core: Core,
  v: number,
  indices: readonly number[],
): KvmMsrEntry[] {
  const entries: KvmMsrEntry[] = [];
  for (const given of indices) {
    const index = given >>> 0;
    if (!core.read_msr(v, index)) break;
    entries.push({ index, reserved: 0, data: memory.u64(v + V_MSR_VALUE) });
  }
  return entries;
}

/** KVM_SET_MSRS: sets in order and stops at the first that does not exist or refuses; returns how many were set. */
export function writeMsrs(core: Core, v: number, entries: readonly Input<KvmMsrEntry>[]): number {
  const refused = entries.findIndex(
    ({ index = 0, data = 0n }) => !core.write_msr(v, index >>> 0, BigInt.asUintN(64, BigInt(data))),
  );
  return refused < 0 ? entries.length : refused;
}
