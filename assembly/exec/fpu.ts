// The x87 unit as far as CPUID announces it: there is none, so escapes raise #NM or #UD as SDM vol. 3, table 2-2 says.

import { FLOW_NEXT, R_IMM } from '../abi/insn';
import { V_CR0 } from '../abi/vcpu_page';
import { CR0_EM, CR0_MP, CR0_TS, NM } from '../abi/x86';
import { raise } from '../state/fault';

const FWAIT: u64 = 0x9b;

export function exec_fpu(v: u32, r: u32, _op: u32, _rm: u32): u32 {
  const cr0 = load<u32>(v + V_CR0);
  if (load<u64>(r + R_IMM) == FWAIT) {
    if ((cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) return raise(v, NM);
    return FLOW_NEXT;
  }
  if (cr0 & (CR0_EM | CR0_TS)) return raise(v, NM);
  return FLOW_NEXT;
}
