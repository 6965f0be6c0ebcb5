// One instruction to bytes: resolves operands, has a form chosen, and drives iced's Encoder.
// It knows no labels and no sections beyond what its context tells it.

import { build, type EncodeContext, type Encoded } from './build.ts';
import { evaluate, type Hint, toNumber, type Value } from './expression.ts';
import type { MatchContext, Resolved } from './match.ts';
import { resolveAddress } from './memory.ts';
import { type Bits, type InstructionStatement, NO_DECORATORS, type Operand } from './operand.ts';
import { choose, unknownInstruction } from './select.ts';
import { findInstruction } from './table.ts';

/** Instructions that may name their counter as a second operand. */
const LOOPS = /^(loop(n?[ez])?|j[er]?cxz)$/;

/** What was evaluated of a statement's operands; compare with `key` before encoding again. */
export function resolveOperands(statement: InstructionStatement, context: EncodeContext): Resolved[] {
  return statement.operands.map((operand) => resolve(operand, statement, context));
}

/** A text that is equal when the bytes must be equal; `positional` tells that the address matters. */
export function encodingKey(
  operands: readonly Resolved[],
  context: EncodeContext,
  positional: boolean,
): string {
  let key = `${context.bits}${context.relative ? 'r' : ''}${context.noShrink ? 'n' : ''}${context.section}`;
  for (const { number, value, selector } of operands) {
    if (selector !== undefined) key += `;${selector}`;
    key += `,${positional ? number - context.address : number}${value?.unknown ? '?' : ''}${value?.terms.length ?? ''}`;
  }
  return key;
}

function resolve(operand: Operand, statement: InstructionStatement, context: EncodeContext): Resolved {
  const { scope } = context;
  switch (operand.kind) {
    case 'register':
      return {
        operand,
        register: operand.register,
        number: 0n,
        size: operand.register.size,
        decorators: operand.decorators,
      };
    case 'immediate': {
      const value = evaluate(operand.value, scope);
      return {
        operand,
        value,
        number: toNumber(value, scope, operand.place),
        size: operand.size,
        decorators: NO_DECORATORS,
      };
    }
    case 'far': {
      const value = evaluate(operand.offset, scope);
      const selector = Number(
        BigInt.asUintN(16, toNumber(evaluate(operand.selector, scope), scope, operand.place)),
      );
      return {
        operand,
        value,
        number: toNumber(value, scope, operand.place),
        selector,
        size: operand.size,
        decorators: NO_DECORATORS,
      };
    }
    case 'memory': {
      const hint: Hint = { register: 0, kind: 'none' };
      const value = evaluate(operand.value, scope, hint);
      const sections = { ...value, terms: value.terms.filter((term) => term.base < 0) };
      const address = resolveAddress(operand, value, hint, {
        bits: context.bits,
        relative: context.relative,
        segment: operand.segment ?? statement.prefixes.segment,
        addressSize: operand.addressSize ?? statement.prefixes.addressSize,
        absolute: (part: Value) => toNumber(part, scope, operand.place),
        warn: context.warn,
      });
      return {
        operand,
        value,
        number: toNumber(sections, scope, operand.place),
        address,
        size: operand.size,
        decorators: operand.decorators,
      };
    }
  }
}

/** Encodes an instruction. Throws AsmError, with what to change, when no form takes the operands. */
export function encodeInstruction(
  statement: InstructionStatement,
  operands: Resolved[],
  context: EncodeContext,
): Encoded {
  const { bits } = context;
  const { prefixes } = statement;
  const memory = operands.find((operand) => operand.operand.kind === 'memory');
  const segment =
    (memory?.operand.kind === 'memory' ? memory.operand.segment : undefined) ?? prefixes.segment;
  const front = segment === undefined ? [...prefixes.bytes] : [...prefixes.bytes, segment];
  if (statement.mnemonic === '')
    return { bytes: new Uint8Array([...front, ...sizePrefixes(statement, bits)]), positional: false };
  // Without operands NASM's FADD is FADDP.
  const pops = operands.length === 0 && /^f(add|mul|subr?|divr?)$/.test(statement.mnemonic);
  const mnemonic = pops ? `${statement.mnemonic}p` : statement.mnemonic;
  const entry = findInstruction(mnemonic);
  if (!entry) throw unknownInstruction(statement);
  // `loop x, ecx` names the counter, and so the address size.
  const counter = LOOPS.test(statement.mnemonic) && operands.length === 2 ? operands[1]?.register : undefined;
  const match: MatchContext = {
    bits,
    section: context.section,
    address: context.address,
    operandSize: entry.operandSize ?? prefixes.operandSize,
    addressSize: counter ? counter.size * 8 : prefixes.addressSize,
    prefixLength: front.length,
    noShrink: context.noShrink,
  };
  const chosen = choose(statement, mnemonic, entry, counter ? operands.slice(0, 1) : operands, match);
  return build(statement, chosen.form, chosen.operands, front, context, match);
}

function sizePrefixes(statement: InstructionStatement, bits: Bits): number[] {
  const { operandSize, addressSize } = statement.prefixes;
  const out: number[] = [];
  if (addressSize && addressSize !== bits) out.push(0x67);
  if (operandSize === 64) out.push(0x48);
  else if (operandSize && operandSize !== (bits === 16 ? 16 : 32)) out.push(0x66);
  return out;
}
