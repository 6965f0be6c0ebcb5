// KVM_CAP_DIRTY_LOG_RING: a guest's stores in its vCPU's ring, what the host takes from it, and what happens when it is full.

import { describe, expect, test } from 'vitest';
import {
  type DirtyGfn,
  KVM_CAP,
  KVM_EXIT,
  KVM_MEM_LOG_DIRTY_PAGES,
  type Vcpu,
  type Vm,
} from '../../../web/kvm/index.ts';
import { kvm, refuses, vmWithRam } from './support.ts';

const FLAT = { base: 0, limit: 0xffff_ffff, g: 1, db: 1 };
const RAM = 0x400000;
const CODE = 0x1000;
// one: mov [edi], eax; add edi, 4096; loop one; hlt: writes ECX pages from EDI on
const WRITE_PAGES = [0x89, 0x07, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0xe2, 0xf6, 0xf4];
// rep stosd; hlt: writes 4 ECX bytes from EDI on
const FILL = [0xf3, 0xab, 0xf4];

/** A VM with rings of `bytes` bytes, 4 MiB of RAM with a log in slot 5, and a vCPU in flat protected mode. */
function ringed(bytes = 4096, code = WRITE_PAGES): { vm: Vm; vcpu: Vcpu; ram: number } {
  const vm = kvm.createVm({ maxVcpus: 2, memoryLimit: 2 ** 28 });
  vm.enableCap({ cap: KVM_CAP.DIRTY_LOG_RING, args: [bytes] });
  const ram = vm.allocate(RAM);
  const region = { slot: 5, guest_phys_addr: 0, memory_size: RAM, userspace_addr: ram };
  vm.setUserMemoryRegion({ ...region, flags: KVM_MEM_LOG_DIRTY_PAGES });
  vm.write(CODE, new Uint8Array(code));
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cr0: 0x11, cs: { ...FLAT, type: 11 }, ds: FLAT, es: FLAT, ss: FLAT });
  return { vm, vcpu, ram };
}

/** Runs the guest's loop over `pages` pages (or `pages` dwords) from page `first` on; the exit reason. */
function go(vcpu: Vcpu, first: number, pages: number): number {
  vcpu.setRegs({ rip: CODE, rflags: 2, rdi: first * 4096, rcx: pages });
  return vcpu.run();
}

const harvest = (vcpu: Vcpu): DirtyGfn[] => vcpu.dirtyRing?.harvest() ?? [];
const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, n) => first + n);

