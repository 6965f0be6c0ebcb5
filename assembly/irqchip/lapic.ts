// A local APIC as its own vCPU sees it: registers by MMIO and by x2APIC MSRs, priorities, EOI, IPIs. Only the vCPU's own
// thread comes here (or another while the vCPU is out); what others send is lapic_bus.ts, how it starts lapic_start.ts.
import { TPR_READ, TPR_WRITE, V_EOI_EXIT, V_TPR_ACCESS, V_TPR_REPORTS } from '../abi/calls';
import { V_HV_SINTS } from '../abi/hyperv';
import {
  APIC_ARBPRI,
  APIC_DEST_LOGICAL,
  APIC_DFR,
  APIC_DM_EXTINT,
  APIC_DM_FIXED,
  APIC_DM_INIT,
  APIC_DM_LOWEST,
  APIC_EOI,
  APIC_ESR,
  APIC_ESR_ILLEGAL_REG,
  APIC_ESR_SEND_ILLEGAL,
  APIC_ICR,
  APIC_ICR_BUSY,
  APIC_ICR2,
  APIC_ID,
  APIC_INT_ASSERT,
  APIC_IRR,
  APIC_ISR,
  APIC_LDR,
  APIC_LEVEL_TRIG,
  APIC_LVR,
  APIC_LVT0,
  APIC_LVT1,
  APIC_LVTERR,
  APIC_LVTPC,
  APIC_LVTT,
  APIC_LVTTHMR,
  APIC_MASKED,
  APIC_PROCPRI,
  APIC_RRR,
  APIC_SELF_IPI,
  APIC_SPIV,
  APIC_SPIV_ENABLED,
  APIC_TASKPRI,
  APIC_TDCR,
  APIC_TIMER_TSCDEADLINE,
  APIC_TMCCT,
  APIC_TMICT,
  APIC_TMR,
  LAPIC_ERRORS,
} from '../abi/irqchip';
import { LEAVE_TPR, REQ_EVENTS, V_CR8, V_LEAVE, V_MSR_VALUE, V_REQUESTS } from '../abi/vcpu_page';
import { has_pic } from '../state/vcpu';
import { ioapic_listens } from './ioapic_chip';
import {
  accept,
  accepts_pic,
  deliver,
  deliver_all,
  highest_vector,
  lapic_error,
  lapic_get,
  lapic_hw_enabled,
  lapic_is_x2apic,
  lapic_page,
  lapic_set,
  vector_word,
} from './lapic_bus';
import { timer_count, timer_mode, timer_set_divider, timer_set_lvt, timer_start } from './lapic_timer';
import { broadcast_eoi } from './settle';
import { sint_ended, sint_ends_itself } from './sint';

/** Integrated APIC with six LVT entries, as KVM's. */
const VERSION: u32 = 0x50014;
/** In the version register: the guest may end level interrupts at an IOAPIC's EOI register, by SPIV_NO_BROADCAST. */
const VERSION_DIRECTED_EOI: u32 = 0x1000000;
const SPIV_NO_BROADCAST: u32 = 0x1000;
const SPIV_BITS: u32 = 0x3ff;
const X2APIC_MSRS: u32 = 0x800;
/** Bits that LVT entries keep: vector, delivery mode, polarity, trigger, mask. */
const LVT_PLAIN: u32 = 0x100ff;
const LVT_MODE: u32 = 0x107ff;
const LVT_PIN: u32 = 0x1a7ff;
const LVT_TIMER: u32 = 0x700ff;
/** Delivery status and remote IRR. */
const LVT_READ_ONLY: u32 = 0x5000;
/** ICR bits that exist: vector, mode, destination mode, level, trigger, shorthand. */
const ICR_BITS: u32 = 0xccfff;

/** Makes the vCPU look at its interrupts at the next block edge; it is this thread's own, so nobody is woken. */
export function look_again(v: u32): void {
  atomic.or<u32>(v + V_REQUESTS, REQ_EVENTS);
}

// --- Priorities ---

/** Processor priority: the higher of TPR and the highest vector in service (SDM vol. 3, 11.8.3.1). */
export function processor_priority(v: u32): u32 {
  const tpr = lapic_get(v, APIC_TASKPRI) & 0xff;
  const serving = highest_vector(v, APIC_ISR);
  const class_in_service: u32 = serving < 0 ? 0 : (serving as u32) & 0xf0;
  return (tpr & 0xf0) >= class_in_service ? tpr : class_in_service;
}

