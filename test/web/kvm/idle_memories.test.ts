// What becomes of the memory of a VM that was destroyed.

import { expect, test } from 'vitest';
import { Vm } from '../../../web/kvm/index.ts';
import { kvm, refuses } from './support.ts';

const SIZE = 0x10000;

function vmWithTraces(): Vm {
  const vm = kvm.createVm({ maxVcpus: 2, memoryLimit: 2 ** 27 });
  vm.createIrqchip();
  const ram = vm.allocate(SIZE);
  vm.setUserMemoryRegion({ slot: 3, flags: 1, memory_size: SIZE, userspace_addr: ram });
  vm.createVcpu(1).setRegs({ rax: 7 });
  vm.write(0x2345, new Uint8Array([0xf4]));
  return vm;
}

test('the next VM of the same kind gets it, and finds nothing of the one before', () => {
  const first = vmWithTraces();
  const { memory } = first.handle;
  first.destroy();
  const next = kvm.createVm({ maxVcpus: 2, memoryLimit: 2 ** 27 });
  expect(next.handle.memory).toBe(memory);
  expect(next.slots()).toEqual([]);
  expect(next.vcpuIds()).toEqual([]);
  expect(next.hasIrqchip).toBe(false);
  const ram = next.allocate(SIZE);
  expect(next.memory.bytes(ram, SIZE).every((byte) => byte === 0)).toBe(true);
  expect(next.createVcpu(1).getRegs().rax).toBe(0n);
});

test('a VM that was attached elsewhere does not leave it: only its maker does', () => {
  const vm = vmWithTraces();
  Vm.attach(vm.handle).destroy();
  expect(kvm.createVm({ maxVcpus: 2, memoryLimit: 2 ** 27 }).handle.memory).not.toBe(vm.handle.memory);
});

test('another limit is another memory', () => {
  const vm = kvm.createVm({ maxVcpus: 2, memoryLimit: 2 ** 26 });
  const { memory } = vm.handle;
  vm.destroy();
  expect(kvm.createVm({ maxVcpus: 2, memoryLimit: 2 ** 25 }).handle.memory).not.toBe(memory);
});

test('a VM is destroyed once', () => {
  const vm = vmWithTraces();
  vm.destroy();
  refuses('ENODEV', () => vm.destroy());
});

test('what is left of a destroyed VM reaches nothing of the next one in its memory', () => {
  const options = { maxVcpus: 2, memoryLimit: 2 ** 27 };
  const first = kvm.createVm(options);
  const stale = first.createVcpu(0);
  const { handle } = first;
  first.destroy();
  const next = kvm.createVm(options);
  expect(next.handle.memory).toBe(handle.memory);
  const vcpu = next.createVcpu(0);
  refuses('ENODEV', () => stale.setRegs({ rax: 7 }));
  refuses('ENODEV', () => stale.run());
  refuses('ENODEV', () => stale.resume());
  refuses('ENODEV', () => first.createVcpu(1));
  refuses('ENODEV', () => first.setUserMemoryRegion({ slot: 0 }));
  refuses('ENODEV', () => Vm.attach(handle));
  expect(vcpu.getRegs().rax).toBe(0n);
  expect(next.vcpuIds()).toEqual([0]);
});
