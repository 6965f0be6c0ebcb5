// The synthetic interrupt controller: its switch and MSRs, SINT routes, and the timers that send through it.

import { describe, expect, test } from 'vitest';
import * as hv from '../../../../assembly/abi/hyperv.ts';
import { ENGINE_DETERMINISTIC, VM_ENGINE, VM_VIRTUAL_NS } from '../../../../assembly/abi/map.ts';
import { V_WAKE_AT } from '../../../../assembly/abi/vcpu_page.ts';
import { Eventfd, KVM_CAP, KVM_IRQ_ROUTING } from '../../../../web/kvm/index.ts';
import { refuses } from '../support.ts';
import { Guest, KVM_EXIT } from './support.ts';

const MESSAGES = 0x6000;
const SINT2 = hv.HV_X64_MSR_SINT0 + 2;
const [CONFIG, COUNT] = [hv.HV_X64_MSR_STIMER0_CONFIG, hv.HV_X64_MSR_STIMER0_CONFIG + 1];
const [ENABLE, PERIODIC, AUTO, DIRECT] = [1, 2, 8, 0x1000];
const TO_SINT2 = 2 << 16;
const EXPIRED = 0x8000_0010n;

/** A vCPU with a SynIC, its APIC on, SINT 2 on vector 0x50, a message page; `at` sets machine time. */
function synic({ auto = false } = {}): { guest: Guest; at: (ns: number) => void } {
  const guest = new Guest({ chips: true });
  const { vcpu, vm } = guest;
  vm.memory.setU32(vm.memory.vm + VM_ENGINE, ENGINE_DETERMINISTIC);
  vcpu.enableCap({ cap: KVM_CAP.HYPERV_SYNIC });
  const { regs } = vcpu.getLapic();
  regs.set([0xff, 1], 0xf0);
  vcpu.setLapic({ regs });
  guest.set(hv.HV_X64_MSR_SIMP, MESSAGES | 1);
  guest.set(SINT2, auto ? 0x2_0050 : 0x50);
  return { guest, at: (ns) => vm.memory.setU64(vm.memory.vm + VM_VIRTUAL_NS, BigInt(ns)) };
}

/** Bytes of the local APIC: whether vector 0x50 is requested (0x200) or in service (0x100). */
const vector = ({ vcpu }: Guest, register: number) => (vcpu.getLapic().regs[register + 0x22] ?? 0) & 1;
const slot = (guest: Guest, offset: number) => guest.u64(MESSAGES + 2 * 256 + offset);
/** Lets the vCPU look at its events, halted. */
const look = (guest: Guest) => guest.rdmsr(hv.HV_X64_MSR_VP_INDEX);

describe('the SynIC', () => {
  test('is switched on for a vCPU with an irqchip; before that the host may but write 0', () => {
    const bare = new Guest();
    refuses('EINVAL', () => bare.vcpu.enableCap({ cap: KVM_CAP.HYPERV_SYNIC }));
    const guest = new Guest({ chips: true });
    refuses('EINVAL', () => guest.vcpu.enableCap({ cap: KVM_CAP.HYPERV_SYNIC2, args: [1] }));
    expect([guest.rdmsr(hv.HV_X64_MSR_SCONTROL), guest.wrmsr(SINT2, 0x50)]).toEqual([undefined, false]);
    expect([guest.set(SINT2, 0x50), guest.set(SINT2, 0)]).toEqual([false, true]);
    guest.vcpu.enableCap({ cap: KVM_CAP.HYPERV_SYNIC });
    expect(guest.rdmsr(hv.HV_X64_MSR_SVERSION)).toBe(1n);
    expect(guest.rdmsr(SINT2 + 1)).toBe(0x10000n);
    expect(guest.wrmsr(hv.HV_X64_MSR_SVERSION, 2)).toBe(false);
  });

  test('tells user space of its control and pages, and zeroes a page unless it is SYNIC2', () => {
    for (const [cap, left] of [
      [KVM_CAP.HYPERV_SYNIC, 0n],
      [KVM_CAP.HYPERV_SYNIC2, 7n],
    ] as const) {
      const guest = new Guest({ chips: true });
      guest.vcpu.enableCap({ cap });
      guest.put(0x6000, 7);
      expect(guest.wrmsr(hv.HV_X64_MSR_SIEFP, 0x6001)).toBe(KVM_EXIT.HYPERV);
      expect(guest.vcpu.kvmRun.arm('hyperv')).toMatchObject({
        type: 1,
        u: { synic: { msr: hv.HV_X64_MSR_SIEFP, control: 0n, evt_page: 0x6001n, msg_page: 0n } },
      });
      expect(guest.u64(0x6000)).toBe(left);
      expect(guest.wrmsr(hv.HV_X64_MSR_SCONTROL, 1)).toBe(KVM_EXIT.HYPERV);
      expect(guest.wrmsr(hv.HV_X64_MSR_SIMP, 0x4000_0001)).toBe(left === 0n ? false : KVM_EXIT.HYPERV);
    }
  });

  test('takes vectors from 16 up, or a masked SINT', () => {
    const { guest } = synic();
    expect([guest.wrmsr(SINT2, 15), guest.wrmsr(SINT2, 0x10000), guest.wrmsr(SINT2, 16)]).toEqual([
      ...[false, true, true],
    ]);
  });

  test('is where a GSI may lead, and the end of its interrupt is heard', () => {
    const { guest } = synic();
    const { vm } = guest;
    vm.setGsiRouting([{ gsi: 3, type: KVM_IRQ_ROUTING.HV_SINT, u: { hv_sint: { vcpu: 0, sint: 2 } } }]);
    const [fd, resamplefd] = [Eventfd.create(), Eventfd.create()];
    vm.irqfd({ fd, gsi: 3, flags: 2, resamplefd });
    fd.signal();
    expect(vector(guest, 0x200)).toBe(1);
    expect(resamplefd.readable).toBe(false);
    const { regs } = guest.vcpu.getLapic();
    regs[0x222] = 0;
    regs[0x122] = 1;
    guest.vcpu.setLapic({ regs });
    guest.wrmsr(hv.HV_X64_MSR_EOI, 0);
    expect(resamplefd.read()).toBe(1n);
    refuses('EINVAL', () => vm.setGsiRouting([{ gsi: 3, type: KVM_IRQ_ROUTING.HV_SINT, flags: 1 }]));
    guest.set(SINT2, 0x10050);
    expect(vm.irqLine(3, true)).toBe(-1);
  });

  test('ends an interrupt by itself where the SINT says so', () => {
    for (const auto of [false, true]) {
      const { guest } = synic({ auto });
      guest.vm.setGsiRouting([
        { gsi: 3, type: KVM_IRQ_ROUTING.HV_SINT, u: { hv_sint: { vcpu: 0, sint: 2 } } },
      ]);
      guest.vm.irqLine(3, true);
      guest.vm.write(0x50 * 4, new Uint8Array([0, 0x20, 0, 0]));
      guest.vcpu.setRegs({ rip: 0x2000, rflags: 0x202 });
      guest.vcpu.enter(100);
      expect([vector(guest, 0x200), vector(guest, 0x100)]).toEqual([0, auto ? 0 : 1]);
    }
  });
});

