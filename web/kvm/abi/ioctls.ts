// Every ioctl request of KVM on x86: direction, number, argument, and the encoded value. It carries out none of them.

import { STRUCTS, type StructName } from './structs.ts';

/** KVMIO: the type byte of every KVM request. */
export const KVMIO = 0xae;

/** Which way the argument goes, seen from the caller: '' by value or none, W given, R returned, WR both. */
export type IoctlDirection = '' | 'W' | 'R' | 'WR';

/** Sizes in bytes of arguments whose layout this project does not carry. */
const OPAQUE = {
  __u64: 8,
  kvm_memory_alias: 32,
  kvm_memory_region: 24,
  kvm_nested_state: 128,
  kvm_pmu_event_filter: 32,
  kvm_reg_list: 8,
} as const;

/** An ioctl argument: a struct of the table, or one known by its size only. */
export type IoctlArgument = StructName | keyof typeof OPAQUE;

type Row = readonly [name: string, dir: IoctlDirection, nr: number, arg?: IoctlArgument];

// Ordered by the handle that takes them (system, VM, vCPU) and by number, as in the header.
const ROWS = [
  ['KVM_GET_API_VERSION', '', 0x00],
  ['KVM_CREATE_VM', '', 0x01],
  ['KVM_GET_MSR_INDEX_LIST', 'WR', 0x02, 'kvm_msr_list'],
  ['KVM_CHECK_EXTENSION', '', 0x03],
  ['KVM_GET_VCPU_MMAP_SIZE', '', 0x04],
  ['KVM_GET_SUPPORTED_CPUID', 'WR', 0x05, 'kvm_cpuid2'],
  ['KVM_GET_EMULATED_CPUID', 'WR', 0x09, 'kvm_cpuid2'],
  ['KVM_GET_MSR_FEATURE_INDEX_LIST', 'WR', 0x0a, 'kvm_msr_list'],
  ['KVM_GET_SUPPORTED_HV_CPUID', 'WR', 0xc1, 'kvm_cpuid2'],
  ['KVM_SET_MEMORY_REGION', 'W', 0x40, 'kvm_memory_region'],
  ['KVM_CREATE_VCPU', '', 0x41],
  ['KVM_GET_DIRTY_LOG', 'W', 0x42, 'kvm_dirty_log'],
  ['KVM_SET_MEMORY_ALIAS', 'W', 0x43, 'kvm_memory_alias'],
  ['KVM_SET_NR_MMU_PAGES', '', 0x44],
  ['KVM_GET_NR_MMU_PAGES', '', 0x45],
  ['KVM_SET_USER_MEMORY_REGION', 'W', 0x46, 'kvm_userspace_memory_region'],
  ['KVM_SET_TSS_ADDR', '', 0x47],
  ['KVM_SET_IDENTITY_MAP_ADDR', 'W', 0x48, '__u64'],
  ['KVM_CREATE_IRQCHIP', '', 0x60],
  ['KVM_IRQ_LINE', 'W', 0x61, 'kvm_irq_level'],
  ['KVM_GET_IRQCHIP', 'WR', 0x62, 'kvm_irqchip'],
  ['KVM_SET_IRQCHIP', 'R', 0x63, 'kvm_irqchip'],
  ['KVM_CREATE_PIT', '', 0x64],
  ['KVM_GET_PIT', 'WR', 0x65, 'kvm_pit_state'],
  ['KVM_SET_PIT', 'R', 0x66, 'kvm_pit_state'],
  ['KVM_IRQ_LINE_STATUS', 'WR', 0x67, 'kvm_irq_level'],
  ['KVM_REGISTER_COALESCED_MMIO', 'W', 0x67, 'kvm_coalesced_mmio_zone'],
  ['KVM_UNREGISTER_COALESCED_MMIO', 'W', 0x68, 'kvm_coalesced_mmio_zone'],
  ['KVM_SET_GSI_ROUTING', 'W', 0x6a, 'kvm_irq_routing'],
  ['KVM_REINJECT_CONTROL', '', 0x71],
  ['KVM_IRQFD', 'W', 0x76, 'kvm_irqfd'],
  ['KVM_CREATE_PIT2', 'W', 0x77, 'kvm_pit_config'],
  ['KVM_SET_BOOT_CPU_ID', '', 0x78],
  ['KVM_IOEVENTFD', 'W', 0x79, 'kvm_ioeventfd'],
  ['KVM_XEN_HVM_CONFIG', 'W', 0x7a, 'kvm_xen_hvm_config'],
  ['KVM_SET_CLOCK', 'W', 0x7b, 'kvm_clock_data'],
  ['KVM_GET_CLOCK', 'R', 0x7c, 'kvm_clock_data'],
  ['KVM_GET_PIT2', 'R', 0x9f, 'kvm_pit_state2'],
  ['KVM_SET_PIT2', 'W', 0xa0, 'kvm_pit_state2'],
  ['KVM_SET_TSC_KHZ', '', 0xa2],
  ['KVM_GET_TSC_KHZ', '', 0xa3],
  ['KVM_SIGNAL_MSI', 'W', 0xa5, 'kvm_msi'],
  ['KVM_SET_PMU_EVENT_FILTER', 'W', 0xb2, 'kvm_pmu_event_filter'],
  ['KVM_HYPERV_EVENTFD', 'W', 0xbd, 'kvm_hyperv_eventfd'],
  ['KVM_CREATE_DEVICE', 'WR', 0xe0, 'kvm_create_device'],
  ['KVM_SET_DEVICE_ATTR', 'W', 0xe1, 'kvm_device_attr'],
  ['KVM_GET_DEVICE_ATTR', 'W', 0xe2, 'kvm_device_attr'],
  ['KVM_HAS_DEVICE_ATTR', 'W', 0xe3, 'kvm_device_attr'],
  ['KVM_RUN', '', 0x80],
  ['KVM_GET_REGS', 'R', 0x81, 'kvm_regs'],
  ['KVM_SET_REGS', 'W', 0x82, 'kvm_regs'],
  ['KVM_GET_SREGS', 'R', 0x83, 'kvm_sregs'],
  ['KVM_SET_SREGS', 'W', 0x84, 'kvm_sregs'],
  ['KVM_TRANSLATE', 'WR', 0x85, 'kvm_translation'],
  ['KVM_INTERRUPT', 'W', 0x86, 'kvm_interrupt'],
  ['KVM_GET_MSRS', 'WR', 0x88, 'kvm_msrs'],
  ['KVM_SET_MSRS', 'W', 0x89, 'kvm_msrs'],
  ['KVM_SET_CPUID', 'W', 0x8a, 'kvm_cpuid'],
  ['KVM_SET_SIGNAL_MASK', 'W', 0x8b, 'kvm_signal_mask'],
  ['KVM_GET_FPU', 'R', 0x8c, 'kvm_fpu'],
  ['KVM_SET_FPU', 'W', 0x8d, 'kvm_fpu'],
  ['KVM_GET_LAPIC', 'R', 0x8e, 'kvm_lapic_state'],
  ['KVM_SET_LAPIC', 'W', 0x8f, 'kvm_lapic_state'],
  ['KVM_SET_CPUID2', 'W', 0x90, 'kvm_cpuid2'],
  ['KVM_GET_CPUID2', 'WR', 0x91, 'kvm_cpuid2'],
  ['KVM_TPR_ACCESS_REPORTING', 'WR', 0x92, 'kvm_tpr_access_ctl'],
  ['KVM_SET_VAPIC_ADDR', 'W', 0x93, 'kvm_vapic_addr'],
  ['KVM_GET_MP_STATE', 'R', 0x98, 'kvm_mp_state'],
  ['KVM_SET_MP_STATE', 'W', 0x99, 'kvm_mp_state'],
  ['KVM_NMI', '', 0x9a],
  ['KVM_SET_GUEST_DEBUG', 'W', 0x9b, 'kvm_guest_debug'],
  ['KVM_X86_SETUP_MCE', 'W', 0x9c, '__u64'],
  ['KVM_X86_GET_MCE_CAP_SUPPORTED', 'R', 0x9d, '__u64'],
  ['KVM_X86_SET_MCE', 'W', 0x9e, 'kvm_x86_mce'],
  ['KVM_GET_VCPU_EVENTS', 'R', 0x9f, 'kvm_vcpu_events'],
  ['KVM_SET_VCPU_EVENTS', 'W', 0xa0, 'kvm_vcpu_events'],
  ['KVM_GET_DEBUGREGS', 'R', 0xa1, 'kvm_debugregs'],
  ['KVM_SET_DEBUGREGS', 'W', 0xa2, 'kvm_debugregs'],
  ['KVM_ENABLE_CAP', 'W', 0xa3, 'kvm_enable_cap'],
  ['KVM_GET_XSAVE', 'R', 0xa4, 'kvm_xsave'],
  ['KVM_SET_XSAVE', 'W', 0xa5, 'kvm_xsave'],
  ['KVM_GET_XCRS', 'R', 0xa6, 'kvm_xcrs'],
  ['KVM_SET_XCRS', 'W', 0xa7, 'kvm_xcrs'],
  ['KVM_GET_ONE_REG', 'W', 0xab, 'kvm_one_reg'],
  ['KVM_SET_ONE_REG', 'W', 0xac, 'kvm_one_reg'],
  ['KVM_KVMCLOCK_CTRL', '', 0xad],
  ['KVM_GET_REG_LIST', 'WR', 0xb0, 'kvm_reg_list'],
  ['KVM_SMI', '', 0xb7],
  ['KVM_GET_NESTED_STATE', 'WR', 0xbe, 'kvm_nested_state'],
  ['KVM_SET_NESTED_STATE', 'W', 0xbf, 'kvm_nested_state'],
  ['KVM_CLEAR_DIRTY_LOG', 'WR', 0xc0, 'kvm_clear_dirty_log'],
  ['KVM_X86_SET_MSR_FILTER', 'W', 0xc6, 'kvm_msr_filter'],
  ['KVM_RESET_DIRTY_RINGS', '', 0xc7],
  ['KVM_GET_SREGS2', 'R', 0xcc, 'kvm_sregs2'],
  ['KVM_SET_SREGS2', 'W', 0xcd, 'kvm_sregs2'],
  ['KVM_GET_STATS_FD', '', 0xce],
  ['KVM_GET_XSAVE2', 'R', 0xcf, 'kvm_xsave'],
] as const satisfies readonly Row[];

