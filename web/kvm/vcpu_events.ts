// kvm_vcpu_events: what waits to be delivered to a vCPU, and the exceptions that a debugger injects. It delivers nothing.

import {
  V_EXCEPTION,
  V_EXCEPTION_CODE,
  V_EXCEPTION_HAS_CODE,
  V_EXCEPTION_HAS_PAYLOAD,
  V_EXCEPTION_PAYLOAD,
  V_EXCEPTION_PENDING,
  V_TRIPLE_FAULT,
  VM_EXCEPTION_PAYLOADS,
  VM_TRIPLE_FAULT_EVENTS,
} from '../../assembly/abi/calls.ts';
import { LAPIC_EVENT_INIT, LAPIC_EVENTS } from '../../assembly/abi/irqchip.ts';
import { KVM_MP_STATE_INIT_RECEIVED } from '../../assembly/abi/kvm_run.ts';
import { VCPU_LAPIC, VCPU_PAGE } from '../../assembly/abi/map.ts';
import { V_SMI_PENDING, V_SMM, V_SMM_INSIDE_NMI } from '../../assembly/abi/smm.ts';
import {
  V_IRQ_QUEUED,
  V_MP_STATE,
  V_NMI_MASKED,
  V_NMI_PENDING,
  V_SHADOW,
  V_SIPI_VECTOR,
} from '../../assembly/abi/vcpu_page.ts';
import { BP, type DB, NMI, OF } from '../../assembly/abi/x86.ts';
import { type Input, KvmError, type KvmVcpuEvents } from './abi/index.ts';
import { hasIrqchip } from './irqchip.ts';
import type { MachineMemory } from './memory.ts';
import { isSet } from './vm_settings.ts';

/** KVM_VCPUEVENT_VALID_*: which groups of kvm_vcpu_events a set takes over. */
export const KVM_VCPUEVENT = {
  NMI_PENDING: 1,
  SIPI_VECTOR: 2,
  SHADOW: 4,
  SMM: 8,
  PAYLOAD: 0x10,
  TRIPLE_FAULT: 0x20,
} as const;
const KNOWN = 0x3f;

function readException(memory: MachineMemory, v: number, payloads: boolean): Partial<KvmVcpuEvents> {
  const nr = memory.load(v + V_EXCEPTION) - 1;
  const none = { injected: 0, nr: 0, has_error_code: 0, pending: 0, error_code: 0 };
  // INT3 and INTO are raised again by their instructions.
  if (nr < 0 || nr === BP || nr === OF) return { exception: none };
  const pending = memory.load(v + V_EXCEPTION_PENDING) !== 0;
  return {
    exception: {
      injected: pending && payloads ? 0 : 1,
      nr,
      has_error_code: memory.load(v + V_EXCEPTION_HAS_CODE) ? 1 : 0,
      pending: pending && payloads ? 1 : 0,
      error_code: memory.u32(v + V_EXCEPTION_CODE),
    },
    exception_has_payload: payloads && memory.load(v + V_EXCEPTION_HAS_PAYLOAD) ? 1 : 0,
    exception_payload: payloads ? memory.u64(v + V_EXCEPTION_PAYLOAD) : 0n,
  };
}

/** The word of the local APIC in which an INIT waits, latched in SMM. */
const lapicEvents = (v: number): number => v - VCPU_PAGE + VCPU_LAPIC + LAPIC_EVENTS;

function readSmi(memory: MachineMemory, v: number): KvmVcpuEvents['smi'] {
  const init = hasIrqchip(memory) && (memory.load(lapicEvents(v)) & LAPIC_EVENT_INIT) !== 0;
  return {
    smm: memory.u32(v + V_SMM),
    pending: memory.load(v + V_SMI_PENDING),
    smm_inside_nmi: memory.u32(v + V_SMM_INSIDE_NMI),
    latched_init: init ? 1 : 0,
  };
}