describe('a synthetic timer', () => {
  test('sends one message at its time, and stops', () => {
    const { guest, at } = synic();
    expect(guest.wrmsr(CONFIG, ENABLE | TO_SINT2)).toBe(true);
    expect(guest.wrmsr(COUNT, 1000)).toBe(true);
    expect(guest.wrmsr(CONFIG, ENABLE | TO_SINT2)).toBe(true);
    look(guest);
    expect(slot(guest, 0)).toBe(0n);
    expect(guest.vm.memory.u64(guest.vcpu.page + V_WAKE_AT)).toBe(100_000n);
    at(123_400);
    look(guest);
    expect(slot(guest, 0) & 0xff_ffff_ffffn).toBe((24n << 32n) | EXPIRED);
    expect([slot(guest, 16), slot(guest, 24), slot(guest, 32)]).toEqual([0n, 1000n, 1234n]);
    expect(vector(guest, 0x200)).toBe(1);
    expect(guest.rdmsr(CONFIG)).toBe(BigInt(TO_SINT2));
  });

  test('that finds its slot taken says so, and sends when the guest writes EOM', () => {
    const { guest, at } = synic();
    guest.wrmsr(CONFIG, AUTO | TO_SINT2);
    guest.put(MESSAGES + 512, 1);
    guest.wrmsr(COUNT, 1000);
    at(200_000);
    look(guest);
    expect(slot(guest, 0)).toBe(0x100_0000_0001n); // message pending
    guest.put(MESSAGES + 512, 0x100_0000_0000n);
    look(guest);
    expect(slot(guest, 0) & 0xffff_ffffn).toBe(0n);
    guest.wrmsr(hv.HV_X64_MSR_EOM, 0);
    look(guest);
    expect(slot(guest, 0) & 0xff00_ffff_ffffn).toBe(EXPIRED);
  });

  test('repeats with its period, and keeps its pace', () => {
    const { guest, at } = synic();
    at(50_000);
    guest.wrmsr(CONFIG, AUTO | PERIODIC | TO_SINT2);
    guest.wrmsr(COUNT, 1000);
    look(guest);
    for (const [now, expires] of [
      [150_000, 1500n],
      [380_000, 2500n],
      [450_000, 4500n],
    ] as const) {
      guest.put(MESSAGES + 512, 0);
      at(now);
      look(guest);
      expect(slot(guest, 24)).toBe(expires);
    }
    guest.wrmsr(COUNT, 0);
    expect(guest.rdmsr(CONFIG)).toBe(BigInt(AUTO | PERIODIC | TO_SINT2));
  });

  test('in direct mode raises its vector without a message, where CPUID announces that', () => {
    const { guest, at } = synic();
    guest.wrmsr(CONFIG, AUTO | DIRECT | (0x50 << 4));
    guest.wrmsr(COUNT, 1000);
    at(100_000);
    look(guest);
    expect([vector(guest, 0x200), slot(guest, 0)]).toEqual([1, 0n]);
  });

  test('in the past expires at once, and needs a SynIC', () => {
    const { guest, at } = synic();
    at(10 ** 9);
    guest.wrmsr(CONFIG, AUTO | TO_SINT2);
    guest.wrmsr(COUNT, 1);
    look(guest);
    expect(slot(guest, 24)).toBe(1n);
    const bare = new Guest({ chips: true });
    expect([bare.rdmsr(CONFIG), bare.wrmsr(COUNT, 1)]).toEqual([undefined, false]);
  });

  test('wakes a halted vCPU', () => {
    const { guest, at } = synic();
    guest.vm.write(0x50 * 4, new Uint8Array([0, 0x20, 0, 0]));
    guest.wrmsr(CONFIG, AUTO | TO_SINT2);
    guest.wrmsr(COUNT, 1000);
    guest.vcpu.setRegs({ rip: 0x2000, rflags: 0x202 });
    guest.vcpu.enter(10);
    expect(guest.vcpu.getMpState()).toBe(3);
    at(100_000);
    guest.vcpu.enter(1);
    expect(guest.vcpu.getMpState()).toBe(3);
    expect(vector(guest, 0x100)).toBe(1);
  });
});
