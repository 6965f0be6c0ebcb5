// NASM's liberties with operands, turned into what the instruction table holds. It chooses no form.

import type { Place } from './errors.ts';
import { isConstant } from './expression.ts';
import { Code, OpCodeOperandKind as Kind } from './iced.ts';
import type { MatchContext, Resolved } from './match.ts';
import { NO_DECORATORS, type Operand } from './operand.ts';
import { findRegister, type RegisterInfo } from './registers.ts';
import type { Entry, Form } from './table.ts';

/** Instructions whose immediate may carry the size of the memory operand: `mov [x], dword 5`. */
const IMMEDIATE_TELLS_SIZE = /^(mov|add|or|adc|sbb|and|sub|xor|cmp|test)$/;

/** The general register of the same number and another size. */
export function resized(register: RegisterInfo, size: number): RegisterInfo {
  const stem =
    register.number < 8
      ? ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'][register.number]
      : `r${register.number}`;
  const name =
    register.number < 8
      ? size === 2
        ? stem
        : size === 4
          ? `e${stem}`
          : `r${stem}`
      : size === 8
        ? stem
        : `${stem}${size === 4 ? 'd' : 'w'}`;
  return findRegister(name ?? '') ?? register;
}

function withRegister(operand: Resolved, size: number): Resolved {
  if (operand.register?.class !== 'gpr' || operand.register.size === 1) return operand;
  return { ...operand, register: resized(operand.register, size), size };
}

function immediateOf(value: bigint, place: Place): Resolved {
  const expression = { op: 'number' as const, value, place };
  return {
    operand: { kind: 'immediate', value: expression, strict: false, place },
    value: { n: value, terms: [], unknown: false },
    number: value,
    size: undefined,
    decorators: NO_DECORATORS,
  };
}

/** NASM's own liberties with operands, turned into what the table holds. */
export function adapt(
  mnemonic: string,
  entry: Entry,
  given: readonly Resolved[],
  { bits }: MatchContext,
): { operands: readonly Resolved[]; only?: (form: Form) => boolean } {
  let operands = given;
  const place = given.at(-1)?.operand.place ?? { line: 0, column: 0, end: 0 };
  if (entry.immediate !== undefined) operands = [...operands, immediateOf(BigInt(entry.immediate), place)];
  const [first, second] = operands;
  if ((mnemonic === 'aam' || mnemonic === 'aad') && !first) return { operands: [immediateOf(10n, place)] };
  if (!first) return { operands };
  const isGpr = (operand: Resolved | undefined) =>
    operand?.register?.class === 'gpr' && operand.register.size > 1;
  // A selector is 16 bits wide wherever it comes from, so no prefix is spent on the register's size.
  if (/^(lldt|ltr|verr|verw|lmsw)$/.test(mnemonic))
    return { operands: [withRegister(first, bits === 16 ? 2 : 4)] };
  if (mnemonic === 'sldt' && first.register?.size === 8) return { operands: [withRegister(first, 4)] };
  if (!second) return { operands };
  if (/^(pextrb|vpextrb|vpextrw|vmovmskp[sd]|vpmovmskb)$/.test(mnemonic) && first.register?.size === 8) {
    return { operands: [withRegister(first, 4), ...operands.slice(1)] };
  }
  // Both directions say the same of st0 and st0; nasm takes the one of DC.
  if (
    /^f(add|mul|subr?|divr?)$/.test(mnemonic) &&
    first.register?.name === 'st0' &&
    second.register?.name === 'st0'
  ) {
    return { operands, only: (form) => form.kinds[0] === Kind.sti_opcode };
  }
  if (mnemonic === 'arpl' && bits === 32)
    return { operands: [withRegister(first, 4), withRegister(second, 4)] };
  if (mnemonic === 'mov' && first.register?.class === 'segment')
    return { operands: [first, withRegister(second, bits === 16 ? 2 : 4)] };
  if (mnemonic === 'mov' && second.register?.class === 'segment' && first.register?.size === 8) {
    return { operands: [withRegister(first, 4), second] };
  }
  if ((mnemonic === 'lar' || mnemonic === 'lsl') && isGpr(first) && isGpr(second)) {
    return { operands: [first, withRegister(second, first.register?.size ?? 4)] };
  }
  if (mnemonic === 'imul' && operands.length === 2 && second.operand.kind === 'immediate')
    return { operands: [first, first, second] };
  if (
    mnemonic === 'mov' &&
    first.register?.size === 8 &&
    first.register.class === 'gpr' &&
    second.operand.kind === 'immediate'
  ) {
    return adaptWideMove(first, second);
  }
  if (
    mnemonic === 'xchg' &&
    bits === 64 &&
    first.register?.name === 'eax' &&
    second.register === first.register
  ) {
    // 90 would leave the upper half of rax alone.
    return { operands, only: (form) => form.code === Code.Xchg_rm32_r32 };
  }
  if (
    /^mov[sz]x$/.test(mnemonic) &&
    first.register?.size === 2 &&
    second.operand.kind === 'memory' &&
    !second.size
  ) {
    return { operands: [first, { ...second, size: 1 }] };
  }
  const memory = operands.findIndex((operand) => operand.operand.kind === 'memory');
  const last = operands.at(-1);
  if (
    memory >= 0 &&
    IMMEDIATE_TELLS_SIZE.test(mnemonic) &&
    operands[memory]?.size === undefined &&
    last?.operand.kind === 'immediate' &&
    last.size
  ) {
    const sized = { ...(operands[memory] as Resolved), size: last.size };
    return { operands: operands.map((operand, i) => (i === memory ? sized : operand)) };
  }
  return { operands };
}

