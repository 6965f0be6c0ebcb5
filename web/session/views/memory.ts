// A machine's memory as the views read it: one DataView and one byte array over the same buffer. It writes nothing.

import {
  MAX_VCPUS,
  VCPU_BASE,
  VCPU_PAGE,
  VCPU_STRIDE,
  VM_LAYOUT_VERSION,
  VM_MAGIC,
  VM_MAGIC_VALUE,
  VM_PAGE,
  VM_VCPUS,
  VM_VERSION,
} from '../../../assembly/abi/map.ts';

/** The memory that every view of this folder takes; `memoryOf` makes it. */
export interface MachineMemory {
  readonly data: DataView;
  readonly bytes: Uint8Array;
}

/** Some bytes of the machine's memory. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

const known = new WeakMap<ArrayBufferLike, MachineMemory>();

/** The views' side of a session's `memory()`; the same buffer gives the same object. */
export function memoryOf(buffer: ArrayBufferLike): MachineMemory {
  const before = known.get(buffer);
  if (before) return before;
  const memory = { data: new DataView(buffer), bytes: new Uint8Array(buffer) };
  known.set(buffer, memory);
  return memory;
}

/** True when the memory holds a machine of the layout that these views know. */
export function isMachine(memory: MachineMemory): boolean {
  return (
    memory.data.byteLength >= VCPU_BASE &&
    readU32(memory, VM_PAGE + VM_MAGIC) === VM_MAGIC_VALUE &&
    readU32(memory, VM_PAGE + VM_VERSION) === VM_LAYOUT_VERSION
  );
}

/** The u32 at an offset in the memory. */
export function readU32(memory: MachineMemory, offset: number): number {
  return memory.data.getUint32(offset, true);
}

/** The u64 at an offset in the memory. */
export function readU64(memory: MachineMemory, offset: number): bigint {
  return memory.data.getBigUint64(offset, true);
}

/** The u64 at an offset as a number; exact below 2^53, which no counter of ours passes. */
export function readCounter(memory: MachineMemory, offset: number): number {
  return readU32(memory, offset) + readU32(memory, offset + 4) * 2 ** 32;
}

/** Offset of what a vCPU has in the memory: its run page first. */
export function vcpuArea(vcpu: number): number {
  return VCPU_BASE + vcpu * VCPU_STRIDE;
}

/** Offset of a vCPU's page of live registers. */
export function vcpuPage(vcpu: number): number {
  return vcpuArea(vcpu) + VCPU_PAGE;
}

/** Ids of the vCPUs that exist, lowest first. */
export function vcpuIds(memory: MachineMemory): number[] {
  const bitmap = readU32(memory, VM_PAGE + VM_VCPUS);
  const ids: number[] = [];
  for (let id = 0; id < MAX_VCPUS; id++) {
    if ((bitmap >>> id) & 1) ids.push(id);
  }
  return ids;
}
