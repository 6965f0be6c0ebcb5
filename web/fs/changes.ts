// Changes of a directory as something to loop over: what comes while nobody asks is kept. It watches nothing itself.

import type { Change } from './node.ts';
import { onAbort } from './wait.ts';

/** Starts telling changes; gives what stops it. What goes wrong later is told to `fail`. */
type Start = (tell: (change: Change) => void, fail: (error: unknown) => void) => Promise<() => void>;

/**
 * An endless iteration that ends when `signal` is aborted or the loop is left. The watch starts at once, not with the
 * first step. A second `changed` of a name that was not fetched yet is left out, so that the store stays small.
 */
export class Changes implements AsyncIterable<Change> {
  readonly #kept: Change[] = [];
  #stop: (() => void) | undefined;
  #release: () => void = () => {};
  #isDone = false;
  #error: unknown;
  #wake: () => void = () => {};

  constructor(start: Start, signal: AbortSignal | undefined) {
    if (signal?.aborted) {
      this.#end();
      return;
    }
    if (signal) this.#release = onAbort(signal, this.#end);
    start(this.#tell, this.#fail).then((stop) => {
      this.#stop = stop;
      if (this.#isDone) stop();
    }, this.#fail);
  }

  [Symbol.asyncIterator](): AsyncIterator<Change> {
    return {
      next: async () => {
        for (;;) {
          const change = this.#kept.shift();
          if (change !== undefined) return { done: false, value: change };
          if (this.#error !== undefined) throw this.#error;
          if (this.#isDone) return { done: true, value: undefined };
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      },
      return: async () => {
        this.#end();
        return { done: true, value: undefined };
      },
    };
  }

  readonly #tell = (change: Change) => {
    if (this.#isDone) return;
    const last = this.#kept.findLast(({ name }) => name === change.name);
    if (change.kind === 'changed' && last?.kind === 'changed') return;
    this.#kept.push(change);
    this.#wake();
  };

  readonly #fail = (error: unknown) => {
    if (this.#isDone) return;
    this.#error = error;
    this.#end();
  };

  readonly #end = () => {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#kept.length = 0;
    this.#release();
    this.#stop?.();
    this.#wake();
  };
}
