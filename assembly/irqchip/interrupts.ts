// Which external interrupt a vCPU takes: the PIC's or its local APIC's. How it is delivered is cpu/deliver.ts.
import { LAPIC_EXTINT } from '../abi/irqchip';
import { V_IRQ_QUEUED } from '../abi/vcpu_page';
import { has_irqchip } from '../state/vcpu';
import { lapic_accept_pic, lapic_acknowledge, lapic_pending } from './lapic';
import { lapic_set } from './lapic_bus';
import { pic_acknowledge, pic_pending } from './pic';

/** An interrupt waits for the vCPU, of KVM_INTERRUPT or of the chips, that could be delivered if EFLAGS.IF is set. */
export function interrupt_waits(v: u32): bool {
  return load<u32>(v + V_IRQ_QUEUED) != 0 || (has_irqchip() && has_interrupt(v));
}

/** An interrupt of the chips waits for the vCPU, priority allowing; EFLAGS.IF is not asked. */
export function has_interrupt(v: u32): bool {
  return (pic_pending() && lapic_accept_pic(v)) || lapic_pending(v) >= 0;
}

/** Takes the interrupt that was seen: its vector, or -1 when it went away. The PIC comes first, as in KVM. */
export function take_interrupt(v: u32): i32 {
  if (!pic_pending() || !lapic_accept_pic(v)) return lapic_acknowledge(v);
  lapic_set(v, LAPIC_EXTINT, 0);
  return pic_acknowledge() as i32;
}
