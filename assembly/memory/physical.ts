// Copies between the core and guest-physical memory in the address space that a vCPU sees. No paging, no TLB, no fault: what lies
// in no slot is told by the result.
import { KVM_MEM_READONLY } from '../abi/kvm_run';
import { PAGE_HOLDS_CODE, SLOT_FLAGS } from '../abi/map';
import { code_written, page_flags } from './code_marks';
import { find_slot, mark_dirty, slot_hva, space_of, unalias } from './slots';

/** Bytes of [gpa, gpa + bytes) that lie in its first page. */
function first_part(gpa: u64, bytes: u32): u32 {
  const room: u32 = 0x1000 - ((gpa & 0xfff) as u32);
  return bytes < room ? bytes : room;
}

/** Copies `bytes` bytes at `gpa` to `to`; false when no slot holds some of them. */
export function read_physical(v: u32, gpa: u64, to: u32, bytes: u32): bool {
  const space = space_of(v);
  for (let done: u32 = 0; done < bytes; ) {
    const at = unalias(space, gpa + done);
    const s = find_slot(space, at);
    if (s == 0) return false;
    const n = first_part(at, bytes - done);
    memory.copy(to + done, slot_hva(s, at), n);
    done += n;
  }
  return true;
}

/** Copies `bytes` bytes from `from` to `gpa` as a store of vCPU `v`; false when some of them lie in no slot that can be written. */
export function write_physical(v: u32, gpa: u64, from: u32, bytes: u32): bool {
  const space = space_of(v);
  for (let done: u32 = 0; done < bytes; ) {
    const at = unalias(space, gpa + done);
    const s = find_slot(space, at);
    if (s == 0 || load<u32>(s + SLOT_FLAGS) & KVM_MEM_READONLY) return false;
    const n = first_part(at, bytes - done);
    const hva = slot_hva(s, at);
    mark_dirty(v, s, at);
    memory.copy(hva, from + done, n);
    if (page_flags(hva) & PAGE_HOLDS_CODE) code_written(hva);
    done += n;
  }
  return true;
}
