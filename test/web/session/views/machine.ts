// A machine's memory filled by hand in its real layout, for the tests of the views. No core runs in it.
import {
  SLOT_BITMAP,
  SLOT_ENTRY_SIZE,
  SLOT_FLAGS,
  SLOT_GPA,
  SLOT_HVA,
  SLOT_ID,
  SLOT_SIZE,
  TRACE_ENTRIES,
  TRACE_ENTRY_SIZE,
  TRACE_HEADER,
  TRACE_RING,
  VCPU_BASE,
  VCPU_STRIDE,
  VM_LAYOUT_VERSION,
  VM_MAGIC,
  VM_MAGIC_VALUE,
  VM_PAGE,
  VM_SLOT_COUNT,
  VM_SLOTS,
  VM_VCPUS,
  VM_VERSION,
} from '../../../../assembly/abi/map.ts';
import { type MachineMemory, memoryOf, vcpuPage } from '../../../../web/session/views/memory.ts';

/** A memory with `vcpus` vCPUs and 1 MiB of room behind them, which starts at `heap`. */
export function machine(vcpus = 1) {
  const heap = VCPU_BASE + vcpus * VCPU_STRIDE;
  const memory = memoryOf(new ArrayBuffer(heap + 0x100000));
  u32(memory, VM_PAGE + VM_MAGIC, VM_MAGIC_VALUE);
  u32(memory, VM_PAGE + VM_VERSION, VM_LAYOUT_VERSION);
  u32(memory, VM_PAGE + VM_VCPUS, 2 ** vcpus - 1);
  return { memory, heap };
}

export function u32(memory: MachineMemory, offset: number, value: number): void {
  memory.data.setUint32(offset, value >>> 0, true);
}

export function u64(memory: MachineMemory, offset: number, value: bigint): void {
  memory.data.setBigUint64(offset, BigInt.asUintN(64, value), true);
}

/** Writes words of a vCPU page: `{ [V_RIP]: 0x7c00n }`; bigints are u64, numbers u32. */
export function setVcpu(memory: MachineMemory, vcpu: number, words: Record<number, number | bigint>): void {
  for (const [offset, value] of Object.entries(words)) {
    const at = vcpuPage(vcpu) + Number(offset);
    if (typeof value === 'bigint') u64(memory, at, value);
    else u32(memory, at, value);
  }
}

export function addSlot(
  memory: MachineMemory,
  id: number,
  slot: { gpa: number; size: number; hva?: number; flags?: number; bitmap?: number },
): void {
  const entry = VM_PAGE + VM_SLOTS + id * SLOT_ENTRY_SIZE;
  u64(memory, entry + SLOT_GPA, BigInt(slot.gpa));
  u64(memory, entry + SLOT_SIZE, BigInt(slot.size));
  u32(memory, entry + SLOT_HVA, slot.hva ?? 0);
  u32(memory, entry + SLOT_FLAGS, slot.flags ?? 0);
  u32(memory, entry + SLOT_BITMAP, slot.bitmap ?? 0);
  u32(memory, entry + SLOT_ID, id);
  const count = VM_PAGE + VM_SLOT_COUNT;
  u32(memory, count, Math.max(memory.data.getUint32(count, true), id + 1));
}

/** Appends an exit as a machine does; `union` are the first bytes of kvm_run's exit union. */
export function addExit(
  memory: MachineMemory,
  exit: {
    vcpu?: number;
    reason: number;
    union?: number[];
    claimed?: boolean;
    repeats?: number;
    time?: bigint;
  },
): void {
  const number = memory.data.getUint32(TRACE_RING, true);
  const entry = TRACE_RING + TRACE_HEADER + (number % TRACE_ENTRIES) * TRACE_ENTRY_SIZE;
  u64(memory, entry, exit.time ?? 0n);
  u32(memory, entry + 8, exit.vcpu ?? 0);
  u32(memory, entry + 12, exit.reason);
  memory.bytes.set(exit.union ?? [], entry + 16);
  u32(memory, entry + 56, exit.claimed === false ? 0 : 1);
  u32(memory, entry + 60, exit.repeats ?? 1);
  u32(memory, TRACE_RING, number + 1);
}
