// What local APICs take from others: messages of IOAPIC, MSI and ICR, and how they wake a vCPU. The registers that the
// guest sees are lapic.ts. Everything here may run on any thread: shared words are changed by atomics only.

import { KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK, VM_X2APIC_API } from '../abi/calls';
import {
  APIC_BASE_ENABLE,
  APIC_BASE_X2APIC,
  APIC_DFR,
  APIC_DM_EXTINT,
  APIC_DM_FIXED,
  APIC_DM_INIT,
  APIC_DM_LOWEST,
  APIC_DM_NMI,
  APIC_DM_SMI,
  APIC_DM_STARTUP,
  APIC_ESR_RECV_ILLEGAL,
  APIC_ID,
  APIC_IRR,
  APIC_LDR,
  APIC_LVT0,
  APIC_LVTERR,
  APIC_MASKED,
  APIC_SPIV,
  APIC_SPIV_ENABLED,
  APIC_TMR,
  IOAPIC_ARBITER,
  LAPIC_ERRORS,
  LAPIC_EVENT_INIT,
  LAPIC_EVENT_SIPI,
  LAPIC_EVENTS,
  LAPIC_EXTINT,
} from '../abi/irqchip';
import { IOAPIC_PAGE, VCPU_LAPIC, VCPU_PAGE, VM_PAGE, VM_VCPUS } from '../abi/map';
import { V_SMI_PENDING } from '../abi/smm';
import { REQ_EVENTS, V_APIC_BASE, V_NMI_PENDING, V_REQUESTS, V_SIPI_VECTOR, V_WAKE } from '../abi/vcpu_page';
import { vm_base } from '../host';
import { vm_setting } from '../state/settings';
import { vcpu_page } from '../state/vcpu';
import { woken } from '../state/waiting';

/** Address of the LAPIC page of the vCPU at `v`. */
export function lapic_page(v: u32): u32 {
  return v + (VCPU_LAPIC - VCPU_PAGE);
}

/** A LAPIC register. */
export function lapic_get(v: u32, register: u32): u32 {
  return atomic.load<u32>(lapic_page(v) + register);
}

export function lapic_set(v: u32, register: u32, value: u32): void {
  atomic.store<u32>(lapic_page(v) + register, value);
}

/** IA32_APIC_BASE enables the APIC. */
export function lapic_hw_enabled(v: u32): bool {
  return (load<u32>(v + V_APIC_BASE) & APIC_BASE_ENABLE) != 0;
}

/** The APIC is in x2APIC mode. */
export function lapic_is_x2apic(v: u32): bool {
  const both = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
  return (load<u32>(v + V_APIC_BASE) & both) == both;
}

/** Enabled in IA32_APIC_BASE and in the spurious-interrupt register. */
export function lapic_enabled(v: u32): bool {
  return lapic_hw_enabled(v) && (lapic_get(v, APIC_SPIV) & APIC_SPIV_ENABLED) != 0;
}

/** The vCPU takes the PIC's interrupts: LINT0 is unmasked and in ExtINT mode, or there is no APIC in the way. */
export function accepts_pic(v: u32): bool {
  if (!lapic_hw_enabled(v)) return true;
  const lvt0 = lapic_get(v, APIC_LVT0);
  if ((lvt0 & APIC_MASKED) == 0 && ((lvt0 >> 8) & 7) == APIC_DM_EXTINT) return true;
  return lapic_get(v, LAPIC_EXTINT) != 0;
}

/** Asks a vCPU to look at its interrupts, and wakes it when it is halted. */
export function kick(v: u32): void {
  woken(v);
  atomic.or<u32>(v + V_REQUESTS, REQ_EVENTS);
  atomic.add<u32>(v + V_WAKE, 1);
  atomic.notify(v + V_WAKE, -1);
}

/** Address of the 32-bit word of a 256-bit register (ISR, TMR, IRR) that holds a vector. */
export function vector_word(v: u32, register: u32, vector: u32): u32 {
  return lapic_page(v) + register + ((vector >> 5) << 4);
}

/** Highest vector in a 256-bit register, -1 when it is empty. */
export function highest_vector(v: u32, register: u32): i32 {
  const base = lapic_page(v) + register;
  for (let i: i32 = 7; i >= 0; i--) {
    const bits = atomic.load<u32>(base + ((i as u32) << 4));
    if (bits != 0) return i * 32 + 31 - clz<u32>(bits);
  }
  return -1;
}

/** Notes an error for ESR; the first since ESR was written raises the error interrupt (SDM vol. 3, 11.5.3). */
export function lapic_error(v: u32, bits: u32): void {
  if (atomic.or<u32>(lapic_page(v) + LAPIC_ERRORS, bits) != 0) return;
  const lvt = lapic_get(v, APIC_LVTERR);
  // A bad vector in LVTERR itself must not report itself for ever.
  if ((lvt & APIC_MASKED) == 0 && (lvt & 0xff) >= 16) accept(v, APIC_DM_FIXED, lvt & 0xff, false);
}

