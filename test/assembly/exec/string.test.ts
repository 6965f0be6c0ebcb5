// Repeated string instructions: overlaps, directions, page edges, MMIO and ports, against a model that goes byte by byte.
import { describe, expect, test } from 'vitest';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { Machine, type Mode, RAM, randomBits } from './machine.ts';

const DF = 0x400n;
const random = randomBits(11);
const pick = (below: number): number => Number(random(32) % BigInt(below));
/** F3, the operand-size prefix where needed, the opcode for the size. */
const rep = (mode: Mode, opcode: number, size: number): string => {
  const byte = (opcode | (size ? 1 : 0)).toString(16);
  const prefix = size === 3 ? '48' : size > 0 && (size === 1) !== (mode === 'real') ? '66' : '';
  return `f3${prefix}${byte}`;
};
const sizesOf = (mode: Mode): number[] => (mode === 'long' ? [0, 1, 2, 3] : [0, 1, 2]);

describe.each(['real', 'flat', 'long'] as const)('in %s mode', (mode) => {
  const machine = new Machine(mode);
  // Data lies in [base, base + 0x8000), clear of code and tables.
  const base = mode === 'real' ? 0x7100 : 0x20000;
  const fresh = (): Uint8Array => {
    for (let at = base; at < base + 0x8800; at++) machine.ram[at] = pick(256);
    return machine.ram.slice();
  };

  test('MOVS copies one element after the other, whatever the overlap and the direction', () => {
    for (let n = 0; n < 150; n++) {
      const size = sizesOf(mode)[pick(sizesOf(mode).length)] as number;
      const bytes = 1 << size;
      const step = pick(2) ? bytes : -bytes;
      const count = pick(n % 3 ? 40 : 2000 / bytes);
      const rsi = base + 0x4000 + pick(64);
      const rdi = n % 2 ? rsi + pick(64) - 32 : base + 0x3000 + pick(0x3000);
      const model = fresh();
      for (let k = 0; k < count; k++)
        model.copyWithin(rdi + k * step, rsi + k * step, rsi + k * step + bytes);
      const rflags = step < 0 ? 2n | DF : 2n;
      const got = machine.run(rep(mode, 0xa4, size), { rsi, rdi, rcx: count, rflags });
      expect([got.rcx, got.rsi, got.rdi].map(Number)).toEqual([0, rsi + count * step, rdi + count * step]);
      expect(
        Buffer.compare(machine.ram.subarray(base, base + 0x8000), model.subarray(base, base + 0x8000)),
      ).toBe(0);
    }
  });

  test('STOS fills, in both directions and across pages', () => {
    for (let n = 0; n < 100; n++) {
      const size = sizesOf(mode)[pick(sizesOf(mode).length)] as number;
      const bytes = 1 << size;
      const step = pick(2) ? bytes : -bytes;
      const count = pick(n % 3 ? 40 : 8000 / bytes);
      const rdi = base + 0x4000 + pick(64);
      const rax = n % 4 ? random(64) : 0n;
      const model = fresh();
      for (let k = 0; k < count; k++) {
        for (let i = 0; i < bytes; i++) model[rdi + k * step + i] = Number((rax >> BigInt(8 * i)) & 0xffn);
      }
      const got = machine.run(rep(mode, 0xaa, size), {
        rax,
        rdi,
        rcx: count,
        rflags: step < 0 ? 2n | DF : 2n,
      });
      expect([got.rcx, got.rdi].map(Number)).toEqual([0, rdi + count * step]);
      expect(
        Buffer.compare(machine.ram.subarray(base, base + 0x8000), model.subarray(base, base + 0x8000)),
      ).toBe(0);
    }
  });

  test('SCAS and CMPS stop behind the element that decides', () => {
    for (let n = 0; n < 100; n++) {
      const start = base + 0x0f00 + pick(0x200);
      const length = pick(600);
      machine.ram.fill(0x41, base, base + 0x8000);
      machine.ram[start + length] = 0x42;
      const scan = machine.run('f2ae', { rax: 0x42, rdi: start, rcx: 0x4000 });
      expect([Number(scan.rdi), Number(scan.rcx), scan.rflags & 0x40n]).toEqual([
        start + length + 1,
        0x4000 - length - 1,
        0x40n,
      ]);
      const compare = machine.run('f3a6', { rsi: base + 0x4000, rdi: start, rcx: 0x1000 });
      expect([Number(compare.rdi), compare.rflags & 0x40n]).toEqual([start + length + 1, 0n]);
    }
  });

  test('LODS keeps the last element', () => {
    const model = fresh();
    const got = machine.run('f3ac', { rsi: base + 0xff0, rcx: 0x1234, rax: 0x1100 });
    expect(Number(got.rax)).toBe(0x1100 | (model[base + 0xff0 + 0x1233] as number));
  });

  test('a count of 0 does nothing', () => {
    const got = machine.run('f3a4', { rsi: 0x1234, rdi: 0x5678 });
    expect([got.rsi, got.rdi]).toEqual([0x1234n, 0x5678n]);
  });
});

