// The system: the ioctls of /dev/kvm as typed calls. It makes VMs and says what they can do.

import { KVM_MAX_MCE_BANKS } from '../../assembly/abi/calls.ts';
import { MANUAL_INITIALLY_SET, MANUAL_PROTECT_ENABLE, MAX_SLOTS, MAX_VCPUS } from '../../assembly/abi/map.ts';
import {
  type CapName,
  type Input,
  KVM_CAP,
  type KvmCpuidEntry2,
  type KvmDeviceAttr,
  KvmError,
  type KvmMsrEntry,
  kvm_run,
  kvm_xsave,
} from './abi/index.ts';
import { COALESCED_MMIO_PAGE_OFFSET } from './coalesced.ts';
import { emulatedCpuid, supportedCpuid, supportedXcr0 } from './cpuid.ts';
import { DIRTY_RING_MAX } from './dirty_ring.ts';
import { MAX_IRQ_ROUTES } from './gsi_routing.ts';
import { hypervCpuid } from './hyperv.ts';
import { IdleMemories } from './idle_memories.ts';
import { KVM_CLOCK } from './irqchip.ts';
import { MCE_CAP_SUPPORTED } from './machine_check.ts';
import { roundUp } from './memory.ts';
import { MSR_FEATURES, MSR_INDEX_LIST, readFeatureMsrs } from './msrs.ts';
import { KVM_SYNC_X86 } from './run_page.ts';
import { ADDRESS_SPACES } from './slots.ts';
import { DEBUG_KNOWN } from './vcpu.ts';
import { Vm, type VmOptions } from './vm.ts';
import { BUS_LOCK, EXITS_TO_DISABLE, HYPERCALLS_THAT_EXIT, QUIRKS, X2APIC_API } from './vm_settings.ts';
import { KVM_XEN_HVM } from './xen.ts';

/** KVM_API_VERSION. */
export const KVM_API_VERSION = 12;

