// The assembler as a function: NASM source in, a flat binary or the errors out.

import { AsmError, type Diagnostic, errorAt } from './errors.ts';
import { constant, evaluate, type Scope } from './expression.ts';
import { Layout, type ListingRow } from './layout.ts';
import type { Bits, Statement } from './operand.ts';
import { Parser } from './parse.ts';
import { Preprocessor } from './preprocess.ts';

/** What the source does not say itself. */
export interface AssembleOptions {
  /** The address of the first byte, when the source has no ORG; 0 if left out. */
  readonly origin?: bigint | number;
  /** The width before the first BITS; 16 if left out, as NASM's. */
  readonly bits?: Bits;
}

/** A section of the output. */
export interface AssembledSection {
  readonly name: string;
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
}

/** The result of a source without errors. */
export interface AssembledProgram {
  readonly bytes: Uint8Array;
  /** The address of the first byte: ORG, or the option. */
  readonly origin: number;
  /** What each line became, in the order of the output. */
  readonly listing: readonly ListingRow[];
  /** Labels and equ's; local labels have full names (`main.loop`). */
  readonly symbols: ReadonlyMap<string, bigint>;
  readonly sections: readonly AssembledSection[];
  readonly warnings: readonly Diagnostic[];
  readonly errors?: undefined;
}

/** The result of a source with errors, in the order of the source. */
export interface FailedAssembly {
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
}

/** What `assemble` returns; ask `errors` which one it is. */
export type Assembly = AssembledProgram | FailedAssembly;

const ERROR_LIMIT = 100;

/** Assembles NASM source to a flat binary, as `nasm -f bin` does. Never throws for what is in the source. */
export function assemble(source: string, options: AssembleOptions = {}): Assembly {
  const errors: Diagnostic[] = [];
  const warnings: Diagnostic[] = [];
  const statements = readStatements(source, errors, warnings);
  const layout = new Layout(statements, BigInt(options.origin ?? 0), options.bits ?? 16);
  layout.run();
  errors.push(...layout.errors);
  warnings.push(...layout.warnings);
  if (errors.length > 0) return { errors: inOrder(errors), warnings: inOrder(warnings) };
  const { sections } = layout;
  const symbols = new Map<string, bigint>();
  for (const [name, { value }] of layout.labels) {
    if (name.startsWith('..@')) continue;
    symbols.set(
      name,
      value.terms.reduce((sum, { base, factor }) => sum + factor * layout.scope.base(-1 - base), value.n),
    );
  }
  const listing = layout.rows
    .map(({ section, offset, length, line, bits, kind }) => ({
      line,
      address: section.base + BigInt(offset),
      offset: section.fileOffset + offset,
      length,
      bits,
      kind,
    }))
    .sort((a, b) => a.offset - b.offset);
  return {
    bytes: sections.join(),
    origin: Number(sections.origin),
    listing,
    symbols,
    sections: sections.all.map(({ name, base, fileOffset, size }) => ({
      name,
      address: base,
      offset: fileOffset,
      size,
    })),
    warnings: inOrder(warnings),
  };
}

function readStatements(source: string, errors: Diagnostic[], warnings: Diagnostic[]): Statement[] {
  const statements: Statement[] = [];
  // What `equ` has fixed so far, so that %if and %assign can ask for it.
  const known = new Map<string, bigint>();
  const scope: Scope = {
    lookup(name, place) {
      const n = known.get(name);
      if (n === undefined)
        throw errorAt(
          place,
          `'${name}' is not known to the preprocessor here; define it above with equ, %define or %assign.`,
        );
      return constant(n);
    },
    here: () => constant(0n),
    start: () => constant(0n),
    base: () => 0n,
  };
  const preprocessor = new Preprocessor(source, {
    scope,
    report: (error) => errors.push(error),
    warn: (warning) => warnings.push(warning),
  });
  const parser = new Parser((place, message) => warnings.push(errorAt(place, message).diagnostic));
  for (const tokens of preprocessor.lines()) {
    const before = statements.length;
    try {
      parser.parse(tokens, statements);
    } catch (error) {
      if (!(error instanceof AsmError)) throw error;
      errors.push(error.diagnostic);
    }
    for (const statement of statements.slice(before))
      if (statement.kind === 'equ') remember(statement, scope, known);
  }
  return statements;
}

function remember(statement: Statement & { kind: 'equ' }, scope: Scope, known: Map<string, bigint>): void {
  const usesPosition = (node: typeof statement.value): boolean =>
    node.op === 'here' ||
    node.op === 'start' ||
    Object.values(node).some(
      (part) => typeof part === 'object' && part !== null && 'op' in part && usesPosition(part),
    );
  if (usesPosition(statement.value)) return;
  try {
    known.set(statement.name, evaluate(statement.value, scope).n);
  } catch (error) {
    // It depends on an address; the layout will find its value.
    if (!(error instanceof AsmError)) throw error;
  }
}

function inOrder(found: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return found
    .filter(({ line, column, message }) => {
      const key = `${line}:${column}:${message}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .slice(0, ERROR_LIMIT);
}
