// Copies of records that regions leave to the interpreter: the decode cache may be emptied while a region lives. A region knows
// them by their distance from the first, for they are moved together when room is wanted, and lie elsewhere on another vCPU.

import { R_IMM, R_REG, R_RM, RECORD_SIZE } from '../abi/insn';
import {
  JIT_END,
  JIT_RECORDS,
  KEPT_BEFORE,
  KEPT_DELTA,
  KEPT_SIZE,
  PIECE_BYTES,
  PIECE_NUMBER,
  PIECE_RECORDS,
  REGION_RECORDS,
} from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { V_JIT_KEPT, V_JIT_LIVE, V_JIT_TOP } from '../abi/vcpu_page';
import { evict_region, region } from '../decode/regions';

/** Bytes of records that one region may keep at most. */
const RECORDS_ROOM: u32 = 0x8000;

/** The first record of the region in hand, and where the next one goes. */
let first: u32 = 0;
let next: u32 = 0;
let end: u32 = 0;
let full: bool = false;

function room_end(v: u32): u32 {
  return v - VCPU_PAGE + VCPU_JIT + JIT_END;
}

/** The record `r` is a copy of `from`: an immediate lies in the record itself. */
function mend_immediate(r: u32, from: u32): void {
  if (load<u32>(r + R_REG) == from + R_IMM) store<u32>(r + R_REG, r + R_IMM);
  if (load<u32>(r + R_RM) == from + R_IMM) store<u32>(r + R_RM, r + R_IMM);
}

/** Moves the pieces of regions that live together. */
function compact(v: u32): void {
  const top = load<u32>(v + V_JIT_TOP);
  let to = v - VCPU_PAGE + VCPU_JIT + JIT_RECORDS;
  let from = to;
  while (from < top) {
    const owner = region(v, load<u32>(from + PIECE_NUMBER)) + REGION_RECORDS;
    const bytes = load<u32>(from + PIECE_BYTES);
    if (load<u32>(owner) == from + PIECE_RECORDS) {
      memory.copy(to, from, bytes);
      for (let at = PIECE_RECORDS; at < bytes; at += KEPT_SIZE) mend_immediate(to + at, from + at);
      store<u32>(owner, to + PIECE_RECORDS);
      to += bytes;
    }
    from += bytes;
  }
  store<u32>(v + V_JIT_TOP, to);
}

/** The records of a new region follow. Regions may go to make room for them, a quarter at once. */
export function begin_records(v: u32): void {
  if (load<u32>(v + V_JIT_TOP) + RECORDS_ROOM > room_end(v)) compact(v);
  while (load<u32>(v + V_JIT_TOP) + RECORDS_ROOM > room_end(v)) {
    for (let n = load<u32>(v + V_JIT_LIVE) / 4 + 1; n != 0; n--) evict_region(v);
    compact(v);
  }
  first = load<u32>(v + V_JIT_TOP) + PIECE_RECORDS;
  next = first;
  end = first + RECORDS_ROOM - PIECE_RECORDS;
  full = false;
}

/** There was no room for a copy: the region must not be used. */
export function records_full(): bool {
  return full;
}

/** The records that were kept are those of region `number`. */
export function end_records(v: u32, number: u32): void {
  if (next == first) return;
  const piece = first - PIECE_RECORDS;
  store<u32>(piece + PIECE_NUMBER, number);
  store<u32>(piece + PIECE_BYTES, next - piece);
  store<u32>(region(v, number) + REGION_RECORDS, first);
  store<u32>(v + V_JIT_TOP, next);
  store<u32>(v + V_JIT_KEPT, load<u32>(v + V_JIT_KEPT) + (next - first) / KEPT_SIZE);
}

/** A copy of the record `r` that stays as long as the region does: its distance from V_JIT_RECORDS. */
export function keep_record(r: u32): u32 {
  if (next + KEPT_SIZE > end) {
    full = true;
    return 0;
  }
  const copy = next;
  next += KEPT_SIZE;
  memory.copy(copy, r, RECORD_SIZE);
  mend_immediate(copy, r);
  return copy - first;
}

/** The same for a light call: with the `delta` of its block and how many instructions of it come `before`. */
export function keep_light_record(r: u32, delta: i32, before: u32): u32 {
  const distance = keep_record(r);
  store<i32>(first + distance + KEPT_DELTA, delta);
  store<u32>(first + distance + KEPT_BEFORE, before);
  return distance;
}
