// The parts of regions: what a region is made of in one page, found by the page, so that a change of any of its pages drops it.

import {
  JIT_PARTS,
  PAGES_MAX,
  PART_LINES,
  PART_MORE,
  PART_NEXT,
  PART_PAGE,
  PART_REGION,
  PART_SIZE,
  PARTS_MAX,
} from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { V_JIT_FREE_PART, V_JIT_LAST_PART, V_JIT_PARTS } from '../abi/vcpu_page';
import { part_chain } from '../memory/code_marks';

function part(v: u32, number: u32): u32 {
  return v - VCPU_PAGE + VCPU_JIT + JIT_PARTS + number * PART_SIZE;
}

/** There is room for all parts of one more region. */
export function has_free_parts(v: u32): bool {
  return load<u32>(v + V_JIT_PARTS) + PAGES_MAX < PARTS_MAX;
}

function free_part(v: u32): u32 {
  let number = load<u32>(v + V_JIT_FREE_PART);
  if (number) {
    store<u32>(v + V_JIT_FREE_PART, load<u16>(part(v, number) + PART_NEXT));
  } else {
    number = load<u32>(v + V_JIT_LAST_PART) + 1;
    store<u32>(v + V_JIT_LAST_PART, number);
  }
  store<u32>(v + V_JIT_PARTS, load<u32>(v + V_JIT_PARTS) + 1);
  return number;
}

/** A new part of region `owner`, made of `lines` of the page at `page`, before its parts from `more` on: its number. */
export function add_part(v: u32, owner: u32, page: u32, lines: u64, more: u32): u32 {
  const number = free_part(v);
  const added = part(v, number);
  const chain = part_chain(v, page);
  store<u32>(added + PART_PAGE, page);
  store<u16>(added + PART_REGION, owner as u16);
  store<u16>(added + PART_NEXT, load<u16>(chain));
  store<u16>(added + PART_MORE, more as u16);
  store<u64>(added + PART_LINES, lines);
  store<u16>(chain, number as u16);
  return number;
}

/** A region's parts from `number` on are gone. */
export function drop_parts(v: u32, number: u32): void {
  while (number != 0) {
    const at = part(v, number);
    let link = part_chain(v, load<u32>(at + PART_PAGE));
    while (load<u16>(link) != number) link = part(v, load<u16>(link)) + PART_NEXT;
    store<u16>(link, load<u16>(at + PART_NEXT));
    store<u16>(at + PART_NEXT, load<u32>(v + V_JIT_FREE_PART) as u16);
    store<u32>(v + V_JIT_FREE_PART, number);
    store<u32>(v + V_JIT_PARTS, load<u32>(v + V_JIT_PARTS) - 1);
    number = load<u16>(at + PART_MORE);
  }
}

/** Number of a region that is made of code of the page at `page`, 0 = none. */
export function region_in(v: u32, page: u32): u32 {
  let number: u32 = load<u16>(part_chain(v, page));
  while (number != 0) {
    const at = part(v, number);
    if (load<u32>(at + PART_PAGE) == page) return load<u16>(at + PART_REGION);
    number = load<u16>(at + PART_NEXT);
  }
  return 0;
}
