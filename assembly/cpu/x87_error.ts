// An unmasked x87 exception that waits: it is reported at the next waiting x87 or MMX instruction (SDM vol. 1, 8.6 and 8.7).
import { FSW_ES, V_FSW } from '../abi/fpu';
import { FLOW_NEXT } from '../abi/insn';
import { MF } from '../abi/x86';
import { raise } from '../state/fault';

/** FLOW_NEXT when nothing waits; else the flow of the report. */
export function x87_error(v: u32): u32 {
  if ((load<u32>(v + V_FSW) & FSW_ES) == 0) return FLOW_NEXT;
  return raise(v, MF);
}
