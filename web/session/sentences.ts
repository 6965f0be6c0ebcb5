// The sentences that a session says of its machine. Words only.
import { KVM_EXIT_DEBUG, KVM_EXIT_INTERNAL_ERROR } from '../../assembly/abi/kvm_run.ts';
import type { ParkedExit } from './port.ts';
import type { Ending, Tier } from './types.ts';

export function tierSentence(tier: Tier): string {
  if (tier === 'parallel') return 'Each vCPU runs in a worker of its own, in parallel.';
  if (tier === 'deterministic')
    return 'One worker runs all vCPUs in turn: the same seed and input give the same bytes.';
  return 'This page is not cross-origin isolated, so one worker runs all vCPUs in turn and the page sees their memory through messages.';
}

/** Where a vCPU parked and why. */
export function parkedSentence(exit: ParkedExit): string {
  const at = `vCPU ${exit.vcpu} at 0x${exit.rip.toString(16)}`;
  if (exit.reason === KVM_EXIT_DEBUG) return `${at} stopped for the debugger (KVM_EXIT_DEBUG).`;
  if (exit.reason === KVM_EXIT_INTERNAL_ERROR) {
    return `${at} would fetch instructions where no memory slot is (KVM_EXIT_INTERNAL_ERROR); look where the guest jumped.`;
  }
  return `${at} left with exit reason ${exit.reason}, which nobody handles.`;
}

/** How a machine ended. */
export function endingSentence(
  reason: Ending['reason'],
  status: number,
  exit: ParkedExit | undefined,
): string {
  switch (reason) {
    case 'poweroff':
      return 'The guest powered the machine off.';
    case 'exit':
      return `The guest ended with status ${status} through the debug exit port.`;
    case 'reset':
      return 'The guest asked for a reset.';
    case 'shutdown':
      return 'The guest triple-faulted (KVM_EXIT_SHUTDOWN): an exception came while it had no working handler; look at IDT and stack.';
    case 'halted':
      return 'Every vCPU has executed HLT and nothing can wake one: the guest has ended.';
    default:
      return exit ? parkedSentence(exit) : 'The machine stopped on an error.';
  }
}
