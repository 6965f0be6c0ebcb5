// Aliases: guest-physical ranges that mean another range (KVM_SET_MEMORY_ALIAS of Linux 2.6.20 to 2.6.35), and what lies
// behind an address after them. They are older than address spaces and of space 0. The core's side is assembly/memory/slots.ts.

import {
  ALIAS_ENTRY_SIZE,
  ALIAS_FLAGS,
  ALIAS_GPA,
  ALIAS_SIZE,
  ALIAS_TARGET,
  MAX_ALIASES,
  PAGE_SIZE,
  VM_ALIAS_COUNT,
  VM_ALIASES,
  VM_SLOT_LOCK,
} from '../../assembly/abi/map.ts';
import { type Input, KvmError, type KvmMemoryAlias } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { publish, type Slot, slotAt, storeSize } from './slots.ts';

const entryOf = (memory: MachineMemory, id: number): number => memory.vm + VM_ALIASES + id * ALIAS_ENTRY_SIZE;
const ADDRESSES = 1n << 64n;

function checkId(id: number): void {
  if (Number.isInteger(id) && id >= 0 && id < MAX_ALIASES) return;
  throw new KvmError('EINVAL', `alias ${id} does not exist; aliases are 0 to ${MAX_ALIASES - 1}.`);
}

function checkAlias({ slot, guest_phys_addr, memory_size, target_phys_addr }: KvmMemoryAlias): void {
  checkId(slot);
  const parts = { guest_phys_addr, memory_size, target_phys_addr };
  for (const [name, value] of Object.entries(parts)) {
    if (value % BigInt(PAGE_SIZE) === 0n) continue;
    throw new KvmError('EINVAL', `${name} 0x${value.toString(16)} must be a multiple of 4096.`);
  }
  for (const start of [guest_phys_addr, target_phys_addr]) {
    if (start + memory_size < ADDRESSES) continue;
    throw new KvmError('EINVAL', `the range at 0x${start.toString(16)} goes beyond the last address.`);
  }
}

/** The alias with this number: memory_size 0 when it is not in use. EINVAL for a number that no alias can have. */
export function getMemoryAlias(memory: MachineMemory, id: number): KvmMemoryAlias {
  checkId(id);
  const entry = entryOf(memory, id);
  return {
    slot: id,
    flags: memory.u32(entry + ALIAS_FLAGS),
    guest_phys_addr: memory.u64(entry + ALIAS_GPA),
    memory_size: memory.u64(entry + ALIAS_SIZE),
    target_phys_addr: memory.u64(entry + ALIAS_TARGET),
  };
}

/**
 * KVM_SET_MEMORY_ALIAS: `memory_size` bytes at guest_phys_addr mean those at target_phys_addr, whatever slot is there; size
 * 0 ends it. Where two aliases overlap the lower number holds, and a target is not looked up among the aliases again, as
 * on Linux. `flags` are kept and mean nothing. EINVAL for a number above 3, unaligned parts and a range that wraps.
 */
export function setMemoryAlias(memory: MachineMemory, given: Input<KvmMemoryAlias>): void {
  const wide = (value: bigint | number | undefined): bigint => BigInt.asUintN(64, BigInt(value ?? 0));
  const alias: KvmMemoryAlias = {
    slot: given.slot ?? 0,
    flags: given.flags ?? 0,
    guest_phys_addr: wide(given.guest_phys_addr),
    memory_size: wide(given.memory_size),
    target_phys_addr: wide(given.target_phys_addr),
  };
  checkAlias(alias);
  memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    const entry = entryOf(memory, alias.slot);
    // As a slot that moves: nowhere for a moment, so that no vCPU sees half of the change.
    storeSize(memory, entry + ALIAS_SIZE, 0n);
    publish(memory);
    memory.setU64(entry + ALIAS_GPA, alias.guest_phys_addr);
    memory.setU64(entry + ALIAS_TARGET, alias.target_phys_addr);
    memory.setU32(entry + ALIAS_FLAGS, alias.flags);
    storeSize(memory, entry + ALIAS_SIZE, alias.memory_size);
    let count = MAX_ALIASES;
    while (count > 0 && memory.u64(entryOf(memory, count - 1) + ALIAS_SIZE) === 0n) count--;
    memory.store(memory.vm + VM_ALIAS_COUNT, count);
    publish(memory);
  });
}

/** What `gpa` means after the aliases, and the first address above it that may mean something that does not follow. */
function unalias(memory: MachineMemory, gpa: bigint): { at: bigint; end: bigint } {
  const count = memory.load(memory.vm + VM_ALIAS_COUNT);
  let end = ADDRESSES;
  for (let id = 0; id < count; id++) {
    const size = memory.u64(entryOf(memory, id) + ALIAS_SIZE);
    const start = memory.u64(entryOf(memory, id) + ALIAS_GPA);
    if (gpa >= start && gpa < start + size) {
      const at = memory.u64(entryOf(memory, id) + ALIAS_TARGET) + (gpa - start);
      return { at, end: start + size < end ? start + size : end };
    }
    if (size !== 0n && start > gpa && start < end) end = start;
  }
  return { at: gpa, end };
}

/** Where a guest-physical address lies. */
export interface Place {
  readonly slot: Slot;
  /** Bytes from the slot's start. */
  readonly offset: number;
  /** Bytes that follow one another in the memory from there on. */
  readonly left: number;
}

/** The slot of an address space behind `gpa`; in space 0 aliases are followed. Undefined when there is none. */
export function place(memory: MachineMemory, gpa: bigint, space = 0): Place | undefined {
  const { at, end } = space === 0 ? unalias(memory, gpa) : { at: gpa, end: ADDRESSES };
  const slot = slotAt(memory, at, space);
  if (!slot) return undefined;
  const offset = Number(at - slot.gpa);
  return { slot, offset, left: Math.min(slot.size - offset, Number(end - gpa)) };
}
