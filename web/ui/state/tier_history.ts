// Which tier has executed how much lately, from counts at moments. No React, no memory.

import type { Region, TierCounts } from '../../session/views/index.ts';

/** A line of so many moments, this far apart at least, in ms. */
export const MOMENTS = 120;
const SPAN_MS = 250;

/** What was executed between two moments. */
export interface Moment {
  /** Share of the instructions that regions have executed, 0 to 1. */
  readonly compiled: number;
  /** Instructions a second of both tiers. */
  readonly rate: number;
}

/** The line, and each region's share of the instructions of its last span. */
export interface TierLine {
  readonly moments: readonly Moment[];
  readonly shares: ReadonlyMap<number, number>;
}

const EMPTY: TierLine = { moments: [], shares: new Map() };

export class TierHistory {
  #from:
    | { readonly counts: TierCounts; readonly regions: ReadonlyMap<number, Region>; readonly at: number }
    | undefined;
  #line: TierLine = EMPTY;

  /** Takes counts and regions as they stand at `now` (ms). A machine that stands adds nothing; another one begins anew. */
  look(counts: TierCounts, regions: readonly Region[], now: number): TierLine {
    const from = this.#from;
    const known = new Map(regions.map((region) => [region.number, region] as const));
    const isOther =
      from && (counts.instructions < from.counts.instructions || counts.compiled < from.counts.compiled);
    if (!from || isOther) {
      this.#from = { counts, regions: known, at: now };
      this.#line = EMPTY;
      return this.#line;
    }
    if (now - from.at < SPAN_MS) return this.#line;
    this.#from = { counts, regions: known, at: now };
    const executed = counts.instructions - from.counts.instructions;
    if (executed === 0) return this.#line;
    const compiled = Math.min(1, (counts.compiled - from.counts.compiled) / executed);
    const shares = regions.map(({ number, rip, executed: all }): [number, number] => {
      const before = from.regions.get(number);
      return [
        number,
        (all - (before?.rip === rip && before.executed <= all ? before.executed : 0)) / executed,
      ];
    });
    this.#line = {
      moments: [
        ...this.#line.moments.slice(1 - MOMENTS),
        { compiled, rate: (executed * 1000) / (now - from.at) },
      ],
      shares: new Map(shares.filter(([, share]) => share > 0)),
    };
    return this.#line;
  }
}
