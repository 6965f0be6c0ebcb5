// The software TLB of a vCPU: sets by PCID, flushing and filling. The look-up itself is inlined where it is needed.
//
// A set holds the translations of one PCID, so a change of CR3 is a change of V_TLB and costs no look-up anything. Global
// pages are filled into each set that uses them; whatever invalidates them goes through all sets.
import { STAT_TLB_FLUSHES } from '../abi/calls';
import { V_PKRU } from '../abi/fpu';
import {
  PAGE_HOLDS_CODE,
  TLB_ADDEND,
  TLB_DEVICE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_EXEC,
  TLB_EXEC_ADDEND,
  TLB_EXEC_ENTRIES,
  TLB_EXEC_ENTRY_SIZE,
  TLB_EXEC_FLAGS,
  TLB_EXEC_STRIDE,
  TLB_FLAGS,
  TLB_GLOBAL,
  TLB_HUGE,
  TLB_KEY_SHIFT,
  TLB_KEYED,
  TLB_LARGE,
  TLB_LARGE_BITS,
  TLB_LIST_MAX,
  TLB_MIXED,
  TLB_MODE_STRIDE,
  TLB_NONE,
  TLB_READ,
  TLB_SET_STRIDE,
  TLB_SETS,
  TLB_STORES_MAX,
  TLB_WRITE,
  VCPU_PAGE,
  VCPU_TLB,
  VCPU_TLB_LARGE,
  VCPU_TLB_LIST,
  VCPU_TLB_NONE,
  VCPU_TLB_STORES,
} from '../abi/map';
import { V_CR3, V_CR4, V_TLB_HUGE, V_TLB_KEYS, V_TLB_PCIDS, V_TLB_SET, V_TLB_VICTIM } from '../abi/vcpu_page';
import { CR4_PCIDE } from '../abi/x86';
import { count } from '../state/settings';
import { page_flags } from './code_marks';

const EMPTY: u64 = u64.MAX_VALUE;
const LARGE_SHIFT: u64 = 22;
const HUGE_SHIFT: u64 = 30;

/** Address of set `n`. */
function tlb_set(v: u32, n: u32): u32 {
  return v - VCPU_PAGE + VCPU_TLB + n * TLB_SET_STRIDE;
}

function pcid_at(v: u32, n: u32): u32 {
  return v + V_TLB_PCIDS + n * 4;
}

function is_used(v: u32, n: u32): bool {
  return load<u32>(pcid_at(v, n)) != 0;
}

/** Address of the data array of a TLB mode, of the set in force. */
export function tlb_array(v: u32, mode: u32): u32 {
  if (mode == TLB_NONE) return v - VCPU_PAGE + VCPU_TLB_NONE;
  return load<u32>(v + V_TLB_SET) + mode * TLB_MODE_STRIDE;
}

/** Which data entry `la` falls on: never that of the page before it, for an access is compared by its last byte alone. */
function index_of(la: u64): u32 {
  return ((la >> 12) as u32) & (TLB_ENTRIES - 1);
}

function exec_index_of(la: u64): u32 {
  return ((la >> 12) as u32) & (TLB_EXEC_ENTRIES - 1);
}

/** Address of the execute entries of the set in force; `user` is 0 or 1. */
export function exec_array(v: u32, user: u32): u32 {
  return load<u32>(v + V_TLB_SET) + TLB_EXEC + user * TLB_EXEC_STRIDE;
}

/** Address of the execute entry that `la` falls on; `user` is 0 or 1. */
export function exec_entry(v: u32, la: u64, user: u32): u32 {
  return exec_array(v, user) + exec_index_of(la) * TLB_EXEC_ENTRY_SIZE;
}

/** The PCID that CR3 names; 0 without CR4.PCIDE. */
function current_pcid(v: u32): u32 {
  return load<u32>(v + V_CR4) & CR4_PCIDE ? load<u32>(v + V_CR3) & 0xfff : 0;
}

function empty_set(set: u32): void {
  memory.fill(set, 0xff, TLB_SET_STRIDE);
}

/** Empties everything, global entries and every PCID too. The set in force stays the same, so V_TLB stays true. */
export function flush_tlb(v: u32): void {
  count(v, STAT_TLB_FLUSHES);
  if (load<u32>(v + V_TLB_SET) == 0) store<u32>(v + V_TLB_SET, tlb_set(v, 0));
  // Nobody fills it: once is enough.
  const none = v - VCPU_PAGE + VCPU_TLB_NONE;
  if (load<u64>(none) != EMPTY) memory.fill(none, 0xff, TLB_MODE_STRIDE);
  const set = load<u32>(v + V_TLB_SET);
  empty_set(set);
  begin_list(v, set);
  store<u32>(stores_list(v), 0);
  for (let n: u32 = 0; n < TLB_SETS; n++) {
    store<u32>(pcid_at(v, n), tlb_set(v, n) == set ? current_pcid(v) + 1 : 0);
  }
  store<u32>(v + V_TLB_KEYS, 0);
  store<u64>(v + V_TLB_HUGE, 0);
  memory.fill(v - VCPU_PAGE + VCPU_TLB_LARGE, 0, TLB_LARGE_BITS / 8);
}

