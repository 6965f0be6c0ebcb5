// The door of the assembler and disassembler: everything that other floors may use.

export {
  type AssembledProgram,
  type AssembledSection,
  type AssembleOptions,
  type Assembly,
  assemble,
  type FailedAssembly,
} from './assemble.ts';
export { type DisassembledRow, type DisassembleOptions, disassemble } from './disassemble.ts';
export type { Diagnostic } from './errors.ts';
export type { ListingRow } from './layout.ts';
export type { Bits } from './operand.ts';
