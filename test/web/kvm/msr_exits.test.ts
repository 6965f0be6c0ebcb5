// KVM_X86_SET_MSR_FILTER and KVM_CAP_X86_USER_SPACE_MSR: which MSRs a guest may use, and who answers for the others.

import { describe, expect, test } from 'vitest';
import { KVM_CAP, KVM_EXIT, KVM_MSR_FILTER, MSR_EXIT, type Vcpu, Vm } from '../../../web/kvm/index.ts';
import { refuses, vmWithRam } from './support.ts';

const { READ, WRITE, DEFAULT_DENY } = KVM_MSR_FILTER;
const STAR = 0xc0000081;
const UNKNOWN = 0x12345;
const APIC_BASE = 0x1b;
const HLT = 0xf4;
const RDMSR = [0x0f, 0x32, HLT];
const WRMSR = [0x0f, 0x30, HLT];

/** A real-mode guest before one instruction, with `index` in ECX and 1 in EAX; #GP halts at 0x2001. */
function guest(code: readonly number[], index: number, exits = 7): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam();
  vm.write(0x1000, new Uint8Array(code));
  vm.write(0x2000, new Uint8Array([HLT]));
  vm.write(13 * 4, new Uint8Array([0, 0x20, 0, 0]));
  vm.enableCap({ cap: KVM_CAP.X86_USER_SPACE_MSR, args: [exits] });
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rsp: 0x1000, rflags: 2, rcx: index, rax: 1, rdx: 2 });
  return { vm, vcpu };
}

const allowing = (base: number, nmsrs: number, flags = READ | WRITE, bits = 0) => ({
  ...{ flags, base, nmsrs },
  bitmap: new Uint8Array(Math.ceil(nmsrs / 8)).fill(bits),
});

describe('an MSR that does not exist', () => {
  test('is read from user space, which answers in the run page', () => {
    const { vcpu } = guest(RDMSR, UNKNOWN);
    expect(vcpu.run()).toBe(KVM_EXIT.X86_RDMSR);
    expect(vcpu.kvmRun.arm('msr')).toMatchObject({
      error: 0,
      reason: MSR_EXIT.UNKNOWN,
      index: UNKNOWN,
      data: 0n,
    });
    expect(vcpu.getRegs().rip).toBe(0x1000n);
    vcpu.kvmRun.answerMsr(0x1122_3344_5566_7788n);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs()).toMatchObject({ rax: 0x5566_7788n, rdx: 0x1122_3344n, rip: 0x1003n });
  });

  test('is written to user space with its value', () => {
    const { vcpu } = guest(WRMSR, UNKNOWN);
    expect(vcpu.run()).toBe(KVM_EXIT.X86_WRMSR);
    expect(vcpu.kvmRun.arm('msr')).toMatchObject({
      reason: MSR_EXIT.UNKNOWN,
      index: UNKNOWN,
      data: 0x2_0000_0001n,
    });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rip).toBe(0x1003n);
  });

  test('raises #GP when user space answers with an error, and when it asked for no such exit', () => {
    const { vcpu } = guest(RDMSR, UNKNOWN);
    vcpu.run();
    vcpu.kvmRun.refuseMsr();
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rip).toBe(0x2001n);
    const quiet = guest(RDMSR, UNKNOWN, MSR_EXIT.INVAL | MSR_EXIT.FILTER).vcpu;
    expect(quiet.run()).toBe(KVM_EXIT.HLT);
    expect(quiet.getRegs().rip).toBe(0x2001n);
  });
});

test('a value that an MSR does not take exits with INVAL', () => {
  const { vcpu } = guest(WRMSR, APIC_BASE, MSR_EXIT.INVAL);
  expect(vcpu.run()).toBe(KVM_EXIT.X86_WRMSR);
  expect(vcpu.kvmRun.arm('msr')).toMatchObject({ reason: MSR_EXIT.INVAL, index: APIC_BASE });
});

