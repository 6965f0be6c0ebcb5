// A chosen form and its operands to bytes, by iced's Encoder. It makes no choices.

import { errorAt, type Place } from './errors.ts';
import type { Scope } from './expression.ts';
import {
  Encoder,
  Instruction,
  OpCodeOperandKind as Kind,
  OpKind,
  Register,
  RoundingControl,
} from './iced.ts';
import type { MatchContext, Resolved } from './match.ts';
import { type Bits, type Decorators, type InstructionStatement, NO_DECORATORS } from './operand.ts';
import { type Form, formLength } from './table.ts';

/** Where an instruction stands and how symbols are read there. */
export interface EncodeContext {
  readonly bits: Bits;
  readonly section: number;
  readonly address: bigint;
  /** `default rel` holds. */
  readonly relative: boolean;
  readonly scope: Scope;
  readonly noShrink: boolean;
  warn(place: Place, message: string): void;
}

/** The bytes of an instruction, and whether they change when it moves. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly positional: boolean;
}

const encoders = new Map<Bits, Encoder>();

function encoderFor(bits: Bits): Encoder {
  const known = encoders.get(bits);
  if (known) return known;
  const encoder = new Encoder(bits);
  encoders.set(bits, encoder);
  return encoder;
}

const IMMEDIATES: Partial<Record<Kind, { kind: OpKind; bits: number }>> = {
  [Kind.imm4_m2z]: { kind: OpKind.Immediate8, bits: 8 },
  [Kind.imm8]: { kind: OpKind.Immediate8, bits: 8 },
  [Kind.imm8_const_1]: { kind: OpKind.Immediate8, bits: 8 },
  [Kind.imm8sex16]: { kind: OpKind.Immediate8to16, bits: 8 },
  [Kind.imm8sex32]: { kind: OpKind.Immediate8to32, bits: 8 },
  [Kind.imm8sex64]: { kind: OpKind.Immediate8to64, bits: 8 },
  [Kind.imm16]: { kind: OpKind.Immediate16, bits: 16 },
  [Kind.imm32]: { kind: OpKind.Immediate32, bits: 32 },
  [Kind.imm32sex64]: { kind: OpKind.Immediate32to64, bits: 32 },
  [Kind.imm64]: { kind: OpKind.Immediate64, bits: 64 },
};
/** The full width that a sign-extended byte stands for. */
const SIGN_EXTENDED: Partial<Record<Kind, number>> = {
  [Kind.imm8sex16]: 16,
  [Kind.imm8sex32]: 32,
  [Kind.imm8sex64]: 64,
};
const BRANCHES: Partial<Record<Kind, OpKind>> = {
  [Kind.br16_1]: OpKind.NearBranch16,
  [Kind.br16_2]: OpKind.NearBranch16,
  [Kind.br32_1]: OpKind.NearBranch32,
  [Kind.br32_4]: OpKind.NearBranch32,
  [Kind.br64_1]: OpKind.NearBranch64,
  [Kind.br64_4]: OpKind.NearBranch64,
};
const SHORT: ReadonlySet<Kind> = new Set([Kind.br16_1, Kind.br32_1, Kind.br64_1]);
const STRING_MEMORY: Partial<Record<Kind, readonly [OpKind, OpKind, OpKind]>> = {
  [Kind.seg_rSI]: [OpKind.MemorySegSI, OpKind.MemorySegESI, OpKind.MemorySegRSI],
  [Kind.es_rDI]: [OpKind.MemoryESDI, OpKind.MemoryESEDI, OpKind.MemoryESRDI],
  [Kind.seg_rDI]: [OpKind.MemorySegDI, OpKind.MemorySegEDI, OpKind.MemorySegRDI],
};
const FIXED: Partial<Record<Kind, Register>> = {
  [Kind.al]: Register.AL,
  [Kind.cl]: Register.CL,
  [Kind.ax]: Register.AX,
  [Kind.dx]: Register.DX,
  [Kind.eax]: Register.EAX,
  [Kind.rax]: Register.RAX,
  [Kind.st0]: Register.ST0,
};
const ROUNDING = {
  rn: RoundingControl.RoundToNearest,
  rd: RoundingControl.RoundDown,
  ru: RoundingControl.RoundUp,
  rz: RoundingControl.RoundTowardZero,
};

