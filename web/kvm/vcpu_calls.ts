// The rarer ioctls of a vCPU fd as typed calls: what Vcpu has beside registers and KVM_RUN. No mechanism is here.

import { V_PV_ENFORCED, V_TPR_REPORTS, V_TSC_KHZ, V_VAPIC_ADDR } from '../../assembly/abi/calls.ts';
import { ATTENTION_TPR, V_APIC_ATTENTION } from '../../assembly/abi/pv.ts';
import { V_TSC_OFFSET } from '../../assembly/abi/vcpu_page.ts';
import {
  type Input,
  KVM_CAP,
  type KvmCpuidEntry2,
  type KvmDeviceAttr,
  type KvmEnableCap,
  KvmError,
  type KvmSregs2,
  type KvmTprAccessCtl,
  type KvmX86Mce,
  type KvmXsave,
} from './abi/index.ts';
import type { Core } from './core.ts';
import { readXsave } from './fpu.ts';
import { hvaOf } from './guest_memory.ts';
import { enableHyperv, hypervCpuid, referenceTimeMoved } from './hyperv.ts';
import { hasIrqchip } from './irqchip.ts';
import { clockChanged, kvmclockCtrl } from './kvmclock.ts';
import { setMce, setupMce } from './machine_check.ts';
import type { MachineMemory } from './memory.ts';
import { SIGUSR1, sendSignal, setSignalMask } from './signals.ts';
import { readSregs2, writeSregs2 } from './sregs2.ts';
import { type Stat, statsFile, vcpuStats } from './stats.ts';
import { tscKhz, vcpuPage, vmTscKhz } from './vm_page.ts';

/** KVM_VCPU_TSC_CTRL and its attribute KVM_VCPU_TSC_OFFSET. */
export const KVM_VCPU_TSC_CTRL = { GROUP: 0, OFFSET: 0n } as const;

/** The base of Vcpu. */
export class VcpuCalls {
  readonly id: number;
  /** Offset of its page of live state in the VM's memory (V_* of the memory map). */
  readonly page: number;
  protected readonly memory: MachineMemory;
  protected readonly core: () => Core;

  constructor(memory: MachineMemory, id: number, core: () => Core) {
    this.memory = memory;
    this.id = id;
    this.page = vcpuPage(memory, id);
    this.core = core;
  }

  /** KVM_ENABLE_CAP of a vCPU: ENFORCE_PV_FEATURE_CPUID, HYPERV_*. EINVAL for every other capability, and for flags. */
  enableCap({ cap = 0, flags = 0, args = [] }: Input<KvmEnableCap>): void {
    if (flags === 0 && enableHyperv(this.memory, this.page, cap, BigInt(args[0] ?? 0))) return;
    if (flags !== 0 || cap !== KVM_CAP.ENFORCE_PV_FEATURE_CPUID) {
      throw new KvmError(
        'EINVAL',
        `a vCPU switches on ENFORCE_PV_FEATURE_CPUID and HYPERV_* only, without flags; not ${cap}.`,
      );
    }
    this.memory.setU32(this.page + V_PV_ENFORCED, BigInt(args[0] ?? 0) === 0n ? 0 : 1);
  }

  /** KVM_GET_SREGS2. */
  getSregs2(): KvmSregs2 {
    return readSregs2(this.memory, this.page);
  }

  /** KVM_SET_SREGS2; fields not named keep their values. EINVAL as KVM_SET_SREGS, and for flags that do not fit. */
  setSregs2(sregs2: Input<KvmSregs2>): void {
    writeSregs2(this.memory, this.page, sregs2);
    this.core().state_changed(this.page);
  }

  /** KVM_GET_XSAVE2: what KVM_GET_XSAVE gives, since no component lies behind its 4096 bytes (KVM_CAP_XSAVE2). */
  getXsave2(): KvmXsave {
    return readXsave(this.memory, this.page);
  }

  /** KVM_GET_SUPPORTED_HV_CPUID of a vCPU; timers that raise a vector need an irqchip. */
  getSupportedHvCpuid(): KvmCpuidEntry2[] {
    return hypervCpuid(hasIrqchip(this.memory));
  }

  /** The counters of this vCPU. */
  stats(): Stat[] {
    return vcpuStats(this.memory, this.id);
  }

  /** KVM_GET_STATS_FD: the bytes that the fd reads now. */
  getStats(): Uint8Array {
    return statsFile(`kvm/vcpu-${this.id}`, this.stats());
  }

