// What of a local APIC lies in guest memory: EOI by a bit, the mirror of the task priority, and its accesses told.

import { describe, expect, test } from 'vitest';
import { KVM_EXIT, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { refuses, vmWithRam } from '../../web/kvm/support.ts';

const PV_EOI_EN = 0x4b56_4d04;
/** The bit, what the handler saw of it, and the mirror. */
const BIT = 0x500;
const SEEN = 0x504;
const VAPIC = 0x600;
const ISR = 0x100;
const IRR = 0x200;
const TPR = 0x80;
/** In a handler: keeps the byte of the bit in SEEN. */
const LOOK = [0xa0, 0x00, 0x05, 0xa2, 0x04, 0x05];
/** btr word [0x500], 0: the EOI of a guest that was offered the bit. */
const END = [0x0f, 0xba, 0x36, 0x00, 0x05, 0x00];
const IRET = 0xcf;
/** sti; nop; nop; out 0x43, al; out 0x44, al */
const OPEN = [0xfb, 0x90, 0x90, 0xe6, 0x43, 0xe6, 0x44];

/** A real-mode vCPU with its local APIC on; vectors 0x30 and 0x40 run `handler`. DS reaches RAM, ES the APIC. */
function guest(code: readonly number[], handler: readonly number[] = [IRET]): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam();
  vm.createIrqchip();
  vm.write(0x1000, new Uint8Array(code));
  vm.write(0x2000, new Uint8Array(handler));
  for (const vector of [0x30, 0x40]) vm.write(vector * 4, new Uint8Array([0, 0x20, 0, 0]));
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 }, es: { base: 0xfee0_0000 } });
  vcpu.setRegs({ rip: 0x1000, rsp: 0x1000, rflags: 2 });
  const { regs } = vcpu.getLapic();
  regs.set([0xff, 1], 0xf0);
  vcpu.setLapic({ regs });
  return { vm, vcpu };
}

const send = (vm: Vm, vector: number, level = false): number =>
  vm.signalMsi({ address_lo: 0xfee0_0000, data: vector | (level ? 0xc000 : 0) });

/** Vectors that are set in a 256-bit register. */
function vectors(vcpu: Vcpu, register: number): number[] {
  const { regs } = vcpu.getLapic();
  return Array.from({ length: 256 }, (_, n) => n).filter(
    (n) => ((regs[register + (n >>> 5) * 16 + ((n >>> 3) & 3)] as number) >>> (n & 7)) & 1,
  );
}

const byte = (vm: Vm, gpa: number): number => vm.read(gpa, 1)[0] as number;

describe('an EOI by a bit', () => {
  const withEoi = (handler: readonly number[], code: readonly number[] = OPEN): { vm: Vm; vcpu: Vcpu } => {
    const made = guest(code, handler);
    expect(made.vcpu.setMsrs([{ index: PV_EOI_EN, data: BigInt(BIT) | 1n }])).toBe(1);
    return made;
  };

  test('ends the interrupt, without an access to the APIC', () => {
    const { vm, vcpu } = withEoi([...LOOK, ...END, IRET]);
    send(vm, 0x30);
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    expect([byte(vm, SEEN) & 1, byte(vm, BIT), vectors(vcpu, ISR)]).toEqual([1, 0, []]);
  });

  test('is taken back at an exit, and offered again', () => {
    const { vm, vcpu } = withEoi([0xe6, 0x42, ...LOOK, ...END, IRET]);
    send(vm, 0x30);
    expect([vcpu.run(), byte(vm, BIT), vectors(vcpu, ISR)]).toEqual([KVM_EXIT.IO, 0, [0x30]]);
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    expect([vcpu.kvmRun.io.port, byte(vm, SEEN) & 1, vectors(vcpu, ISR)]).toEqual([0x43, 1, []]);
  });

  test('that the guest does not do leaves the interrupt in service', () => {
    const { vm, vcpu } = withEoi([...LOOK, IRET]);
    send(vm, 0x30);
    vcpu.run();
    expect([byte(vm, SEEN) & 1, vectors(vcpu, ISR)]).toEqual([1, [0x30]]);
  });

  test('is offered for no level, for none that is nested, and not while another one waits', () => {
    const level = withEoi([...LOOK, IRET]);
    send(level.vm, 0x30, true);
    level.vcpu.run();
    expect([byte(level.vm, SEEN), vectors(level.vcpu, ISR)]).toEqual([0, [0x30]]);
    const two = withEoi([...LOOK, 0xe6, 0x42, IRET]);
    send(two.vm, 0x30);
    send(two.vm, 0x40);
    two.vcpu.run();
    expect([byte(two.vm, SEEN), vectors(two.vcpu, ISR), vectors(two.vcpu, IRR)]).toEqual([0, [0x40], [0x30]]);
  });

  test('lets the next interrupt of the same vector in', () => {
    // inc byte [0x508]; then the EOI.
    const { vm, vcpu } = withEoi([0xfe, 0x06, 0x08, 0x05, ...END, IRET]);
    for (let n = 1; n <= 2; n++) {
      send(vm, 0x30);
      vcpu.run();
      expect(byte(vm, 0x508)).toBe(n);
    }
  });

  test('is over when the page of the bit goes', () => {
    const { vm, vcpu } = withEoi([0xe6, 0x42, ...LOOK, IRET]);
    vcpu.setMsrs([{ index: PV_EOI_EN, data: 0n }]);
    send(vm, 0x30);
    vcpu.run();
    vcpu.run();
    expect([byte(vm, SEEN), vectors(vcpu, ISR)]).toEqual([0, [0x30]]);
  });
});