function empty_data(e: u32): void {
  store<u64>(e + TLB_READ, EMPTY);
  store<u64>(e + TLB_WRITE, EMPTY);
  store<u64>(e + TLB_MIXED, EMPTY);
}

/** The same if the entry is of `page`: what shares its place, such as the kernel's own, stays. */
function empty_page(e: u32, page: u64): void {
  if (load<u64>(e + TLB_READ) == page || load<u64>(e + TLB_WRITE) == page || load<u64>(e + TLB_MIXED) == page)
    empty_data(e);
}

/** From now on, the list is of the set in force, which has no entry that is not global. */
function begin_list(v: u32, set: u32): void {
  const list = v - VCPU_PAGE + VCPU_TLB_LIST;
  store<u32>(list, set);
  store<u32>(list + 4, 0);
}

/** Notes an entry of the set in force that is filled. */
function note_filled(v: u32, e: u32, flags: u32): void {
  const list = v - VCPU_PAGE + VCPU_TLB_LIST;
  if (flags & TLB_GLOBAL || load<u32>(list) != load<u32>(v + V_TLB_SET)) return;
  const n = load<u32>(list + 4);
  if (n > TLB_LIST_MAX) return;
  store<u32>(list + 4, n + 1);
  if (n < TLB_LIST_MAX) store<u32>(list + 8 + n * 4, e);
}

function stores_list(v: u32): u32 {
  return v - VCPU_PAGE + VCPU_TLB_STORES;
}

/** Notes an entry that is filled for stores. */
function note_store(v: u32, e: u32): void {
  const list = stores_list(v);
  const n = load<u32>(list);
  if (n > TLB_STORES_MAX) return;
  store<u32>(list, n + 1);
  if (n < TLB_STORES_MAX) store<u32>(list + 4 + n * 4, e);
}

/** Empties the entries of the list that are not global by now. */
function empty_listed(list: u32, set: u32): void {
  const end = list + 8 + load<u32>(list + 4) * 4;
  for (let at = list + 8; at < end; at += 4) {
    const e = load<u32>(at);
    if (e < set + TLB_EXEC) {
      if ((load<u32>(e + TLB_FLAGS) & TLB_GLOBAL) == 0) empty_data(e);
    } else if ((load<u32>(e + TLB_EXEC_FLAGS) & TLB_GLOBAL) == 0) {
      store<u64>(e, EMPTY);
    }
  }
}

/** Empties the entries of a set that are not global: a change of address space uses few of them. */
function flush_set_nonglobal(v: u32, set: u32): void {
  const list = v - VCPU_PAGE + VCPU_TLB_LIST;
  const is_listed = load<u32>(list) == set && load<u32>(list + 4) <= TLB_LIST_MAX;
  if (is_listed) empty_listed(list, set);
  else empty_nonglobal(set);
  if (set == load<u32>(v + V_TLB_SET)) begin_list(v, set);
}

function empty_nonglobal(set: u32): void {
  const exec = set + TLB_EXEC;
  for (let e = set; e < exec; e += TLB_ENTRY_SIZE) {
    if ((load<u32>(e + TLB_FLAGS) & TLB_GLOBAL) == 0) empty_data(e);
  }
  for (let e = exec; e < set + TLB_SET_STRIDE; e += TLB_EXEC_ENTRY_SIZE) {
    if ((load<u32>(e + TLB_EXEC_FLAGS) & TLB_GLOBAL) == 0) store<u64>(e, EMPTY);
  }
}

/** MOV to CR3 without PCIDs: everything but global pages. */
export function flush_tlb_nonglobal(v: u32): void {
  flush_set_nonglobal(v, load<u32>(v + V_TLB_SET));
}

/** Number of the set of a PCID, TLB_SETS when there is none. */
function find_set(v: u32, pcid: u32): u32 {
  let n: u32 = 0;
  while (n < TLB_SETS && load<u32>(pcid_at(v, n)) != pcid + 1) n++;
  return n;
}

/** A free set, or the next of those that are not in force. */
function take_set(v: u32): u32 {
  const now = load<u32>(v + V_TLB_SET);
  for (let n: u32 = 0; n < TLB_SETS; n++) {
    if (!is_used(v, n)) return n;
  }
  let n = load<u32>(v + V_TLB_VICTIM) % TLB_SETS;
  if (tlb_set(v, n) == now) n = (n + 1) % TLB_SETS;
  store<u32>(v + V_TLB_VICTIM, n + 1);
  return n;
}

