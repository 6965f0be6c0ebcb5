// The VMM's words of one vCPU in its page (V_VMM_WORDS): whether its thread works, who holds it, its events. `paused` is
// REQ_PAUSE of V_REQUESTS, which the core itself looks at. Views only: nothing here waits.
import { VM_EXCLUSIVE_OWNER, VM_PAGE } from '../../assembly/abi/map.ts';
import {
  REQ_PAUSE,
  V_REQUESTS,
  V_STATE,
  V_VMM_WORDS,
  V_WAKE,
  VCPU_OUT,
} from '../../assembly/abi/vcpu_page.ts';
import type { MachineMemory, Vcpu } from '../kvm/index.ts';

/** 1 while the vCPU's thread works (core or exit), 0 while it stands; notified when it becomes 0. */
const BUSY = V_VMM_WORDS;
/** Counts the events of this vCPU (futex word). */
export const V_EVENT = V_VMM_WORDS + 4;
/** The count up to which events have been read. */
const READ = V_VMM_WORDS + 8;
/** How many want the vCPU to stand for a moment, whatever `paused` says. */
const HOLD = V_VMM_WORDS + 12;
/** THREAD_*. */
const THREAD = V_VMM_WORDS + 16;
/** EVENT_*: what the last event was. */
export const V_EVENT_CAUSE = V_VMM_WORDS + 20;

const THREAD_NONE = 0;
const THREAD_ATTACHED = 1;
const THREAD_LEAVING = 2;

/** What made a vCPU park: an exit in its run page, the end of the machine, or the death of its worker. */
export const EVENT_CAUSE = { none: 0, exit: 1, ended: 2, died: 3 } as const;
export type EventCause = keyof typeof EVENT_CAUSE;
const CAUSES = Object.keys(EVENT_CAUSE) as EventCause[];

export class VcpuWords {
  readonly vcpu: Vcpu;
  readonly #memory: MachineMemory;
  readonly #page: number;

  constructor(memory: MachineMemory, vcpu: Vcpu) {
    this.#memory = memory;
    this.vcpu = vcpu;
    this.#page = vcpu.page;
  }

  /** The vCPU shall stand: its thread, or the engine, enters the guest no more. */
  get stands(): boolean {
    return (this.#memory.load(this.#page + V_REQUESTS) & REQ_PAUSE) !== 0 || this.held;
  }

  get busy(): boolean {
    return this.#memory.load(this.#page + BUSY) !== 0;
  }

  set busy(on: boolean) {
    this.#memory.store(this.#page + BUSY, on ? 1 : 0);
    if (!on) this.#memory.notify(this.#page + BUSY);
  }

  /** Offset of the word that is 1 while the vCPU's thread works. */
  get busyOffset(): number {
    return this.#page + BUSY;
  }

  get held(): boolean {
    return this.#memory.load(this.#page + HOLD) !== 0;
  }

  /** Keeps the vCPU out of the guest until `release`; its thread stands when `busy` is false. Holds are counted. */
  hold(): void {
    this.#memory.add(this.#page + HOLD, 1);
    // Without a thread nobody is inside the core.
    if (this.attached) this.vcpu.kick();
  }

  release(): void {
    this.#memory.add(this.#page + HOLD, -1);
    if (this.attached) this.#wake();
  }

  /** Counts changes that a standing or halted thread must look at. */
  get wakeups(): number {
    return this.#memory.load(this.#page + V_WAKE);
  }

  /** Blocks this thread until `wakeups` is another than `seen`, at most `ms`. */
  sleep(seen: number, ms: number): void {
    this.#memory.wait(this.#page + V_WAKE, seen, ms);
  }

  #wake(): void {
    this.#memory.add(this.#page + V_WAKE, 1);
    this.#memory.notify(this.#page + V_WAKE);
  }

  /** A thread runs this vCPU, or will as soon as its worker has started. */
  get attached(): boolean {
    return this.#memory.load(this.#page + THREAD) !== THREAD_NONE;
  }

  /** The thread shall return. */
  get leaving(): boolean {
    return this.#memory.load(this.#page + THREAD) === THREAD_LEAVING;
  }

  attach(): void {
    this.#memory.store(this.#page + THREAD, THREAD_ATTACHED);
  }

  /** Asks the thread to return. */
  leave(): void {
    this.#memory.store(this.#page + THREAD, THREAD_LEAVING);
    this.vcpu.kick();
  }

  /** The thread has returned, or its worker has died: nobody is inside the core any more. */
  detach(): void {
    this.#memory.store(this.#page + V_STATE, VCPU_OUT);
    this.#memory.notify(this.#page + V_STATE);
    // Who dies in the midst of a split lock holds the right, which is kept in the first VM's page, and all others wait for it.
    this.#memory.breakLock(VM_PAGE + VM_EXCLUSIVE_OWNER, this.#page);
    this.#memory.store(this.#page + THREAD, THREAD_NONE);
    this.busy = false;
  }

  /** Counts the vCPU's events; `eventOffset` is the word to wait on. */
  get events(): number {
    return this.#memory.load(this.#page + V_EVENT);
  }

  get eventOffset(): number {
    return this.#page + V_EVENT;
  }

  /** The vCPU has come out of a snapshot: no thread and no hold came with it. */
  moved(): void {
    for (const word of [BUSY, HOLD, THREAD]) this.#memory.store(this.#page + word, 0);
  }

  /** What the last event was. */
  get cause(): EventCause {
    return CAUSES[this.#memory.load(this.#page + V_EVENT_CAUSE)] ?? 'none';
  }

  /** Whether there is an event that nobody has taken. */
  get hasEvent(): boolean {
    return this.events !== this.#memory.load(this.#page + READ);
  }

  /** Takes the event: true for the one caller who did. A newer event takes the place of an older one. */
  takeEvent(): boolean {
    const events = this.events;
    return this.#memory.exchange(this.#page + READ, events) !== events;
  }

  /** Parks the vCPU: `paused` is 1 and its event counts one more. On the vCPU's own thread, or when it has none. */
  park(cause: EventCause): void {
    this.#memory.or(this.#page + V_REQUESTS, REQ_PAUSE);
    this.#memory.store(this.#page + V_EVENT_CAUSE, EVENT_CAUSE[cause]);
    this.#memory.add(this.#page + V_EVENT, 1);
    this.#memory.notify(this.#page + V_EVENT);
  }
}
