// What Hyper-V's interface asks of KVM_RUN: interrupts that have ended and timers at block edges, exits that an MSR write
// has asked for, and the time that a vCPU spends in the guest.
import {
  HV_EXIT_CRASH,
  HV_EXIT_RESET,
  HV_EXIT_SYNIC,
  V_HV_ACKED,
  V_HV_ENTERED,
  V_HV_EXIT,
  V_HV_EXIT_MSR,
  V_HV_RUNTIME,
  V_HV_SCONTROL,
  V_HV_SIEFP,
  V_HV_SIMP,
  V_HV_TIMERS,
  VM_HV_GUEST_OS_ID,
} from '../abi/hyperv';
import { KVM_SYSTEM_EVENT_CRASH, KVM_SYSTEM_EVENT_RESET } from '../abi/kvm_run';
import { exit_hyperv_synic, exit_system_event } from '../cpu/exits';
import { host_now } from '../host';
import { sints_resample } from '../irqchip/irqfd';
import { vp_index } from '../irqchip/sint';
import { partition } from './partition';
import { stimers_poll, stimers_retry } from './stimers';
import { clear_pending } from './synic';

/** Something of Hyper-V waits for the vCPU's own thread. */
export function has_hyperv_work(v: u32): bool {
  return load<u64>(v + V_HV_ACKED) != 0;
}

/** At a block edge: SINTs whose interrupt has ended, then timers. */
export function do_hyperv_work(v: u32): void {
  let ended = atomic.load<u32>(v + V_HV_ACKED);
  if (ended != 0) {
    ended = atomic.xchg<u32>(v + V_HV_ACKED, 0);
    for (let left = ended; left != 0; left &= left - 1) {
      const n = ctz<u32>(left);
      clear_pending(v, n);
      stimers_retry(v, n);
    }
    sints_resample(vp_index(v), ended);
  }
  if (atomic.load<u32>(v + V_HV_TIMERS)) stimers_poll(v);
}

/** An exit that an MSR write has asked for, now in the run page; false = none. */
export function leaves_for_hyperv(v: u32): bool {
  const why = load<u32>(v + V_HV_EXIT);
  if (why == 0) return false;
  const one = why & (0 - why);
  store<u32>(v + V_HV_EXIT, why & ~one);
  if (one == HV_EXIT_SYNIC) {
    const msr = load<u32>(v + V_HV_EXIT_MSR);
    const events = load<u64>(v + V_HV_SIEFP);
    exit_hyperv_synic(v, msr, load<u64>(v + V_HV_SCONTROL), events, load<u64>(v + V_HV_SIMP));
  } else if (one == HV_EXIT_RESET) exit_system_event(v, KVM_SYSTEM_EVENT_RESET);
  else if (one == HV_EXIT_CRASH) exit_system_event(v, KVM_SYSTEM_EVENT_CRASH);
  return true;
}

/** The vCPU enters the guest, of which the time is counted once it has given its name. */
export function hyperv_entered(v: u32): void {
  if (load<u64>(partition(VM_HV_GUEST_OS_ID)) != 0) store<u64>(v + V_HV_ENTERED, host_now() + 1);
}

/** The vCPU has left the guest. */
export function hyperv_left(v: u32): void {
  const entered = load<u64>(v + V_HV_ENTERED);
  if (entered == 0) return;
  store<u64>(v + V_HV_ENTERED, 0);
  store<u64>(v + V_HV_RUNTIME, load<u64>(v + V_HV_RUNTIME) + host_now() + 1 - entered);
}
