// Guest memory as the core itself reads and writes it: records that a guest has named by their guest-physical address. One
// record lies in one slot of address space 0, whatever the vCPU sees (SMM), as in KVM. Knows no paging.

import { KVM_MEM_READONLY } from '../abi/kvm_run';
import { SLOT_FLAGS } from '../abi/map';
import { find_slot, slot_hva, unalias } from './slots';

/**
 * Address of `length` bytes at `gpa`, at least one; 0 when no slot holds all of them, or `writes` to a read-only one. Who
 * has written calls guest_written.
 */
export function guest_data(gpa: u64, length: u32, writes: bool): u32 {
  const first = unalias(0, gpa);
  const s = find_slot(0, first);
  if (s == 0) return 0;
  const last = unalias(0, gpa + length - 1);
  if (last - first != (length as u64) - 1 || find_slot(0, last) != s) return 0;
  if (writes && load<u32>(s + SLOT_FLAGS) & KVM_MEM_READONLY) return 0;
  return slot_hva(s, first);
}

/** Some slot of address space 0 holds `gpa`. */
export function in_slot(gpa: u64): bool {
  return find_slot(0, unalias(0, gpa)) != 0;
}