/**
 * MOV to CR3 with CR4.PCIDE: the set of the PCID in CR3 is in force, without its own entries unless `keep` (CR3 bit 63).
 * The caller chooses V_TLB anew.
 */
export function switch_pcid(v: u32, keep: bool): void {
  const pcid = current_pcid(v);
  let n = find_set(v, pcid);
  if (n == TLB_SETS) {
    n = take_set(v);
    store<u32>(pcid_at(v, n), pcid + 1);
    empty_set(tlb_set(v, n));
    // What the list says of the set's former entries is void.
    if (load<u32>(v - VCPU_PAGE + VCPU_TLB_LIST) == tlb_set(v, n)) begin_list(v, tlb_set(v, n));
  } else if (!keep) {
    flush_set_nonglobal(v, tlb_set(v, n));
  }
  store<u32>(v + V_TLB_SET, tlb_set(v, n));
}

/** INVPCID of one PCID: all its entries but the global ones. */
export function flush_pcid(v: u32, pcid: u32): void {
  const n = find_set(v, pcid);
  if (n < TLB_SETS) flush_set_nonglobal(v, tlb_set(v, n));
}

/** INVPCID of all PCIDs, but not of global pages. */
export function flush_pcids(v: u32): void {
  for (let n: u32 = 0; n < TLB_SETS; n++) {
    if (is_used(v, n)) flush_set_nonglobal(v, tlb_set(v, n));
  }
}

/** Empties the entries with any of `flags` whose addresses agree with `la` above `shift`. */
function flush_parts(set: u32, la: u64, shift: u64, flags: u32): void {
  const exec = set + TLB_EXEC;
  const region = la >> shift;
  for (let e = set; e < exec; e += TLB_ENTRY_SIZE) {
    if (load<u32>(e + TLB_FLAGS) & flags && load<u64>(e) >> shift == region) empty_data(e);
  }
  for (let e = exec; e < set + TLB_SET_STRIDE; e += TLB_EXEC_ENTRY_SIZE) {
    if (load<u32>(e + TLB_EXEC_FLAGS) & flags && load<u64>(e) >> shift == region) store<u64>(e, EMPTY);
  }
}

/** Byte of VCPU_TLB_LARGE that speaks for `la`, and its bit. */
function large_byte(v: u32, la: u64): u32 {
  return v - VCPU_PAGE + VCPU_TLB_LARGE + (((la >> (LARGE_SHIFT + 3)) as u32) & (TLB_LARGE_BITS / 8 - 1));
}
function large_bit(la: u64): u32 {
  return 1 << (((la >> LARGE_SHIFT) as u32) & 7);
}
function huge_bit(la: u64): u64 {
  return (1 as u64) << ((la >> HUGE_SHIFT) & 63);
}

/** INVLPG, and INVPCID of one address: the page, of whatever size, in every mode and for every PCID. */
export function flush_page(v: u32, la: u64): void {
  const page = la & ~0xfff;
  const index = index_of(la);
  const exec_index = exec_index_of(la);
  const large = (load<u8>(large_byte(v, la)) & large_bit(la)) != 0;
  const huge = (load<u64>(v + V_TLB_HUGE) & huge_bit(la)) != 0;
  for (let n: u32 = 0; n < TLB_SETS; n++) {
    if (!is_used(v, n)) continue;
    const set = tlb_set(v, n);
    for (let mode: u32 = 0; mode < TLB_NONE; mode++)
      empty_page(set + mode * TLB_MODE_STRIDE + index * TLB_ENTRY_SIZE, page);
    const exec = set + TLB_EXEC + exec_index * TLB_EXEC_ENTRY_SIZE;
    if (load<u64>(exec) == page) store<u64>(exec, EMPTY);
    if (load<u64>(exec + TLB_EXEC_STRIDE) == page) store<u64>(exec + TLB_EXEC_STRIDE, EMPTY);
    if (large) flush_parts(set, la, LARGE_SHIFT, TLB_LARGE);
    if (huge) flush_parts(set, la, HUGE_SHIFT, TLB_HUGE);
  }
}

function empty_stores(e: u32): void {
  store<u64>(e + TLB_WRITE, EMPTY);
  store<u64>(e + TLB_MIXED, EMPTY);
}

/**
 * Empties the write side: the next store to each page of RAM takes the slow path, which marks the dirty log. Code that is decoded wants
 * it too, and has few entries to empty each time.
 */
export function flush_tlb_writes(v: u32): void {
  const list = stores_list(v);
  const n = load<u32>(list);
  store<u32>(list, 0);
  if (n > TLB_STORES_MAX) return empty_all_stores(v);
  for (let at = list + 4; at < list + 4 + n * 4; at += 4) empty_stores(load<u32>(at));
}

