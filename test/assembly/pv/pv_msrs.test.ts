// The MSRs of KVM: what each takes, by WRMSR and by KVM_SET_MSRS, and what an announced or hidden feature changes.

import { describe, expect, test } from 'vitest';
import { KVM_CAP, KVM_EXIT, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { kvm, vmWithRam } from '../../web/kvm/support.ts';

const WALL_CLOCK = 0x11;
const SYSTEM_TIME = 0x12;
const WALL_CLOCK_NEW = 0x4b56_4d00;
const SYSTEM_TIME_NEW = 0x4b56_4d01;
const ASYNC_PF_EN = 0x4b56_4d02;
const STEAL_TIME = 0x4b56_4d03;
const PV_EOI_EN = 0x4b56_4d04;
const POLL_CONTROL = 0x4b56_4d05;
const ASYNC_PF_INT = 0x4b56_4d06;
const ASYNC_PF_ACK = 0x4b56_4d07;
const MIGRATION_CONTROL = 0x4b56_4d08;
const ALL = Array.from({ length: 8 }, (_, n) => WALL_CLOCK_NEW + n);
const OUTSIDE = 0x4000_0000;

/** A real-mode vCPU with KVM's own CPUID; #GP runs `out 0x42`, what goes well ends with `out 0x43`. */
function guest(chips = true): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam();
  if (chips) vm.createIrqchip();
  vm.write(13 * 4, new Uint8Array([0, 0x20, 0, 0]));
  vm.write(0x2000, new Uint8Array([0xe6, 0x42]));
  const vcpu = vm.createVcpu(0);
  vcpu.setCpuid2(kvm.getSupportedCpuid());
  return { vm, vcpu };
}

/** WRMSR (0f 30) or RDMSR (0f 32) by the guest: the pair of registers, or undefined for #GP. */
function access(
  { vm, vcpu }: { vm: Vm; vcpu: Vcpu },
  opcode: number,
  msr: number,
  value = 0n,
): bigint | undefined {
  vm.write(0x1000, new Uint8Array([0x0f, opcode, 0xe6, 0x43]));
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rsp: 0x1000, rcx: msr, rax: value & 0xffff_ffffn, rdx: value >> 32n });
  expect(vcpu.run()).toBe(KVM_EXIT.IO);
  const { rax, rdx } = vcpu.getRegs();
  return vcpu.kvmRun.io.port === 0x42 ? undefined : (rdx << 32n) | (rax & 0xffff_ffffn);
}

const takes = (one: { vm: Vm; vcpu: Vcpu }, msr: number, value: number | bigint): boolean =>
  access(one, 0x30, msr, BigInt(value)) !== undefined;

describe('an MSR of KVM', () => {
  test.each([
    [WALL_CLOCK, 0x3000],
    [SYSTEM_TIME, 0x3001],
    [WALL_CLOCK_NEW, 0x3000],
    [SYSTEM_TIME_NEW, 0x3001],
    [ASYNC_PF_EN, 0x3009],
    [ASYNC_PF_EN, 0x300d],
    [ASYNC_PF_EN, OUTSIDE + 1],
    [STEAL_TIME, 0x3001],
    [STEAL_TIME, OUTSIDE + 1],
    [PV_EOI_EN, 0x3005],
    [PV_EOI_EN, OUTSIDE],
    [POLL_CONTROL, 0],
    [ASYNC_PF_INT, 0xf3],
  ])('0x%x keeps 0x%x', (msr, value) => {
    const one = guest();
    expect([takes(one, msr, value), access(one, 0x32, msr)]).toEqual([true, BigInt(value)]);
    expect(one.vcpu.getMsrs([msr])[0]?.data).toBe(BigInt(value));
  });

  test.each([
    [ASYNC_PF_EN, 0x3010],
    [ASYNC_PF_EN, 0x3020],
    [ASYNC_PF_EN, OUTSIDE + 9],
    [STEAL_TIME, 0x3003],
    [STEAL_TIME, 0x3021],
    [PV_EOI_EN, 0x3003],
    [PV_EOI_EN, OUTSIDE + 1],
    [POLL_CONTROL, 2],
    [ASYNC_PF_INT, 0x100],
    [MIGRATION_CONTROL, 1],
  ])('0x%x refuses 0x%x', (msr, value) => {
    const one = guest();
    expect(takes(one, msr, value)).toBe(false);
    expect(one.vcpu.setMsrs([{ index: msr, data: BigInt(value) }])).toBe(0);
  });

  test('acknowledges page-ready events, of which there is none', () => {
    const one = guest();
    expect([takes(one, ASYNC_PF_ACK, 1), access(one, 0x32, ASYNC_PF_ACK)]).toEqual([true, 0n]);
  });

  test('of async page faults needs a local APIC in the core', () => {
    const one = guest(false);
    expect([takes(one, ASYNC_PF_EN, 0x3009), takes(one, ASYNC_PF_INT, 0xf3)]).toEqual([false, false]);
    expect([takes(one, ASYNC_PF_EN, 0), takes(one, ASYNC_PF_INT, 0)]).toEqual([true, true]);
  });

  test('is in the list of those that are saved, and goes back in', () => {
    const [from, to] = [guest(), guest()];
    for (const [msr, value] of [
      [SYSTEM_TIME_NEW, 0x3001],
      [ASYNC_PF_EN, 0x4009],
      [STEAL_TIME, 0x3041],
      [PV_EOI_EN, 0x3081],
      [POLL_CONTROL, 0],
      [ASYNC_PF_INT, 0xf3],
    ] as const)
      takes(from, msr, value);
    const list = kvm.getMsrIndexList();
    expect(list).toEqual(expect.arrayContaining([WALL_CLOCK, SYSTEM_TIME, ...ALL]));
    const saved = from.vcpu.getMsrs(list);
    expect([saved.length, to.vcpu.setMsrs(saved)]).toEqual([list.length, list.length]);
    expect(to.vcpu.getMsrs(ALL)).toEqual(from.vcpu.getMsrs(ALL));
  });

  test('is 0 after INIT, but the wall clock and the poll control stay', () => {
    const one = guest();
    for (const msr of [SYSTEM_TIME_NEW, STEAL_TIME, PV_EOI_EN]) takes(one, msr, 0x3001);
    takes(one, ASYNC_PF_INT, 0xf3);
    takes(one, WALL_CLOCK_NEW, 0x3100);
    takes(one, POLL_CONTROL, 0);
    one.vm.signalMsi({ address_lo: 0xfee0_0000, data: 0x500 });
    one.vm.write(0xffff0, new Uint8Array([0xe6, 0x43]));
    one.vcpu.setSregs({ cs: { base: 0xf0000 } });
    one.vcpu.enter(1);
    expect(one.vcpu.getMsrs(ALL).map(({ data }) => data)).toEqual([0x3100n, 0n, 0n, 0n, 0n, 0n, 0n, 0n]);
  });
});

