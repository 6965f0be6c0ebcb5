// Dirty bitmaps: the live one in memory and harvested ones, as counts and ranges. Looking clears nothing.

import { PAGE_SIZE } from '../../../assembly/abi/map.ts';
import type { MachineMemory } from './memory.ts';
import { pagesOf, type Slot } from './slots.ts';

/** The bitmap that the next harvest of this slot would give, copied; empty when the slot logs nothing. */
export function peekDirty(memory: MachineMemory, slot: Slot): Uint8Array {
  if (!slot.logDirty || slot.bitmap === 0) return new Uint8Array();
  return memory.bytes.slice(slot.bitmap, slot.bitmap + Math.ceil(pagesOf(slot) / 8));
}

/** True when the page (counted from the slot's start) is set in a bitmap of KVM_GET_DIRTY_LOG. */
export function isDirty(bitmap: Uint8Array, page: number): boolean {
  return (((bitmap[page >> 3] ?? 0) >> (page & 7)) & 1) === 1;
}

/** True when the page of a guest-physical address inside the slot waits for the next harvest. */
export function isDirtyNow(memory: MachineMemory, slot: Slot, gpa: number): boolean {
  if (!slot.logDirty || slot.bitmap === 0) return false;
  const page = Math.floor((gpa - slot.gpa) / PAGE_SIZE);
  return (((memory.bytes[slot.bitmap + (page >> 3)] ?? 0) >> (page & 7)) & 1) === 1;
}

/** Number of pages set in a bitmap. */
export function countDirty(bitmap: Uint8Array): number {
  let count = 0;
  for (const byte of bitmap) {
    for (let rest = byte; rest; rest &= rest - 1) count++;
  }
  return count;
}

/** Guest-physical addresses of dirty pages that touch one another, `end` exclusive. */
export interface DirtyRange {
  readonly start: number;
  readonly end: number;
  readonly pages: number;
}

/** The dirty pages of a slot as ranges, lowest first. */
export function dirtyRanges(bitmap: Uint8Array, slot: Pick<Slot, 'gpa' | 'size'>): DirtyRange[] {
  const pages = Math.ceil(slot.size / PAGE_SIZE);
  const ranges: DirtyRange[] = [];
  let first = -1;
  for (let page = 0; page <= pages; page++) {
    const dirty = page < pages && isDirty(bitmap, page);
    if (dirty && first < 0) first = page;
    if (!dirty && first >= 0) {
      ranges.push({
        start: slot.gpa + first * PAGE_SIZE,
        end: slot.gpa + page * PAGE_SIZE,
        pages: page - first,
      });
      first = -1;
    }
  }
  return ranges;
}
