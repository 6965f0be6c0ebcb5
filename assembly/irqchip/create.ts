// Making and resetting the chips of a VM, and taking over registers that were copied in. Local APICs are lapic.ts.

import { IRQ_GSIS, IRQ_LINES } from '../abi/irqchip';
import { IOAPIC_PAGE, PAGE_SIZE, PIC_PAGE, VM_HAS_IRQCHIP, VM_HAS_PIT, VM_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { ioapic_reset, ioapic_service_levels } from './ioapic_chip';
import { irq_lock, irq_unlock } from './lock';
import { pic_reset, pic_update } from './pic_chip';
import { pit_reload, pit_reset } from './pit_chip';
import { routes_default } from './routes';
import { finish } from './settle';

/** KVM_CREATE_IRQCHIP: two PICs, an IOAPIC, the default routing. vCPUs get their APIC by lapic_reset. */
export function irqchip_create(): void {
  irq_lock();
  memory.fill(vm_base + PIC_PAGE, 0, PAGE_SIZE);
  memory.fill(vm_base + IOAPIC_PAGE, 0, PAGE_SIZE);
  pic_reset();
  ioapic_reset();
  routes_default();
  store<u32>(vm_base + VM_PAGE + VM_HAS_IRQCHIP, 1);
  irq_unlock();
}

/** Both chips and the lines as after power on; routing stays. For a machine's reset. */
export function irqchip_reset(): void {
  irq_lock();
  pic_reset();
  ioapic_reset();
  memory.fill(vm_base + IOAPIC_PAGE + IRQ_LINES, 0, IRQ_GSIS);
  if (load<u32>(vm_base + VM_PAGE + VM_HAS_PIT)) pit_reset();
  irq_unlock();
}

/** KVM_CREATE_PIT2. */
export function pit_create(): void {
  irq_lock();
  pit_reset();
  store<u32>(vm_base + VM_PAGE + VM_HAS_PIT, 1);
  irq_unlock();
}

/** Makes outputs follow registers that KVM_SET_IRQCHIP has copied in. */
export function irqchip_loaded(): void {
  irq_lock();
  pic_update();
  ioapic_service_levels();
  finish();
}

/** Makes the counters run from registers that KVM_SET_PIT2 has copied in. */
export function pit_loaded(): void {
  irq_lock();
  pit_reload();
  irq_unlock();
}
