// KVM_RUN over the built core: every way in and out of the guest. Instructions themselves are tested elsewhere.

import { describe, expect, test } from 'vitest';
import { RUN_BUDGET, RUN_INTERRUPTED } from '../../../assembly/abi/vcpu_page.ts';
import type { Vcpu, Vm } from '../../../web/kvm/index.ts';
import {
  dirtyPages,
  KVM_EXIT,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_READONLY,
  KVM_SYNC_X86,
} from '../../../web/kvm/index.ts';
import { refuses, vmWithRam } from './support.ts';

/** A vCPU in real mode about to execute `code` at 0x1000, with a stack below it. */
function guest(code: readonly number[], flags = 0): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam(0x100000, flags);
  vm.write(0x1000, new Uint8Array(code));
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rsp: 0x1000, rflags: 2 });
  return { vm, vcpu };
}

const HLT = 0xf4;

describe('port I/O', () => {
  test('an OUT exits with its port and bytes, and completes on re-entry', () => {
    const { vcpu } = guest([0xb0, 0x41, 0xe6, 0x42, HLT]); // mov al, 'A'; out 0x42, al; hlt
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    const { write, port, size, count, data } = vcpu.kvmRun.io;
    expect({ write, port, size, count, data: [...data] }).toEqual({
      ...{ write: true, port: 0x42, size: 1, count: 1, data: [0x41] },
    });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rip).toBe(0x1005n);
  });

  test('an IN takes the answer that was written into the data page', () => {
    const { vcpu } = guest([0xba, 0x45, 0x03, 0xed, HLT]); // mov dx, 0x345; in ax, dx; hlt
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    expect(vcpu.kvmRun.io).toMatchObject({ write: false, port: 0x345, size: 2, count: 1 });
    vcpu.kvmRun.io.data.set([0x34, 0x12]);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rax & 0xffffn).toBe(0x1234n);
  });

  test('a kick before re-entry lets the IN complete and then interrupts', () => {
    const { vcpu } = guest([0xe4, 0x42, HLT]); // in al, 0x42; hlt
    vcpu.run();
    vcpu.kvmRun.io.data[0] = 7;
    vcpu.kick();
    refuses('EINTR', () => vcpu.run());
    expect(vcpu.getRegs()).toMatchObject({ rip: 0x1002n, rax: 7n });
  });

  test('a new RIP before re-entry drops what was pending', () => {
    const { vcpu } = guest([0xe4, 0x42, HLT, 0xf8, HLT]); // in al, 0x42; hlt; clc; hlt
    vcpu.run();
    vcpu.setRegs({ rip: 0x1003 });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs()).toMatchObject({ rip: 0x1005n, rax: 0n });
  });
});

describe('memory-mapped I/O', () => {
  test('a store to a hole exits with its address and bytes', () => {
    // mov ax, 0xf000; mov ds, ax; mov word [0xfff0], 0x1234; hlt: 0xf0000 + 0xfff0 = 0xffff0 (RAM ends at 0x80000).
    const { vm, vcpu } = guest([0xb8, 0x00, 0xf0, 0x8e, 0xd8, 0xc7, 0x06, 0xf0, 0xff, 0x34, 0x12, HLT]);
    vm.setUserMemoryRegion({ slot: 0, memory_size: 0 });
    const ram = vm.allocate(0x80000);
    vm.setUserMemoryRegion({ slot: 0, memory_size: 0x80000, userspace_addr: ram });
    vm.write(0x1000, new Uint8Array([0xb8, 0x00, 0xf0, 0x8e, 0xd8, 0xc7, 0x06, 0xf0, 0xff, 0x34, 0x12, HLT]));
    expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
    const { write, gpa, data } = vcpu.kvmRun.mmio;
    expect([write, gpa, [...data]]).toEqual([true, 0xffff0n, [0x34, 0x12]]);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('a load from a hole takes the answer', () => {
    // mov ax, 0xffff; mov ds, ax; mov ax, [0x1010]; hlt: 0xffff0 + 0x1010 = 0x101000.
    const { vcpu } = guest([0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa1, 0x10, 0x10, HLT]);
    expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
    expect(vcpu.kvmRun.mmio).toMatchObject({ write: false, gpa: 0x101000n });
    vcpu.kvmRun.mmio.data.set([0x78, 0x56]);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rax & 0xffffn).toBe(0x5678n);
  });

  test('a store to a read-only slot exits and changes nothing', () => {
    const { vm, vcpu } = guest([0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa2, 0x10, 0x10, 0xa0, 0x10, 0x10, HLT]);
    const rom = vm.allocate(4096);
    const region = { slot: 1, flags: KVM_MEM_READONLY, guest_phys_addr: 0x101000, memory_size: 4096 };
    vm.setUserMemoryRegion({ ...region, userspace_addr: rom });
    vm.write(0x101000, new Uint8Array([0x5a]));
    expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
    expect(vcpu.kvmRun.mmio).toMatchObject({ write: true, gpa: 0x101000n });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rax & 0xffn).toBe(0x5an);
  });
});

