// What the tiers of a vCPU have done: counts, compiled regions, events, and the module of a region as it was compiled. Read
// from the memory while the vCPU runs, of which nobody is asked: figures of one look may be some instructions apart.

import {
  type DROPPED_REASONS,
  EVENT_AT,
  EVENT_EXECUTED,
  EVENT_MADE,
  EVENT_REGION,
  EVENT_RIP,
  EVENT_SIZE,
  EVENT_WHAT,
  EVENTS_MAX,
  JIT_COMPILED,
  JIT_DROPPED,
  JIT_ENTERED,
  JIT_EVENT_COUNT,
  JIT_EVENTS,
  JIT_FORGET,
  JIT_MADE,
  JIT_MADE_BYTES,
  JIT_REFUSED,
  JIT_TABLE,
  JIT_TEXTS_SIZE,
  JIT_TEXTS_TOP,
  NONE,
  PLACE_CODE,
  PLACE_LENGTH_SHIFT,
  PLACE_SHIFT,
  PLACE_SIZE,
  PLACES_MAX,
  REGION_BLOCKS,
  REGION_BYTES,
  REGION_COUNT,
  REGION_EXECUTED,
  REGION_HVA,
  REGION_MODE,
  REGION_PAGES,
  REGION_RIP,
  REGION_SIZE,
  REGION_TEXT,
  REGIONS_MAX,
  TEXT_HEADER,
} from '../../assembly/abi/jit.ts';
import { VCPU_JIT, VCPU_JIT_TEXTS, VCPU_PAGE } from '../../assembly/abi/map.ts';
import {
  MODE_32,
  MODE_64,
  MODE_SIZE,
  V_BLOCKS_TOP,
  V_BUDGET,
  V_ICOUNT_END,
  V_JIT_LAST,
  V_STAT_BLOCKS,
} from '../../assembly/abi/vcpu_page.ts';

/** Why a region was dropped, in the order of DROPPED_*. */
export const DROP_REASONS = ['written', 'queue', 'thread', 'asked', 'unused'] as const satisfies {
  readonly length: typeof DROPPED_REASONS;
};
export type DropReason = (typeof DROP_REASONS)[number];

/** Counts of a vCPU's tiers since it was made or restored; numbers that stay below 2^53. */
export interface TierCounts {
  /** Instructions retired, and those of them that regions have executed. */
  readonly instructions: number;
  readonly compiled: number;
  /** Entries into regions from the run loop; a region is followed by others without it. */
  readonly entered: number;
  /** Blocks that were decoded. */
  readonly blocks: number;
  /** Regions that were made, their bytes of Wasm, and blocks that were hot and could become none. */
  readonly made: number;
  readonly madeBytes: number;
  readonly refused: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
}

/** A compiled region. */
export interface Region {
  readonly number: number;
  /** RIP of its entry when it was made. */
  readonly rip: bigint;
  /** Bits of its code: 16, 32 or 64. */
  readonly code: 16 | 32 | 64;
  readonly blocks: number;
  /** Pages that they lie in. */
  readonly pages: number;
  readonly instructions: number;
  /** Bytes of its module. */
  readonly bytes: number;
  /** Instructions that were executed in it. */
  readonly executed: number;
}

/** A region that was made, or dropped for a reason, when the vCPU had retired `at` instructions. */
export interface TierEvent {
  readonly number: number;
  readonly what: 'made' | DropReason;
  readonly region: number;
  readonly rip: bigint;
  readonly executed: number;
  readonly at: number;
}

/** What some bytes of a module are for: an instruction, taking the vCPU's state, the look at a loop's head, the ways out. */
export type PlaceKind = 'instruction' | 'entry' | 'loop' | 'exit';
const PLACE_KINDS: readonly PlaceKind[] = ['instruction', 'entry', 'loop', 'exit'];

/** From `offset` on, until the next place, a module's bytes are those of the instruction at `delta` bytes behind the entry. */
export interface Place {
  readonly offset: number;
  readonly kind: PlaceKind;
  readonly delta: number;
  /** The instruction as it was compiled; empty for what is none. */
  readonly code: Uint8Array;
}

