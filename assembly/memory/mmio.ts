// Accesses to guest-physical addresses without RAM: in-core chips first, then KVM_EXIT_MMIO. Knows no paging.

import {
  KVM_EXIT_MMIO,
  RUN_EXIT_REASON,
  RUN_MMIO_DATA,
  RUN_MMIO_IS_WRITE,
  RUN_MMIO_LEN,
  RUN_MMIO_PHYS_ADDR,
} from '../abi/kvm_run';
import { VCPU_PAGE } from '../abi/map';
import { V_APIC_ATTENTION } from '../abi/pv';
import {
  LEAVE_EVENTS,
  LEAVE_LAPIC,
  LEAVE_MMIO,
  MMIO_QUEUE_MAX,
  PENDING_DONE,
  PENDING_MMIO_READ,
  PENDING_MMIO_WRITE,
  REPLAY_ENTRY,
  V_APIC_BASE,
  V_LEAVE,
  V_MMIO_COUNT,
  V_MMIO_NEXT,
  V_MMIO_QUEUE,
  V_PENDING,
  V_REPLAY,
  V_REPLAY_COUNT,
  V_REPLAY_NEXT,
  V_REQUESTS,
} from '../abi/vcpu_page';
import { ioapic_read, ioapic_write } from '../irqchip/ioapic';
import { lapic_read, lapic_write } from '../irqchip/lapic';
import { faulted, raise_exit } from '../state/fault';
import { has_irqchip, has_pic } from '../state/vcpu';
import { mmio_rang, mmio_taken } from './bus';
import { lapic_from_guest } from './lapic_words';
import { device_gpa, is_device_store } from './tlb';

const IOAPIC_GPA: u64 = 0xfec00000;
const APIC_ENABLED: u64 = 0x800;

/** The access is to the local APIC, which then knows what the guest has left in its memory. */
function on_lapic(v: u32, gpa: u64): bool {
  const base = load<u64>(v + V_APIC_BASE);
  if ((base & 0xc00) != APIC_ENABLED || (gpa & ~0xfff) != (base & 0xffffff000)) return false;
  if (load<u32>(v + V_APIC_ATTENTION)) {
    lapic_from_guest(v);
    store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_LAPIC);
  }
  return true;
}

/** Reads `size` (1..8) bytes; a read that nobody answers yet raises the exit (check faulted). */
export function mmio_read(v: u32, gpa: u64, size: u32): u64 {
  // The instruction leaves already, for another address or with a fault: it starts again before this one is read.
  if (faulted(v)) return 0;
  if (has_irqchip()) {
    if (on_lapic(v, gpa)) return lapic_read(v, (gpa as u32) & 0xfff) as u64;
    if ((gpa & ~0xfff) == IOAPIC_GPA && has_pic()) return ioapic_read((gpa as u32) & 0xfff) as u64;
  }
  const next = load<u32>(v + V_REPLAY_NEXT);
  if (next < load<u32>(v + V_REPLAY_COUNT)) {
    store<u32>(v + V_REPLAY_NEXT, next + 1);
    return load<u64>(v + V_REPLAY + next * REPLAY_ENTRY + 16);
  }
  const run = v - VCPU_PAGE;
  store<u32>(run + RUN_EXIT_REASON, KVM_EXIT_MMIO);
  store<u64>(run + RUN_MMIO_PHYS_ADDR, gpa);
  store<u64>(run + RUN_MMIO_DATA, 0);
  store<u32>(run + RUN_MMIO_LEN, size);
  store<u8>(run + RUN_MMIO_IS_WRITE, 0);
  store<u32>(v + V_PENDING, PENDING_MMIO_READ);
  raise_exit(v);
  return 0;
}

/** Writes `size` (1..8) bytes: at once to an in-core chip, else queued for the exit that ends the instruction. */
export function mmio_write(v: u32, gpa: u64, size: u32, value: u64): void {
  if (has_irqchip()) {
    const lapic = on_lapic(v, gpa);
    if (lapic || ((gpa & ~0xfff) == IOAPIC_GPA && has_pic())) {
      if (lapic) lapic_write(v, (gpa as u32) & 0xfff, value as u32);
      else ioapic_write((gpa as u32) & 0xfff, value as u32);
      if (load<u32>(v + V_REQUESTS)) store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_EVENTS);
      return;
    }
  }
  const n = load<u32>(v + V_MMIO_COUNT);
  // A doorbell rings at once, so that the block goes on. Should a later access of the same instruction fault, it rings
  // again with the restart, which a doorbell may.
  if (n == 0 && mmio_rang(gpa, size, value)) return;
  if (n >= MMIO_QUEUE_MAX) return;
  const q = v + V_MMIO_QUEUE + n * REPLAY_ENTRY;
  store<u64>(q, gpa);
  store<u32>(q + 8, size);
  store<u64>(q + 16, value);
  store<u32>(v + V_MMIO_COUNT, n + 1);
  store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_MMIO);
}

/**
 * A store of `span + 1` bytes at `la`, on whose TLB entry `e` it falls: true when it has rung a doorbell, which may have set
 * V_LEAVE. For whoever has queued nothing and looks no further into the access.
 */
export function store_rang(v: u32, e: u32, la: u64, span: u32, value: u64): bool {
  if (!is_device_store(e, la, span)) return false;
  const gpa = device_gpa(e, la);
  // Chips of the core come before doorbells.
  const page = gpa & ~0xfff;
  if (page == (load<u64>(v + V_APIC_BASE) & 0xffffff000) || page == IOAPIC_GPA) return false;
  return mmio_rang(gpa, span + 1, value);
}

/** Puts the next queued MMIO write that must leave into the run page; false when none is left. */
export function mmio_exit(v: u32): bool {
  let next = load<u32>(v + V_MMIO_NEXT);
  const count = load<u32>(v + V_MMIO_COUNT);
  while (next < count) {
    const write = v + V_MMIO_QUEUE + next * REPLAY_ENTRY;
    if (!mmio_taken(v, load<u64>(write), load<u32>(write + 8), load<u64>(write + 16))) break;
    next++;
  }
  if (next >= count) {
    store<u32>(v + V_MMIO_NEXT, 0);
    store<u32>(v + V_MMIO_COUNT, 0);
    return false;
  }
  const q = v + V_MMIO_QUEUE + next * REPLAY_ENTRY;
  const run = v - VCPU_PAGE;
  store<u32>(run + RUN_EXIT_REASON, KVM_EXIT_MMIO);
  store<u64>(run + RUN_MMIO_PHYS_ADDR, load<u64>(q));
  store<u64>(run + RUN_MMIO_DATA, load<u64>(q + 16));
  store<u32>(run + RUN_MMIO_LEN, load<u32>(q + 8));
  store<u8>(run + RUN_MMIO_IS_WRITE, 1);
  const last = next + 1 >= count;
  // What has left must not leave again with the next instruction that writes.
  store<u32>(v + V_MMIO_NEXT, last ? 0 : next + 1);
  if (last) store<u32>(v + V_MMIO_COUNT, 0);
  store<u32>(v + V_PENDING, last ? PENDING_DONE : PENDING_MMIO_WRITE);
  return true;
}

/** The current instruction has touched MMIO: a string instruction ends its turn after this element. */
export function mmio_queued(v: u32): bool {
  return (load<u32>(v + V_MMIO_COUNT) | load<u32>(v + V_REPLAY_COUNT)) != 0;
}
