// The SIMD rows of the two-byte opcode map from 0F 10 to 0F 5F, legacy and VEX (SDM vol. 2, table A-3): moves, conversions and
// arithmetic of floating-point vectors.
import {
  FLOAT_PD,
  FLOAT_SS,
  OP_COMI,
  OP_CVT_FROM_INT,
  OP_CVT_TO_INT,
  OP_CVTDQ2PS,
  OP_CVTPS2DQ,
  OP_CVTT_TO_INT,
  OP_CVTTPS2DQ,
  OP_FLOAT_ADD,
  OP_FLOAT_DIV,
  OP_FLOAT_MAX,
  OP_FLOAT_MIN,
  OP_FLOAT_MUL,
  OP_FLOAT_RCP,
  OP_FLOAT_RSQRT,
  OP_FLOAT_SQRT,
  OP_FLOAT_SUB,
  OP_FLOAT_WIDTH,
  OP_UCOMI,
} from '../abi/ops_float';
import {
  OP_LOAD_32,
  OP_LOAD_64,
  OP_MERGE_32,
  OP_MERGE_LOW,
  OP_MOVDDUP,
  OP_MOVMSKPD,
  OP_MOVMSKPS,
  OP_MOVSHDUP,
  OP_MOVSLDUP,
  OP_STORE_32,
  OP_STORE_64,
} from '../abi/ops_move';
import {
  OP_PAND,
  OP_PANDN,
  OP_POR,
  OP_PUNPCKHDQ,
  OP_PUNPCKHQDQ,
  OP_PUNPCKLDQ,
  OP_PUNPCKLQDQ,
  OP_PXOR,
} from '../abi/ops_packed';
import { undefined_opcode } from './record';
import { vector_bytes } from './simd';
import {
  general_from_vector,
  half_store,
  high_half_load,
  low_half_load,
  mmx_from_vector,
  move_load,
  move_store,
  scalar_load,
  scalar_store,
  vector_from_general,
  vector_from_mmx,
} from './simd_moves';
import {
  ALIGNED,
  ANY,
  float_bytes,
  float_row,
  MEMORY,
  mandatory_prefix,
  NO_PREFIX,
  PREFIX_66,
  PREFIX_F2,
  PREFIX_F3,
  ps_pd_row,
  REGISTER,
  UNALIGNED,
  UNARY,
  vector_row,
} from './simd_rows';

/** 0F 10: MOVUPS, MOVUPD, MOVSS, MOVSD; 11 is the store. */
function mov_unaligned(c: u32, v: u32, r: u32, to_memory: bool): void {
  switch (mandatory_prefix(c)) {
    case PREFIX_F3:
      if (to_memory) return scalar_store(c, v, r, OP_STORE_32, OP_MERGE_32, 4);
      return scalar_load(c, v, r, OP_LOAD_32, OP_MERGE_32, 4);
    case PREFIX_F2:
      if (to_memory) return scalar_store(c, v, r, OP_STORE_64, OP_MERGE_LOW, 8);
      return scalar_load(c, v, r, OP_LOAD_64, OP_MERGE_LOW, 8);
    default:
      if (to_memory) move_store(c, v, r, UNALIGNED);
      else move_load(c, v, r, UNALIGNED);
  }
}

/** 0F 12: MOVLPS and MOVHLPS, MOVLPD, MOVSLDUP, MOVDDUP. */
function mov_low(c: u32, v: u32, r: u32): void {
  switch (mandatory_prefix(c)) {
    case PREFIX_F3:
      return vector_row(c, v, r, OP_MOVSLDUP, vector_bytes(c), UNARY);
    case PREFIX_F2:
      return vector_row(c, v, r, OP_MOVDDUP, vector_bytes(c) == 16 ? 8 : 32, UNARY);
    case PREFIX_66:
      return low_half_load(c, v, r, MEMORY);
    default:
      low_half_load(c, v, r, ANY);
  }
}

/** 0F 16: MOVHPS and MOVLHPS, MOVHPD, MOVSHDUP. */
function mov_high(c: u32, v: u32, r: u32): void {
  switch (mandatory_prefix(c)) {
    case PREFIX_F3:
      return vector_row(c, v, r, OP_MOVSHDUP, vector_bytes(c), UNARY);
    case PREFIX_F2:
      return undefined_opcode(c, r);
    case PREFIX_66:
      return high_half_load(c, v, r, MEMORY);
    default:
      high_half_load(c, v, r, ANY);
  }
}

/** 0F 13 and 17: MOVLPS, MOVLPD, MOVHPS, MOVHPD to memory. */
function mov_half_store(c: u32, v: u32, r: u32, half: u32): void {
  if (mandatory_prefix(c) > PREFIX_66) return undefined_opcode(c, r);
  half_store(c, v, r, half);
}

/** 0F 28 and 29: MOVAPS, MOVAPD; 2B: MOVNTPS, MOVNTPD. */
function mov_aligned(c: u32, v: u32, r: u32, op: u32): void {
  if (mandatory_prefix(c) > PREFIX_66) return undefined_opcode(c, r);
  if (op == 0x28) move_load(c, v, r, ALIGNED);
  else move_store(c, v, r, op == 0x29 ? ALIGNED : ALIGNED | MEMORY);
}

/** 0F 2A: CVTPI2PS, CVTPI2PD, CVTSI2SS, CVTSI2SD. */
function convert_from_int(c: u32, v: u32, r: u32): void {
  const type = mandatory_prefix(c);
  if (type < FLOAT_SS) vector_from_mmx(c, v, r, OP_CVT_FROM_INT + type, ANY);
  else vector_from_general(c, v, r, OP_CVT_FROM_INT + type);
}

