// The door of the irqchip for the core's exports: what the KVM API, an engine and tests call. It adds nothing.
export { clock_now, clock_set } from './clock';
export { irqchip_create, irqchip_loaded, irqchip_reset, pit_create, pit_loaded } from './create';
export { has_interrupt, take_interrupt } from './interrupts';
export { ioapic_read, ioapic_write } from './ioapic';
export { irqfd_assign, irqfd_closed, irqfd_deassign, irqfd_leave, irqfd_signal, irqfds_poll } from './irqfd';
export {
  lapic_accept_pic,
  lapic_acknowledge,
  lapic_local_interrupt,
  lapic_msr_read,
  lapic_msr_write,
  lapic_pending,
  lapic_read,
  lapic_write,
} from './lapic';
export {
  lapic_init,
  lapic_loaded,
  lapic_reset,
  lapic_save,
  lapic_set_base,
  lapic_take_events,
} from './lapic_start';
export { lapic_deadline, lapic_get_deadline, lapic_set_deadline } from './lapic_timer';
export { irq_line, irq_routing_changed, irq_source_line, msi_send } from './lines';
export { irq_lock, irq_unlock } from './lock';
export { pic_acknowledge, pic_pending, pic_read, pic_write } from './pic';
export { pit_read, pit_set_reinject, pit_write } from './pit';
export { timers_next, timers_next_halted, timers_poll } from './timers';
