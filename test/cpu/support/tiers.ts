// The ways in which one case is run. A new engine (a compiler of blocks) is one row more.
import { KVM_GUESTDBG_ENABLE, KVM_GUESTDBG_SINGLESTEP } from '../../../assembly/abi/kvm_run.ts';
import type { Vcpu } from '../../../web/kvm/index.ts';

export interface Tier {
  readonly name: string;
  /** Runs on blocks that were decoded in a run before. */
  readonly warm: boolean;
  /** KVM_SET_GUEST_DEBUG's control word while it runs. */
  readonly debug: number;
  /** Entries of a block after which it is compiled (Vm.compileAfter). */
  readonly compileAfter?: number;
  /** One entry into the core; gives RUN_*. */
  readonly enter: (vcpu: Vcpu) => number;
}

/** Cases are short; what has not ended by then hangs. */
const BUDGET = 200_000;

export const tiers: readonly Tier[] = [
  { name: 'in one go', warm: false, debug: 0, enter: (vcpu) => vcpu.enter(BUDGET) },
  { name: 'in one go, decoded before', warm: true, debug: 0, enter: (vcpu) => vcpu.enter(BUDGET) },
  { name: 'compiled', warm: false, debug: 0, compileAfter: 0, enter: (vcpu) => vcpu.enter(BUDGET) },
  { name: 'compiled before', warm: true, debug: 0, compileAfter: 0, enter: (vcpu) => vcpu.enter(BUDGET) },
  { name: 'with a budget of one', warm: false, debug: 0, enter: (vcpu) => vcpu.enter(1) },
  { name: 'with a budget of one, decoded before', warm: true, debug: 0, enter: (vcpu) => vcpu.enter(1) },
  {
    name: 'single-stepped',
    warm: false,
    debug: KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
    enter: (vcpu) => vcpu.enter(BUDGET),
  },
];

/** Entries after which a case hangs. */
export const MAX_ENTRIES = 20_000;
