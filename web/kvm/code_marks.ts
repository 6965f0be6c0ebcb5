// Marks of decoded code, from outside the core: whoever has written guest memory without it takes them away. What they mean is
// told in assembly/memory/code_marks.ts.

import {
  CODE_LINES,
  PAGE_FLAGS,
  PAGE_HOLDS_CODE,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_WATCHED,
} from '../../assembly/abi/map.ts';
import { CODE_QUEUE_MAX, REQ_CODE, V_CODE_QUEUE, V_CODE_QUEUE_COUNT } from '../../assembly/abi/vcpu_page.ts';
import type { MachineMemory } from './memory.ts';
import { request } from './requests.ts';
import { livingVms, vcpuIds, vcpuPage } from './vm_page.ts';

/** The page of `hva` holds decoded instructions no longer: every vCPU must drop its blocks and regions of it. */
export function dropCode(memory: MachineMemory, hva: number): void {
  const flags = PAGE_FLAGS + (hva >>> PAGE_SHIFT);
  const bytes = memory.bytes(flags, 1);
  if ((Atomics.and(bytes, 0, ~(PAGE_HOLDS_CODE | PAGE_WATCHED)) & PAGE_HOLDS_CODE) === 0) return;
  memory.setU64(CODE_LINES + (hva >>> PAGE_SHIFT) * 8, 0n);
  // Code marks are one for all VMs of the memory, so all of their vCPUs are told.
  for (const vm of livingVms(memory.wasm)) {
    for (const id of vcpuIds(vm)) {
      const v = vcpuPage(vm, id);
      // A count above the queue's length tells the reader to drop everything.
      const place = memory.add(v + V_CODE_QUEUE_COUNT, 1);
      if (place < CODE_QUEUE_MAX) memory.store(v + V_CODE_QUEUE + place * 4, (hva >>> PAGE_SHIFT) + 1);
      request(vm, id, REQ_CODE);
    }
  }
}

/** The same for `size` bytes from `hva` on, both whole pages: of what lay there before nothing is known. */
export function dropAllCode(memory: MachineMemory, hva: number, size: number): void {
  const flags = memory.bytes(PAGE_FLAGS + (hva >>> PAGE_SHIFT), size >>> PAGE_SHIFT);
  for (let page = 0; page < flags.length; page++) {
    if ((flags[page] ?? 0) & PAGE_HOLDS_CODE) dropCode(memory, hva + page * PAGE_SIZE);
  }
}
