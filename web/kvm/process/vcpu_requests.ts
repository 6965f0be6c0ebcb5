// The ioctls of a vCPU fd. What they do is the typed API's; here is only how their arguments travel.

import {
  KvmError,
  kvm_cpuid,
  kvm_cpuid2,
  kvm_debugregs,
  kvm_device_attr,
  kvm_enable_cap,
  kvm_fpu,
  kvm_guest_debug,
  kvm_interrupt,
  kvm_lapic_state,
  kvm_mp_state,
  kvm_regs,
  kvm_signal_mask,
  kvm_sregs,
  kvm_sregs2,
  kvm_tpr_access_ctl,
  kvm_translation,
  kvm_vapic_addr,
  kvm_vcpu_events,
  kvm_x86_mce,
  kvm_xcrs,
  kvm_xsave,
  viewOf,
} from '../abi/index.ts';
import { StatsFile, type VcpuFile } from './files.ts';
import { getMsrs, readMsrs } from './msr_requests.ts';
import { attributeAt, bare, changes, gives, type Requests, refused, takes } from './request.ts';
import { forgetCode } from './stale_code.ts';
import { cpuidTable } from './system_requests.ts';

/** KVM_MAX_CPUID_ENTRIES. */
const CPUID_ENTRIES_MAX = 256;
/** Bytes of the kernel's sigset_t on x86. */
const SIGSET_BYTES = 8;

/** How many entries a struct of a flexible array says it has. E2BIG above `most`. */
function countOf(count: number, most: number): number {
  if (count > most) throw new KvmError('E2BIG', `${count} entries were given; ${most} is the most.`);
  return count;
}

