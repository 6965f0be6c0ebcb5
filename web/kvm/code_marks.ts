// Marks of decoded code, from outside the core: whoever has written guest memory without it takes them away. What they mean is
// told in assembly/memory/code_marks.ts.

import {
  CODE_LINES,
  CODE_QUEUE_GIVEN_UP,
  CODE_QUEUE_PLACES,
  CODE_QUEUE_ROUND,
  PAGE_FLAGS,
  PAGE_HOLDS_CODE,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_WATCHED,
  VCPU_CODE_QUEUE,
  VCPU_PAGE,
} from '../../assembly/abi/map.ts';
import { REQ_CODE, V_CODE_HEAD, V_CODE_LOST, V_CODE_TAIL } from '../../assembly/abi/vcpu_page.ts';
import type { MachineMemory } from './memory.ts';
import { request } from './requests.ts';
import { livingVms, vcpuIds, vcpuPage } from './vm_page.ts';

/** As queue_page of assembly/memory/code_marks.ts: takes a place of the vCPU's code queue, then fills it. */
function queuePage(memory: MachineMemory, v: number, hva: number): void {
  let tail = memory.load(v + V_CODE_TAIL);
  while ((tail - memory.load(v + V_CODE_HEAD)) >>> 0 < CODE_QUEUE_PLACES) {
    const seen = memory.compareExchange(v + V_CODE_TAIL, tail, tail + 1);
    if (seen === tail) {
      const place = v - VCPU_PAGE + VCPU_CODE_QUEUE + (tail % CODE_QUEUE_PLACES) * 4;
      const round = Math.floor(tail / CODE_QUEUE_PLACES) << CODE_QUEUE_ROUND;
      const before = memory.exchange(place, round | ((hva >>> PAGE_SHIFT) + 1));
      if (before === (round | CODE_QUEUE_GIVEN_UP) >>> 0) memory.store(v + V_CODE_LOST, 1);
      return;
    }
    tail = seen;
  }
  memory.store(v + V_CODE_LOST, 1);
}

/** The page of `hva` holds decoded instructions no longer: every vCPU must drop its blocks and regions of it. */
export function dropCode(memory: MachineMemory, hva: number): void {
  const flags = PAGE_FLAGS + (hva >>> PAGE_SHIFT);
  const bytes = memory.bytes(flags, 1);
  if ((Atomics.and(bytes, 0, ~(PAGE_HOLDS_CODE | PAGE_WATCHED)) & PAGE_HOLDS_CODE) === 0) return;
  memory.setU64(CODE_LINES + (hva >>> PAGE_SHIFT) * 8, 0n);
  // Code marks are one for all VMs of the memory, so all of their vCPUs are told.
  for (const vm of livingVms(memory.wasm)) {
    for (const id of vcpuIds(vm)) {
      queuePage(memory, vcpuPage(vm, id), hva);
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
