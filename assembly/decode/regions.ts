// The table of compiled regions: found by the place in memory and the mode they are made of, dropped when a page of theirs changes,
// and when there is no room for another: those that were not entered for longest. It compiles nothing.

import {
  DROPPED_UNUSED,
  JIT_CHAINS,
  JIT_CHAINS_ENTRIES,
  JIT_HASH,
  JIT_HASH_ENTRIES,
  JIT_RECORDS,
  JIT_TABLE,
  NONE,
  REGION_BYTES,
  REGION_EPOCH,
  REGION_EXECUTED,
  REGION_HVA,
  REGION_MODE,
  REGION_NEXT,
  REGION_PAGES,
  REGION_PARTS,
  REGION_RECORDS,
  REGION_SEEN,
  REGION_SIZE,
  REGION_SLOT,
  REGIONS_MAX,
} from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE, VM_JIT_BYTES, VM_PAGE } from '../abi/map';
import {
  V_BLOCK_EPOCH,
  V_JIT_BYTES,
  V_JIT_FREE,
  V_JIT_HAND,
  V_JIT_LAST,
  V_JIT_LIVE,
  V_JIT_OWNER,
  V_JIT_PARTS,
  V_JIT_REGIONS,
  V_JIT_TOP,
} from '../abi/vcpu_page';
import { host_instance, host_release, host_release_all, vm_base } from '../host';
import { note_dropped } from './region_notes';
import { add_part, drop_parts, has_free_parts, region_in } from './region_parts';

/** JIT_HASH_ENTRIES / 4 = 1 << JIT_SETS_LOG. */
const JIT_SETS_LOG: u32 = 10;

/** The region with a number. */
export function region(v: u32, number: u32): u32 {
  return v - VCPU_PAGE + VCPU_JIT + JIT_TABLE + number * REGION_SIZE;
}

/** The region begins at `hva`, and is of that mode. */
export function is_region(found: u32, hva: u32, mode: u32): bool {
  return load<u32>(found + REGION_HVA) == hva && load<u32>(found + REGION_MODE) == mode;
}

/** A number of which the upper bits choose a place in a hash: code is full of addresses that agree in some of their bits. */
export function mixed(hva: u32, mode: u32): u32 {
  return (hva ^ (mode << 20)) * 0x9e3779b1;
}

/** Four numbers of regions, the newest in the lowest 16 bits: neighbours in a loop must not drive each other out. */
function hash_set(v: u32, hva: u32, mode: u32): u32 {
  const set = mixed(hva, mode) >> (32 - JIT_SETS_LOG);
  return v - VCPU_PAGE + VCPU_JIT + JIT_HASH + set * 8;
}

/** Number of the region that begins at `hva`, 0 = none. */
export function region_at(v: u32, hva: u32, mode: u32): u32 {
  for (let numbers = load<u64>(hash_set(v, hva, mode)); numbers != 0; numbers >>= 16) {
    const number = (numbers as u32) & 0xffff;
    if (is_region(region(v, number), hva, mode)) return number;
  }
  return 0;
}

/** Takes the region `number` at `at` out of the hash, where it would take the place of one that is there. */
function leave_hash(v: u32, number: u32, at: u32): void {
  const set = hash_set(v, load<u32>(at + REGION_HVA), load<u32>(at + REGION_MODE));
  let kept: u64 = 0;
  let shift: u64 = 0;
  for (let numbers = load<u64>(set); numbers != 0; numbers >>= 16) {
    const one = numbers & 0xffff;
    if (one == (number as u64)) continue;
    kept |= one << shift;
    shift += 16;
  }
  store<u64>(set, kept);
}

/** The region `number` is gone, for the reason DROPPED_*. */
export function drop_region(v: u32, number: u32, reason: u32): void {
  const at = region(v, number);
  drop_parts(v, load<u16>(at + REGION_PARTS));
  note_dropped(v, number, at, reason);
  leave_hash(v, number, at);
  store<u32>(at + REGION_HVA, NONE);
  store<u32>(at + REGION_RECORDS, 0);
  store<u16>(at + REGION_NEXT, load<u32>(v + V_JIT_FREE) as u16);
  store<u32>(v + V_JIT_FREE, number);
  store<u32>(v + V_JIT_LIVE, load<u32>(v + V_JIT_LIVE) - 1);
  store<u32>(v + V_JIT_BYTES, load<u32>(v + V_JIT_BYTES) - load<u32>(at + REGION_BYTES));
  host_release(v, load<u32>(at + REGION_SLOT));
}