/** Hands a message to one local APIC; true when it took it. */
export function accept(v: u32, mode: u32, vector: u32, level: bool): bool {
  switch (mode) {
    case APIC_DM_FIXED:
    case APIC_DM_LOWEST: {
      if (!lapic_enabled(v)) return false;
      if (vector < 16) {
        lapic_error(v, APIC_ESR_RECV_ILLEGAL);
        return false;
      }
      const bit: u32 = 1 << (vector & 31);
      // TMR first: whoever sees the request must see its kind, or the EOI takes the wrong way.
      if (level) atomic.or<u32>(vector_word(v, APIC_TMR, vector), bit);
      else atomic.and<u32>(vector_word(v, APIC_TMR, vector), ~bit);
      if ((atomic.or<u32>(vector_word(v, APIC_IRR, vector), bit) & bit) == 0) kick(v);
      return true;
    }
    case APIC_DM_SMI:
      atomic.store<u32>(v + V_SMI_PENDING, 1);
      break;
    case APIC_DM_NMI:
      atomic.store<u32>(v + V_NMI_PENDING, 1);
      break;
    case APIC_DM_INIT:
      // Replaces a SIPI that was not taken yet, as the processor does.
      atomic.store<u32>(lapic_page(v) + LAPIC_EVENTS, LAPIC_EVENT_INIT);
      break;
    case APIC_DM_STARTUP:
      atomic.store<u32>(v + V_SIPI_VECTOR, vector);
      atomic.or<u32>(lapic_page(v) + LAPIC_EVENTS, LAPIC_EVENT_SIPI);
      break;
    case APIC_DM_EXTINT:
      lapic_set(v, LAPIC_EXTINT, 1);
      break;
    default:
      return false; // Remote read: no chipset reads remotely.
  }
  kick(v);
  return true;
}

/** KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK: 0xff in an 8-bit field is an id to an x2APIC, not everybody. */
function keeps_broadcasts_narrow(v: u32): bool {
  return lapic_is_x2apic(v) && (vm_setting(VM_X2APIC_API) & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK) != 0;
}

/**
 * True when the destination field of a message names this APIC (SDM vol. 3, 11.6.2). `wide` says that the field comes
 * from an x2APIC register: then 0xff is an ID and only 0xffffffff is everybody.
 */
function is_destination(v: u32, logical: bool, destination: u32, wide: bool): bool {
  if (!lapic_hw_enabled(v)) return false;
  if (destination == (wide ? 0xffffffff : 0xff)) return wide || !keeps_broadcasts_narrow(v);
  if (!logical) return lapic_get(v, APIC_ID) >> 24 == destination;
  const ldr = lapic_get(v, APIC_LDR);
  if (lapic_is_x2apic(v)) return ldr >> 16 == destination >> 16 && (ldr & destination & 0xffff) != 0;
  const id = ldr >> 24;
  if (lapic_get(v, APIC_DFR) >> 28 == 0xf) return (id & destination) != 0;
  return id >> 4 == destination >> 4 && (id & destination & 0xf) != 0;
}

/** Sends a message to every local APIC that its destination names; the number of those that took it, -1 when it names none. */
export function deliver(
  logical: bool,
  destination: u32,
  wide: bool,
  mode: u32,
  vector: u32,
  level: bool,
): i32 {
  if (mode == APIC_DM_LOWEST) return deliver_lowest(logical, destination, wide, vector, level);
  let taken: i32 = -1;
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const v = vcpu_page(ctz<u32>(left));
    if (!is_destination(v, logical, destination, wide)) continue;
    taken = max(taken, 0) + (accept(v, mode, vector, level) as i32);
  }
  return taken;
}

/** Sends a message to one of the APICs that its destination names. */
function deliver_lowest(logical: bool, destination: u32, wide: bool, vector: u32, level: bool): i32 {
  let candidates: u32 = 0;
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const v = vcpu_page(ctz<u32>(left));
    if (lapic_enabled(v) && is_destination(v, logical, destination, wide)) candidates |= left & (0 - left);
  }
  return deliver_one(candidates, vector, level);
}

/** Sends a message to one of `candidates` (a bit a vCPU), by turns, which the manual allows; -1 when there are none. */
function deliver_one(candidates: u32, vector: u32, level: bool): i32 {
  if (candidates == 0) return -1;
  let turn: u32 = 0;
  if (popcnt<u32>(candidates) > 1) {
    turn = atomic.add<u32>(vm_base + IOAPIC_PAGE + IOAPIC_ARBITER, 1) % popcnt<u32>(candidates);
  }
  for (; turn != 0; turn--) candidates &= candidates - 1;
  return accept(vcpu_page(ctz<u32>(candidates)), APIC_DM_FIXED, vector, level) ? 1 : 0;
}

/** Sends a message to all, or to all but `except` (0 = nobody); one of lowest priority to one of them. */
export function deliver_all(except: u32, mode: u32, vector: u32, level: bool): void {
  let candidates: u32 = 0;
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const v = vcpu_page(ctz<u32>(left));
    if (v == except) continue;
    if (mode != APIC_DM_LOWEST) {
      if (lapic_hw_enabled(v)) accept(v, mode, vector, level);
    } else if (lapic_enabled(v)) candidates |= left & (0 - left);
  }
  deliver_one(candidates, vector, level);
}

/** A tick of the PIT, as LINT0 sees it: an NMI where that is its mode (the NMI watchdog of old kernels, as in KVM). */
export function lint0_nmi(): void {
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const v = vcpu_page(ctz<u32>(left));
    const lvt0 = lapic_get(v, APIC_LVT0);
    if ((lvt0 & APIC_MASKED) == 0 && ((lvt0 >> 8) & 7) == APIC_DM_NMI && lapic_hw_enabled(v))
      accept(v, APIC_DM_NMI, 0, false);
  }
}
