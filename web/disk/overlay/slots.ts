// Which slots of the file are free. A slot that a crash could bring back to use is kept from new use until the journal says
// on the medium that it is free.

interface Free {
  start: number;
  count: number;
}

export class Slots {
  /** The first slot that was never used. */
  #end: number;
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

  /** Up to `most` slots beside each other. */
  take(most: number): Free {
    const last = this.#free.at(-1);
    if (!last) return this.#grow(most);
    const count = Math.min(most, last.count);
    const start = last.start;
    last.start += count;
    last.count -= count;
    if (last.count === 0) this.#free.pop();
    return { start, count };
  }

  /** Exactly `count` slots beside each other; the first of them. */
  takeWhole(count: number): number {
    const found = this.#free.findIndex((run) => run.count >= count);
    const run = this.#free[found];
    if (!run) return this.#grow(count).start;
    run.count -= count;
    if (run.count === 0) this.#free.splice(found, 1);
    return run.start + run.count;
  }

  /** Gives back slots of which the journal has never said anything. */
  give(start: number, count: number): void {
    const last = this.#free.at(-1);
    if (last && last.start + last.count === start) last.count += count;
    else this.#free.push({ start, count });
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

  #grow(count: number): Free {
    const start = this.#end;
    this.#end += count;
    return { start, count };
  }
}
