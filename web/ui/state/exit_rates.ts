// How often a machine exits for each reason, from its counts at two moments. No React, no memory.

/** Between two moments that are compared lies at least this, in ms. */
const SPAN_MS = 1000;

/** Exits a second by reason. */
export type Rates = ReadonlyMap<number, number>;

export class ExitRates {
  #from: { readonly counts: Rates; readonly at: number } | undefined;
  #rates: Rates = new Map();

  /** Takes counts by reason as they stand at `now` (ms); the rates of the last whole span. Another machine begins anew. */
  look(counts: Rates, now: number): Rates {
    const from = this.#from;
    const isOther =
      from === undefined || [...from.counts].some(([reason, n]) => (counts.get(reason) ?? 0) < n);
    if (isOther) {
      this.#from = { counts, at: now };
      this.#rates = new Map();
    } else if (now - from.at >= SPAN_MS) {
      const rate = (reason: number, n: number) =>
        Math.round(((n - (from.counts.get(reason) ?? 0)) * 1000) / (now - from.at));
      this.#rates = new Map([...counts].map(([reason, n]) => [reason, rate(reason, n)]));
      this.#from = { counts, at: now };
    }
    return this.#rates;
  }
}
