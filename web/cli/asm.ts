// `vitrine asm FILE`: NASM source to a flat binary, by the assembler that the page uses.
import fs from 'node:fs';
import { defineCommand } from 'citty';
import { assemble } from '../asm/index.ts';

/** One sentence on stderr, and status 2. */
function refuse(sentence: string): void {
  console.error(`vitrine asm: ${sentence}`);
  process.exitCode = 2;
}

export const asmCommand = defineCommand({
  meta: { name: 'asm', description: 'Assemble NASM source to a flat binary' },
  args: {
    file: { type: 'positional', description: 'Source file', required: true },
    out: { type: 'string', description: 'File for the bytes; the source without its .asm when left out' },
    define: { type: 'string', description: 'NAME=VALUE pairs, separated by commas, before the first line' },
  },
  run({ args }) {
    const out = args.out ?? args.file.replace(/\.asm$/, '');
    if (out === args.file) return refuse(`${args.file} does not end in .asm; name the output with --out.`);
    const defines = (args.define ?? '').split(',').filter((pair) => pair !== '');
    const bad = defines.find((pair) => !/^\w+=\S+$/.test(pair));
    if (bad !== undefined) return refuse(`--define "${bad}" is not NAME=VALUE.`);
    let source: string;
    try {
      source = fs.readFileSync(args.file, 'utf8');
    } catch (error) {
      return refuse(`${args.file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
    }
    const head = defines.map((pair) => `%define ${pair.replace('=', ' ')}\n`).join('');
    const result = assemble(head + source);
    const lines = defines.length;
    for (const { line, column, message } of [...(result.errors ?? []), ...result.warnings])
      console.error(`${args.file}:${line - lines}:${column}: ${message}`);
    if (result.errors) {
      process.exitCode = 1;
      return;
    }
    try {
      fs.writeFileSync(out, result.bytes);
    } catch (error) {
      refuse(`${out} cannot be written (${(error as NodeJS.ErrnoException).code}).`);
    }
  },
});
