// The in-core interrupt chips through the API: lines, state, the PIT and the clock, with a guest that takes interrupts.

import { describe, expect, test } from 'vitest';
import {
  KVM_EXIT,
  KVM_IRQ_ROUTING,
  KVM_IRQCHIP,
  MAX_IRQ_ROUTES,
  type Vcpu,
  type Vm,
} from '../../../web/kvm/index.ts';
import { refuses, vmWithRam } from './support.ts';

/**
 * A real-mode guest that opens the PIC at vectors 0x20 and 0x28, tells port 2 and then halts; each interrupt writes its
 * number to port 1. It has come as far as port 2.
 */
function interruptible(lines: readonly number[]): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam();
  vm.createIrqchip();
  // Port and value of the initialisation words ICW1 to ICW4 and of the masks.
  const master = [0x20, 0x11, 0x21, 0x20, 0x21, 4, 0x21, 1, 0x21, 0];
  const slave = [0xa0, 0x11, 0xa1, 0x28, 0xa1, 2, 0xa1, 1, 0xa1, 0];
  const init = [...master, ...slave];
  // mov al, value; out port, al for each; then out 2, al; sti; hlt; jmp to the hlt
  vm.write(
    0x1000,
    new Uint8Array([
      ...init.flatMap((port, at) => (at % 2 ? [] : [0xb0, init[at + 1] ?? 0, 0xe6, port])),
      0xe6,
      2,
      0xfb,
      0xf4,
      0xeb,
      0xfd,
    ]),
  );
  for (const line of lines) {
    const at = 0x2000 + line * 16;
    vm.write((0x20 + line) * 4, new Uint8Array([at & 0xff, at >> 8, 0, 0]));
    // mov al, line; out 1, al; mov al, 0x20; out 0x20, al; out 0xa0, al; iret
    vm.write(at, new Uint8Array([0xb0, line, 0xe6, 1, 0xb0, 0x20, 0xe6, 0x20, 0xe6, 0xa0, 0xcf]));
  }
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rsp: 0x1000, rflags: 2 });
  expect(vcpu.run()).toBe(KVM_EXIT.IO);
  expect(vcpu.kvmRun.io.port).toBe(2);
  return { vm, vcpu };
}

