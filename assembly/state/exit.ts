// Exits that any floor of the core may fill into the run page (struct kvm_run).

import {
  KVM_EXIT_INTERNAL_ERROR,
  KVM_INTERNAL_ERROR_EMULATION,
  RUN_EXIT_REASON,
  RUN_INTERNAL_NDATA,
  RUN_INTERNAL_SUBERROR,
} from '../abi/kvm_run';
import { VCPU_PAGE } from '../abi/map';
import { PENDING_NONE, V_PENDING } from '../abi/vcpu_page';
import { raise_exit } from './fault';

/** KVM_EXIT_INTERNAL_ERROR, EMULATION: the vCPU would fetch code where there is no memory. */
export function emulation_failure(v: u32): u32 {
  const run = v - VCPU_PAGE;
  store<u32>(run + RUN_EXIT_REASON, KVM_EXIT_INTERNAL_ERROR);
  store<u32>(run + RUN_INTERNAL_SUBERROR, KVM_INTERNAL_ERROR_EMULATION);
  store<u32>(run + RUN_INTERNAL_NDATA, 0);
  store<u32>(v + V_PENDING, PENDING_NONE);
  return raise_exit(v);
}
