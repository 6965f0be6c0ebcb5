// Interrupt lines and messages from outside: KVM_IRQ_LINE, irqfd, KVM_SIGNAL_MSI, KVM_SET_GSI_ROUTING. Each function takes
// the irqchip lock, so it may run on any thread, but never inside the irqchip.
import { IRQ_SOURCE_USER } from '../abi/irqchip';
import { irq_lock, irq_unlock } from './lock';
import { routes_add, routes_clear } from './routes';
import { finish } from './settle';
import { send_msi, set_line } from './wiring';

/** KVM_IRQ_LINE: raises (1) or lowers (0) a GSI. */
export function irq_line(gsi: u32, level: u32): void {
  irq_source_line(IRQ_SOURCE_USER, gsi, level);
}

/** Raises or lowers a GSI for one of several sources (IRQ_SOURCE_*) that share it. */
export function irq_source_line(source: u32, gsi: u32, level: u32): void {
  irq_lock();
  set_line(source, gsi, level != 0);
  finish();
}

/** KVM_SIGNAL_MSI: the number of local APICs that took the message; 0 = the guest blocks it. */
export function msi_send(address: u64, data: u32): u32 {
  irq_lock();
  const taken = send_msi(address as u32, data);
  irq_unlock();
  return taken;
}

/** Begins KVM_SET_GSI_ROUTING: no GSI leads anywhere. */
export function irq_routing_clear(): void {
  irq_lock();
  routes_clear();
  irq_unlock();
}

/** One entry of KVM_SET_GSI_ROUTING, see routes_add; false = EINVAL. */
export function irq_routing_add(gsi: u32, type: u32, a: u32, b: u32, data: u32): bool {
  irq_lock();
  const added = routes_add(gsi, type, a, b, data);
  irq_unlock();
  return added;
}
