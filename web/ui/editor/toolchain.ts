// The assembler and disassembler as the page uses them, loaded when first needed. They live in web/asm.

import type { DisassembledRow } from '../../asm/index.ts';

export type { DisassembledRow };

/** An error or a warning of the assembler; places count from 1. */
export interface Problem {
  line: number;
  column: number;
  endColumn: number;
  message: string;
  severity: 'error' | 'warning';
}

/** What a source line became. */
export interface ListingRow {
  /** Linear address, as the source's ORG says. */
  address: bigint;
  line: number;
  /** In bytes. */
  length: number;
  isCode: boolean;
}

/** An assembled source, or its errors. */
export interface Assembled {
  /** Empty when there is an error. */
  image: Uint8Array;
  /** Where the image goes: the source's ORG, or what was asked for. */
  origin: number;
  listing: readonly ListingRow[];
  /** Errors first, then warnings. */
  problems: readonly Problem[];
}

const load = () => import('../../asm/index.ts');

/** Assembles a guest's source; `at` is where the image goes when the source has no ORG. */
export async function assembleSource(source: string, at: number): Promise<Assembled> {
  const { assemble } = await load();
  const made = assemble(source, { origin: at });
  const warnings = made.warnings.map((warning) => ({ ...warning, severity: 'warning' as const }));
  if (made.errors) {
    const errors = made.errors.map((error) => ({ ...error, severity: 'error' as const }));
    return { image: new Uint8Array(), origin: at, listing: [], problems: [...errors, ...warnings] };
  }
  const listing = made.listing.map(({ address, line, length, kind }) => ({
    ...{ address, line, length },
    isCode: kind === 'code',
  }));
  return { image: made.bytes, origin: made.origin, listing, problems: warnings };
}

/** Bytes as instructions; `start` is the linear address of the first. */
export async function disassembleBytes(
  bytes: Uint8Array,
  start: bigint,
  bits: 16 | 32 | 64,
): Promise<DisassembledRow[]> {
  const { disassemble } = await load();
  return disassemble(bytes, { address: start, bits });
}

/** The errors among the problems; warnings let a machine be made. */
export function errorsOf(problems: readonly Problem[]): readonly Problem[] {
  return problems.filter((problem) => problem.severity === 'error');
}

/** The first error as one sentence, with its place and the number of errors; empty without one. */
export function problemSentence(problems: readonly Problem[]): string {
  const errors = errorsOf(problems);
  const [first] = errors;
  if (!first) return '';
  const more = errors.length > 1 ? ` (${errors.length} errors in all)` : '';
  return `Line ${first.line}, column ${first.column}: ${first.message}${more}`;
}
