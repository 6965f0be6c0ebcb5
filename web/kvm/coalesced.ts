// Coalesced MMIO and PIO: zones whose writes wait in a ring for the next exit. The core queues them (memory/bus.ts).

import {
  BUS_PIO,
  BUS_USED,
  COALESCED_ADDR,
  COALESCED_DATA,
  COALESCED_LEN,
  COALESCED_PIO,
  COALESCED_SIZE,
  RING_ENTRIES,
  RING_FIRST,
  RING_LAST,
  RING_MAX,
  VM_BUS_MMIO,
  VM_BUS_PIO,
  VM_ZONE_END,
  VM_ZONES,
  ZONE_ADDR,
  ZONE_BYTES,
  ZONE_FLAGS,
  ZONE_SIZE,
  ZONES_MAX,
} from '../../assembly/abi/bus.ts';
import { VM_SLOT_LOCK } from '../../assembly/abi/map.ts';
import { REQ_EVENTS } from '../../assembly/abi/vcpu_page.ts';
import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { requestAll } from './requests.ts';

/** KVM_COALESCED_MMIO_PAGE_OFFSET, which KVM_CAP_COALESCED_MMIO tells: the page of the ring in the mmap of a vCPU. */
export const COALESCED_MMIO_PAGE_OFFSET = 2;

/** struct kvm_coalesced_mmio_zone. */
export interface CoalescedZone {
  readonly addr: bigint | number;
  readonly size: number;
  /** 1: the addresses are ports. */
  readonly pio?: number;
}

/** A write that waited: struct kvm_coalesced_mmio with its data cut to length. */
export interface CoalescedWrite {
  readonly addr: bigint;
  readonly pio: boolean;
  readonly data: Uint8Array;
}

function flagsOf({ pio = 0 }: CoalescedZone): number {
  if (pio !== 0 && pio !== 1) throw new KvmError('EINVAL', `pio of a coalesced zone is 0 or 1, not ${pio}.`);
  return BUS_USED | (pio ? BUS_PIO : 0);
}

function busOf(memory: MachineMemory, flags: number): number {
  return memory.vm + (flags & BUS_PIO ? VM_BUS_PIO : VM_BUS_MMIO);
}

/** KVM_REGISTER_COALESCED_MMIO. EINVAL for `pio`, ENOSPC when there are too many zones. */
export function registerCoalesced(memory: MachineMemory, zone: CoalescedZone): void {
  const flags = flagsOf(zone);
  memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    for (let n = 0; n < ZONES_MAX; n++) {
      const at = memory.vm + VM_ZONES + n * ZONE_SIZE;
      if (memory.load(at + ZONE_FLAGS) !== 0) continue;
      memory.setU64(at + ZONE_ADDR, BigInt.asUintN(64, BigInt(zone.addr)));
      memory.setU32(at + ZONE_BYTES, zone.size >>> 0);
      memory.store(at + ZONE_FLAGS, flags);
      memory.store(memory.vm + VM_ZONE_END, Math.max(memory.load(memory.vm + VM_ZONE_END), n + 1));
      memory.add(busOf(memory, flags), 1);
      return;
    }
    throw new KvmError('ENOSPC', `this VM has ${ZONES_MAX} coalesced zones already; unregister one.`);
  });
}

/**
 * KVM_UNREGISTER_COALESCED_MMIO: every zone that holds all of the range goes; none is no error. Writes that wait stay.
 * EINVAL for `pio`.
 */
export function unregisterCoalesced(memory: MachineMemory, zone: CoalescedZone): void {
  const flags = flagsOf(zone);
  const first = BigInt.asUintN(64, BigInt(zone.addr));
  const end = first + BigInt(zone.size >>> 0);
  memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    for (let n = 0; n < ZONES_MAX; n++) {
      const at = memory.vm + VM_ZONES + n * ZONE_SIZE;
      const start = memory.u64(at + ZONE_ADDR);
      const inside = first >= start && end <= start + BigInt(memory.u32(at + ZONE_BYTES));
      if (memory.load(at + ZONE_FLAGS) !== flags || !inside) continue;
      memory.store(at + ZONE_FLAGS, 0);
      memory.add(busOf(memory, flags), -1);
    }
  });
  // No vCPU queues a write of these zones any more when this returns.
  requestAll(memory, REQ_EVENTS);
}

/** Takes the writes out of the ring at `ring` (VCPU_COALESCED of a vCPU), in order. */
export function takeCoalesced(memory: MachineMemory, ring: number): CoalescedWrite[] {
  const writes: CoalescedWrite[] = [];
  const last = memory.load(ring + RING_LAST) % RING_MAX;
  let first = memory.u32(ring + RING_FIRST) % RING_MAX;
  for (; first !== last; first = (first + 1) % RING_MAX) {
    const at = ring + RING_ENTRIES + first * COALESCED_SIZE;
    writes.push({
      addr: memory.u64(at + COALESCED_ADDR),
      pio: memory.u32(at + COALESCED_PIO) !== 0,
      data: memory.bytes(at + COALESCED_DATA, Math.min(memory.u32(at + COALESCED_LEN), 8)).slice(),
    });
  }
  memory.store(ring + RING_FIRST, first);
  return writes;
}
