// The dirty log: which pages of a slot were written since the last harvest. The core marks; this reads and resets.

import {
  CODE_LINES,
  PAGE_FLAGS,
  PAGE_HOLDS_CODE,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_WATCHED,
  VM_PAGE,
  VM_SLOT_LOCK,
} from '../../assembly/abi/map.ts';
import {
  CODE_QUEUE_MAX,
  REQ_CODE,
  REQ_FLUSH_WRITE_TLB,
  V_CODE_QUEUE,
  V_CODE_QUEUE_COUNT,
} from '../../assembly/abi/vcpu_page.ts';
import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { request, requestAll } from './requests.ts';
import { bitmapBytes, KVM_MEM_LOG_DIRTY_PAGES, type Slot, slot, slotAt } from './slots.ts';
import { vcpuIds, vcpuPage } from './vm_page.ts';

function loggingSlot(memory: MachineMemory, id: number): Slot {
  const found = slot(memory, id);
  if (!found) throw new KvmError('ENOENT', `slot ${id} does not exist; make it with setUserMemoryRegion.`);
  if (found.bitmap === 0) {
    throw new KvmError(
      'ENOENT',
      `slot ${id} keeps no dirty log; set its KVM_MEM_LOG_DIRTY_PAGES flag first.`,
    );
  }
  return found;
}

/**
 * KVM_GET_DIRTY_LOG: the bitmap of pages written since the last call, which it clears; bit 0 of byte 0 is the slot's
 * first page, in whole 64-bit words. Vcpus may run meanwhile: a store is in this harvest or in the next, never in none.
 * ENOENT when the slot does not exist or logs nothing.
 */
export function getDirtyLog(memory: MachineMemory, id: number): Uint8Array {
  return memory.locked(VM_PAGE + VM_SLOT_LOCK, () => {
    const { bitmap, size } = loggingSlot(memory, id);
    const harvest = new Uint8Array(bitmapBytes(size));
    const view = new DataView(harvest.buffer);
    for (let at = 0; at < harvest.length; at += 4) {
      // A page that nobody has written costs a load and no locked access.
      if (memory.load(bitmap + at) !== 0) view.setUint32(at, memory.exchange(bitmap + at, 0), true);
    }
    // KVM's order: a store that still went through an old TLB entry is over before the bitmap is handed out.
    requestAll(memory, REQ_FLUSH_WRITE_TLB);
    return harvest;
  });
}

/** A copy of the bitmap as it stands, without clearing it: for views. ENOENT as getDirtyLog. */
export function peekDirtyLog(memory: MachineMemory, id: number): Uint8Array {
  const { bitmap, size } = loggingSlot(memory, id);
  return memory.bytes(bitmap, bitmapBytes(size)).slice();
}

/** Page numbers whose bits are set in a bitmap, in order. */
export function dirtyPages(bitmap: Uint8Array): number[] {
  const pages: number[] = [];
  bitmap.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte >> bit) & 1) pages.push(index * 8 + bit);
  });
  return pages;
}

/** The page of `hva` holds decoded instructions no longer: every vCPU must drop its blocks of it. */
function dropCode(memory: MachineMemory, hva: number): void {
  const flags = PAGE_FLAGS + (hva >>> PAGE_SHIFT);
  const bytes = memory.bytes(flags, 1);
  if ((Atomics.and(bytes, 0, ~(PAGE_HOLDS_CODE | PAGE_WATCHED)) & PAGE_HOLDS_CODE) === 0) return;
  memory.setU64(CODE_LINES + (hva >>> PAGE_SHIFT) * 8, 0n);
  for (const id of vcpuIds(memory)) {
    const v = vcpuPage(id);
    // A count above the queue's length tells the reader to drop everything.
    const place = memory.add(v + V_CODE_QUEUE_COUNT, 1);
    if (place < CODE_QUEUE_MAX) memory.store(v + V_CODE_QUEUE + place * 4, (hva >>> PAGE_SHIFT) + 1);
    request(memory, id, REQ_CODE);
  }
}

/**
 * Somebody beside the vCPUs (a loader, a device, a module) has written `length` bytes at `gpa`: marks the dirty log
 * and stale code of every page touched. Addresses outside all slots are passed over.
 */
export function hostWritten(memory: MachineMemory, gpa: bigint, length: number): void {
  const end = gpa + BigInt(length);
  const page = BigInt(PAGE_SIZE);
  for (let at = gpa; at < end; at = (at / page + 1n) * page) {
    const found = slotAt(memory, at);
    if (!found) continue;
    const offset = Number(at - found.gpa);
    if (found.bitmap !== 0 && found.flags & KVM_MEM_LOG_DIRTY_PAGES) {
      const number = offset >>> PAGE_SHIFT;
      memory.or(found.bitmap + (number >>> 5) * 4, 1 << (number & 31));
    }
    dropCode(memory, found.hva + offset);
  }
}
