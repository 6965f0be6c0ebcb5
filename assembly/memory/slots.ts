// Guest-physical addresses to the one memory: the slot table and dirty marks. Knows no paging.

import { KVM_MEM_LOG_DIRTY_PAGES } from '../abi/kvm_run';
import {
  PAGE_HOLDS_CODE,
  PAGE_SHIFT,
  SLOT_BITMAP,
  SLOT_ENTRY_SIZE,
  SLOT_FLAGS,
  SLOT_GPA,
  SLOT_HVA,
  SLOT_SIZE,
  VM_PAGE,
  VM_SLOT_COUNT,
  VM_SLOTS,
} from '../abi/map';
import { vm_base } from '../host';
import { code_written, page_flags } from './code_marks';

/** The slot entry that holds `gpa`, or 0. */
export function find_slot(gpa: u64): u32 {
  const end = vm_base + VM_PAGE + VM_SLOTS + load<u32>(vm_base + VM_PAGE + VM_SLOT_COUNT) * SLOT_ENTRY_SIZE;
  for (let s = vm_base + VM_PAGE + VM_SLOTS; s < end; s += SLOT_ENTRY_SIZE) {
    if (gpa - load<u64>(s + SLOT_GPA) < load<u64>(s + SLOT_SIZE)) return s;
  }
  return 0;
}

/** hva of a gpa that lies in slot `s`. */
export function slot_hva(s: u32, gpa: u64): u32 {
  return load<u32>(s + SLOT_HVA) + ((gpa - load<u64>(s + SLOT_GPA)) as u32);
}

/** Marks the page of `gpa` in its slot's dirty log. */
export function mark_dirty(s: u32, gpa: u64): void {
  const bitmap = load<u32>(s + SLOT_BITMAP);
  if (bitmap == 0 || (load<u32>(s + SLOT_FLAGS) & KVM_MEM_LOG_DIRTY_PAGES) == 0) return;
  const page = ((gpa - load<u64>(s + SLOT_GPA)) >> PAGE_SHIFT) as u32;
  const word = bitmap + (page >> 5) * 4;
  const bit: u32 = 1 << (page & 31);
  if ((atomic.load<u32>(word) & bit) == 0) atomic.or<u32>(word, bit);
}

/** Somebody beside the vCPUs (a loader, a device, a module) has written guest memory: marks the dirty log and stale code. */
export function host_written(gpa: u64, length: u32): void {
  const end = gpa + length;
  for (let page = gpa & ~0xfff; page < end; page += 0x1000) {
    const at = page < gpa ? gpa : page;
    const s = find_slot(at);
    if (s == 0) continue;
    mark_dirty(s, at);
    const hva = slot_hva(s, at);
    if (page_flags(hva) & PAGE_HOLDS_CODE) code_written(hva);
  }
}
