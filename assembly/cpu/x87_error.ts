// An unmasked x87 exception that waits: it is reported at the next waiting x87 or MMX instruction, as #MF, or with CR0.NE = 0 the
// way of the PC/AT: FERR# raises IRQ 13, whose handler writes port 0xf0 (SDM vol. 1, 8.7 and appendix D).
import { FSW_ES, V_FSW, V_IGNNE } from '../abi/fpu';
import { FLOW_NEXT, FLOW_RESTART } from '../abi/insn';
import { IRQ_SOURCE_X87 } from '../abi/irqchip';
import { V_CR0, V_RFLAGS, V_SHADOW } from '../abi/vcpu_page';
import { CR0_NE, FLAG_IF, MF } from '../abi/x86';
import { has_interrupt } from '../irqchip/interrupts';
import { irq_source_line } from '../irqchip/lines';
import { raise } from '../state/fault';
import { has_pic } from '../state/vcpu';

const FERR_IRQ: u32 = 13;

/** FLOW_NEXT when nothing waits; else the flow of the report. */
export function x87_error(v: u32): u32 {
  if ((load<u32>(v + V_FSW) & FSW_ES) == 0) return FLOW_NEXT;
  if (load<u32>(v + V_CR0) & CR0_NE || !has_pic()) return raise(v, MF);
  return load<u32>(v + V_IGNNE) ? FLOW_NEXT : external_error(v);
}

/**
 * IRQ 13 comes before the instruction when it can come at all. A processor would freeze where it is masked; here the
 * instruction goes on, so that a guest that waits for nothing does not hang.
 */
function external_error(v: u32): u32 {
  irq_source_line(IRQ_SOURCE_X87, FERR_IRQ, 1);
  const open = (load<u32>(v + V_RFLAGS) & FLAG_IF) != 0 && load<u32>(v + V_SHADOW) == 0;
  return open && has_interrupt(v) ? FLOW_RESTART : FLOW_NEXT;
}

/** OUT to port 0xf0: IRQ 13 falls, and IGNNE# lets x87 instructions run until the next exception. */
export function ignore_x87_error(v: u32): void {
  irq_source_line(IRQ_SOURCE_X87, FERR_IRQ, 0);
  store<u32>(v + V_IGNNE, 1);
}
