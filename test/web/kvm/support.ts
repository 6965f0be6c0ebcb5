// What the tests of web/kvm share: a VM over the built core with a little RAM. No assertions.

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type ErrnoName, isKvmError, Kvm, type Vm } from '../../../web/kvm/index.ts';

export const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });

/** A VM with `bytes` of RAM at 0 in slot 0, and the offset of that RAM. */
export function vmWithRam(bytes = 0x100000, flags = 0, maxVcpus = 1): { vm: Vm; ram: number } {
  const vm = kvm.createVm({ maxVcpus, memoryLimit: 2 ** 28 });
  const ram = vm.allocate(bytes);
  vm.setUserMemoryRegion({ slot: 0, flags, guest_phys_addr: 0, memory_size: bytes, userspace_addr: ram });
  return { vm, ram };
}

/** Expects `body` to be refused with this errno. */
export function refuses(code: ErrnoName, body: () => unknown): void {
  let caught: unknown;
  try {
    body();
  } catch (error) {
    caught = error;
  }
  expect(isKvmError(caught, code), String(caught)).toBe(true);
}
