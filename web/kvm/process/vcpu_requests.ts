// The ioctls of a vCPU fd. What they do is the typed API's; here is only how their arguments travel.

import {
  KvmError,
  kvm_cpuid,
  kvm_cpuid2,
  kvm_debugregs,
  kvm_fpu,
  kvm_guest_debug,
  kvm_interrupt,
  kvm_lapic_state,
  kvm_mp_state,
  kvm_msrs,
  kvm_regs,
  kvm_signal_mask,
  kvm_sregs,
  kvm_translation,
  kvm_vcpu_events,
  kvm_xcrs,
  kvm_xsave,
} from '../abi/index.ts';
import type { Argument } from './argument.ts';
import type { VcpuFile } from './files.ts';
import { bare, changes, gives, type Requests, takes } from './request.ts';
import { forgetCode } from './stale_code.ts';

/** MAX_IO_MSRS: most entries of one KVM_GET_MSRS or KVM_SET_MSRS. */
const IO_MSRS_MAX = 256;
/** KVM_MAX_CPUID_ENTRIES. */
const CPUID_ENTRIES_MAX = 256;
/** Bytes of the kernel's sigset_t on x86. */
const SIGSET_BYTES = 8;

/** How many entries a struct of a flexible array says it has. E2BIG above `most`. */
function countOf(count: number, most: number): number {
  if (count > most) throw new KvmError('E2BIG', `${count} entries were given; ${most} is the most.`);
  return count;
}

function readMsrs(argument: Argument) {
  return argument.read(kvm_msrs, countOf(argument.read(kvm_msrs).nmsrs, IO_MSRS_MAX - 1)).entries;
}

/** The table of KVM_SET_CPUID as KVM_SET_CPUID2 wants it: entries without sub-leaves. */
function readOldCpuid(argument: Argument) {
  const count = countOf(argument.read(kvm_cpuid).nent, CPUID_ENTRIES_MAX);
  return argument
    .read(kvm_cpuid, count)
    .entries.map(({ function: leaf, eax, ebx, ecx, edx }) => ({ function: leaf, eax, ebx, ecx, edx }));
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
  KVM_GET_FPU: gives(kvm_fpu, ({ vcpu }) => vcpu.getFpu()),
  KVM_SET_FPU: takes(kvm_fpu, ({ vcpu }, fpu) => vcpu.setFpu(fpu)),
  KVM_GET_XSAVE: gives(kvm_xsave, ({ vcpu }) => vcpu.getXsave()),
  KVM_SET_XSAVE: takes(kvm_xsave, ({ vcpu }, xsave) => vcpu.setXsave(xsave)),
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

  KVM_GET_MSRS: ({ file, argument }) => {
    const entries = file.vcpu.getMsrs(readMsrs(argument).map(({ index }) => index));
    argument.write(kvm_msrs, { nmsrs: argument.read(kvm_msrs).nmsrs, entries });
    return entries.length;
  },
  KVM_SET_MSRS: ({ file, argument }) => file.vcpu.setMsrs(readMsrs(argument)),

  KVM_SET_CPUID: ({ file, argument }) => file.vcpu.setCpuid2(readOldCpuid(argument)),
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

  KVM_TRANSLATE: changes(kvm_translation, ({ vcpu }, { linear_address }) => vcpu.translate(linear_address)),
  KVM_INTERRUPT: takes(kvm_interrupt, ({ vcpu }, { irq }) => vcpu.interrupt(irq)),
  KVM_NMI: ({ file }) => file.vcpu.nmi(),
  KVM_SET_GUEST_DEBUG: takes(kvm_guest_debug, ({ vcpu }, debug) => vcpu.setGuestDebug(debug)),
  // A process here has no signals: the mask is checked and has no effect.
  KVM_SET_SIGNAL_MASK: ({ argument }) => {
    if (argument.isNull) return;
    const { len } = argument.read(kvm_signal_mask);
    if (len !== SIGSET_BYTES) {
      throw new KvmError('EINVAL', `a signal mask has ${SIGSET_BYTES} bytes; len says ${len}.`);
    }
    argument.bytes(kvm_signal_mask.size + SIGSET_BYTES);
  },
};
