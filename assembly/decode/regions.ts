// The table of compiled regions: found by the place in memory and the mode they are made of, dropped when their page changes.
// It compiles nothing.

import {
  JIT_CHAINS,
  JIT_CHAINS_ENTRIES,
  JIT_END,
  JIT_HASH,
  JIT_HASH_ENTRIES,
  JIT_RECORDS,
  JIT_TABLE,
  NONE,
  REGION_EPOCH,
  REGION_HVA,
  REGION_LINES,
  REGION_MODE,
  REGION_NEXT,
  REGION_SIZE,
  REGION_SLOT,
  REGIONS_MAX,
} from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { V_BLOCK_EPOCH, V_JIT_OWNER, V_JIT_REGIONS, V_JIT_TOP } from '../abi/vcpu_page';
import { host_instance, host_release } from '../host';
import { region_chain } from '../memory/code_marks';

/** Bytes of records that one region may keep at most. */
const RECORDS_ROOM: u32 = 0x8000;

/** The region with a number. */
export function region(v: u32, number: u32): u32 {
  return v - VCPU_PAGE + VCPU_JIT + JIT_TABLE + number * REGION_SIZE;
}

function hash_slot(v: u32, hva: u32, mode: u32): u32 {
  return (
    v - VCPU_PAGE + VCPU_JIT + JIT_HASH + ((hva ^ (hva >> 12) ^ (mode << 7)) & (JIT_HASH_ENTRIES - 1)) * 2
  );
}

/** Number of the region that begins at `hva`, 0 = none. */
export function region_at(v: u32, hva: u32, mode: u32): u32 {
  const number: u32 = load<u16>(hash_slot(v, hva, mode));
  if (number == 0) return 0;
  const found = region(v, number);
  return load<u32>(found + REGION_HVA) == hva && load<u32>(found + REGION_MODE) == mode ? number : 0;
}

/** There may be no room for one more region: all of them have to go first. */
export function regions_are_full(v: u32): bool {
  const records = v - VCPU_PAGE + VCPU_JIT + JIT_END - RECORDS_ROOM;
  return load<u32>(v + V_JIT_REGIONS) + 1 >= REGIONS_MAX || load<u32>(v + V_JIT_TOP) > records;
}

/** A number for a new region at `hva`, made of `lines` of its page; regions_are_full has been asked. */
export function add_region(v: u32, hva: u32, mode: u32, slot: u32, lines: u64): u32 {
  const number = load<u32>(v + V_JIT_REGIONS) + 1;
  store<u32>(v + V_JIT_REGIONS, number);
  const added = region(v, number);
  const chain = region_chain(v, hva);
  store<u32>(added + REGION_HVA, hva);
  store<u32>(added + REGION_MODE, mode);
  store<u32>(added + REGION_SLOT, slot);
  store<u64>(added + REGION_LINES, lines);
  store<u32>(added + REGION_EPOCH, load<u32>(v + V_BLOCK_EPOCH));
  store<u16>(added + REGION_NEXT, load<u16>(chain));
  store<u16>(chain, number as u16);
  store<u16>(hash_slot(v, hva, mode), number as u16);
  return number;
}

/** The regions of the page at `first` are gone. */
export function drop_regions(v: u32, first: u32): void {
  if (load<u32>(v + V_JIT_REGIONS) == 0) return;
  let link = region_chain(v, first);
  let number: u32 = load<u16>(link);
  while (number != 0) {
    const at = region(v, number);
    const next: u32 = load<u16>(at + REGION_NEXT);
    if (((load<u32>(at + REGION_HVA) ^ first) & ~0xfff) == 0) {
      store<u32>(at + REGION_HVA, NONE);
      host_release(load<u32>(at + REGION_SLOT));
      store<u16>(link, next as u16);
    } else {
      link = at + REGION_NEXT;
    }
    number = next;
  }
}

/** Forgets every region. */
export function flush_regions(v: u32): void {
  if (load<u32>(v + V_JIT_OWNER) == host_instance) {
    const end = region(v, load<u32>(v + V_JIT_REGIONS) + 1);
    for (let at = region(v, 1); at < end; at += REGION_SIZE) {
      if (load<u32>(at + REGION_HVA) != NONE) host_release(load<u32>(at + REGION_SLOT));
    }
  }
  memory.fill(v - VCPU_PAGE + VCPU_JIT + JIT_HASH, 0, JIT_HASH_ENTRIES * 2);
  memory.fill(v - VCPU_PAGE + VCPU_JIT + JIT_CHAINS, 0, JIT_CHAINS_ENTRIES * 2);
  store<u32>(v + V_JIT_REGIONS, 0);
  store<u32>(v + V_JIT_TOP, v - VCPU_PAGE + VCPU_JIT + JIT_RECORDS);
  store<u32>(v + V_JIT_OWNER, host_instance);
}

/** Regions are functions of one instance of the core: another has none of them. */
export function has_own_regions(v: u32): bool {
  return load<u32>(v + V_JIT_OWNER) == host_instance;
}
