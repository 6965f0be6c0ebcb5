// The PIC pair as ports and vCPUs see it, under the irqchip lock. The chips are pic_chip.ts.

import { PIC_OUTPUT } from '../abi/irqchip';
import { PIC_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { irq_lock } from './lock';
import { pic_intack, pic_port_read, pic_port_write } from './pic_chip';
import { pit_line_masks, pit_masks_changed } from './pit_chip';
import { finish } from './settle';

/** OUT to 0x20, 0x21, 0xa0, 0xa1, 0x4d0 or 0x4d1, one byte. */
export function pic_write(port: u32, value: u32): void {
  irq_lock();
  const masks = pit_line_masks();
  pic_port_write(port, value);
  pit_masks_changed(masks);
  finish();
}

/** IN from the same ports, one byte. */
export function pic_read(port: u32): u32 {
  irq_lock();
  const value = pic_port_read(port);
  finish();
  return value;
}

/** The PIC's INTR output; asked without the lock, so cheap. */
export function pic_pending(): bool {
  return atomic.load<u32>(vm_base + PIC_PAGE + PIC_OUTPUT) != 0;
}

/** INTA: takes the PIC's interrupt into service and gives its vector (a spurious one when it went away). */
export function pic_acknowledge(): u32 {
  irq_lock();
  const vector = pic_intack();
  finish();
  return vector;
}
