// The reference: Debian's nasm, when this machine has it. Without it the tests take what was recorded.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** True when the reference can be asked. */
export const hasNasm = spawnSync('nasm', ['-v']).status === 0;

/** What nasm makes of a source, or the numbers of the lines it rejects. */
export type NasmResult =
  | { bytes: Uint8Array; rejected?: undefined }
  | { rejected: number[]; message: string; bytes?: undefined };

/** Runs `nasm -f bin`. */
export function nasm(source: string): NasmResult {
  const folder = mkdtempSync(join(tmpdir(), 'vitrine-nasm-'));
  try {
    const [input, output] = [join(folder, 'in.asm'), join(folder, 'out.bin')];
    writeFileSync(input, source);
    const run = spawnSync('nasm', ['-f', 'bin', '-w-all', input, '-o', output], {
      encoding: 'utf8',
      timeout: 60_000,
      maxBuffer: 1 << 26,
    });
    if (run.status === 0 && existsSync(output)) return { bytes: new Uint8Array(readFileSync(output)) };
    const lines = [...run.stderr.matchAll(/in\.asm:(\d+): (?:error|assertion)/g)].map((match) =>
      Number(match[1]),
    );
    return { rejected: lines, message: run.stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A line of code and its bytes. */
export interface Vector {
  line: string;
  hex: string;
}

const MARK = [0x3c, 0xc3, 0xa5, 0x5a];

/** The source in which every line stands behind a mark and its number, so that its bytes can be found. */
export function markedSource(lines: readonly string[], bits: number): string {
  const body = lines.map((line, i) => `dd 0x5aa5c33c, ${i}\n${line}`);
  return `bits ${bits}\nlab:\n${body.join('\n')}\n`;
}

/** The bytes of each line of a marked source. */
export function unmark(bytes: Uint8Array, count: number): string[] {
  const starts: number[] = [];
  for (let at = 0; at + 8 <= bytes.length && starts.length < count; at++) {
    const number = starts.length;
    const tail = [number & 0xff, (number >> 8) & 0xff, number >> 16, 0];
    if ([...MARK, ...tail].every((byte, i) => bytes[at + i] === byte)) starts.push(at);
  }
  return starts.map((start, i) =>
    Buffer.from(bytes.subarray(start + 8, starts[i + 1] ?? bytes.length)).toString('hex'),
  );
}

/** What nasm makes of each line; lines that it rejects are left out. */
export function nasmVectors(lines: readonly string[], bits: number): Vector[] {
  let left = [...lines];
  for (let round = 0; round < 20; round++) {
    const result = nasm(markedSource(left, bits));
    if (result.bytes) {
      const hex = unmark(result.bytes, left.length);
      // An instruction that nasm does not know is a label to it: no bytes.
      if (hex.every((bytes) => bytes !== '')) return left.map((line, i) => ({ line, hex: hex[i] ?? '' }));
      left = left.filter((_, i) => hex[i] !== '');
      continue;
    }
    const indices = [...new Set(result.rejected.map((line) => (line - 4) / 2))].sort((a, b) => b - a);
    if (indices.length === 0) throw new Error(result.message);
    for (const index of indices) left.splice(index, 1);
  }
  throw new Error('nasm rejects lines without end.');
}