describe('KVM_SET_VAPIC_ADDR', () => {
  test('makes a byte of guest memory the task priority when the guest stops', () => {
    // mov byte [0x600], 0x50; out 0x43, al
    const { vcpu } = guest([0xc6, 0x06, 0x00, 0x06, 0x50, 0xe6, 0x43]);
    vcpu.setVapicAddr(BigInt(VAPIC));
    vcpu.run();
    expect([vcpu.getLapic().regs[TPR], vcpu.getSregs().cr8]).toEqual([0x50, 5n]);
  });

  test('shows what is in service and what waits, and a poll takes what the priority lets in', () => {
    // mov byte [0x600], 0x50; vmcall; sti; nop; nop; out 0x43, al; mov byte [0x600], 0; vmcall; out 0x44, al
    const { vm, vcpu } = guest(
      [
        ...[0xc6, 0x06, 0x00, 0x06, 0x50, 0x0f, 0x01, 0xc1, 0xfb, 0x90, 0x90, 0xe6, 0x43],
        ...[0xc6, 0x06, 0x00, 0x06, 0x00, 0x0f, 0x01, 0xc1, 0xe6, 0x44],
      ],
      [0xe6, 0x42, IRET],
    );
    vcpu.setVapicAddr(BigInt(VAPIC));
    vcpu.setRegs({ rax: 1 });
    const ports = (): number => {
      vcpu.run();
      return vcpu.kvmRun.io.port;
    };
    const first = vcpu.enter(3);
    send(vm, 0x40);
    expect([first, ports(), [...vm.read(VAPIC, 4)]]).toEqual([1, 0x43, [0x50, 0, 0, 0x40]]);
    vcpu.setRegs({ rax: 1 });
    expect([ports(), [...vm.read(VAPIC, 4)], vectors(vcpu, ISR)]).toEqual([0x42, [0, 0x40, 0, 0], [0x40]]);
  });

  test('follows the priority that the guest writes into the APIC, and ends with 0', () => {
    // mov eax, 0x60; es mov [0x80], eax; nop; mov al, [0x600]; out 0x43, al
    const { vm, vcpu } = guest([
      ...[0x66, 0xb8, 0x60, 0, 0, 0, 0x26, 0x66, 0xa3, 0x80, 0x00],
      ...[0x90, 0xa0, 0x00, 0x06, 0xe6, 0x43, 0xa0, 0x00, 0x06, 0xe6, 0x44],
    ]);
    vcpu.setVapicAddr(BigInt(VAPIC));
    vcpu.run();
    expect([vcpu.getLapic().regs[TPR], byte(vm, VAPIC)]).toEqual([0x60, 0x60]);
    vcpu.setVapicAddr(0n);
    vm.write(VAPIC, new Uint8Array([0x20]));
    vcpu.run();
    expect(vcpu.getLapic().regs[TPR]).toBe(0x60);
  });

  test('lets user space have its way between two entries', () => {
    const { vm, vcpu } = guest([0xe6, 0x43, 0xe6, 0x44]);
    vcpu.setVapicAddr(BigInt(VAPIC));
    vcpu.run();
    const { regs } = vcpu.getLapic();
    regs[TPR] = 0x70;
    vcpu.setLapic({ regs });
    vcpu.run();
    expect([vcpu.getLapic().regs[TPR], byte(vm, VAPIC)]).toEqual([0x70, 0x70]);
  });

  test('is EINVAL without an irqchip and outside all slots', () => {
    refuses('EINVAL', () => guest([]).vcpu.setVapicAddr(0x4000_0000n));
    const { vm } = vmWithRam();
    refuses('EINVAL', () => vm.createVcpu(0).setVapicAddr(0x600n));
  });
});

test('KVM_TPR_ACCESS_REPORTING tells of an access when its instruction has ended', () => {
  // nop; es mov eax, [0x80]; es mov [0x80], eax; mov cr8 has no report; out 0x43, al
  const { vcpu } = guest([0x90, 0x26, 0x66, 0xa1, 0x80, 0x00, 0x26, 0x66, 0xa3, 0x80, 0x00, 0xe6, 0x43]);
  vcpu.tprAccessReporting({ enabled: 1 });
  vcpu.setRegs({ rax: 0x33 });
  const next = (): unknown[] => [vcpu.run(), vcpu.kvmRun.arm('tpr_access'), vcpu.getRegs().rip];
  expect(next()).toMatchObject([KVM_EXIT.TPR_ACCESS, { rip: 0x1001n, is_write: 0 }, 0x1006n]);
  vcpu.setRegs({ rax: 0x33 });
  expect(next()).toMatchObject([KVM_EXIT.TPR_ACCESS, { rip: 0x1006n, is_write: 1 }, 0x100bn]);
  expect([vcpu.getLapic().regs[TPR], vcpu.run()]).toEqual([0x33, KVM_EXIT.IO]);
  vcpu.tprAccessReporting({ enabled: 0 });
  vcpu.setRegs({ rip: 0x1000 });
  expect(vcpu.run()).toBe(KVM_EXIT.IO);
  refuses('EINVAL', () => vcpu.tprAccessReporting({ enabled: 1, flags: 1 }));
});
