// Who holds the machine besides its vCPUs, and what each has attached to it. It binds and releases nobody.

import { MachineMemory as KvmMemory, type PinInfo, pins } from '../../kvm/index.ts';
import type { MachineMemory } from './memory.ts';

export type { PinInfo } from '../../kvm/index.ts';

const known = new WeakMap<MachineMemory, KvmMemory>();

/** Everybody who holds this machine, in the order in which their records lie. */
export function readPins(memory: MachineMemory): PinInfo[] {
  let own = known.get(memory);
  if (own === undefined) {
    own = new KvmMemory({ buffer: memory.bytes.buffer } as WebAssembly.Memory);
    known.set(memory, own);
  }
  return pins(own);
}
