// Address spaces without a VM: populated, bound to VMs and modules at once, changed under them.

import { expect, test } from 'vitest';
import { dirtyPages, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, type Vm } from '../../../web/kvm/index.ts';
import { slotsOf, Vas, VasRegistry } from '../../../web/xinterface/index.ts';
import { errnoOf, kvm, vmWithRam } from './support.ts';

const MODULE = { name: 'm0', kind: 'module' };
const bytes = (...values: number[]) => new Uint8Array(values);
const vas = (): Vas => {
  const space = Vas.create(kvm, 'ram', { memoryLimit: 2 ** 28 });
  space.set({ id: 0, gpa: 0, size: 0x4000 });
  return space;
};
const logged = (vm: Vm, id: number): void => {
  const slot = vm.slot(id);
  if (slot)
    vm.setUserMemoryRegion({
      slot: id,
      flags: KVM_MEM_LOG_DIRTY_PAGES,
      guest_phys_addr: slot.gpa,
      memory_size: slot.size,
      userspace_addr: slot.hva,
    });
};

test('modules read and write it without any VM', async () => {
  const space = vas();
  const [one, two] = [space.bind(MODULE), space.bind({ ...MODULE, name: 'm1' })];
  expect(await one.copyTo(0x3ffe, bytes(1, 2, 3))).toBe(1);
  const back = new Uint8Array(2);
  expect(await two.copyFrom(0x3ffe, back)).toBe(0);
  expect([...back]).toEqual([1, 2]);
  expect(await errnoOf(() => one.ioevent(0x510, 1))).toBe('ENXIO');
  expect(await errnoOf(() => one.irqfd(1))).toBe('ENXIO');
});

test('two VMs that are bound share its RAM, and run in it', () => {
  const space = vas();
  const [one, two] = [space.createVm(), space.createVm()];
  // mov byte [0x2000], 42; hlt
  one.write(0x1000, bytes(0xc6, 0x06, 0x00, 0x20, 42, 0xf4));
  expect([...two.read(0x1000, 2)]).toEqual([0xc6, 0x06]);
  const vcpu = two.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rflags: 2 });
  vcpu.run();
  expect(one.read(0x2000, 1)[0]).toBe(42);
});

test('a change of a region reaches every VM and every module', async () => {
  const space = vas();
  const [one, two] = [space.createVm(), space.createVm()];
  const module = space.bind(MODULE);
  space.set({ id: 3, gpa: 0x10000, size: 0x1000, flags: KVM_MEM_READONLY });
  expect([one, two].map((vm) => vm.slot(3)?.gpa)).toEqual([0x10000n, 0x10000n]);
  expect(await module.copyFrom(0x10000, new Uint8Array(1))).toBe(0);
  space.set({ id: 3, gpa: 0x20000, size: 0x1000, flags: KVM_MEM_READONLY });
  expect([one, two].map((vm) => vm.slot(3)?.gpa)).toEqual([0x20000n, 0x20000n]);
  expect(await module.copyFrom(0x10000, new Uint8Array(1))).toBe(1);
  space.set({ id: 3, gpa: 0, size: 0 });
  expect([one, two].map((vm) => vm.slot(3))).toEqual([undefined, undefined]);
  expect(await module.copyFrom(0x20000, new Uint8Array(1))).toBe(1);
});

test('what a module writes stands in the log of every bound VM that logs, each with its own', async () => {
  const space = vas();
  const [one, two, three] = [space.createVm(), space.createVm(), space.createVm()];
  logged(one, 0);
  logged(two, 0);
  const module = space.bind(MODULE);
  await module.copyTo(0x1fff, bytes(1, 2));
  expect(dirtyPages(one.getDirtyLog(0))).toEqual([1, 2]);
  expect(dirtyPages(one.getDirtyLog(0))).toEqual([]);
  expect(dirtyPages(two.getDirtyLog(0))).toEqual([1, 2]);
  space.unbindVm(two);
  space.unbindVm(three);
  await module.copyTo(0, bytes(1));
  expect(dirtyPages(one.getDirtyLog(0))).toEqual([0]);
  expect(two.slots()).toEqual([]);
  // A region that moves keeps each VM's choice to log.
  space.set({ id: 0, gpa: 0x8000, size: 0x4000 });
  await module.copyTo(0x8000, bytes(1));
  expect(dirtyPages(one.getDirtyLog(0))).toContain(0);
});

test('a change that a bound VM refuses changes nothing', async () => {
  const space = vas();
  const [one, two] = [space.createVm(), space.createVm()];
  two.setUserMemoryRegion({
    slot: 9,
    guest_phys_addr: 0x10000,
    memory_size: 0x1000,
    userspace_addr: two.allocate(0x1000),
  });
  const table = () => [space.regions(), one.slots(), two.slots()];
  const before = table();
  expect(await errnoOf(() => space.set({ id: 1, gpa: 0x10000, size: 0x1000 }))).toBe('EEXIST');
  expect(await errnoOf(() => space.set({ id: 0, gpa: 0x10000, size: 0x4000 }))).toBe('EEXIST');
  expect(table()).toEqual(before);
});

test.each([
  ['a broken size', { id: 1, gpa: 0x10000, size: 100 }, 'EINVAL'],
  ['another size', { id: 0, gpa: 0, size: 0x8000 }, 'EINVAL'],
  ['a log, which is a VM’s own', { id: 1, gpa: 0x10000, size: 0x1000, flags: 1 }, 'EINVAL'],
  ['what is not there', { id: 5, gpa: 0, size: 0 }, 'EINVAL'],
  ['an overlap', { id: 1, gpa: 0x3000, size: 0x1000 }, 'EEXIST'],
])('a region is refused for %s', async (_, request, code) => {
  const space = vas();
  expect(await errnoOf(() => space.set(request))).toBe(code);
  expect(space.regions()).toHaveLength(1);
});

test('it cannot go while a VM or a module holds it, and goes after', async () => {
  const registry = new VasRegistry(kvm);
  const space = registry.create('ram', { memoryLimit: 2 ** 28 });
  expect(await errnoOf(() => registry.create('ram'))).toBe('EEXIST');
  const vm = space.createVm();
  const module = space.bind(MODULE);
  expect(await errnoOf(() => registry.remove('ram'))).toBe('EBUSY');
  vm.destroy();
  expect(() => registry.remove('ram')).toThrow(/EBUSY: the VM is held by module m0/);
  await module.put();
  registry.remove('ram');
  expect(registry.list()).toEqual([]);
  expect(await errnoOf(() => registry.remove('ram'))).toBe('ENOENT');
});

test('a VM of another memory, of another address space or with slots in the way is not bound', async () => {
  const space = vas();
  expect(await errnoOf(() => space.bindVm(vmWithRam()))).toBe('EXDEV');
  const vm = space.createVm();
  expect(await errnoOf(() => space.bindVm(vm))).toBe('EBUSY');
  space.unbindVm(vm);
  expect(await errnoOf(() => space.unbindVm(vm))).toBe('ENOENT');
  vm.setUserMemoryRegion({ slot: 0, memory_size: 0x1000, userspace_addr: vm.allocate(0x1000) });
  expect(await errnoOf(() => space.bindVm(vm))).toBe('EEXIST');
});

test('the slots of a VM are an address space too', async () => {
  const vm = vmWithRam(0x2000);
  const space = slotsOf(vm);
  expect(await space.regions()).toEqual([{ id: 0, gpa: 0n, size: 0x2000, flags: 0 }]);
  expect(await (await space.bind(MODULE)).copyTo(0x1fff, bytes(1, 2))).toBe(1);
  expect(vm.pins()).toHaveLength(1);
});
