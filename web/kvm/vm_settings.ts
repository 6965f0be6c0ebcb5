// What user space sets for a whole VM: the switches of KVM_ENABLE_CAP that are a word of the VM page.
// What the words do is the core's business.

import {
  IRQCHIP_SPLIT,
  VM_BUS_LOCK_EXITS,
  VM_DISABLED_EXITS,
  VM_DISABLED_QUIRKS,
  VM_EMULATION_EXITS,
  VM_EXCEPTION_PAYLOADS,
  VM_HALT_POLL_NS,
  VM_HYPERCALL_EXITS,
  VM_MAX_VCPU_ID,
  VM_MSR_EXITS,
  VM_PLATFORM_INFO_HIDDEN,
  VM_RESERVED_PINS,
  VM_TRIPLE_FAULT_EVENTS,
  VM_X2APIC_API,
} from '../../assembly/abi/calls.ts';
import { MAX_VCPUS, VM_HAS_IRQCHIP } from '../../assembly/abi/map.ts';
import { type CapName, KvmError } from './abi/index.ts';
import type { Core } from './core.ts';
import { clearGsiRouting } from './gsi_routing.ts';
import type { MachineMemory } from './memory.ts';
import { vcpuIds } from './vm_page.ts';

/** KVM_HC_MAP_GPA_RANGE as a bit: the hypercalls that may exit. */
export const HYPERCALLS_THAT_EXIT = 1 << 12;
/** KVM_X86_DISABLE_EXITS_*: HLT 2, PAUSE 4, CSTATE 8. MWAIT (1) never exits, so it is taken and changes nothing. */
export const EXITS_TO_DISABLE = 2 | 4 | 8;
/** KVM_BUS_LOCK_DETECTION_*. */
export const BUS_LOCK = { OFF: 1, EXIT: 2 } as const;
/** KVM_X2APIC_API_*: 32-bit ids in KVM_GET_LAPIC and MSIs, and no broadcast by 0xff in x2APIC mode. */
export const X2APIC_API = { USE_32BIT_IDS: 1, DISABLE_BROADCAST_QUIRK: 2 } as const;
/** KVM_MSR_EXIT_REASON_*. */
export const MSR_EXIT = { INVAL: 1, UNKNOWN: 2, FILTER: 4 } as const;
/**
 * KVM_X86_QUIRK_* that may be switched off: all of 6.1 but OUT_7E_INC_RIP (8), since every OUT has moved RIP on when it
 * exits. CD_NW_CLEARED, LAPIC_MMIO_HOLE and MISC_ENABLE_NO_MWAIT are off here from the start.
 */
export const QUIRKS = 0x77;
/** KVM_MAX_IRQ_ROUTES. */
const MAX_IRQ_ROUTES = 4096n;

type Args = readonly bigint[];

function refuse(sentence: string): never {
  throw new KvmError('EINVAL', sentence);
}

/** A switch that stores args[0], of which only the bits of `known` may be set. */
function bitsOf(word: number, known: number) {
  return (memory: MachineMemory, [bits = 0n]: Args): void => {
    if (bits & ~BigInt(known)) {
      refuse(`args[0] may have the bits 0x${known.toString(16)} only; 0x${bits.toString(16)} was given.`);
    }
    memory.store(memory.vm + word, Number(bits));
  };
}

/** A switch that is on for any args[0] but 0. */
function flag(word: number) {
  return (memory: MachineMemory, [on = 0n]: Args): void => memory.store(memory.vm + word, on ? 1 : 0);
}

function busLockExit(memory: MachineMemory, [mode = 0n]: Args): void {
  if (mode > 3n || mode === 3n) {
    refuse('bus lock detection is OFF (1) or EXIT (2), not both.');
  }
  memory.store(memory.vm + VM_BUS_LOCK_EXITS, mode === BigInt(BUS_LOCK.EXIT) ? 1 : 0);
}