describe('KVM_RUN', () => {
  test('with immediate_exit returns EINTR before the guest moves', () => {
    const { vcpu } = guest([HLT]);
    vcpu.kvmRun.immediateExit = true;
    refuses('EINTR', () => vcpu.run());
    expect(vcpu.enter()).toBe(RUN_INTERRUPTED);
    expect(vcpu.getRegs().rip).toBe(0x1000n);
    vcpu.kvmRun.immediateExit = false;
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('with immediate_exit first completes what the last exit left', () => {
    const { vcpu } = guest([0xe4, 0x42, HLT]); // in al, 0x42; hlt
    vcpu.run();
    vcpu.kvmRun.io.data.set([7]);
    vcpu.kvmRun.immediateExit = true;
    refuses('EINTR', () => vcpu.run());
    expect(vcpu.getRegs()).toMatchObject({ rip: 0x1002n, rax: 7n });
  });

  test('after a kick returns EINTR once', () => {
    const { vcpu } = guest([HLT]);
    vcpu.kick();
    refuses('EINTR', () => vcpu.run());
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('after a kick completes what an exit left, then returns EINTR', () => {
    const { vcpu } = guest([0xe4, 0x42, 0x90, HLT]); // in al, 0x42; nop; hlt
    vcpu.run();
    vcpu.kvmRun.io.data.set([0x2a]);
    vcpu.kick();
    refuses('EINTR', () => vcpu.run());
    expect(vcpu.getRegs()).toMatchObject({ rip: 0x1002n, rax: 0x2an });
  });

  test('of a paused vCPU returns EINTR until it is resumed', () => {
    const { vcpu } = guest([HLT]);
    vcpu.pause();
    refuses('EINTR', () => vcpu.run());
    refuses('EINTR', () => vcpu.run());
    vcpu.resume();
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('exchanges registers through the run page when asked', () => {
    const { vcpu } = guest([0x40, HLT]); // inc ax; hlt
    vcpu.kvmRun.validRegs = BigInt(KVM_SYNC_X86.REGS | KVM_SYNC_X86.SREGS);
    vcpu.kvmRun.setSync({ regs: { ...vcpu.getRegs(), rax: 41n } });
    vcpu.kvmRun.dirtyRegs = BigInt(KVM_SYNC_X86.REGS);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.kvmRun.sync.regs.rax).toBe(42n);
    expect([vcpu.kvmRun.dirtyRegs, vcpu.kvmRun.sync.sregs.cs.base]).toEqual([0n, 0n]);
  });

  test('ends with SHUTDOWN after a triple fault', () => {
    const { vcpu } = guest([0x0f, 0x0b]); // ud2
    vcpu.setSregs({ idt: { base: 0, limit: 0 } });
    expect(vcpu.run()).toBe(KVM_EXIT.SHUTDOWN);
  });

  test('an entry stops when its budget is used up', () => {
    const { vcpu } = guest([0x40, 0xeb, 0xfd]); // inc ax; jmp to it
    expect(vcpu.enter(1000)).toBe(RUN_BUDGET);
    expect(vcpu.instructions).toBe(1000n);
    expect(vcpu.getRegs().rax).toBe(500n);
  });
});

describe('interrupts without an irqchip', () => {
  // sti; nop; hlt; ...; the handler at 0x2000: mov bl, 7; iret
  const interruptible = (): { vm: Vm; vcpu: Vcpu } => {
    const made = guest([0xfb, 0x90, HLT]);
    made.vm.write(0x2000, new Uint8Array([0xb3, 0x07, 0xcf]));
    made.vm.write(0x21 * 4, new Uint8Array([0x00, 0x20, 0x00, 0x00]));
    return made;
  };

  test('a queued one is delivered as soon as the guest takes it', () => {
    const { vcpu } = interruptible();
    vcpu.interrupt(0x21);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rbx & 0xffn).toBe(7n);
    expect(vcpu.getVcpuEvents().interrupt.injected).toBe(0);
  });

  test('the window that was asked for is an exit', () => {
    const { vcpu } = interruptible();
    vcpu.kvmRun.requestInterruptWindow = true;
    expect(vcpu.run()).toBe(KVM_EXIT.IRQ_WINDOW_OPEN);
    expect([vcpu.kvmRun.readyForInterruptInjection, vcpu.kvmRun.ifFlag]).toEqual([true, true]);
    vcpu.kvmRun.requestInterruptWindow = false;
    vcpu.interrupt(0x21);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rbx & 0xffn).toBe(7n);
  });
});

describe('guest debug', () => {
  const ENABLE = 1;
  const SINGLESTEP = 2;
  const USE_SW_BP = 0x10000;
  const USE_HW_BP = 0x20000;

  test('single-steps one instruction at a time', () => {
    const { vcpu } = guest([0x40, 0x40, HLT]); // inc ax; inc ax; hlt
    vcpu.setGuestDebug({ control: ENABLE | SINGLESTEP });
    expect(vcpu.run()).toBe(KVM_EXIT.DEBUG);
    expect(vcpu.kvmRun.arm('debug').arch).toMatchObject({ exception: 1, pc: 0x1001n });
    expect(vcpu.run()).toBe(KVM_EXIT.DEBUG);
    expect(vcpu.getRegs()).toMatchObject({ rip: 0x1002n, rax: 2n });
    vcpu.setGuestDebug({ control: 0 });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('stops at INT3 and at a breakpoint register', () => {
    const { vcpu } = guest([0x40, 0xcc, HLT]); // inc ax; int3; hlt
    vcpu.setGuestDebug({ control: ENABLE | USE_SW_BP });
    expect(vcpu.run()).toBe(KVM_EXIT.DEBUG);
    expect(vcpu.kvmRun.arm('debug').arch).toMatchObject({ exception: 3, pc: 0x1001n });
    vcpu.setRegs({ rip: 0x1000 });
    vcpu.setGuestDebug({
      control: ENABLE | USE_HW_BP,
      arch: { debugreg: [0x1001, 0, 0, 0, 0, 0, 0, 0x402] },
    });
    expect(vcpu.run()).toBe(KVM_EXIT.DEBUG);
    expect(vcpu.kvmRun.arm('debug').arch).toMatchObject({ exception: 1, pc: 0x1001n });
  });
});

describe('the dirty log', () => {
  test('has the pages that the guest stored to, again after each harvest', () => {
    // again: mov [0x5000], al; mov [0x7ffe], eax; out 1, al; jmp again
    const code = [0xa2, 0x00, 0x50, 0x66, 0xa3, 0xfe, 0x7f, 0xe6, 0x01, 0xeb, 0xf5];
    const { vm, vcpu } = guest(code, KVM_MEM_LOG_DIRTY_PAGES);
    vm.getDirtyLog(0);
    for (let round = 0; round < 3; round++) {
      expect(vcpu.run()).toBe(KVM_EXIT.IO);
      expect(dirtyPages(vm.getDirtyLog(0))).toEqual([5, 7, 8]);
    }
    expect(dirtyPages(vm.getDirtyLog(0))).toEqual([]);
  });

  test('and code that the host changes under the guest is seen at once', () => {
    const { vm, vcpu } = guest([0xb0, 0x01, 0xe6, 0x01, 0xeb, 0xfa]); // mov al, 1; out 1, al; jmp
    vcpu.run();
    vm.write(0x1001, new Uint8Array([2]));
    vcpu.run();
    expect([...vcpu.kvmRun.io.data]).toEqual([2]);
  });
});
