// Doorbells and interrupts of a guest, as a module attaches and releases them.

import { expect, test } from 'vitest';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { restore } from '../../../web/xinterface/index.ts';
import { bound, errnoOf, vmWithRam } from './support.ts';

/** A guest that writes AL, AX and EAX to port 0x510 and halts, in real mode. */
function ringer() {
  const vm = vmWithRam();
  vm.createIrqchip();
  const vcpu = vm.createVcpu(0);
  // mov dx, 0x510; mov eax, 0x12345678; out dx, al; out dx, ax; out dx, eax; jmp to the first out
  const code = [0xba, 0x10, 5, 0x66, 0xb8, 0x78, 0x56, 0x34, 0x12, 0xee, 0xef, 0x66, 0xef, 0xeb, 0xfa];
  vm.write(0x1000, new Uint8Array(code));
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rflags: 2 });
  return { vm, vcpu, guest: bound(vm) };
}

test('a doorbell takes writes of its length and tells what was written; others leave the guest', () => {
  const { vcpu, guest } = ringer();
  const bell = guest.ioevent(0x510, 2, { pio: true });
  expect([vcpu.run(), vcpu.kvmRun.io.data.length]).toEqual([KVM_EXIT.IO, 1]);
  expect([vcpu.run(), vcpu.kvmRun.io.data.length]).toEqual([KVM_EXIT.IO, 4]);
  expect([bell.read(), bell.read(), bell.values()]).toEqual([1n, undefined, [0x5678n]]);
  bell.release();
  vcpu.run();
  expect([vcpu.run(), vcpu.kvmRun.io.data.length]).toEqual([KVM_EXIT.IO, 2]);
});

test('a doorbell that matches a value lets others pass', async () => {
  const { vcpu, guest } = ringer();
  const bell = guest.ioevent(0x510, 1, { pio: true, datamatch: 0x78 });
  guest.ioevent(0x510, 1, { pio: true, datamatch: 0x77 });
  vcpu.run();
  await bell.ready();
  expect(bell.read()).toBe(1n);
  expect(await errnoOf(() => guest.ioevent(0x510, 1, { pio: true, datamatch: 0x78 }))).toBe('EEXIST');
  expect(await errnoOf(() => guest.ioevent(0x510, 3, { pio: true }))).toBe('EINVAL');
  expect(guest.save()).toHaveLength(2);
});

test('the last put takes doorbells and lines away', () => {
  const { vm, vcpu, guest } = ringer();
  guest.ioevent(0x510, 0, { pio: true });
  guest.irqfd(5);
  expect(vm.pins()).toMatchObject([{ ioevents: 1, irqfds: 1 }]);
  guest.put();
  expect(vcpu.run()).toBe(KVM_EXIT.IO);
  const fds = Array.from({ length: 256 }, () => vm.createEventfd());
  expect(fds).toHaveLength(256);
});

test('an interrupt is an edge at the chips', () => {
  const { vm, guest } = ringer();
  const line = guest.irqfd(5);
  line.raise();
  expect(vm.getIrqchip(0).chip).toMatchObject({ pic: { irr: 1 << 5 } });
});

test('a level stands, and its two eventfds go with the last put', async () => {
  const { vm, guest } = ringer();
  const line = guest.irqfd(20, { level: true });
  const isUp = () => (vm.getIrqchip(2).chip.ioapic.irr & (1 << 20)) !== 0;
  guest.irqfd(21).raise();
  line.raise();
  expect(isUp()).toBe(true);
  expect(guest.irqfd(22).ended).toBeUndefined();
  guest.put();
  expect(Array.from({ length: 256 }, () => vm.createEventfd())).toHaveLength(256);
});

test('a line needs interrupt chips', async () => {
  expect(await errnoOf(() => bound(vmWithRam()).irqfd(5))).toBe('ENXIO');
});

test('what one interface has attached is attached to another machine at the same addresses', async () => {
  const { guest } = ringer();
  guest.vmap(0x2000, 64);
  guest.ioevent(0x510, 2, { pio: true, datamatch: 7 });
  guest.irqfd(5);
  const records = guest.save();
  const other = ringer();
  const { maps, doorbells, interrupts } = await restore(other.guest, records);
  expect([maps[0]?.gpa, doorbells[0]?.address, interrupts[0]?.gsi]).toEqual([0x2000n, 0x510n, 5]);
  expect(other.guest.save()).toEqual(records);
});

test('a restore that fails leaves nothing attached', async () => {
  const { guest } = ringer();
  guest.ioevent(0x510, 2, { pio: true });
  guest.vmap(0xf000, 64);
  const small = vmWithRam(0x1000);
  const other = bound(small);
  expect(await errnoOf(() => restore(other, guest.save()))).toBe('EINVAL');
  expect(other.save()).toEqual([]);
});
