// What records of SIMD instructions (MMX, SSE, AVX) hold beside the common fields of insn.ts. Constants only.
//
// R_REG and R_RM are absolute addresses as ever, here of vector registers: V_YMM + n * 32, V_ST + n * 16 for MMX, V_GPR for
// general ones. A memory operand has R_SPAN + 1 bytes: a handler must not read or write beyond them. The immediate is divided:

/** u8: imm8. */
export const R_IMM8: u32 = 24;
/** u8: FORM_*. */
export const R_FORM: u32 = 25;
/** u8: register number of a fourth operand: VEX is4 (imm8[7:4]), or the vector index register of a gather. */
export const R_FOURTH: u32 = 26;
/** u8: VEX.W or REX.W. */
export const R_WIDE: u32 = 27;
/** u32: absolute address of the first source: VEX.vvvv's register; for legacy encodings the same as R_REG. */
export const R_SRC: u32 = 28;

/** 64 bits, registers MM0..MM7. */
export const FORM_MMX: u32 = 0;
/** 128 bits; the upper half of the destination stays. */
export const FORM_SSE: u32 = 1;
/** 128 bits; the upper half of the destination becomes zero. */
export const FORM_VEX_128: u32 = 2;
export const FORM_VEX_256: u32 = 3;
