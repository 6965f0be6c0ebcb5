// Which slots of the file are free. A slot that a crash could bring back to use is kept from new use until the journal says
// on the medium that it is free.

interface Free {
  start: number;
  count: number;
}

export class Slots {
  /** The first slot that was never used. */
  #end: number;
  /** In order, with used slots between them. */
  readonly #free: Free[] = [];
  /** Free as soon as the journal's newest blocks are on the medium. */
  #waiting: Free[] = [];

  /** `used` are the runs in use; what lies between them is free. */
  constructor(first: number, used: Iterable<{ readonly slot: number; readonly count: number }>) {
    this.#end = first;
    for (const { slot, count } of [...used].sort((a, b) => a.slot - b.slot)) {
      if (slot > this.#end) this.#free.push({ start: this.#end, count: slot - this.#end });
      this.#end = Math.max(this.#end, slot + count);
    }
  }

  /** Up to `most` slots beside each other: the lowest that are free. */
  take(most: number): Free {
    const run = this.#free[0];
    if (!run) return this.#grow(most);
    const { start } = run;
    const count = Math.min(most, run.count);
    run.start += count;
    run.count -= count;
    if (run.count === 0) this.#free.shift();
    return { start, count };
  }

  /** Exactly `count` slots beside each other, the highest that are free; the first of them. */
  takeWhole(count: number): number {
    const found = this.#free.findLastIndex((run) => run.count >= count);
    const run = this.#free[found];
    if (!run) return this.#grow(count).start;
    run.count -= count;
    if (run.count === 0) this.#free.splice(found, 1);
    return run.start + run.count;
  }

  /** Gives back slots of which the journal on the medium says nothing. */
  give(start: number, count: number): void {
    const at = this.#place(start);
    const before = this.#free[at - 1];
    const behind = this.#free[at];
    const joinsBefore = before !== undefined && before.start + before.count === start;
    const joinsBehind = behind !== undefined && start + count === behind.start;
    if (joinsBefore) {
      before.count += count + (joinsBehind ? behind.count : 0);
      if (joinsBehind) this.#free.splice(at, 1);
    } else if (joinsBehind) {
      behind.start = start;
      behind.count += count;
    } else this.#free.splice(at, 0, { start, count });
  }

  /** Gives back slots that are in use as long as the journal's newest blocks are not on the medium. */
  giveLater(start: number, count: number): void {
    const last = this.#waiting.at(-1);
    if (last && last.start + last.count === start) last.count += count;
    else this.#waiting.push({ start, count });
  }

  /** The journal is on the medium. */
  settle(): void {
    for (const { start, count } of this.#waiting) this.give(start, count);
    this.#waiting = [];
  }

  /** The index of the first free run behind `slot`. */
  #place(slot: number): number {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#free[middle] as Free).start < slot) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow(count: number): Free {
    const start = this.#end;
    this.#end += count;
    return { start, count };
  }
}