/** The vector that the APIC would interrupt with now, -1 when there is none above the processor priority. */
export function lapic_pending(v: u32): i32 {
  if (!lapic_hw_enabled(v)) return -1;
  const vector = highest_vector(v, APIC_IRR);
  if (vector < 0) return -1;
  return ((vector as u32) & 0xf0) > (processor_priority(v) & 0xf0) ? vector : -1;
}

/** Takes the pending vector into service and gives it; -1 when there is none (it went away). */
export function lapic_acknowledge(v: u32): i32 {
  const vector = lapic_pending(v);
  if (vector < 0) return -1;
  const bit: u32 = 1 << (vector & 31);
  atomic.and<u32>(vector_word(v, APIC_IRR, vector), ~bit);
  if (load<u32>(v + V_HV_SINTS) != 0 && sint_ends_itself(v, vector)) {
    look_again(v);
    return vector;
  }
  atomic.or<u32>(vector_word(v, APIC_ISR, vector), bit);
  lapic_set(v, APIC_PROCPRI, processor_priority(v));
  return vector;
}

/** Ends the interrupt of the highest vector in service. */
export function end_of_interrupt(v: u32): void {
  const vector = highest_vector(v, APIC_ISR);
  if (vector < 0) return;
  const bit: u32 = 1 << (vector & 31);
  atomic.and<u32>(vector_word(v, APIC_ISR, vector), ~bit);
  lapic_set(v, APIC_PROCPRI, processor_priority(v));
  if (load<u32>(v + V_HV_SINTS) != 0) sint_ended(v, vector);
  const level = (atomic.load<u32>(vector_word(v, APIC_TMR, vector)) & bit) != 0;
  if (!has_pic()) {
    // Split irqchip: user space keeps the IOAPIC and hears of the vectors that its routes name.
    const silent = level && (lapic_get(v, APIC_SPIV) & SPIV_NO_BROADCAST) != 0;
    if (!silent && ioapic_listens(vector)) store<u32>(v + V_EOI_EXIT, vector + 1);
  } else if (level || ioapic_listens(vector)) broadcast_eoi(vector);
  look_again(v);
}

/** The version register. The IOAPIC in the core has no EOI register, so directed EOIs are for a split irqchip alone. */
export function lapic_version(): u32 {
  return has_pic() ? VERSION : VERSION | VERSION_DIRECTED_EOI;
}

/** Bits of the spurious-interrupt register that exist. */
function spiv_bits(): u32 {
  return has_pic() ? SPIV_BITS : SPIV_BITS | SPIV_NO_BROADCAST;
}

/** Sets the task priority (8 bits). */
export function set_tpr(v: u32, value: u32): void {
  lapic_set(v, APIC_TASKPRI, value & 0xff);
  lapic_set(v, APIC_PROCPRI, processor_priority(v));
  store<u64>(v + V_CR8, (value >> 4) & 0xf);
  look_again(v);
}

// --- Interrupt command ---

/** Sends what ICR says; `wide` = the x2APIC register with its 32-bit destination. */
function send_ipi(v: u32, icr: u32, destination: u32, wide: bool): void {
  const mode = (icr >> 8) & 7;
  const vector = icr & 0xff;
  const level = (icr & APIC_LEVEL_TRIG) != 0;
  // INIT level de-assert only synchronised arbitration IDs, and ExtINT cannot be sent.
  if (mode == APIC_DM_INIT && level && (icr & APIC_INT_ASSERT) == 0) return;
  if (mode == APIC_DM_EXTINT) return;
  if ((mode == APIC_DM_FIXED || mode == APIC_DM_LOWEST) && vector < 16) {
    lapic_error(v, APIC_ESR_SEND_ILLEGAL);
    return;
  }
  // Fixed IPIs are edge triggered whatever the bit says: nobody would hear their EOI.
  switch ((icr >> 18) & 3) {
    case 0:
      deliver((icr & APIC_DEST_LOGICAL) != 0, destination, wide, mode, vector, false);
      break;
    case 1:
      accept(v, mode, vector, false);
      break;
    case 2:
      deliver_all(0, mode, vector, false);
      break;
    case 3:
      deliver_all(v, mode, vector, false);
      break;
  }
}

// --- Local vector table ---

function lvt_bits(register: u32): u32 {
  switch (register) {
    case APIC_LVTT:
      return LVT_TIMER;
    case APIC_LVTERR:
      return LVT_PLAIN;
    case APIC_LVT0:
    case APIC_LVT1:
      return LVT_PIN;
    default:
      return LVT_MODE;
  }
}

