// The slot table: which guest-physical addresses are which bytes of the memory, by the rules of KVM. No dirty log.

import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY } from '../../assembly/abi/kvm_run.ts';
import {
  MANUAL_INITIALLY_SET,
  MAX_SLOTS,
  PAGE_SIZE,
  SLOT_BITMAP,
  SLOT_BITMAP_HOME,
  SLOT_ENTRY_SIZE,
  SLOT_FLAGS,
  SLOT_GPA,
  SLOT_HVA,
  SLOT_ID,
  SLOT_RAM_HOME,
  SLOT_SIZE,
  VM_GENERATION,
  VM_MANUAL_PROTECT,
  VM_SLOT_COUNT,
  VM_SLOT_LOCK,
  VM_SLOTS,
  VM_SMM_SLOT_COUNT,
  VM_SMM_SLOTS,
} from '../../assembly/abi/map.ts';
import { ADDRESS_SPACES, SPACE_SHIFT } from '../../assembly/abi/smm.ts';
import { REQ_FLUSH_TLB } from '../../assembly/abi/vcpu_page.ts';
import { type Input, KvmError, type KvmMemoryRegion, type KvmUserspaceMemoryRegion } from './abi/index.ts';
import { dropAllCode } from './code_marks.ts';
import type { MachineMemory } from './memory.ts';
import { waitForPins } from './pins.ts';
import { requestAll } from './requests.ts';
import { heapAllocate } from './vm_page.ts';

export { ADDRESS_SPACES, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, MAX_SLOTS };

/** One slot as it stands. Sizes and offsets in bytes. */
export interface Slot {
  /** As user space gave it: bits 16 up are its address space. */
  readonly id: number;
  readonly flags: number;
  readonly gpa: bigint;
  readonly size: number;
  /** Offset in the VM's memory: KVM's userspace_addr. */
  readonly hva: number;
  /** Offset of its dirty bitmap, 0 when it logs nothing. */
  readonly bitmap: number;
}

/** Guest-physical addresses that a processor of ours can form: 52 bits (SDM vol. 3, 4.1.4). */
const GPA_LIMIT = 1n << 52n;
const FLAGS_KNOWN = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
const TABLES = [
  { table: VM_SLOTS, count: VM_SLOT_COUNT },
  { table: VM_SMM_SLOTS, count: VM_SMM_SLOT_COUNT },
] as const;

/** The address space of the slot with this id: 0, or 1 for what vCPUs in system management mode see. */
export const spaceOf = (id: number): number => id >>> SPACE_SHIFT;
const isSlotId = (id: number): boolean =>
  Number.isInteger(id) && id >= 0 && spaceOf(id) < ADDRESS_SPACES && (id & 0xffff) < MAX_SLOTS;
const tableOf = (space: number) => TABLES[space as 0 | 1];
const countAt = (memory: MachineMemory, space: number): number => memory.vm + tableOf(space).count;
const entryOf = (memory: MachineMemory, id: number): number =>
  memory.vm + tableOf(spaceOf(id)).table + (id & 0xffff) * SLOT_ENTRY_SIZE;

/** EINVAL for an id that no slot can have: bits 16 up name an address space, and there are two. */
export function checkSlotId(id: number): void {
  if (isSlotId(id)) return;
  if (Number.isInteger(id) && spaceOf(id) >= ADDRESS_SPACES) {
    throw new KvmError(
      'EINVAL',
      `slot ${hex(id)} lies in address space ${spaceOf(id)}; there are 0, and 1 for system management mode.`,
    );
  }
  throw new KvmError(
    'EINVAL',
    `slot ${id} does not exist; an address space has slots 0 to ${MAX_SLOTS - 1}.`,
  );
}

/** The slot with this id, if it exists. */
export function slot(memory: MachineMemory, id: number): Slot | undefined {
  if (!isSlotId(id)) return undefined;
  const entry = entryOf(memory, id);
  // Atomic and first: it is written first when the entry changes, and last when the rest of it stands.
  const size = memory.load(entry + SLOT_SIZE);
  if (size === 0) return undefined;
  return {
    id,
    flags: memory.u32(entry + SLOT_FLAGS),
    gpa: memory.u64(entry + SLOT_GPA),
    size,
    hva: memory.u32(entry + SLOT_HVA),
    bitmap: memory.u32(entry + SLOT_BITMAP),
  };
}

/** Every slot of an address space that exists, by id. */
export function slots(memory: MachineMemory, space = 0): Slot[] {
  const count = memory.load(countAt(memory, space));
  const first = space << SPACE_SHIFT;
  return Array.from({ length: count }, (_, n) => slot(memory, first + n)).filter(
    (found) => found !== undefined,
  );
}

/** Every slot of all address spaces. */
export function allSlots(memory: MachineMemory): Slot[] {
  return TABLES.flatMap((_, space) => slots(memory, space));
}