/** The name of a request, e.g. 'KVM_GET_REGS'. */
export type IoctlName = (typeof ROWS)[number][0];

/** A request: its name, direction, number, argument with its size in bytes, and the encoded 32-bit value. */
export interface Ioctl {
  readonly name: IoctlName;
  readonly dir: IoctlDirection;
  readonly nr: number;
  readonly arg: IoctlArgument | undefined;
  readonly size: number;
  readonly value: number;
}

const DIRECTION: Record<IoctlDirection, number> = { '': 0, W: 1, R: 2, WR: 3 };

/** _IOC(dir, KVMIO, nr, size) of <asm-generic/ioctl.h>. */
export function encodeRequest(dir: IoctlDirection, nr: number, size: number): number {
  return ((DIRECTION[dir] << 30) | (size << 16) | (KVMIO << 8) | nr) >>> 0;
}

/** Bytes of an argument, without what a flexible array at its end adds. */
function argumentSize(arg: IoctlArgument | undefined): number {
  if (arg === undefined) return 0;
  return arg in STRUCTS ? STRUCTS[arg as StructName].size : OPAQUE[arg as keyof typeof OPAQUE];
}

/** Every request in the header's order. */
export const IOCTLS: readonly Ioctl[] = (ROWS as readonly Row[]).map(([name, dir, nr, arg]) => {
  const size = argumentSize(arg);
  return { name: name as IoctlName, dir, nr, arg, size, value: encodeRequest(dir, nr, size) };
});

/** The encoded value of each request by name: `KVM.KVM_GET_REGS === 0x8090ae81`. */
export const KVM = Object.fromEntries(IOCTLS.map(({ name, value }) => [name, value])) as Record<
  IoctlName,
  number
>;

const BY_VALUE = new Map(IOCTLS.map((ioctl) => [ioctl.value, ioctl]));

/** The request with this encoded value, if there is one. */
export function findIoctl(value: number): Ioctl | undefined {
  return BY_VALUE.get(value >>> 0);
}