function write_lvt(v: u32, register: u32, value: u32): void {
  value &= lvt_bits(register);
  if ((lapic_get(v, APIC_SPIV) & APIC_SPIV_ENABLED) == 0) value |= APIC_MASKED;
  if (register == APIC_LVTT) timer_set_lvt(v, value);
  else lapic_set(v, register, value);
  look_again(v);
}

export function mask_lvt(v: u32): void {
  for (let register = APIC_LVTT; register <= APIC_LVTERR; register += 0x10) {
    lapic_set(v, register, lapic_get(v, register) | APIC_MASKED);
  }
}

/** Raises a local pin, APIC_LVT0 or APIC_LVT1, as its LVT entry says; ExtINT is the PIC's way (accepts_pic). */
export function lapic_local_interrupt(v: u32, register: u32): void {
  const lvt = lapic_get(v, register);
  const mode = (lvt >> 8) & 7;
  if (lvt & APIC_MASKED || mode == APIC_DM_EXTINT) return;
  accept(v, mode, lvt & 0xff, false);
}

/** The vCPU takes the PIC's interrupts. */
export function lapic_accept_pic(v: u32): bool {
  return accepts_pic(v);
}

// --- Registers ---

/** KVM_TPR_ACCESS_REPORTING: the instruction in hand ends with an exit. */
function report_tpr(v: u32, access: u32): void {
  if (load<u32>(v + V_TPR_REPORTS) == 0) return;
  store<u32>(v + V_TPR_ACCESS, access);
  store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_TPR);
}

/** A register is there to be read; by MSR some are not (SDM vol. 3, table 11-6). */
function is_readable(register: u32, x2apic: bool): bool {
  if (register >= APIC_ISR && register < APIC_ESR) return true;
  switch (register) {
    case APIC_ID:
    case APIC_LVR:
    case APIC_TASKPRI:
    case APIC_PROCPRI:
    case APIC_LDR:
    case APIC_SPIV:
    case APIC_ESR:
    case APIC_ICR:
    case APIC_LVTT:
    case APIC_LVTTHMR:
    case APIC_LVTPC:
    case APIC_LVT0:
    case APIC_LVT1:
    case APIC_LVTERR:
    case APIC_TMICT:
    case APIC_TMCCT:
    case APIC_TDCR:
      return true;
    case APIC_ARBPRI:
    case APIC_RRR:
    case APIC_DFR:
    case APIC_ICR2:
    case APIC_EOI:
      return !x2apic;
    default:
      return false;
  }
}

function read_register(v: u32, register: u32): u32 {
  switch (register) {
    case APIC_TASKPRI:
      report_tpr(v, TPR_READ);
      return lapic_get(v, register);
    case APIC_TMCCT:
      return timer_count(v);
    case APIC_PROCPRI:
      return processor_priority(v);
    case APIC_EOI:
    case APIC_ARBPRI:
    case APIC_RRR:
      return 0;
    default:
      return lapic_get(v, register);
  }
}

/** True when the register exists for writing in the mode. */
function write_register(v: u32, register: u32, value: u32, x2apic: bool): bool {
  switch (register) {
    case APIC_ID:
      if (x2apic) return false;
      lapic_set(v, APIC_ID, value & 0xff000000);
      break;
    case APIC_TASKPRI:
      report_tpr(v, TPR_WRITE);
      set_tpr(v, value);
      break;
    case APIC_EOI:
      end_of_interrupt(v);
      break;
    case APIC_LDR:
      if (x2apic) return false;
      lapic_set(v, APIC_LDR, value & 0xff000000);
      break;
    case APIC_DFR:
      if (x2apic) return false;
      lapic_set(v, APIC_DFR, value | 0x0fffffff);
      break;
    case APIC_SPIV:
      lapic_set(v, APIC_SPIV, value & spiv_bits());
      if ((value & APIC_SPIV_ENABLED) == 0) mask_lvt(v);
      look_again(v);
      break;
    case APIC_ESR: // a write shows the errors since the last one
      lapic_set(v, APIC_ESR, atomic.xchg<u32>(lapic_page(v) + LAPIC_ERRORS, 0));
      break;
    case APIC_ICR:
      value &= ICR_BITS & ~APIC_ICR_BUSY;
      lapic_set(v, APIC_ICR, value);
      send_ipi(v, value, x2apic ? lapic_get(v, APIC_ICR2) : lapic_get(v, APIC_ICR2) >> 24, x2apic);
      break;
    case APIC_ICR2:
      if (x2apic) return false;
      lapic_set(v, APIC_ICR2, value & 0xff000000);
      break;
    case APIC_LVTT:
    case APIC_LVTTHMR:
    case APIC_LVTPC:
    case APIC_LVT0:
    case APIC_LVT1:
    case APIC_LVTERR:
      write_lvt(v, register, value);
      break;
    case APIC_TMICT:
      if (timer_mode(v) == APIC_TIMER_TSCDEADLINE) break;
      lapic_set(v, APIC_TMICT, value);
      timer_start(v);
      break;
    case APIC_TDCR:
      timer_set_divider(v, value);
      break;
    case APIC_SELF_IPI:
      if (!x2apic) return false;
      send_ipi(v, 0x40000 | (value & 0xff), 0, true);
      break;
    default:
      return false;
  }
  return true;
}