describe('KVM_CAP_ENFORCE_PV_FEATURE_CPUID', () => {
  const enforce = (one: { vm: Vm; vcpu: Vcpu }): void =>
    one.vcpu.enableCap({ cap: KVM_CAP.ENFORCE_PV_FEATURE_CPUID, args: [1] });

  /** The table with the features `eax`, at `base`. */
  const announcing = (eax: number, base = 0x4000_0000) =>
    kvm
      .getSupportedCpuid()
      .map((entry) => (entry.function === 0x4000_0001 ? { ...entry, eax } : entry))
      .map((entry) => {
        const moved =
          entry.function >>> 8 === 0x40_0000 ? entry.function - 0x4000_0000 + base : entry.function;
        return { ...entry, function: moved };
      });

  test('leaves the MSRs of all announced features', () => {
    const one = guest();
    enforce(one);
    for (const msr of [WALL_CLOCK, SYSTEM_TIME, ...ALL])
      expect(access(one, 0x32, msr), `${msr}`).toBeDefined();
  });

  test.each([
    [0, [WALL_CLOCK, SYSTEM_TIME]],
    [3, [WALL_CLOCK_NEW, SYSTEM_TIME_NEW]],
    [4, [ASYNC_PF_EN]],
    [5, [STEAL_TIME]],
    [6, [PV_EOI_EN]],
    [12, [POLL_CONTROL]],
    [14, [ASYNC_PF_INT, ASYNC_PF_ACK]],
  ])('gives feature %i, alone, its MSRs', (bit, msrs) => {
    const one = guest();
    one.vcpu.setCpuid2(announcing(1 << bit));
    enforce(one);
    const there = [WALL_CLOCK, SYSTEM_TIME, ...ALL].filter((msr) => access(one, 0x32, msr) !== undefined);
    expect(there).toEqual(msrs);
    expect(takes(one, msrs[0] as number, 0)).toBe(true);
  });

  test('refuses the kinds of async page faults that are hidden', () => {
    const one = guest();
    one.vcpu.setCpuid2(announcing(1 << 4));
    enforce(one);
    expect([0x3001, 0x3005, 0x3009].map((value) => takes(one, ASYNC_PF_EN, value))).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('finds the features behind KVM’s signature, wherever user space has put it', () => {
    const one = guest();
    one.vcpu.setCpuid2(announcing(1 << 5, 0x4000_0100));
    enforce(one);
    expect([takes(one, STEAL_TIME, 0), takes(one, PV_EOI_EN, 0)]).toEqual([true, false]);
  });
});

test('CPUID announces what KVM of 6.1 does', () => {
  const leaf = kvm.getSupportedCpuid().find((entry) => entry.function === 0x4000_0001);
  expect(leaf).toMatchObject({ eax: 0x0100_7efb, ebx: 0, ecx: 0, edx: 0 });
});
