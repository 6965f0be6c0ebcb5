// Repeatable random numbers for the generators. Holds no state but its own.

/** A source of random choices: the same seed gives the same. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n + 1n);
  }

  /** An integer from 0 to `bound` - 1. */
  below(bound) {
    this.#state = BigInt.asUintN(64, this.#state * 6364136223846793005n + 1442695040888963407n);
    return Number((this.#state >> 33n) % BigInt(bound));
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  chance(percent) {
    return this.below(100) < percent;
  }

  word32() {
    return this.below(0x10000) * 0x10000 + this.below(0x10000);
  }

  /** As NASM writes it. */
  hex(bound) {
    return `0x${this.below(bound).toString(16)}`;
  }
}

export const hex = (n) => `0x${n.toString(16)}`;
