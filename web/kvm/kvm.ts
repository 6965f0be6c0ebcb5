// The system: the ioctls of /dev/kvm as typed calls. It makes VMs and says what they can do.

import { MANUAL_INITIALLY_SET, MANUAL_PROTECT_ENABLE, MAX_SLOTS, MAX_VCPUS } from '../../assembly/abi/map.ts';
import { type CapName, KVM_CAP, type KvmCpuidEntry2, kvm_run } from './abi/index.ts';
import { supportedCpuid } from './cpuid.ts';
import { DIRTY_RING_MAX } from './dirty_ring.ts';
import { roundUp } from './memory.ts';
import { MSR_INDEX_LIST } from './msrs.ts';
import { KVM_SYNC_X86 } from './run_page.ts';
import { Vm, type VmOptions } from './vm.ts';

/** KVM_API_VERSION. */
export const KVM_API_VERSION = 12;

/** What KVM_CHECK_EXTENSION answers; a capability that is not here is not there. */
const EXTENSIONS: Partial<Record<CapName, number>> = {
  IRQCHIP: 1,
  HLT: 1,
  MMU_SHADOW_CACHE_CONTROL: 1,
  USER_MEMORY: 1,
  SET_TSS_ADDR: 1,
  EXT_CPUID: 1,
  NR_VCPUS: MAX_VCPUS,
  NR_MEMSLOTS: MAX_SLOTS,
  PIT: 1,
  MP_STATE: 1,
  SYNC_MMU: 1,
  DESTROY_MEMORY_REGION_WORKS: 1,
  USER_NMI: 1,
  SET_GUEST_DEBUG: 1,
  REINJECT_CONTROL: 1,
  IRQ_ROUTING: 1,
  JOIN_MEMORY_REGIONS_WORKS: 1,
  PIT2: 1,
  SET_BOOT_CPU_ID: 1,
  PIT_STATE2: 1,
  SET_IDENTITY_MAP_ADDR: 1,
  ADJUST_CLOCK: 1,
  INTERNAL_ERROR_DATA: 1,
  VCPU_EVENTS: 1,
  INTR_SHADOW: 1,
  DEBUGREGS: 1,
  XSAVE: 1,
  XCRS: 1,
  GET_TSC_KHZ: 1,
  VM_TSC_CONTROL: 1,
  MAX_VCPUS,
  TSC_DEADLINE_TIMER: 1,
  SYNC_REGS: KVM_SYNC_X86.REGS | KVM_SYNC_X86.SREGS | KVM_SYNC_X86.EVENTS,
  SIGNAL_MSI: 1,
  READONLY_MEM: 1,
  ENABLE_CAP_VM: 1,
  CHECK_EXTENSION_VM: 1,
  MAX_VCPU_ID: MAX_VCPUS,
  IMMEDIATE_EXIT: 1,
  MANUAL_DIRTY_LOG_PROTECT2: MANUAL_PROTECT_ENABLE | MANUAL_INITIALLY_SET,
  DIRTY_LOG_RING: DIRTY_RING_MAX,
  DIRTY_LOG_RING_ACQ_REL: DIRTY_RING_MAX,
};

/** Where the core comes from. */
export interface KvmOptions {
  /** The compiled core (build/core.wasm). */
  readonly core: WebAssembly.Module;
}

/** The door to virtual machines, as /dev/kvm is. */
export class Kvm {
  readonly #module: WebAssembly.Module;

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
    return Vm.create(this.#module, options);
  }

  /** KVM_GET_SUPPORTED_CPUID. */
  getSupportedCpuid(): KvmCpuidEntry2[] {
    return supportedCpuid();
  }

  /** KVM_GET_MSR_INDEX_LIST. */
  getMsrIndexList(): number[] {
    return [...MSR_INDEX_LIST];
  }

  /** KVM_GET_VCPU_MMAP_SIZE: bytes that the mmap of a vCPU shows: kvm_run, the port data page, the coalesced ring. */
  getVcpuMmapSize(): number {
    return roundUp(kvm_run.size) + 2 * 4096;
  }
}

function capName(number: number): CapName | undefined {
  return (Object.keys(KVM_CAP) as CapName[]).find((name) => KVM_CAP[name] === number);
}
