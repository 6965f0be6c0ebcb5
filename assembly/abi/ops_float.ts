// Operations of the family OP_FLOAT: SSE, AVX, FMA and F16C instructions that read MXCSR, and COMISS and their kin. Constants only.
//
// Most come in up to four types, chosen by the mandatory prefix: OP + FLOAT_PS (none), FLOAT_PD (66), FLOAT_SS (F3), FLOAT_SD (F2).
// "V" below is the whole vector: 16 bytes, or 32 with VEX.L. Unless said otherwise the r/m operand has V bytes for PS and PD
// (aligned in legacy encodings), 4 for SS and 8 for SD, and R_REG is a vector register. VEX.L is ignored by the scalar types.
import { OP_FLOAT } from './ops';

export const FLOAT_PS: u32 = 0;
export const FLOAT_PD: u32 = 1;
export const FLOAT_SS: u32 = 2;
export const FLOAT_SD: u32 = 3;

// --- 0F 51..5F: OP_FLOAT + (opcode & 15) * 4 + type. MOVMSKPS (50) and the logic (54..57) leave their numbers free.
export const OP_FLOAT_SQRT: u32 = OP_FLOAT + 0x04; // 51
export const OP_FLOAT_RSQRT: u32 = OP_FLOAT + 0x08; // 52: PS, SS
export const OP_FLOAT_RCP: u32 = OP_FLOAT + 0x0c; // 53: PS, SS
export const OP_FLOAT_ADD: u32 = OP_FLOAT + 0x20; // 58
export const OP_FLOAT_MUL: u32 = OP_FLOAT + 0x24; // 59
/** 5A: CVTPS2PD (r/m of V/2 bytes, not aligned), CVTPD2PS, CVTSS2SD, CVTSD2SS. */
export const OP_FLOAT_WIDTH: u32 = OP_FLOAT + 0x28;
/** 5B: CVTDQ2PS (no prefix), CVTPS2DQ (66), CVTTPS2DQ (F3); all with an r/m of V bytes. */
export const OP_CVTDQ2PS: u32 = OP_FLOAT + 0x2c;
export const OP_CVTPS2DQ: u32 = OP_FLOAT + 0x2d;
export const OP_CVTTPS2DQ: u32 = OP_FLOAT + 0x2e;
export const OP_FLOAT_SUB: u32 = OP_FLOAT + 0x30; // 5C
export const OP_FLOAT_MIN: u32 = OP_FLOAT + 0x34; // 5D
export const OP_FLOAT_DIV: u32 = OP_FLOAT + 0x38; // 5E
export const OP_FLOAT_MAX: u32 = OP_FLOAT + 0x3c; // 5F

/** 0F C2: CMPPS..CMPSD, + type; predicate in R_IMM8, of which legacy encodings use 3 bits and VEX 5. */
export const OP_FLOAT_CMP: u32 = OP_FLOAT + 0x40;
/** 0F 2E: UCOMISS (r/m 4), + 1 UCOMISD (66, r/m 8). VEX.L ignored, VEX.vvvv must be 1111. */
export const OP_UCOMI: u32 = OP_FLOAT + 0x44;
/** 0F 2F: COMISS (r/m 4), + 1 COMISD (66, r/m 8). */
export const OP_COMI: u32 = OP_FLOAT + 0x46;
/**
 * 0F 2A, + type: CVTPI2PS and CVTPI2PD (r/m is MMX or 8 bytes; R_REG a vector; FORM_SSE; UNIT_MMX and UNIT_SSE rules both),
 * CVTSI2SS and CVTSI2SD (r/m is a general register or 4 bytes, 8 with R_WIDE; R_REG a vector, R_SRC as ever).
 */
export const OP_CVT_FROM_INT: u32 = OP_FLOAT + 0x48;
/**
 * 0F 2C, + type: CVTTPS2PI (r/m 8), CVTTPD2PI (r/m 16, aligned), both with R_REG an MMX register; CVTTSS2SI (r/m 4) and CVTTSD2SI
 * (r/m 8) with R_REG a general register, 64 bits with R_WIDE.
 */
export const OP_CVTT_TO_INT: u32 = OP_FLOAT + 0x4c;
/** 0F 2D, + type: the same, rounded by MXCSR.RC. */
export const OP_CVT_TO_INT: u32 = OP_FLOAT + 0x50;
/** 0F E6: CVTTPD2DQ (66, r/m V), CVTDQ2PD (F3, r/m V/2, not aligned), CVTPD2DQ (F2, r/m V): OP_FLOAT + 0x54 + prefix type. */
export const OP_CVTTPD2DQ: u32 = OP_FLOAT + 0x55;
export const OP_CVTDQ2PD: u32 = OP_FLOAT + 0x56;
export const OP_CVTPD2DQ: u32 = OP_FLOAT + 0x57;
/** 0F 7C, 7D, D0: the PS form (prefix F2), + 1 the PD form (prefix 66); r/m V. */
export const OP_HADD: u32 = OP_FLOAT + 0x58;
export const OP_HSUB: u32 = OP_FLOAT + 0x5a;
export const OP_ADDSUB: u32 = OP_FLOAT + 0x5c;
/** 66 0F3A 40 DPPS, + 1: 41 DPPD (128 bits only); r/m V, R_IMM8. */
export const OP_FLOAT_DP: u32 = OP_FLOAT + 0x5e;
/** 66 0F3A 08..0B: ROUNDPS, PD, SS, SD: + (opcode & 3), which is the type; R_IMM8. */
export const OP_FLOAT_ROUND: u32 = OP_FLOAT + 0x60;
/** VEX.66.0F38.W0 13: r/m V/2. */
export const OP_CVTPH2PS: u32 = OP_FLOAT + 0x64;
/** VEX.66.0F3A.W0 1D: the r/m operand, V/2 bytes, is the destination (WRITE); R_REG is the source; R_IMM8. */
export const OP_CVTPS2PH: u32 = OP_FLOAT + 0x65;

/**
 * FMA, VEX.66.0F38: 96..9F (132), A6..AF (213), B6..BF (231): OP_FMA + order * 32 + (opcode & 15) * 2 + W, order 0, 1, 2;
 * opcode & 15: 6 ADDSUB, 7 SUBADD, 8 MADD, A MSUB, C NMADD, E NMSUB; from 8 on odd ones are scalar. W: double.
 * The r/m operand has V bytes, scalar 4 or 8; R_SRC is the second operand, R_REG the first and the destination.
 */
export const OP_FMA: u32 = OP_FLOAT + 0x80; // .. OP_FLOAT + 0xdf

// Arithmetic on a lane: (opcode & 15) of 0F 51 and 0F 58..5F.
export const LANE_SQRT: u32 = 1;
export const LANE_ADD: u32 = 8;
export const LANE_MUL: u32 = 9;
export const LANE_SUB: u32 = 12;
export const LANE_MIN: u32 = 13;
export const LANE_DIV: u32 = 14;
export const LANE_MAX: u32 = 15;

/**
 * The relations for which each of the first 16 predicates is true, 4 bits each: less 1, equal 2, greater 4, unordered 8. The
 * others repeat them (SDM vol. 2, CMPPD, table 3-1).
 */
export const PREDICATES_LOW: u32 = 0x7ced8312;
export const PREDICATES_HIGH: u32 = 0xf4650b9a;
