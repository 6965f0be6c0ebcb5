// How an operation on the chips ends: what the guest acknowledged has its consequences, then the lock is released.

import { IRQ_ACKS, IRQ_RESAMPLE, IRQ_RESAMPLED, IRQ_SOURCE_RESAMPLE } from '../abi/irqchip';
import { IOAPIC_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { ioapic_eoi, ioapic_service_levels } from './ioapic_chip';
import { irq_lock, irq_unlock } from './lock';
import { pit_acknowledged } from './pit_chip';
import { set_line } from './wiring';

/** Acts on acknowledged GSIs: the PIT injects its next held tick, resampled lines fall and tell the VMM. */
function settle(): void {
  const acks = load<u32>(vm_base + IOAPIC_PAGE + IRQ_ACKS);
  if (acks == 0) return;
  store<u32>(vm_base + IOAPIC_PAGE + IRQ_ACKS, 0);
  const resampled = acks & atomic.load<u32>(vm_base + IOAPIC_PAGE + IRQ_RESAMPLE);
  for (let left = resampled; left != 0; left &= left - 1)
    set_line(IRQ_SOURCE_RESAMPLE, ctz<u32>(left), false);
  if (resampled != 0) {
    atomic.or<u32>(vm_base + IOAPIC_PAGE + IRQ_RESAMPLED, resampled);
    atomic.notify(vm_base + IOAPIC_PAGE + IRQ_RESAMPLED, -1);
  }
  if (acks & 1) pit_acknowledged();
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
