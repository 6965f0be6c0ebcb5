// The disassembler: rows of NASM text for any bytes.
import { describe, expect, test } from 'vitest';
import { assemble, type Bits, disassemble } from '../../../web/asm/index.ts';

const texts = (bytes: number[], bits: Bits) =>
  disassemble(Uint8Array.from(bytes), { bits }).map(({ text }) => text);

describe('disassemble', () => {
  test('gives address, length, bytes and text', () => {
    const rows = disassemble(Uint8Array.of(0xb8, 1, 0, 0, 0, 0xf4), { bits: 32, address: 0x1000 });
    expect(rows).toEqual([
      {
        address: 0x1000n,
        length: 5,
        bytes: Uint8Array.of(0xb8, 1, 0, 0, 0),
        text: 'mov eax, 0x1',
        valid: true,
      },
      { address: 0x1005n, length: 1, bytes: Uint8Array.of(0xf4), text: 'hlt', valid: true },
    ]);
  });

  test('reads the same bytes by the width of the code', () => {
    expect(texts([0x48, 0x89, 0xd8], 64)).toEqual(['mov rax, rbx']);
    expect(texts([0x48, 0x89, 0xd8], 32)).toEqual(['dec eax', 'mov eax, ebx']);
    expect(texts([0x48, 0x89, 0xd8], 16)).toEqual(['dec ax', 'mov ax, bx']);
  });

  test('stops after `count` rows', () => {
    expect(disassemble(new Uint8Array(10).fill(0x90), { count: 3 }).length).toBe(3);
  });

  test('shows a cut-off instruction as bytes', () => {
    expect(texts([0x90, 0xb8, 1], 32)).toEqual(['nop', 'db 0xb8', 'db 0x01']);
  });

  test('goes on after bytes that are no instruction', () => {
    expect(texts([0x06, 0x90], 64)).toEqual(['db 0x06', 'nop']);
  });

  test('of nothing is nothing', () => {
    expect(disassemble(new Uint8Array(0))).toEqual([]);
  });

  test('counts addresses beyond 4 GiB and round the end', () => {
    const rows = disassemble(Uint8Array.of(0x90, 0x90), { bits: 64, address: 0xffffffffffffffffn });
    expect(rows.map(({ address }) => address)).toEqual([0xffffffffffffffffn, 0n]);
  });

  test('reads from shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(2));
    shared.set([0xeb, 0xfe]);
    expect(disassemble(shared, { bits: 16, address: 0x7c00 })[0]?.text).toBe('jmp short 0x7c00');
  });

  test.each([16, 32, 64] as const)('covers any bytes in %i-bit code without a gap', (bits) => {
    let state = 7;
    const bytes = Uint8Array.from({ length: 4000 }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 24;
    });
    const rows = disassemble(bytes, { bits });
    expect(rows.reduce((sum, { length }) => sum + length, 0)).toBe(bytes.length);
    expect(
      rows.every(
        (row, i) =>
          i === 0 || row.address === (rows[i - 1]?.address ?? 0n) + BigInt(rows[i - 1]?.length ?? 0),
      ),
    ).toBe(true);
  });

  test('writes what the assembler reads', () => {
    const source =
      'mov eax, [ebx+ecx*4+0x10]\nlock inc dword [0x1000]\nmovzx eax, byte [esi]\nfadd st0, st1\nrep movsd\nmov ds, eax';
    const first = assemble(source, { bits: 32 });
    if (first.errors) throw new Error(first.errors[0]?.message);
    const again = assemble(
      disassemble(first.bytes, { bits: 32 })
        .map(({ text }) => text)
        .join('\n'),
      { bits: 32 },
    );
    expect(again.errors ?? again.bytes).toEqual(first.bytes);
  });
});
