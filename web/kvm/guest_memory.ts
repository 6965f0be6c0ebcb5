// Guest-physical memory for the host: copies in and out of an address space, piece by piece through the slots. It knows no translation.

import { place } from './aliases.ts';
import { hostWritten } from './dirty_log.ts';
import type { MachineMemory } from './memory.ts';

/** Calls `piece` with the memory behind each part of [gpa, gpa + length); returns the bytes that no slot holds any more. */
function eachPiece(
  memory: MachineMemory,
  gpa: bigint,
  length: number,
  space: number,
  piece: (bytes: Uint8Array, done: number) => void,
): number {
  let done = 0;
  while (done < length) {
    const at = gpa + BigInt(done);
    const found = place(memory, at, space);
    if (!found) break;
    const part = Math.min(length - done, found.left);
    piece(memory.bytes(found.slot.hva + found.offset, part), done);
    done += part;
  }
  return length - done;
}

/**
 * Copies `data` to guest-physical `gpa`, marking the dirty log and stale code; a read-only slot is written too, as
 * KVM's userspace may. Returns the number of bytes NOT copied: those from the first address that no slot holds.
 */
export function copyToGuest(memory: MachineMemory, gpa: bigint, data: Uint8Array, space = 0): number {
  const left = eachPiece(memory, gpa, data.length, space, (bytes, done) => {
    bytes.set(data.subarray(done, done + bytes.length));
  });
  hostWritten(memory, gpa, data.length - left, space);
  return left;
}

/** Copies guest-physical `gpa` into `data`. Returns the number of bytes NOT copied. */
export function copyFromGuest(memory: MachineMemory, gpa: bigint, data: Uint8Array, space = 0): number {
  return eachPiece(memory, gpa, data.length, space, (bytes, done) => {
    data.set(bytes, done);
  });
}

/** Offset in the VM's memory of `gpa`, when one slot holds all of `length` bytes there; undefined otherwise. */
export function hvaOf(memory: MachineMemory, gpa: bigint, length = 1, space = 0): number | undefined {
  const found = place(memory, gpa, space);
  return found && length <= found.left ? found.slot.hva + found.offset : undefined;
}

/** A physical read as the page walk does it in an address space; undefined where no slot is. */
export function readPhysical(
  memory: MachineMemory,
  gpa: bigint,
  bytes: 4 | 8,
  space: number,
): bigint | undefined {
  const hva = hvaOf(memory, gpa, bytes, space);
  if (hva === undefined) return undefined;
  memory.view(hva + bytes);
  return bytes === 8 ? memory.u64(hva) : BigInt(memory.u32(hva));
}
