// VMCALL: the hypercalls that KVM carries out, the one that exits, and what the others answer.

import { describe, expect, test } from 'vitest';
import { KVM_CAP, KVM_EXIT, KVM_MEM_READONLY, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { refuses, vmWithRam } from './support.ts';

const KICK_CPU = 5;
const CLOCK_PAIRING = 9;
const SEND_IPI = 10;
const SCHED_YIELD = 11;
const MAP_GPA_RANGE = 12;
const EINVAL = 0xffff_ffean;
const ENOSYS = 0xffff_fc18n;
const VMCALL = [0x0f, 0x01, 0xc1, 0xf4];
const VMMCALL = [0x0f, 0x01, 0xd9, 0xf4];

/** A vCPU in real mode that calls with `nr` and `args` and halts, in a VM without an irqchip unless `chips`. */
function caller(
  nr: number,
  args: readonly number[] = [],
  { code = VMCALL, vcpus = 1, chips = false } = {},
): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam(0x100000, 0, vcpus);
  if (chips) vm.createIrqchip();
  vm.write(0x1000, new Uint8Array(code));
  vm.write(6 * 4, new Uint8Array([0, 0x20, 0, 0]));
  vm.write(0x2000, new Uint8Array([0xf4]));
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  const [rbx = 0, rcx = 0, rdx = 0, rsi = 0] = args;
  vcpu.setRegs({ rip: 0x1000, rsp: 0x1000, rflags: 2, rax: nr, rbx, rcx, rdx, rsi });
  return { vm, vcpu };
}

function result({ vcpu }: { vcpu: Vcpu }): bigint {
  vcpu.enter(100);
  return vcpu.getRegs().rax;
}

describe('a hypercall', () => {
  test('that KVM does not know is -KVM_ENOSYS, by VMCALL and by VMMCALL', () => {
    expect(result(caller(99))).toBe(ENOSYS);
    expect(result(caller(99, [], { code: VMMCALL }))).toBe(ENOSYS);
    expect(result(caller(MAP_GPA_RANGE, [0, 1]))).toBe(ENOSYS);
  });

  test('by the other vendor’s instruction is #UD once that quirk is off', () => {
    const { vm, vcpu } = caller(99, [], { code: VMMCALL });
    vm.enableCap({ cap: KVM_CAP.DISABLE_QUIRKS2, args: [0x20] });
    vcpu.run();
    expect(vcpu.getRegs().rip).toBe(0x2001n);
  });

  test('outside ring 0 is -KVM_EPERM', () => {
    const one = caller(SCHED_YIELD);
    one.vcpu.setSregs({ cr0: 0x11n, ss: { dpl: 3, selector: 3 }, cs: { dpl: 3, selector: 3 } });
    expect(result(one)).toBe(0xffff_ffffn);
  });

  test('of a feature that CPUID hides is -KVM_ENOSYS while that is enforced', () => {
    expect(result(caller(SCHED_YIELD))).toBe(0n);
    const one = caller(SCHED_YIELD);
    one.vcpu.enableCap({ cap: KVM_CAP.ENFORCE_PV_FEATURE_CPUID, args: [1] });
    expect(result(one)).toBe(ENOSYS);
    refuses('EINVAL', () => one.vcpu.enableCap({ cap: KVM_CAP.X86_USER_SPACE_MSR, args: [1] }));
    refuses('EINVAL', () => one.vcpu.enableCap({ cap: KVM_CAP.ENFORCE_PV_FEATURE_CPUID, flags: 1 }));
  });
});