export const VCPU_REQUESTS: Requests<VcpuFile> = {
  KVM_RUN: bare(({ vm: { vm }, vcpu }) => {
    forgetCode(vm.memory, vcpu.page, vcpu.id);
    vcpu.run();
  }),

  KVM_GET_REGS: gives(kvm_regs, ({ vcpu }) => vcpu.getRegs()),
  KVM_SET_REGS: takes(kvm_regs, ({ vcpu }, regs) => vcpu.setRegs(regs)),
  KVM_GET_SREGS: gives(kvm_sregs, ({ vcpu }) => vcpu.getSregs()),
  KVM_SET_SREGS: takes(kvm_sregs, ({ vcpu }, sregs) => vcpu.setSregs(sregs)),
  KVM_GET_SREGS2: gives(kvm_sregs2, ({ vcpu }) => vcpu.getSregs2()),
  KVM_SET_SREGS2: takes(kvm_sregs2, ({ vcpu }, sregs) => vcpu.setSregs2(sregs)),
  KVM_GET_FPU: gives(kvm_fpu, ({ vcpu }) => vcpu.getFpu()),
  KVM_SET_FPU: takes(kvm_fpu, ({ vcpu }, fpu) => vcpu.setFpu(fpu)),
  KVM_GET_XSAVE: gives(kvm_xsave, ({ vcpu }) => vcpu.getXsave()),
  KVM_SET_XSAVE: takes(kvm_xsave, ({ vcpu }, xsave) => vcpu.setXsave(xsave)),
  KVM_GET_XSAVE2: gives(kvm_xsave, ({ vcpu }) => vcpu.getXsave2()),
  KVM_GET_XCRS: gives(kvm_xcrs, ({ vcpu }) => vcpu.getXcrs()),
  KVM_SET_XCRS: takes(kvm_xcrs, ({ vcpu }, xcrs) => vcpu.setXcrs(xcrs)),
  KVM_GET_DEBUGREGS: gives(kvm_debugregs, ({ vcpu }) => vcpu.getDebugregs()),
  KVM_SET_DEBUGREGS: takes(kvm_debugregs, ({ vcpu }, regs) => vcpu.setDebugregs(regs)),
  KVM_GET_VCPU_EVENTS: gives(kvm_vcpu_events, ({ vcpu }) => vcpu.getVcpuEvents()),
  KVM_SET_VCPU_EVENTS: takes(kvm_vcpu_events, ({ vcpu }, events) => vcpu.setVcpuEvents(events)),
  KVM_GET_MP_STATE: gives(kvm_mp_state, ({ vcpu }) => ({ mp_state: vcpu.getMpState() })),
  KVM_SET_MP_STATE: takes(kvm_mp_state, ({ vcpu }, { mp_state }) => vcpu.setMpState(mp_state)),
  KVM_GET_LAPIC: gives(kvm_lapic_state, ({ vcpu }) => vcpu.getLapic()),
  KVM_SET_LAPIC: takes(kvm_lapic_state, ({ vcpu }, state) => vcpu.setLapic(state)),

  KVM_GET_MSRS: ({ file, argument }) => getMsrs(argument, (indices) => file.vcpu.getMsrs(indices)),
  KVM_SET_MSRS: ({ file, argument }) => file.vcpu.setMsrs(readMsrs(argument)),

  KVM_SET_CPUID: ({ file, argument }) => {
    const count = countOf(argument.read(kvm_cpuid).nent, CPUID_ENTRIES_MAX);
    file.vcpu.setCpuid(argument.read(kvm_cpuid, count).entries);
  },
  KVM_SET_CPUID2: ({ file, argument }) => {
    const count = countOf(argument.read(kvm_cpuid2).nent, CPUID_ENTRIES_MAX);
    file.vcpu.setCpuid2(argument.read(kvm_cpuid2, count).entries);
  },
  KVM_GET_CPUID2: ({ file, argument }) => {
    const { nent } = argument.read(kvm_cpuid2);
    const entries = file.vcpu.getCpuid2();
    if (nent < entries.length) {
      throw new KvmError('E2BIG', `the table has room for ${nent} entries; there are ${entries.length}.`);
    }
    argument.write(kvm_cpuid2, { nent: entries.length, entries });
  },

  KVM_GET_SUPPORTED_HV_CPUID: (call) => cpuidTable(call, call.file.vcpu.getSupportedHvCpuid()),

  KVM_TRANSLATE: changes(kvm_translation, ({ vcpu }, { linear_address }) => vcpu.translate(linear_address)),
  KVM_INTERRUPT: takes(kvm_interrupt, ({ vcpu }, { irq }) => vcpu.interrupt(irq)),
  KVM_NMI: ({ file }) => file.vcpu.nmi(),
  KVM_SMI: ({ file }) => file.vcpu.smi(),
  KVM_SET_GUEST_DEBUG: takes(kvm_guest_debug, ({ vcpu }, debug) => vcpu.setGuestDebug(debug)),
  KVM_SET_SIGNAL_MASK: ({ file, argument }) => {
    if (argument.isNull) return file.vcpu.setSignalMask(undefined);
    const { len } = argument.read(kvm_signal_mask);
    if (len !== SIGSET_BYTES) {
      throw new KvmError('EINVAL', `a signal mask has ${SIGSET_BYTES} bytes; len says ${len}.`);
    }
    return file.vcpu.setSignalMask(argument.bytes(len, kvm_signal_mask.size).slice());
  },

  KVM_ENABLE_CAP: takes(kvm_enable_cap, ({ vcpu }, cap) => vcpu.enableCap(cap)),
  KVM_GET_STATS_FD: bare((file, { open }) => open(new StatsFile(file, () => file.vcpu.getStats()))),
  KVM_GET_TSC_KHZ: ({ file }) => file.vcpu.getTscKhz(),
  KVM_SET_TSC_KHZ: ({ file, argument }) => file.vcpu.setTscKhz(argument.value),
  KVM_HAS_DEVICE_ATTR: takes(kvm_device_attr, ({ vcpu }, which) => vcpu.hasDeviceAttr(which)),
  KVM_GET_DEVICE_ATTR: takes(kvm_device_attr, ({ vcpu }, which, { space }) =>
    attributeAt(space, which.addr).setBigUint64(0, vcpu.getDeviceAttr(which), true),
  ),
  KVM_SET_DEVICE_ATTR: takes(kvm_device_attr, ({ vcpu }, which, { space }) =>
    vcpu.setDeviceAttr(which, attributeAt(space, which.addr).getBigUint64(0, true)),
  ),
  KVM_X86_SETUP_MCE: ({ file, argument }) =>
    file.vcpu.setupMce(viewOf(argument.bytes(8)).getBigUint64(0, true)),
  KVM_X86_SET_MCE: takes(kvm_x86_mce, ({ vcpu }, mce) => vcpu.setMce(mce)),
  KVM_TPR_ACCESS_REPORTING: takes(kvm_tpr_access_ctl, ({ vcpu }, control) =>
    vcpu.tprAccessReporting(control),
  ),
  KVM_SET_VAPIC_ADDR: takes(kvm_vapic_addr, ({ vcpu }, { vapic_addr }) => vcpu.setVapicAddr(vapic_addr)),
  KVM_KVMCLOCK_CTRL: ({ file }) => file.vcpu.kvmclockCtrl(),

  KVM_GET_ONE_REG: refused('EINVAL', 'x86 names no register by number.'),
  KVM_SET_ONE_REG: refused('EINVAL', 'x86 names no register by number.'),
  KVM_GET_REG_LIST: refused('EINVAL', 'x86 names no register by number.'),
  KVM_GET_NESTED_STATE: refused('EINVAL', 'there is neither VMX nor SVM, so no nested guest.'),
  KVM_SET_NESTED_STATE: refused('EINVAL', 'there is neither VMX nor SVM, so no nested guest.'),
};