/** What KVM_CHECK_EXTENSION answers; a capability that is not here is not there. */
const EXTENSIONS: Partial<Record<CapName, number>> = {
  IRQCHIP: 1,
  HLT: 1,
  MMU_SHADOW_CACHE_CONTROL: 1,
  USER_MEMORY: 1,
  SET_TSS_ADDR: 1,
  VAPIC: 1,
  EXT_CPUID: 1,
  CLOCKSOURCE: 1,
  NR_VCPUS: MAX_VCPUS,
  NR_MEMSLOTS: MAX_SLOTS,
  PIT: 1,
  NOP_IO_DELAY: 1,
  MP_STATE: 1,
  COALESCED_MMIO: COALESCED_MMIO_PAGE_OFFSET,
  SYNC_MMU: 1,
  DESTROY_MEMORY_REGION_WORKS: 1,
  USER_NMI: 1,
  SET_GUEST_DEBUG: 1,
  REINJECT_CONTROL: 1,
  IRQ_ROUTING: MAX_IRQ_ROUTES,
  IRQ_INJECT_STATUS: 1,
  JOIN_MEMORY_REGIONS_WORKS: 1,
  MCE: KVM_MAX_MCE_BANKS,
  IRQFD: 1,
  PIT2: 1,
  SET_BOOT_CPU_ID: 1,
  PIT_STATE2: 1,
  SET_IDENTITY_MAP_ADDR: 1,
  IOEVENTFD: 1,
  XEN_HVM: KVM_XEN_HVM.HYPERCALL_MSR | KVM_XEN_HVM.INTERCEPT_HCALL,
  ADJUST_CLOCK: KVM_CLOCK.TSC_STABLE | KVM_CLOCK.REALTIME | KVM_CLOCK.HOST_TSC,
  INTERNAL_ERROR_DATA: 1,
  VCPU_EVENTS: 1,
  INTR_SHADOW: 1,
  HYPERV: 1,
  HYPERV_VAPIC: 1,
  HYPERV_SPIN: 1,
  DEBUGREGS: 1,
  X86_ROBUST_SINGLESTEP: 1,
  ENABLE_CAP: 1,
  XSAVE: 1,
  XCRS: 1,
  ASYNC_PF: 1,
  TSC_CONTROL: 1,
  GET_TSC_KHZ: 1,
  VM_TSC_CONTROL: 1,
  MAX_VCPUS,
  TSC_DEADLINE_TIMER: 1,
  SYNC_REGS: KVM_SYNC_X86.REGS | KVM_SYNC_X86.SREGS | KVM_SYNC_X86.EVENTS,
  KVMCLOCK_CTRL: 1,
  SIGNAL_MSI: 1,
  READONLY_MEM: 1,
  IRQFD_RESAMPLE: 1,
  DEVICE_CTRL: 1,
  EXT_EMUL_CPUID: 1,
  HYPERV_TIME: 1,
  IOAPIC_POLARITY_IGNORED: 1,
  IOEVENTFD_NO_LENGTH: 1,
  ENABLE_CAP_VM: 1,
  CHECK_EXTENSION_VM: 1,
  DISABLE_QUIRKS: 1,
  X86_SMM: 1,
  MULTI_ADDRESS_SPACE: ADDRESS_SPACES,
  SPLIT_IRQCHIP: 1,
  HYPERV_SYNIC: 1,
  VCPU_ATTRIBUTES: 1,
  IOEVENTFD_ANY_LENGTH: 1,
  MAX_VCPU_ID: MAX_VCPUS,
  X2APIC_API: X2APIC_API.USE_32BIT_IDS | X2APIC_API.DISABLE_BROADCAST_QUIRK,
  IMMEDIATE_EXIT: 1,
  X86_DISABLE_EXITS: EXITS_TO_DISABLE,
  HYPERV_SYNIC2: 1,
  HYPERV_VP_INDEX: 1,
  GET_MSR_FEATURES: 1,
  HYPERV_EVENTFD: 1,
  HYPERV_TLBFLUSH: 1,
  MSR_PLATFORM_INFO: 1,
  HYPERV_SEND_IPI: 1,
  EXCEPTION_PAYLOAD: 1,
  HYPERV_CPUID: 1,
  HALT_POLL: 1,
  ASYNC_PF_INT: 1,
  STEAL_TIME: 1,
  X86_USER_SPACE_MSR: 1,
  X86_MSR_FILTER: 1,
  ENFORCE_PV_FEATURE_CPUID: 1,
  SYS_HYPERV_CPUID: 1,
  X86_BUS_LOCK_EXIT: BUS_LOCK.OFF | BUS_LOCK.EXIT,
  SET_GUEST_DEBUG2: DEBUG_KNOWN,
  HYPERV_ENFORCE_CPUID: 1,
  SREGS2: 1,
  EXIT_HYPERCALL: HYPERCALLS_THAT_EXIT,
  BINARY_STATS_FD: 1,
  EXIT_ON_EMULATION_FAILURE: 1,
  XSAVE2: kvm_xsave.size,
  SYS_ATTRIBUTES: 1,
  DISABLE_QUIRKS2: QUIRKS,
  SYSTEM_EVENT_DATA: 1,
  X86_TRIPLE_FAULT_EVENT: 1,
  COALESCED_PIO: 1,
  MANUAL_DIRTY_LOG_PROTECT2: MANUAL_PROTECT_ENABLE | MANUAL_INITIALLY_SET,
  DIRTY_LOG_RING: DIRTY_RING_MAX,
  DIRTY_LOG_RING_ACQ_REL: DIRTY_RING_MAX,
};

/** KVM_X86_XCOMP_GUEST_SUPP: the system attribute that KVM_GET_DEVICE_ATTR reads. */
const KVM_X86_XCOMP_GUEST_SUPP = 0n;

/** Where the core comes from. */
export interface KvmOptions {
  /** The compiled core (build/core.wasm). */
  readonly core: WebAssembly.Module;
}

