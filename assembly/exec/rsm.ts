// RSM. What it restores is cpu/smm.ts.
import { FLOW_BRANCH, FLOW_EXIT_RESTART } from '../abi/insn';
import { V_SMM } from '../abi/smm';
import { UD } from '../abi/x86';
import { exit_shutdown } from '../cpu/exits';
import { leave_smm } from '../cpu/smm';
import { raise } from '../state/fault';

/** RSM: #UD outside SMM, KVM_EXIT_SHUTDOWN when the saved state is none (SDM vol. 3, 31.4.1). */
export function exec_rsm(v: u32): u32 {
  if (load<u32>(v + V_SMM) == 0) return raise(v, UD);
  if (leave_smm(v)) return FLOW_BRANCH;
  exit_shutdown(v);
  return FLOW_EXIT_RESTART;
}