/** Encodes; throws AsmError for what iced refuses and for short jumps out of reach. */
export function build(
  statement: InstructionStatement,
  form: Form,
  operands: readonly Resolved[],
  front: readonly number[],
  context: EncodeContext,
  match: MatchContext,
): Encoded {
  const { bits } = context;
  const instruction = Instruction.create(form.code);
  let positional = false;
  let addressSize: number | undefined = form.addressSize || undefined;
  try {
    for (const [k, kind] of form.kinds.entries()) {
      const operand = operands[form.written.indexOf(k)];
      const strings = STRING_MEMORY[kind];
      const immediate = IMMEDIATES[kind];
      const branch = BRANCHES[kind];
      if (strings || kind === Kind.seg_rBX_al) {
        addressSize = match.addressSize ?? bits;
        const which = addressSize === 16 ? 0 : addressSize === 32 ? 1 : 2;
        if (strings) {
          instruction.setOpKind(k, strings[which]);
          continue;
        }
        instruction.setOpKind(k, OpKind.Memory);
        instruction.memoryBase = [Register.BX, Register.EBX, Register.RBX][which] as Register;
        instruction.memoryIndex = Register.AL;
        continue;
      }
      if (!operand) {
        instruction.setOpKind(k, OpKind.Register);
        instruction.setOpRegister(k, FIXED[kind] ?? Register.None);
        continue;
      }
      applyDecorators(instruction, operand.decorators);
      if (operand.register) {
        instruction.setOpKind(k, OpKind.Register);
        instruction.setOpRegister(k, operand.register.register);
      } else if (operand.address) {
        const { address } = operand;
        addressSize = address.addressSize;
        positional ||= address.base === Register.RIP || address.base === Register.EIP;
        instruction.setOpKind(k, OpKind.Memory);
        instruction.memoryBase = address.base;
        instruction.memoryIndex = address.index;
        instruction.memoryIndexScale = address.scale;
        instruction.memoryDisplSize = address.displacementSize;
        instruction.memoryDisplacementU64 = BigInt.asUintN(64, address.displacement);
      } else if (immediate) {
        const second = immediate.bits === 8 && form.kinds.findIndex((other) => IMMEDIATES[other]) < k;
        instruction.setOpKind(k, second ? OpKind.Immediate8_2nd : immediate.kind);
        checkRange(operand, kind, immediate.bits, context);
        if (immediate.bits === 64) instruction.setImmediateI64(k, operand.number);
        else instruction.setImmediateI32(k, Number(BigInt.asIntN(immediate.bits, operand.number)));
      } else if (kind === Kind.farbr2_2 || kind === Kind.farbr4_2) {
        instruction.setOpKind(k, kind === Kind.farbr2_2 ? OpKind.FarBranch16 : OpKind.FarBranch32);
        if (kind === Kind.farbr2_2) instruction.farBranch16 = Number(BigInt.asUintN(16, operand.number));
        else instruction.farBranch32 = Number(BigInt.asUintN(32, operand.number));
        instruction.farBranchSelector = operand.selector ?? 0;
      } else {
        positional = true;
        setBranch(
          instruction,
          k,
          branch ?? (bits === 64 ? OpKind.NearBranch64 : OpKind.NearBranch32),
          operand.number,
        );
        if (SHORT.has(kind)) checkShort(operand, form, context, match);
      }
    }
    const extra = missingPrefixes(form, addressSize, match, context.bits);
    const rip = context.address + BigInt(front.length + extra.length);
    const encoder = encoderFor(bits);
    try {
      encoder.encode(
        instruction,
        bits === 16
          ? BigInt.asUintN(16, rip)
          : bits === 32
            ? BigInt.asUintN(32, rip)
            : BigInt.asUintN(64, rip),
      );
    } catch (error) {
      encoder.takeBuffer();
      throw errorAt(statement.place, explain(statement, String(error)));
    }
    const body = encoder.takeBuffer();
    if (front.length + extra.length === 0) return { bytes: body, positional };
    const bytes = new Uint8Array(front.length + extra.length + body.length);
    bytes.set(front);
    bytes.set(extra, front.length);
    bytes.set(body, front.length + extra.length);
    // FSTENV and its kin are WAIT and an instruction: the prefixes belong to the second.
    if (body[0] === 0x9b && body.length > 1) bytes.copyWithin(1, 0, front.length + extra.length)[0] = 0x9b;
    return { bytes, positional };
  } finally {
    instruction.free();
  }
}

