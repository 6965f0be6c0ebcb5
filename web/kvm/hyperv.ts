// Hyper-V for the host: the CPUID leaves that announce it, its switches, its MSRs in a snapshot, and KVM_HYPERV_EVENTFD. What
// the guest finds is the core's (assembly/hyperv).

import { EVENTFD_ASSIGNMENT, EVENTFD_HOLDS } from '../../assembly/abi/eventfd.ts';
import * as hv from '../../assembly/abi/hyperv.ts';
import { MAX_VCPUS } from '../../assembly/abi/map.ts';
import { REQ_EVENTS } from '../../assembly/abi/vcpu_page.ts';
import { KVM_CAP, type KvmCpuidEntry2, KvmError } from './abi/index.ts';
import type { Core } from './core.ts';
import type { Eventfd, EventfdHome } from './eventfd.ts';
import { hasIrqchip } from './irqchip.ts';
import type { MachineMemory } from './memory.ts';
import { requestAll } from './requests.ts';

/** KVM_EXIT_HYPERV_*: kvm_run.hyperv.type. */
export const KVM_EXIT_HYPERV_TYPE = { SYNIC: 1, HCALL: 2 } as const;
/** kvm_hyperv_eventfd.flags. */
export const KVM_HYPERV_EVENTFD_DEASSIGN = 1;

/** What KVM_GET_MSR_INDEX_LIST lists of Hyper-V, in KVM's order: SCONTROL and a timer stand for all of their kind. */
export const HYPERV_MSRS: readonly number[] = [
  hv.HV_X64_MSR_GUEST_OS_ID,
  hv.HV_X64_MSR_HYPERCALL,
  hv.HV_X64_MSR_TIME_REF_COUNT,
  hv.HV_X64_MSR_REFERENCE_TSC,
  hv.HV_X64_MSR_TSC_FREQUENCY,
  hv.HV_X64_MSR_APIC_FREQUENCY,
  ...[0, 1, 2, 3, 4].map((n) => hv.HV_X64_MSR_CRASH_P0 + n),
  hv.HV_X64_MSR_CRASH_CTL,
  hv.HV_X64_MSR_RESET,
  hv.HV_X64_MSR_VP_INDEX,
  hv.HV_X64_MSR_VP_RUNTIME,
  hv.HV_X64_MSR_SCONTROL,
  hv.HV_X64_MSR_STIMER0_CONFIG,
  hv.HV_X64_MSR_VP_ASSIST_PAGE,
  hv.HV_X64_MSR_REENLIGHTENMENT_CONTROL,
  hv.HV_X64_MSR_TSC_EMULATION_CONTROL,
  hv.HV_X64_MSR_TSC_EMULATION_STATUS,
];

/** "Linux KVM Hv" in EBX, ECX and EDX, as KVM signs. */
const VENDOR = { ebx: 0x756e694c, ecx: 0x564b2078, edx: 0x7648204d } as const;
/** Tries of a spin lock before a guest tells of it. */
const SPIN_RETRIES = 0xfff;

const MSRS =
  hv.HV_MSR_VP_RUNTIME_AVAILABLE |
  hv.HV_MSR_TIME_REF_COUNT_AVAILABLE |
  hv.HV_MSR_SYNIC_AVAILABLE |
  hv.HV_MSR_SYNTIMER_AVAILABLE |
  hv.HV_MSR_APIC_ACCESS_AVAILABLE |
  hv.HV_MSR_HYPERCALL_AVAILABLE |
  hv.HV_MSR_VP_INDEX_AVAILABLE |
  hv.HV_MSR_RESET_AVAILABLE |
  hv.HV_MSR_REFERENCE_TSC_AVAILABLE |
  hv.HV_ACCESS_FREQUENCY_MSRS |
  hv.HV_ACCESS_REENLIGHTENMENT;
const FEATURES =
  hv.HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE |
  hv.HV_FEATURE_FREQUENCY_MSRS_AVAILABLE |
  hv.HV_FEATURE_GUEST_CRASH_MSR_AVAILABLE;
const ADVICE =
  hv.HV_X64_REMOTE_TLB_FLUSH_RECOMMENDED |
  hv.HV_X64_APIC_ACCESS_RECOMMENDED |
  hv.HV_X64_RELAXED_TIMING_RECOMMENDED |
  hv.HV_DEPRECATING_AEOI_RECOMMENDED |
  hv.HV_X64_CLUSTER_IPI_RECOMMENDED |
  hv.HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED;

/**
 * KVM_GET_SUPPORTED_HV_CPUID. They take the place of KVM's own leaves at 0x40000000 in a table for KVM_SET_CPUID2. Without
 * `irqchip` there are no timers that raise a vector.
 */
export function hypervCpuid(irqchip = true): KvmCpuidEntry2[] {
  const direct = irqchip ? hv.HV_STIMER_DIRECT_MODE_AVAILABLE : 0;
  const leaves: Partial<Record<'eax' | 'ebx' | 'ecx' | 'edx', number>>[] = [
    { eax: hv.HYPERV_CPUID_LIMITS, ...VENDOR },
    { eax: hv.HYPERV_SIGNATURE },
    { eax: 0x3839, ebx: 0xa0000 },
    { eax: MSRS, ebx: hv.HV_POST_MESSAGES | hv.HV_SIGNAL_EVENTS, edx: FEATURES | direct },
    { eax: ADVICE, ebx: SPIN_RETRIES },
    { eax: MAX_VCPUS, ebx: 64 },
  ];
  return leaves.map((registers, n) => ({
    ...{ function: hv.HYPERV_CPUID_VENDOR + n, index: 0, flags: 0, eax: 0, ebx: 0, ecx: 0, edx: 0 },
    ...registers,
    padding: [0, 0, 0],
  }));
}

