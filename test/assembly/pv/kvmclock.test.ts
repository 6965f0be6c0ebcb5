// kvmclock by a guest that works out the time from its page, against KVM_GET_CLOCK.

import { expect, test } from 'vitest';
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, type Vcpu } from '../../../web/kvm/index.ts';
import { refuses } from '../../web/kvm/support.ts';
import { Machine } from '../exec/machine.ts';

const SYSTEM_TIME = 0x12;
const WALL_CLOCK = 0x4b56_4d00;
const SYSTEM_TIME_NEW = 0x4b56_4d01;
const PAGE = 0x3000;
const STABLE = 1;
const STOPPED = 2;

/** pvclock_vcpu_time_info at RDI to ns in RAX, by the TSC: what every guest with a kvmclock does. */
const READ_CLOCK = [
  '8b37 0f31 48c1e220 4809d0 482b4708', // again: mov esi, [rdi]; rdtsc; ... rax = tsc - tsc_timestamp
  '0fbe4f1c 85c9 7805 48d3e0 eb05 f7d9 48d3e8', // rax shifted by tsc_shift
  '8b5718 48f7e2 480facd020 48034710', // rax = (rax * tsc_to_system_mul >> 32) + system_time
  '3b37 75cc', // cmp esi, [rdi]; jne again
].join(' ');

/** A machine of `cpus` vCPUs whose pages lie behind each other from PAGE on, with its time standing. */
function standing(cpus = 1, khz = 0): Machine {
  const machine = new Machine('long', cpus);
  machine.vm.stopTime();
  for (const vcpu of machine.vcpus) {
    if (khz) vcpu.setTscKhz(khz);
    vcpu.setMsrs([{ index: SYSTEM_TIME_NEW, data: BigInt(PAGE + vcpu.id * 64) | 1n }]);
  }
  return machine;
}

function clockOf(machine: Machine, vcpu: Vcpu = machine.vcpu): bigint {
  machine.prepare(READ_CLOCK, { rdi: PAGE + vcpu.id * 64 }, vcpu);
  vcpu.run();
  return vcpu.getRegs().rax;
}

const flags = (machine: Machine, id = 0): number => machine.ram[PAGE + id * 64 + 29] as number;
const version = (machine: Machine): number =>
  new DataView(machine.vm.read(PAGE, 4).buffer).getUint32(0, true);

test('a guest’s time is KVM_GET_CLOCK, whichever MSR it uses', () => {
  for (const msr of [SYSTEM_TIME, SYSTEM_TIME_NEW]) {
    const machine = new Machine('long');
    machine.vm.setClock({ clock: 77_000_000_000n });
    machine.run('0f30', { rcx: msr, rax: PAGE | 1 });
    const before = machine.vm.getClock().clock;
    const now = clockOf(machine);
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(machine.vm.getClock().clock);
    expect([flags(machine), version(machine) & 1]).toEqual([msr === SYSTEM_TIME ? 0 : STABLE, 0]);
  }
});

test.each([1, 123_000, 1_999_999, 2_000_000, 3_141_592, 4_294_967_295])('at a TSC of %i kHz too', (khz) => {
  const machine = standing(1, khz);
  const difference = machine.vm.getClock().clock - clockOf(machine);
  // A tick, and 2^-32 of a second or so.
  expect(Number(difference < 0 ? -difference : difference)).toBeLessThanOrEqual(1e6 / khz + 2);
});

test('the vCPUs of a VM have one time, and say so while their TSCs are alike', () => {
  const machine = standing(2);
  const [first, second] = machine.vcpus as [Vcpu, Vcpu];
  const { clock } = machine.vm.getClock();
  expect([clockOf(machine, first), clockOf(machine, second)]).toEqual([clock, clock]);
  expect([flags(machine, 0), flags(machine, 1)]).toEqual([STABLE, STABLE]);
  second.setMsrs([{ index: 0x10, data: 5n }]);
  expect([clockOf(machine, first), clockOf(machine, second)]).toEqual([clock, clock]);
  expect([flags(machine, 0), flags(machine, 1)]).toEqual([0, 0]);
  second.setDeviceAttr({ group: 0, attr: 0n }, first.getDeviceAttr({ group: 0, attr: 0n }));
  clockOf(machine, first);
  expect([clockOf(machine, second), flags(machine, 0), flags(machine, 1)]).toEqual([clock, STABLE, STABLE]);
  second.setTscKhz(2_000_000);
  expect([clockOf(machine, first), flags(machine, 0), clockOf(machine, second)]).toEqual([clock, 0, clock]);
});

test('it follows IA32_TSC_ADJUST, KVM_SET_CLOCK and a time that stood', () => {
  const machine = standing();
  machine.run('0f30', { rcx: 0x3b, rax: 1_000_000 });
  expect(clockOf(machine)).toBe(machine.vm.getClock().clock);
  const before = version(machine);
  machine.vm.setClock({ clock: 5n });
  expect([clockOf(machine), version(machine) - before]).toEqual([5n, 2]);
  machine.vm.startTime();
  machine.vm.stopTime();
  expect(clockOf(machine)).toBe(machine.vm.getClock().clock);
});