  /** KVM_X86_SETUP_MCE: IA32_MCG_CAP of this vCPU. EINVAL for banks or bits that cannot be. */
  setupMce(cap: bigint): void {
    setupMce(this.memory, this.id, cap);
  }

  /** KVM_X86_SET_MCE: injects a machine check. EINVAL for a bank that is not there or a status without its valid bit. */
  setMce(mce: Input<KvmX86Mce>): void {
    setMce(this.memory, this.id, mce);
  }

  /** KVM_SET_SIGNAL_MASK: see signals.ts for what it means here. EINVAL for a mask that is not 8 bytes. */
  setSignalMask(mask: Uint8Array | undefined): void {
    setSignalMask(this.memory, this.id, mask);
  }

  /** Makes a running `run` return EINTR soon, and the next one if it does not run: a signal, in KVM's words. */
  kick(signal: number = SIGUSR1): void {
    sendSignal(this.memory, this.id, signal);
  }

  /**
   * KVM_TPR_ACCESS_REPORTING: instructions that read or write the task priority in the APIC's page or its MSR end with
   * KVM_EXIT_TPR_ACCESS, in a VM with an irqchip. EINVAL for flags.
   */
  tprAccessReporting({ enabled = 0, flags = 0 }: Input<KvmTprAccessCtl>): void {
    if (flags !== 0) throw new KvmError('EINVAL', 'kvm_tpr_access_ctl.flags must be 0.');
    this.memory.setU32(this.page + V_TPR_REPORTS, enabled ? 1 : 0);
  }

  /**
   * KVM_SET_VAPIC_ADDR: four bytes of guest memory that mirror the local APIC (task priority, class in service, highest
   * request), and whose first is the task priority when the guest stops; 0 ends it. EINVAL without an irqchip, and
   * outside all slots.
   */
  setVapicAddr(address: bigint): void {
    if (!hasIrqchip(this.memory)) {
      throw new KvmError('EINVAL', 'this VM has no local APIC; call createIrqchip first.');
    }
    if (address !== 0n && hvaOf(this.memory, address, 4) === undefined) {
      throw new KvmError('EINVAL', `guest-physical 0x${address.toString(16)} lies in no slot.`);
    }
    this.memory.setU64(this.page + V_VAPIC_ADDR, BigInt.asUintN(64, address));
    if (address === 0n) this.memory.and(this.page + V_APIC_ATTENTION, ~ATTENTION_TPR);
    else this.memory.or(this.page + V_APIC_ATTENTION, ATTENTION_TPR);
  }

  /** KVM_KVMCLOCK_CTRL: tells the guest that it stood. EINVAL when it has no clock page. */
  kvmclockCtrl(): void {
    kvmclockCtrl(this.memory, this.id);
  }

  /** KVM_GET_TSC_KHZ of a vCPU. */
  getTscKhz(): number {
    return Number(this.memory.u64(this.page + V_TSC_KHZ)) || vmTscKhz(this.memory);
  }

  /** KVM_SET_TSC_KHZ of a vCPU; 0 means the host's, which is 1 GHz. EINVAL for what is no 32-bit number. */
  setTscKhz(khz: number): void {
    this.memory.setU64(this.page + V_TSC_KHZ, tscKhz(khz));
    clockChanged(this.memory);
    referenceTimeMoved(this.memory, this.core);
  }

  /** KVM_HAS_DEVICE_ATTR of a vCPU: KVM_VCPU_TSC_CTRL has KVM_VCPU_TSC_OFFSET. ENXIO for others. */
  hasDeviceAttr({ group = 0, attr = 0n }: Input<KvmDeviceAttr>): void {
    if (group !== KVM_VCPU_TSC_CTRL.GROUP || BigInt(attr) !== KVM_VCPU_TSC_CTRL.OFFSET) {
      throw new KvmError('ENXIO', `a vCPU has attribute 0 of group 0 (TSC offset), not ${attr} of ${group}.`);
    }
  }

  /** KVM_GET_DEVICE_ATTR of a vCPU: how many ticks its TSC is ahead of the VM's. ENXIO. */
  getDeviceAttr(which: Input<KvmDeviceAttr>): bigint {
    this.hasDeviceAttr(which);
    return this.memory.u64(this.page + V_TSC_OFFSET);
  }

  /** KVM_SET_DEVICE_ATTR of a vCPU. ENXIO. */
  setDeviceAttr(which: Input<KvmDeviceAttr>, value: bigint): void {
    this.hasDeviceAttr(which);
    this.memory.setU64(this.page + V_TSC_OFFSET, BigInt.asUintN(64, value));
    clockChanged(this.memory);
    referenceTimeMoved(this.memory, this.core);
  }
}
