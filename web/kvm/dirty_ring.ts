// Dirty rings: each vCPU lists the pages it writes, and the host takes them from there (KVM_CAP_DIRTY_LOG_RING). The core's
// side is assembly/memory/dirty_ring.ts; what nobody who runs has written stays in the slots' bitmaps.

import {
  DIRTY_GFN_F_DIRTY,
  DIRTY_GFN_F_RESET,
  DIRTY_GFN_SIZE,
  DIRTY_RING_BYTES,
  DIRTY_RING_RESERVED,
  PAGE_SIZE,
  VCPU_DIRTY_RING,
  VM_DIRTY_RING,
  VM_SLOT_LOCK,
} from '../../assembly/abi/map.ts';
import { REQ_FLUSH_WRITE_TLB, V_RING_DIRTY, V_RING_RESET } from '../../assembly/abi/vcpu_page.ts';
import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { requestAll } from './requests.ts';
import { bitmapBytes, slot } from './slots.ts';
import { vcpuArea, vcpuIds, vcpuPage } from './vm_page.ts';

/** Page offset of the ring in the mmap of a vCPU (asm/kvm.h). */
export const KVM_DIRTY_LOG_PAGE_OFFSET = 64;

/** What KVM_CHECK_EXTENSION says of the rings: their largest size in bytes (Linux has room for 1 MiB). */
export const DIRTY_RING_MAX = DIRTY_RING_BYTES;

/** Entries of each vCPU's ring, 0 when the VM notes dirty pages in bitmaps. */
export function dirtyRingEntries(memory: MachineMemory): number {
  return memory.load(memory.vm + VM_DIRTY_RING);
}

/**
 * KVM_CAP_DIRTY_LOG_RING and _ACQ_REL: each vCPU to come has a ring of `bytes` bytes. EINVAL when that is no power of two,
 * less than a page, when the rings are on already or a vCPU exists; E2BIG above what checkExtension says.
 */
export function enableDirtyRing(memory: MachineMemory, bytes: bigint): void {
  if (bytes === 0n || (bytes & (bytes - 1n)) !== 0n) {
    throw new KvmError('EINVAL', `a ring of ${bytes} bytes cannot be made; give a power of two.`);
  }
  const least = Math.max(PAGE_SIZE, DIRTY_RING_RESERVED * DIRTY_GFN_SIZE);
  if (bytes < least) throw new KvmError('EINVAL', `a dirty ring has at least ${least} bytes.`);
  if (bytes > DIRTY_RING_MAX)
    throw new KvmError('E2BIG', `a dirty ring has at most ${DIRTY_RING_MAX} bytes.`);
  memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    if (dirtyRingEntries(memory) !== 0) {
      throw new KvmError('EINVAL', 'this VM has dirty rings already; their size stays.');
    }
    if (vcpuIds(memory).length > 0) {
      throw new KvmError(
        'EINVAL',
        'vCPUs exist already; enable the dirty rings before the first createVcpu.',
      );
    }
    memory.store(memory.vm + VM_DIRTY_RING, Number(bytes) / DIRTY_GFN_SIZE);
  });
}

/** The page may be listed again: its bit in the bitmap of listed pages is cleared. An entry of a slot that is gone says nothing. */
function rearm(memory: MachineMemory, id: number, page: bigint): void {
  const found = slot(memory, id);
  if (!found || found.bitmap === 0 || page >= BigInt(found.size / PAGE_SIZE)) return;
  const number = Number(page);
  const listed = found.bitmap + bitmapBytes(found.size);
  memory.and(listed + (number >>> 5) * 4, ~(1 << (number & 31)));
}

function resetRing(memory: MachineMemory, id: number, entries: number): number {
  const v = vcpuPage(memory, id);
  const ring = vcpuArea(memory, id) + VCPU_DIRTY_RING;
  const first = memory.load(v + V_RING_RESET);
  let next = first;
  while (next !== memory.load(v + V_RING_DIRTY)) {
    const entry = ring + (next % entries) * DIRTY_GFN_SIZE;
    if ((memory.load(entry) & DIRTY_GFN_F_RESET) === 0) break;
    rearm(memory, memory.u32(entry + 4), memory.u64(entry + 8));
    memory.store(entry, 0);
    next = (next + 1) >>> 0;
  }
  memory.store(v + V_RING_RESET, next);
  return (next - first) >>> 0;
}

/**
 * KVM_RESET_DIRTY_RINGS: takes back the entries that were harvested, in every vCPU's ring, and notes the next store to
 * their pages again. Returns their number. Read the pages after it: until it returns, stores to them are not noted.
 * EINVAL when the VM has no rings.
 */
export function resetDirtyRings(memory: MachineMemory): number {
  const entries = dirtyRingEntries(memory);
  if (entries === 0) {
    throw new KvmError('EINVAL', 'this VM has no dirty rings; enable KVM_CAP_DIRTY_LOG_RING first.');
  }
  return memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    let count = 0;
    for (const id of vcpuIds(memory)) count += resetRing(memory, id, entries);
    if (count > 0) requestAll(memory, REQ_FLUSH_WRITE_TLB);
    return count;
  });
}

/** A page that a vCPU has written. */
export interface DirtyGfn {
  readonly slot: number;
  /** Number of the page in its slot. */
  readonly page: number;
}

/** A view of one vCPU's ring, as a VMM has it mapped. */
export class DirtyRing {
  /** Number of entries of 16 bytes (struct kvm_dirty_gfn). */
  readonly entries: number;
  /** Offset of the ring in the VM's memory. */
  readonly offset: number;
  readonly #memory: MachineMemory;
  readonly #page: number;

  /** Made by Vcpu. */
  constructor(memory: MachineMemory, id: number) {
    this.entries = dirtyRingEntries(memory);
    this.offset = vcpuArea(memory, id) + VCPU_DIRTY_RING;
    this.#memory = memory;
    this.#page = vcpuPage(memory, id);
  }

  /** The entries as bytes, shared. */
  get bytes(): Uint8Array {
    return this.#memory.bytes(this.offset, this.entries * DIRTY_GFN_SIZE);
  }

  /** Whether `harvest` would find a page. */
  get isDirty(): boolean {
    const memory = this.#memory;
    const first = memory.load(this.#page + V_RING_RESET);
    for (let seen = 0; seen < this.entries; seen++) {
      const flags = memory.load(this.offset + (((first + seen) >>> 0) % this.entries) * DIRTY_GFN_SIZE);
      if ((flags & DIRTY_GFN_F_RESET) === 0) return (flags & DIRTY_GFN_F_DIRTY) !== 0;
    }
    return false;
  }

  /**
   * The pages listed since the last harvest, oldest first, at most `limit`; marks their entries KVM_DIRTY_GFN_F_RESET.
   * KVM_RESET_DIRTY_RINGS then makes room. One thread at a time.
   */
  harvest(limit = this.entries): DirtyGfn[] {
    const found: DirtyGfn[] = [];
    const memory = this.#memory;
    let next = memory.load(this.#page + V_RING_RESET);
    for (let seen = 0; seen < this.entries && found.length < limit; seen++, next = (next + 1) >>> 0) {
      const entry = this.offset + (next % this.entries) * DIRTY_GFN_SIZE;
      const flags = memory.load(entry);
      if (flags & DIRTY_GFN_F_RESET) continue;
      if ((flags & DIRTY_GFN_F_DIRTY) === 0) break;
      found.push({ slot: memory.u32(entry + 4), page: Number(memory.u64(entry + 8)) });
      memory.store(entry, flags | DIRTY_GFN_F_RESET);
    }
    return found;
  }
}