function explain(statement: InstructionStatement, reason: string): string {
  const high = statement.operands.find(
    (operand) => operand.kind === 'register' && /^[abcd]h$/.test(operand.register.name),
  );
  if (high?.kind === 'register' && /REX/i.test(reason)) {
    return `${high.register.name} cannot be used together with a 64-bit or r8..r15, spl, bpl, sil, dil register; use another byte register.`;
  }
  return `'${statement.mnemonic}' cannot be encoded with these operands: ${reason.replace(/^Error: /, '').replace(/\.$/, '')}; change one of them.`;
}

function applyDecorators(instruction: Instruction, decorators: Decorators): void {
  if (decorators === NO_DECORATORS) return;
  if (decorators.mask) instruction.opMask = decorators.mask.register;
  if (decorators.zeroing) instruction.zeroingMasking = true;
  if (decorators.broadcast) instruction.isBroadcast = true;
  if (decorators.rounding) instruction.roundingControl = ROUNDING[decorators.rounding];
  else if (decorators.sae) instruction.suppressAllExceptions = true;
}

function setBranch(instruction: Instruction, k: number, kind: OpKind, target: bigint): void {
  instruction.setOpKind(k, kind);
  if (kind === OpKind.NearBranch16) instruction.nearBranch16 = Number(BigInt.asUintN(16, target));
  else if (kind === OpKind.NearBranch32) instruction.nearBranch32 = Number(BigInt.asUintN(32, target));
  else instruction.nearBranch64 = BigInt.asUintN(64, target);
}

function checkShort(operand: Resolved, form: Form, context: EncodeContext, match: MatchContext): void {
  const width = form.operandSize || context.bits;
  const end = context.address + BigInt(match.prefixLength + formLength(form, context.bits));
  const distance = BigInt.asIntN(width, operand.number - end);
  if (distance >= -128n && distance <= 127n) return;
  if (operand.value?.unknown) return;
  const over = distance < 0n ? -128n - distance : distance - 127n;
  const mend = form.addressSize ? 'jump to a near label that jumps on' : "write 'near' or leave 'short' out";
  throw errorAt(
    operand.operand.place,
    `The target is ${over} bytes too far for a short jump (-128..127); ${mend}.`,
  );
}

function checkRange(operand: Resolved, kind: Kind, bits: number, context: EncodeContext): void {
  const full = SIGN_EXTENDED[kind] ?? bits;
  if (full === 64 && bits === 64) return;
  const { number } = operand;
  let fits: boolean;
  if (kind === Kind.imm32sex64) fits = number >= -0x80000000n && number < 0x80000000n;
  else if (full !== bits) {
    const low = BigInt.asIntN(full, number);
    fits = low >= -128n && low <= 127n && number >= -(1n << BigInt(full)) && number < 1n << BigInt(full);
  } else fits = number >= -(1n << BigInt(bits)) && number < 1n << BigInt(bits);
  if (!fits && !operand.value?.unknown) {
    context.warn(
      operand.operand.place,
      `${number} does not fit into ${bits} ${kind === Kind.imm32sex64 || full !== bits ? 'signed ' : ''}bits and is cut; use a smaller number or a wider operand.`,
    );
  }
}

/** Bytes for o16..a64 that the chosen form does not bring itself. */
function missingPrefixes(
  form: Form,
  addressSize: number | undefined,
  match: MatchContext,
  bits: Bits,
): number[] {
  const out: number[] = [];
  if (match.addressSize !== undefined && addressSize === undefined && match.addressSize !== bits)
    out.push(0x67);
  const asked = match.operandSize;
  if (asked !== undefined && form.operandSize !== asked) {
    if (asked === 64) {
      if (!form.wide) out.push(0x48);
    } else if (asked !== (bits === 16 ? 16 : 32) && form.operandSize === 0) out.push(0x66);
  }
  return out;
}
