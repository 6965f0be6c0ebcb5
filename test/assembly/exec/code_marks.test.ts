// Code and data in one page: stores beside code leave its blocks alone, stores into code never do.
import { expect, test } from 'vitest';
import { PAGE_FLAGS, PAGE_HOLDS_CODE } from '../../../assembly/abi/map.ts';
import { V_BLOCKS_TOP, V_STAT_BLOCKS } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { Machine } from './machine.ts';

const CODE = 0x1000;

/** Blocks that the vCPU has decoded so far. */
const blocks = ({ vm, vcpu }: Machine): number => Number(vm.memory.u64(vcpu.page + V_STAT_BLOCKS));

test.each([
  ['far from the code', 0x1800],
  ['in the line of the code', 0x1030],
])('a loop that stores to a variable %s decodes its blocks once', (_, rbx) => {
  const machine = new Machine('long');
  // again: mov [rbx], ecx; dec ecx; jnz again
  expect(machine.run('890b ffc9 75fa', { rbx, rcx: 1000 }).rcx).toBe(0n);
  expect(blocks(machine)).toBeLessThan(8);
  expect(machine.vm.memory.u32(machine.ram.byteOffset + rbx)).toBe(1);
});

test('a store to the next instruction of its own block is seen by it', () => {
  const machine = new Machine('long');
  // mov byte [rbx], 5 changes the immediate of the following mov eax, 1
  expect(machine.run('c60305 b801000000', { rbx: CODE + 4 }).rax).toBe(5n);
});

test('a loop that changes itself each turn runs what it has written', () => {
  const machine = new Machine('long');
  // again: add eax, 1; inc byte [rbx] (the 1); dec ecx; jnz again
  expect(machine.run('83c001 fe03 ffc9 75f7', { rbx: CODE + 2, rcx: 10 }).rax).toBe(55n);
});

test('REP STOSB over code and data of a page drops the code', () => {
  const machine = new Machine('long');
  // call [rbp]; then fill its page with NOPs up to a RET, and call it again
  machine.vm.write(0x3000, Uint8Array.from([0xb8, 7, 0, 0, 0, 0xc3]));
  machine.vm.write(0x3040, Uint8Array.from([0xc3]));
  const got = machine.run('ffd5 89c3 31c0 b090 f3aa 31c0 ffd5', { rbp: 0x3000, rdi: 0x2fc0, rcx: 0x80 });
  expect([got.rbx, got.rax]).toEqual([7n, 0n]);
});

test('a page whose blocks have left the decode cache is as any other behind the first store to it', () => {
  const machine = new Machine('long');
  const { memory } = machine.vm;
  const flags = PAGE_FLAGS + ((machine.ram.byteOffset + 0x3000) >>> 12);
  const isCode = (): boolean => (memory.u8(flags) & PAGE_HOLDS_CODE) !== 0;
  machine.vm.write(0x3000, Uint8Array.from([0xb8, 7, 0, 0, 0, 0xc3]));
  expect([machine.run('ffd5', { rbp: 0x3000 }).rax, isCode()]).toEqual([7n, true]);
  memory.setU32(machine.vcpu.page + V_BLOCKS_TOP, 0);
  machine.run('890b 890b', { rbx: 0x3001, rcx: 9 });
  expect(isCode()).toBe(false);
  expect([machine.run('ffd5', { rbp: 0x3000 }).rax, isCode()]).toEqual([9n, true]);
});

test('what the host writes over decoded code is run', () => {
  const machine = new Machine('long');
  expect(machine.run('b801000000').rax).toBe(1n);
  expect(machine.run('b802000000').rax).toBe(2n);
});

test('code that another vCPU changes, beside data that it writes, is decoded anew', () => {
  const machine = new Machine('long', 2);
  const [reader, writer] = machine.vcpus as [Machine['vcpu'], Machine['vcpu']];
  for (let value = 1; value < 20; value++) {
    machine.vm.write(0x3000, Uint8Array.from([0xff, 0xc3, 0x90])); // inc ebx; nop
    machine.prepare('b801000000', {}, reader);
    machine.prepare('88 03 89 4b 30', { rbx: CODE + 1, rax: value, rcx: value }, writer);
    machine.vm.write(CODE, Uint8Array.from([0x88, 0x03, 0x89, 0x4b, 0x30, 0xf4]));
    writer.setRegs({ rbx: BigInt(0x2001) });
    machine.vm.write(0x2000, Uint8Array.from([0xb8, 0, 0, 0, 0, 0xf4]));
    reader.setRegs({ rip: 0x2000n });
    reader.enter(100);
    writer.enter(100);
    expect(writer.kvmRun.exitReason).toBe(KVM_EXIT.HLT);
    reader.setRegs({ rip: 0x2000n });
    reader.enter(100);
    expect(reader.getRegs().rax).toBe(BigInt(value));
  }
});

test('code behind the end of a page, in a segment that starts in the middle of one, is decoded anew', () => {
  const machine = new Machine('real');
  // CS base 0x1010. NOPs to the end of the page at 0x2fff, then inc ax; hlt: the offsets 0x1fef and 0x1ff0 share a page.
  machine.vm.write(0x2ff0, new Uint8Array(16).fill(0x90));
  const go = (code: number): bigint => {
    machine.vm.write(0x3000, Uint8Array.from([code, 0xf4]));
    machine.prepare('f4', { rip: 0x1fe0 });
    const { cs } = machine.vcpu.getSregs();
    machine.vcpu.setSregs({ cs: { ...cs, base: 0x1010n, selector: 0x101 } });
    expect(machine.go()).toBe(KVM_EXIT.HLT);
    return machine.vcpu.getRegs().rax;
  };
  expect([go(0x40), go(0x40), go(0x48)]).toEqual([1n, 1n, 0xffffn]);
});
