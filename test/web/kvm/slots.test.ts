// Memory slots: KVM's rules for creating, moving, changing and deleting them, and what guest memory is through them.

import { describe, expect, test } from 'vitest';
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, Vm } from '../../../web/kvm/index.ts';
import { kvm, refuses, vmWithRam } from './support.ts';

const MIB = 0x100000;

describe('a slot', () => {
  test('makes allocated memory appear at a guest-physical address', () => {
    const { vm, ram } = vmWithRam();
    vm.write(0x1234, new Uint8Array([1, 2, 3]));
    expect([...vm.memory.bytes(ram + 0x1234, 3)]).toEqual([1, 2, 3]);
    expect([...vm.read(0x1235n, 2)]).toEqual([2, 3]);
  });

  test('is deleted by size 0, and deleting it twice is EINVAL', () => {
    const { vm } = vmWithRam();
    vm.setUserMemoryRegion({ slot: 0, memory_size: 0 });
    expect(vm.slots()).toEqual([]);
    refuses('EINVAL', () => vm.setUserMemoryRegion({ slot: 0, memory_size: 0 }));
    refuses('EFAULT', () => vm.read(0, 1));
  });

  test('is not deleted by a call whose other fields are wrong', () => {
    const { vm } = vmWithRam();
    refuses('EINVAL', () => vm.setUserMemoryRegion({ slot: 0, userspace_addr: 1 }));
    refuses('EINVAL', () => vm.setUserMemoryRegion({ slot: 0, guest_phys_addr: 1 }));
    refuses('EINVAL', () => vm.setUserMemoryRegion({ slot: 0, flags: 4 }));
    expect(vm.slots()).toHaveLength(1);
  });

  test('may be moved but not resized, rehosted or made read-only', () => {
    const { vm, ram } = vmWithRam();
    const region = { slot: 0, guest_phys_addr: 4 * MIB, memory_size: MIB, userspace_addr: ram };
    vm.setUserMemoryRegion(region);
    expect(vm.slot(0)?.gpa).toBe(0x400000n);
    refuses('EINVAL', () => vm.setUserMemoryRegion({ ...region, memory_size: MIB / 2 }));
    refuses('EINVAL', () => vm.setUserMemoryRegion({ ...region, userspace_addr: ram + 4096 }));
    refuses('EINVAL', () => vm.setUserMemoryRegion({ ...region, flags: KVM_MEM_READONLY }));
  });

  test('may not overlap another: EEXIST names both', () => {
    const { vm, ram } = vmWithRam();
    const region = { slot: 1, guest_phys_addr: MIB - 4096, memory_size: 8192, userspace_addr: ram };
    expect(() => vm.setUserMemoryRegion(region)).toThrow('EEXIST: slot 1 at 0xff000 overlaps slot 0 at 0x0');
    vm.setUserMemoryRegion({ ...region, guest_phys_addr: MIB });
    refuses('EEXIST', () => vm.setUserMemoryRegion(region));
    expect(vm.slot(1)?.gpa).toBe(0x100000n);
  });

  test.each([
    ['an address that is not page-aligned', { guest_phys_addr: 0x80, memory_size: 4096 }],
    ['a size that is not whole pages', { memory_size: 100 }],
    ['an unknown flag', { memory_size: 4096, flags: 4 }],
    ['an unaligned userspace_addr', { memory_size: 4096, userspace_addr: 0x300001 }],
    ['memory that the VM does not have', { memory_size: 2 ** 40 }],
    ['an id beyond the last', { slot: 256, memory_size: 4096 }],
    ['an address space beside the two there are', { slot: 0x20002, memory_size: 4096 }],
    ['a negative id', { slot: -1, memory_size: 4096 }],
    ['userspace_addr 0', { memory_size: 4096, userspace_addr: 0 }],
    ['an end beyond 64 bits', { guest_phys_addr: 0xffff_ffff_ffff_f000n, memory_size: 8192 }],
    ['an end beyond 52 bits', { guest_phys_addr: 0xf_ffff_ffff_f000n, memory_size: 8192 }],
  ])('with %s is EINVAL', (_, region) => {
    const { vm, ram } = vmWithRam();
    refuses('EINVAL', () => {
      vm.setUserMemoryRegion({ slot: 2, guest_phys_addr: MIB, userspace_addr: ram, ...region });
    });
  });

  test('memory beyond the limit of the VM is ENOMEM, and the VM lives on', () => {
    const { vm } = vmWithRam();
    refuses('ENOMEM', () => vm.allocate(2 ** 29));
    expect(vm.allocate(4096)).toBeGreaterThan(0);
  });
});

describe('guest memory', () => {
  test('goes on in the next slot, and ends where no slot is', () => {
    const { vm, ram } = vmWithRam(8192);
    const next = { slot: 1, guest_phys_addr: 8192, memory_size: 4096, userspace_addr: ram };
    vm.setUserMemoryRegion(next);
    vm.write(8190, new Uint8Array([1, 2, 3, 4]));
    expect([...vm.memory.bytes(ram, 2)]).toEqual([3, 4]);
    expect(() => vm.write(12286, new Uint8Array(4))).toThrow(
      'EFAULT: guest-physical 0x3000 lies in no slot; 2 of 4',
    );
  });
});

describe('the dirty log', () => {
  test('has the pages that the host wrote, once', () => {
    const { vm } = vmWithRam(MIB, KVM_MEM_LOG_DIRTY_PAGES);
    vm.write(0x2fff, new Uint8Array(2));
    const log = vm.getDirtyLog(0);
    expect([log.length, log[0]]).toEqual([32, 0b1100]);
    expect(vm.getDirtyLog(0).every((byte) => byte === 0)).toBe(true);
  });

  test('is a whole number of 64-bit words', () => {
    const { vm } = vmWithRam(65 * 4096, KVM_MEM_LOG_DIRTY_PAGES);
    vm.write(64 * 4096, new Uint8Array(1));
    expect([...vm.getDirtyLog(0)].map((byte, index) => byte && index)).toContain(8);
    expect(vm.getDirtyLog(0)).toHaveLength(16);
  });

  test('of a slot without one is ENOENT, and comes and goes with the flag', () => {
    const { vm, ram } = vmWithRam();
    const region = { slot: 0, guest_phys_addr: 0, memory_size: MIB, userspace_addr: ram };
    refuses('ENOENT', () => vm.getDirtyLog(0));
    vm.setUserMemoryRegion({ ...region, flags: KVM_MEM_LOG_DIRTY_PAGES });
    vm.write(0, new Uint8Array(1));
    vm.setUserMemoryRegion(region);
    vm.setUserMemoryRegion({ ...region, flags: KVM_MEM_LOG_DIRTY_PAGES });
    expect(vm.getDirtyLog(0)[0]).toBe(0);
  });
});

test('a VM attached from its memory and module has the same slots', () => {
  const { vm, ram } = vmWithRam();
  const other = Vm.attach(vm.handle);
  expect(other.slots()).toEqual(vm.slots());
  expect(other.slot(0)?.hva).toBe(ram);
});

test('a memory without a VM cannot be attached', () => {
  const { vm } = vmWithRam();
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  refuses('EINVAL', () => Vm.attach({ ...vm.handle, memory }));
});

test('the API is version 12 and says only what is there', () => {
  expect(kvm.apiVersion()).toBe(12);
  expect([kvm.checkExtension('READONLY_MEM'), kvm.checkExtension(81), kvm.checkExtension('IOMMU')]).toEqual([
    1, 1, 0,
  ]);
  expect(kvm.checkExtension(9999)).toBe(0);
});
