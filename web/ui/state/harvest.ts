// What harvests of the dirty log have shown so far: for each page of a slot, when it was last seen dirty.

import type { Session } from '../../session/types.ts';
import { countDirty, isDirty, pagesOf, type Slot } from '../../session/views/index.ts';
import { Store } from './store.ts';

/** Numbers that the panel shows; they change with each harvest. */
export interface HarvestFigures {
  /** KVM_GET_DIRTY_LOG calls so far. */
  harvests: number;
  /** Pages of the last harvest. */
  last: number;
  /** Pages of all harvests, a page counted each time. */
  total: number;
}

/** How often the automatic harvest looks, in ms. */
export const HARVEST_INTERVAL_MS = 250;

/** The history of one slot's dirty log in one session. */
export class HarvestLog {
  readonly figures = new Store<HarvestFigures>({ harvests: 0, last: 0, total: 0 });
  /** For each page the harvest number that last saw it dirty, 0 = never. */
  readonly seen: Uint32Array;
  /** The bitmap of the last harvest. */
  bitmap: Uint8Array = new Uint8Array();
  readonly #session: Session;
  readonly #slot: Slot;
  #isBusy = false;

  constructor(session: Session, slot: Slot) {
    this.#session = session;
    this.#slot = slot;
    this.seen = new Uint32Array(pagesOf(slot));
  }

  /** Gets and clears the slot's dirty log; a harvest that is under way is not doubled. */
  async harvest(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const bitmap = await this.#session.harvest(this.#slot.id);
      const { harvests, total } = this.figures.get();
      for (let page = 0; page < this.seen.length; page++) {
        if (isDirty(bitmap, page)) this.seen[page] = harvests + 1;
      }
      const last = countDirty(bitmap);
      this.bitmap = bitmap;
      this.figures.set({ harvests: harvests + 1, last, total: total + last });
    } finally {
      this.#isBusy = false;
    }
  }
}

/** Age of a page in harvests, 0 = in the last one; undefined when it was never dirty. */
export function ageOf(log: HarvestLog, page: number): number | undefined {
  const seen = log.seen[page];
  return seen ? log.figures.get().harvests - seen : undefined;
}
