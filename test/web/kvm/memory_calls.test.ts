// The older and smaller calls about guest memory: aliases, memory of the VM's own, read-only slots, the host's MMU.

import { describe, expect, test } from 'vitest';
import {
  dirtyPages,
  KVM_EXIT,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_READONLY,
  type Vcpu,
  type Vm,
} from '../../../web/kvm/index.ts';
import { kvm, refuses, vmWithRam } from './support.ts';

const HLT = 0xf4;

/** A vCPU in real mode about to execute `code` at 0x1000, in 1 MiB of RAM with a log. */
function guest(code: readonly number[]): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam(0x100000, KVM_MEM_LOG_DIRTY_PAGES);
  vm.write(0x1000, new Uint8Array(code));
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rflags: 2 });
  return { vm, vcpu };
}

describe('an alias', () => {
  const window = { slot: 0, guest_phys_addr: 0x8000, memory_size: 0x2000, target_phys_addr: 0x40000 };

  test('makes a range of addresses mean another, for the guest and the host', () => {
    const { vm, vcpu } = guest([0xfe, 0x06, 0x34, 0x82, HLT]); // inc byte [0x8234]; hlt
    vm.setMemoryAlias(window);
    vm.write(0x8234, new Uint8Array([41]));
    vm.getDirtyLog(0);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect([vm.read(0x40234, 1)[0], vm.read(0x8234, 1)[0]]).toEqual([42, 42]);
    expect(dirtyPages(vm.getDirtyLog(0))).toEqual([0x40]);
    vm.setMemoryAlias({ ...window, memory_size: 0 });
    expect(vm.read(0x8234, 1)[0]).toBe(0);
  });

  test('holds code and page tables too', () => {
    const { vm, vcpu } = guest([0xe9, 0xfd, 0x7f]); // jmp 0x9000
    vm.write(0x41000, new Uint8Array([HLT]));
    vm.setMemoryAlias(window);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rip).toBe(0x9001n);
    vm.write(0x40000, new Uint8Array([0x83, 0, 0, 0])); // 4 MiB at 0
    vcpu.setSregs({ cr0: 0x8000_0011n, cr3: 0x8000n, cr4: 0x10n });
    expect(vcpu.translate(0x1234n)).toMatchObject({ valid: 1, physical_address: 0x1234n });
    vcpu.setRegs({ rip: 0x9000, rflags: 2 });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('may have its target where no slot is: that is MMIO, at the address the guest used', () => {
    const { vm, vcpu } = guest([0xc6, 0x06, 0x00, 0x80, 7, HLT]); // mov byte [0x8000], 7
    vm.setMemoryAlias({ ...window, target_phys_addr: 0x1000_0000 });
    expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
    expect(vcpu.kvmRun.mmio.gpa).toBe(0x8000n);
    refuses('EFAULT', () => vm.read(0x8000, 1));
  });

  test('ends a copy of the host where another range begins', () => {
    const { vm } = vmWithRam();
    vm.setMemoryAlias(window);
    vm.write(0x7ffe, new Uint8Array([1, 2, 3, 4]));
    expect([...vm.read(0x40000, 2), ...vm.read(0x9ffe, 4)]).toEqual([3, 4, 0, 0, 0, 0]);
    vm.setMemoryAlias({ ...window, memory_size: 0 });
    expect([...vm.read(0x7ffe, 4)]).toEqual([1, 2, 0, 0]);
  });

  test('of a lower number holds where two overlap, and targets are not looked up again', () => {
    const { vm } = vmWithRam();
    vm.setMemoryAlias({ ...window, slot: 1 });
    vm.setMemoryAlias({ ...window, target_phys_addr: 0x50000 });
    vm.setMemoryAlias({ ...window, slot: 2, guest_phys_addr: 0x50000, target_phys_addr: 0x60000 });
    vm.write(0x8000, new Uint8Array([5]));
    vm.setMemoryAlias({ slot: 2, memory_size: 0 });
    expect(vm.read(0x50000, 1)[0]).toBe(5);
  });

  test('can be read back', () => {
    const { vm } = vmWithRam();
    vm.setMemoryAlias({ ...window, slot: 3, flags: 9 });
    expect(vm.getMemoryAlias(3)).toEqual({
      ...{ slot: 3, flags: 9, guest_phys_addr: 0x8000n, memory_size: 0x2000n, target_phys_addr: 0x40000n },
    });
    expect(vm.getMemoryAlias(0).memory_size).toBe(0n);
  });

  test.each([
    ['a number beyond the fourth', { slot: 4 }],
    ['an unaligned start', { guest_phys_addr: 0x8001 }],
    ['an unaligned size', { memory_size: 0x80 }],
    ['an unaligned target', { target_phys_addr: 0x40010 }],
    ['a start that wraps', { guest_phys_addr: 0xffff_ffff_ffff_f000n }],
    ['a target that wraps', { target_phys_addr: 0xffff_ffff_ffff_f000n }],
  ])('with %s is EINVAL', (_, change) => {
    const { vm } = vmWithRam();
    refuses('EINVAL', () => vm.setMemoryAlias({ ...window, ...change }));
  });
});

describe('KVM_SET_MEMORY_REGION', () => {
  test('gives a slot zeroed memory of its own, and the same room when the slot comes again', () => {
    const vm = kvm.createVm();
    const region = { slot: 2, guest_phys_addr: 0x10000, memory_size: 0x4000 };
    vm.setMemoryRegion(region);
    vm.write(0x10000, new Uint8Array([1]));
    const hva = vm.slot(2)?.hva;
    vm.setMemoryRegion({ ...region, memory_size: 0 });
    expect(vm.slots()).toEqual([]);
    vm.setMemoryRegion(region);
    expect([vm.slot(2)?.hva, vm.read(0x10000, 1)[0]]).toEqual([hva, 0]);
  });

  test('moves a slot and changes its flags with the bytes in it', () => {
    const vm = kvm.createVm();
    const region = { slot: 0, guest_phys_addr: 0, memory_size: 0x2000 };
    vm.setMemoryRegion(region);
    vm.write(0x1000, new Uint8Array([7]));
    vm.setMemoryRegion({ ...region, guest_phys_addr: 0x8000, flags: KVM_MEM_LOG_DIRTY_PAGES });
    expect(vm.read(0x9000, 1)[0]).toBe(7);
    refuses('EINVAL', () => vm.setMemoryRegion({ ...region, memory_size: 0x1000 }));
    refuses('EEXIST', () => vm.setMemoryRegion({ ...region, slot: 1, guest_phys_addr: 0x9000 }));
    refuses('EINVAL', () => vm.setMemoryRegion({ ...region, slot: 1, memory_size: 100 }));
    refuses('EINVAL', () => vm.setMemoryRegion({ slot: 1 }));
  });
});

describe('a read-only slot', () => {
  /** A guest whose byte 0x5000 lies in a read-only slot. */
  function rom(code: readonly number[]): { vm: Vm; vcpu: Vcpu } {
    const vm = kvm.createVm();
    vm.setMemoryRegion({ slot: 0, memory_size: 0x5000 });
    vm.setMemoryRegion({ slot: 1, guest_phys_addr: 0x5000, memory_size: 0x1000, flags: KVM_MEM_READONLY });
    vm.write(0x1000, new Uint8Array(code));
    vm.write(0x5000, new Uint8Array([0x10, 0, 0, 0]));
    const vcpu = vm.createVcpu(0);
    vcpu.setSregs({ cs: { base: 0, selector: 0 } });
    vcpu.setRegs({ rip: 0x1000, rflags: 2 });
    return { vm, vcpu };
  }

  test.each([
    ['a store', [0xc6, 0x06, 0x00, 0x50, 7, HLT], [7]], // mov byte [0x5000], 7
    ['a read-modify-write', [0xfe, 0x06, 0x00, 0x50, HLT], [0x11]], // inc byte [0x5000]
    ['a locked one', [0xf0, 0xfe, 0x06, 0x00, 0x50, HLT], [0x11]], // lock inc byte [0x5000]
  ])('is read as memory, and %s to it is an MMIO exit', (_, code, bytes) => {
    const { vm, vcpu } = rom(code);
    expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
    const { write, gpa, data } = vcpu.kvmRun.mmio;
    expect({ write, gpa, data: [...data] }).toEqual({ write: true, gpa: 0x5000n, data: bytes });
    expect(vm.read(0x5000, 1)[0]).toBe(0x10);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('with page tables in it keeps their accessed and dirty bits as they are', () => {
    const { vm, vcpu } = rom([0xc6, 0x06, 0x00, 0x40, 7, HLT]); // mov byte [0x4000], 7
    vm.write(0x5000, new Uint8Array([0x83, 0, 0, 0]));
    vcpu.setSregs({ cr0: 0x8000_0011n, cr3: 0x5000n, cr4: 0x10n });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect([vm.read(0x4000, 1)[0], vm.read(0x5000, 1)[0]]).toEqual([7, 0x83]);
  });
});

describe('what the host asks of its MMU', () => {
  test('KVM_SET_NR_MMU_PAGES is EINVAL below 64 and is read back; without it a fiftieth of the guest counts', () => {
    const vm = kvm.createVm();
    const start = vm.getNrMmuPages();
    vm.setMemoryRegion({ slot: 0, memory_size: 100 * 50 * 4096 });
    const derived = vm.getNrMmuPages();
    refuses('EINVAL', () => vm.setNrMmuPages(63));
    vm.setNrMmuPages(64);
    expect([start, derived, vm.getNrMmuPages()]).toEqual([0, 100, 64]);
  });

  test('KVM_SET_TSS_ADDR takes three pages below 4 GiB', () => {
    const vm = kvm.createVm();
    vm.setTssAddr(0xffff_d000);
    refuses('EINVAL', () => vm.setTssAddr(0xffff_d001));
  });

  test('KVM_SET_IDENTITY_MAP_ADDR is EINVAL once a vCPU exists', () => {
    const vm = kvm.createVm();
    vm.setIdentityMapAddr(0n);
    vm.createVcpu(0);
    refuses('EINVAL', () => vm.setIdentityMapAddr(0xfeff_c000n));
  });
});
