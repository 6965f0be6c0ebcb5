// Data accesses by linear address: the fast path through the TLB, page crossings, MMIO, alignment checks and data
// breakpoints. Segmentation is in memory/segments.ts.

import { KVM_GUESTDBG_USE_HW_BP, KVM_MEM_READONLY } from '../abi/kvm_run';
import {
  PAGE_HOLDS_CODE,
  SLOT_FLAGS,
  TLB_ADDEND,
  TLB_DEVICE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_FLAGS,
  TLB_MIXED,
  TLB_NONE,
  TLB_READ,
  TLB_SMAP,
  TLB_SUPERVISOR,
  TLB_WRITE,
} from '../abi/map';
import {
  LEAVE_CODE,
  LEAVE_COMMIT,
  LEAVE_DEBUG,
  SS,
  V_COMMIT_GPA1,
  V_COMMIT_GPA2,
  V_COMMIT_HVA1,
  V_COMMIT_HVA2,
  V_COMMIT_LEN1,
  V_COMMIT_LEN2,
  V_CPL,
  V_CR0,
  V_CR4,
  V_DB_PENDING,
  V_DEBUG_CONTROL,
  V_DEBUG_DR,
  V_DR,
  V_LEAVE,
  V_RFLAGS,
  V_SCRATCH,
  V_STAT_TLB_MISSES,
  V_TLB,
  V_WALK_FLAGS,
  V_WALK_GPA,
} from '../abi/vcpu_page';
import { AC, CR0_AM, CR4_SMAP, FLAG_AC, GP, STACK_FAULT } from '../abi/x86';
import { faulted, raise_code } from '../state/fault';
import { canonical, is_64, is_long } from '../state/vcpu';
import { note_change } from './changing_code';
import { code_written, hits_code, mark_mixed, page_flags } from './code_marks';
import { mmio_read, mmio_write } from './mmio';
import { find_slot, hva_of, mark_dirty, slot_hva, space_of, unalias } from './slots';
import { device_gpa, fill_data, fill_device, is_device_store, tlb_array } from './tlb';
import { ACCESS_SYSTEM, ACCESS_USER, ACCESS_WRITE, WALK_TLB_SHIFT, WALK_WRITABLE, walk } from './walk';

/**
 * hva of one byte's page for an access, 0 when the page is no RAM for it (V_WALK_GPA then holds the gpa) or when a
 * fault was raised. Fills the TLB array `table`. A store of `bytes` bytes that changes decoded code is told to all.
 */
function resolve(v: u32, table: u32, la: u64, bytes: u32, write: bool, access: u32): u32 {
  store<u64>(v + V_STAT_TLB_MISSES, load<u64>(v + V_STAT_TLB_MISSES) + 1);
  if (!walk(v, la, access | (write ? ACCESS_WRITE : 0))) return 0;
  const space = space_of(v);
  const gpa = unalias(space, load<u64>(v + V_WALK_GPA));
  const s = find_slot(space, gpa);
  if (s == 0) {
    const rights = load<u32>(v + V_WALK_FLAGS);
    if (write && rights & WALK_WRITABLE) fill_device(v, table, la, gpa, rights >> WALK_TLB_SHIFT);
    return 0;
  }
  const readonly = (load<u32>(s + SLOT_FLAGS) & KVM_MEM_READONLY) != 0;
  if (write && readonly) return 0;
  const hva = slot_hva(s, gpa);
  const flags = load<u32>(v + V_WALK_FLAGS);
  if (write) {
    mark_dirty(v, s, gpa);
    if (page_flags(hva) & PAGE_HOLDS_CODE) {
      mark_mixed(hva);
      if (hits_code(v, hva, bytes)) {
        note_change(v, hva, bytes);
        code_written(hva);
        store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_CODE);
      }
    }
  }
  fill_data(v, table, la, hva, write && (flags & WALK_WRITABLE) != 0, flags >> WALK_TLB_SHIFT);
  return hva;
}

/** A byte of an access that begins at `la`: outside 64-bit code it goes on at 0 above 4 GiB (SDM vol. 1, 3.3.4). */
function byte_address(v: u32, la: u64, offset: u32): u64 {
  const at = la + offset;
  return is_64(v) || la >> 32 ? at : at & 0xffffffff;
}

/** #GP(0), or #SS(0) for an address formed with SS. */
function raise_non_canonical(v: u32, segment: u32): u32 {
  raise_code(v, segment == SS ? STACK_FAULT : GP, 0);
  return 0;
}

