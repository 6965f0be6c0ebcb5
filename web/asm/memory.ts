// Effective addresses: from the value inside brackets to base, index, scale and displacement, as NASM splits it.

import { errorAt, type Place } from './errors.ts';
import { type Hint, sectionOf, type Value } from './expression.ts';
import { Register } from './iced.ts';
import type { Bits, MemoryOperand } from './operand.ts';
import { findRegister, registerInfo } from './registers.ts';

/** A memory operand ready to be encoded. */
export interface Address {
  readonly base: Register;
  readonly index: Register;
  readonly scale: number;
  /** The displacement; for a RIP-relative operand the target's address. */
  readonly displacement: bigint;
  /** As iced wants it: 0 none, 1 a byte if it fits, 2, 4 or 8 that many. */
  readonly displacementSize: number;
  /** 16, 32 or 64. */
  readonly addressSize: Bits;
  /** No register at all: the accumulator forms of MOV may take it. */
  readonly direct: boolean;
}

/** What the layout knows where the instruction stands. */
export interface AddressContext {
  readonly bits: Bits;
  /** `default rel` holds. */
  readonly relative: boolean;
  readonly segment: number | undefined;
  /** a16, a32 or a64. */
  readonly addressSize: number | undefined;
  /** The whole value as a number, section starts included. */
  absolute(value: Value): bigint;
  warn(place: Place, message: string): void;
}

const none = Register.None;
const FS_GS = [0x64, 0x65];

/** Splits a memory operand. Throws AsmError for sums that no x86 address can be. */
export function resolveAddress(
  operand: MemoryOperand,
  value: Value,
  hint: Hint,
  context: AddressContext,
): Address {
  const registers = value.terms.filter((term) => term.base > 0);
  const sections = value.terms.filter((term) => term.base < 0);
  const displacement = context.absolute({ ...value, terms: sections });
  const relocated = sections.length > 0;
  if (registers.length === 0) return direct(operand, value, displacement, context);
  let base = none as number;
  let index = none as number;
  let scale = 1;
  // NASM's vector is sorted by register; the first of factor 1 is the base until a hint says otherwise.
  for (const { base: register, factor } of registers) {
    const vector = registerInfo(register).class === 'vector';
    if (factor === 1n && base === none && !vector) base = register;
    else if (index === none) {
      index = register;
      scale = Number(factor);
    } else if (factor === 1n && base === none) base = register;
    else throw errorAt(operand.place, 'An address takes at most two registers, one of them times 2, 4 or 8.');
  }
  const isVector = index !== none && registerInfo(index).class === 'vector';
  const first = registerInfo(base !== none ? base : index);
  const addressSize = (isVector ? (base === none ? context.bits : first.size * 8) : first.size * 8) as Bits;
  checkRegisters(operand, base, index, addressSize);
  if (addressSize === 16) return sixteen(operand, base, index, scale, displacement, relocated);
  if (!isVector) [base, index, scale] = arrange(operand, base, index, scale, hint);
  if (![1, 2, 4, 8].includes(scale)) {
    throw errorAt(
      operand.place,
      `An address register can be multiplied by 1, 2, 4 or 8 (3, 5 and 9 of one register alone), not by ${scale}.`,
    );
  }
  const wrapped = BigInt.asIntN(32, displacement);
  let size = 1;
  if (base === none) size = addressSize / 8;
  else if (operand.displacementSize === 1) size = 1;
  else if (relocated || (operand.displacementSize ?? 0) > 1) size = addressSize / 8;
  else if (wrapped === 0n) size = 0;
  return { base, index, scale, displacement: wrapped, displacementSize: size, addressSize, direct: false };
}

function checkRegisters(operand: MemoryOperand, base: number, index: number, addressSize: number): void {
  for (const register of [base, index]) {
    if (register === none) continue;
    const info = registerInfo(register);
    if (info.class === 'vector' && register === index) continue;
    if (info.class !== 'gpr' || info.size === 1) {
      throw errorAt(
        operand.place,
        `${info.name} cannot be in an address; use a 16-, 32- or 64-bit general register.`,
      );
    }
    if (info.size * 8 !== addressSize) {
      throw errorAt(
        operand.place,
        'The registers of an address must have one size; use the same width for both.',
      );
    }
  }
}