describe('KVM_HC_MAP_GPA_RANGE', () => {
  test('exits with its arguments, and leaves the answer in RAX', () => {
    const { vm, vcpu } = caller(MAP_GPA_RANGE, [0x3000, 2, 0x10]);
    vm.enableCap({ cap: KVM_CAP.EXIT_HYPERCALL, args: [1 << MAP_GPA_RANGE] });
    expect(vcpu.run()).toBe(KVM_EXIT.HYPERCALL);
    expect(vcpu.kvmRun.arm('hypercall')).toMatchObject({
      nr: 12n,
      args: [0x3000n, 2n, 0x10n, 0n, 0n, 0n],
      longmode: 0,
    });
    vcpu.kvmRun.answerHypercall(5n);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs()).toMatchObject({ rax: 5n, rip: 0x1004n });
  });

  test('of no pages, or not of whole ones, is -KVM_EINVAL', () => {
    for (const args of [
      [0x3001, 1],
      [0x3000, 0],
    ]) {
      const one = caller(MAP_GPA_RANGE, args);
      one.vm.enableCap({ cap: KVM_CAP.EXIT_HYPERCALL, args: [1 << MAP_GPA_RANGE] });
      expect(result(one)).toBe(EINVAL);
    }
    refuses('EINVAL', () => caller(0).vm.enableCap({ cap: KVM_CAP.EXIT_HYPERCALL, args: [1] }));
  });
});

test('KVM_HC_KICK_CPU ends the HLT of the vCPU with that APIC id, also one that is still to come', () => {
  const { vm, vcpu } = caller(KICK_CPU, [0, 1], { vcpus: 2, chips: true });
  const other = vm.createVcpu(1);
  other.setMpState(3);
  other.enter(1);
  expect(other.getMpState()).toBe(3);
  expect(result({ vcpu })).toBe(0n);
  other.setSregs({ cs: { base: 0, selector: 0 } });
  other.setRegs({ rip: 0x2000 });
  other.enter(10);
  expect([other.getMpState(), other.getRegs().rip]).toEqual([3, 0x2001n]);
});

test('KVM_HC_SEND_IPI interrupts the APICs of a bitmap and says how many took it', () => {
  const { vm, vcpu } = caller(SEND_IPI, [0b111, 0, 0, 0x4030], { vcpus: 2, chips: true });
  const other = vm.createVcpu(1);
  other.setLapic({ regs: spurious(other) });
  expect(result({ vcpu })).toBe(1n);
  expect(other.getLapic().regs[0x212]).toBe(1);
});

/** The APIC of a vCPU switched on by its spurious-interrupt register. */
function spurious(vcpu: Vcpu): Uint8Array {
  const { regs } = vcpu.getLapic();
  regs.set([0xff, 1], 0xf0);
  return regs;
}

test('KVM_HC_CLOCK_PAIRING writes the wall clock and the TSC of one moment', () => {
  const one = caller(CLOCK_PAIRING, [0x3000, 0]);
  const before = Math.floor(Date.now() / 1000);
  expect(result(one)).toBe(0n);
  const view = new DataView(one.vm.read(0x3000, 64).buffer);
  const seconds = Number(view.getBigUint64(0, true));
  expect(seconds).toBeGreaterThanOrEqual(before - 1);
  expect(seconds).toBeLessThanOrEqual(before + 60);
  expect(view.getBigUint64(16, true)).toBeGreaterThan(0n);
  expect(result(caller(CLOCK_PAIRING, [0x3000, 1]))).toBe(0xffff_ffa1n);
  expect(result(caller(CLOCK_PAIRING, [0x4000_0000, 0]))).toBe(0xffff_fff2n);
});

test('KVM_HC_CLOCK_PAIRING writes behind an alias, and into no slot that is read-only', () => {
  const one = caller(CLOCK_PAIRING, [0x60_0000, 0]);
  one.vm.setMemoryAlias({ guest_phys_addr: 0x60_0000, memory_size: 0x1000, target_phys_addr: 0x3000 });
  expect(result(one)).toBe(0n);
  expect(one.vm.read(0x3000, 64).some((byte) => byte !== 0)).toBe(true);
  const rom = caller(CLOCK_PAIRING, [0x80_0000, 0]);
  const hva = rom.vm.allocate(0x1000);
  rom.vm.setUserMemoryRegion({
    slot: 1,
    flags: KVM_MEM_READONLY,
    guest_phys_addr: 0x80_0000,
    memory_size: 0x1000,
    userspace_addr: hva,
  });
  expect(result(rom)).toBe(0xffff_fff2n);
  expect(rom.vm.read(0x80_0000, 64).every((byte) => byte === 0)).toBe(true);
});