describe('in real mode', () => {
  const machine = new Machine('real');

  test('addresses wrap at 64 KiB between elements', () => {
    machine.ram.fill(0, 0xf000, 0x10000);
    machine.ram.fill(0, 0, 0x10);
    const got = machine.run('f3aa', { rax: 0x5a, rdi: 0xfffe, rcx: 4 });
    expect(Number(got.rdi)).toBe(2);
    expect([0xfffd, 0xfffe, 0xffff, 0, 1, 2].map((at) => machine.ram[at])).toEqual([
      0, 0x5a, 0x5a, 0x5a, 0x5a, 0,
    ]);
  });

  test('an element that crosses the segment limit faults, those before it are done', () => {
    // Vector 13 leads to a HLT at 0:0600.
    machine.ram.set([0, 6, 0, 0], 13 * 4);
    machine.ram[0x600] = 0xf4;
    const got = machine.run('f3ab', { rax: 0x1234, rdi: 0xfffb, rcx: 4 });
    expect([got.rip, got.rdi, got.rcx]).toEqual([0x601n, 0xffffn, 2n]);
  });
});

describe('MMIO', () => {
  const machine = new Machine('flat');

  test('that is the source is read element by element', () => {
    machine.prepare('f3a5', { rsi: RAM, rdi: 0x20000, rcx: 3 });
    for (let n = 0; n < 3; n++) {
      expect(machine.go()).toBe(KVM_EXIT.MMIO);
      const { mmio } = machine.vcpu.kvmRun;
      expect([mmio.write, mmio.gpa, mmio.data.length]).toEqual([false, BigInt(RAM + 4 * n), 4]);
      mmio.data.set([n, 1, 2, 3]);
    }
    expect(machine.go()).toBe(KVM_EXIT.HLT);
    expect([...machine.ram.subarray(0x20000, 0x2000c)]).toEqual([0, 1, 2, 3, 1, 1, 2, 3, 2, 1, 2, 3]);
    expect(machine.vcpu.getRegs()).toMatchObject({ rsi: BigInt(RAM + 12), rdi: 0x2000cn, rcx: 0n });
  });

  test('that is the destination is written element by element, in order', () => {
    machine.ram.set([9, 8, 7], 0x20000);
    machine.prepare('f3a4', { rsi: 0x20000, rdi: RAM, rcx: 3 });
    for (let n = 0; n < 3; n++) {
      expect(machine.go()).toBe(KVM_EXIT.MMIO);
      const { mmio } = machine.vcpu.kvmRun;
      expect([mmio.write, mmio.gpa, ...mmio.data]).toEqual([true, BigInt(RAM + n), 9 - n]);
    }
    expect(machine.go()).toBe(KVM_EXIT.HLT);
    expect(machine.vcpu.getRegs().rcx).toBe(0n);
  });

  test('on both sides alternates', () => {
    machine.prepare('f3a4', { rsi: RAM, rdi: RAM + 0x1000, rcx: 2 });
    const seen = [];
    for (let n = 0; n < 4; n++) {
      expect(machine.go()).toBe(KVM_EXIT.MMIO);
      const { mmio } = machine.vcpu.kvmRun;
      if (!mmio.write) mmio.data[0] = 0x30 + n;
      seen.push([mmio.write, Number(mmio.gpa) - RAM, mmio.data[0]]);
    }
    expect(machine.go()).toBe(KVM_EXIT.HLT);
    expect(seen).toEqual([
      [false, 0, 0x30],
      [true, 0x1000, 0x30],
      [false, 1, 0x32],
      [true, 0x1001, 0x32],
    ]);
  });

  test('behind RAM is reached only when RAM ends', () => {
    machine.prepare('f3aa', { rax: 0x77, rdi: RAM - 5, rcx: 6 });
    expect(machine.go()).toBe(KVM_EXIT.MMIO);
    expect([...machine.ram.subarray(RAM - 6)]).toEqual([0, 0x77, 0x77, 0x77, 0x77, 0x77]);
    expect(machine.vcpu.kvmRun.mmio.gpa).toBe(BigInt(RAM));
    expect(machine.go()).toBe(KVM_EXIT.HLT);
  });
});

describe('ports', () => {
  const machine = new Machine('flat');

  test('OUTS leaves with every element', () => {
    machine.ram.set([1, 2, 3], 0x20000);
    machine.prepare('f36e', { rsi: 0x20000, rdx: 0x3f8, rcx: 3 });
    for (let n = 1; n <= 3; n++) {
      expect(machine.go()).toBe(KVM_EXIT.IO);
      const { io } = machine.vcpu.kvmRun;
      expect([io.write, io.port, io.size, ...io.data]).toEqual([true, 0x3f8, 1, n]);
    }
    expect(machine.go()).toBe(KVM_EXIT.HLT);
    expect(machine.vcpu.getRegs()).toMatchObject({ rsi: 0x20003n, rcx: 0n });
  });

  test('INS stores what each exit is answered with', () => {
    machine.prepare('f3666d', { rdi: 0x20000, rdx: 0x1f0, rcx: 2 });
    for (let n = 1; n <= 2; n++) {
      expect(machine.go()).toBe(KVM_EXIT.IO);
      const { io } = machine.vcpu.kvmRun;
      expect([io.write, io.port, io.size]).toEqual([false, 0x1f0, 2]);
      io.data.set([n, 0xaa]);
    }
    expect(machine.go()).toBe(KVM_EXIT.HLT);
    expect([...machine.ram.subarray(0x20000, 0x20004)]).toEqual([1, 0xaa, 2, 0xaa]);
  });
});

test('REP STOS over its own code goes to its end, and the new code runs', () => {
  const machine = new Machine('flat');
  // rep stosb overwrites the NOPs behind itself with INC EAX, then HLT.
  const got = machine.run(`f3aa${'90'.repeat(8)}`, { rax: 0x40, rdi: 0x1002, rcx: 8 });
  expect(got.rax).toBe(0x48n);
});
