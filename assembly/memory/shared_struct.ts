// Structs in guest memory that the core writes for the guest to read: only where a slot lets the guest write, with dirty
// marks, and by the version protocol where readers may be at them; in address space 0, whatever the vCPU sees (SMM), as in
// KVM. Knows no struct.
import { KVM_MEM_READONLY } from '../abi/kvm_run';
import { SLOT_FLAGS } from '../abi/map';
import { find_slot, slot_hva, unalias } from './slots';

/** hva of `bytes` bytes at `gpa` that one slot holds and the guest may write; 0 = there is no such place now. */
export function writable_hva(gpa: u64, bytes: u32): u32 {
  const first = unalias(0, gpa);
  const last = unalias(0, gpa + bytes - 1);
  const s = find_slot(0, first);
  if (s == 0 || last - first != ((bytes - 1) as u64) || find_slot(0, last) != s) return 0;
  return load<u32>(s + SLOT_FLAGS) & KVM_MEM_READONLY ? 0 : slot_hva(s, first);
}

/** Some slot of address space 0 holds `gpa`. */
export function in_slot(gpa: u64): bool {
  return find_slot(0, unalias(0, gpa)) != 0;
}

/** Makes a version (u32, where the guest has put it) odd: who reads the struct now reads it again. */
export function begin_update(version: u32): void {
  store<u32>(version, (load<u32>(version) + 1) | 1);
  atomic.fence();
}

/** Makes the version even: the struct is whole. */
export function end_update(version: u32): void {
  atomic.fence();
  store<u32>(version, load<u32>(version) + 1);
}
