// KVM_SET_GUEST_DEBUG: steps and breakpoints of a debugger outside the guest. The guest's own DR7 and TF: system/debug.asm.
import { describe, expect, test } from 'vitest';
import {
  KVM_GUESTDBG_ENABLE,
  KVM_GUESTDBG_SINGLESTEP,
  KVM_GUESTDBG_USE_HW_BP,
  KVM_GUESTDBG_USE_SW_BP,
} from '../../../assembly/abi/kvm_run.ts';
import { KVM_EXIT, type Vcpu } from '../../../web/kvm/index.ts';
import { CODE, type Guest, guest } from './machine.ts';

const STEP = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
const HARDWARE = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;

/** Runs to a debug exit; its exception, pc and DR6. */
function stop(vcpu: Vcpu): { exception: number; pc: number; dr6: bigint } {
  expect(vcpu.run()).toBe(KVM_EXIT.DEBUG);
  const { exception, pc, dr6 } = vcpu.kvmRun.arm('debug').arch;
  return { exception, pc: Number(pc), dr6 };
}

const at = ({ labels }: Guest, label: string): number => Number(labels.get(label));

/** DR0 at an address with DR7 `control` bits for it. */
function watch(vcpu: Vcpu, address: number, control: bigint): void {
  vcpu.setGuestDebug({
    control: HARDWARE,
    arch: { debugreg: [BigInt(address), 0n, 0n, 0n, 0n, 0n, 0n, control] },
  });
}

describe('a single step', () => {
  test('stops behind every instruction, and the guest sees no TF', () => {
    const one = guest(`nop\na: mov bx, ss\nb: nop\nc: pushfd\nd: pop eax\ne: jmp a`);
    one.vcpu.setGuestDebug({ control: STEP });
    const seen = [1, 2, 3, 4, 5, 6].map(() => stop(one.vcpu));
    expect(seen.map(({ pc }) => pc)).toEqual(['a', 'b', 'c', 'd', 'e', 'a'].map((name) => at(one, name)));
    expect(seen.every(({ exception, dr6 }) => exception === 1 && (dr6 & 0x4000n) !== 0n)).toBe(true);
    expect(one.vcpu.getRegs().rflags & 0x100n).toBe(0n);
    expect(one.vcpu.getRegs().rax & 0x100n).toBe(0n);
  });

  test('of a load of SS takes the next instruction along, as the processor holds traps back behind it', () => {
    const { vcpu } = guest(`mov ax, ss\n mov ss, ax\n nop\n hlt`);
    vcpu.setGuestDebug({ control: STEP });
    expect([stop(vcpu).pc, stop(vcpu).pc]).toEqual([CODE + 3, CODE + 6]);
  });

  test('of a REP stops after each turn', () => {
    const { vcpu } = guest(`rep stosb\n hlt`, { rcx: 3, rdi: 0x3000 });
    vcpu.setGuestDebug({ control: STEP });
    expect([1, 2, 3].map(() => stop(vcpu) && vcpu.getRegs().rcx)).toEqual([2n, 1n, 0n]);
  });

  test('over an instruction that exits comes when it is done', () => {
    const { vcpu } = guest(`in al, 0x60\n mov [0x200000], al\nend: hlt`);
    vcpu.setGuestDebug({ control: STEP });
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    expect(stop(vcpu).pc).toBe(CODE + 2);
    expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
    expect(stop(vcpu).pc).toBe(CODE + 7);
  });

  test('that is switched off runs on', () => {
    const { vcpu } = guest(`nop\n nop\n hlt`);
    vcpu.setGuestDebug({ control: STEP });
    stop(vcpu);
    vcpu.setGuestDebug({ control: 0 });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });
});

describe('a breakpoint', () => {
  test('of INT3 stops on it, before the guest sees anything', () => {
    const { vcpu } = guest(`nop\n int3\n hlt`);
    vcpu.setGuestDebug({ control: KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP });
    expect(stop(vcpu)).toMatchObject({ exception: 3, pc: CODE + 1 });
    expect(vcpu.getRegs().rip).toBe(BigInt(CODE + 1));
  });

  test('on an address stops before the instruction there', () => {
    const one = guest(`inc eax\n inc eax\nhere: inc eax\n hlt`);
    watch(one.vcpu, at(one, 'here'), 0x2n);
    expect(stop(one.vcpu)).toMatchObject({ exception: 1, pc: at(one, 'here') });
    expect(one.vcpu.kvmRun.arm('debug').arch.dr6 & 1n).toBe(1n);
    expect(one.vcpu.getRegs().rax).toBe(2n);
  });

  test('on writes stops behind the store, and not for reads', () => {
    const { vcpu } = guest(`mov eax, [0x3000]\n mov [0x3002], al\nend: hlt`);
    watch(vcpu, 0x3000, 0xd0002n);
    expect(stop(vcpu)).toMatchObject({ pc: CODE + 10 });
  });

  test('on accesses stops for reads too', () => {
    const { vcpu } = guest(`mov eax, [0x3000]\n mov [0x3002], al\n hlt`);
    watch(vcpu, 0x3000, 0xf0002n);
    expect(stop(vcpu)).toMatchObject({ pc: CODE + 5 });
    expect(stop(vcpu)).toMatchObject({ pc: CODE + 10 });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });
});
