// The core's Wasm module: what it exports, what it asks of its host, and how an instance is made over a memory.
// One instance a thread; all of them share the machine, none of them owns it.

import { ENGINE_DETERMINISTIC, VM_ENGINE, VM_PAGE, VM_VIRTUAL_NS } from '../../assembly/abi/map.ts';
import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';

/** The exported functions of the core. `v` is the offset of a vCPU page. */
export interface Core {
  /** Runs a vCPU for at most `budget` instructions; RUN_* of the vCPU page says why it stopped. */
  run(v: number, budget: number): number;
}

/** Nanoseconds since the Unix epoch, the same for every thread of the machine, never going back. */
export function hostNanoseconds(): bigint {
  const micros = Math.round((performance.timeOrigin + performance.now()) * 1000);
  return BigInt(micros) * 1000n;
}

/** The machine's time in ns: virtual in the deterministic engine, the host's otherwise. */
export function machineNanoseconds(memory: MachineMemory): bigint {
  const virtual = memory.u32(VM_PAGE + VM_ENGINE) === ENGINE_DETERMINISTIC;
  return virtual ? memory.u64(VM_PAGE + VM_VIRTUAL_NS) : hostNanoseconds();
}

/** Makes an instance of the core over `memory`. EINVAL when the module is not a core of this version. */
export function instantiateCore(module: WebAssembly.Module, memory: MachineMemory): Core {
  const imports = {
    env: {
      memory: memory.wasm,
      abort: () => {
        throw new Error('The core has met a state that it does not expect.');
      },
    },
    host: { now: () => hostNanoseconds() },
  };
  try {
    return new WebAssembly.Instance(module, imports).exports as unknown as Core;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KvmError('EINVAL', `the module given is no core of this version (${why}); build it anew.`);
  }
}
