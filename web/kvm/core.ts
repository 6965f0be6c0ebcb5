// The core's Wasm module: what it exports, what it asks of its host, and how an instance is made over a memory.
// One instance a thread; all of them share the machine, none of them owns it.

import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { machineNanoseconds } from './vm_page.ts';

/** The exported functions of the core. `v` is the offset of a vCPU page. */
export interface Core {
  /** Runs a vCPU for at most `budget` instructions; RUN_* of the vCPU page says why it stopped. */
  run(v: number, budget: number): number;
}

/** Makes an instance of the core over `memory`. EINVAL when the module is not a core of this version. */
export function instantiateCore(module: WebAssembly.Module, memory: MachineMemory): Core {
  const imports = {
    env: {
      memory: memory.wasm,
      now: () => machineNanoseconds(memory),
    },
  };
  try {
    return new WebAssembly.Instance(module, imports).exports as unknown as Core;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KvmError('EINVAL', `the module given is no core of this version (${why}); build it anew.`);
  }
}
