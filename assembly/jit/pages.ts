// The pages of the region in hand: the entry's, and those that calls and jumps of it lead to. Each lies as far from the entry's,
// in linear addresses, as it did when the region was compiled; that its translation is the same is looked at on the way into it.

import { B_HVA } from '../abi/insn';
import { JIT_PAGES, NONE, PAGE_DELTA, PAGE_HVA, PAGE_LINES, PAGE_SIZE, PAGES_MAX } from '../abi/jit';
import { TLB_EXEC_ADDEND, TLB_EXEC_ENTRIES, TLB_EXEC_ENTRY_SIZE, VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { V_ADDRESS_MASK, V_TLB_EXEC } from '../abi/vcpu_page';
import { lines_of } from '../memory/code_marks';

/** No page is further from the entry's: sums of distances and displacements fit 32 bits. */
const FAR: i32 = 0x20000000;

let pages: u32 = 0;
let count: u32 = 0;
let entry_hva: u32 = 0;
let entry_rip: u64 = 0;

function page_at(n: u32): u32 {
  return pages + n * PAGE_SIZE;
}

function add(distance: i32, hva: u32): void {
  const at = page_at(count++);
  store<i32>(at + PAGE_DELTA, distance);
  store<u32>(at + PAGE_HVA, hva);
  store<u64>(at + PAGE_LINES, 0);
}

/** The region begins with block `entry` at `rip`. */
export function begin_pages(v: u32, entry: u32, rip: u64): void {
  pages = v - VCPU_PAGE + VCPU_JIT + JIT_PAGES;
  entry_hva = load<u32>(entry + B_HVA);
  entry_rip = rip;
  count = 0;
  add(0, entry_hva & ~0xfff);
}

/** Bytes from the entry's page to that of the place `delta` bytes behind the entry. */
function distance_of(delta: i32): i32 {
  return (((entry_hva & 0xfff) as i32) + delta) & ~0xfff;
}

/** The page of the place `delta` bytes behind the entry, NONE if the region has none there. */
export function page_of(delta: i32): u32 {
  const distance = distance_of(delta);
  for (let n: u32 = 0; n < count; n++) {
    if (load<i32>(page_at(n) + PAGE_DELTA) == distance) return n;
  }
  return NONE;
}

/** hva of the place `delta` bytes behind the entry, in a page of the region. */
export function hva_at(delta: i32): u32 {
  return load<u32>(page_at(page_of(delta)) + PAGE_HVA) + ((entry_hva + delta) & 0xfff);
}

/** The place `delta` bytes behind the entry may be in the region: in a page of it, or in one more whose translation is known. */
export function reach_page(v: u32, delta: i32): bool {
  if (page_of(delta) != NONE) return true;
  if (count == PAGES_MAX || delta > FAR || delta < -FAR) return false;
  const la = (entry_rip + (delta as i64 as u64)) & load<u64>(v + V_ADDRESS_MASK) & ~0xfff;
  const e = load<u32>(v + V_TLB_EXEC) + (((la >> 12) as u32) & (TLB_EXEC_ENTRIES - 1)) * TLB_EXEC_ENTRY_SIZE;
  if (load<u64>(e) != la) return false;
  add(distance_of(delta), (la as u32) + load<u32>(e + TLB_EXEC_ADDEND));
  return true;
}

/** The region is made of `bytes` bytes at the place `delta` bytes behind the entry. */
export function use_code(delta: i32, bytes: u32): void {
  const lines = page_at(page_of(delta)) + PAGE_LINES;
  store<u64>(lines, load<u64>(lines) | lines_of(hva_at(delta), bytes));
}

/** Pages that the region may have, the first is the entry's; hva of one, and its lines that the region is made of, 0 = none. */
export function pages_count(): u32 {
  return count;
}
export function page_hva(n: u32): u32 {
  return load<u32>(page_at(n) + PAGE_HVA);
}
export function page_lines(n: u32): u64 {
  return load<u64>(page_at(n) + PAGE_LINES);
}
