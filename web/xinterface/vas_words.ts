// Which address space a VM shares, as a word of its page: for every thread, and gone with the VM. It changes no slots.

import { VM_VAS } from '../../assembly/abi/pins.ts';
import { livingVms, type MachineMemory } from '../kvm/index.ts';

/** This place of the memory is an address space, without vCPUs. */
export function isVas(memory: MachineMemory): boolean {
  return memory.load(memory.vm + VM_VAS) === memory.base + 1;
}

/** Says that the place `memory` shares the address space at `vas` (its base; undefined: none any more). */
export function shareVas(memory: MachineMemory, vas: number | undefined): void {
  memory.store(memory.vm + VM_VAS, vas === undefined ? 0 : vas + 1);
}

/** The address space that a VM shares: its base. */
export function vasOf(memory: MachineMemory): number | undefined {
  const word = memory.load(memory.vm + VM_VAS);
  return word === 0 ? undefined : word - 1;
}

/** The VMs that share the address space `vas`. */
export function vmsOf(vas: MachineMemory): MachineMemory[] {
  return livingVms(vas.wasm).filter((vm) => vm.base !== vas.base && vasOf(vm) === vas.base);
}
