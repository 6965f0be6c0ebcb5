// An instruction whose bytes lie in two pages is decoded once, and anew when any of them is another.
import { expect, test } from 'vitest';
import { Machine } from './machine.ts';

/** `mov eax, 1` of which the page at 0x3000 has three bytes, and RET. */
const CODE = Uint8Array.from([0xb8, 1, 0, 0, 0, 0xc3]);
const AT = 0x2ffe;

test.each([
  ['in the second page', 0x3000, 0x101n],
  ['in the first page', 0x2fff, 2n],
])('a store to its bytes %s is seen', (_, rdi, expected) => {
  const machine = new Machine('long');
  machine.vm.write(AT, CODE);
  // call rbp; call rbp; mov ebx, eax; inc byte [rdi]; call rbp
  const { rax, rbx } = machine.run('ffd5 ffd5 89c3 fe07 ffd5', { rbp: AT, rdi });
  expect([rbx, rax]).toEqual([1n, expected]);
});

test('a store that makes it another instruction is seen', () => {
  const machine = new Machine('flat');
  machine.vm.write(AT, CODE);
  // call ebp twice; mov byte [edi], 0xb9 (mov ecx, 1); call ebp
  const { rax, rcx } = machine.run('ffd5 ffd5 31c0 c607b9 ffd5', { rbp: AT, rdi: AT });
  expect([rax, rcx]).toEqual([0n, 1n]);
});
