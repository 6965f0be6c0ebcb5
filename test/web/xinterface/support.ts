// What the tests of web/xinterface share: a VM with RAM and a module bound to it. No assertions.

import { readFileSync } from 'node:fs';
import { type ErrnoName, isKvmError, Kvm, type Vm } from '../../../web/kvm/index.ts';
import { bind, handleOf, type SlotInterface } from '../../../web/xinterface/index.ts';

export const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });

/** A VM with `bytes` of RAM at `gpa` in slot 0. */
export function vmWithRam(bytes = 0x10000, gpa = 0, flags = 0): Vm {
  const vm = kvm.createVm({ maxVcpus: 1, memoryLimit: 2 ** 28 });
  setSlot(vm, 0, gpa, bytes, vm.allocate(bytes), flags);
  return vm;
}

export function setSlot(vm: Vm, slot: number, gpa: number, size: number, hva: number, flags = 0): void {
  vm.setUserMemoryRegion({
    slot,
    flags,
    guest_phys_addr: gpa,
    memory_size: size,
    userspace_addr: hva,
  });
}

export function bound(vm: Vm, name = 'test0'): SlotInterface {
  return bind(handleOf(vm), { name, kind: 'module' });
}

/** The errno with which `body` is refused, or what it returned. */
export async function errnoOf(body: () => unknown): Promise<ErrnoName | unknown> {
  try {
    return await body();
  } catch (error) {
    if (isKvmError(error)) return error.code;
    throw error;
  }
}