/** Marks the data breakpoints that an access hits, in DR0..DR3 of the guest or of KVM_SET_GUEST_DEBUG. */
function check_breakpoints(v: u32, la: u64, bytes: u32, write: bool): void {
  const dr = load<u32>(v + V_DEBUG_CONTROL) & KVM_GUESTDBG_USE_HW_BP ? v + V_DEBUG_DR : v + V_DR;
  const dr7 = load<u32>(dr + 56);
  if ((dr7 & 0xff) == 0) return;
  for (let i: u32 = 0; i < 4; i++) {
    if ((dr7 & (3 << (i * 2))) == 0) continue;
    const control = (dr7 >> (16 + i * 4)) & 15;
    const kind = control & 3;
    if (kind == 0 || kind == 2 || (kind == 1 && !write)) continue;
    let length: u64 = ((control >> 2) as u64) + 1;
    if (length == 3) length = 8;
    const at = load<u64>(dr + i * 8) & ~(length - 1);
    if (la + bytes > at && la < at + length) {
      store<u32>(v + V_DB_PENDING, load<u32>(v + V_DB_PENDING) | (1 << i));
      store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_DEBUG);
    }
  }
}

function read_part(v: u32, hva: u32, gpa: u64, to: u32, bytes: u32): bool {
  if (hva) {
    memory.copy(to, hva, bytes);
    return true;
  }
  for (let done: u32 = 0; done < bytes; done += 8) {
    const n = bytes - done < 8 ? bytes - done : 8;
    const value = mmio_read(v, gpa + done, n);
    if (faulted(v)) return false;
    for (let i: u32 = 0; i < n; i++) store<u8>(to + done + i, (value >> (i * 8)) as u8);
  }
  return true;
}

function write_part(v: u32, hva: u32, gpa: u64, from: u32, bytes: u32): void {
  if (hva) {
    memory.copy(hva, from, bytes);
    return;
  }
  for (let done: u32 = 0; done < bytes; done += 8) {
    const n = bytes - done < 8 ? bytes - done : 8;
    // Behind the last byte of the scratch buffer lies the rest of the vCPU's page.
    const bytes8 = load<u64>(from + done);
    mmio_write(v, gpa + done, n, n < 8 ? bytes8 & (((1 as u64) << (n * 8)) - 1) : bytes8);
  }
}

/** hva of a store to a page that holds code still, when its entry allows it and no decoded byte is changed; else 0. */
export function beside_code(v: u32, table: u32, la: u64, span: u32): u32 {
  const e = table + (((la >> 12) as u32) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
  if (((la + span) & ~0xfff) != load<u64>(e + TLB_MIXED) || load<u32>(e + TLB_FLAGS) & TLB_DEVICE) return 0;
  const hva = (la as u32) + load<u32>(e + TLB_ADDEND);
  return (page_flags(hva) & PAGE_HOLDS_CODE) == 0 || hits_code(v, hva, span + 1) ? 0 : hva;
}

/** The scratch buffer, for a store of `span + 1` bytes to an address without RAM. */
function device_store(v: u32, gpa: u64, span: u32): u32 {
  store<u32>(v + V_COMMIT_HVA1, 0);
  store<u32>(v + V_COMMIT_LEN1, span + 1);
  store<u64>(v + V_COMMIT_GPA1, gpa);
  store<u32>(v + V_COMMIT_LEN2, 0);
  store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_COMMIT);
  return v + V_SCRATCH;
}

/**
 * The slow path of every data access: address of `span + 1` bytes at `la`, in guest RAM or in the scratch buffer, or 0
 * with a fault raised. `tag` is TLB_READ or TLB_WRITE; `rmw` says that the old bytes are wanted too.
 */
