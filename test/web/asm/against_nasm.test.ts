// Byte for byte against nasm: live where nasm is installed, else against what it said when this was recorded.
// VITRINE_RECORD=nasm npm test -- against_nasm writes fixtures/recorded.json anew.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assemble, type Bits } from '../../../web/asm/index.ts';
import { hasNasm, markedSource, nasm, nasmVectors, unmark, type Vector } from './nasm.ts';
import { randomLines } from './random_lines.ts';

interface Recorded {
  programs: Record<string, string>;
  lines: Record<string, Vector[]>;
}

const FOLDER = 'test/web/asm/fixtures';
const GUESTS = 'web/lab/guests';
const RECORD = join(FOLDER, 'recorded.json');
const MODES: readonly Bits[] = [16, 32, 64];
const sources = [FOLDER, GUESTS].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.asm'))
    .map((name) => join(folder, name)),
);
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function bytesOfNasm(file: string): string {
  const result = nasm(readFileSync(file, 'utf8'));
  if (!result.bytes) throw new Error(result.message);
  return toHex(result.bytes);
}

if (hasNasm && process.env.VITRINE_RECORD === 'nasm') {
  const programs = Object.fromEntries(sources.map((file) => [file, bytesOfNasm(file)]));
  const lines = Object.fromEntries(
    MODES.map((bits) => [bits, nasmVectors(randomLines(bits, 1, 4, 1), bits)]),
  );
  writeFileSync(RECORD, `${JSON.stringify({ programs, lines })}\n`);
}
const recorded = JSON.parse(readFileSync(RECORD, 'utf8')) as Recorded;

function ours(lines: readonly string[], bits: Bits): string[] {
  const result = assemble(markedSource(lines, bits));
  if (result.errors) {
    return result.errors.map(({ line, message }) => `${lines[(line - 4) / 2]}: ${message}`);
  }
  return unmark(result.bytes, lines.length);
}

describe('the assembler gives the bytes that nasm gives', () => {
  test.each(sources)('for the program %s', (file) => {
    const result = assemble(readFileSync(file, 'utf8'));
    expect(result.errors).toBeUndefined();
    const expected = hasNasm ? bytesOfNasm(file) : recorded.programs[file];
    expect(result.errors ?? toHex(result.bytes)).toBe(expected);
  });

  test.each(MODES)('for recorded random operands in %i-bit code', (bits) => {
    const vectors = recorded.lines[bits] ?? [];
    const made = ours(
      vectors.map(({ line }) => line),
      bits,
    );
    expect(vectors.length).toBeGreaterThan(300);
    expect(made).toEqual(vectors.map(({ hex }) => hex));
  });

  test.each(hasNasm ? MODES : [])('for fresh random operands in %i-bit code', (bits) => {
    const vectors = nasmVectors(randomLines(bits, 2, 1, 1), bits);
    const made = ours(
      vectors.map(({ line }) => line),
      bits,
    );
    const different = vectors
      .filter(({ hex }, i) => hex !== made[i])
      .map(({ line, hex }) => `${line}: ${hex}`);
    expect(different).toEqual([]);
  });
});
