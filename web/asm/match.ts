// Which form of an instruction fits the operands, as NASM would choose. It encodes nothing.

import { isConstant, sectionOf, type Value } from './expression.ts';
import { EncodingKind, OpCodeOperandKind as Kind } from './iced.ts';
import type { Address } from './memory.ts';
import { type Bits, type Decorators, NO_DECORATORS, type Operand } from './operand.ts';
import { findRegister, type RegisterInfo, registerInfo } from './registers.ts';
import { type Form, formLength } from './table.ts';

/** An operand with its values of this pass. */
export interface Resolved {
  readonly operand: Operand;
  readonly register?: RegisterInfo;
  readonly value?: Value;
  /** `value` with section starts added. */
  readonly number: bigint;
  readonly address?: Address;
  /** The selector of `8:label`. */
  readonly selector?: number;
  /** In bytes; what was written, or what an immediate's keyword says for a memory operand. */
  readonly size: number | undefined;
  readonly decorators: Decorators;
}

/** Where and how the instruction stands. */
export interface MatchContext {
  readonly bits: Bits;
  readonly section: number;
  readonly address: bigint;
  /** o16, o32, o64. */
  readonly operandSize: number | undefined;
  readonly addressSize: number | undefined;
  /** Bytes of prefixes in front, which make a short jump longer. */
  readonly prefixLength: number;
  /** Jumps that were long once stay long; breaks cycles that do not settle. */
  readonly noShrink: boolean;
}

type Fit = (operand: Resolved, form: Form, context: MatchContext) => boolean;

const gpr =
  (size: number, memory: boolean): Fit =>
  (operand, form) => {
    if (operand.register?.class === 'gpr') return operand.register.size === size;
    return memory && fitsMemory(operand, form);
  };
const ofClass =
  (kind: RegisterInfo['class'], size: number, memory = false): Fit =>
  (operand, form) => {
    const register = operand.register;
    if (register)
      return (
        register.class === kind &&
        (size === 0 || register.size === size) &&
        (form.encoding === EncodingKind.EVEX || register.number < 16)
      );
    return memory && fitsMemory(operand, form);
  };
const fixed = (name: string): Fit => {
  const register = findRegister(name);
  return (operand) => operand.register === register;
};
const vsib =
  (size: number): Fit =>
  (operand, form) =>
    operand.address !== undefined &&
    fitsMemory(operand, form) &&
    operand.address.index !== 0 &&
    registerInfo(operand.address.index).class === 'vector' &&
    registerInfo(operand.address.index).size === size;

function isScalarAddress(operand: Resolved): boolean {
  const index = operand.address?.index ?? 0;
  return index === 0 || registerInfo(index).class !== 'vector';
}

function fitsMemory(operand: Resolved, form: Form): boolean {
  if (operand.operand.kind !== 'memory' || !operand.address) return false;
  if (operand.decorators.broadcast)
    return form.broadcastSize > 0 && form.memorySize === form.broadcastSize * operand.decorators.broadcast;
  if (form.farMemory) {
    const size = { 16: 2, 32: 4, 64: 8 }[form.operandSize];
    return operand.size === undefined || operand.size === size;
  }
  return operand.size === undefined || form.memorySize === 0 || operand.size === form.memorySize;
}

const memory: Fit = (operand, form) => fitsMemory(operand, form) && isScalarAddress(operand);

/** An immediate of `size` bytes that is not sign-extended from a byte. */
const immediate =
  (size: number): Fit =>
  ({ operand, value }) =>
    operand.kind === 'immediate' &&
    value !== undefined &&
    operand.distance === undefined &&
    (operand.size === undefined || operand.size === size);

const immediate32to64: Fit = ({ operand, value }) =>
  operand.kind === 'immediate' &&
  value !== undefined &&
  operand.distance === undefined &&
  (operand.size === undefined || operand.size === 4 || operand.size === 8);

/** A byte that the processor sign-extends to `bits`: NASM takes it for plain numbers that fit. */
const signedByte =
  (bits: number): Fit =>
  ({ operand, value, number }) => {
    if (operand.kind !== 'immediate' || !value || operand.distance) return false;
    if (operand.size === 1) return true;
    if (
      operand.size !== undefined &&
      (operand.strict || (operand.size !== bits / 8 && !(bits === 64 && operand.size === 4)))
    )
      return false;
    if (operand.strict) return false;
    if (value.unknown) return true;
    if (!isConstant(value)) return false;
    const n = BigInt.asIntN(Math.min(bits, 32), number);
    if (bits === 64 && (number < -0x80000000n || number > 0xffffffffn)) return false;
    return n >= -128n && n <= 127n;
  };

const one: Fit = ({ operand, value, number }) =>
  operand.kind === 'immediate' &&
  value !== undefined &&
  !operand.strict &&
  (value.unknown || (isConstant(value) && number === 1n));

