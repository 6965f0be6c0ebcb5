// The memory slots of a machine, and guest-physical space as a drawing to scale. It changes no slot.

import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY } from '../../../assembly/abi/kvm_run.ts';
import {
  MAX_SLOTS,
  PAGE_SIZE,
  SLOT_BITMAP,
  SLOT_ENTRY_SIZE,
  SLOT_FLAGS,
  SLOT_GPA,
  SLOT_HVA,
  SLOT_ID,
  SLOT_SIZE,
  VM_GENERATION,
  VM_PAGE,
  VM_SLOT_COUNT,
  VM_SLOTS,
} from '../../../assembly/abi/map.ts';
import { type MachineMemory, readCounter, readU32 } from './memory.ts';

/** One memory slot: guest-physical addresses backed by bytes of the machine's memory. */
export interface Slot {
  readonly id: number;
  /** Guest-physical address, in bytes. */
  readonly gpa: number;
  readonly size: number;
  /** Offset in the machine's memory: the userspace_addr of KVM_SET_USER_MEMORY_REGION. */
  readonly hva: number;
  readonly readonly: boolean;
  readonly logDirty: boolean;
  /** Offset of the dirty bitmap, 0 when the slot has none. */
  readonly bitmap: number;
}

/** Grows whenever the slot table changes. */
export function slotGeneration(memory: MachineMemory): number {
  return readU32(memory, VM_PAGE + VM_GENERATION);
}

/** The slots in use, lowest guest-physical address first. */
export function readSlots(memory: MachineMemory): Slot[] {
  const count = Math.min(readU32(memory, VM_PAGE + VM_SLOT_COUNT), MAX_SLOTS);
  const slots: Slot[] = [];
  for (let index = 0; index < count; index++) {
    const entry = VM_PAGE + VM_SLOTS + index * SLOT_ENTRY_SIZE;
    const size = readCounter(memory, entry + SLOT_SIZE);
    if (size === 0) continue;
    const flags = readU32(memory, entry + SLOT_FLAGS);
    slots.push({
      id: readU32(memory, entry + SLOT_ID),
      gpa: readCounter(memory, entry + SLOT_GPA),
      size,
      hva: readU32(memory, entry + SLOT_HVA),
      readonly: (flags & KVM_MEM_READONLY) !== 0,
      logDirty: (flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0,
      bitmap: readU32(memory, entry + SLOT_BITMAP),
    });
  }
  return slots.sort((a, b) => a.gpa - b.gpa);
}

/** One stretch of guest-physical space: a slot, or a hole where every access is an MMIO exit. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly slot: Slot | undefined;
  /** Share of the drawing, 0 to 1; the shares of all stretches sum to 1. */
  readonly share: number;
  /** True when the stretch is drawn smaller or larger than its size. */
  readonly compressed: boolean;
}

/** End of what is drawn: 4 GiB, or the end of the highest slot. */
const SPACE = 2 ** 32;
/** What a hole takes of the drawing at most, and what the smallest stretch needs to be seen. */
const HOLE_SHARE = 0.16;
const LEAST_SHARE = 0.07;

/** Guest-physical space from 0, slots to scale with one another, holes compressed to a fixed share. */
export function addressSpace(slots: readonly Slot[]): Stretch[] {
  const raw: { start: number; end: number; slot: Slot | undefined }[] = [];
  let at = 0;
  for (const slot of slots) {
    if (slot.gpa > at) raw.push({ start: at, end: slot.gpa, slot: undefined });
    raw.push({ start: slot.gpa, end: slot.gpa + slot.size, slot });
    at = slot.gpa + slot.size;
  }
  if (at < SPACE) raw.push({ start: at, end: SPACE, slot: undefined });
  const backed = slots.reduce((sum, slot) => sum + slot.size, 0) || 1;
  const wanted = raw.map((part) => {
    const size = part.end - part.start;
    const toScale = size / backed;
    if (!part.slot)
      return { weight: Math.max(LEAST_SHARE, Math.min(HOLE_SHARE, toScale)), scaled: toScale <= HOLE_SHARE };
    return { weight: Math.max(LEAST_SHARE, toScale), scaled: toScale >= LEAST_SHARE };
  });
  const total = wanted.reduce((sum, part) => sum + part.weight, 0);
  return raw.map((part, index) => ({
    ...part,
    share: (wanted[index]?.weight ?? 0) / total,
    compressed: !wanted[index]?.scaled,
  }));
}

/** Where a guest-physical address lies in the machine's memory; undefined in a hole. */
export function hvaOf(slots: readonly Slot[], gpa: number): number | undefined {
  const slot = slots.find((each) => gpa >= each.gpa && gpa < each.gpa + each.size);
  return slot && slot.hva + (gpa - slot.gpa);
}

/** Up to `length` bytes of guest memory, copied; fewer where the slot ends, none in a hole. */
export function readGuest(
  memory: MachineMemory,
  slots: readonly Slot[],
  gpa: number,
  length: number,
): Uint8Array {
  const slot = slots.find((each) => gpa >= each.gpa && gpa < each.gpa + each.size);
  if (!slot) return new Uint8Array();
  const hva = slot.hva + (gpa - slot.gpa);
  return memory.bytes.slice(hva, hva + Math.min(length, slot.gpa + slot.size - gpa));
}

/** Pages of a slot. */
export function pagesOf(slot: Slot): number {
  return Math.ceil(slot.size / PAGE_SIZE);
}
