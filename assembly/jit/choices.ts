// What the vCPUs of a memory have made regions of: a table that all of them write and read without a lock. A vCPU that takes the
// blocks that another has taken emits the same bytes, and the host's engine compiles what is the same once for all threads.
//
// An entry is advice, no more: blocks come from the reader's own decoder, so one that was torn, or is of other code, costs time.

import { B_BYTES, B_HVA, B_MODE } from '../abi/insn';
import {
  CHOICE_COUNT,
  CHOICE_DELTAS,
  CHOICE_HVA,
  CHOICE_MODE,
  CHOICE_SIZE,
  CHOICE_SUM,
  CHOICES,
  NODE_DELTA,
  NODE_SIZE,
  NODES_MAX,
} from '../abi/jit';
import { JIT_CHOICES } from '../abi/map';
import { is_alone } from '../state/vcpu';

function choice_of(hva: u32, mode: u32): u32 {
  return JIT_CHOICES + ((hva ^ (hva >> 11) ^ (mode << 7)) & (CHOICES - 1)) * CHOICE_SIZE;
}

/** A number that tells the code of block `b` from what was there before. */
function sum_of(b: u32): u32 {
  const bytes = load<u32>(b + B_BYTES);
  const hva = load<u32>(b + B_HVA);
  let sum: u32 = 0x811c9dc5;
  for (let n: u32 = 0; n < bytes; n++) sum = (sum ^ load<u8>(hva + n)) * 0x01000193;
  return sum;
}

/** What a vCPU has made a region of that begins with block `b`, 0 = nothing, or nobody else is there to share it. */
export function find_choice(v: u32, b: u32): u32 {
  if (is_alone(v)) return 0;
  const hva = load<u32>(b + B_HVA);
  const at = choice_of(hva, load<u32>(b + B_MODE));
  const fits = load<u32>(at + CHOICE_HVA) == hva && load<u32>(at + CHOICE_MODE) == load<u32>(b + B_MODE);
  return fits && load<u32>(at + CHOICE_SUM) == sum_of(b) ? at : 0;
}

/** The choice has a block that begins `delta` bytes behind the entry. */
export function has_chosen(choice: u32, delta: i32): bool {
  const count = load<u32>(choice + CHOICE_COUNT);
  for (let n: u32 = 0; n < count && n < NODES_MAX; n++) {
    if (load<i32>(choice + CHOICE_DELTAS + n * 4) == delta) return true;
  }
  return false;
}

/** Tells the others of a region that begins with block `b` and has `count` nodes, the first at `nodes`. */
export function tell_choice(v: u32, b: u32, nodes: u32, count: u32): void {
  if (is_alone(v)) return;
  const at = choice_of(load<u32>(b + B_HVA), load<u32>(b + B_MODE));
  store<u32>(at + CHOICE_HVA, 0);
  store<u32>(at + CHOICE_MODE, load<u32>(b + B_MODE));
  store<u32>(at + CHOICE_SUM, sum_of(b));
  store<u32>(at + CHOICE_COUNT, count);
  for (let n: u32 = 0; n < count; n++)
    store<i32>(at + CHOICE_DELTAS + n * 4, load<i32>(nodes + n * NODE_SIZE + NODE_DELTA));
  atomic.store<u32>(at + CHOICE_HVA, load<u32>(b + B_HVA));
}