describe('an irqchip', () => {
  test('is made once, and before the vCPUs', () => {
    const { vm } = vmWithRam();
    refuses('ENXIO', () => vm.irqLine(4, true));
    refuses('ENOENT', () => vm.createPit2());
    vm.createIrqchip();
    refuses('EEXIST', () => vm.createIrqchip());
    const { vm: late } = vmWithRam();
    late.createVcpu(0);
    refuses('EINVAL', () => late.createIrqchip());
  });

  test('carries a raised line to the guest as its vector', () => {
    const { vm, vcpu } = interruptible([4, 11]);
    vm.irqLine(4, true);
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    expect([...vcpu.kvmRun.io.data]).toEqual([4]);
    vm.irqLine(4, false);
    vm.irqLine(11, true);
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    expect([...vcpu.kvmRun.io.data]).toEqual([11]);
  });

  test('refuses KVM_INTERRUPT, and a GSI that leads nowhere goes to nobody', () => {
    const { vm, vcpu } = interruptible([]);
    refuses('ENXIO', () => vcpu.interrupt(0x20));
    expect(vm.irqLine(1024, true)).toBe(-1);
    refuses('EINVAL', () => vm.getIrqchip(3));
  });

  test('shows and takes its state as struct kvm_irqchip', () => {
    const { vm } = interruptible([]);
    const { chip } = vm.getIrqchip(KVM_IRQCHIP.PIC_MASTER);
    vm.setIrqchip({ chip_id: KVM_IRQCHIP.PIC_MASTER, chip: { pic: { ...chip.pic, imr: 0xa5 } } });
    expect(vm.getIrqchip(KVM_IRQCHIP.PIC_MASTER).chip.pic.imr).toBe(0xa5);
    expect(vm.getIrqchip(KVM_IRQCHIP.IOAPIC).chip.ioapic.base_address).toBe(0xfec0_0000n);
  });

  test('takes a routing table, and refuses one that leads nowhere', () => {
    const { vm, vcpu } = interruptible([5]);
    const route = { gsi: 20, type: KVM_IRQ_ROUTING.IRQCHIP };
    vm.setGsiRouting([{ ...route, u: { irqchip: { irqchip: KVM_IRQCHIP.PIC_MASTER, pin: 5 } } }]);
    vm.irqLine(20, true);
    vcpu.run();
    expect([...vcpu.kvmRun.io.data]).toEqual([5]);
    vm.irqLine(20, false);
    // A refused table leaves the old one.
    const pin = (irqchip: number, at: number, gsi = 20) => ({
      ...route,
      gsi,
      u: { irqchip: { irqchip, pin: at } },
    });
    const msi = { gsi: 20, type: KVM_IRQ_ROUTING.MSI, u: { msi: { address_lo: 0xfee00000, data: 0x61 } } };
    for (const bad of [
      [pin(7, 0)],
      [pin(KVM_IRQCHIP.PIC_SLAVE, 8)],
      [pin(KVM_IRQCHIP.IOAPIC, 24)],
      [pin(0, 0, MAX_IRQ_ROUTES)],
      [{ ...pin(0, 0), flags: 1 }],
      [{ ...msi, flags: 2 }],
      [{ gsi: 1, type: 3 }],
      [pin(0, 1), pin(0, 2)],
      [pin(0, 1), msi],
      [msi, msi],
      Array.from({ length: MAX_IRQ_ROUTES + 1 }, () => pin(0, 0)),
    ]) {
      refuses('EINVAL', () => vm.setGsiRouting(bad));
    }
    expect(vm.irqLine(20, true)).toBe(1);
    vm.setGsiRouting([pin(0, 1), pin(1, 1), pin(2, 1), { ...msi, gsi: 3, flags: 1 }]);
    refuses('EINVAL', () => vmWithRam().vm.setGsiRouting([]));
  });

  test('signals MSIs by the rules of KVM', () => {
    const { vm } = interruptible([]);
    const msi = { address_lo: 0xfee00000, data: 0x61 };
    refuses('EINVAL', () => vm.signalMsi({ ...msi, flags: 2 }));
    refuses('EPERM', () => vm.signalMsi({ ...msi, address_lo: 0xfee09000 }));
    expect(vm.signalMsi({ ...msi, flags: 1, devid: 7 })).toBe(0);
  });

  test('gives each vCPU a local APIC with its id', () => {
    const { vm } = vmWithRam(0x10000, 0, 2);
    vm.createIrqchip();
    const [boot, second] = [vm.createVcpu(0), vm.createVcpu(1)];
    expect([boot.getMpState(), second.getMpState()]).toEqual([0, 1]);
    expect(second.getLapic().regs[0x23]).toBe(1);
    second.setMpState(0);
    expect(second.getMpState()).toBe(0);
  });
});

describe('the PIT', () => {
  test('interrupts on line 0 as often as it was told to', () => {
    const { vm, vcpu } = interruptible([0]);
    vm.createPit2();
    const [channel, ...others] = vm.getPit2().channels;
    // Mode 2 with 11932 clocks: 100 Hz.
    vm.setPit2({ channels: [{ ...channel, count: 11932, mode: 2, rw_mode: 3, gate: 1 }, ...others] });
    for (let tick = 0; tick < 3; tick++) {
      expect(vcpu.run()).toBe(KVM_EXIT.IO);
      expect([...vcpu.kvmRun.io.data]).toEqual([0]);
    }
  });
});

test('kvmclock goes on from where it is set', () => {
  const { vm } = vmWithRam();
  vm.setClock({ clock: 5_000_000_000n });
  const { clock } = vm.getClock();
  expect(clock).toBeGreaterThanOrEqual(5_000_000_000n);
  expect(clock).toBeLessThan(6_000_000_000n);
  refuses('EINVAL', () => vm.setClock({ clock: 0n, flags: 1 }));
});
