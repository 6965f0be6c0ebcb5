// Rows of the SIMD opcode maps that have vectors for operands: what an instruction allows, and how its operands get into the
// record. A row serves the legacy and the VEX encoding. Reads no opcode.
import { R_REG, RF_66, RF_REP, RF_REPNE } from '../abi/insn';
import { FLOAT_SS } from '../abi/ops_float';
import { R_FOURTH, R_SRC, R_WIDE } from '../abi/simd';
import { MODE_64 } from '../abi/vcpu_page';
import { C_CODE, C_FLAGS, C_MODRM, C_REX, C_VVVV, next8 } from './cursor';
import { modrm_is_register, READ } from './modrm';
import { undefined_opcode } from './record';
import {
  has_vex,
  is_256,
  mmx_register,
  modrm_rm,
  reg_mmx,
  reg_vector,
  rm_mmx,
  rm_vector,
  set_mmx_form,
  set_unit_op,
  set_vector_form,
  simd_imm8,
  UNIT_AVX,
  UNIT_MMX,
  UNIT_SSE,
  vector_bytes,
  vector_register,
} from './simd';

// The mandatory prefix; the numbers are those of VEX.pp. F2 and F3 win over 66.
export const NO_PREFIX: u32 = 0;
export const PREFIX_66: u32 = 1;
export const PREFIX_F3: u32 = 2;
export const PREFIX_F2: u32 = 3;

export function mandatory_prefix(c: u32): u32 {
  const prefixes = load<u32>(c + C_FLAGS);
  if (prefixes & RF_REPNE) return PREFIX_F2;
  if (prefixes & RF_REP) return PREFIX_F3;
  return prefixes & RF_66 ? PREFIX_66 : NO_PREFIX;
}

// What an encoding demands; one that does not comply is #UD.
export const ANY: u32 = 0;
/** VEX.vvvv names no register and must be 1111b. */
export const UNARY: u32 = 1;
/** VEX.L must be 0, or must be 1. */
export const L0: u32 = 2;
export const L1: u32 = 4;
/** VEX.W must be 0, or must be 1. */
export const W0: u32 = 8;
export const W1: u32 = 16;
/** There is no VEX encoding, or no other one. */
export const LEGACY: u32 = 32;
export const VEX: u32 = 64;
/** The r/m operand must lie in memory, or must be a register. */
export const MEMORY: u32 = 128;
export const REGISTER: u32 = 256;
// What a row does beyond its operands.
/** A memory operand of 16 bytes may be misaligned in the legacy encoding too. */
export const UNALIGNED: u32 = 512;
/** A misaligned memory operand is #GP(0) in the VEX encoding too. */
export const ALIGNED: u32 = 1024;
/** An immediate byte follows. */
export const IMM8: u32 = 2048;
/** An immediate byte follows that names a fourth register (VEX is4). */
export const IS4: u32 = 4096;

/** The encoding complies with `traits`. */
export function allowed(c: u32, traits: u32): bool {
  if (traits & MEMORY && modrm_is_register(c)) return false;
  if (traits & REGISTER && !modrm_is_register(c)) return false;
  if (!has_vex(c)) return (traits & VEX) == 0;
  if (traits & LEGACY) return false;
  if (traits & UNARY && load<u32>(c + C_VVVV) != 0) return false;
  if (traits & (is_256(c) ? L0 : L1)) return false;
  return (traits & (load<u32>(c + C_REX) & 8 ? W0 : W1)) == 0;
}

/** The unit of an instruction on XMM or YMM registers. */
export function vector_unit(c: u32): u32 {
  return has_vex(c) ? UNIT_AVX : UNIT_SSE;
}

/** REX.W or VEX.W where it chooses general registers of 64 bits: outside of 64-bit code it has no effect. */
export function is_wide(c: u32): bool {
  return load<u32>(c + C_CODE) == MODE_64 && (load<u32>(c + C_REX) & 8) != 0;
}

/** R_FORM, R_SRC and R_WIDE of an instruction that has a general register for an operand. */
export function set_general_form(c: u32, v: u32, r: u32): void {
  set_vector_form(c, v, r);
  store<u8>(r + R_WIDE, is_wide(c) as u8);
}

/** The r/m operand as XMM, YMM or `bytes` of memory, aligned as `traits` say. */
export function rm_by_traits(c: u32, v: u32, r: u32, bytes: u32, use: u32, traits: u32): void {
  const aligned = has_vex(c) ? (traits & ALIGNED) != 0 : bytes == 16 && (traits & UNALIGNED) == 0;
  rm_vector(c, v, r, bytes, use, aligned);
}

function immediate(c: u32, r: u32, traits: u32): void {
  if (traits & IMM8) simd_imm8(c, r);
  // Outside of 64-bit code the top bit is ignored: there are eight registers.
  if (traits & IS4)
    store<u8>(r + R_FOURTH, ((next8(c) >> 4) & (load<u32>(c + C_CODE) == MODE_64 ? 15 : 7)) as u8);
}