/** The vCPU's side of KVM_ENABLE_CAP for HYPERV_*; false for another capability. EINVAL. */
export function enableHyperv(memory: MachineMemory, page: number, cap: number, arg: bigint): boolean {
  if (cap === KVM_CAP.HYPERV_ENFORCE_CPUID) {
    memory.setU32(page + hv.V_HV_ENFORCED, arg === 0n ? 0 : 1);
    return true;
  }
  if (cap !== KVM_CAP.HYPERV_SYNIC && cap !== KVM_CAP.HYPERV_SYNIC2) return false;
  const second = cap === KVM_CAP.HYPERV_SYNIC2;
  if (second && arg !== 0n) throw new KvmError('EINVAL', 'HYPERV_SYNIC2 takes no argument; give 0.');
  if (!hasIrqchip(memory)) {
    throw new KvmError('EINVAL', 'a SynIC raises vectors of a local APIC; call createIrqchip first.');
  }
  memory.setU32(page + hv.V_HV_SYNIC, second ? hv.HV_SYNIC_KEEPS : hv.HV_SYNIC_ZEROES);
  return true;
}

/** A TSC or kvmclock was set: the page from which guests read the time follows. */
export function referenceTimeMoved(memory: MachineMemory, core: () => Core): void {
  if (memory.u64(memory.vm + hv.VM_HV_TSC_PAGE) & BigInt(hv.HV_PAGE_ENABLE)) core().reference_time_moved(0);
}

/** The partition as after power on: for a machine's reset. Connections are the VMM's and stay. */
export function resetHyperv(memory: MachineMemory): void {
  const from = memory.vm + hv.VM_HV_GUEST_OS_ID;
  memory.bytes(from, hv.VM_HV_LOCK - hv.VM_HV_GUEST_OS_ID).fill(0);
}

/** struct kvm_hyperv_eventfd, with an eventfd in the place of its number. */
export interface HypervEventfd {
  /** Connection id of SIGNAL_EVENT, 24 bits. */
  readonly conn_id: number;
  /** What it rings; none with DEASSIGN. */
  readonly fd?: Eventfd;
  /** KVM_HYPERV_EVENTFD_DEASSIGN, or 0. */
  readonly flags?: number;
}

/**
 * KVM_HYPERV_EVENTFD: SIGNAL_EVENT to a connection rings an eventfd instead of leaving the guest. EINVAL for flags or ids
 * that cannot be, EEXIST when the connection has one, ENOSPC beyond 128; with DEASSIGN: ENOENT when it has none.
 */
export function hypervEventfd(home: EventfdHome, { conn_id: id, fd, flags = 0 }: HypervEventfd): void {
  if (flags & ~KVM_HYPERV_EVENTFD_DEASSIGN) throw new KvmError('EINVAL', `flags ${flags} are not known.`);
  if (id & ~hv.HV_CONNECTION_ID_MASK) throw new KvmError('EINVAL', `connection ${id} has more than 24 bits.`);
  const { memory } = home;
  const vm = memory.vm;
  const at = (n: number): number => vm + hv.VM_HV_CONNECTIONS + n * hv.HV_CONNECTION_SIZE;
  const entries = Array.from({ length: hv.HV_CONNECTIONS_MAX }, (_, n) => at(n));
  const eventfdAt = (entry: number): number => memory.load(entry + hv.HV_CONNECTION_EVENTFD);
  const find = (): number | undefined =>
    entries.find((entry) => eventfdAt(entry) !== 0 && memory.u32(entry + hv.HV_CONNECTION_ID) === id);
  if (flags & KVM_HYPERV_EVENTFD_DEASSIGN) {
    const eventfd = memory.locked(vm + hv.VM_HV_LOCK, () => {
      const entry = find();
      if (entry === undefined) throw new KvmError('ENOENT', `connection ${id} has no eventfd.`);
      const old = eventfdAt(entry);
      memory.store(entry + hv.HV_CONNECTION_EVENTFD, 0);
      return old;
    });
    // No vCPU is between the look at the entry and its signal any more when this returns.
    requestAll(memory, REQ_EVENTS);
    memory.add(eventfd + EVENTFD_HOLDS, -EVENTFD_ASSIGNMENT);
    return;
  }
  if (fd === undefined) throw new KvmError('EBADF', 'an eventfd is missing; give one in `fd`.');
  const eventfd = fd.placeIn(home);
  memory.locked(vm + hv.VM_HV_LOCK, () => {
    if (find() !== undefined) throw new KvmError('EEXIST', `connection ${id} has an eventfd already.`);
    const n = entries.findIndex((entry) => eventfdAt(entry) === 0);
    if (n < 0) throw new KvmError('ENOSPC', `a VM has ${hv.HV_CONNECTIONS_MAX} connections at most.`);
    memory.add(eventfd + EVENTFD_HOLDS, EVENTFD_ASSIGNMENT);
    memory.setU32(at(n) + hv.HV_CONNECTION_ID, id);
    memory.store(at(n) + hv.HV_CONNECTION_EVENTFD, eventfd);
    const end = vm + hv.VM_HV_CONNECTION_END;
    memory.store(end, Math.max(memory.load(end), n + 1));
  });
}
