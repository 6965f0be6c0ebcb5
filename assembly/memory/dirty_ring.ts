// A vCPU's dirty ring: the pages it has written, one entry each until the host resets them. Which pages are in a ring already,
// the slot's second bitmap says. The host's side is web/kvm/dirty_ring.ts.

import {
  DIRTY_GFN_F_DIRTY,
  DIRTY_GFN_SIZE,
  DIRTY_RING_RESERVED,
  SLOT_ID,
  SLOT_SIZE,
  VCPU_DIRTY_RING,
  VCPU_PAGE,
  VM_DIRTY_RING,
  VM_PAGE,
} from '../abi/map';
import { LEAVE_RING, REQ_RING_FULL, V_LEAVE, V_REQUESTS, V_RING_DIRTY, V_RING_RESET } from '../abi/vcpu_page';
import { vm_base } from '../host';

/** Entries of each vCPU's ring; 0 = this VM has none. */
function ring_entries(): u32 {
  return load<u32>(vm_base + VM_PAGE + VM_DIRTY_RING);
}

/** This VM notes its vCPUs' stores in rings. */
export function has_rings(): bool {
  return ring_entries() != 0;
}

/** Bytes of the bitmap of slot `s`: a bit a page, in whole 64-bit words. */
export function bitmap_bytes(s: u32): u32 {
  return (((load<u64>(s + SLOT_SIZE) + 0x3ffff) >> 18) as u32) * 8;
}

function ring_used(v: u32): u32 {
  return load<u32>(v + V_RING_DIRTY) - atomic.load<u32>(v + V_RING_RESET);
}

/** The ring is at its soft limit: the vCPU may not run. */
export function ring_is_full(v: u32): bool {
  return ring_used(v) + DIRTY_RING_RESERVED >= ring_entries();
}

/** Writes page `page` of slot `s` into the ring; false when it has no room. At the soft limit the vCPU leaves for an exit. */
export function ring_push(v: u32, s: u32, page: u32): bool {
  const entries = ring_entries();
  if (ring_used(v) >= entries) return false;
  const next = load<u32>(v + V_RING_DIRTY);
  const e = v - VCPU_PAGE + VCPU_DIRTY_RING + (next & (entries - 1)) * DIRTY_GFN_SIZE;
  store<u32>(e + 4, load<u32>(s + SLOT_ID));
  store<u64>(e + 8, page as u64);
  // The flags come last: who sees them sees the rest.
  atomic.store<u32>(e, DIRTY_GFN_F_DIRTY);
  store<u32>(v + V_RING_DIRTY, next + 1);
  if (ring_is_full(v)) {
    store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_RING);
    atomic.or<u32>(v + V_REQUESTS, REQ_RING_FULL);
  }
  return true;
}

/** REQ_RING_FULL: true while it holds; taken back when the host has made room. */
export function ring_stops(v: u32): bool {
  if ((atomic.load<u32>(v + V_REQUESTS) & REQ_RING_FULL) == 0) return false;
  if (ring_is_full(v)) return true;
  atomic.and<u32>(v + V_REQUESTS, ~REQ_RING_FULL);
  return false;
}