/** The slot of an address space that holds `gpa`, if one does. */
export function slotAt(memory: MachineMemory, gpa: bigint, space = 0): Slot | undefined {
  const first = space << SPACE_SHIFT;
  const end = first + memory.load(countAt(memory, space));
  for (let id = first; id < end; id++) {
    const entry = entryOf(memory, id);
    const size = memory.load(entry + SLOT_SIZE);
    const base = memory.u64(entry + SLOT_GPA);
    if (gpa >= base && gpa < base + BigInt(size)) return slot(memory, id);
  }
  return undefined;
}

/** What is true of a slot wherever its memory lies. */
function checkRange({ id, flags, gpa, size }: Slot): void {
  const page = BigInt(PAGE_SIZE);
  checkSlotId(id);
  if (flags & ~FLAGS_KNOWN) {
    throw new KvmError(
      'EINVAL',
      `slot flags ${hex(flags)} are not known; KVM_MEM_LOG_DIRTY_PAGES is 1, KVM_MEM_READONLY 2.`,
    );
  }
  if (size % PAGE_SIZE !== 0)
    throw new KvmError('EINVAL', `memory_size ${hex(size)} must be a multiple of 4096.`);
  if (gpa % page !== 0n)
    throw new KvmError('EINVAL', `guest_phys_addr ${hex(gpa)} must be a multiple of 4096.`);
  if (gpa + BigInt(size) > GPA_LIMIT) {
    throw new KvmError(
      'EINVAL',
      `the slot ends at ${hex(gpa + BigInt(size))}, beyond the 52 bits of an address.`,
    );
  }
}

function checkMemory(memory: MachineMemory, { size, hva }: Slot): void {
  if (hva % PAGE_SIZE !== 0)
    throw new KvmError('EINVAL', `userspace_addr ${hex(hva)} must be a multiple of 4096.`);
  if ((hva === 0 && size > 0) || hva + size > memory.size) {
    throw new KvmError(
      'EINVAL',
      `userspace_addr ${hex(hva)} with ${size} bytes lies outside the VM's memory; take it from allocate().`,
    );
  }
}

function checkOverlap(memory: MachineMemory, region: Slot): void {
  const end = region.gpa + BigInt(region.size);
  for (const other of slots(memory, spaceOf(region.id))) {
    if (other.id === region.id) continue;
    if (region.gpa < other.gpa + BigInt(other.size) && other.gpa < end) {
      throw new KvmError(
        'EEXIST',
        `slot ${region.id} at ${hex(region.gpa)} overlaps slot ${other.id} at ${hex(other.gpa)}; delete or move that one first.`,
      );
    }
  }
}

function checkChange(old: Slot, next: Slot): void {
  if (old.size !== next.size) {
    throw new KvmError(
      'EINVAL',
      `slot ${old.id} has ${old.size} bytes and cannot be resized; delete it and make it anew.`,
    );
  }
  if (old.hva !== next.hva) {
    throw new KvmError(
      'EINVAL',
      `slot ${old.id} keeps its userspace_addr ${hex(old.hva)}; delete it and make it anew.`,
    );
  }
  if ((old.flags ^ next.flags) & KVM_MEM_READONLY) {
    throw new KvmError(
      'EINVAL',
      `slot ${old.id} keeps its KVM_MEM_READONLY flag; delete it and make it anew.`,
    );
  }
}

/** Room for `bytes` bytes whose offset and size are kept in the two words at `home`, so that it is used again. */
function roomFor(memory: MachineMemory, home: number, bytes: number, align?: number): number {
  if (memory.u32(home + 4) < bytes) {
    memory.setU32(home, heapAllocate(memory, bytes, align));
    memory.setU32(home + 4, bytes);
  }
  return memory.u32(home);
}

/**
 * Offset of a new bitmap for `size` bytes of slot `id`: no page is dirty, or each one with MANUAL_INITIALLY_SET. The room
 * of an earlier one is used again.
 */
function bitmapFor(memory: MachineMemory, id: number, size: number): number {
  // The log itself, and behind it which pages a dirty ring lists already.
  const home = roomFor(memory, entryOf(memory, id) + SLOT_BITMAP_HOME, 2 * bitmapBytes(size), 64);
  const initiallySet = memory.load(memory.vm + VM_MANUAL_PROTECT) & MANUAL_INITIALLY_SET;
  const bitmap = memory.bytes(home, 2 * bitmapBytes(size)).fill(0);
  if (initiallySet) {
    const pages = size / PAGE_SIZE;
    bitmap.fill(0xff, 0, pages >>> 3);
    if (pages % 8) bitmap[pages >>> 3] = (1 << (pages % 8)) - 1;
  }
  return home;
}

/** Bytes of the dirty bitmap of a slot of `size` bytes: a bit a page, in whole 64-bit words, as KVM returns it. */
export function bitmapBytes(size: number): number {
  return Math.ceil(size / PAGE_SIZE / 64) * 8;
}

/**
 * Makes the table's new state true for everybody: caches of slots compare the generation, TLBs are flushed, and modules
 * that are in the middle of a copy end it first.
 */
export function publish(memory: MachineMemory): void {
  memory.add(memory.vm + VM_GENERATION, 1);
  requestAll(memory, REQ_FLUSH_TLB);
  waitForPins(memory);
}