test('the answer of an exit that was copied with the memory is taken by the copy', () => {
  const { vm, vcpu } = guest(RDMSR, UNKNOWN);
  vcpu.run();
  const { memory } = vm.handle;
  const bytes = memory.buffer.byteLength / 65536;
  const copy = new WebAssembly.Memory({ initial: bytes, maximum: bytes, shared: true });
  new Uint8Array(copy.buffer).set(new Uint8Array(memory.buffer));
  const twin = Vm.attach({ ...vm.handle, memory: copy }).vcpu(0);
  twin.kvmRun.answerMsr(7n);
  expect(twin.run()).toBe(KVM_EXIT.HLT);
  expect(twin.getRegs().rax).toBe(7n);
});

describe('a filter', () => {
  test('denies what its bitmap leaves out, for the accesses that it names', () => {
    const read = guest(RDMSR, STAR);
    read.vm.setMsrFilter({ ranges: [allowing(STAR, 1, READ)] });
    expect(read.vcpu.run()).toBe(KVM_EXIT.X86_RDMSR);
    expect(read.vcpu.kvmRun.arm('msr').reason).toBe(MSR_EXIT.FILTER);
    const write = guest(WRMSR, STAR);
    write.vm.setMsrFilter({ ranges: [allowing(STAR, 1, READ)] });
    expect(write.vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(write.vcpu.getRegs().rip).toBe(0x1003n);
  });

  test('without an exit for it is a #GP', () => {
    const { vm, vcpu } = guest(RDMSR, STAR, 0);
    vm.setMsrFilter({ ranges: [allowing(STAR, 1)] });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rip).toBe(0x2001n);
  });

  test('that denies by default allows the bits of its ranges alone', () => {
    const range = allowing(STAR - 9, 16);
    range.bitmap[1] = 2;
    const { vm, vcpu } = guest([0x0f, 0x32, 0x41, 0x0f, 0x32, HLT], STAR); // rdmsr; inc cx; rdmsr
    vm.setMsrFilter({ flags: DEFAULT_DENY, ranges: [range] });
    expect(vcpu.run()).toBe(KVM_EXIT.X86_RDMSR);
    expect(vcpu.kvmRun.arm('msr').index).toBe(STAR + 1);
  });

  test('is replaced as a whole, binds no host, and goes with an empty one', () => {
    const { vm, vcpu } = guest(RDMSR, STAR);
    vm.setMsrFilter({ ranges: [allowing(STAR, 1)] });
    vm.setMsrFilter({ ranges: [allowing(STAR + 1, 1)] });
    expect(vcpu.getMsrs([STAR + 1])).toHaveLength(1);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    vm.setMsrFilter({ ranges: [allowing(STAR, 1)] });
    vm.setMsrFilter({});
    vcpu.setRegs({ rip: 0x1000 });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('is refused with the errno of KVM', () => {
    const { vm } = guest(RDMSR, STAR);
    refuses('EINVAL', () => vm.setMsrFilter({ flags: 2 }));
    refuses('EINVAL', () => vm.setMsrFilter({ flags: DEFAULT_DENY }));
    refuses('EINVAL', () => vm.setMsrFilter({ flags: DEFAULT_DENY, ranges: [allowing(STAR, 0)] }));
    refuses('EINVAL', () => vm.setMsrFilter({ ranges: [allowing(STAR, 1, 0)] }));
    refuses('EINVAL', () => vm.setMsrFilter({ ranges: [allowing(STAR, 1, 4)] }));
    refuses('EINVAL', () => vm.setMsrFilter({ ranges: [allowing(0, 0x3001)] }));
    refuses('EINVAL', () => vm.setMsrFilter({ ranges: Array.from({ length: 17 }, () => allowing(STAR, 1)) }));
    refuses('EFAULT', () =>
      vm.setMsrFilter({ ranges: [{ ...allowing(STAR, 9), bitmap: new Uint8Array(1) }] }),
    );
    refuses('EINVAL', () => vm.enableCap({ cap: KVM_CAP.X86_USER_SPACE_MSR, args: [8] }));
  });
});
