// Copies and mappings of one thread: what is not copied, what is marked, what is refused.

import { expect, test } from 'vitest';
import { dirtyPages, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY } from '../../../web/kvm/index.ts';
import { bound, errnoOf, setSlot, vmWithRam } from './support.ts';

const LOG = KVM_MEM_LOG_DIRTY_PAGES;

test.each([
  ['inside', 0x1000, 16, 0],
  ['up to the end', 0xfff0, 16, 0],
  ['one byte over the end', 0xfff1, 16, 1],
  ['from the end', 0x10000, 16, 16],
  ['nothing', 0x10000, 0, 0],
  ['below the top of the address space', 0xffff_ffff_ffff_fff8n, 16, 16],
  ['below zero', -8, 16, 16],
])('bytes that lie in no slot are not copied: %s', (_, gpa, length, left) => {
  const guest = bound(vmWithRam());
  expect(guest.copyTo(gpa, new Uint8Array(length))).toBe(left);
  expect(guest.copyFrom(gpa, new Uint8Array(length))).toBe(left);
});

test('a copy goes on from one slot into the next and stops at a hole', () => {
  const vm = vmWithRam(0x2000);
  setSlot(vm, 1, 0x2000, 0x1000, vm.allocate(0x1000));
  const guest = bound(vm);
  const data = Uint8Array.from({ length: 0x2000 }, (_, n) => n * 7);
  expect(guest.copyTo(0x1800, data)).toBe(0x800);
  const back = new Uint8Array(0x2000);
  expect(guest.copyFrom(0x1800, back)).toBe(0x800);
  expect(back.subarray(0, 0x1800)).toEqual(data.subarray(0, 0x1800));
});

test('a copy larger than one piece arrives whole', () => {
  const vm = vmWithRam(0x80000);
  const data = Uint8Array.from({ length: 0x7fff1 }, (_, n) => n % 251);
  expect(bound(vm).copyTo(3, data)).toBe(0);
  expect(Buffer.compare(vm.read(3, data.length), data)).toBe(0);
});

test('a copy into a read-only slot writes nothing; one out of it reads', () => {
  const vm = vmWithRam();
  setSlot(vm, 1, 0x20000, 0x1000, vm.allocate(0x1000), KVM_MEM_READONLY);
  vm.write(0x20000, new Uint8Array([7]));
  const guest = bound(vm);
  expect(guest.copyTo(0x20000, new Uint8Array(4))).toBe(4);
  const byte = new Uint8Array(1);
  expect(guest.copyFrom(0x20000, byte)).toBe(0);
  expect(byte[0]).toBe(7);
});

test('copies, mapped stores and scatter lists mark the dirty log, reads do not', () => {
  const vm = vmWithRam(0x10000, 0, LOG);
  const guest = bound(vm);
  vm.getDirtyLog(0);
  guest.copyFrom(0x8000, new Uint8Array(100));
  guest.copyTo(0x1ffe, new Uint8Array(4));
  const map = guest.vmap(0x4000, 0x3000);
  map.written(0x1fff, 2);
  map.store(0, 5);
  const list = guest.sgmap([
    { gpa: 0x9000, length: 16 },
    { gpa: 0xbff0, length: 16 },
  ]);
  expect(dirtyPages(vm.getDirtyLog(0))).toEqual([1, 2, 4, 5, 6]);
  list.written();
  expect(dirtyPages(vm.getDirtyLog(0))).toEqual([9, 11]);
});

test('a vmap is the memory itself and lies inside one slot', async () => {
  const vm = vmWithRam(0x2000);
  setSlot(vm, 1, 0x2000, 0x1000, vm.allocate(0x1000));
  const guest = bound(vm);
  const map = guest.vmap(0x1ff0, 16);
  map.bytes[3] = 9;
  expect(vm.read(0x1ff3, 1)[0]).toBe(9);
  vm.write(0x1ff4, new Uint8Array([1, 2, 3, 4]));
  expect(map.load(4)).toBe(0x0403_0201);
  expect(await errnoOf(() => guest.vmap(0x1ff0, 17))).toBe('EINVAL');
  expect(await errnoOf(() => guest.vmap(0x5000, 1))).toBe('EINVAL');
  expect(await errnoOf(() => guest.vmap(0, 0))).toBe('EINVAL');
  expect(await errnoOf(() => map.load(2))).toBe('EINVAL');
  expect(await errnoOf(() => map.store(16, 0))).toBe('EINVAL');
  expect(await errnoOf(() => map.written(8, 9))).toBe('EINVAL');
});

test('a scatter entry that crosses a page is refused, though the slot holds it', async () => {
  const guest = bound(vmWithRam());
  expect(await errnoOf(() => guest.sgmap([{ gpa: 0xff0, length: 17 }]))).toBe('EINVAL');
  expect(await errnoOf(() => guest.sgmap([{ gpa: 0xff0, length: 0 }]))).toBe('EINVAL');
  expect(guest.sgmap([{ gpa: 0xff0, length: 16 }]).length).toBe(16);
});

test('a mapping of a slot that was moved is stale, and its stores are marked where the guest sees them', () => {
  const vm = vmWithRam(0x4000, 0, LOG);
  const hva = vm.slot(0)?.hva ?? 0;
  const map = bound(vm).vmap(0x1000, 0x1000);
  expect(map.stale).toBe(false);
  setSlot(vm, 0, 0x80000, 0x4000, hva, LOG);
  vm.getDirtyLog(0);
  expect(map.stale).toBe(true);
  map.store(0, 0x55);
  expect(vm.read(0x81000, 1)[0]).toBe(0x55);
  expect(dirtyPages(vm.getDirtyLog(0))).toEqual([1]);
});

test('stores over decoded code are seen by the next run', () => {
  const vm = vmWithRam();
  const vcpu = vm.createVcpu(0);
  const guest = bound(vm);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  const run = (): bigint => {
    vcpu.setRegs({ rip: 0x1000, rflags: 2 });
    vcpu.run();
    return vcpu.getRegs().rax & 0xffn;
  };
  guest.copyTo(0x1000, new Uint8Array([0xb0, 1, 0xf4])); // mov al, 1; hlt
  expect(run()).toBe(1n);
  guest.copyTo(0x1001, new Uint8Array([2]));
  expect(run()).toBe(2n);
  const map = guest.vmap(0x1000, 4);
  map.bytes[1] = 3;
  map.written();
  expect(run()).toBe(3n);
});

test('addresses of an alias mean what it leads to', () => {
  const vm = vmWithRam(0x10000, 0, LOG);
  const guest = bound(vm);
  vm.setMemoryAlias({ slot: 0, guest_phys_addr: 0x20000, memory_size: 0x1000, target_phys_addr: 0x5000 });
  vm.getDirtyLog(0);
  expect(guest.copyTo(0x20ffe, new Uint8Array([1, 2, 3]))).toBe(1);
  expect([...vm.read(0x5ffe, 2)]).toEqual([1, 2]);
  expect(guest.vmap(0x20ffe, 2).bytes[1]).toBe(2);
  expect(dirtyPages(vm.getDirtyLog(0))).toEqual([5]);
});