export function access_slow(
  v: u32,
  table: u32,
  la: u64,
  tag: u32,
  span: u32,
  segment: u32,
  rmw: bool,
  access: u32,
): u32 {
  const write = tag == TLB_WRITE;
  if (write) {
    const hva = beside_code(v, table, la, span);
    if (hva) return hva;
    const e = table + (((la >> 12) as u32) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
    if (!rmw && is_device_store(e, la, span)) return device_store(v, device_gpa(e, la), span);
  }
  if (is_long(v) && (!canonical(la) || !canonical(la + span))) return raise_non_canonical(v, segment);
  if (table == tlb_array(v, TLB_NONE)) {
    if (
      span &&
      la & span &&
      (span == 1 || span == 3 || span == 7) &&
      load<u32>(v + V_CPL) == 3 &&
      (access & ACCESS_SYSTEM) == 0 &&
      load<u32>(v + V_CR0) & CR0_AM &&
      load<u32>(v + V_RFLAGS) & FLAG_AC
    ) {
      raise_code(v, AC, 0);
      return 0;
    }
    check_breakpoints(v, la, span + 1, write);
  }
  const first: u32 = 0x1000 - ((la as u32) & 0xfff);
  const hva = resolve(v, table, la, span < first ? span + 1 : first, write, access);
  if (span < first) {
    if (hva || faulted(v)) return hva;
    const gpa = load<u64>(v + V_WALK_GPA);
    const scratch = v + V_SCRATCH;
    // A store to a read-only slot is MMIO, but its old bytes are there to be read.
    if (!write || rmw) {
      if (!read_part(v, hva_of(v, gpa), gpa, scratch, span + 1)) return 0;
    }
    return write ? device_store(v, gpa, span) : scratch;
  }
  if (faulted(v)) return 0;
  // Two pages: both must be open before anything happens.
  const gpa1 = load<u64>(v + V_WALK_GPA);
  const second = byte_address(v, la, first);
  const hva2 = resolve(v, table, second, span + 1 - first, write, access);
  if (faulted(v)) return 0;
  const gpa2 = load<u64>(v + V_WALK_GPA);
  const scratch = v + V_SCRATCH;
  if (!write || rmw) {
    if (!read_part(v, hva ? hva : hva_of(v, gpa1), gpa1, scratch, first)) return 0;
    if (!read_part(v, hva2 ? hva2 : hva_of(v, gpa2), gpa2, scratch + first, span + 1 - first)) return 0;
  }
  if (write) {
    store<u32>(v + V_COMMIT_HVA1, hva);
    store<u32>(v + V_COMMIT_LEN1, first);
    store<u64>(v + V_COMMIT_GPA1, gpa1);
    store<u32>(v + V_COMMIT_HVA2, hva2);
    store<u32>(v + V_COMMIT_LEN2, span + 1 - first);
    store<u64>(v + V_COMMIT_GPA2, gpa2);
    store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_COMMIT);
  }
  return scratch;
}

/** Writes the scratch buffer where it belongs. */
export function commit(v: u32): void {
  store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) & ~LEAVE_COMMIT);
  const first = load<u32>(v + V_COMMIT_LEN1);
  write_part(v, load<u32>(v + V_COMMIT_HVA1), load<u64>(v + V_COMMIT_GPA1), v + V_SCRATCH, first);
  const rest = load<u32>(v + V_COMMIT_LEN2);
  if (rest)
    write_part(v, load<u32>(v + V_COMMIT_HVA2), load<u64>(v + V_COMMIT_GPA2), v + V_SCRATCH + first, rest);
}

/** Rights of an explicit access at the current privilege level. */
export function access_rights(v: u32): u32 {
  return load<u32>(v + V_CPL) == 3 ? ACCESS_USER : 0;
}