function arrange(
  operand: MemoryOperand,
  base0: number,
  index0: number,
  scale0: number,
  hint: Hint,
): [number, number, number] {
  let base = base0;
  let index = index0;
  let scale = scale0;
  const swap =
    (hint.kind === 'not base' && hint.register === base) || (hint.kind === 'base' && hint.register === index);
  if (scale === 1 && base !== none && index !== none && base !== index && swap) [base, index] = [index, base];
  if (base === none && scale === 1 && !(operand.noSplit && hint.kind === 'not base')) {
    base = index;
    index = none;
  }
  if (base === none && ((scale === 2 && !operand.noSplit) || scale === 3 || scale === 5 || scale === 9)) {
    base = index;
    scale--;
  }
  const isStack = (register: number) => register !== none && registerInfo(register).number === 4;
  if (scale === 1 && isStack(index)) [base, index] = [index, base];
  if (isStack(index)) {
    throw errorAt(
      operand.place,
      'The stack pointer cannot be multiplied in an address; put it first and without a factor.',
    );
  }
  if (index === none) scale = 1;
  return [base, index, scale];
}

const [BX, BP, SI, DI] = ['bx', 'bp', 'si', 'di'].map((name) => findRegister(name)?.register ?? none);

function sixteen(
  operand: MemoryOperand,
  base0: number,
  index0: number,
  scale: number,
  displacement: bigint,
  relocated: boolean,
): Address {
  let base = base0;
  let index = index0;
  const isBase = (register: number) => register === BX || register === BP;
  const isIndex = (register: number) => register === SI || register === DI;
  if (base === none) [base, index] = [index, none];
  if (index !== none && isIndex(base) && isBase(index)) [base, index] = [index, base];
  const fits = index === none ? isBase(base) || isIndex(base) : isBase(base) && isIndex(index);
  if (!fits || scale !== 1) {
    throw errorAt(
      operand.place,
      'A 16-bit address is bx or bp, plus si or di, plus a number; use 32-bit registers for others.',
    );
  }
  const wrapped = BigInt.asIntN(16, displacement);
  let size = 1;
  if (operand.displacementSize === 1) size = 1;
  else if (relocated || (operand.displacementSize ?? 0) > 1) size = 2;
  else if (wrapped === 0n) size = 0;
  // iced takes a byte with its sign and a word without.
  const shown = size === 2 ? BigInt.asUintN(16, displacement) : wrapped;
  return {
    base,
    index,
    scale: 1,
    displacement: shown,
    displacementSize: size,
    addressSize: 16,
    direct: false,
  };
}

function direct(
  operand: MemoryOperand,
  value: Value,
  displacement: bigint,
  context: AddressContext,
): Address {
  const { bits } = context;
  const far64 = operand.displacementSize === 8;
  const relative = operand.relative ?? (context.relative && !far64 && !FS_GS.includes(context.segment ?? 0));
  if (bits === 64 && relative && sectionOf(value) !== undefined) {
    const short = context.addressSize === 32;
    const base = short ? Register.EIP : Register.RIP;
    return {
      base,
      index: none,
      scale: 1,
      displacement,
      displacementSize: short ? 4 : 8,
      addressSize: short ? 32 : 64,
      direct: false,
    };
  }
  if (bits === 64 && operand.relative && !value.unknown) {
    context.warn(
      operand.place,
      'A plain number is no place in this program, so it is encoded as an absolute address; use a label, or write abs.',
    );
  }
  const written = { 2: 16, 4: 32, 8: 64 }[operand.displacementSize ?? 0];
  let addressSize = (context.addressSize ?? (bits === 64 ? 64 : (written ?? bits))) as Bits;
  if (bits === 64 && addressSize === 16) addressSize = 64;
  const wrapped =
    addressSize === 16
      ? BigInt.asUintN(16, displacement)
      : bits === 64
        ? far64
          ? displacement
          : BigInt.asIntN(32, displacement)
        : BigInt.asUintN(32, displacement);
  return {
    base: none,
    index: none,
    scale: 1,
    displacement: wrapped,
    displacementSize: addressSize / 8,
    addressSize,
    direct: bits !== 64 || far64,
  };
}
