// How a local APIC starts and is set anew: reset, INIT and SIPI, IA32_APIC_BASE, KVM_SET_LAPIC. The vCPU's own thread comes
// here, or another while the vCPU is out.
import { KVM_X86_QUIRK_LINT0_REENABLED, VM_DISABLED_QUIRKS } from '../abi/calls';
import {
  APIC_BASE_BSP,
  APIC_BASE_ENABLE,
  APIC_BASE_X2APIC,
  APIC_DEFAULT_ADDRESS,
  APIC_DFR,
  APIC_DM_EXTINT,
  APIC_ID,
  APIC_LDR,
  APIC_LVR,
  APIC_LVT0,
  APIC_PROCPRI,
  APIC_SPIV,
  APIC_TASKPRI,
  APIC_TDCR,
  APIC_TIMER_PERIODIC,
  APIC_TIMER_TSCDEADLINE,
  APIC_TMCCT,
  LAPIC_DEADLINE,
  LAPIC_EVENT_NONE,
  LAPIC_EVENT_SIPI,
  LAPIC_EVENTS,
  LAPIC_EXTINT,
} from '../abi/irqchip';
import { V_APIC_BASE, V_CR8, V_ID, V_SIPI_VECTOR, V_TSC_DEADLINE } from '../abi/vcpu_page';
import { host_now } from '../host';
import { vm_setting } from '../state/settings';
import { lapic_version, look_again, mask_lvt, processor_priority } from './lapic';
import { kick, lapic_get, lapic_is_x2apic, lapic_page, lapic_set } from './lapic_bus';
import { timer_count, timer_mode, timer_start, timer_stop } from './lapic_timer';

/** In x2APIC mode LDR follows from the ID: cluster of 16, bit in the cluster (SDM vol. 3, 11.12.10.2). */
function set_x2apic_ldr(v: u32): void {
  const id = load<u32>(v + V_ID);
  lapic_set(v, APIC_ID, id << 24);
  lapic_set(v, APIC_LDR, ((id >> 4) << 16) | (1 << (id & 15)));
}

/**
 * Writes IA32_APIC_BASE, a value that the caller has found valid (SDM vol. 3, figure 11-27): entering x2APIC mode sets
 * the logical ID, disabling resets the registers.
 */
export function lapic_set_base(v: u32, value: u64): void {
  const both = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
  const before = load<u32>(v + V_APIC_BASE) & both;
  const after = (value as u32) & both;
  store<u64>(v + V_APIC_BASE, value);
  if (before == after) return;
  if (after == both) set_x2apic_ldr(v);
  else if (after == 0) reset_registers(v);
  lapic_set(v, APIC_ID, load<u32>(v + V_ID) << 24);
  look_again(v);
}

/** Registers as reset and INIT leave them (SDM vol. 3, 11.4.7.1), and LINT0 of the boot CPU open to the PIC as in KVM. */
function reset_registers(v: u32): void {
  const id = lapic_get(v, APIC_ID);
  timer_stop(v);
  // Not LAPIC_EVENTS: the SIPI that follows this INIT may be coming in right now.
  memory.fill(lapic_page(v), 0, LAPIC_EVENTS);
  lapic_set(v, LAPIC_EXTINT, 0);
  lapic_set(v, APIC_ID, id);
  lapic_set(v, APIC_LVR, lapic_version());
  lapic_set(v, APIC_DFR, 0xffffffff);
  lapic_set(v, APIC_SPIV, 0xff);
  mask_lvt(v);
  const keeps_masked = (vm_setting(VM_DISABLED_QUIRKS) & KVM_X86_QUIRK_LINT0_REENABLED) != 0;
  if (is_boot_cpu(v) && !keeps_masked) lapic_set(v, APIC_LVT0, APIC_DM_EXTINT << 8);
  if (lapic_is_x2apic(v)) set_x2apic_ldr(v);
  store<u64>(v + V_CR8, 0);
  store<u64>(v + V_TSC_DEADLINE, 0);
}

function is_boot_cpu(v: u32): bool {
  return (load<u32>(v + V_APIC_BASE) & APIC_BASE_BSP) != 0;
}

/** A new vCPU's APIC, or after power on: enabled at 0xfee00000 in xAPIC mode, with ID `id`; the BSP flag stays. */
export function lapic_reset(v: u32, id: u32): void {
  store<u32>(v + V_ID, id);
  const boot = load<u64>(v + V_APIC_BASE) & APIC_BASE_BSP;
  store<u64>(v + V_APIC_BASE, APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | boot);
  lapic_set(v, LAPIC_EVENTS, LAPIC_EVENT_NONE);
  store<u32>(v + V_SIPI_VECTOR, -1);
  lapic_set(v, APIC_ID, id << 24);
  reset_registers(v);
}

/** INIT: the APIC's registers are reset, IA32_APIC_BASE and the ID stay. The processor's are the caller's. */
export function lapic_init(v: u32): void {
  reset_registers(v);
}

/** Takes what has come in of INIT and SIPI, LAPIC_EVENT_* bits, INIT to be served first; on the vCPU's own thread. */
export function lapic_take_events(v: u32): u32 {
  const word = lapic_page(v) + LAPIC_EVENTS;
  return atomic.load<u32>(word) == LAPIC_EVENT_NONE
    ? LAPIC_EVENT_NONE
    : atomic.xchg<u32>(word, LAPIC_EVENT_NONE);
}

/** An INIT or a SIPI has come in. */
export function has_startup(v: u32): bool {
  return atomic.load<u32>(lapic_page(v) + LAPIC_EVENTS) != LAPIC_EVENT_NONE;
}

/** Forgets a SIPI that has come in, but no INIT. */
export function lapic_drop_sipi(v: u32): void {
  atomic.and<u32>(lapic_page(v) + LAPIC_EVENTS, ~LAPIC_EVENT_SIPI);
}

/** Brings the current count into the page, before KVM_GET_LAPIC copies it. */
export function lapic_save(v: u32): void {
  lapic_set(v, APIC_TMCCT, timer_count(v));
  lapic_set(v, APIC_PROCPRI, processor_priority(v));
}

/** Makes derived state follow registers that KVM_SET_LAPIC has copied in: CR8, and a timer from its current count. */
export function lapic_loaded(v: u32): void {
  lapic_set(v, APIC_LVR, lapic_version());
  store<u64>(v + V_CR8, (lapic_get(v, APIC_TASKPRI) >> 4) & 0xf);
  const left = lapic_get(v, APIC_TMCCT);
  if (timer_mode(v) != APIC_TIMER_TSCDEADLINE) {
    timer_start(v);
    if (left != 0) {
      const unit = lapic_get(v, APIC_TDCR);
      const shift = (((unit & 3) | ((unit & 8) >> 1)) + 1) & 7;
      atomic.store<u64>(lapic_page(v) + LAPIC_DEADLINE, host_now() + ((left as u64) << (shift as u64)));
    } else if (timer_mode(v) != APIC_TIMER_PERIODIC) timer_stop(v);
  }
  kick(v);
}
