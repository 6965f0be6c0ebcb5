// The editor's language, its diagnostics, and the window of the disassembly.
import { Text } from '@codemirror/state';
import { classHighlighter, highlightTree } from '@lezer/highlight';
import { describe, expect, test } from 'vitest';
import { diagnosticsOf } from '../../../web/ui/editor/code_editor.ts';
import { windowStart } from '../../../web/ui/editor/code_window.ts';
import { nasmLanguage } from '../../../web/ui/editor/nasm.ts';

/** Every coloured token of a source as `text:class`. */
function tokens(source: string): string[] {
  const found: string[] = [];
  highlightTree(nasmLanguage.parser.parse(source), classHighlighter, (from, to, classes) => {
    found.push(`${source.slice(from, to)}:${classes.replaceAll('tok-', '')}`);
  });
  return found;
}

describe('NASM in the editor', () => {
  test('colours labels, mnemonics, registers, numbers and comments', () => {
    expect(tokens('start: mov eax, 0x10 ; go')).toEqual([
      'start:labelName',
      'mov:keyword',
      'eax:variableName2',
      '0x10:number',
      '; go:comment',
    ]);
  });

  test('knows labels without a colon before data and EQU', () => {
    expect(tokens('COM1 equ 3f8h')).toEqual(['COM1:labelName', 'equ:meta', '3f8h:number']);
    expect(tokens('text db "a;b", 0b11')).toEqual([
      'text:labelName',
      'db:meta',
      '"a;b":string',
      '0b11:number',
    ]);
  });

  test('colours prefixes with their instruction, sizes and directives', () => {
    expect(tokens('  rep movsb')).toEqual(['rep:keyword', 'movsb:keyword']);
    expect(tokens('  inc dword [rdi+r8*2]').slice(0, 3)).toEqual([
      'inc:keyword',
      'dword:typeName',
      'rdi:variableName2',
    ]);
    expect(tokens('%define N 4')[0]).toBe('%define:meta');
  });
});

describe('assembly errors', () => {
  const doc = Text.of(['mov ax', '  bogus bx']);

  test('lie at their line and column', () => {
    const [first] = diagnosticsOf(doc, [
      { line: 2, column: 3, endColumn: 8, message: 'No.', severity: 'error' },
    ]);
    expect(doc.sliceString(first?.from ?? 0, first?.to)).toBe('bogus');
  });

  test('beyond the text are moved to its end', () => {
    expect(
      diagnosticsOf(doc, [{ line: 9, column: 99, endColumn: 100, message: 'No.', severity: 'error' }])[0],
    ).toMatchObject({
      from: doc.length,
      to: doc.length,
    });
  });
});

describe('the window of the disassembly', () => {
  const listing = Array.from({ length: 30 }, (_, index) => ({
    address: 0x1000n + BigInt(index * 2),
    line: index + 1,
    length: 2,
    isCode: true,
  }));
  const shown = Array.from({ length: 20 }, (_, index) => 0x1000n + BigInt(index * 2));

  test('stays while RIP is inside', () => {
    expect(windowStart(shown, listing, 0x1010n)).toBe(0x1000n);
  });

  test('starts some known instructions before a RIP that has left it', () => {
    expect(windowStart(shown, listing, 0x1030n)).toBe(0x1020n);
  });

  test('does not reach back over data or a gap', () => {
    const data = listing.map((row) => (row.address === 0x102cn ? { ...row, isCode: false } : row));
    expect(windowStart([], data, 0x1030n)).toBe(0x102en);
  });

  test('starts at RIP where the listing knows nothing', () => {
    expect(windowStart(shown, listing, 0xfff0n)).toBe(0xfff0n);
  });
});
