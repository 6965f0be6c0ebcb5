// What of a VM's memory is only a trace of how its guest was executed: TLBs, decoded and compiled code, code marks, scratch of
// the instruction in hand. A snapshot leaves it out, and two machines that did the same may differ in it.

import { V_FLOAT, V_FLOAT_FLAGS, V_FLOAT_RESULT } from '../../assembly/abi/fpu.ts';
import {
  PAGE_FLAGS,
  VCPU_BASE,
  VCPU_DERIVED,
  VCPU_STRIDE,
  VM_HEAT,
  VM_JIT_BYTES,
  VM_MAX_VCPUS,
} from '../../assembly/abi/map.ts';
import { V_STOPPED_BEHIND } from '../../assembly/abi/pv.ts';
import {
  CHANGES,
  CLEAN_ENTRIES,
  LF_EXPLICIT,
  V_BLOCK_EPOCH,
  V_BLOCKS_TOP,
  V_CHANGES,
  V_CLEAN,
  V_CODE_HEAD,
  V_CODE_TAIL,
  V_CURRENT_RECORD,
  V_FETCH,
  V_JIT_FIELDS,
  V_JIT_RIP,
  V_LF_CF,
  V_LF_KIND,
  V_RFLAGS,
  V_SCRATCH,
  V_SCRATCH_BYTES,
  V_SCRATCH_HVA,
  V_STAT_BLOCKS,
  V_STAT_TLB_MISSES,
  V_TIMER_NEXT,
  V_WALK_FLAGS,
  V_WALK_GPA,
} from '../../assembly/abi/vcpu_page.ts';
import { readRflags } from './flags.ts';
import type { MachineMemory } from './memory.ts';
import { vcpuArea, vcpuIds, vcpuPage } from './vm_page.ts';

/** Fields of a vCPU page: offset and bytes. */
const FIELDS: readonly (readonly [at: number, bytes: number])[] = [
  // V_LF_CF to V_LF_RES.
  [V_LF_CF, 28],
  // With the V_COMMIT_* behind it.
  [V_SCRATCH, 0x60],
  [V_FETCH, 32],
  [V_BLOCKS_TOP, 4],
  [V_CODE_TAIL, 4],
  // With V_CODE_LOST behind it.
  [V_CODE_HEAD, 8],
  [V_WALK_GPA, 8],
  [V_WALK_FLAGS, 4],
  [V_STAT_BLOCKS, 8],
  [V_STAT_TLB_MISSES, 8],
  [V_CURRENT_RECORD, 4],
  [V_BLOCK_EPOCH, 4],
  [V_CLEAN, CLEAN_ENTRIES * 8],
  [V_CHANGES, CHANGES * 8],
  [V_SCRATCH_HVA, 4],
  [V_SCRATCH_BYTES, 4],
  [V_JIT_RIP, V_JIT_FIELDS],
  [V_STOPPED_BEHIND, 4],
  // With V_TIMER_BUDGET behind it.
  [V_TIMER_NEXT, 12],
  [V_FLOAT_FLAGS, 4],
  // With V_X87_WORD to V_X87_Z behind it.
  [V_FLOAT_RESULT, 0x80],
  [V_FLOAT, 0x400],
];

/** The ranges of the memory, page by page, that are derived: from, to. */
export function derivedRanges(memory: MachineMemory): (readonly [from: number, to: number])[] {
  const areas = Array.from({ length: memory.u32(memory.vm + VM_MAX_VCPUS) }, (_, id) => vcpuArea(memory, id));
  return [
    [PAGE_FLAGS, VCPU_BASE],
    ...areas.map((area) => [area + VCPU_DERIVED, area + VCPU_STRIDE] as const),
  ];
}

/**
 * Clears in `copy`, a copy of the whole memory, what is derived, and whether blocks are compiled (Vm.compileAfter). Lazy flags
 * become EFLAGS. The vCPUs must stand.
 */
export function clearDerived(memory: MachineMemory, copy: Uint8Array): void {
  const view = new DataView(copy.buffer, copy.byteOffset, copy.length);
  for (const [from, to] of derivedRanges(memory)) copy.fill(0, from, to);
  view.setUint32(memory.vm + VM_HEAT, 0, true);
  view.setUint32(memory.vm + VM_JIT_BYTES, 0, true);
  for (const id of vcpuIds(memory)) {
    const v = vcpuPage(memory, id);
    view.setUint32(v + V_RFLAGS, readRflags(memory, v), true);
    view.setUint32(v + V_LF_KIND, LF_EXPLICIT, true);
    for (const [at, bytes] of FIELDS) copy.fill(0, v + at, v + at + bytes);
  }
}