/** Drops the region that the hand comes to first of those that have executed nothing since it has passed them; there is one. */
export function evict_region(v: u32): void {
  const last = load<u32>(v + V_JIT_LAST);
  let hand = load<u32>(v + V_JIT_HAND);
  let going = true;
  while (going) {
    hand = hand < last ? hand + 1 : 1;
    const at = region(v, hand);
    if (load<u32>(at + REGION_HVA) != NONE) {
      const executed = load<u32>(at + REGION_EXECUTED);
      going = load<u32>(at + REGION_SEEN) != executed;
      store<u32>(at + REGION_SEEN, executed);
    }
  }
  drop_region(v, hand, DROPPED_UNUSED);
  store<u32>(v + V_JIT_HAND, hand);
}

/** Makes room for one more region, whose module has `bytes` bytes. */
export function make_room(v: u32, bytes: u32): void {
  const most = load<u32>(vm_base + VM_PAGE + VM_JIT_BYTES);
  while (
    load<u32>(v + V_JIT_LIVE) != 0 &&
    (load<u32>(v + V_JIT_LIVE) == REGIONS_MAX - 1 ||
      !has_free_parts(v) ||
      load<u32>(v + V_JIT_BYTES) + bytes > most)
  )
    evict_region(v);
}

/** A number that no region has; make_room has been called. */
function free_number(v: u32): u32 {
  let number = load<u32>(v + V_JIT_FREE);
  if (number) {
    store<u32>(v + V_JIT_FREE, load<u16>(region(v, number) + REGION_NEXT));
  } else {
    number = load<u32>(v + V_JIT_LAST) + 1;
    store<u32>(v + V_JIT_LAST, number);
  }
  return number;
}

/** A new region at `hva` with a module of `bytes` bytes: its number. make_room has been called, and add_page follows for each of its pages. */
export function add_region(v: u32, hva: u32, mode: u32, slot: u32, bytes: u32): u32 {
  const number = free_number(v);
  const added = region(v, number);
  memory.fill(added, 0, REGION_SIZE);
  store<u32>(added + REGION_HVA, hva);
  store<u32>(added + REGION_MODE, mode);
  store<u32>(added + REGION_SLOT, slot);
  store<u32>(added + REGION_EPOCH, load<u32>(v + V_BLOCK_EPOCH));
  store<u32>(added + REGION_BYTES, bytes);
  // It has executed nothing yet, but may.
  store<u32>(added + REGION_SEEN, NONE);
  const set = hash_set(v, hva, mode);
  store<u64>(set, (load<u64>(set) << 16) | number);
  store<u32>(v + V_JIT_REGIONS, load<u32>(v + V_JIT_REGIONS) + 1);
  store<u32>(v + V_JIT_LIVE, load<u32>(v + V_JIT_LIVE) + 1);
  store<u32>(v + V_JIT_BYTES, load<u32>(v + V_JIT_BYTES) + bytes);
  return number;
}

/** Region `number` is made of `lines` of the page at `page` too. */
export function add_page(v: u32, number: u32, page: u32, lines: u64): void {
  const at = region(v, number);
  store<u16>(at + REGION_PARTS, add_part(v, number, page, lines, load<u16>(at + REGION_PARTS)) as u16);
  store<u8>(at + REGION_PAGES, load<u8>(at + REGION_PAGES) + 1);
}

/** The regions that are made of code of the page at `first` are gone, for the reason DROPPED_*. */
export function drop_regions(v: u32, first: u32, reason: u32): void {
  if (load<u32>(v + V_JIT_LIVE) == 0) return;
  for (let number = region_in(v, first); number != 0; number = region_in(v, first))
    drop_region(v, number, reason);
}

/**
 * Forgets every region, for the reason DROPPED_*, those too that this instance made before the vCPU was reset or another instance
 * ran it.
 */
export function flush_regions(v: u32, reason: u32): void {
  const last = load<u32>(v + V_JIT_LAST);
  for (let number: u32 = 1; number <= last; number++) {
    const at = region(v, number);
    if (load<u32>(at + REGION_HVA) == NONE) continue;
    note_dropped(v, number, at, reason);
    store<u32>(at + REGION_HVA, NONE);
  }
  host_release_all(v);
  memory.fill(v - VCPU_PAGE + VCPU_JIT + JIT_HASH, 0, JIT_HASH_ENTRIES * 2);
  memory.fill(v - VCPU_PAGE + VCPU_JIT + JIT_CHAINS, 0, JIT_CHAINS_ENTRIES * 2);
  for (let field = V_JIT_REGIONS; field <= V_JIT_PARTS; field += 4) store<u32>(v + field, 0);
  store<u32>(v + V_JIT_TOP, v - VCPU_PAGE + VCPU_JIT + JIT_RECORDS);
  store<u32>(v + V_JIT_OWNER, host_instance);
}

/** Regions are functions of one instance of the core: another has none of them. */
export function has_own_regions(v: u32): bool {
  return load<u32>(v + V_JIT_OWNER) == host_instance;
}
