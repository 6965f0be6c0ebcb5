// What the assembler says about a faulty source: the place, what is wrong, and how to mend it.
import { describe, expect, test } from 'vitest';
import { assemble } from '../../../web/asm/index.ts';

/** `line:column-endColumn message` of all errors. */
function errors(source: string): string[] {
  const found = assemble(source, { bits: 32 }).errors ?? [];
  return found.map(({ line, column, endColumn, message }) => `${line}:${column}-${endColumn} ${message}`);
}

/** A source and the start of what is said about it. */
const CASES: [source: string, said: string][] = [
  ['moov eax, 1', "1:1-5 There is no instruction 'moov'; did you mean 'mov'?"],
  ['nop\n  mov eax, [ebx', "2:12-13 A ']' is missing"],
  ['mov eax', "1:1-8 'mov' takes 2 operands, not 1."],
  ['mov al, ebx', "1:1-12 The operands of 'mov' differ in size (al has 8 bits, ebx has 32 bits)"],
  ['mov [eax], 1', '1:5-10 The size of this memory operand is not clear; write byte, word, dword'],
  ['mov [eax], [ebx]', "1:1-17 'mov' cannot take two memory operands; move one through a register."],
  [
    'mov rax, 1',
    '1:5-8 rax exists only in 64-bit code and this is 32-bit code; use eax or write bits 64 above.',
  ],
  ['mov eax, [r8d]', '1:10-15 r8d exists only in 64-bit code'],
  ['bits 64\npusha', "2:1-6 'pusha' does not exist in 64-bit code; it needs bits 16 or 32."],
  ['bits 64\nmov ah, sil', '2:1-12 ah cannot be used together with'],
  ['jmp nowhere', "1:5-12 'nowhere' is not defined"],
  ['mov eax, lable\nlabel:', "1:10-15 'lable' is not defined; did you mean 'label'?"],
  ['x: nop\nx: nop', "2:1-2 'x' is already defined on line 1"],
  ['eax: nop', "1:1-4 'eax' is a register and cannot be a label"],
  ['db "abc', '1:4-8 This string is not closed; end it with ".'],
  ['mov ax, 0x1g', "1:9-13 '0x1g' is not a number"],
  ['mov eax, #5', "1:10-11 '#' means nothing here"],
  ['mov eax,', '1:9-10 An operand is missing after the comma'],
  ['mov eax, 5 6', "1:12-13 '6' is left over"],
  ['mov eax, []', '1:11-12 The brackets are empty'],
  ['mov eax, [eax*7]', '1:10-17 An address register can be multiplied by 1, 2, 4 or 8'],
  ['mov eax, [esp*2]', '1:10-17 The stack pointer cannot be multiplied'],
  ['bits 16\nmov ax, [ax]', '2:9-13 A 16-bit address is bx or bp, plus si or di'],
  ['mov eax, [ebx+cx]', '1:10-18 The registers of an address must have one size'],
  ['jmp short x\ntimes 200 nop\nx:', '1:5-12 The target is 73 bytes too far for a short jump'],
  [
    'x: times 200 nop\nloop x',
    '2:6-7 The target is 74 bytes too far for a short jump (-128..127); jump to a near label',
  ],
  ['nop\ntimes 0-($-$$) db 0', '2:1-18 TIMES has the negative count -1'],
  ['mov eax, 5 / 0', '1:14-15 This divides by zero'],
  ['a equ b\nb equ a', "1:1-2 'a' depends on itself"],
  ['align 3', '1:7-8 An alignment is a power of two'],
  ['section .bss\ndb 1', '2:1-3 The section .bss holds no bytes'],
  ['bits 17', '1:6-8 BITS takes 16, 32 or 64.'],
  ['org 1\norg 2', '2:1-4 ORG stands twice'],
  ['mov esi, offset x\nx:', '1:10-16 NASM has no OFFSET'],
  ['extern printf', '1:1-7 A flat binary is complete in itself'],
  ['%include "x.inc"', '1:1-9 There is only this one file'],
  ['%if 1', '1:1-6 An %if is still open at the end'],
  ['%if 0', '1:1-4 This condition is still open at the end; close it with %endif.'],
  ['%endif', '1:1-7 This %endif belongs to no %if'],
  ['%rep 2', '1:1-5 This %rep is not closed; end it with %endrep.'],
  ['%defin x 1', "1:1-7 '%defin' is not a preprocessor directive; did you mean %define?"],
  ['%macro m 2\n%endmacro\nm 1', "3:1-2 The macro 'm' takes 2 parameters, not 1."],
  ['%macro m 0\nm\n%endmacro\nm', "4:1-2 The macro 'm' calls itself without end"],
  ['%error "not this way"', '1:1-7 not this way'],
];

