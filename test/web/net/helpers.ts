// What the tests of web/net share: a clock that a test moves, and cables that lose, double and reorder frames.
import { type Clock, type FrameListener, FrameListeners, type Link } from '../../../web/net/link.ts';

/** Time that stands until the test lets it go on. */
export class TestClock implements Clock {
  #now = 0;
  #number = 0;
  #timers: { at: number; number: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    this.#number += 1;
    const timer = { at: this.#now + ms, number: this.#number, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** Rings what is due within `ms`, in order; `until` ends it early. Returns whether `until` was true at last. */
  run(ms: number, until: () => boolean = () => false): boolean {
    const end = this.#now + ms;
    while (!until()) {
      const [next] = this.#timers.sort((a, b) => a.at - b.at || a.number - b.number);
      if (!next || next.at > end) break;
      this.#timers.shift();
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    if (!until()) this.#now = end;
    return until();
  }
}

/** Numbers that look random and are the same for the same seed, 0 to 1. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How bad a cable is: parts of its frames, and the longest way in ms. */
export interface Weather {
  loss: number;
  doubles: number;
  delay: number;
}

/** Two ends of a cable in bad weather. */
export function badCable(clock: Clock, random: () => number, weather: Weather): [Link, Link] {
  const ends = [new FrameListeners(), new FrameListeners()] as const;
  const carry = (to: FrameListeners, frame: Uint8Array) => {
    for (let copy = random() < weather.doubles ? 2 : 1; copy > 0; copy -= 1)
      if (random() >= weather.loss) clock.after(random() * weather.delay, () => to.emit(frame));
  };
  const end = (from: 0 | 1): Link => ({
    send: (frame) => carry(ends[from === 0 ? 1 : 0], frame),
    onFrame: (listener: FrameListener) => ends[from].add(listener),
  });
  return [end(0), end(1)];
}
