// The irqchip alone as a Wasm module, for its tests. It adds nothing.
export { clock_now, clock_set } from '../../../assembly/irqchip/clock';
export * from '../../../assembly/irqchip/create';
export * from '../../../assembly/irqchip/interrupts';
export * from '../../../assembly/irqchip/ioapic';
export * from '../../../assembly/irqchip/lapic';
export {
  lapic_deadline,
  lapic_get_deadline,
  lapic_set_deadline,
} from '../../../assembly/irqchip/lapic_timer';
export * from '../../../assembly/irqchip/lines';
export * from '../../../assembly/irqchip/pic';
export * from '../../../assembly/irqchip/pit';
export * from '../../../assembly/irqchip/timers';