/** The door to virtual machines, as /dev/kvm is. */
export class Kvm {
  readonly #module: WebAssembly.Module;
  readonly #idle = new IdleMemories();

  private constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  /** Opens KVM over a compiled core. */
  static open(options: KvmOptions): Kvm {
    return new Kvm(options.core);
  }

  /** KVM_GET_API_VERSION: 12. */
  apiVersion(): number {
    return KVM_API_VERSION;
  }

  /** KVM_CHECK_EXTENSION by number or by name without KVM_CAP_: 0, or a positive number where it is there. */
  checkExtension(cap: number | CapName): number {
    const name = typeof cap === 'string' ? cap : capName(cap);
    return (name && EXTENSIONS[name]) ?? 0;
  }

  /** The extensions that are there, by name. */
  extensions(): ReadonlyMap<CapName, number> {
    return new Map(Object.entries(EXTENSIONS) as [CapName, number][]);
  }

  /** KVM_CREATE_VM. EINVAL for an impossible number of vCPUs, ENOMEM when the host refuses the memory. */
  createVm(options: VmOptions = {}): Vm {
    return Vm.create(this.#module, options, this.#idle);
  }

  /** KVM_GET_SUPPORTED_CPUID. */
  getSupportedCpuid(): KvmCpuidEntry2[] {
    return supportedCpuid();
  }

  /** KVM_GET_SUPPORTED_HV_CPUID: the leaves of Hyper-V, for guests that shall find it. */
  getSupportedHvCpuid(): KvmCpuidEntry2[] {
    return hypervCpuid();
  }

  /** KVM_GET_MSR_INDEX_LIST. */
  getMsrIndexList(): number[] {
    return [...MSR_INDEX_LIST];
  }

  /** KVM_GET_EMULATED_CPUID: features that the core does whatever the host can, as KVM lists them. */
  getEmulatedCpuid(): KvmCpuidEntry2[] {
    return emulatedCpuid();
  }

  /** KVM_GET_MSR_FEATURE_INDEX_LIST: MSRs that describe the processor, for getMsrs. */
  getMsrFeatureIndexList(): number[] {
    return [...MSR_FEATURES.keys()];
  }

  /** KVM_GET_MSRS of the system: values of feature MSRs, ending before the first index that is none. */
  getMsrs(indices: readonly number[]): KvmMsrEntry[] {
    return readFeatureMsrs(indices);
  }

  /** KVM_X86_GET_MCE_CAP_SUPPORTED: the bits that setupMce of a vCPU takes, beside the number of banks. */
  getMceCapSupported(): bigint {
    return MCE_CAP_SUPPORTED;
  }

  /** KVM_HAS_DEVICE_ATTR of the system: group 0 has KVM_X86_XCOMP_GUEST_SUPP (0). ENXIO for others. */
  hasDeviceAttr({ group = 0, attr = 0n }: Input<KvmDeviceAttr>): void {
    if (group !== 0 || BigInt(attr) !== KVM_X86_XCOMP_GUEST_SUPP) {
      throw new KvmError(
        'ENXIO',
        `the system has attribute 0 of group 0 (state components), not ${attr} of ${group}.`,
      );
    }
  }

  /** KVM_GET_DEVICE_ATTR of the system: the XSAVE state components that a guest may use. ENXIO. */
  getDeviceAttr(which: Input<KvmDeviceAttr>): bigint {
    this.hasDeviceAttr(which);
    return BigInt(supportedXcr0());
  }

  /** KVM_GET_VCPU_MMAP_SIZE: bytes that the mmap of a vCPU shows: kvm_run, the port data page, the coalesced ring. */
  getVcpuMmapSize(): number {
    return roundUp(kvm_run.size) + 2 * 4096;
  }
}

function capName(number: number): CapName | undefined {
  return (Object.keys(KVM_CAP) as CapName[]).find((name) => KVM_CAP[name] === number);
}
