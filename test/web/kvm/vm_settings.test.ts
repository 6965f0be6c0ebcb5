// KVM_ENABLE_CAP of a VM: exits switched on and off, the split irqchip, limits.

import { describe, expect, test } from 'vitest';
import { BUS_LOCK, KVM_CAP, KVM_EXIT, KVM_IRQ_ROUTING, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { refuses, vmWithRam } from './support.ts';

const HLT = 0xf4;

function guest(code: readonly number[], prepare: (vm: Vm) => void = () => {}): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam();
  prepare(vm);
  vm.write(0x1000, new Uint8Array(code));
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rsp: 0x1000, rflags: 2 });
  return { vm, vcpu };
}

test('a HLT whose exit is disabled waits inside KVM_RUN for the next interrupt', () => {
  const { vm, vcpu } = guest([0xfb, HLT, 0xe6, 1]); // sti; hlt; out 1, al
  vm.enableCap({ cap: KVM_CAP.X86_DISABLE_EXITS, args: [2] });
  vm.write(0x30 * 4, new Uint8Array([0, 0x20, 0, 0]));
  vm.write(0x2000, new Uint8Array([0xcf])); // iret
  vcpu.enter(100);
  vcpu.interrupt(0x30);
  expect(vcpu.run()).toBe(KVM_EXIT.IO);
  refuses('EINVAL', () => vm.enableCap({ cap: KVM_CAP.X86_DISABLE_EXITS, args: [16] }));
});

describe('a split lock', () => {
  const code = [0xf0, 0xff, 0x06, 0x3f, 0x30, HLT]; // lock inc word [0x303f]

  test('exits behind the instruction when bus locks are watched', () => {
    const { vm, vcpu } = guest(code);
    vm.enableCap({ cap: KVM_CAP.X86_BUS_LOCK_EXIT, args: [BUS_LOCK.EXIT] });
    expect(vcpu.run()).toBe(KVM_EXIT.X86_BUS_LOCK);
    expect([vcpu.kvmRun.flags, vcpu.getRegs().rip, vm.read(0x303f, 1)[0]]).toEqual([2, 0x1005n, 1]);
    expect([vcpu.run(), vcpu.kvmRun.flags]).toEqual([KVM_EXIT.HLT, 0]);
  });

  test('passes unseen otherwise, and within a cache line always', () => {
    expect(guest(code).vcpu.run()).toBe(KVM_EXIT.HLT);
    const inside = guest([0xf0, 0xff, 0x06, 0x3d, 0x30, HLT]);
    inside.vm.enableCap({ cap: KVM_CAP.X86_BUS_LOCK_EXIT, args: [BUS_LOCK.EXIT] });
    expect(inside.vcpu.run()).toBe(KVM_EXIT.HLT);
    refuses('EINVAL', () => inside.vm.enableCap({ cap: KVM_CAP.X86_BUS_LOCK_EXIT, args: [3] }));
    refuses('EINVAL', () => inside.vm.enableCap({ cap: KVM_CAP.X86_BUS_LOCK_EXIT, args: [4] }));
  });
});

