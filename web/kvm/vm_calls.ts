// The rarer ioctls of a VM fd as typed calls: what Vm has beside memory, vCPUs and the irqchip. No mechanism is here.

import {
  type Input,
  type KvmCreateDevice,
  type KvmEnableCap,
  KvmError,
  type KvmPitState,
  type KvmXenHvmConfig,
} from './abi/index.ts';
import type { Core } from './core.ts';
import { enableCap } from './enable_cap.ts';
import { type HypervEventfd, hypervEventfd } from './hyperv.ts';
import { createPit2, getPit2, setPit2 } from './irqchip.ts';
import type { MachineMemory } from './memory.ts';
import { type MsrFilter, setMsrFilter } from './msr_filter.ts';
import { type Stat, statsFile, vmStats } from './stats.ts';
import { xenHvmConfig } from './xen.ts';

const KVM_PIT_SPEAKER_DUMMY = 1;

/** The base of Vm. */
export abstract class VmCalls {
  abstract readonly memory: MachineMemory;
  abstract readonly module: WebAssembly.Module;
  abstract get core(): Core;

  /** KVM_ENABLE_CAP: switches on what `cap` (KVM_CAP) names, with four `args`. EINVAL for what has no switch or refuses. */
  enableCap(cap: Input<KvmEnableCap>): void {
    enableCap(this.memory, cap, () => this.core);
  }

  /** KVM_X86_SET_MSR_FILTER; see setMsrFilter for its rules. EINVAL, EFAULT. */
  setMsrFilter(filter: MsrFilter): void {
    setMsrFilter(this.memory, filter);
  }

  /** KVM_HYPERV_EVENTFD: see hypervEventfd. EINVAL, EEXIST, ENOENT, ENOSPC. */
  hypervEventfd(args: HypervEventfd): void {
    hypervEventfd(this, args);
  }

  /** KVM_XEN_HVM_CONFIG: see xenHvmConfig. EINVAL. */
  xenHvmConfig(config: Input<KvmXenHvmConfig>): void {
    xenHvmConfig(this.memory, config);
  }

  /** The counters of this VM. */
  stats(): Stat[] {
    return vmStats(this.memory);
  }

  /** KVM_GET_STATS_FD: the bytes that the fd reads now. */
  getStats(): Uint8Array {
    return statsFile('kvm', this.stats());
  }

  /** KVM_CREATE_DEVICE. ENODEV: x86 has but VFIO, and there are no host devices here; with KVM_CREATE_DEVICE_TEST too. */
  createDevice({ type = 0 }: Input<KvmCreateDevice>): never {
    throw new KvmError(
      'ENODEV',
      `there is no device of type ${type}; x86 has VFIO (4) only, which needs host devices.`,
    );
  }

  /** KVM_CREATE_PIT: a PIT that leaves port 0x61 alone. ENOENT without an irqchip, EEXIST. */
  createPit(): void {
    createPit2(this.memory, this.core, { flags: KVM_PIT_SPEAKER_DUMMY });
  }

  /** KVM_GET_PIT: the state without its flags. ENXIO without a PIT. */
  getPit(): KvmPitState {
    return { channels: getPit2(this.memory).channels };
  }

  /** KVM_SET_PIT. ENXIO without a PIT. */
  setPit(state: Input<KvmPitState>): void {
    setPit2(this.memory, this.core, state);
  }
}