function writeSmi(memory: MachineMemory, v: number, given: Input<KvmVcpuEvents>['smi']): void {
  const { smm = 0, pending = 0, smm_inside_nmi = 0, latched_init = 0 } = given ?? {};
  memory.setU32(v + V_SMM, smm ? 1 : 0);
  memory.setU32(v + V_SMM_INSIDE_NMI, smm && smm_inside_nmi ? 1 : 0);
  memory.store(v + V_SMI_PENDING, pending ? 1 : 0);
  if (!hasIrqchip(memory)) return;
  if (latched_init) memory.or(lapicEvents(v), LAPIC_EVENT_INIT);
  else memory.and(lapicEvents(v), ~LAPIC_EVENT_INIT);
}

/** EINVAL while an INIT would be latched: a vCPU in SMM, or with an SMI pending, cannot wait for a SIPI. */
export function checkStartupAllowed(memory: MachineMemory, v: number): void {
  if (memory.u32(v + V_SMM) === 0 && memory.load(v + V_SMI_PENDING) === 0) return;
  throw new KvmError('EINVAL', 'a vCPU in SMM, or with an SMI pending, cannot wait for a SIPI.');
}

/** KVM_GET_VCPU_EVENTS. Exceptions of the guest are delivered before KVM_RUN returns: one here was put in from outside. */
export function readEvents(memory: MachineMemory, v: number): KvmVcpuEvents {
  const queued = memory.load(v + V_IRQ_QUEUED);
  const sipi = memory.load(v + V_SIPI_VECTOR);
  const payloads = isSet(memory, VM_EXCEPTION_PAYLOADS);
  const tripleFaults = isSet(memory, VM_TRIPLE_FAULT_EVENTS);
  return {
    exception: { injected: 0, nr: 0, has_error_code: 0, pending: 0, error_code: 0 },
    interrupt: {
      injected: queued ? 1 : 0,
      nr: queued ? queued - 1 : 0,
      soft: 0,
      shadow: memory.u32(v + V_SHADOW) & 3,
    },
    nmi: {
      injected: 0,
      pending: memory.load(v + V_NMI_PENDING) ? 1 : 0,
      masked: memory.load(v + V_NMI_MASKED) ? 1 : 0,
      pad: 0,
    },
    sipi_vector: sipi === 0xffff_ffff || sipi === -1 ? 0 : sipi,
    flags:
      KVM_VCPUEVENT.NMI_PENDING |
      KVM_VCPUEVENT.SHADOW |
      KVM_VCPUEVENT.SMM |
      (payloads ? KVM_VCPUEVENT.PAYLOAD : 0) |
      (tripleFaults ? KVM_VCPUEVENT.TRIPLE_FAULT : 0),
    smi: readSmi(memory, v),
    triple_fault: { pending: tripleFaults && memory.load(v + V_TRIPLE_FAULT) ? 1 : 0 },
    reserved: new Uint8Array(26),
    exception_has_payload: 0,
    exception_payload: 0n,
    ...readException(memory, v, payloads),
  };
}

function checkEvents(memory: MachineMemory, v: number, flags: number, given: Input<KvmVcpuEvents>): void {
  if (flags & ~KNOWN) {
    throw new KvmError(
      'EINVAL',
      `vcpu_events.flags may have the bits 0x3f (KVM_VCPUEVENT); ${flags} was given.`,
    );
  }
  if (flags & KVM_VCPUEVENT.PAYLOAD && !isSet(memory, VM_EXCEPTION_PAYLOADS)) {
    throw new KvmError('EINVAL', 'payloads must be switched on first: enableCap EXCEPTION_PAYLOAD.');
  }
  if (flags & KVM_VCPUEVENT.TRIPLE_FAULT && !isSet(memory, VM_TRIPLE_FAULT_EVENTS)) {
    throw new KvmError(
      'EINVAL',
      'triple faults must be switched on first: enableCap X86_TRIPLE_FAULT_EVENT.',
    );
  }
  const smi = given.smi ?? {};
  const waits = memory.load(v + V_MP_STATE) === KVM_MP_STATE_INIT_RECEIVED;
  if (flags & KVM_VCPUEVENT.SMM && (smi.smm || smi.pending) && waits) {
    throw new KvmError('EINVAL', 'a vCPU that waits for a SIPI cannot be in SMM, nor have an SMI pending.');
  }
}

