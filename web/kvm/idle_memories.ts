// Memories of VMs that were destroyed, kept for the next ones. A host takes its time to free a shared memory that nobody
// holds any more, so that making and destroying many VMs would need much more room than any of them.

import { PAGE_SIZE, VM_LIFE, VM_PAGE } from '../../assembly/abi/map.ts';
import type { Core } from './core.ts';
import { MachineMemory } from './memory.ts';
import { emptySize, livingVms, relayMemory } from './vm_page.ts';

/** Memories kept at most, and the largest that is: a big one is better given back. */
const KEPT = 4;
const LARGEST = 2 ** 28;
/** After so long without a VM that ends, in ms, they are given back. */
const IDLE_MS = 10_000;

interface Idle {
  readonly memory: MachineMemory;
  readonly limit: number;
}

/** The idle memories of one Kvm. A handle of the destroyed VM stays refused (VM_LIFE). */
export class IdleMemories {
  #idle: Idle[] = [];
  #rest: ReturnType<typeof setTimeout> | undefined;

  /** A wiped memory with room for `vcpus` vCPU areas that may grow to `limit` bytes, if one is idle. */
  take(vcpus: number, limit: number): MachineMemory | undefined {
    // Somebody may have made a VM in it meanwhile.
    this.#idle = this.#idle.filter(({ memory }) => livingVms(memory.wasm).length === 0);
    const found = this.#idle.findIndex(
      (each) => each.limit === limit && each.memory.size >= emptySize(vcpus),
    );
    if (found < 0) return undefined;
    const [{ memory }] = this.#idle.splice(found, 1) as [Idle];
    relayMemory(memory, vcpus);
    return memory;
  }

  /** Wipes the memory of a destroyed VM that had it alone, and keeps it. */
  give(memory: MachineMemory, limit: number, core: Core): void {
    if (this.#idle.length >= KEPT || memory.size > LARGEST) return;
    const life = memory.load(VM_PAGE + VM_LIFE);
    core.wipe(VM_PAGE, memory.size - (memory.size % PAGE_SIZE));
    memory.store(VM_PAGE + VM_LIFE, life);
    relayMemory(memory, 1);
    // A view of its own: the one of the destroyed VM ends.
    this.#idle.push({ memory: new MachineMemory(memory.wasm), limit });
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#idle.splice(0), IDLE_MS);
    // Node would wait for it before it ends.
    (this.#rest as { unref?(): void }).unref?.();
  }
}