function wantsSize(operand: Resolved, bytes: number, context: MatchContext): boolean {
  const written =
    operand.operand.kind === 'immediate' || operand.operand.kind === 'far' ? operand.operand.size : undefined;
  const asked = context.operandSize ?? (written === undefined ? undefined : written * 8);
  if (asked !== undefined) return asked === bytes * 8;
  return context.bits === bytes * 8;
}

const near =
  (bytes: number): Fit =>
  (operand, _form, context) =>
    operand.operand.kind === 'immediate' &&
    operand.value !== undefined &&
    operand.operand.distance !== 'short' &&
    operand.operand.distance !== 'far' &&
    wantsSize(operand, bytes, context);

const short =
  (bytes: number): Fit =>
  (operand, form, context) => {
    const { operand: written, value } = operand;
    if (written.kind !== 'immediate' || !value || written.distance === 'far' || written.distance === 'near')
      return false;
    if (written.size !== undefined && written.size !== 1 && !wantsSize(operand, bytes, context)) return false;
    if (
      (written.size === undefined || written.size === 1) &&
      (context.operandSize ?? context.bits) !== bytes * 8
    )
      return false;
    if (written.distance === 'short' || written.size === 1 || !hasLongForm(form)) return true;
    if (written.strict || context.noShrink) return false;
    if (value.unknown) return true;
    if (sectionOf(value) !== context.section) return false;
    const end = context.address + BigInt(context.prefixLength + formLength(form, context.bits));
    const distance = operand.number - end;
    return distance >= -128n && distance <= 127n;
  };

/** LOOP and JCXZ have only a short form. */
function hasLongForm(form: Form): boolean {
  return form.addressSize === 0;
}

const far =
  (bytes: number): Fit =>
  (operand, _form, context) =>
    operand.operand.kind === 'far' &&
    wantsSize(operand, bytes, context.bits === 64 ? { ...context, bits: 32 } : context);

const FITS: Partial<Record<Kind, Fit>> = {
  [Kind.farbr2_2]: far(2),
  [Kind.farbr4_2]: far(4),
  [Kind.mem_offs]: (operand, form) => fitsMemory(operand, form) && operand.address?.direct === true,
  [Kind.mem]: memory,
  [Kind.mem_mpx]: memory,
  [Kind.mem_mib]: memory,
  [Kind.sibmem]: memory,
  [Kind.mem_vsib32x]: vsib(16),
  [Kind.mem_vsib64x]: vsib(16),
  [Kind.mem_vsib32y]: vsib(32),
  [Kind.mem_vsib64y]: vsib(32),
  [Kind.mem_vsib32z]: vsib(64),
  [Kind.mem_vsib64z]: vsib(64),
  [Kind.r8_or_mem]: gpr(1, true),
  [Kind.r16_or_mem]: gpr(2, true),
  [Kind.r32_or_mem]: gpr(4, true),
  [Kind.r32_or_mem_mpx]: gpr(4, true),
  [Kind.r64_or_mem]: gpr(8, true),
  [Kind.r64_or_mem_mpx]: gpr(8, true),
  [Kind.mm_or_mem]: ofClass('mm', 0, true),
  [Kind.xmm_or_mem]: ofClass('vector', 16, true),
  [Kind.ymm_or_mem]: ofClass('vector', 32, true),
  [Kind.zmm_or_mem]: ofClass('vector', 64, true),
  [Kind.bnd_or_mem_mpx]: ofClass('bound', 0, true),
  [Kind.k_or_mem]: ofClass('mask', 0, true),
  [Kind.r8_reg]: gpr(1, false),
  [Kind.r8_opcode]: gpr(1, false),
  [Kind.r16_reg]: gpr(2, false),
  [Kind.r16_reg_mem]: gpr(2, false),
  [Kind.r16_rm]: gpr(2, false),
  [Kind.r16_opcode]: gpr(2, false),
  [Kind.r32_reg]: gpr(4, false),
  [Kind.r32_reg_mem]: gpr(4, false),
  [Kind.r32_rm]: gpr(4, false),
  [Kind.r32_opcode]: gpr(4, false),
  [Kind.r32_vvvv]: gpr(4, false),
  [Kind.r64_reg]: gpr(8, false),
  [Kind.r64_reg_mem]: gpr(8, false),
  [Kind.r64_rm]: gpr(8, false),
  [Kind.r64_opcode]: gpr(8, false),
  [Kind.r64_vvvv]: gpr(8, false),
  [Kind.seg_reg]: ofClass('segment', 0),
  [Kind.k_reg]: ofClass('mask', 0),
  [Kind.kp1_reg]: ofClass('mask', 0),
  [Kind.k_rm]: ofClass('mask', 0),
  [Kind.k_vvvv]: ofClass('mask', 0),
  [Kind.mm_reg]: ofClass('mm', 0),
  [Kind.mm_rm]: ofClass('mm', 0),
  [Kind.xmm_reg]: ofClass('vector', 16),
  [Kind.xmm_rm]: ofClass('vector', 16),
  [Kind.xmm_vvvv]: ofClass('vector', 16),
  [Kind.xmmp3_vvvv]: ofClass('vector', 16),
  [Kind.xmm_is4]: ofClass('vector', 16),
  [Kind.xmm_is5]: ofClass('vector', 16),
  [Kind.ymm_reg]: ofClass('vector', 32),
  [Kind.ymm_rm]: ofClass('vector', 32),
  [Kind.ymm_vvvv]: ofClass('vector', 32),
  [Kind.ymm_is4]: ofClass('vector', 32),
  [Kind.ymm_is5]: ofClass('vector', 32),
  [Kind.zmm_reg]: ofClass('vector', 64),
  [Kind.zmm_rm]: ofClass('vector', 64),
  [Kind.zmm_vvvv]: ofClass('vector', 64),
  [Kind.zmmp3_vvvv]: ofClass('vector', 64),
  [Kind.cr_reg]: ofClass('control', 0),
  [Kind.dr_reg]: ofClass('debug', 0),
  [Kind.tr_reg]: ofClass('test', 0),
  [Kind.bnd_reg]: ofClass('bound', 0),
  [Kind.tmm_reg]: ofClass('tile', 0),
  [Kind.tmm_rm]: ofClass('tile', 0),
  [Kind.tmm_vvvv]: ofClass('tile', 0),
  [Kind.es]: fixed('es'),
  [Kind.cs]: fixed('cs'),
  [Kind.ss]: fixed('ss'),
  [Kind.ds]: fixed('ds'),
  [Kind.fs]: fixed('fs'),
  [Kind.gs]: fixed('gs'),
  [Kind.al]: fixed('al'),
  [Kind.cl]: fixed('cl'),
  [Kind.ax]: fixed('ax'),
  [Kind.dx]: fixed('dx'),
  [Kind.eax]: fixed('eax'),
  [Kind.rax]: fixed('rax'),
  [Kind.st0]: fixed('st0'),
  [Kind.sti_opcode]: ofClass('st', 0),
  [Kind.imm4_m2z]: immediate(1),
  [Kind.imm8]: immediate(1),
  [Kind.imm8_const_1]: one,
  [Kind.imm8sex16]: signedByte(16),
  [Kind.imm8sex32]: signedByte(32),
  [Kind.imm8sex64]: signedByte(64),
  [Kind.imm16]: immediate(2),
  [Kind.imm32]: immediate(4),
  [Kind.imm32sex64]: immediate32to64,
  [Kind.imm64]: immediate(8),
  [Kind.br16_1]: short(2),
  [Kind.br32_1]: short(4),
  [Kind.br64_1]: short(8),
  [Kind.br16_2]: near(2),
  [Kind.br32_4]: near(4),
  [Kind.br64_4]: near(8),
  [Kind.xbegin_2]: (operand, form, context) => context.bits === 16 && near(2)(operand, form, context),
  [Kind.xbegin_4]: (operand, _form, context) =>
    context.bits !== 16 && operand.value !== undefined && operand.operand.kind === 'immediate',
};

