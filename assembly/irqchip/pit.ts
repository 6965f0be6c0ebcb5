// The PIT's ports under the irqchip lock. The chip is pit_chip.ts; its ticks are fired by timers.ts.

import { PIT_REINJECT } from '../abi/irqchip';
import { PIT_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { irq_lock, irq_unlock } from './lock';
import { pit_forget_backlog, pit_port_read, pit_port_write } from './pit_chip';
import { finish } from './settle';

/** OUT to 0x40..0x43 or 0x61, one byte. */
export function pit_write(port: u32, value: u32): void {
  irq_lock();
  pit_port_write(port, value);
  finish();
}

/** IN from 0x40..0x43 or 0x61, one byte. */
export function pit_read(port: u32): u32 {
  irq_lock();
  const value = pit_port_read(port);
  irq_unlock();
  return value;
}

/** KVM_REINJECT_CONTROL: whether ticks that the guest was too slow for come later (default) or are lost. */
export function pit_set_reinject(on: bool): void {
  irq_lock();
  store<u32>(vm_base + PIT_PAGE + PIT_REINJECT, on ? 1 : 0);
  pit_forget_backlog();
  irq_unlock();
}
