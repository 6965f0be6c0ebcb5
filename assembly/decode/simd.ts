// Operands of x87, MMX, SSE and AVX records, and whether such an instruction may run at all. Reads no opcode.
import { ST_STRIDE, V_ST, V_YMM, YMM_STRIDE } from '../abi/fpu';
import { R_FLAGS, R_REG, R_RM, RF_ALIGNED } from '../abi/insn';
import { OP_NM } from '../abi/ops';
import { FORM_MMX, FORM_SSE, FORM_VEX_128, FORM_VEX_256, R_FORM, R_IMM8, R_SRC, R_WIDE } from '../abi/simd';
import { MODE_AVX, MODE_EM, MODE_REAL, MODE_SSE, MODE_TS } from '../abi/vcpu_page';
import { C_MODE, C_MODRM, C_REX, C_VEX, C_VVVV, next8 } from './cursor';
import { modrm_is_register, modrm_op, modrm_reg, rm_operand_bytes } from './modrm';
import { ends, set_op, undefined_opcode } from './record';

/** What an instruction belongs to: decides between #UD and #NM (SDM vol. 2, 2.4 and vol. 3, table 2-2 and 13.1). */
export const UNIT_X87: u32 = 0;
export const UNIT_MMX: u32 = 1;
export const UNIT_SSE: u32 = 2;
export const UNIT_AVX: u32 = 3;

/** Absolute address of XMMn / YMMn. */
export function vector_register(v: u32, n: u32): u32 {
  return v + V_YMM + n * YMM_STRIDE;
}

/** Absolute address of MMn. */
export function mmx_register(v: u32, n: u32): u32 {
  return v + V_ST + (n & 7) * ST_STRIDE;
}

/** modrm.rm with REX.B, as a register number. */
export function modrm_rm(c: u32): u32 {
  return (load<u32>(c + C_MODRM) & 7) | ((load<u32>(c + C_REX) & 1) << 3);
}

export function has_vex(c: u32): bool {
  return (load<u32>(c + C_VEX) & 1) != 0;
}

/** VEX.L: 256 bits. */
export function is_256(c: u32): bool {
  return (load<u32>(c + C_VEX) & 2) != 0;
}

/** Bytes of a whole vector operand: 16, or 32 with VEX.L. */
export function vector_bytes(c: u32): u32 {
  return is_256(c) ? 32 : 16;
}

/** modrm.reg is an XMM or YMM register: R_REG. */
export function reg_vector(c: u32, v: u32, r: u32): void {
  store<u32>(r + R_REG, vector_register(v, modrm_reg(c)));
}

/** modrm.reg is an MMX register: R_REG. */
export function reg_mmx(c: u32, v: u32, r: u32): void {
  store<u32>(r + R_REG, mmx_register(v, modrm_op(c)));
}

/** The r/m operand is an XMM or YMM register or `bytes` of memory, used as READ, WRITE, MODIFY or ADDRESS says. */
export function rm_vector(c: u32, v: u32, r: u32, bytes: u32, use: u32, aligned: bool): void {
  rm_operand_bytes(c, v, r, 3, use, bytes);
  if (modrm_is_register(c)) store<u32>(r + R_RM, vector_register(v, modrm_rm(c)));
  else if (aligned) store<u16>(r + R_FLAGS, load<u16>(r + R_FLAGS) | (RF_ALIGNED as u16));
}

/** The r/m operand is an MMX register or `bytes` of memory. */
export function rm_mmx(c: u32, v: u32, r: u32, bytes: u32, use: u32): void {
  rm_operand_bytes(c, v, r, 3, use, bytes);
  if (modrm_is_register(c)) store<u32>(r + R_RM, mmx_register(v, load<u32>(c + C_MODRM)));
}

/** R_FORM, R_WIDE and R_SRC of an instruction on XMM or YMM registers; R_REG must be set before. */
export function set_vector_form(c: u32, v: u32, r: u32): void {
  store<u8>(r + R_WIDE, ((load<u32>(c + C_REX) >> 3) & 1) as u8);
  if (has_vex(c)) {
    store<u8>(r + R_FORM, (is_256(c) ? FORM_VEX_256 : FORM_VEX_128) as u8);
    store<u32>(r + R_SRC, vector_register(v, load<u32>(c + C_VVVV)));
  } else {
    store<u8>(r + R_FORM, FORM_SSE as u8);
    store<u32>(r + R_SRC, load<u32>(r + R_REG));
  }
}

/** R_FORM and R_SRC of an instruction on MMX registers; R_REG must be set before. */
export function set_mmx_form(r: u32): void {
  store<u8>(r + R_FORM, FORM_MMX as u8);
  store<u32>(r + R_SRC, load<u32>(r + R_REG));
}

/** The next byte is the immediate of a SIMD record. */
export function simd_imm8(c: u32, r: u32): void {
  store<u8>(r + R_IMM8, next8(c) as u8);
}

/**
 * Sets the operation of a completely decoded record, or makes it #UD or #NM when control registers forbid its unit. Call it
 * last: a fetch fault comes before both.
 */
export function set_unit_op(c: u32, r: u32, op: u32, unit: u32): void {
  const mode = load<u32>(c + C_MODE);
  if (unit == UNIT_X87) {
    if (mode & (MODE_EM | MODE_TS)) return not_available(c, r);
  } else {
    const off =
      unit == UNIT_AVX
        ? (mode & MODE_AVX) == 0 || (mode & MODE_REAL) != 0
        : (mode & MODE_EM) != 0 || (unit == UNIT_SSE && (mode & MODE_SSE) == 0);
    if (off) return undefined_opcode(c, r);
    if (mode & MODE_TS) return not_available(c, r);
  }
  set_op(r, op);
}

/** #NM. */
function not_available(c: u32, r: u32): void {
  undefined_opcode(c, r);
  set_op(r, OP_NM);
  ends(c);
}
