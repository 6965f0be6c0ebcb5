// Who holds a VM: what pins show, when they go, and what they keep from happening.

import { expect, test } from 'vitest';
import {
  bind,
  bindFor,
  GuestRegistry,
  handleOf,
  open,
  releaseDead,
  revoke,
} from '../../../web/xinterface/index.ts';
import { bound, errnoOf, kvm, vmWithRam } from './support.ts';

const RNG = { name: 'rng0', kind: 'module' };

test('a pin shows its holder, its copies and what it has mapped', () => {
  const vm = vmWithRam();
  const guest = bound(vm, 'rng0');
  guest.copyTo(0, new Uint8Array(100));
  guest.copyFrom(0xfffe, new Uint8Array(10));
  guest.vmap(0, 0x2000);
  guest.sgmap([{ gpa: 0x3000, length: 0x800 }]);
  expect(vm.pins()).toMatchObject([
    {
      name: 'rng0',
      kind: 'module',
      references: 1,
      copies: 2n,
      bytes: 102n,
      vmaps: 1,
      sgs: 1,
      mapped: 0x2800,
    },
  ]);
});

test('the last put releases everything, and calls after it are ENODEV', async () => {
  const vm = vmWithRam();
  const guest = bound(vm);
  const map = guest.vmap(0, 16);
  guest.get();
  guest.put();
  expect(vm.pins()).toHaveLength(1);
  guest.put();
  guest.put();
  expect(vm.pins()).toEqual([]);
  expect(await errnoOf(() => guest.copyTo(0, new Uint8Array(1)))).toBe('ENODEV');
  expect(await errnoOf(() => guest.get())).toBe('ENODEV');
  expect(await errnoOf(() => map.written())).toBe('ENODEV');
});

test('nothing leaks: 10,000 bindings with mappings leave empty tables', () => {
  const vm = vmWithRam();
  for (let n = 0; n < 10_000; n++) {
    const guest = bound(vm, `m${n}`);
    const map = guest.vmap(n % 0x8000, 1 + (n % 100));
    if (n % 2) map.release();
    guest.sgmap([{ gpa: 0, length: 1 }]);
    guest.put();
  }
  expect(vm.pins()).toEqual([]);
});

test('a VM that is held cannot be destroyed, and the error names the holders', async () => {
  const vm = vmWithRam();
  const guests = [bound(vm, 'rng0'), bound(vm, 'fb0')];
  expect(() => vm.destroy()).toThrow(/^EBUSY: the VM is held by module rng0, module fb0;/);
  for (const guest of guests) guest.put();
  const handle = handleOf(vm);
  vm.destroy();
  expect(await errnoOf(() => bind(handle, RNG))).toBe('ENODEV');
});

test('a handle of a destroyed VM does not open the one that lives in its place', async () => {
  const first = vmWithRam();
  const old = handleOf(first);
  first.destroy();
  const second = kvm.createVm({ memory: first.handle.memory });
  expect(second.handle.base).toBe(first.handle.base);
  expect(await errnoOf(() => bind(old, RNG))).toBe('ENODEV');
  expect(bind(handleOf(second), RNG).save()).toEqual([]);
});

test('a VM has 64 holders and 512 attachments at most', async () => {
  const vm = vmWithRam();
  const guests = Array.from({ length: 64 }, (_, n) => bound(vm, `m${n}`));
  expect(await errnoOf(() => bound(vm))).toBe('ENFILE');
  for (let n = 0; n < 512; n++) guests[n % 64]?.vmap(0, 1);
  expect(await errnoOf(() => guests[0]?.vmap(0, 1))).toBe('ENOSPC');
  guests[1]?.put();
  expect(await errnoOf(() => bound(vm).vmap(0, 1).length)).toBe(1);
});

test('a pin bound for another thread is used there, revoked and released from here', async () => {
  const vm = vmWithRam();
  const given = bindFor(handleOf(vm), RNG);
  const guest = open(structuredClone({ pin: given.pin, handle: given.handle }));
  expect(guest.copyTo(0, new Uint8Array(4))).toBe(0);
  revoke(given);
  expect(vm.pins()).toMatchObject([{ name: 'rng0', revoked: true }]);
  expect(await errnoOf(() => guest.copyTo(0, new Uint8Array(4)))).toBe('ENODEV');
  releaseDead(given);
  expect(vm.pins()).toEqual([]);
  bound(vm, 'next');
  releaseDead(given);
  expect(await errnoOf(() => guest.copyTo(0, new Uint8Array(4)))).toBe('ENODEV');
  expect(vm.pins()).toHaveLength(1);
});

test('a long name is cut at a whole character', () => {
  const vm = vmWithRam();
  bind(handleOf(vm), { name: 'ü'.repeat(50), kind: 'module' });
  expect(vm.pins()[0]?.name).toBe('ü'.repeat(32));
});

test('find knows the VMs of its own registry only', async () => {
  const mine = new GuestRegistry();
  const id = mine.add(vmWithRam());
  expect(bind(mine.find(id), RNG).copyTo(0, new Uint8Array(1))).toBe(0);
  expect(await errnoOf(() => new GuestRegistry().find(id))).toBe('ENOENT');
  mine.remove(id);
  expect(await errnoOf(() => mine.find(id))).toBe('ENOENT');
});

test('a thread that dies after its guest has nothing to release', async () => {
  const vm = vmWithRam();
  const given = bindFor(handleOf(vm), RNG);
  open(given).put();
  vm.destroy();
  revoke(given);
  releaseDead(given);
  expect(await errnoOf(() => open(given))).toBe('ENODEV');
});