/** A region's module and its places, in the order of offsets. */
export interface RegionText {
  readonly module: Uint8Array;
  readonly places: readonly Place[];
}

const MASK = JIT_TEXTS_SIZE - 1;

/** The memory from a vCPU's area on. */
class Area {
  readonly #view: DataView;
  readonly #at: number;

  constructor(buffer: ArrayBufferLike, at: number) {
    this.#view = new DataView(buffer);
    this.#at = at;
  }

  u8(offset: number): number {
    return this.#view.getUint8(this.#at + offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.#at + offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(this.#at + offset, true);
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(this.#at + offset, true);
  }

  number(offset: number): number {
    return this.u32(offset) + this.u32(offset + 4) * 2 ** 32;
  }

  copy(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#at + offset, length).slice();
  }
}

/** The counts of the vCPU whose area begins at `area` of the memory. */
export function readTiers(buffer: ArrayBufferLike, area: number): TierCounts {
  const of = new Area(buffer, area);
  const jit = (counter: number): number => of.number(VCPU_JIT + counter);
  const budget = of.u32(VCPU_PAGE + V_BUDGET) | 0;
  return {
    instructions: of.number(VCPU_PAGE + V_ICOUNT_END) - budget,
    compiled: jit(JIT_COMPILED),
    entered: jit(JIT_ENTERED),
    blocks: of.number(VCPU_PAGE + V_STAT_BLOCKS),
    made: jit(JIT_MADE),
    madeBytes: jit(JIT_MADE_BYTES),
    refused: jit(JIT_REFUSED),
    dropped: Object.fromEntries(
      DROP_REASONS.map((reason, n) => [reason, jit(JIT_DROPPED + n * 8)]),
    ) as Record<DropReason, number>,
  };
}

const codeOf = (mode: number): 16 | 32 | 64 =>
  (mode & MODE_SIZE) === MODE_64 ? 64 : (mode & MODE_SIZE) === MODE_32 ? 32 : 16;

/** The region with a number, unless it is gone. */
export function readRegion(buffer: ArrayBufferLike, area: number, number: number): Region | undefined {
  const of = new Area(buffer, area);
  if (!(number >= 1 && number <= of.u32(VCPU_PAGE + V_JIT_LAST) && number < REGIONS_MAX)) return undefined;
  const at = VCPU_JIT + JIT_TABLE + number * REGION_SIZE;
  if (of.u32(at + REGION_HVA) === NONE) return undefined;
  return {
    number,
    rip: of.u64(at + REGION_RIP),
    code: codeOf(of.u32(at + REGION_MODE)),
    blocks: of.u8(at + REGION_BLOCKS),
    pages: of.u8(at + REGION_PAGES),
    instructions: of.u16(at + REGION_COUNT),
    bytes: of.u32(at + REGION_BYTES),
    executed: of.number(at + REGION_EXECUTED),
  };
}

/** The regions that a vCPU has, those first in which most instructions were executed. */
export function readRegions(buffer: ArrayBufferLike, area: number): Region[] {
  const last = new Area(buffer, area).u32(VCPU_PAGE + V_JIT_LAST);
  const found: Region[] = [];
  for (let number = 1; number <= last && number < REGIONS_MAX; number++) {
    const region = readRegion(buffer, area, number);
    if (region) found.push(region);
  }
  return found.sort((a, b) => b.executed - a.executed || a.number - b.number);
}

/** The last events, at most `most` and EVENTS_MAX of them, the oldest first. */
export function readTierEvents(
  buffer: ArrayBufferLike,
  area: number,
  most: number = EVENTS_MAX,
): TierEvent[] {
  const of = new Area(buffer, area);
  const count = of.u32(VCPU_JIT + JIT_EVENT_COUNT);
  const events: TierEvent[] = [];
  for (let number = Math.max(0, count - Math.min(most, EVENTS_MAX)); number < count; number++) {
    const at = VCPU_JIT + JIT_EVENTS + (number % EVENTS_MAX) * EVENT_SIZE;
    const what = of.u32(at + EVENT_WHAT);
    events.push({
      number,
      what: what === EVENT_MADE ? 'made' : (DROP_REASONS[what] ?? 'asked'),
      region: of.u32(at + EVENT_REGION),
      rip: of.u64(at + EVENT_RIP),
      executed: of.number(at + EVENT_EXECUTED),
      at: of.number(at + EVENT_AT),
    });
  }
  return events;
}

/** The module of a region; undefined when the region is gone, or the ring has taken the room of its text for newer ones. */
export function readText(buffer: ArrayBufferLike, area: number, number: number): RegionText | undefined {
  const of = new Area(buffer, area);
  const region = readRegion(buffer, area, number);
  if (!region) return undefined;
  const from = of.u32(VCPU_JIT + JIT_TABLE + number * REGION_SIZE + REGION_TEXT);
  const at = VCPU_JIT_TEXTS + (from & MASK);
  const bytes = of.u32(at);
  const count = of.u32(at + 4);
  const size = TEXT_HEADER + count * PLACE_SIZE + bytes;
  const isOver = () => (of.u32(VCPU_JIT + JIT_TEXTS_TOP) - from) >>> 0 > JIT_TEXTS_SIZE;
  if (isOver() || bytes !== region.bytes || count > PLACES_MAX || (from & MASK) + size > JIT_TEXTS_SIZE)
    return undefined;
  const text = of.copy(at + TEXT_HEADER, size - TEXT_HEADER);
  // Whoever writes the ring counts first: what was copied is whole when the count says so still.
  if (isOver()) return undefined;
  const view = new DataView(text.buffer);
  const places = Array.from({ length: count }, (_, n): Place => {
    const word = view.getUint32(n * PLACE_SIZE, true);
    return {
      offset: word & ((1 << PLACE_LENGTH_SHIFT) - 1),
      kind: PLACE_KINDS[word >>> PLACE_SHIFT] ?? 'exit',
      delta: view.getInt32(n * PLACE_SIZE + 4, true),
      code: text.slice(
        n * PLACE_SIZE + PLACE_CODE,
        n * PLACE_SIZE + PLACE_CODE + ((word >>> PLACE_LENGTH_SHIFT) & 15),
      ),
    };
  });
  return { module: text.subarray(count * PLACE_SIZE), places };
}

/** Where a vCPU has what is read here, but for texts. */
export const TIER_RANGES: readonly { readonly offset: number; readonly length: number }[] = [
  { offset: VCPU_JIT + JIT_COMPILED, length: JIT_EVENTS - JIT_COMPILED + EVENTS_MAX * EVENT_SIZE },
  { offset: VCPU_JIT + JIT_TABLE, length: REGIONS_MAX * REGION_SIZE },
];

/** Where the text of a region is, for who must copy it. */
export function textRange(
  buffer: ArrayBufferLike,
  area: number,
  number: number,
): { offset: number; length: number } {
  const at = VCPU_JIT + JIT_TABLE + number * REGION_SIZE;
  const of = new Area(buffer, area);
  const offset = VCPU_JIT_TEXTS + (of.u32(at + REGION_TEXT) & MASK);
  const most = TEXT_HEADER + PLACES_MAX * PLACE_SIZE + of.u32(at + REGION_BYTES);
  return { offset, length: Math.min(most, VCPU_JIT_TEXTS + JIT_TEXTS_SIZE - offset) };
}

/** The blocks and regions of the page of a region are forgotten before the vCPU runs again. The vCPU must stand. */
export function forgetRegion(buffer: ArrayBufferLike, area: number, number: number): void {
  new DataView(buffer).setUint32(area + VCPU_JIT + JIT_FORGET, number, true);
}

/** All decoded and compiled code of a vCPU is forgotten before it runs again. The vCPU must stand. */
export function forgetCode(buffer: ArrayBufferLike, area: number): void {
  new DataView(buffer).setUint32(area + VCPU_PAGE + V_BLOCKS_TOP, 0, true);
}
