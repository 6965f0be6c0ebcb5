// Guest writes that nobody leaves the core for: ioeventfds and coalesced zones, on the vCPU's own thread.

import {
  BUS_DATAMATCH,
  BUS_PIO,
  BUS_USED,
  COALESCED_ADDR,
  COALESCED_DATA,
  COALESCED_LEN,
  COALESCED_PIO,
  COALESCED_SIZE,
  IOEVENTFD_ADDR,
  IOEVENTFD_DATAMATCH,
  IOEVENTFD_EVENTFD,
  IOEVENTFD_FLAGS,
  IOEVENTFD_LEN,
  IOEVENTFD_SIZE,
  RING_ENTRIES,
  RING_FIRST,
  RING_LAST,
  RING_MAX,
  VM_BUS_MMIO,
  VM_BUS_PIO,
  VM_COALESCED,
  VM_COALESCED_COUNT,
  VM_COALESCED_LOCK,
  VM_IOEVENTFD_END,
  VM_IOEVENTFDS,
  VM_ZONE_END,
  VM_ZONES,
  ZONE_ADDR,
  ZONE_BYTES,
  ZONE_FLAGS,
  ZONE_SIZE,
} from '../abi/bus';
import {
  EVENTFD_FLAGS,
  EVENTFD_IRQFD,
  EVENTFD_KEEPS_VALUES,
  EVENTFD_SIZE,
  VALUE_RING_SIZE,
  VALUE_RINGS,
  VALUES,
  VALUES_HEAD,
  VALUES_LOCK,
  VALUES_MAX,
  VM_EVENTFDS,
} from '../abi/eventfd';
import { VCPU_COALESCED, VCPU_PAGE, VM_PAGE, WASM_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { irqfd_signal } from '../irqchip/irqfd';
import { eventfd_add } from '../state/eventfd';
import { sleep } from '../state/sleep';

/** ns after which a sleeper looks again, so that a lost notify costs time and not the machine. */
const PATIENCE: i64 = 1000000;

/** Takes a lock word of this file (0 free, 1 held), which is held for a few stores only. */
function lock(word: u32): void {
  while (atomic.cmpxchg<u32>(word, 0, 1) != 0) sleep(word, 1, PATIENCE);
}

function unlock(word: u32): void {
  atomic.store<u32>(word, 0);
  atomic.notify(word, 1);
}

/** Keeps a value that an ioeventfd was written with; a full ring forgets its oldest. */
function keep_value(eventfd: u32, value: u64): void {
  // It may be another VM's of this memory. Bases are multiples of 64 KiB, and so is the offset of VM pages.
  const base = (eventfd & ~(WASM_PAGE - 1)) - VM_PAGE;
  const record = (eventfd - (base + VM_PAGE + VM_EVENTFDS)) / EVENTFD_SIZE;
  const ring = base + VALUE_RINGS + record * VALUE_RING_SIZE;
  lock(ring + VALUES_LOCK);
  const head = load<u32>(ring + VALUES_HEAD);
  store<u64>(ring + VALUES + (head % VALUES_MAX) * 8, value);
  store<u32>(ring + VALUES_HEAD, head + 1);
  unlock(ring + VALUES_LOCK);
}

function signal(eventfd: u32, value: u64): void {
  if (load<u32>(eventfd + EVENTFD_FLAGS) & EVENTFD_KEEPS_VALUES) keep_value(eventfd, value);
  eventfd_add(eventfd);
  if (load<u32>(eventfd + EVENTFD_IRQFD)) irqfd_signal(eventfd);
}

/** Signals the ioeventfd that this write rings, if there is one. `kind`: BUS_USED, and BUS_PIO for a port. */
function ring_doorbell(kind: u32, addr: u64, size: u32, value: u64): bool {
  const first = vm_base + VM_PAGE + VM_IOEVENTFDS;
  const end = first + load<u32>(vm_base + VM_PAGE + VM_IOEVENTFD_END) * IOEVENTFD_SIZE;
  for (let bell = first; bell < end; bell += IOEVENTFD_SIZE) {
    const flags = atomic.load<u32>(bell + IOEVENTFD_FLAGS);
    if ((flags & (BUS_USED | BUS_PIO)) != kind || load<u64>(bell + IOEVENTFD_ADDR) != addr) continue;
    const length = load<u32>(bell + IOEVENTFD_LEN);
    if (length != 0 && length != size) continue;
    if (flags & BUS_DATAMATCH && load<u64>(bell + IOEVENTFD_DATAMATCH) != value) continue;
    signal(load<u32>(bell + IOEVENTFD_EVENTFD), value);
    return true;
  }
  return false;
}

/** A coalesced zone holds all of these bytes. */
function in_zone(kind: u32, addr: u64, size: u32): bool {
  const first = vm_base + VM_PAGE + VM_ZONES;
  const end = first + load<u32>(vm_base + VM_PAGE + VM_ZONE_END) * ZONE_SIZE;
  for (let zone = first; zone < end; zone += ZONE_SIZE) {
    if (atomic.load<u32>(zone + ZONE_FLAGS) != kind) continue;
    const offset = addr - load<u64>(zone + ZONE_ADDR);
    const bytes: u64 = load<u32>(zone + ZONE_BYTES);
    if (offset < bytes && offset + size <= bytes) return true;
  }
  return false;
}

/**
 * Free entries of the ring that a vCPU shows to user space, which may write anything there at any time: 0 when it is not
 * sane. `last` is what was read of RING_LAST, once.
 */
function room(ring: u32, last: u32): u32 {
  const first = atomic.load<u32>(ring + RING_FIRST);
  if (first >= RING_MAX || last >= RING_MAX) return 0;
  return first > last ? first - last - 1 : first + RING_MAX - last - 1;
}

function ring_of(v: u32): u32 {
  return v - VCPU_PAGE + VCPU_COALESCED;
}

/** Queues the write of a coalesced zone; false when the queue would not fit into this vCPU's ring: then it exits. */
function coalesce(v: u32, kind: u32, addr: u64, size: u32, value: u64): bool {
  if (!in_zone(kind, addr, size)) return false;
  const vm = vm_base + VM_PAGE;
  lock(vm + VM_COALESCED_LOCK);
  const count = load<u32>(vm + VM_COALESCED_COUNT);
  const fits = count < room(ring_of(v), atomic.load<u32>(ring_of(v) + RING_LAST));
  if (fits) {
    const entry = vm + VM_COALESCED + count * COALESCED_SIZE;
    store<u64>(entry + COALESCED_ADDR, addr);
    store<u32>(entry + COALESCED_LEN, size);
    store<u32>(entry + COALESCED_PIO, kind & BUS_PIO ? 1 : 0);
    store<u64>(entry + COALESCED_DATA, value);
    store<u32>(vm + VM_COALESCED_COUNT, count + 1);
  }
  unlock(vm + VM_COALESCED_LOCK);
  return fits;
}

/** The vCPU leaves the core: what all vCPUs have queued so far goes into the ring that it shows, in order. */
function publish(v: u32): void {
  const vm = vm_base + VM_PAGE;
  const ring = ring_of(v);
  lock(vm + VM_COALESCED_LOCK);
  const count = load<u32>(vm + VM_COALESCED_COUNT);
  let last = atomic.load<u32>(ring + RING_LAST);
  const moved = min(count, room(ring, last));
  for (let n: u32 = 0; n < moved; n++) {
    const from = vm + VM_COALESCED + n * COALESCED_SIZE;
    memory.copy(ring + RING_ENTRIES + last * COALESCED_SIZE, from, COALESCED_SIZE);
    last = last + 1 == RING_MAX ? 0 : last + 1;
  }
  if (moved) {
    const rest = vm + VM_COALESCED + moved * COALESCED_SIZE;
    memory.copy(vm + VM_COALESCED, rest, (count - moved) * COALESCED_SIZE);
    // Entries before the index, for a reader on another thread.
    atomic.store<u32>(ring + RING_LAST, last);
    store<u32>(vm + VM_COALESCED_COUNT, count - moved);
  }
  unlock(vm + VM_COALESCED_LOCK);
}

function low_bytes(data: u64, size: u32): u64 {
  return size < 8 ? data & (((1 as u64) << (size * 8)) - 1) : data;
}

function write(v: u32, kind: u32, addr: u64, size: u32, data: u64): bool {
  const value = low_bytes(data, size);
  return ring_doorbell(kind, addr, size, value) || coalesce(v, kind, addr, size, value);
}

/** What `run` asks whenever it returns to its caller. */
export function publish_coalesced(v: u32): void {
  if (load<u32>(vm_base + VM_PAGE + VM_COALESCED_COUNT)) publish(v);
}

/** A write of 1, 2 or 4 bytes to a port that no chip of the core has: true when it was taken here. */
export function port_write(v: u32, port: u32, size: u32, value: u32): bool {
  if (load<u32>(vm_base + VM_PAGE + VM_BUS_PIO) == 0) return false;
  return write(v, BUS_USED | BUS_PIO, port as u64, size, value as u64);
}

/** A write of 1 to 8 bytes to an address without RAM rang a doorbell, in the middle of its instruction. */
export function mmio_rang(gpa: u64, size: u32, value: u64): bool {
  if (load<u32>(vm_base + VM_PAGE + VM_BUS_MMIO) == 0) return false;
  return ring_doorbell(BUS_USED, gpa, size, low_bytes(value, size));
}

/** A write of 1 to 8 bytes to an address without RAM: true when it was taken here. */
export function mmio_taken(v: u32, gpa: u64, size: u32, value: u64): bool {
  if (load<u32>(vm_base + VM_PAGE + VM_BUS_MMIO) == 0) return false;
  return write(v, BUS_USED, gpa, size, value);
}