describe('a split irqchip', () => {
  const split = (vm: Vm): void => vm.enableCap({ cap: KVM_CAP.SPLIT_IRQCHIP, args: [24] });
  const route = (gsi: number, data: number) => ({
    ...{ gsi, type: KVM_IRQ_ROUTING.MSI },
    u: { msi: { address_lo: 0xfee0_0000, data } },
  });

  test('leaves PIC, PIT and IOAPIC to user space and keeps the local APIC', () => {
    const { vm, vcpu } = guest([0xe6, 0x20, 0x66, 0xa3, 0, 0, HLT], split); // out 0x20, al
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    expect(vcpu.getLapic().regs[0xf0]).toBe(0xff);
    refuses('ENXIO', () => vm.getIrqchip(0));
    refuses('ENOENT', () => vm.createPit2());
    refuses('EEXIST', () => vm.createIrqchip());
    refuses('EEXIST', () => split(vm));
    vcpu.interrupt(0x30);
    refuses('EEXIST', () => vcpu.interrupt(0x30));
  });

  test('is EEXIST behind the first vCPU and EINVAL for too many pins', () => {
    const { vm } = guest([HLT]);
    refuses('EEXIST', () => split(vm));
    refuses('EINVAL', () => vmWithRam().vm.enableCap({ cap: KVM_CAP.SPLIT_IRQCHIP, args: [4097] }));
  });

  test('tells user space of the EOI of a level-triggered vector, and of no other', () => {
    // 1: sti; hlt; jmp 1. The handlers end with EOI through the x2APIC MSR and iret.
    const { vm, vcpu } = guest([0xfb, HLT, 0xeb, 0xfc], split);
    const eoi = [0x66, 0xb9, 0x0b, 0x08, 0, 0, 0x66, 0x31, 0xc0, 0x66, 0x31, 0xd2, 0x0f, 0x30, 0xe6, 1, 0xcf];
    for (const vector of [0x40, 0x41]) vm.write(vector * 4, new Uint8Array([0, 0x20, 0, 0]));
    vm.write(0x2000, new Uint8Array(eoi));
    vcpu.setCpuid2([
      { function: 0, eax: 1 },
      { function: 1, ecx: 1 << 21, edx: 1 << 9 },
    ]);
    vcpu.setMsrs([
      { index: 0x1b, data: 0xfee0_0d00n },
      { index: 0x80f, data: 0x1ffn },
    ]);
    vm.setGsiRouting([route(4, 0x8040), route(5, 0x41), route(30, 0x8042)]);
    vm.irqLine(4, true);
    expect(vcpu.run()).toBe(KVM_EXIT.IOAPIC_EOI);
    expect(vcpu.kvmRun.arm('eoi').vector).toBe(0x40);
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    vm.irqLine(5, true);
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
  });
});

describe('routes', () => {
  test('that lead nowhere are EINVAL and leave the table as it was', () => {
    const { vm } = vmWithRam();
    refuses('EINVAL', () => vm.setGsiRouting([]));
    vm.createIrqchip();
    vm.createPit2();
    const bad = { gsi: 1, type: KVM_IRQ_ROUTING.IRQCHIP, u: { irqchip: { irqchip: 3, pin: 0 } } };
    refuses('EINVAL', () => vm.setGsiRouting([bad]));
    vm.irqLine(4, true);
    expect((vm.getIrqchip(0).chip.pic.irr ?? 0) & 0x10).toBe(0x10);
  });
});

test('the highest vCPU id is set once, and createVcpu keeps to it', () => {
  const { vm } = vmWithRam(0x10000, 0, 4);
  vm.enableCap({ cap: KVM_CAP.MAX_VCPU_ID, args: [2] });
  vm.enableCap({ cap: KVM_CAP.MAX_VCPU_ID, args: [2] });
  refuses('EINVAL', () => vm.enableCap({ cap: KVM_CAP.MAX_VCPU_ID, args: [3] }));
  refuses('EINVAL', () => vm.enableCap({ cap: KVM_CAP.MAX_VCPU_ID, args: [33] }));
  vm.createVcpu(1);
  refuses('EINVAL', () => vm.createVcpu(2));
});

test('code outside memory is #UD for a program and an exit for the kernel, or an exit for both', () => {
  const outside = (dpl: number, on: number): number => {
    const { vm, vcpu } = guest([HLT]);
    vm.enableCap({ cap: KVM_CAP.EXIT_ON_EMULATION_FAILURE, args: [on] });
    vcpu.setSregs({
      ...{ cr0: 0x11n, idt: { base: 0n, limit: 0 } },
      ...{
        cs: { base: 0x200000n, selector: 8 + dpl, dpl, limit: 0xffff },
        ss: { dpl, selector: 0x10 + dpl },
      },
    });
    vcpu.setRegs({ rip: 0 });
    return vcpu.run();
  };
  const { INTERNAL_ERROR, SHUTDOWN } = KVM_EXIT;
  expect([outside(0, 0), outside(3, 1), outside(3, 0)]).toEqual([INTERNAL_ERROR, INTERNAL_ERROR, SHUTDOWN]);
});