/** 0F 2C and 2D: conversions of PS and PD to MMX, of SS and SD to a general register. */
function convert_to_int(c: u32, v: u32, r: u32, op: u32): void {
  const type = mandatory_prefix(c);
  if (type < FLOAT_SS) mmx_from_vector(c, v, r, op + type, type == FLOAT_PD ? 16 : 8, ANY);
  else general_from_vector(c, v, r, op + type, type == FLOAT_SS ? 4 : 8, ANY);
}

/** 0F 2E and 2F: UCOMISS, UCOMISD, COMISS, COMISD. */
function compare_flags(c: u32, v: u32, r: u32, op: u32): void {
  const type = mandatory_prefix(c);
  if (type > PREFIX_66) return undefined_opcode(c, r);
  vector_row(c, v, r, op + type, type == FLOAT_PD ? 8 : 4, UNARY);
}

/** 0F 50: MOVMSKPS, MOVMSKPD. */
function mov_mask(c: u32, v: u32, r: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix > PREFIX_66) return undefined_opcode(c, r);
  general_from_vector(c, v, r, prefix == PREFIX_66 ? OP_MOVMSKPD : OP_MOVMSKPS, 16, REGISTER);
}

/** 0F 52 and 53: RSQRTPS, RSQRTSS, RCPPS, RCPSS. */
function approximate(c: u32, v: u32, r: u32, op: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix == PREFIX_66 || prefix == PREFIX_F2) return undefined_opcode(c, r);
  float_row(c, v, r, op, UNARY, ANY);
}

/** 0F 5A: CVTPS2PD, CVTPD2PS, CVTSS2SD, CVTSD2SS. */
function convert_width(c: u32, v: u32, r: u32): void {
  const type = mandatory_prefix(c);
  if (type == NO_PREFIX) vector_row(c, v, r, OP_FLOAT_WIDTH, vector_bytes(c) >> 1, UNARY);
  else vector_row(c, v, r, OP_FLOAT_WIDTH + type, float_bytes(c, type), type == FLOAT_PD ? UNARY : ANY);
}

/** 0F 5B: CVTDQ2PS, CVTPS2DQ, CVTTPS2DQ. */
function convert_int32(c: u32, v: u32, r: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix == PREFIX_F2) return undefined_opcode(c, r);
  const op = prefix == PREFIX_66 ? OP_CVTPS2DQ : prefix == PREFIX_F3 ? OP_CVTTPS2DQ : OP_CVTDQ2PS;
  vector_row(c, v, r, op, vector_bytes(c), UNARY);
}

/** Decodes opcode `op` (10 to 5F) behind 0F, or behind a VEX prefix that means it; the ModRM byte is fetched. */
export function decode_0f_float(c: u32, v: u32, r: u32, op: u32): void {
  switch (op) {
    case 0x10:
    case 0x11:
      return mov_unaligned(c, v, r, op == 0x11);
    case 0x12:
      return mov_low(c, v, r);
    case 0x13:
      return mov_half_store(c, v, r, 0);
    case 0x14:
      return ps_pd_row(c, v, r, OP_PUNPCKLDQ, OP_PUNPCKLQDQ, ANY);
    case 0x15:
      return ps_pd_row(c, v, r, OP_PUNPCKHDQ, OP_PUNPCKHQDQ, ANY);
    case 0x16:
      return mov_high(c, v, r);
    case 0x17:
      return mov_half_store(c, v, r, 8);
    case 0x28:
    case 0x29:
    case 0x2b:
      return mov_aligned(c, v, r, op);
    case 0x2a:
      return convert_from_int(c, v, r);
    case 0x2c:
      return convert_to_int(c, v, r, OP_CVTT_TO_INT);
    case 0x2d:
      return convert_to_int(c, v, r, OP_CVT_TO_INT);
    case 0x2e:
      return compare_flags(c, v, r, OP_UCOMI);
    case 0x2f:
      return compare_flags(c, v, r, OP_COMI);
    case 0x50:
      return mov_mask(c, v, r);
    case 0x51:
      return float_row(c, v, r, OP_FLOAT_SQRT, UNARY, ANY);
    case 0x52:
      return approximate(c, v, r, OP_FLOAT_RSQRT);
    case 0x53:
      return approximate(c, v, r, OP_FLOAT_RCP);
    case 0x54:
      return ps_pd_row(c, v, r, OP_PAND, OP_PAND, ANY);
    case 0x55:
      return ps_pd_row(c, v, r, OP_PANDN, OP_PANDN, ANY);
    case 0x56:
      return ps_pd_row(c, v, r, OP_POR, OP_POR, ANY);
    case 0x57:
      return ps_pd_row(c, v, r, OP_PXOR, OP_PXOR, ANY);
    case 0x58:
      return float_row(c, v, r, OP_FLOAT_ADD, ANY, ANY);
    case 0x59:
      return float_row(c, v, r, OP_FLOAT_MUL, ANY, ANY);
    case 0x5a:
      return convert_width(c, v, r);
    case 0x5b:
      return convert_int32(c, v, r);
    case 0x5c:
      return float_row(c, v, r, OP_FLOAT_SUB, ANY, ANY);
    case 0x5d:
      return float_row(c, v, r, OP_FLOAT_MIN, ANY, ANY);
    case 0x5e:
      return float_row(c, v, r, OP_FLOAT_DIV, ANY, ANY);
    case 0x5f:
      return float_row(c, v, r, OP_FLOAT_MAX, ANY, ANY);
    default:
      undefined_opcode(c, r);
  }
}
