// The dirty log: which pages of a slot were written since the last harvest. The core marks; this reads and resets.

import {
  MANUAL_INITIALLY_SET,
  MANUAL_PROTECT_ENABLE,
  PAGE_SHIFT,
  PAGE_SIZE,
  VM_MANUAL_PROTECT,
  VM_SLOT_LOCK,
} from '../../assembly/abi/map.ts';
import { REQ_FLUSH_WRITE_TLB } from '../../assembly/abi/vcpu_page.ts';
import { KvmError } from './abi/index.ts';
import { place } from './aliases.ts';
import { dropCode } from './code_marks.ts';
import { dirtyRingEntries } from './dirty_ring.ts';
import type { MachineMemory } from './memory.ts';
import { requestAll } from './requests.ts';
import { bitmapBytes, checkSlotId, KVM_MEM_LOG_DIRTY_PAGES, type Slot, slot } from './slots.ts';

/** ENXIO while the vCPUs' dirty rings say what they write. */
function refuseRings(memory: MachineMemory): void {
  if (dirtyRingEntries(memory) === 0) return;
  throw new KvmError(
    'ENXIO',
    'this VM notes dirty pages in rings; harvest vcpu.dirtyRing and resetDirtyRings.',
  );
}

/** The slot of a dirty log: EINVAL for an id that no slot can have, ENOENT when it does not exist or logs nothing. */
function loggingSlot(memory: MachineMemory, id: number): Slot {
  checkSlotId(id);
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
 * KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: with MANUAL_PROTECT_ENABLE (1) KVM_GET_DIRTY_LOG clears nothing, KVM_CLEAR_DIRTY_LOG
 * does; with MANUAL_INITIALLY_SET (2) besides, a new log begins with every page. 0 switches it off. EINVAL for others.
 */
export function setManualProtect(memory: MachineMemory, options: bigint): void {
  const allowed = options & BigInt(MANUAL_PROTECT_ENABLE) ? MANUAL_PROTECT_ENABLE | MANUAL_INITIALLY_SET : 0;
  if (options & ~BigInt(allowed)) {
    throw new KvmError(
      'EINVAL',
      `args[0] 0x${options.toString(16)} is not known; MANUAL_PROTECT_ENABLE is 1, INITIALLY_SET 2 and needs it.`,
    );
  }
  memory.store(memory.vm + VM_MANUAL_PROTECT, Number(options));
}

/**
 * KVM_GET_DIRTY_LOG: the bitmap of pages written since the last call, which it clears (not so with manual protection:
 * see setManualProtect); bit 0 of byte 0 is the slot's first page, in whole 64-bit words. Vcpus may run meanwhile: a
 * store is in this harvest or in the next, never in none. EINVAL for an id that no slot can have, ENOENT when the slot
 * does not exist or logs nothing, ENXIO when the VM has dirty rings.
 */
export function getDirtyLog(memory: MachineMemory, id: number): Uint8Array {
  refuseRings(memory);
  if (memory.load(memory.vm + VM_MANUAL_PROTECT) & MANUAL_PROTECT_ENABLE) return peekDirtyLog(memory, id);
  return harvestBitmap(memory, id);
}

/**
 * The pages of a slot that the host or a module wrote since the last call, while the VM has dirty rings: there is no ring
 * for them (in Linux 6.2 KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP keeps them so; before it, they are lost). A bit a page, cleared.
 * ENXIO when the VM has no rings: then getDirtyLog says it; EINVAL, ENOENT as there.
 */
export function getHostDirtyLog(memory: MachineMemory, id: number): Uint8Array {
  if (dirtyRingEntries(memory) === 0) {
    throw new KvmError('ENXIO', 'this VM has no dirty rings: what the host writes is in getDirtyLog.');
  }
  return harvestBitmap(memory, id);
}

function harvestBitmap(memory: MachineMemory, id: number): Uint8Array {
  return memory.locked(memory.vm + VM_SLOT_LOCK, () => {
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

/** Which pages KVM_CLEAR_DIRTY_LOG shall count as clean: bit 0 of `dirty_bitmap` is page `first_page`. */
export interface DirtyPages {
  readonly slot: number;
  readonly first_page: bigint | number;
  readonly num_pages: number;
  readonly dirty_bitmap: Uint8Array;
}

/**
 * KVM_CLEAR_DIRTY_LOG: clears the log's bits that are set in `dirty_bitmap`, so that the next store to those pages is
 * noted again. When it returns, what an unnoted store wrote is in memory: copy the pages after it. EINVAL when
 * first_page is no multiple of 64, num_pages is none either and does not reach the slot's end, or the pages lie outside
 * the slot; ENOENT and ENXIO as getDirtyLog; EFAULT when `dirty_bitmap` is shorter than num_pages.
 */
export function clearDirtyLog(memory: MachineMemory, pages: DirtyPages): void {
  refuseRings(memory);
  const first = Number(pages.first_page);
  const count = pages.num_pages;
  memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    checkSlotId(pages.slot);
    if (first % 64 !== 0) {
      throw new KvmError('EINVAL', `first_page ${first} must be a multiple of 64.`);
    }
    const { bitmap, size } = loggingSlot(memory, pages.slot);
    const left = size / PAGE_SIZE - first;
    if (!(first >= 0 && count >= 0 && count <= left && (count === left || count % 64 === 0))) {
      throw new KvmError(
        'EINVAL',
        `${count} pages from ${first} on: give a multiple of 64 or all ${Math.max(left, 0)} to the slot's end.`,
      );
    }
    const bytes = Math.ceil(count / 64) * 8;
    if (pages.dirty_bitmap.length < bytes) {
      throw new KvmError(
        'EFAULT',
        `dirty_bitmap has ${pages.dirty_bitmap.length} bytes; ${count} pages take ${bytes}.`,
      );
    }
    const view = new DataView(pages.dirty_bitmap.buffer, pages.dirty_bitmap.byteOffset, bytes);
    let cleared = 0;
    for (let at = 0; at < bytes; at += 4) {
      const mask = view.getUint32(at, true);
      if (mask !== 0) cleared |= memory.and(bitmap + first / 8 + at, ~mask) & mask;
    }
    if (cleared !== 0) requestAll(memory, REQ_FLUSH_WRITE_TLB);
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

/** As hostWritten, of `length` bytes from `offset` on in a slot that the caller has looked up. */
export function slotWritten(memory: MachineMemory, found: Slot, offset: number, length: number): void {
  const end = offset + length;
  for (let at = offset; at < end; at = (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE) {
    if (found.bitmap !== 0 && found.flags & KVM_MEM_LOG_DIRTY_PAGES) {
      const number = at >>> PAGE_SHIFT;
      memory.or(found.bitmap + (number >>> 5) * 4, 1 << (number & 31));
    }
    dropCode(memory, found.hva + at);
  }
}

/**
 * Somebody beside the vCPUs (a loader, a device, a module) has written `length` bytes at `gpa`: marks the dirty log
 * and stale code of every page touched. Addresses outside all slots are passed over.
 */
export function hostWritten(memory: MachineMemory, gpa: bigint, length: number, space = 0): void {
  const end = gpa + BigInt(length);
  const page = BigInt(PAGE_SIZE);
  for (let at = gpa; at < end; at = (at / page + 1n) * page) {
    const there = place(memory, at, space);
    if (there) slotWritten(memory, there.slot, there.offset, 1);
  }
}
