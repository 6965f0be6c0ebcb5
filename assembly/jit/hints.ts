// Which way the branches of a function mostly go: the custom section "metadata.code.branch_hint" (WebAssembly's branch hints). An
// engine that reads it keeps what is rare apart, so that registers go onto the host's stack there and not where they are set; others
// skip it. Nothing of what the code does depends on it.

import { byte, close_gap, here, open_gap, patch, patch_with, size_field, uleb } from './wasm';

const NAME = memory.data<u8>([
  0x6d, 0x65, 0x74, 0x61, 0x64, 0x61, 0x74, 0x61, 0x2e, 0x63, 0x6f, 0x64, 0x65, 0x2e, 0x62, 0x72, 0x61, 0x6e,
  0x63, 0x68, 0x5f, 0x68, 0x69, 0x6e, 0x74,
]) as u32;
const NAME_LENGTH: u32 = 25;
/** Bytes of one hint at most, and of the section without them. */
const HINT_BYTES: u32 = 7;
const HEADER_BYTES: u32 = 1 + 5 + 1 + NAME_LENGTH + 2 + 5;

let first: u32 = 0;
let next: u32 = 0;
let end: u32 = 0;
let count: u32 = 0;
let body: u32 = 0;

/** Hints of the function whose body begins here are gathered from `from` to `limit`; those that do not fit are not given. */
export function begin_hints(from: u32, limit: u32): void {
  first = from;
  next = from;
  end = limit;
  count = 0;
  body = here();
}

function note(taken: u32): void {
  if (next + HINT_BYTES > end) return;
  let offset = here() - body;
  while (offset >= 0x80) {
    store<u8>(next++, ((offset & 0x7f) | 0x80) as u8);
    offset >>= 7;
  }
  store<u8>(next, offset as u8);
  store<u8>(next + 1, 1);
  store<u8>(next + 2, taken as u8);
  next += 3;
  count++;
}

/** The branch (`if`, `br_if`) that follows is mostly taken. */
export function likely(): void {
  note(1);
}

/** It is hardly ever taken. */
export function unlikely(): void {
  note(0);
}

/** Puts the hints before the code section, which begins at `code` and has function `f` (below 128): by how many bytes that moved it. */
export function insert_hints(code: u32, f: u32): u32 {
  if (count == 0) return 0;
  const bytes = HEADER_BYTES + (next - first);
  if (!open_gap(code, bytes)) return 0;
  byte(0);
  const section = size_field();
  uleb(NAME_LENGTH);
  for (let i: u32 = 0; i < NAME_LENGTH; i++) byte(load<u8>(NAME + i));
  uleb(1);
  uleb(f);
  const hints = size_field();
  for (let p = first; p < next; p++) byte(load<u8>(p));
  patch(section);
  patch_with(hints, count);
  close_gap();
  return bytes;
}
