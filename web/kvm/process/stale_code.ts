// What a program may have changed behind the core's back: a process stores into guest memory as it likes, and the core
// keeps decoded instructions. It marks no dirty log: KVM logs no store of user space either.

import {
  CODE_QUEUE_MAX,
  REQ_CODE,
  V_CODE_QUEUE,
  V_CODE_QUEUE_COUNT,
} from '../../../assembly/abi/vcpu_page.ts';
import type { MachineMemory } from '../memory.ts';
import { request } from '../requests.ts';

/**
 * Makes a standing vCPU forget all decoded code before it runs again. Which bytes were stored nobody tells, as a
 * processor's own snooping would; decoding anew what runs until the next exit is cheaper than to compare all of it.
 */
export function forgetCode(memory: MachineMemory, page: number, id: number): void {
  // A count beyond the queue's length means everything; each of its places must hold some page.
  for (let place = 0; place < CODE_QUEUE_MAX; place++) memory.store(page + V_CODE_QUEUE + place * 4, 1);
  memory.store(page + V_CODE_QUEUE_COUNT, CODE_QUEUE_MAX + 1);
  request(memory, id, REQ_CODE);
}