test('KVM_KVMCLOCK_CTRL tells the guest that it stood, until the guest has heard it', () => {
  const machine = new Machine('long');
  refuses('EINVAL', () => machine.vcpu.kvmclockCtrl());
  machine.vcpu.setMsrs([{ index: SYSTEM_TIME_NEW, data: BigInt(PAGE) | 1n }]);
  clockOf(machine);
  machine.vcpu.kvmclockCtrl();
  expect(flags(machine)).toBe(STABLE);
  clockOf(machine);
  expect(flags(machine)).toBe(STABLE | STOPPED);
  machine.vm.setClock({ clock: 1n });
  clockOf(machine);
  expect(flags(machine)).toBe(STABLE | STOPPED);
  machine.vm.write(PAGE + 29, new Uint8Array([STABLE]));
  machine.vm.setClock({ clock: 1n });
  clockOf(machine);
  expect(flags(machine)).toBe(STABLE);
  machine.vcpu.setMsrs([{ index: SYSTEM_TIME_NEW, data: 0x4000_0001n }]);
  refuses('EINVAL', () => machine.vcpu.kvmclockCtrl());
});

test('the wall clock is that of the moment at which kvmclock was 0', () => {
  const machine = new Machine('long');
  machine.run('0f30', { rcx: WALL_CLOCK, rax: PAGE });
  const view = new DataView(machine.vm.read(PAGE, 12).buffer);
  const began = view.getUint32(4, true) + view.getUint32(8, true) / 1e9;
  const { clock, realtime } = machine.vm.getClock();
  expect(Math.abs(began - Number(realtime - clock) / 1e9)).toBeLessThan(0.01);
  expect(view.getUint32(0, true)).toBe(2);
});

test('nothing is written outside slots, into a read-only one, or across two pages', () => {
  const machine = standing();
  const rom = machine.vm.allocate(0x1000);
  machine.vm.setUserMemoryRegion({
    slot: 1,
    flags: KVM_MEM_READONLY,
    guest_phys_addr: 0x40_0000,
    memory_size: 0x1000,
    userspace_addr: rom,
  });
  for (const gpa of [0x40_0000n, 0x40_1000n, 0x20_0000n - 16n, 0x4ff0n, 0xffff_ffff_ffff_fff0n, 1n << 40n]) {
    for (const index of [SYSTEM_TIME_NEW, WALL_CLOCK]) {
      machine.run('0f30', { rcx: index, rax: (gpa & 0xffff_ffffn & ~1n) | 1n, rdx: gpa >> 32n });
      expect(machine.vcpu.getMsrs([index])[0]?.data).toBe((gpa & ~1n) | 1n);
    }
  }
  const untouched = [machine.vm.memory.bytes(rom, 0x2000), machine.vm.read(0x5000, 16)];
  expect(untouched.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
  // The wall clock is shorter.
  expect(machine.vm.read(0x4ff4, 4).every((byte) => byte === 0)).toBe(false);
});

test('a page is marked in the dirty log, and goes where its slot goes', () => {
  const machine = new Machine('long');
  const ram = machine.vm.allocate(0x2000);
  const slot = { slot: 1, flags: KVM_MEM_LOG_DIRTY_PAGES, memory_size: 0x2000, userspace_addr: ram };
  machine.vm.setUserMemoryRegion({ ...slot, guest_phys_addr: 0x40_0000 });
  machine.run('0f30', { rcx: SYSTEM_TIME_NEW, rax: 0x40_1001 });
  expect(machine.vm.getDirtyLog(1)[0]).toBe(2);
  machine.vm.setUserMemoryRegion({ ...slot, guest_phys_addr: 0x50_0000 });
  machine.vm.memory.bytes(ram, 0x2000).fill(0);
  machine.vm.setClock({ clock: 1n });
  machine.run('90');
  expect(machine.vm.memory.bytes(ram, 0x2000).every((byte) => byte === 0)).toBe(true);
  machine.vm.setUserMemoryRegion({ ...slot, guest_phys_addr: 0x40_0000 });
  machine.vm.setClock({ clock: 1n });
  machine.run('90');
  expect(machine.vm.memory.bytes(ram + 0x1000, 32).every((byte) => byte === 0)).toBe(false);
});

test('a vCPU that is restored elsewhere goes on with its time', () => {
  const [old, young] = [standing(), new Machine('long')];
  young.vm.stopTime();
  const msrs = [0x10, SYSTEM_TIME_NEW];
  young.vm.setClock({ clock: old.vm.getClock().clock });
  expect(young.vcpu.setMsrs(old.vcpu.getMsrs(msrs))).toBe(msrs.length);
  expect(clockOf(young)).toBe(clockOf(old));
});