/** mov r64, number: 32 bits that are zero-extended, 32 that are sign-extended, or all 64. */
function adaptWideMove(
  first: Resolved,
  second: Resolved,
): { operands: readonly Resolved[]; only?: (form: Form) => boolean } {
  const written = second.operand.kind === 'immediate' ? second.operand : undefined;
  const { value, number } = second;
  const only = (code: Code) => (form: Form) => form.code === code;
  if (written?.size === 4) return { operands: [first, second], only: only(Code.Mov_rm64_imm32) };
  if (written?.strict || !value || (!isConstant(value) && !value.unknown))
    return { operands: [first, second], only: only(Code.Mov_r64_imm64) };
  if (number >= 0n && number <= 0xffffffffn)
    return {
      operands: [
        withRegister(first, 4),
        { ...second, size: undefined, operand: { ...second.operand, size: 4 } as Operand },
      ],
    };
  return {
    operands: [first, second],
    only: only(number >= -0x80000000n && number < 0n ? Code.Mov_rm64_imm32 : Code.Mov_r64_imm64),
  };
}

const ST0 = findRegister('st0');
const ST1 = findRegister('st1');

/** Shorter spellings that NASM takes: `fadd st1`, `faddp`, `vaddps xmm1, xmm2`. */
export function* alternatives(
  mnemonic: string,
  operands: readonly Resolved[],
): Generator<readonly Resolved[]> {
  const [first] = operands;
  const place = first?.operand.place ?? { line: 0, column: 0, end: 0 };
  const st = (register: RegisterInfo | undefined): Resolved | undefined =>
    register && {
      operand: { kind: 'register', register, to: false, decorators: NO_DECORATORS, place },
      register,
      number: 0n,
      size: 10,
      decorators: NO_DECORATORS,
    };
  const st0 = st(ST0);
  const st1 = st(ST1);
  if (mnemonic.startsWith('f') && st0 && st1) {
    if (operands.length === 0) {
      yield [st1, st0];
      yield [st0, st1];
    } else if (operands.length === 1 && first?.register?.class === 'st') {
      const to = first.operand.kind === 'register' && first.operand.to;
      if (!to) yield [st0, first];
      yield [first, st0];
    } else if (operands.length === 2 && operands[1]) yield [operands[1]];
    return;
  }
  if (
    first?.register &&
    (mnemonic.startsWith('v') || /^(andn|bextr|bzhi|sarx|shlx|shrx|pdep|pext|mulx|rorx)$/.test(mnemonic))
  ) {
    yield [first, ...operands];
  }
  if (/^(blendvp[sd]|pblendvb|sha256rnds2)$/.test(mnemonic) && operands.at(-1)?.register?.name === 'xmm0')
    yield operands.slice(0, -1);
}
