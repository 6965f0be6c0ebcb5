// Bytes to NASM text, over iced's Decoder and formatter. It follows no jumps and finds no code by itself.

import { Decoder, DecoderOptions, Formatter, FormatterSyntax, Instruction } from './iced.ts';
import type { Bits } from './operand.ts';

/** What to decode and how. */
export interface DisassembleOptions {
  /** 32 if left out. */
  readonly bits?: Bits;
  /** The address of the first byte; 0 if left out. */
  readonly address?: bigint | number;
  /** At most so many rows; all if left out. */
  readonly count?: number;
}

/** One instruction, or one byte that is none (`db 0xff`). */
export interface DisassembledRow {
  readonly address: bigint;
  readonly length: number;
  readonly bytes: Uint8Array;
  /** NASM syntax, lower case; `db` for bytes that do not decode. */
  readonly text: string;
  /** False for the `db` rows. */
  readonly valid: boolean;
}

let formatter: Formatter | undefined;

function nasm(): Formatter {
  if (formatter) return formatter;
  formatter = new Formatter(FormatterSyntax.Nasm);
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.uppercaseHex = false;
  formatter.spaceAfterOperandSeparator = true;
  formatter.branchLeadingZeros = false;
  formatter.displacementLeadingZeros = false;
  formatter.smallHexNumbersInDecimal = false;
  return formatter;
}

/** Decodes instruction after instruction. Bytes that are no instruction, or the cut-off start of one, become `db` rows. */
export function disassemble(bytes: Uint8Array, options: DisassembleOptions = {}): DisassembledRow[] {
  const rows: DisassembledRow[] = [];
  const { bits = 32, count = Number.POSITIVE_INFINITY } = options;
  const start = BigInt.asUintN(64, BigInt(options.address ?? 0));
  // A copy, since iced cannot read from shared memory.
  const code = bytes.slice();
  const decoder = new Decoder(bits, code, DecoderOptions.None);
  const instruction = new Instruction();
  try {
    let at = 0;
    while (at < code.length && rows.length < count) {
      const address = BigInt.asUintN(64, start + BigInt(at));
      decoder.position = at;
      decoder.ip = address;
      decoder.decodeOut(instruction);
      const valid = instruction.code !== 0;
      const length = valid ? instruction.length : 1;
      const text = valid
        ? nasm().format(instruction)
        : `db 0x${(code[at] ?? 0).toString(16).padStart(2, '0')}`;
      rows.push({ address, length, bytes: code.slice(at, at + length), text, valid });
      at += length;
    }
  } finally {
    instruction.free();
    decoder.free();
  }
  return rows;
}
