// Guest-physical addresses to the one memory: aliases, the slot table and dirty marks. Knows no paging.
//
// Entries change while vCPUs look at them. The size is written last when an entry comes and first when it goes, and then all
// vCPUs acknowledge before anything else of it is written: so whoever reads a size first reads the rest that belongs to it.

import { KVM_MEM_LOG_DIRTY_PAGES } from '../abi/kvm_run';
import {
  ALIAS_ENTRY_SIZE,
  ALIAS_GPA,
  ALIAS_SIZE,
  ALIAS_TARGET,
  PAGE_HOLDS_CODE,
  PAGE_SHIFT,
  SLOT_BITMAP,
  SLOT_ENTRY_SIZE,
  SLOT_FLAGS,
  SLOT_GPA,
  SLOT_HVA,
  SLOT_SIZE,
  VM_ALIAS_COUNT,
  VM_ALIASES,
  VM_PAGE,
  VM_SLOT_COUNT,
  VM_SLOTS,
  VM_SMM_SLOT_COUNT,
  VM_SMM_SLOTS,
} from '../abi/map';
import { V_SMM } from '../abi/smm';
import { vm_base } from '../host';
import { code_written, page_flags } from './code_marks';
import { bitmap_bytes, has_rings, ring_push } from './dirty_ring';

/** The address space that vCPU `v` sees: 1 in system management mode, else 0. */
export function space_of(v: u32): u32 {
  return load<u32>(v + V_SMM);
}

/**
 * What `gpa` means: the address in the target of the first alias that holds it (KVM_SET_MEMORY_ALIAS), or itself. Aliases are
 * older than address spaces: they are of space 0.
 */
export function unalias(space: u32, gpa: u64): u64 {
  if (space != 0) return gpa;
  const end =
    vm_base + VM_PAGE + VM_ALIASES + load<u32>(vm_base + VM_PAGE + VM_ALIAS_COUNT) * ALIAS_ENTRY_SIZE;
  for (let a = vm_base + VM_PAGE + VM_ALIASES; a < end; a += ALIAS_ENTRY_SIZE) {
    const size = atomic.load<u64>(a + ALIAS_SIZE);
    const offset = gpa - load<u64>(a + ALIAS_GPA);
    if (offset < size) return load<u64>(a + ALIAS_TARGET) + offset;
  }
  return gpa;
}

/** The slot entry of an address space that holds `gpa` (after unalias), or 0. */
export function find_slot(space: u32, gpa: u64): u32 {
  const vm = vm_base + VM_PAGE;
  const table = vm + VM_SLOTS + space * (VM_SMM_SLOTS - VM_SLOTS);
  const count = load<u32>(vm + VM_SLOT_COUNT + space * (VM_SMM_SLOT_COUNT - VM_SLOT_COUNT));
  const end = table + count * SLOT_ENTRY_SIZE;
  for (let s = table; s < end; s += SLOT_ENTRY_SIZE) {
    const size = atomic.load<u64>(s + SLOT_SIZE);
    if (gpa - load<u64>(s + SLOT_GPA) < size) return s;
  }
  return 0;
}

/** hva of a gpa that lies in slot `s`. */
export function slot_hva(s: u32, gpa: u64): u32 {
  return load<u32>(s + SLOT_HVA) + ((gpa - load<u64>(s + SLOT_GPA)) as u32);
}

/** hva of `gpa` as vCPU `v` sees it, 0 when no slot holds it. */
export function hva_of(v: u32, gpa: u64): u32 {
  const space = space_of(v);
  const at = unalias(space, gpa);
  const s = find_slot(space, at);
  return s ? slot_hva(s, at) : 0;
}

/** Sets the bit of a page; true when it was clear. */
function set_page(bitmap: u32, page: u32): bool {
  const word = bitmap + (page >> 5) * 4;
  const bit: u32 = 1 << (page & 31);
  if (atomic.load<u32>(word) & bit) return false;
  return (atomic.or<u32>(word, bit) & bit) == 0;
}

/**
 * Marks the page of `gpa` as written by vCPU `v`, 0 = by nobody who runs: in the vCPU's dirty ring, else in the slot's
 * bitmap.
 */
export function mark_dirty(v: u32, s: u32, gpa: u64): void {
  const bitmap = load<u32>(s + SLOT_BITMAP);
  if (bitmap == 0 || (load<u32>(s + SLOT_FLAGS) & KVM_MEM_LOG_DIRTY_PAGES) == 0) return;
  const page = ((gpa - load<u64>(s + SLOT_GPA)) >> PAGE_SHIFT) as u32;
  if (v != 0 && has_rings()) {
    if (!set_page(bitmap + bitmap_bytes(s), page) || ring_push(v, s, page)) return;
  }
  set_page(bitmap, page);
}

/** Bytes of guest memory were written, by the core for vCPU `v` (0 = by nobody who runs): marks the dirty log and stale code. */
export function guest_written(v: u32, gpa: u64, length: u32): void {
  const end = gpa + length;
  for (let page = gpa & ~0xfff; page < end; page += 0x1000) {
    const at = unalias(0, page < gpa ? gpa : page);
    const s = find_slot(0, at);
    if (s == 0) continue;
    mark_dirty(v, s, at);
    const hva = slot_hva(s, at);
    if (page_flags(hva) & PAGE_HOLDS_CODE) code_written(hva);
  }
}

/** Somebody beside the vCPUs (a loader, a device, a module) has written guest memory. */
export function host_written(gpa: u64, length: u32): void {
  guest_written(0, gpa, length);
}
