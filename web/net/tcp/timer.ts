// One alarm that is set anew far more often than it rings: a later time costs nothing but a number.
import type { Clock } from '../link.ts';

/** An alarm on a clock. */
export class Timer {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #deadline = Number.POSITIVE_INFINITY;
  #pending: { at: number; cancel: () => void } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  get isSet(): boolean {
    return this.#deadline !== Number.POSITIVE_INFINITY;
  }

  /** Rings once in `ms`, instead of whenever it was set to. */
  set(ms: number): void {
    this.#deadline = this.#clock.now() + ms;
    if (this.#pending && this.#pending.at <= this.#deadline) return;
    this.#pending?.cancel();
    this.#wait(ms);
  }

  /** Rings no more. */
  clear(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
  }

  /** Rings no more, and keeps no timer of the host. */
  stop(): void {
    this.clear();
    this.#pending?.cancel();
    this.#pending = undefined;
  }

  #wait(ms: number): void {
    const cancel = this.#clock.after(ms, () => {
      this.#pending = undefined;
      if (!this.isSet) return;
      const left = this.#deadline - this.#clock.now();
      if (left > 0) return this.#wait(left);
      this.clear();
      this.#ring();
    });
    this.#pending = { at: this.#clock.now() + ms, cancel };
  }
}
