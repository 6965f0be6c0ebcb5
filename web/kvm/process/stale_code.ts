// What a program may have changed behind the core's back: a process stores into guest memory as it likes, and the core
// keeps decoded instructions. It marks no dirty log: KVM logs no store of user space either.

import { REQ_CODE, V_CODE_LOST } from '../../../assembly/abi/vcpu_page.ts';
import type { MachineMemory } from '../memory.ts';
import { request } from '../requests.ts';

/**
 * Makes a standing vCPU forget all decoded code before it runs again. Which bytes were stored nobody tells, as a
 * processor's own snooping would; decoding anew what runs until the next exit is cheaper than to compare all of it.
 */
export function forgetCode(memory: MachineMemory, page: number, id: number): void {
  memory.store(page + V_CODE_LOST, 1);
  request(memory, id, REQ_CODE);
}
