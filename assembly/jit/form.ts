// The two forms of a region, and the locals of a function in the split form.
//
// Whole: one function for all of it, with registers, flags and the TLB in locals: fast, and dear to compile. Split: a function
// for each block, which goes on with the next one by a tail call and has nothing in locals but what it needs at once: V8 counts
// what each function executes, so that its optimizing compiler sees only the blocks that are worth it, and little of them.

import { JIT_LOCALS, LOCALS_MAX } from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { I32_LOCALS, I64_LOCALS, L_TEMP32, L_TEMP64, L_V } from './locals';
import { byte, I32, I64, uleb } from './wasm';

let split: bool = false;
let wide: bool = false;
/** For each of the locals of locals.ts a byte: its number in the function in hand, 0 = it has none yet. Behind them, their types by number. */
let numbers: u32 = 0;
let count: u32 = 0;

/** What is emitted from here on, for vCPU `v`, is of this form. */
export function begin_form(v: u32, is_split: bool, is_64: bool): void {
  split = is_split;
  wide = is_64;
  numbers = v - VCPU_PAGE + VCPU_JIT + JIT_LOCALS;
}

export function is_split(): bool {
  return split;
}

/** Begins a function of the split form, which has no locals yet but its parameter. */
export function begin_locals(): void {
  memory.fill(numbers, 0, LOCALS_MAX);
  count = 0;
}

function type_of(local: u32): u32 {
  if (local == L_TEMP32 || local <= I32_LOCALS) return I32;
  if (local == L_TEMP64 || local <= I32_LOCALS + I64_LOCALS) return I64;
  return wide ? I64 : I32;
}

/** The number of a local in the function in hand: its next one when it is used for the first time. */
export function number_of(local: u32): u32 {
  if (local == L_V) return 0;
  let n: u32 = load<u8>(numbers + local);
  if (n) return n;
  n = ++count;
  store<u8>(numbers + local, n as u8);
  store<u8>(numbers + LOCALS_MAX + n, type_of(local) as u8);
  return n;
}

/** The function in hand has used the local. */
export function has_local(local: u32): bool {
  return load<u8>(numbers + local) != 0;
}

/** Declares the locals that have been used. */
export function declare_locals(): void {
  uleb(count);
  for (let n: u32 = 1; n <= count; n++) {
    uleb(1);
    byte(load<u8>(numbers + LOCALS_MAX + n));
  }
}
