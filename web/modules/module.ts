// What a module is: a function that serves a guest until it is asked to stop. No threads here: worker.ts runs it in one.

import type { GuestInterface } from '../xinterface/index.ts';

/** Values that travel by postMessage. */
export type ModuleOptions = Readonly<Record<string, unknown>>;

/** What a running module is given. */
export interface ModuleContext {
  readonly guest: GuestInterface;
  /** What whoever starts it wants of it: addresses, sizes, a buffer for its output. */
  readonly options: ModuleOptions;
  /** What an earlier run has returned, when this one goes on with it: after a migration. */
  readonly state: unknown;
  /** Aborted when the module shall end; waits for doorbells take it. */
  readonly signal: AbortSignal;
  /** 1 when the module shall end: for one that blocks its thread and hears no signal. */
  readonly stopWord: Int32Array;
  /** Tells the host something that people may want to see. */
  report(value: unknown): void;
}

/** A module. */
export interface Module {
  /** What it is, as `/modules` shows it. */
  readonly kind: string;
  /**
   * Serves the guest until `signal` is aborted, then returns its state: what is neither in the guest's memory nor in the
   * options. It attaches first and calls `ready` when the guest may begin. An error ends it.
   */
  run(context: ModuleContext, ready: () => void): Promise<unknown>;
}