/** Vector modrm.reg, vvvv and vector r/m, or `bytes` of memory. */
export function vector_row(c: u32, v: u32, r: u32, op: u32, bytes: u32, traits: u32): void {
  if (!allowed(c, traits)) return undefined_opcode(c, r);
  reg_vector(c, v, r);
  rm_by_traits(c, v, r, bytes, READ, traits);
  set_vector_form(c, v, r);
  immediate(c, r, traits);
  set_unit_op(c, r, op, vector_unit(c));
}

/** MMX modrm.reg and MMX r/m, or `bytes` of memory. */
export function mmx_row(c: u32, v: u32, r: u32, op: u32, bytes: u32, traits: u32): void {
  if (!allowed(c, traits | LEGACY)) return undefined_opcode(c, r);
  reg_mmx(c, v, r);
  rm_mmx(c, v, r, bytes, READ);
  set_mmx_form(r);
  immediate(c, r, traits);
  set_unit_op(c, r, op, UNIT_MMX);
}

/** A row with prefix 66 only: the whole vector. */
export function row_66(c: u32, v: u32, r: u32, op: u32, traits: u32): void {
  row_66_bytes(c, v, r, op, vector_bytes(c), traits);
}

export function row_66_bytes(c: u32, v: u32, r: u32, op: u32, bytes: u32, traits: u32): void {
  if (mandatory_prefix(c) != PREFIX_66) return undefined_opcode(c, r);
  vector_row(c, v, r, op, bytes, traits);
}

/** A row without a prefix only, and without VEX: SHA. */
export function row_none(c: u32, v: u32, r: u32, op: u32, traits: u32): void {
  if (mandatory_prefix(c) != NO_PREFIX) return undefined_opcode(c, r);
  vector_row(c, v, r, op, 16, traits | LEGACY);
}

/** MMX without a prefix, XMM or YMM with 66: the whole vector. */
export function packed_row(c: u32, v: u32, r: u32, op: u32, traits: u32): void {
  packed_row_bytes(c, v, r, op, 8, vector_bytes(c), traits);
}

/** The same with other sizes in memory: of the MMX operand, and of the other one. */
export function packed_row_bytes(
  c: u32,
  v: u32,
  r: u32,
  op: u32,
  mmx_bytes: u32,
  bytes: u32,
  traits: u32,
): void {
  const prefix = mandatory_prefix(c);
  if (prefix == NO_PREFIX) mmx_row(c, v, r, op, mmx_bytes, traits);
  else if (prefix == PREFIX_66) vector_row(c, v, r, op, bytes, traits);
  else undefined_opcode(c, r);
}

/** PS without a prefix and PD with 66, both the same operation. */
export function ps_pd_row(c: u32, v: u32, r: u32, ps: u32, pd: u32, traits: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix > PREFIX_66) return undefined_opcode(c, r);
  vector_row(c, v, r, prefix == PREFIX_66 ? pd : ps, vector_bytes(c), traits);
}

/** Bytes of a floating-point operand in memory: all of the vector, or one number. */
export function float_bytes(c: u32, type: u32): u32 {
  return type < FLOAT_SS ? vector_bytes(c) : type == FLOAT_SS ? 4 : 8;
}

/** PS, PD, SS and SD by prefix: `op` + type. `packed_traits` are those of PS and PD alone. */
export function float_row(c: u32, v: u32, r: u32, op: u32, packed_traits: u32, traits: u32): void {
  const type = mandatory_prefix(c);
  vector_row(c, v, r, op + type, float_bytes(c, type), traits | (type < FLOAT_SS ? packed_traits : ANY));
}

/** Shifts by an immediate, 0F 71 to 73: the destination is r/m, or with VEX the register vvvv. */
export function shift_row(c: u32, v: u32, r: u32, op: u32): void {
  const prefix = mandatory_prefix(c);
  if (!modrm_is_register(c) || prefix > PREFIX_66 || (prefix == NO_PREFIX && has_vex(c))) {
    return undefined_opcode(c, r);
  }
  if (prefix == NO_PREFIX) {
    rm_mmx(c, v, r, 8, READ);
    store<u32>(r + R_REG, mmx_register(v, load<u32>(c + C_MODRM)));
    set_mmx_form(r);
  } else {
    rm_vector(c, v, r, 16, READ, false);
    store<u32>(r + R_REG, vector_register(v, has_vex(c) ? load<u32>(c + C_VVVV) : modrm_rm(c)));
    set_vector_form(c, v, r);
    store<u32>(r + R_SRC, load<u32>(r + R_REG));
  }
  simd_imm8(c, r);
  set_unit_op(c, r, op, prefix == NO_PREFIX ? UNIT_MMX : vector_unit(c));
}
