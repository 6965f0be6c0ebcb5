// How fast the virtual time of a machine that idles passes, where others wait for it by a time of their own. It runs nothing.

/** Lets idle time last as long as the host's: between two looks as much of it passes as on the host's clock. */
export class Pace {
  #last: number | undefined;

  /** Of `ns` nanoseconds in which nothing happens, how much has passed since the machine was last seen idle. */
  pass(ns: bigint): bigint {
    const now = performance.now();
    const passed = BigInt(Math.round((now - (this.#last ?? now)) * 1e6));
    this.#last = now;
    return passed < ns ? passed : ns;
  }

  /** The machine has run, which takes its own time. */
  ran(): void {
    this.#last = undefined;
  }
}