test('the platform info MSR can be hidden from the guest', () => {
  const { vm, vcpu } = guest([0x66, 0xb9, 0xce, 0, 0, 0, 0x0f, 0x32, HLT]);
  vm.enableCap({ cap: KVM_CAP.MSR_PLATFORM_INFO, args: [0] });
  vm.enableCap({ cap: KVM_CAP.X86_USER_SPACE_MSR, args: [7] });
  expect(vcpu.run()).toBe(KVM_EXIT.X86_RDMSR);
  vm.enableCap({ cap: KVM_CAP.MSR_PLATFORM_INFO, args: [1] });
  expect(vcpu.getMsrs([0xce])).toHaveLength(1);
});

test('quirks, payloads and halt polling take the values of KVM and refuse others', () => {
  const { vm } = vmWithRam();
  refuses('EINVAL', () => vm.enableCap({ cap: KVM_CAP.DISABLE_QUIRKS2, args: [0x100] }));
  vm.enableCap({ cap: KVM_CAP.DISABLE_QUIRKS, args: [0xfff] });
  vm.enableCap({ cap: KVM_CAP.HALT_POLL, args: [200_000] });
  refuses('EINVAL', () => vm.enableCap({ cap: KVM_CAP.HALT_POLL, args: [1n << 32n] }));
  refuses('EINVAL', () => vm.enableCap({ cap: KVM_CAP.X2APIC_API, args: [4] }));
  refuses('EINVAL', () => vm.enableCap({ cap: KVM_CAP.X86_NOTIFY_VMEXIT, args: [1] }));
});

describe('the x2APIC interface', () => {
  /** A vCPU in x2APIC mode with its APIC switched on. */
  function x2apic(flags: number): { vm: Vm; vcpu: Vcpu } {
    const { vm } = vmWithRam(0x10000, 0, 2);
    vm.createIrqchip();
    vm.enableCap({ cap: KVM_CAP.X2APIC_API, args: [flags] });
    vm.createVcpu(0);
    const vcpu = vm.createVcpu(1);
    vcpu.setCpuid2([
      { function: 0, eax: 1 },
      { function: 1, ecx: 1 << 21, edx: 1 << 9 },
    ]);
    const enabled = [
      { index: 0x1b, data: 0xfee0_0c00n },
      { index: 0x80f, data: 0x1ffn },
    ];
    expect(vcpu.setMsrs(enabled)).toBe(2);
    return { vm, vcpu };
  }

  const everybody = { address_lo: 0xfeef_f000, data: 0x31 };

  test('shows ids of 32 bits where it was asked for them, and takes no other than the own', () => {
    const narrow = x2apic(0).vcpu.getLapic().regs;
    expect([...narrow.subarray(0x20, 0x24)]).toEqual([0, 0, 0, 1]);
    const { vm, vcpu } = x2apic(1);
    const { regs } = vcpu.getLapic();
    expect([...regs.subarray(0x20, 0x24)]).toEqual([1, 0, 0, 0]);
    vcpu.setLapic({ regs });
    regs[0x20] = 2;
    refuses('EINVAL', () => vcpu.setLapic({ regs }));
    refuses('EINVAL', () => vm.signalMsi({ ...everybody, address_hi: 1 }));
    refuses('EPERM', () => vm.signalMsi({ ...everybody, address_hi: 0x100 }));
  });

  test('takes 0xff for everybody unless that quirk is off', () => {
    expect(x2apic(0).vm.signalMsi(everybody)).toBe(1);
    expect(x2apic(2).vm.signalMsi(everybody)).toBe(0);
  });
});
