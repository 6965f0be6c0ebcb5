// Which bytes of the module in hand belong to which instruction of the guest: a table for whoever looks at the region.

import { B_HVA, R_LEN, R_OFF } from '../abi/insn';
import {
  JIT_PLACES,
  PLACE_CODE,
  PLACE_INSTRUCTION,
  PLACE_LENGTH_SHIFT,
  PLACE_SHIFT,
  PLACE_SIZE,
  PLACES_MAX,
} from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { here } from './wasm';

let table: u32 = 0;
let module: u32 = 0;
let count: u32 = 0;

/** The module of vCPU `v` that begins at `code`. */
export function begin_places(v: u32, code: u32): void {
  table = v - VCPU_PAGE + VCPU_JIT + JIT_PLACES;
  module = code;
  count = 0;
}

/** What is emitted from here on is PLACE_* `what`, of the place `delta` bytes behind the entry. */
export function note_place(what: u32, delta: i32): void {
  if (count == PLACES_MAX) return;
  const place = table + count * PLACE_SIZE;
  store<u32>(place, (here() - module) | (what << PLACE_SHIFT));
  store<i32>(place + 4, delta);
  count++;
}

/** What is emitted from here on is the record `r` of block `b`, whose instruction is `delta` bytes behind the entry. */
export function note_instruction(b: u32, r: u32, delta: i32): void {
  if (count == PLACES_MAX) return;
  const place = table + count * PLACE_SIZE;
  const length: u32 = load<u8>(r + R_LEN);
  note_place(PLACE_INSTRUCTION, delta);
  store<u32>(place, load<u32>(place) | (length << PLACE_LENGTH_SHIFT));
  memory.copy(place + PLACE_CODE, load<u32>(b + B_HVA) + load<u16>(r + R_OFF), length);
}

/** All that was noted lies `bytes` further. */
export function move_places(bytes: u32): void {
  for (let n: u32 = 0; n < count; n++) {
    const place = table + n * PLACE_SIZE;
    store<u32>(place, load<u32>(place) + bytes);
  }
}

/** Places of the module. */
export function places_count(): u32 {
  return count;
}
