// Guest memory as the core itself reads and writes it: records that a guest has named by their guest-physical address. One
// record lies in one slot of address space 0. Knows no paging.

import { KVM_MEM_READONLY } from '../abi/kvm_run';
import { PAGE_HOLDS_CODE, SLOT_FLAGS } from '../abi/map';
import { code_written, page_flags } from './code_marks';
import { find_slot, mark_dirty, slot_hva, unalias } from './slots';

/** Address of `length` bytes at `gpa`, at least one; 0 when no slot holds all of them, or `writes` to a read-only one. */
export function guest_data(gpa: u64, length: u32, writes: bool): u32 {
  const first = unalias(0, gpa);
  const s = find_slot(0, first);
  if (s == 0) return 0;
  const last = unalias(0, gpa + length - 1);
  if (last - first != (length as u64) - 1 || find_slot(0, last) != s) return 0;
  if (writes && load<u32>(s + SLOT_FLAGS) & KVM_MEM_READONLY) return 0;
  return slot_hva(s, first);
}

/** Bytes that guest_data has found were written for vCPU `v`: marks its dirty ring or the log, and stale code. */
export function guest_data_written(v: u32, gpa: u64, length: u32): void {
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