function empty_all_stores(v: u32): void {
  for (let n: u32 = 0; n < TLB_SETS; n++) {
    if (!is_used(v, n)) continue;
    const set = tlb_set(v, n);
    for (let e = set; e < set + TLB_EXEC; e += TLB_ENTRY_SIZE) empty_stores(e);
  }
}

/** Writes PKRU: entries of keys whose rights change are dropped. */
export function set_pkru(v: u32, value: u32): void {
  const changed = (load<u32>(v + V_PKRU) ^ value) & load<u32>(v + V_TLB_KEYS);
  store<u32>(v + V_PKRU, value);
  if (changed == 0) return;
  for (let n: u32 = 0; n < TLB_SETS; n++) {
    if (!is_used(v, n)) continue;
    const set = tlb_set(v, n);
    for (let e = set; e < set + TLB_EXEC; e += TLB_ENTRY_SIZE) {
      const flags = load<u32>(e + TLB_FLAGS);
      if (flags & TLB_KEYED && (changed >> (((flags >> TLB_KEY_SHIFT) & 15) * 2)) & 3) empty_data(e);
    }
  }
}

/** Notes what a later invalidation must look for. */
function note_flags(v: u32, la: u64, flags: u32): void {
  if (flags & TLB_LARGE) {
    const at = large_byte(v, la);
    store<u8>(at, (load<u8>(at) | large_bit(la)) as u8);
  }
  if (flags & TLB_HUGE) store<u64>(v + V_TLB_HUGE, load<u64>(v + V_TLB_HUGE) | huge_bit(la));
  if (flags & TLB_KEYED) {
    const bits: u32 = 3 << (((flags >> TLB_KEY_SHIFT) & 15) * 2);
    store<u32>(v + V_TLB_KEYS, load<u32>(v + V_TLB_KEYS) | bits);
  }
}

/** Fills the data entry of a page in the array `table`; `write` only for pages that may be written and are dirty in their log. */
export function fill_data(v: u32, table: u32, la: u64, hva: u32, write: bool, flags: u32): void {
  if (table == tlb_array(v, TLB_NONE)) return;
  const page = la & ~0xfff;
  const e = table + index_of(la) * TLB_ENTRY_SIZE;
  note_flags(v, la, flags);
  note_filled(v, e, flags);
  if (write) note_store(v, e);
  store<u64>(e + TLB_READ, page);
  const code = (page_flags(hva) & PAGE_HOLDS_CODE) != 0;
  store<u64>(e + TLB_WRITE, write && !code ? page : EMPTY);
  store<u64>(e + TLB_MIXED, write && code ? page : EMPTY);
  store<u32>(e + TLB_ADDEND, (hva & ~0xfff) - (page as u32));
  store<u32>(e + TLB_FLAGS, flags);
}

/**
 * Fills the entry of a page without RAM that may be written. Parts of large pages stay out: an entry without TLB_READ is
 * not found by what invalidates them.
 */
export function fill_device(v: u32, table: u32, la: u64, gpa: u64, flags: u32): void {
  if (table == tlb_array(v, TLB_NONE)) return;
  if (flags & (TLB_LARGE | TLB_HUGE | TLB_KEYED)) return;
  const e = table + index_of(la) * TLB_ENTRY_SIZE;
  note_filled(v, e, flags);
  store<u64>(e + TLB_READ, EMPTY);
  store<u64>(e + TLB_WRITE, EMPTY);
  store<u64>(e + TLB_MIXED, la & ~0xfff);
  store<u32>(e + TLB_ADDEND, (gpa >> 12) as u32);
  store<u32>(e + TLB_FLAGS, flags | TLB_DEVICE);
}

/** Whether the entry `e` is of a page without RAM and allows a store of `span + 1` bytes at `la`. */
export function is_device_store(e: u32, la: u64, span: u32): bool {
  return ((la + span) & ~0xfff) == load<u64>(e + TLB_MIXED) && (load<u32>(e + TLB_FLAGS) & TLB_DEVICE) != 0;
}

/** The guest-physical address of `la`, whose entry has TLB_DEVICE. */
export function device_gpa(e: u32, la: u64): u64 {
  return ((load<u32>(e + TLB_ADDEND) as u64) << 12) | (la & 0xfff);
}

export function fill_exec(v: u32, la: u64, user: u32, hva: u32, flags: u32): void {
  const page = la & ~0xfff;
  const e = exec_entry(v, la, user);
  note_flags(v, la, flags & ~TLB_KEYED);
  note_filled(v, e, flags);
  store<u64>(e, page);
  store<u32>(e + TLB_EXEC_ADDEND, (hva & ~0xfff) - (page as u32));
  store<u32>(e + TLB_EXEC_FLAGS, flags);
}
