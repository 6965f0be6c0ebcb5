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
import { VCPU_MSRS } from '../../assembly/abi/map.ts';
import { V_WAKE } from '../../assembly/abi/vcpu_page.ts';
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
  readonly #word: number;
  readonly #counters: number;
  #ns = 0;

  constructor(memory: MachineMemory, id: number) {
    this.#memory = memory;
    this.#word = vcpuPage(memory, id) + V_WAKE;
    this.#counters = vcpuArea(memory, id) + VCPU_MSRS;
  }

  /** Blocks this thread until the vCPU's wake word is another than `seen`, at most `ms`. */
  sleep(seen: number, ms: number): void {
    const start = clock.now();
    const woken = this.#ns > 0 && this.#poll(seen, start, Math.min(this.#ns, ms * 1e6));
    if (!woken) {
      const slept = clock.now();
      const left = ms - (slept - start);
      if (left > 0) this.#memory.wait(this.#word, seen, left);
      this.#count(STAT_WAIT_NS, clock.now() - slept);
    }
    const most = this.#memory.load(this.#memory.vm + VM_HALT_POLL_NS);
    this.#ns = nextPoll(this.#ns, (clock.now() - start) * 1e6, most);
  }

  /** Looks at the wake word for `ns`; true when it changed. */
  #poll(seen: number, start: number, ns: number): boolean {
    const memory = this.#memory;
    this.#add(STAT_POLLS, 1n);
    for (let now = start; ; ) {
      for (let look = 0; look < LOOKS; look++) {
        if (memory.load(this.#word) === seen) continue;
        this.#add(STAT_POLLS_WON, 1n);
        this.#count(STAT_POLL_SUCCESS_NS, clock.now() - start);
        return true;
      }
      const last = now;
      now = clock.now();
      if ((now - start) * 1e6 < ns && (now - last) * 1e6 < STOOD_NS) continue;
      if ((now - last) * 1e6 >= STOOD_NS) this.#ns = 0;
      this.#count(STAT_POLL_FAIL_NS, now - start);
      return false;
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
