// KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 and KVM_CLEAR_DIRTY_LOG, by the host's stores and a guest's.

import { describe, expect, test } from 'vitest';
import { KVM_CAP, KVM_EXIT, KVM_MEM_LOG_DIRTY_PAGES, type Vm } from '../../../web/kvm/index.ts';
import { kvm, refuses, vmWithRam } from './support.ts';

const cap = KVM_CAP.MANUAL_DIRTY_LOG_PROTECT2;
const PAGES = 200;
const set = (bitmap: Uint8Array): number =>
  [...bitmap].reduce((n, byte) => n + byte.toString(2).replaceAll('0', '').length, 0);
const ones = new Uint8Array(32).fill(0xff);

/** A VM whose slot 0 has 200 pages and a log, with these options of manual protection. */
function manual(options: number): Vm {
  const { vm, ram } = vmWithRam(PAGES * 4096);
  vm.enableCap({ cap, args: [options] });
  const region = { slot: 0, guest_phys_addr: 0, memory_size: PAGES * 4096, userspace_addr: ram };
  vm.setUserMemoryRegion({ ...region, flags: KVM_MEM_LOG_DIRTY_PAGES });
  return vm;
}

describe('manual protection of the dirty log', () => {
  test('leaves the bits that KVM_GET_DIRTY_LOG shows until KVM_CLEAR_DIRTY_LOG names them', () => {
    const vm = manual(1);
    vm.write(0x3000, new Uint8Array(0x2000));
    vm.getDirtyLog(0);
    expect(vm.getDirtyLog(0)[0]).toBe(0b11000);
    vm.clearDirtyLog({
      slot: 0,
      first_page: 0,
      num_pages: 64,
      dirty_bitmap: new Uint8Array([8, 0, 0, 0, 0, 0, 0, 0]),
    });
    expect(vm.getDirtyLog(0)[0]).toBe(0b10000);
  });

  test('begins a new log with every page of the slot, and no bit beyond it, when initially set', () => {
    expect(set(manual(3).getDirtyLog(0))).toBe(PAGES);
    expect(set(manual(1).getDirtyLog(0))).toBe(0);
  });

  test('may be switched off again, and knows no other options', () => {
    const vm = manual(3);
    for (const options of [2, 4, 5, 2n ** 40n + 1n])
      refuses('EINVAL', () => vm.enableCap({ cap, args: [options] }));
    vm.enableCap({ cap, args: [0] });
    expect([set(vm.getDirtyLog(0)), set(vm.getDirtyLog(0))]).toEqual([PAGES, 0]);
  });

  test('notes the next store of a guest to a page that was cleared, which it had written before', () => {
    const vm = manual(1);
    // one: inc byte [0x5000]; hlt; jmp one
    vm.write(0x1000, new Uint8Array([0xfe, 0x06, 0x00, 0x50, 0xf4, 0xeb, 0xf9]));
    const vcpu = vm.createVcpu(0);
    vcpu.setSregs({ cs: { base: 0n, selector: 0 } });
    vcpu.setRegs({ rip: 0x1000n, rflags: 2n });
    for (let round = 0; round < 3; round++) {
      expect(vcpu.run()).toBe(KVM_EXIT.HLT);
      expect((vm.getDirtyLog(0)[0] ?? 0) & 0x20).toBe(0x20);
      vm.clearDirtyLog({ slot: 0, first_page: 0, num_pages: PAGES, dirty_bitmap: ones });
      expect(set(vm.getDirtyLog(0))).toBe(0);
    }
  });
});

describe('KVM_CLEAR_DIRTY_LOG', () => {
  const pages = { slot: 0, first_page: 0, num_pages: 64, dirty_bitmap: ones };
  test.each([
    ['a first page that is no multiple of 64', 'EINVAL', { first_page: 8 }],
    ['a number of pages that is no multiple of 64', 'EINVAL', { num_pages: 63 }],
    ['pages beyond the slot', 'EINVAL', { first_page: 128, num_pages: 128 }],
    ['a first page beyond the slot', 'EINVAL', { first_page: 256, num_pages: 0 }],
    ['a slot of an address space that there is not', 'EINVAL', { slot: 0x20000 }],
    ['a slot number beyond the last', 'EINVAL', { slot: 256 }],
    ['a slot that does not exist', 'ENOENT', { slot: 3 }],
    ['a bitmap that is too short', 'EFAULT', { dirty_bitmap: new Uint8Array(7) }],
  ] as const)('refuses %s with %s', (_, errno, change) => {
    const vm = manual(1);
    refuses(errno, () => vm.clearDirtyLog({ ...pages, ...change }));
  });

  test('takes an odd number of pages that reaches the end of the slot', () => {
    const vm = manual(3);
    vm.clearDirtyLog({ ...pages, first_page: 192n, num_pages: 8 });
    expect(set(vm.getDirtyLog(0))).toBe(192);
  });

  test('works without manual protection too', () => {
    const { vm } = vmWithRam(0x100000, KVM_MEM_LOG_DIRTY_PAGES);
    vm.write(0, new Uint8Array(1));
    vm.clearDirtyLog(pages);
    expect(set(vm.getDirtyLog(0))).toBe(0);
  });
});

test('KVM_ENABLE_CAP refuses flags and capabilities that need no switch', () => {
  const { vm } = vmWithRam();
  refuses('EINVAL', () => vm.enableCap({ cap, flags: 1, args: [1] }));
  refuses('EINVAL', () => vm.enableCap({ cap: KVM_CAP.USER_MEMORY }));
  refuses('EINVAL', () => vm.enableCap({ cap: 99999 }));
  expect([kvm.checkExtension('MANUAL_DIRTY_LOG_PROTECT2'), kvm.checkExtension('ENABLE_CAP_VM')]).toEqual([
    3, 1,
  ]);
});

test('a dirty log moves with its slot', () => {
  const { vm, ram } = vmWithRam(0x100000, KVM_MEM_LOG_DIRTY_PAGES);
  vm.write(0x2000, new Uint8Array(1));
  const region = { slot: 0, flags: KVM_MEM_LOG_DIRTY_PAGES, memory_size: 0x100000, userspace_addr: ram };
  vm.setUserMemoryRegion({ ...region, guest_phys_addr: 0x400000 });
  expect(vm.getDirtyLog(0)[0]).toBe(4);
});
