// The assembler as its user sees it: results, listing, symbols, and what the language allows.
import { describe, expect, test } from 'vitest';
import { type AssembledProgram, type AssembleOptions, assemble } from '../../../web/asm/index.ts';

function good(source: string, options: AssembleOptions = {}): AssembledProgram {
  const result = assemble(source, options);
  if (result.errors)
    throw new Error(result.errors.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return result;
}
const hex = (source: string, options?: AssembleOptions) =>
  Buffer.from(good(source, options).bytes).toString('hex');

describe('a result', () => {
  test('has the bytes and the origin of ORG', () => {
    const { bytes, origin } = good('bits 16\norg 0x7c00\njmp $');
    expect([...bytes]).toEqual([0xeb, 0xfe]);
    expect(origin).toBe(0x7c00);
  });

  test('takes origin and bits from the options when the source is silent', () => {
    expect(hex('x: mov eax, x', { origin: 0x1000, bits: 32 })).toBe('b800100000');
    expect(good('nop', { origin: 0x1000n }).origin).toBe(0x1000);
  });

  test('starts in 16-bit code without an option, as nasm does', () => {
    expect(hex('mov eax, 1')).toBe('66b801000000');
  });

  test('lists what each line became, with address, offset and width', () => {
    const { listing } = good('bits 32\norg 0x100\nnop\nx: db 1, 2\n\ntimes 3 nop\nbits 64\nmov rax, [rbx]');
    expect(listing).toEqual([
      { line: 3, address: 0x100n, offset: 0, length: 1, bits: 32, kind: 'code' },
      { line: 4, address: 0x101n, offset: 1, length: 2, bits: 32, kind: 'data' },
      { line: 6, address: 0x103n, offset: 3, length: 3, bits: 32, kind: 'code' },
      { line: 8, address: 0x106n, offset: 6, length: 3, bits: 64, kind: 'code' },
    ]);
  });

  test('lists the body of a macro at the line that calls it, and a %rep at its own lines', () => {
    const { listing } = good('%macro two 0\nnop\nhlt\n%endmacro\ntwo\n%rep 2\ncli\n%endrep');
    expect(listing.map(({ line }) => line)).toEqual([5, 5, 7, 7]);
  });

  test('names labels, local labels and numbers by their full names', () => {
    const { symbols } = good(
      'org 0x10\nmain: nop\n.loop: jmp .loop\nSIZE equ 5\nother:\n.loop: dw main.loop',
    );
    expect(Object.fromEntries(symbols)).toEqual({
      main: 0x10n,
      'main.loop': 0x11n,
      SIZE: 5n,
      other: 0x13n,
      'other.loop': 0x13n,
    });
  });

  test('keeps the labels of macros to itself', () => {
    const { symbols } = good('%macro spin 0\n%%here: jmp %%here\n%endmacro\nspin\nspin');
    expect([...symbols.keys()]).toEqual([]);
  });

  test('says where each section lies, and gives .bss no bytes', () => {
    const { sections, bytes } = good('org 0x100\nnop\nsection .data\ndb 1\nsection .bss\nresb 16');
    expect(sections).toEqual([
      { name: '.text', address: 0x100n, offset: 0, size: 1 },
      { name: '.data', address: 0x104n, offset: 4, size: 1 },
      { name: '.bss', address: 0x108n, offset: 8, size: 16 },
    ]);
    expect(bytes.length).toBe(5);
  });

  test('of an empty source is empty', () => {
    expect(good('; nothing\n\n').bytes.length).toBe(0);
  });

  test('does not depend on what was assembled before', () => {
    const source = 'bits 64\nvaddps ymm0, ymm1, [rel x]\nx: fstp qword [rax]';
    const first = hex(source);
    assemble('bits 32\nmov eax, [');
    expect(hex(source)).toBe(first);
  });
});

describe('jumps', () => {
  test('are short where the target is near and long where it is not', () => {
    expect(hex('bits 32\nx: times 126 nop\njmp x').slice(-4)).toBe('eb80');
    expect(hex('bits 32\nx: times 127 nop\njmp x').slice(-10)).toBe('e97cffffff');
  });

  test('forward settle at the shortest', () => {
    expect(hex('bits 32\njz x\ntimes 127 nop\nx:').slice(0, 4)).toBe('747f');
    expect(hex('bits 32\njz x\ntimes 128 nop\nx:').slice(0, 12)).toBe('0f8480000000');
  });

  test('that depend on each other settle', () => {
    const many = Array.from({ length: 200 }, (_, i) => `l${i}: jmp l${(i * 7) % 200}`).join('\n');
    expect(good(`bits 32\n${many}`).bytes.length).toBeGreaterThan(400);
  });

  test('at a far address below 4 GiB reach their target', () => {
    expect(hex('bits 32\norg 0xfffff000\nx: jmp x')).toBe('ebfe');
  });
});

describe('the language', () => {
  test.each([
    ["NASM's numbers", 'db 0x1f, 1fh, $1f, 0b1_1111, 11111b, 37q, 0o37, 0d31, 31', '1f'.repeat(9)],
    ['strings with escapes in backquotes only', "db 'a\\n', `\\n\\x41\\0`", '615c6e0a4100'],
    ['text beyond ASCII as UTF-8', "db 'é'", 'c3a9'],
    [
      'floats of every width',
      'dw 1.0\ndd 1.0\ndq 1.0\ndt 1.0',
      '003c0000803f000000000000f03f0000000000000080ff3f',
    ],
    [
      'exactly rounded floats',
      'dq 0.1, 5e-324, 1.7976931348623157e308',
      '9a9999999999b93f0100000000000000ffffffffffffef7f',
    ],
    ['DUP', 'db 2 dup (1, 2)', '01020102'],
    ['TIMES to a place', 'db 1\ntimes 4-($-$$) db 0xff', '01ffffff'],
    ['a choice', 'db 1 > 2 ? 3 : 4', '04'],
    ['precedence', 'db 1 + 2 << 3 | 1', '19'],
    ['division without and with sign', 'db 7 / 2, -7 // 2, 7 % 4, -7 %% 4', '03fd03fd'],
    ['a segment before the brackets, as other assemblers write it', 'mov al, es:[bx]', '268a07'],
    ['PTR, for those who are used to it', 'mov word ptr [bx], 1', 'c7070100'],
    ['an address in a calculation', 'org 0x1234\nx: db x >> 8, x & 0xff', '1234'],
    ['a directive in brackets', '[bits 32]\nmov eax, 1', 'b801000000'],
    ['conditions on a number fixed by equ', 'N equ 3\n%if N > 2\ndb 1\n%else\ndb 2\n%endif', '01'],
    ['a line that goes on', 'db 1, \\\n2', '0102'],
  ])('knows %s', (_, source, expected) => {
    expect(hex(source)).toBe(expected);
  });
});
