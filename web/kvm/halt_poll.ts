// Halt polling (Linux: virt/kvm/halt-polling): a halted vCPU's thread looks at its wake word for a while before it sleeps, as a
// host takes longer to wake a thread than most vCPUs wait for another. How long, the waits themselves tell.
import {
  STAT_POLL_FAIL_NS,
  STAT_POLL_SUCCESS_NS,
  STAT_POLLS,
  STAT_POLLS_WON,
  STAT_WAIT_NS,
  VM_HALT_POLL_NS,
} from '../../assembly/abi/calls.ts';
import { KVM_MP_STATE_HALTED } from '../../assembly/abi/kvm_run.ts';
import { VCPU_MSRS } from '../../assembly/abi/map.ts';
import { V_POLL_CONTROL } from '../../assembly/abi/pv.ts';
import { V_MP_STATE, V_WAKE } from '../../assembly/abi/vcpu_page.ts';
import type { MachineMemory } from './memory.ts';
import { vcpuArea, vcpuPage } from './vm_page.ts';

/** KVM's halt_poll_ns_grow_start and halt_poll_ns_grow. */
const FIRST_NS = 10_000;
const GROWTH = 2;
/** Looks between two readings of the clock. */
const LOOKS = 64;
/** A thread that stood for so long between two readings has to share its processor: others need it more. */
const STOOD_NS = 1_000_000;

// Looking for the global costs more than the clock, in Node.
const clock = performance;

/** How long to poll next, in ns, after a wait of `waited` ns for which `polled` were polled, where `most` is the limit. */
export function nextPoll(polled: number, waited: number, most: number): number {
  if (waited <= polled) return Math.min(polled, most);
  if (waited >= most) return 0;
  return Math.min(Math.max(polled * GROWTH, FIRST_NS), most);
}

/** The waits of one vCPU's thread. */
export class HaltPoll {
  readonly #memory: MachineMemory;
  readonly #page: number;
  readonly #counters: number;
  #ns = 0;

  constructor(memory: MachineMemory, id: number) {
    this.#memory = memory;
    this.#page = vcpuPage(memory, id);
    this.#counters = vcpuArea(memory, id) + VCPU_MSRS;
  }

  /** Blocks this thread until the vCPU's wake word is another than `seen`, at most `ms`. */
  sleep(seen: number, ms: number): void {
    const memory = this.#memory;
    const word = this.#page + V_WAKE;
    // A wait for a SIPI is no halt.
    if (memory.load(this.#page + V_MP_STATE) !== KVM_MP_STATE_HALTED) {
      memory.wait(word, seen, ms);
      return;
    }
    // A guest that polls itself (Linux: cpuidle-haltpoll) has cleared the bit of MSR_KVM_POLL_CONTROL.
    const mayPoll = (memory.load(this.#page + V_POLL_CONTROL) & 1) !== 0;
    this.#ns = Math.min(this.#ns, memory.load(memory.vm + VM_HALT_POLL_NS));
    const start = clock.now();
    const polls = mayPoll && this.#ns > 0;
    if (polls) this.#poll(seen, start, Math.min(this.#ns, ms * 1e6));
    const polled = clock.now();
    const slept = memory.load(word) === seen && ms > polled - start;
    if (slept) memory.wait(word, seen, ms - (polled - start));
    const end = clock.now();
    if (polls) {
      this.#add(STAT_POLLS, 1n);
      if (!slept) this.#add(STAT_POLLS_WON, 1n);
      this.#count(slept ? STAT_POLL_FAIL_NS : STAT_POLL_SUCCESS_NS, polled - start);
    }
    if (slept) this.#count(STAT_WAIT_NS, end - polled);
    if (mayPoll) this.#ns = nextPoll(this.#ns, (end - start) * 1e6, memory.load(memory.vm + VM_HALT_POLL_NS));
  }

  /** Looks at the wake word for `ns`, or until it changes. */
  #poll(seen: number, start: number, ns: number): void {
    const memory = this.#memory;
    const word = this.#page + V_WAKE;
    for (let now = start; (now - start) * 1e6 < ns; ) {
      for (let look = 0; look < LOOKS; look++) if (memory.load(word) !== seen) return;
      const last = now;
      now = clock.now();
      if ((now - last) * 1e6 >= STOOD_NS) {
        this.#ns = 0;
        return;
      }
    }
  }

  #count(counter: number, ms: number): void {
    this.#add(counter, BigInt(Math.round(ms * 1e6)));
  }

  #add(counter: number, amount: bigint): void {
    const at = this.#counters + counter;
    this.#memory.setU64(at, this.#memory.u64(at) + amount);
  }
}