function haltPoll(memory: MachineMemory, [ns = 0n]: Args): void {
  if (ns > 0xffff_ffffn) refuse(`${ns} ns do not fit 32 bits.`);
  memory.store(memory.vm + VM_HALT_POLL_NS, Number(ns));
}

/** KVM_CAP_MAX_VCPU_ID: set once; the same value again is taken. */
function maxVcpuId(memory: MachineMemory, [limit = 0n]: Args): void {
  const now = memory.u32(memory.vm + VM_MAX_VCPU_ID);
  if (limit > BigInt(MAX_VCPUS)) refuse(`vCPU ids are below ${MAX_VCPUS}; ${limit} was given.`);
  if (now !== 0 && now !== Number(limit)) refuse(`the limit of vCPU ids is ${now} already.`);
  memory.setU32(memory.vm + VM_MAX_VCPU_ID, Number(limit));
}

/** KVM_CAP_SPLIT_IRQCHIP: local APICs in the core, PIC, IOAPIC and PIT in user space; args[0] = pins of that IOAPIC. */
function splitIrqchip(memory: MachineMemory, [pins = 0n]: Args, core: () => Core): void {
  if (pins > MAX_IRQ_ROUTES) refuse(`an IOAPIC of ${pins} pins is too large; ${MAX_IRQ_ROUTES} is the most.`);
  if (memory.load(memory.vm + VM_HAS_IRQCHIP) !== 0 || vcpuIds(memory).length > 0) {
    throw new KvmError(
      'EEXIST',
      'this VM has its irqchip or its first vCPU already; split the irqchip before.',
    );
  }
  core().irqchip_create();
  clearGsiRouting(memory, core());
  memory.setU32(memory.vm + VM_RESERVED_PINS, Number(pins));
  memory.store(memory.vm + VM_HAS_IRQCHIP, IRQCHIP_SPLIT);
}

/** The switches of this file, for the table of enable_cap.ts. */
export const VM_SWITCHES = {
  DISABLE_QUIRKS: (memory, [bits = 0n]) =>
    memory.store(memory.vm + VM_DISABLED_QUIRKS, Number(BigInt.asIntN(32, bits))),
  DISABLE_QUIRKS2: bitsOf(VM_DISABLED_QUIRKS, QUIRKS),
  EXCEPTION_PAYLOAD: flag(VM_EXCEPTION_PAYLOADS),
  EXIT_HYPERCALL: bitsOf(VM_HYPERCALL_EXITS, HYPERCALLS_THAT_EXIT),
  EXIT_ON_EMULATION_FAILURE: bitsOf(VM_EMULATION_EXITS, 1),
  HALT_POLL: haltPoll,
  MAX_VCPU_ID: maxVcpuId,
  MSR_PLATFORM_INFO: (memory, [on = 0n]) => memory.store(memory.vm + VM_PLATFORM_INFO_HIDDEN, on ? 0 : 1),
  SPLIT_IRQCHIP: splitIrqchip,
  X2APIC_API: bitsOf(VM_X2APIC_API, X2APIC_API.USE_32BIT_IDS | X2APIC_API.DISABLE_BROADCAST_QUIRK),
  X86_BUS_LOCK_EXIT: busLockExit,
  X86_DISABLE_EXITS: bitsOf(VM_DISABLED_EXITS, EXITS_TO_DISABLE | 1),
  X86_TRIPLE_FAULT_EVENT: flag(VM_TRIPLE_FAULT_EVENTS),
  X86_USER_SPACE_MSR: bitsOf(VM_MSR_EXITS, MSR_EXIT.INVAL | MSR_EXIT.UNKNOWN | MSR_EXIT.FILTER),
} as const satisfies Partial<Record<CapName, (memory: MachineMemory, args: Args, core: () => Core) => void>>;

/** Whether user space switched a setting of the VM page on. */
export function isSet(memory: MachineMemory, word: number): boolean {
  return memory.load(memory.vm + word) !== 0;
}