/**
 * A read at an offset in the APIC's page (xAPIC mode). Registers are 32 bits wide at multiples of 16; a read inside one
 * gives its upper bytes, bytes between them are 0.
 */
export function lapic_read(v: u32, offset: u32): u32 {
  const register = offset & 0xff0;
  if (!is_readable(register, false)) {
    lapic_error(v, APIC_ESR_ILLEGAL_REG);
    return 0;
  }
  if ((offset & 15) > 3) return 0;
  return read_register(v, register) >> ((offset & 15) * 8);
}

/** A write of 32 bits in the APIC's page; one that is not aligned to 16 bytes has no effect (SDM vol. 3, 11.4.1). */
export function lapic_write(v: u32, offset: u32, value: u32): void {
  if (offset & 15) return;
  if (!write_register(v, offset & 0xff0, value, false)) lapic_error(v, APIC_ESR_ILLEGAL_REG);
}

/** TPR or ICR (64 bits) as Hyper-V's MSRs show them, in either mode. */
export function lapic_enlightened_read(v: u32, register: u32): u64 {
  const low = read_register(v, register) as u64;
  return register == APIC_ICR ? ((lapic_get(v, APIC_ICR2) as u64) << 32) | low : low;
}

/** Writes EOI, TPR or ICR (64 bits) by Hyper-V's MSRs. */
export function lapic_enlightened_write(v: u32, register: u32, value: u64): void {
  const wide = lapic_is_x2apic(v);
  const high = (value >> 32) as u32;
  if (register == APIC_ICR) lapic_set(v, APIC_ICR2, wide ? high : high & 0xff000000);
  write_register(v, register, value as u32, wide);
}

/** RDMSR of 0x800..0x8ff into V_MSR_VALUE; false = #GP(0). */
export function lapic_msr_read(v: u32, msr: u32): bool {
  const register = (msr - X2APIC_MSRS) << 4;
  if (!lapic_is_x2apic(v) || register > APIC_SELF_IPI || !is_readable(register, true)) return false;
  let value: u64;
  if (register == APIC_ID) value = lapic_get(v, APIC_ID) >> 24;
  else if (register == APIC_ICR) value = ((lapic_get(v, APIC_ICR2) as u64) << 32) | lapic_get(v, APIC_ICR);
  else value = read_register(v, register);
  store<u64>(v + V_MSR_VALUE, value);
  return true;
}

/** WRMSR of 0x800..0x8ff; false = #GP(0). */
export function lapic_msr_write(v: u32, msr: u32, value: u64): bool {
  const register = (msr - X2APIC_MSRS) << 4;
  if (!lapic_is_x2apic(v) || register > APIC_SELF_IPI) return false;
  const low = value as u32;
  if (register == APIC_ICR) {
    if (low & ~(ICR_BITS | APIC_ICR_BUSY)) return false;
    lapic_set(v, APIC_ICR2, (value >> 32) as u32);
  } else {
    if (value >> 32 != 0) return false;
    if ((register == APIC_EOI || register == APIC_ESR) && low != 0) return false;
    if ((register == APIC_TASKPRI || register == APIC_SELF_IPI) && low > 0xff) return false;
    if (register == APIC_SPIV && low & ~spiv_bits()) return false;
    if (register >= APIC_LVTT && register <= APIC_LVTERR && low & ~(lvt_bits(register) | LVT_READ_ONLY)) {
      return false;
    }
  }
  return write_register(v, register, low, true);
}
