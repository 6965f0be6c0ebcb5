// Why KVM_RUN returns, and what it finds done when it is called again. What instructions compute is tested elsewhere.
import { describe, expect, test } from 'vitest';
import { RUN_BUDGET, RUN_EXIT, RUN_INTERRUPTED } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, type Vcpu } from '../../../web/kvm/index.ts';
import { CODE, guest, RAM } from './machine.ts';

/** Runs to an MMIO exit; what the guest asked, its address as a number. */
function mmio(vcpu: Vcpu): { write: boolean; gpa: number; data: number[] } {
  expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
  const { write, gpa, data } = vcpu.kvmRun.mmio;
  return { write, gpa: Number(gpa), data: [...data] };
}

describe('MMIO', () => {
  test('reads take what the VMM put into the run page', () => {
    const { vcpu } = guest(`mov eax, [0x200004]\n hlt`);
    expect(mmio(vcpu)).toMatchObject({ write: false, gpa: 0x200004, data: [0, 0, 0, 0] });
    vcpu.kvmRun.mmio.data.set([1, 2, 3, 4]);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rax).toBe(0x04030201n);
  });

  test('writes carry their bytes and are not repeated', () => {
    const { vcpu } = guest(`mov word [0x200002], 0xbeef\n hlt`);
    expect(mmio(vcpu)).toEqual({ write: true, gpa: 0x200002, data: [0xef, 0xbe] });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test.each(['clflush', 'clflushopt'])('%s of device memory reads nothing', (name) => {
    const { vcpu } = guest(`${name} [0x200004]\n hlt`);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('a read-modify-write reads once and writes once', () => {
    const { vcpu } = guest(`add dword [0x200000], 5\n hlt`);
    expect(mmio(vcpu).write).toBe(false);
    vcpu.kvmRun.mmio.data.set([10, 0, 0, 0]);
    expect(mmio(vcpu)).toEqual({ write: true, gpa: 0x200000, data: [15, 0, 0, 0] });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('a read from the end of RAM into the hole asks for the part in the hole alone', () => {
    const { vm, vcpu } = guest(`mov eax, [${RAM - 1}]\n hlt`);
    vm.write(RAM - 1, Uint8Array.of(0x77));
    expect(mmio(vcpu)).toMatchObject({ write: false, gpa: RAM, data: [0, 0, 0] });
    vcpu.kvmRun.mmio.data.set([1, 2, 3]);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rax).toBe(0x03020177n);
  });

  test('a write from the end of RAM into the hole does both parts', () => {
    const { vm, vcpu } = guest(`mov dword [${RAM - 1}], 0x44332211\n hlt`);
    expect(mmio(vcpu)).toEqual({ write: true, gpa: RAM, data: [0x22, 0x33, 0x44] });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vm.read(RAM - 1, 1)[0]).toBe(0x11);
  });

  test('an access across two pages of the hole is two exits in order', () => {
    const { vcpu } = guest(`mov eax, [0x200fff]\n mov [0x200fff], eax\n hlt`);
    const seen = [];
    for (let n = 0; n < 4; n++) {
      seen.push(mmio(vcpu));
      if (n < 2) vcpu.kvmRun.mmio.data.set(n === 0 ? [0xaa] : [0xbb, 0xcc, 0xdd]);
    }
    expect(seen.map(({ write, gpa }) => [write, gpa])).toEqual([
      [false, 0x200fff],
      [false, 0x201000],
      [true, 0x200fff],
      [true, 0x201000],
    ]);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rax).toBe(0xddccbbaan);
  });

  test('REP MOVS between two holes exits for every element, and counts', () => {
    const { vcpu } = guest(`rep movsb\n hlt`, { rcx: 3, rsi: 0x200000, rdi: 0x300000 });
    const seen = [];
    for (let n = 0; n < 6; n++) {
      const { write, gpa, data } = mmio(vcpu);
      seen.push([gpa, ...(write ? data : [])]);
      if (!write) vcpu.kvmRun.mmio.data[0] = 0x50 + n;
    }
    expect(seen).toEqual([
      [0x200000],
      [0x300000, 0x50],
      [0x200001],
      [0x300001, 0x52],
      [0x200002],
      [0x300002, 0x54],
    ]);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs()).toMatchObject({ rcx: 0n, rsi: 0x200003n, rdi: 0x300003n });
  });
});

describe('ports', () => {
  test('OUT shows its data, and RIP stands behind it', () => {
    const { vcpu } = guest(`mov eax, 0x12345678\n mov dx, 0x1234\n out dx, eax\nnext: hlt`);
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    const { write, port, size, count, data } = vcpu.kvmRun.io;
    expect([write, port, size, count, ...data]).toEqual([true, 0x1234, 4, 1, 0x78, 0x56, 0x34, 0x12]);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('IN takes the answer and leaves the rest of EAX', () => {
    const { vcpu } = guest(`mov eax, 0x11223344\n in al, 0x60\n hlt`);
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    vcpu.kvmRun.io.data[0] = 0xff;
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rax).toBe(0x112233ffn);
  });

  test('REP OUTSB brings all its bytes, in as many exits as it likes', () => {
    const { vm, vcpu } = guest(`rep outsb\n hlt`, { rcx: 6, rsi: 0x3000, rdx: 0x3f8 });
    vm.write(0x3000, Buffer.from('linux!'));
    let text = '';
    while (vcpu.run() === KVM_EXIT.IO) text += Buffer.from(vcpu.kvmRun.io.data).toString();
    expect(text).toBe('linux!');
    expect(vcpu.getRegs()).toMatchObject({ rcx: 0n, rsi: 0x3006n });
  });

  test('REP INSW stores the answers in order', () => {
    const { vm, vcpu } = guest(`rep insw\n hlt`, { rcx: 4, rdi: 0x3000, rdx: 0x1f0 });
    let next = 1;
    while (vcpu.run() === KVM_EXIT.IO) {
      const { data } = vcpu.kvmRun.io;
      for (let k = 0; k < data.length; k++) data[k] = next++;
    }
    expect([...vm.read(0x3000, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(vcpu.getRegs()).toMatchObject({ rcx: 0n, rdi: 0x3008n });
  });
});

describe('the end of a run', () => {
  test('HLT without an irqchip is an exit with RIP behind it', () => {
    const { vcpu } = guest(`hlt\nnext: jmp next`);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rip).toBe(BigInt(CODE + 1));
  });

  test('a fault that no IDT can take is a triple fault: SHUTDOWN', () => {
    expect(guest('ud2').vcpu.run()).toBe(KVM_EXIT.SHUTDOWN);
  });

  test('code in a hole is INTERNAL_ERROR, and RIP says where', () => {
    const { vcpu } = guest('jmp 0x400000');
    expect(vcpu.run()).toBe(KVM_EXIT.INTERNAL_ERROR);
    expect(vcpu.getRegs().rip).toBe(0x400000n);
  });

  test('immediate_exit is EINTR before the first instruction, and finishes what the last exit left', () => {
    const { vcpu } = guest(`in al, 0x60\n inc ebx\n hlt`);
    vcpu.run();
    vcpu.kvmRun.io.data[0] = 7;
    vcpu.kvmRun.immediateExit = true;
    expect(vcpu.enter()).toBe(RUN_INTERRUPTED);
    expect(() => vcpu.run()).toThrow('KVM_RUN was interrupted');
    expect(vcpu.getRegs()).toMatchObject({ rax: 7n, rbx: 0n, rip: BigInt(CODE + 2) });
    vcpu.kvmRun.immediateExit = false;
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('kick is EINTR once', () => {
    const { vcpu } = guest('hlt');
    vcpu.kick();
    expect(() => vcpu.run()).toThrow('KVM_RUN was interrupted');
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });
});

describe('a budget of n', () => {
  const source = `mov ecx, 1000\nagain: inc eax\n push eax\n pop ebx\n xchg eax, edx\n xchg edx, eax\n loop again\n hlt`;

  test.each([1, 2, 3, 5, 7, 12, 13, 64, 1001])('retires exactly %i instructions', (n) => {
    const { vcpu } = guest(source);
    for (let turn = 1; turn <= 3; turn++) {
      expect(vcpu.enter(n)).toBe(RUN_BUDGET);
      expect(vcpu.instructions).toBe(BigInt(turn * n));
    }
  });

  test('ends in the same state however it is cut', () => {
    const whole = guest(source).vcpu;
    const parts = guest(source).vcpu;
    expect(whole.enter()).toBe(RUN_EXIT);
    for (let n = 1; parts.enter(n) !== RUN_EXIT; n = (n % 17) + 1);
    expect(parts.getRegs()).toEqual(whole.getRegs());
    expect(parts.instructions).toBe(whole.instructions);
  });

  test('counts an instruction that left for MMIO once', () => {
    const { vcpu } = guest(`nop\n mov eax, [0x200000]\n nop\n nop\n hlt`);
    expect(vcpu.enter(3)).toBe(RUN_EXIT);
    expect(vcpu.enter(2)).toBe(RUN_BUDGET);
    expect(vcpu.instructions).toBe(3n);
  });
});