/** True when these operands, in the order written, fit a form. */
export function fitsForm(form: Form, operands: readonly Resolved[], context: MatchContext): boolean {
  if (form.written.length !== operands.length) return false;
  // Masks, broadcasts and rounding exist in the EVEX encoding only.
  const decorated = operands.some(({ decorators }) => decorators !== NO_DECORATORS);
  if (decorated && form.encoding !== EncodingKind.EVEX) return false;
  for (let i = 0; i < operands.length; i++) {
    const operand = operands[i];
    const kind = form.kinds[form.written[i] ?? 0];
    const fitting = kind === undefined ? undefined : FITS[kind];
    if (!operand || !fitting?.(operand, form, context)) return false;
  }
  if (form.farMemory && operands.length === 1) {
    const written = operands[0]?.operand;
    if (written?.kind === 'memory' && !written.far) return false;
  } else if (operands.some((operand) => operand.operand.kind === 'memory' && operand.operand.far))
    return false;
  return true;
}

/** A form that needs no operand size prefix in this mode. */
function isNatural(form: Form, bits: Bits): boolean {
  if (form.operandSize === 0) return true;
  return bits === 64 ? form.operandSize === 32 || form.wide : form.operandSize === bits;
}

/**
 * Of forms that fit, those of the sizes that are meant: o16, o32 or o64 and a16, a32 or a64 choose, else the mode
 * does, else there is no choice (JECXZ has one address size only).
 */
export function ofMeantSizes(forms: readonly Form[], context: MatchContext): readonly Form[] {
  const { bits, operandSize, addressSize } = context;
  const some = (wanted: readonly Form[], all: readonly Form[]) => (wanted.length > 0 ? wanted : all);
  const address = some(
    forms.filter((form) => !form.addressSize || form.addressSize === (addressSize ?? bits)),
    forms,
  );
  const meant = (form: Form) =>
    operandSize === undefined ? isNatural(form, bits) : form.operandSize === operandSize;
  return some(address.filter(meant), address);
}