/** Host address of `bytes` bytes at `la` that lie in one page and need nothing but the entry of the array `table`; else 0. */
export function plain_bytes(table: u32, la: u64, tag: u32, bytes: u32): u32 {
  const e = table + (((la >> 12) as u32) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
  return ((la + bytes - 1) & ~0xfff) == load<u64>(e + tag) ? (la as u32) + load<u32>(e + TLB_ADDEND) : 0;
}

/** The array of implicit supervisor accesses. EFLAGS.AC does not open SMAP for them: what the supervisor's own array holds does not count. */
export function system_table(v: u32): u32 {
  return tlb_array(v, load<u32>(v + V_CR4) & CR4_SMAP ? TLB_SMAP : TLB_SUPERVISOR);
}

/** Address of bytes at `la` in the current mode; 0 = fault. The inlined twin is in exec/dispatch.ts. */
export function translate(v: u32, la: u64, tag: u32, span: u32, segment: u32, rmw: bool): u32 {
  const table = load<u32>(v + V_TLB);
  const e = table + (((la >> 12) as u32) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
  if (((la + span) & ~0xfff) == load<u64>(e + tag)) return (la as u32) + load<u32>(e + TLB_ADDEND);
  return access_slow(v, table, la, tag, span, segment, rmw, access_rights(v));
}

/** The same for implicit supervisor accesses (descriptor tables, TSS). */
function translate_system(v: u32, la: u64, tag: u32, span: u32): u32 {
  const table = system_table(v);
  const e = table + (((la >> 12) as u32) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
  if (((la + span) & ~0xfff) == load<u64>(e + tag)) return (la as u32) + load<u32>(e + TLB_ADDEND);
  return access_slow(v, table, la, tag, span, 0, false, ACCESS_SYSTEM);
}

const DS_RULES: u32 = 3;

export function load8(v: u32, la: u64): u64 {
  const p = translate(v, la, TLB_READ, 0, DS_RULES, false);
  return p ? load<u8>(p) : 0;
}
export function load16(v: u32, la: u64): u64 {
  const p = translate(v, la, TLB_READ, 1, DS_RULES, false);
  return p ? load<u16>(p) : 0;
}
export function load32(v: u32, la: u64): u64 {
  const p = translate(v, la, TLB_READ, 3, DS_RULES, false);
  return p ? load<u32>(p) : 0;
}
export function load64(v: u32, la: u64): u64 {
  const p = translate(v, la, TLB_READ, 7, DS_RULES, false);
  return p ? load<u64>(p) : 0;
}

function finish(v: u32): void {
  if (load<u32>(v + V_LEAVE) & LEAVE_COMMIT) commit(v);
}

export function store8(v: u32, la: u64, value: u64): void {
  const p = translate(v, la, TLB_WRITE, 0, DS_RULES, false);
  if (p == 0) return;
  store<u8>(p, value as u8);
  finish(v);
}
export function store16(v: u32, la: u64, value: u64): void {
  const p = translate(v, la, TLB_WRITE, 1, DS_RULES, false);
  if (p == 0) return;
  store<u16>(p, value as u16);
  finish(v);
}
export function store32(v: u32, la: u64, value: u64): void {
  const p = translate(v, la, TLB_WRITE, 3, DS_RULES, false);
  if (p == 0) return;
  store<u32>(p, value as u32);
  finish(v);
}
export function store64(v: u32, la: u64, value: u64): void {
  const p = translate(v, la, TLB_WRITE, 7, DS_RULES, false);
  if (p == 0) return;
  store<u64>(p, value);
  finish(v);
}

export function load_system8(v: u32, la: u64): u64 {
  const p = translate_system(v, la, TLB_READ, 0);
  return p ? load<u8>(p) : 0;
}
export function load_system16(v: u32, la: u64): u64 {
  const p = translate_system(v, la, TLB_READ, 1);
  return p ? load<u16>(p) : 0;
}
export function load_system32(v: u32, la: u64): u64 {
  const p = translate_system(v, la, TLB_READ, 3);
  return p ? load<u32>(p) : 0;
}
export function load_system64(v: u32, la: u64): u64 {
  const p = translate_system(v, la, TLB_READ, 7);
  return p ? load<u64>(p) : 0;
}
export function store_system8(v: u32, la: u64, value: u64): void {
  const p = translate_system(v, la, TLB_WRITE, 0);
  if (p == 0) return;
  store<u8>(p, value as u8);
  finish(v);
}
export function store_system16(v: u32, la: u64, value: u64): void {
  const p = translate_system(v, la, TLB_WRITE, 1);
  if (p == 0) return;
  store<u16>(p, value as u16);
  finish(v);
}
export function store_system32(v: u32, la: u64, value: u64): void {
  const p = translate_system(v, la, TLB_WRITE, 3);
  if (p == 0) return;
  store<u32>(p, value as u32);
  finish(v);
}
export function store_system64(v: u32, la: u64, value: u64): void {
  const p = translate_system(v, la, TLB_WRITE, 7);
  if (p == 0) return;
  store<u64>(p, value);
  finish(v);
}

/** True when a later store of `bytes` (at most 4096) at `la` cannot fault; raises the fault otherwise. */
export function probe_write(v: u32, la: u64, bytes: u32): bool {
  const leave = load<u32>(v + V_LEAVE);
  const second = (la + bytes - 1) & ~0xfff;
  const ok = probe_page(v, la) && (second <= la || probe_page(v, byte_address(v, la, (second - la) as u32)));
  store<u32>(v + V_LEAVE, (load<u32>(v + V_LEAVE) & ~LEAVE_COMMIT) | leave);
  return ok;
}

function probe_page(v: u32, la: u64): bool {
  return translate(v, la, TLB_WRITE, 0, DS_RULES, false) != 0;
}
