// Looks at a machine's memory once a frame while it runs, for all panels at once. It asks no worker for anything.

import { createContext, useContext, useRef, useSyncExternalStore } from 'react';
import type { Session } from '../../session/types.ts';
import {
  isMachine,
  type MachineMemory,
  memoryOf,
  type Range,
  viewRanges,
} from '../../session/views/index.ts';

/** In tier `messages` each look is a copy over a channel, so it is taken this often at most. */
const COPY_INTERVAL_MS = 120;
/** A machine that stands is changed by a shell only: looked at this often. */
const IDLE_INTERVAL_MS = 250;

/** One session's memory as seen by the page. Every look moves `stamp`, and subscribers compare what they read. */
export class MachineWatch {
  readonly #session: Session | undefined;
  readonly #listeners = new Set<() => void>();
  #frame = 0;
  #lastCopy = 0;
  #isCopying = false;
  #idle: ReturnType<typeof setInterval> | undefined;
  #unsubscribe = () => {};
  /** Guest memory that panels show. */
  readonly #wanted = new Set<readonly Range[]>();
  stamp = 0;

  /** True while the machine changes its memory by itself. */
  get isRunning(): boolean {
    return this.#session?.status.state === 'running';
  }

  constructor(session?: Session) {
    this.#session = session;
  }

  /** The memory, once it holds a machine. */
  memory(): MachineMemory | undefined {
    if (!this.#session) return undefined;
    const memory = memoryOf(this.#session.memory());
    return isMachine(memory) ? memory : undefined;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  };

  /** Guest memory that a panel shows from now on: copied with the rest, and remembered before a run or step. */
  want(ranges: readonly Range[]): () => void {
    this.#wanted.add(ranges);
    if (this.#session?.tier === 'messages') void this.#copy();
    return () => this.#wanted.delete(ranges);
  }

  /** The bytes that panels show now, copied. */
  wanted(): { offset: number; bytes: Uint8Array }[] {
    const memory = this.memory();
    if (!memory) return [];
    return this.#shownRanges().map(({ offset, length }) => ({
      offset,
      bytes: memory.bytes.slice(offset, offset + length),
    }));
  }

  #shownRanges(): Range[] {
    return [...this.#wanted].flat();
  }

  /** Makes the copy that a page without shared memory reads true again; done at once where memory is shared. */
  async refresh(): Promise<void> {
    if (this.#session?.tier !== 'messages') return;
    const known = [...viewRanges(memoryOf(this.#session.memory())), ...this.#shownRanges()];
    await this.#session.refresh(known);
    // vCPUs and slots that this copy has shown for the first time have parts of their own.
    const all = [...viewRanges(memoryOf(this.#session.memory())), ...this.#shownRanges()];
    if (!isSame(all, known)) await this.#session.refresh(all);
  }

  /** Looks now: after a step, a reset or a harvest of a machine that stands. */
  look(): void {
    if (this.#session?.tier === 'messages') void this.#copy();
    else this.#tell();
  }

  #start(): void {
    if (!this.#session) return;
    const { onStatus } = this.#session;
    this.#unsubscribe = onStatus.call(this.#session, () => {
      this.look();
      this.#schedule();
    });
    this.#idle = setInterval(() => this.isRunning || this.look(), IDLE_INTERVAL_MS);
    this.#schedule();
    this.look();
  }

  #stop(): void {
    clearInterval(this.#idle);
    this.#unsubscribe();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  #schedule(): void {
    if (this.#frame || this.#listeners.size === 0 || !this.isRunning) return;
    this.#frame = requestAnimationFrame((now) => {
      this.#frame = 0;
      if (this.#session?.tier !== 'messages') this.#tell();
      else if (now - this.#lastCopy >= COPY_INTERVAL_MS) {
        this.#lastCopy = now;
        void this.#copy();
      }
      this.#schedule();
    });
  }

  async #copy(): Promise<void> {
    if (this.#isCopying) return;
    this.#isCopying = true;
    try {
      await this.refresh();
    } finally {
      this.#isCopying = false;
    }
    this.#tell();
  }

  #tell(): void {
    this.stamp++;
    for (const listener of [...this.#listeners]) listener();
  }
}

export const WatchContext = createContext(new MachineWatch());

interface Found<T> {
  watch: MachineWatch;
  stamp: number;
  read: unknown;
  value: T | undefined;
  time: number;
}

/**
 * What `read` finds in the machine's memory, looked at once a frame; undefined before there is a machine. The
 * component renders again only when the found value differs in structure from the last one. What is costly to draw
 * gives `interval`: while the machine runs it is looked at this often at most, in ms.
 */
export function useMachine<T>(read: (memory: MachineMemory) => T, interval = 0): T | undefined {
  const watch = useContext(WatchContext);
  const last = useRef<Found<T>>(undefined);
  return useSyncExternalStore(watch.subscribe, () => {
    const before = last.current;
    if (before && before.watch === watch && before.stamp === watch.stamp && before.read === read) {
      return before.value;
    }
    const now = performance.now();
    const isSameSource = before?.watch === watch && before.read === read;
    if (before && isSameSource && watch.isRunning && now - before.time < interval) return before.value;
    const memory = watch.memory();
    const found = memory && read(memory);
    const value = before && isSame(before.value, found) ? before.value : found;
    last.current = { watch, stamp: watch.stamp, read, value, time: now };
    return value;
  });
}

/** Structural equality of plain data: primitives, arrays, byte arrays and plain objects. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, index) => byte === b[index]);
  }
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return (
    left.length === right.length &&
    left.every(([key, value]) => isSame(value, (b as Record<string, unknown>)[key]))
  );
}
