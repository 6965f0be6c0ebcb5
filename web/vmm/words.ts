// The machine's own words in the VM page (VM_VMM_WORDS): whether it runs, how it ended, who parked. Views only.
import { VM_VMM_WORDS } from '../../assembly/abi/map.ts';
import { V_VMM_WORDS } from '../../assembly/abi/vcpu_page.ts';
import { type MachineMemory, vcpuPage } from '../kvm/index.ts';

// Offsets in the VM page.
/** RUN_STATE_*; notified on every change. */
const STATE = VM_VMM_WORDS;
const ENDING = VM_VMM_WORDS + 4;
const STATUS = VM_VMM_WORDS + 8;
/** Counts changes of anything here (futex word). */
const EVENT = VM_VMM_WORDS + 12;
const PARKED = VM_VMM_WORDS + 16;
/** Set while a vCPU's thread works (core or exit), 0 while it stands. */
const THREAD_BUSY = V_VMM_WORDS;

export const RUN_STATE = { stopped: 0, running: 1, paused: 2, ended: 3, closed: 4 } as const;
export type RunStateName = keyof typeof RUN_STATE;

/** Why a machine ended; the number stands in its memory. */
export const ENDING_REASON = {
  none: 0,
  poweroff: 1,
  exit: 2,
  reset: 3,
  shutdown: 4,
  halted: 5,
  error: 6,
} as const;
export type EndingName = keyof typeof ENDING_REASON;

function nameOf<T extends Record<string, number>>(table: T, value: number): keyof T {
  const found = Object.keys(table).find((name) => table[name] === value);
  return (found ?? Object.keys(table)[0]) as keyof T;
}

export class MachineWords {
  readonly #memory: MachineMemory;

  constructor(memory: MachineMemory) {
    this.#memory = memory;
  }

  get state(): RunStateName {
    return nameOf(RUN_STATE, this.#memory.load(this.#memory.vm + STATE)) as RunStateName;
  }

  get isRunning(): boolean {
    return this.#memory.load(this.#memory.vm + STATE) === RUN_STATE.running;
  }

  set state(state: RunStateName) {
    this.#memory.store(this.#memory.vm + STATE, RUN_STATE[state]);
    this.changed();
  }

  /** Ends a machine that has not ended yet; true for the caller who did. */
  end(reason: EndingName, status: number): boolean {
    const words = this.#memory.words;
    for (;;) {
      const state = Atomics.load(words, (this.#memory.vm + STATE) >>> 2);
      if (state >= RUN_STATE.ended) return false;
      Atomics.store(words, (this.#memory.vm + ENDING) >>> 2, ENDING_REASON[reason]);
      Atomics.store(words, (this.#memory.vm + STATUS) >>> 2, status);
      if (Atomics.compareExchange(words, (this.#memory.vm + STATE) >>> 2, state, RUN_STATE.ended) === state)
        break;
    }
    this.changed();
    return true;
  }

  get ending(): { reason: EndingName; status: number } | undefined {
    const reason = nameOf(ENDING_REASON, this.#memory.load(this.#memory.vm + ENDING)) as EndingName;
    return reason === 'none' ? undefined : { reason, status: this.#memory.load(this.#memory.vm + STATUS) };
  }

  /** The vCPU that parked on an exit nobody claims, if one did. */
  get parked(): number | undefined {
    const vcpu = this.#memory.load(this.#memory.vm + PARKED);
    return vcpu === 0 ? undefined : vcpu - 1;
  }

  set parked(vcpu: number | undefined) {
    this.#memory.store(this.#memory.vm + PARKED, vcpu === undefined ? 0 : vcpu + 1);
    this.changed();
  }

  /** Counts one change and wakes who waits for it. */
  changed(): void {
    this.#memory.add(this.#memory.vm + EVENT, 1);
    this.#memory.notify(this.#memory.vm + EVENT);
    this.#memory.notify(this.#memory.vm + STATE);
  }

  /** Waits (not on a page's main thread) until the machine's state is another than `state`, at most `ms`. */
  waitWhile(state: RunStateName, ms: number): void {
    this.#memory.wait(this.#memory.vm + STATE, RUN_STATE[state], ms);
  }

  get events(): number {
    return this.#memory.load(this.#memory.vm + EVENT);
  }

  setBusy(vcpu: number, busy: boolean): void {
    const at = vcpuPage(this.#memory, vcpu) + THREAD_BUSY;
    this.#memory.store(at, busy ? 1 : 0);
    if (!busy) this.#memory.notify(at);
  }

  isBusy(vcpu: number): boolean {
    return this.#memory.load(vcpuPage(this.#memory, vcpu) + THREAD_BUSY) !== 0;
  }
}
