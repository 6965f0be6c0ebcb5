// What is noted of regions for whoever looks at the tiers: counts, the last events, and the modules as they were compiled.
// Nothing that runs reads any of it.

import {
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
  JIT_MADE,
  JIT_MADE_BYTES,
  JIT_PLACES,
  JIT_REFUSED,
  JIT_TEXTS_SIZE,
  JIT_TEXTS_TOP,
  PLACE_SIZE,
  REGION_EXECUTED,
  REGION_RIP,
  REGION_TEXT,
  TEXT_HEADER,
} from '../abi/jit';
import { VCPU_JIT, VCPU_JIT_TEXTS, VCPU_PAGE } from '../abi/map';
import { V_BUDGET, V_ICOUNT_END } from '../abi/vcpu_page';

function count(v: u32, counter: u32, n: u64): void {
  const at = v - VCPU_PAGE + VCPU_JIT + counter;
  store<u64>(at, load<u64>(at) + n);
}

/** The run loop has entered regions, which have executed `instructions`. */
export function note_entered(v: u32, instructions: i32): void {
  count(v, JIT_COMPILED, instructions as i64 as u64);
  count(v, JIT_ENTERED, 1);
}

/** The block at RIP was hot and became no region. */
export function note_refused(v: u32): void {
  count(v, JIT_REFUSED, 1);
}

function note_event(v: u32, number: u32, at: u32, what: u32): void {
  const area = v - VCPU_PAGE + VCPU_JIT;
  const n = load<u32>(area + JIT_EVENT_COUNT);
  const event = area + JIT_EVENTS + (n & (EVENTS_MAX - 1)) * EVENT_SIZE;
  store<u64>(event + EVENT_RIP, load<u64>(at + REGION_RIP));
  store<u32>(event + EVENT_WHAT, what);
  store<u32>(event + EVENT_REGION, number);
  store<u64>(event + EVENT_EXECUTED, load<u64>(at + REGION_EXECUTED));
  store<u64>(event + EVENT_AT, load<u64>(v + V_ICOUNT_END) - (load<i32>(v + V_BUDGET) as i64 as u64));
  atomic.store<u32>(area + JIT_EVENT_COUNT, n + 1);
}

/** The region `number` at `at` is new: its module of `bytes` bytes lies at `code`, and `places` of it are in JIT_PLACES. */
export function note_made(v: u32, number: u32, at: u32, code: u32, bytes: u32, places: u32): void {
  const area = v - VCPU_PAGE + VCPU_JIT;
  const whole = (TEXT_HEADER + places * PLACE_SIZE + bytes + 7) & ~7;
  let top = load<u32>(area + JIT_TEXTS_TOP);
  const left = JIT_TEXTS_SIZE - (top & (JIT_TEXTS_SIZE - 1));
  if (left < whole) top += left;
  const text = v - VCPU_PAGE + VCPU_JIT_TEXTS + (top & (JIT_TEXTS_SIZE - 1));
  // Who reads what is overwritten here must not take it for what it was.
  atomic.store<u32>(area + JIT_TEXTS_TOP, top + whole);
  store<u32>(at + REGION_TEXT, top);
  store<u32>(text, bytes);
  store<u32>(text + 4, places);
  memory.copy(text + TEXT_HEADER, area + JIT_PLACES, places * PLACE_SIZE);
  memory.copy(text + TEXT_HEADER + places * PLACE_SIZE, code, bytes);
  count(v, JIT_MADE, 1);
  count(v, JIT_MADE_BYTES, bytes);
  note_event(v, number, at, EVENT_MADE);
}

/** The region `number` at `at` is dropped, for the reason DROPPED_*. */
export function note_dropped(v: u32, number: u32, at: u32, reason: u32): void {
  count(v, JIT_DROPPED + reason * 8, 1);
  note_event(v, number, at, reason);
}
