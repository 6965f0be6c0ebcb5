// How an operation on the chips ends: what the guest acknowledged has its consequences, then the lock is released.

import { IRQ_ACKS, VM_IRQFD_WAITS, VM_RESAMPLERS } from '../abi/irqchip';
import { IOAPIC_PAGE, VM_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { ioapic_eoi, ioapic_service_levels } from './ioapic_chip';
import { fire_waiting, resample } from './irqfd_table';
import { irq_lock, irq_unlock } from './lock';
import { pit_acknowledged } from './pit_chip';
import { pins_of_gsi } from './routes';

/** Acts on acknowledged pins: resampled lines fall and their eventfds are signalled, the PIT injects its next held tick. */
function settle(): void {
  const acks = load<u64>(vm_base + IOAPIC_PAGE + IRQ_ACKS);
  if (acks != 0) {
    store<u64>(vm_base + IOAPIC_PAGE + IRQ_ACKS, 0);
    if (load<u32>(vm_base + VM_PAGE + VM_RESAMPLERS) != 0) resample(acks);
    if (acks & pins_of_gsi(0)) pit_acknowledged();
  }
  if (atomic.load<u32>(vm_base + VM_PAGE + VM_IRQFD_WAITS) != 0) fire_waiting();
}

/** Settles and releases the irqchip lock. */
export function finish(): void {
  settle();
  irq_unlock();
}

/** A local APIC's EOI broadcast. The lines settle before level pins are sent again, so a resampled one is not. */
export function broadcast_eoi(vector: u32): void {
  irq_lock();
  ioapic_eoi(vector);
  settle();
  ioapic_service_levels();
  irq_unlock();
}
