// Waiting for words of a machine's memory in the thread that serves the tree: never by blocking it.

import type { Subscribe } from '../fs/index.ts';
import { subscribeTo } from '../fs/index.ts';
import type { MachineMemory } from '../kvm/index.ts';

/** How long one wait lasts before the word is looked at again, in ms: a subscriber that has left is noticed then. */
const LOOK_MS = 250;

/** Calls back after each change of the word at `offset`. */
export function onWord(memory: MachineMemory, offset: number): Subscribe {
  return (listener) => {
    let seen = memory.load(offset);
    return subscribeTo(async (signal) => {
      while (!signal.aborted && memory.load(offset) === seen) await memory.waitAsync(offset, seen, LOOK_MS);
      seen = memory.load(offset);
    })(listener);
  };
}

/** Calls back with whichever of `sources` does. */
export function onAny(...sources: readonly Subscribe[]): Subscribe {
  return (listener) => {
    const offs = sources.map((subscribe) => subscribe(listener));
    return () => {
      for (const off of offs) off();
    };
  };
}

/** Calls back every `ms`: for what nobody announces. */
export function onTick(ms: number): Subscribe {
  return subscribeTo(() => new Promise((resolve) => setTimeout(resolve, ms)));
}