/** Writes the size of an entry at once: 0 takes the entry away, another value makes the rest of it true. */
export function storeSize(memory: MachineMemory, at: number, size: bigint): void {
  Atomics.store(new BigInt64Array(memory.wasm.buffer), at >>> 3, size);
}

function install(memory: MachineMemory, region: Slot): void {
  const entry = entryOf(memory, region.id);
  memory.setU64(entry + SLOT_GPA, region.gpa);
  memory.setU32(entry + SLOT_HVA, region.hva);
  memory.setU32(entry + SLOT_FLAGS, region.flags);
  memory.setU32(entry + SLOT_ID, region.id);
  memory.store(entry + SLOT_BITMAP, region.bitmap);
  // The size comes last: an entry without a size is no slot.
  storeSize(memory, entry + SLOT_SIZE, BigInt(region.size));
  const count = countAt(memory, spaceOf(region.id));
  const number = region.id & 0xffff;
  if (number >= memory.load(count)) memory.store(count, number + 1);
}

function remove(memory: MachineMemory, id: number): void {
  storeSize(memory, entryOf(memory, id) + SLOT_SIZE, 0n);
  const first = spaceOf(id) << SPACE_SHIFT;
  const at = countAt(memory, spaceOf(id));
  let count = memory.load(at);
  while (count > 0 && memory.u64(entryOf(memory, first + count - 1) + SLOT_SIZE) === 0n) count--;
  memory.store(at, count);
  publish(memory);
  // After that, since a copy that has found the slot marks its log.
  memory.store(entryOf(memory, id) + SLOT_BITMAP, 0);
}

function number(value: bigint | number | undefined, name: string): number {
  const whole = BigInt(value ?? 0);
  if (whole < 0n || whole > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new KvmError('EINVAL', `${name} ${hex(whole)} is more than this VM's memory can hold.`);
  }
  return Number(whole);
}

/**
 * KVM_SET_USER_MEMORY_REGION: creates, moves, deletes (memory_size 0) a slot or changes its flags, while vCPUs run. Bits 16 up of
 * its number are its address space; slots of different spaces may overlap.
 *
 * EINVAL for unknown flags, unaligned or absurd addresses, a resize, a new userspace_addr or KVM_MEM_READONLY of an
 * existing slot, and the deletion of one that does not exist; EEXIST when it would overlap another slot; ENOMEM when
 * there is no room for its dirty bitmap. When it returns, no vCPU and no module uses the old state any more.
 */
export function setUserMemoryRegion(memory: MachineMemory, given: Input<KvmUserspaceMemoryRegion>): void {
  const region: Slot = {
    id: given.slot ?? 0,
    flags: given.flags ?? 0,
    gpa: BigInt.asUintN(64, BigInt(given.guest_phys_addr ?? 0)),
    size: number(given.memory_size, 'memory_size'),
    hva: number(given.userspace_addr, 'userspace_addr'),
    bitmap: 0,
  };
  checkRange(region);
  checkMemory(memory, region);
  memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    const old = slot(memory, region.id);
    if (region.size === 0) {
      if (!old) throw new KvmError('EINVAL', `slot ${region.id} does not exist, so it cannot be deleted.`);
      remove(memory, region.id);
      return;
    }
    if (old) checkChange(old, region);
    if (old && old.gpa === region.gpa && old.flags === region.flags) return;
    checkOverlap(memory, region);
    const logs = (region.flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0;
    // A log goes with its slot when that moves.
    const bitmap = logs ? old?.bitmap || bitmapFor(memory, region.id, region.size) : 0;
    // A moved slot is nowhere for a moment, so that no vCPU sees half of the change.
    if (old && old.gpa !== region.gpa) remove(memory, region.id);
    // While no slot was there, whoever has the memory has written what he liked.
    if (!old) dropAllCode(memory, region.hva, region.size);
    install(memory, { ...region, bitmap });
    publish(memory);
  });
}

/**
 * KVM_SET_MEMORY_REGION of Linux 2.6.20, where the kernel had the memory: as KVM_SET_USER_MEMORY_REGION, but a new slot gets
 * zeroed memory of the VM's own (`slot(id).hva`), which a later slot of this number uses again. ENOMEM besides.
 */
export function setMemoryRegion(memory: MachineMemory, given: Input<KvmMemoryRegion>): void {
  const region: Slot = {
    id: given.slot ?? 0,
    flags: given.flags ?? 0,
    gpa: BigInt.asUintN(64, BigInt(given.guest_phys_addr ?? 0)),
    size: number(given.memory_size, 'memory_size'),
    hva: 0,
    bitmap: 0,
  };
  checkRange(region);
  const { id, size } = region;
  let hva = slot(memory, id)?.hva ?? 0;
  if (hva === 0 && size > 0) {
    hva = roomFor(memory, entryOf(memory, id) + SLOT_RAM_HOME, size);
    memory.bytes(hva, size).fill(0);
  }
  setUserMemoryRegion(memory, { ...given, userspace_addr: size === 0 ? 0 : hva });
}