function writeException(memory: MachineMemory, v: number, flags: number, given: Input<KvmVcpuEvents>): void {
  const {
    injected = 0,
    pending: waits = 0,
    nr = 0,
    has_error_code = 0,
    error_code = 0,
  } = given.exception ?? {};
  const pending = flags & KVM_VCPUEVENT.PAYLOAD ? waits : 0;
  if (!(injected || pending)) {
    memory.store(v + V_EXCEPTION, 0);
    return;
  }
  if (nr > 31 || nr === NMI) {
    throw new KvmError('EINVAL', `${nr} is no exception; they are 0 to 31 without 2, which is the NMI.`);
  }
  const payload = pending && given.exception_has_payload ? 1 : 0;
  memory.setU32(v + V_EXCEPTION_HAS_CODE, has_error_code ? 1 : 0);
  memory.setU32(v + V_EXCEPTION_CODE, error_code);
  memory.setU32(v + V_EXCEPTION_HAS_PAYLOAD, payload);
  memory.setU64(v + V_EXCEPTION_PAYLOAD, BigInt.asUintN(64, BigInt(given.exception_payload ?? 0)));
  memory.setU32(v + V_EXCEPTION_PENDING, pending ? 1 : 0);
  memory.store(v + V_EXCEPTION, nr + 1);
}

/**
 * KVM_SET_VCPU_EVENTS; groups not given stay, and of those with a flag only the ones that `flags` names are taken over.
 * EINVAL for flags unknown or not switched on, an exception that does not exist, and SMM of a vCPU that waits for a SIPI. True
 * when the vCPU has entered or left SMM: what the core derives from its state must be made anew.
 */
export function writeEvents(memory: MachineMemory, v: number, given: Input<KvmVcpuEvents>): boolean {
  const flags = given.flags ?? 0;
  const smm = memory.u32(v + V_SMM);
  checkEvents(memory, v, flags, given);
  if (given.exception) writeException(memory, v, flags, given);
  const { interrupt, nmi } = given;
  if (interrupt) {
    memory.store(v + V_IRQ_QUEUED, interrupt.injected ? ((interrupt.nr ?? 0) & 0xff) + 1 : 0);
    if (flags & KVM_VCPUEVENT.SHADOW) memory.setU32(v + V_SHADOW, (interrupt.shadow ?? 0) & 3);
  }
  if (nmi) {
    if (flags & KVM_VCPUEVENT.NMI_PENDING) memory.store(v + V_NMI_PENDING, nmi.pending ? 1 : 0);
    // One under way is delivered again, and masks the next by that.
    if (nmi.injected) memory.store(v + V_NMI_PENDING, 1);
    memory.store(v + V_NMI_MASKED, nmi.masked && !nmi.injected ? 1 : 0);
  }
  if (flags & KVM_VCPUEVENT.SIPI_VECTOR && hasIrqchip(memory)) {
    memory.store(v + V_SIPI_VECTOR, given.sipi_vector ?? 0);
  }
  if (flags & KVM_VCPUEVENT.SMM) writeSmi(memory, v, given.smi);
  if (flags & KVM_VCPUEVENT.TRIPLE_FAULT)
    memory.store(v + V_TRIPLE_FAULT, given.triple_fault?.pending ? 1 : 0);
  return memory.u32(v + V_SMM) !== smm;
}

/** KVM_GUESTDBG_INJECT_DB and _BP: #DB or #BP on the next entry. EBUSY when an exception waits already. */
export function injectDebugException(memory: MachineMemory, v: number, vector: typeof DB | typeof BP): void {
  if (memory.load(v + V_EXCEPTION) !== 0) {
    throw new KvmError('EBUSY', 'an exception waits for this vCPU already; run it first.');
  }
  memory.setU32(v + V_EXCEPTION_HAS_CODE, 0);
  memory.setU32(v + V_EXCEPTION_HAS_PAYLOAD, 0);
  memory.setU32(v + V_EXCEPTION_PENDING, 1);
  memory.store(v + V_EXCEPTION, vector + 1);
}
