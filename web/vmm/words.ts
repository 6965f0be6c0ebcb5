// The machine's own words in the VM page (VM_VMM_WORDS): whether it runs, how it ended, who parked, what is done with
// exits that nobody claims. Views only; a vCPU's words are in vcpu_words.ts.
import { VM_VMM_WORDS } from '../../assembly/abi/map.ts';
import type { MachineMemory } from '../kvm/index.ts';

const BASE = VM_VMM_WORDS;
/** RUN_STATE_*; notified on every change. */
const STATE = BASE;
const ENDING = BASE + 4;
const STATUS = BASE + 8;
/** Counts changes of anything here (futex word). */
const EVENT = BASE + 12;
const PARKED = BASE + 16;
/** Held while the state is derived from the vCPUs. */
const LOCK = BASE + 20;
/** POLICY_* bits. */
const POLICY = BASE + 24;
/** BOARDS: which devices the machine has. */
const BOARD = BASE + 28;
/** Port of the debug exit device plus 1; 0 = none. */
const EXIT_PORT = BASE + 32;

/** An access that no device claims reads as all ones and the guest goes on; otherwise its vCPU parks. */
const POLICY_FLOAT = 1;
/** A vCPU that parks stops the others too. */
const POLICY_ALL_STOP = 2;
/** A reset makes the machine anew, as on a PC; otherwise it ends there. */
const POLICY_REBOOT = 4;

export const RUN_STATE = { stopped: 0, running: 1, paused: 2, ended: 3 } as const;
export type RunStateName = keyof typeof RUN_STATE;

/** Which devices a machine has: none, or those of a PC (board.ts). */
export const BOARDS = { none: 0, pc: 1 } as const;
export type BoardName = keyof typeof BOARDS;

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
  /** Offset of the VM page. */
  readonly #at: number;

  constructor(memory: MachineMemory) {
    this.#memory = memory;
    this.#at = memory.vm;
  }

  get state(): RunStateName {
    return nameOf(RUN_STATE, this.#memory.load(this.#at + STATE)) as RunStateName;
  }

  get isRunning(): boolean {
    return this.#memory.load(this.#at + STATE) === RUN_STATE.running;
  }

  set state(state: RunStateName) {
    this.#memory.store(this.#at + STATE, RUN_STATE[state]);
    this.changed();
  }

  /** Runs `body` while no other thread derives the state. */
  locked<T>(body: () => T): T {
    return this.#memory.locked(this.#at + LOCK, body);
  }

  /** Ends a machine that has not ended yet; true for the caller who did. */
  end(reason: EndingName, status: number): boolean {
    const words = this.#memory.words;
    for (;;) {
      const state = Atomics.load(words, (this.#at + STATE) >>> 2);
      if (state >= RUN_STATE.ended) return false;
      Atomics.store(words, (this.#at + ENDING) >>> 2, ENDING_REASON[reason]);
      Atomics.store(words, (this.#at + STATUS) >>> 2, status);
      if (Atomics.compareExchange(words, (this.#at + STATE) >>> 2, state, RUN_STATE.ended) === state) break;
    }
    this.changed();
    return true;
  }

  /** As before the first run: for a machine that is reset. */
  restart(): void {
    for (const word of [STATE, ENDING, STATUS, PARKED]) this.#memory.store(this.#at + word, 0);
    this.changed();
  }

  get ending(): { reason: EndingName; status: number } | undefined {
    const reason = nameOf(ENDING_REASON, this.#memory.load(this.#at + ENDING)) as EndingName;
    return reason === 'none' ? undefined : { reason, status: this.#memory.load(this.#at + STATUS) };
  }

  /** The vCPU that parked last on an exit nobody claims, if one did. */
  get parked(): number | undefined {
    const vcpu = this.#memory.load(this.#at + PARKED);
    return vcpu === 0 ? undefined : vcpu - 1;
  }

  set parked(vcpu: number | undefined) {
    this.#memory.store(this.#at + PARKED, vcpu === undefined ? 0 : vcpu + 1);
    this.changed();
  }

  get #policy(): number {
    return this.#memory.load(this.#at + POLICY);
  }

  /** Whether an access that no device claims reads as all ones and goes on (a PC's open bus), or parks its vCPU. */
  get floats(): boolean {
    return (this.#policy & POLICY_FLOAT) !== 0;
  }

  set floats(on: boolean) {
    this.#memory.store(this.#at + POLICY, on ? this.#policy | POLICY_FLOAT : this.#policy & ~POLICY_FLOAT);
  }

  /** Whether a vCPU that parks stops the others too, as a debugger of a whole machine wants it. */
  get allStop(): boolean {
    return (this.#policy & POLICY_ALL_STOP) !== 0;
  }

  set allStop(on: boolean) {
    this.#memory.store(
      this.#at + POLICY,
      on ? this.#policy | POLICY_ALL_STOP : this.#policy & ~POLICY_ALL_STOP,
    );
  }

  /** Whether a guest's reset, or its triple fault, makes the machine anew; whoever owns it does so. */
  get reboots(): boolean {
    return (this.#policy & POLICY_REBOOT) !== 0;
  }

  set reboots(on: boolean) {
    this.#memory.store(this.#at + POLICY, on ? this.#policy | POLICY_REBOOT : this.#policy & ~POLICY_REBOOT);
    this.changed();
  }

  /** The guest has reset a machine that is then made anew. */
  get isRebooting(): boolean {
    const reason = this.ending?.reason;
    return this.reboots && (reason === 'reset' || reason === 'shutdown');
  }

  get board(): BoardName {
    return nameOf(BOARDS, this.#memory.load(this.#at + BOARD)) as BoardName;
  }

  set board(name: BoardName) {
    this.#memory.store(this.#at + BOARD, BOARDS[name]);
  }

  /** Port of the debug exit device, if the board has one. */
  get exitPort(): number | undefined {
    const port = this.#memory.load(this.#at + EXIT_PORT);
    return port === 0 ? undefined : port - 1;
  }

  set exitPort(port: number | undefined) {
    this.#memory.store(this.#at + EXIT_PORT, port === undefined ? 0 : port + 1);
  }

  /** Counts one change and wakes who waits for it. */
  changed(): void {
    this.#memory.add(this.#at + EVENT, 1);
    this.#memory.notify(this.#at + EVENT);
    this.#memory.notify(this.#at + STATE);
  }

  /** Counts changes of anything here; `eventOffset` is the word to wait on. */
  get events(): number {
    return this.#memory.load(this.#at + EVENT);
  }

  /** Offset of the word that counts changes. */
  get eventOffset(): number {
    return this.#at + EVENT;
  }
}
