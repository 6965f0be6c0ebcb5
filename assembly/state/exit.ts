// Exits that any floor of the core may fill into the run page (struct kvm_run).

import { VM_EMULATION_EXITS } from '../abi/calls';
import {
  KVM_EXIT_INTERNAL_ERROR,
  KVM_INTERNAL_ERROR_EMULATION,
  RUN_EXIT_REASON,
  RUN_INTERNAL_NDATA,
  RUN_INTERNAL_SUBERROR,
} from '../abi/kvm_run';
import { VCPU_PAGE } from '../abi/map';
import { PENDING_NONE, V_PENDING } from '../abi/vcpu_page';
import { UD } from '../abi/x86';
import { raise, raise_exit } from './fault';
import { vm_setting } from './settings';
import { cpl } from './vcpu';

/**
 * KVM_EXIT_INTERNAL_ERROR, EMULATION: the vCPU would fetch code where there is no memory. A program that is not the
 * kernel gets #UD instead, as in KVM, unless KVM_CAP_EXIT_ON_EMULATION_FAILURE is on.
 */
export function emulation_failure(v: u32): u32 {
  if (cpl(v) != 0 && vm_setting(VM_EMULATION_EXITS) == 0) return raise(v, UD);
  const run = v - VCPU_PAGE;
  store<u32>(run + RUN_EXIT_REASON, KVM_EXIT_INTERNAL_ERROR);
  store<u32>(run + RUN_INTERNAL_SUBERROR, KVM_INTERNAL_ERROR_EMULATION);
  store<u32>(run + RUN_INTERNAL_NDATA, 0);
  store<u32>(v + V_PENDING, PENDING_NONE);
  return raise_exit(v);
}
