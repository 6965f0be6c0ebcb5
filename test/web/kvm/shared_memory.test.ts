// Several VMs in the memory of one process: what they share (RAM, code marks, heap) and what they do not.

import { describe, expect, test } from 'vitest';
import { KVM_EXIT, layMemory, livingVms, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { kvm } from './support.ts';

const CODE = 0x1000;

function vmIn(memory: WebAssembly.Memory, ram: number, size = 0x10000): { vm: Vm; vcpu: Vcpu } {
  const vm = kvm.createVm({ memory, maxVcpus: 1 });
  vm.setUserMemoryRegion({ slot: 0, memory_size: size, userspace_addr: ram });
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: CODE, rsp: CODE, rflags: 2 });
  return { vm, vcpu };
}

/** Two VMs over the same RAM, and the RAM's first bytes of code. */
function twins(code: readonly number[]) {
  const memory = layMemory(1, 2 ** 30);
  const first = kvm.createVm({ memory: memory.wasm, maxVcpus: 1 });
  const ram = first.allocate(0x10000);
  first.destroy();
  const a = vmIn(memory.wasm, ram);
  const b = vmIn(memory.wasm, ram);
  a.vm.write(CODE, new Uint8Array(code));
  return { memory, a, b };
}

describe('two VMs of one process', () => {
  test('have registers, slots and a base of their own, and share RAM', () => {
    const { a, b } = twins([0xb0, 0x41, 0xa2, 0x00, 0x20, 0xf4]); // mov al, 'A'; mov [0x2000], al; hlt
    expect(b.vm.handle.base).not.toBe(a.vm.handle.base);
    expect(a.vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(b.vm.read(0x2000, 1)[0]).toBe(0x41);
    expect(b.vcpu.getRegs().rip).toBe(BigInt(CODE));
    b.vm.setUserMemoryRegion({ slot: 0, memory_size: 0 });
    expect(a.vm.slots()).toHaveLength(1);
  });

  test('a store of one VM into code that the other has decoded is seen by the other', () => {
    // mov al, 1; hlt at 0x1000, and at 0x1100: mov byte [0x1001], 2; hlt
    const { a, b } = twins([0xb0, 0x01, 0xf4]);
    a.vm.write(0x1100, new Uint8Array([0xc6, 0x06, 0x01, 0x10, 0x02, 0xf4]));
    expect(a.vcpu.run()).toBe(KVM_EXIT.HLT);
    b.vcpu.setRegs({ rip: 0x1100 });
    expect(b.vcpu.run()).toBe(KVM_EXIT.HLT);
    a.vcpu.setRegs({ rip: CODE });
    expect(a.vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(a.vcpu.getRegs().rax & 0xffn).toBe(2n);
  });

  test('a write of the host through one VM drops what the other has decoded', () => {
    const { a, b } = twins([0xb0, 0x01, 0xf4]);
    b.vcpu.run();
    a.vm.write(CODE + 1, new Uint8Array([7]));
    b.vcpu.setRegs({ rip: CODE });
    b.vcpu.run();
    expect(b.vcpu.getRegs().rax & 0xffn).toBe(7n);
  });

  test('each chip belongs to one VM', () => {
    const memory = layMemory(1, 2 ** 30).wasm;
    const a = kvm.createVm({ memory, maxVcpus: 1 });
    const b = kvm.createVm({ memory, maxVcpus: 1 });
    a.createIrqchip();
    expect([a.hasIrqchip, b.hasIrqchip]).toEqual([true, false]);
  });

  test('a VM that ended leaves its place, clean, to the next one', () => {
    const memory = layMemory(1, 2 ** 30);
    const a = kvm.createVm({ memory: memory.wasm, maxVcpus: 1 });
    a.createIrqchip();
    a.createVcpu(0).setRegs({ rax: 5 });
    a.destroy();
    expect(livingVms(memory.wasm)).toHaveLength(0);
    const size = memory.size;
    const b = kvm.createVm({ memory: memory.wasm, maxVcpus: 1 });
    expect(b.hasIrqchip).toBe(false);
    expect(b.createVcpu(0).getRegs().rax).toBe(0n);
    expect(memory.size).toBe(size);
  });

  test('the heap goes on behind pages that somebody else has taken', () => {
    const memory = layMemory(1, 2 ** 30);
    const vm = kvm.createVm({ memory: memory.wasm, maxVcpus: 1 });
    const first = vm.allocate(0x10000);
    const theirs = memory.wasm.grow(1) * 0x10000;
    const second = vm.allocate(0x20000);
    expect(theirs).toBe(first + 0x10000);
    expect(second).toBe(theirs + 0x10000);
    expect(vm.allocate(0x10000)).toBe(second + 0x20000);
  });
});
