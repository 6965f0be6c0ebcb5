// The IOAPIC's window as MMIO sees it, under the irqchip lock. The chip is ioapic_chip.ts.
import { ioapic_window_read, ioapic_window_write } from './ioapic_chip';
import { irq_lock, irq_unlock } from './lock';
import { pit_line_masks, pit_masks_changed } from './pit_chip';
import { finish } from './settle';

/** MMIO read at an offset of the IOAPIC's window. */
export function ioapic_read(offset: u32): u32 {
  irq_lock();
  const value = ioapic_window_read(offset);
  irq_unlock();
  return value;
}

/** MMIO write at an offset of the IOAPIC's window. */
export function ioapic_write(offset: u32, value: u32): void {
  irq_lock();
  const masks = pit_line_masks();
  ioapic_window_write(offset, value);
  pit_masks_changed(masks);
  finish();
}
