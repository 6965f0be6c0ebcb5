// Interrupt lines and messages from outside: KVM_IRQ_LINE, irqfd, KVM_SIGNAL_MSI, KVM_SET_GSI_ROUTING. Each function takes
// the irqchip lock, so it may run on any thread, but never inside the irqchip.
import { IRQ_SOURCE_USER } from '../abi/irqchip';
import { irq_lock, irq_unlock } from './lock';
import { routes_changed } from './routes';
import { finish } from './settle';
import { send_msi, set_line } from './wiring';

/** KVM_IRQ_LINE: raises (1) or lowers (0) a GSI; the status of KVM_IRQ_LINE_STATUS, see set_line. */
export function irq_line(gsi: u32, level: u32): i32 {
  return irq_source_line(IRQ_SOURCE_USER, gsi, level);
}

/** Raises or lowers a GSI for one of several sources (IRQ_SOURCE_*) that share it; the status as set_line gives it. */
export function irq_source_line(source: u32, gsi: u32, level: u32): i32 {
  irq_lock();
  const status = set_line(source, gsi, level != 0);
  finish();
  return status;
}

/** KVM_SIGNAL_MSI: the number of local APICs that took the message; 0 = the guest blocks it, -1 = it names none. */
export function msi_send(address: u64, data: u32): i32 {
  irq_lock();
  const taken = send_msi(address as u32, data);
  irq_unlock();
  return taken;
}

/** KVM_SET_GSI_ROUTING has written the table, under the irqchip lock. */
export function irq_routing_changed(): void {
  irq_lock();
  routes_changed();
  finish();
}
