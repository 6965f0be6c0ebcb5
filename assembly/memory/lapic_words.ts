// What of a local APIC lies in guest memory: the page that mirrors the task priority (KVM_SET_VAPIC_ADDR), and the bit by
// which a guest ends an interrupt without a write to the APIC (MSR_KVM_PV_EOI_EN). Only the vCPU's own thread comes here.
//
// As KVM does at each entry and exit, the core writes them before the guest goes on and takes them back when it looks at
// interrupts or the APIC, or leaves; between the two the guest's memory is what counts.
import { V_VAPIC_ADDR } from '../abi/calls';
import { APIC_IRR, APIC_ISR, APIC_TASKPRI, APIC_TMR } from '../abi/irqchip';
import {
  ATTENTION_EOI,
  ATTENTION_EOI_SHOWN,
  ATTENTION_TPR,
  ATTENTION_TPR_SHOWN,
  KVM_MSR_ENABLED,
  V_APIC_ATTENTION,
  V_PV_EOI,
} from '../abi/pv';
import { ioapic_listens } from '../irqchip/ioapic_chip';
import { end_of_interrupt, set_tpr } from '../irqchip/lapic';
import { highest_vector, lapic_enabled, lapic_get, vector_word } from '../irqchip/lapic_bus';
import { guest_data } from './guest_data';
import { guest_written } from './slots';

const VAPIC_SIZE: u32 = 4;

function eoi_gpa(v: u32): u64 {
  return load<u64>(v + V_PV_EOI) & ~(KVM_MSR_ENABLED as u64);
}

/** Takes the offer of an EOI by a bit back; true when the bit still stood: the interrupt is in service. */
function take_back_eoi(v: u32): bool {
  const at = guest_data(eoi_gpa(v), 1, true);
  if (at == 0 || (load<u8>(at) & 1) == 0) return false;
  store<u8>(at, 0);
  guest_written(v, eoi_gpa(v), 1);
  return true;
}

/** The vector that is in service, when it is the only one and nobody needs its EOI; -1 otherwise. */
function vector_to_end(v: u32): i32 {
  const vector = highest_vector(v, APIC_ISR);
  if (vector < 0 || highest_vector(v, APIC_IRR) >= 0) return -1;
  let serving: u32 = 0;
  for (let n: u32 = 0; n < 256; n += 32)
    serving += popcnt<u32>(atomic.load<u32>(vector_word(v, APIC_ISR, n)));
  const level = (atomic.load<u32>(vector_word(v, APIC_TMR, vector)) >> (vector & 31)) & 1;
  return serving != 1 || level || ioapic_listens(vector) ? -1 : vector;
}

function offer_eoi(v: u32): bool {
  if (vector_to_end(v) < 0) return false;
  const at = guest_data(eoi_gpa(v), 1, true);
  if (at == 0) return false;
  store<u8>(at, 1);
  guest_written(v, eoi_gpa(v), 1);
  return true;
}

/** Bytes: the task priority, the class in service (twice the width of its nibble), 0, the highest request. */
function show_tpr(v: u32): void {
  const gpa = load<u64>(v + V_VAPIC_ADDR);
  const at = guest_data(gpa, VAPIC_SIZE, true);
  if (at == 0) return;
  const requested = max(highest_vector(v, APIC_IRR), 0) as u32;
  const serving = (max(highest_vector(v, APIC_ISR), 0) as u32) & 0xf0;
  const word = (lapic_get(v, APIC_TASKPRI) & 0xff) | (serving << 8) | (requested << 24);
  if (load<u32>(at) == word) return;
  store<u32>(at, word);
  guest_written(v, gpa, VAPIC_SIZE);
}

/** What the guest has left in its memory becomes true of the APIC. */
export function lapic_from_guest(v: u32): void {
  const attention = load<u32>(v + V_APIC_ATTENTION);
  if ((attention & (ATTENTION_TPR_SHOWN | ATTENTION_EOI_SHOWN)) == 0) return;
  store<u32>(v + V_APIC_ATTENTION, attention & ~(ATTENTION_TPR_SHOWN | ATTENTION_EOI_SHOWN));
  if (attention & ATTENTION_EOI_SHOWN && !take_back_eoi(v)) end_of_interrupt(v);
  if ((attention & ATTENTION_TPR_SHOWN) == 0) return;
  const at = guest_data(load<u64>(v + V_VAPIC_ADDR), VAPIC_SIZE, true);
  if (at == 0) return;
  const tpr: u32 = load<u8>(at);
  if (tpr != lapic_get(v, APIC_TASKPRI)) set_tpr(v, tpr);
}

/** What is true of the APIC is shown to the guest, which goes on. */
export function lapic_to_guest(v: u32): void {
  let attention = load<u32>(v + V_APIC_ATTENTION);
  if (lapic_enabled(v)) {
    if (attention & ATTENTION_EOI && offer_eoi(v)) attention |= ATTENTION_EOI_SHOWN;
    if (attention & ATTENTION_TPR) show_tpr(v);
  }
  if (attention & ATTENTION_TPR) attention |= ATTENTION_TPR_SHOWN;
  store<u32>(v + V_APIC_ATTENTION, attention);
}