describe('a dirty ring', () => {
  test('lists each page that a vCPU writes once, in order, by slot and page number', () => {
    const { vcpu } = ringed();
    expect(go(vcpu, 16, 5)).toBe(KVM_EXIT.HLT);
    expect(go(vcpu, 16, 5)).toBe(KVM_EXIT.HLT);
    expect(harvest(vcpu)).toEqual(range(16, 5).map((page) => ({ slot: 5, page })));
    expect(harvest(vcpu)).toEqual([]);
  });

  test('lists a page again only after KVM_RESET_DIRTY_RINGS took its harvested entry back', () => {
    const { vm, vcpu } = ringed();
    go(vcpu, 16, 4);
    expect(vm.resetDirtyRings()).toBe(0);
    harvest(vcpu);
    go(vcpu, 16, 4);
    expect(harvest(vcpu)).toEqual([]);
    expect(vm.resetDirtyRings()).toBe(4);
    expect(vm.resetDirtyRings()).toBe(0);
    go(vcpu, 17, 1);
    expect(harvest(vcpu)).toEqual([{ slot: 5, page: 17 }]);
  });

  test('has flags that go from dirty over reset to 0', () => {
    const { vm, vcpu } = ringed();
    go(vcpu, 16, 1);
    const bytes = vcpu.dirtyRing?.bytes ?? new Uint8Array();
    const seen = [bytes[0]];
    harvest(vcpu);
    seen.push(bytes[0]);
    vm.resetDirtyRings();
    seen.push(bytes[0]);
    expect(seen).toEqual([1, 3, 0]);
  });

  test.each([
    ['one store an instruction', WRITE_PAGES, 1],
    ['a string instruction', FILL, 1024],
  ])('stops the vCPU with KVM_EXIT_DIRTY_RING_FULL at the soft limit: %s', (_, code, each) => {
    const { vm, vcpu } = ringed(4096, code);
    expect(go(vcpu, 16, 600 * each)).toBe(KVM_EXIT.DIRTY_RING_FULL);
    expect(vcpu.run()).toBe(KVM_EXIT.DIRTY_RING_FULL);
    const pages: number[] = [];
    for (
      let reason: number = KVM_EXIT.DIRTY_RING_FULL;
      reason === KVM_EXIT.DIRTY_RING_FULL;
      reason = vcpu.run()
    ) {
      const found = harvest(vcpu);
      expect(found.length).toBeGreaterThanOrEqual(256 - 64);
      expect(found.length).toBeLessThan(256);
      pages.push(...found.map(({ page }) => page));
      vm.resetDirtyRings();
    }
    expect(vcpu.kvmRun.exitReason).toBe(KVM_EXIT.HLT);
    pages.push(...harvest(vcpu).map(({ page }) => page));
    expect(pages).toEqual(range(16, 600));
  });

  test('takes the entries of page tables that the processor marks accessed and dirty', () => {
    const { vm, vcpu } = ringed();
    // A directory at 0x2000 with 4 MiB pages, PSE.
    vm.write(0x2000, new Uint8Array([0x83, 0, 0, 0]));
    vm.getHostDirtyLog(5);
    vcpu.setSregs({ cr0: 0x8000_0011n, cr3: 0x2000n, cr4: 0x10n });
    go(vcpu, 16, 1);
    expect(harvest(vcpu).map(({ page }) => page)).toEqual([2, 16]);
  });

  test('keeps what the host writes out of the rings, in a bitmap of its own', () => {
    const { vm, vcpu } = ringed();
    vm.getHostDirtyLog(5);
    go(vcpu, 16, 1);
    vm.write(0x11000, new Uint8Array(1));
    expect([...vm.getHostDirtyLog(5).subarray(0, 4)]).toEqual([0, 0, 2, 0]);
    expect([...vm.getHostDirtyLog(5).subarray(0, 4)]).toEqual([0, 0, 0, 0]);
    expect(harvest(vcpu)).toEqual([{ slot: 5, page: 16 }]);
  });

  test("is each vCPU's own, and one reset serves all", () => {
    const { vm, vcpu } = ringed();
    const other = vm.createVcpu(1);
    other.setSregs(vcpu.getSregs());
    go(vcpu, 16, 1);
    go(other, 17, 2);
    expect([harvest(vcpu).length, harvest(other).length]).toEqual([1, 2]);
    expect(vm.resetDirtyRings()).toBe(3);
  });

  test('forgets nothing when a slot goes: its entries are taken back and say nothing of a later slot', () => {
    const { vm, vcpu } = ringed();
    go(vcpu, 16, 2);
    harvest(vcpu);
    vm.setUserMemoryRegion({ slot: 5 });
    expect(vm.resetDirtyRings()).toBe(2);
  });
});

describe('enabling the dirty rings', () => {
  const cap = KVM_CAP.DIRTY_LOG_RING_ACQ_REL;
  test.each([
    ['EINVAL', 0],
    ['EINVAL', 2048],
    ['EINVAL', 4096 + 16],
    ['E2BIG', kvm.checkExtension('DIRTY_LOG_RING') * 2],
  ] as const)('is %s for %i bytes', (errno, bytes) => {
    const { vm } = vmWithRam();
    refuses(errno, () => vm.enableCap({ cap, args: [bytes] }));
  });

  test('is possible once, before the first vCPU, up to what KVM_CHECK_EXTENSION says', () => {
    const { vm } = vmWithRam();
    vm.enableCap({ cap, args: [kvm.checkExtension('DIRTY_LOG_RING_ACQ_REL')] });
    refuses('EINVAL', () => vm.enableCap({ cap, args: [4096] }));
    expect(vm.createVcpu(0).dirtyRing?.entries).toBe(4096);
    const late = vmWithRam().vm;
    late.createVcpu(0);
    refuses('EINVAL', () => late.enableCap({ cap, args: [4096] }));
  });

  test('makes the calls of the dirty log ENXIO, and without it those of the rings EINVAL and ENXIO', () => {
    const { vm } = ringed();
    refuses('ENXIO', () => vm.getDirtyLog(5));
    refuses('ENXIO', () =>
      vm.clearDirtyLog({ slot: 5, first_page: 0, num_pages: 64, dirty_bitmap: new Uint8Array(8) }),
    );
    const { vm: plain } = vmWithRam(0x100000, KVM_MEM_LOG_DIRTY_PAGES);
    refuses('EINVAL', () => plain.resetDirtyRings());
    refuses('ENXIO', () => plain.getHostDirtyLog(0));
    expect(plain.createVcpu(0).dirtyRing).toBe(undefined);
  });
});