describe('an error', () => {
  test.each(CASES)('in %j has its place and a way out', (source, said) => {
    expect(errors(source)[0]).toContain(said);
  });

  test.each(CASES)('in %j is the only one', (source) => {
    // Both halves of a circle are at fault.
    expect(errors(source).length).toBe(source.includes('b equ a') ? 2 : 1);
  });

  test.each(CASES)('in %j is said in one sentence', (source) => {
    expect(errors(source)[0]).toMatch(/[.?]$|not this way$/);
  });

  test('does not hide the others', () => {
    const found = errors('mov eax\nx: foo bar\njmp x\njmp y\npush al, 5\ndb "');
    expect(found.map((error) => error.split(':')[0])).toEqual(['1', '2', '4', '5', '6']);
  });

  test('in a macro stands at the call and names the line of the body', () => {
    expect(errors('%macro load 1\n  nop\n  mov eax, %1, 7\n%endmacro\n\n  load ebx')).toEqual([
      "6:3-7 'mov' takes 2 operands, not 3 (in macro load, line 3).",
    ]);
  });

  test('about an argument of a macro stands at the argument', () => {
    expect(errors('%macro load 1\n  mov eax, %1\n%endmacro\n  load nowhere')[0]).toMatch(/^4:8-15 /);
  });

  test('costs only its own line, so a label on it stays', () => {
    expect(errors('x: moov eax, 1\njmp x').length).toBe(1);
  });

  test('comes for any text without an exception', () => {
    const words = [
      'mov',
      'eax',
      ',',
      '[',
      ']',
      '%',
      '%if',
      '1',
      '"',
      '(',
      ':',
      '$',
      'db',
      'times',
      '{',
      'x',
      '*',
      '\\',
      '%macro',
      '%rep',
    ];
    let state = 1;
    const next = (n: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    for (let i = 0; i < 500; i++) {
      const source = Array.from(
        { length: 12 },
        () => words[next(words.length)] + (next(4) ? ' ' : '\n'),
      ).join('');
      expect(() => assemble(source)).not.toThrow();
    }
  });
});

describe('a warning', () => {
  const warnings = (source: string) =>
    assemble(source, { bits: 32 }).warnings.map(({ line, message }) => `${line}: ${message}`);

  test('comes for a number that is cut', () => {
    expect(warnings('db 300')[0]).toMatch(/^1: 300 does not fit into 8 bits/);
    expect(warnings('nop\nmov al, 300')[0]).toMatch(/^2: 300 does not fit into 8 bits/);
  });

  test('comes for a lone word, which may be a misspelt instruction', () => {
    expect(warnings('htl')[0]).toMatch(/'htl' is taken as a label; write 'htl:', or 'hlt'/);
  });

  test('comes for REL with a plain number, which nasm makes absolute', () => {
    expect(warnings('bits 64\nmov eax, [rel 5]\nx: mov eax, [rel x]')).toEqual([
      expect.stringMatching(/^2: A plain number is no place in this program/),
    ]);
  });

  test('comes once, however many passes there are', () => {
    expect(warnings('jmp x\ndb 300\nx:').length).toBe(1);
  });

  test('does not come for numbers that fit with or without sign', () => {
    expect(warnings('db 255, -128\nmov al, 255\nmov al, -128\nand eax, ~0x80000000')).toEqual([]);
  });
});
