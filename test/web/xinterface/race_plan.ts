// What race.ts and its worker agree on. Constants only.

/** Windows of guest-physical addresses, and bytes of each; a block of memory fits into a window. */
export const WINDOWS = 16;
export const BLOCKS = 8;
export const BLOCK = 0x2000;
/** What stands in a block that no slot maps; what the worker writes. Else a block is full of its number, from 1. */
export const POISON = 0xdead_dead;
export const WRITTEN = 0x5757_5757;
export const CANARY = 0xca;
/** Words shared with the worker: stop; phase, odd during a change; the block of each window, 0 = none. */
export const TRUTH_PHASE = 1;
export const TRUTH_WINDOWS = 2;
export const TRUTH_SIZE = TRUTH_WINDOWS + WINDOWS;
