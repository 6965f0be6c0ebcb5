// The SIMD rows of the two-byte opcode map, 0F xx, legacy and VEX (SDM vol. 2, table A-3): integer vectors; those below 60 are in
// simd_0f_float.ts.
import {
  OP_ADDSUB,
  OP_CVTDQ2PD,
  OP_CVTPD2DQ,
  OP_CVTTPD2DQ,
  OP_FLOAT_CMP,
  OP_HADD,
  OP_HSUB,
} from '../abi/ops_float';
import { OP_LOAD_64, OP_MOVDQ2Q, OP_MOVQ2DQ, OP_PMOVMSKB, OP_STORE_64 } from '../abi/ops_move';
import {
  OP_PACKSSDW,
  OP_PACKSSWB,
  OP_PACKUSWB,
  OP_PADDB,
  OP_PADDD,
  OP_PADDQ,
  OP_PADDSB,
  OP_PADDSW,
  OP_PADDUSB,
  OP_PADDUSW,
  OP_PADDW,
  OP_PAND,
  OP_PANDN,
  OP_PAVGB,
  OP_PAVGW,
  OP_PCMPEQB,
  OP_PCMPEQD,
  OP_PCMPEQW,
  OP_PCMPGTB,
  OP_PCMPGTD,
  OP_PCMPGTW,
  OP_PMADDWD,
  OP_PMAXSW,
  OP_PMAXUB,
  OP_PMINSW,
  OP_PMINUB,
  OP_PMULHUW,
  OP_PMULHW,
  OP_PMULLW,
  OP_PMULUDQ,
  OP_POR,
  OP_PSADBW,
  OP_PSHUFD,
  OP_PSHUFHW,
  OP_PSHUFLW,
  OP_PSHUFW,
  OP_PSLLD,
  OP_PSLLD_I,
  OP_PSLLDQ_I,
  OP_PSLLQ,
  OP_PSLLQ_I,
  OP_PSLLW,
  OP_PSLLW_I,
  OP_PSRAD,
  OP_PSRAD_I,
  OP_PSRAW,
  OP_PSRAW_I,
  OP_PSRLD,
  OP_PSRLD_I,
  OP_PSRLDQ_I,
  OP_PSRLQ,
  OP_PSRLQ_I,
  OP_PSRLW,
  OP_PSRLW_I,
  OP_PSUBB,
  OP_PSUBD,
  OP_PSUBQ,
  OP_PSUBSB,
  OP_PSUBSW,
  OP_PSUBUSB,
  OP_PSUBUSW,
  OP_PSUBW,
  OP_PUNPCKHBW,
  OP_PUNPCKHDQ,
  OP_PUNPCKHQDQ,
  OP_PUNPCKHWD,
  OP_PUNPCKLBW,
  OP_PUNPCKLDQ,
  OP_PUNPCKLQDQ,
  OP_PUNPCKLWD,
  OP_PXOR,
  OP_SHUFPD,
  OP_SHUFPS,
} from '../abi/ops_packed';
import { fetch_modrm, modrm_op } from './modrm';
import { undefined_opcode } from './record';
import { vector_bytes } from './simd';
import { decode_0f_float } from './simd_0f_float';
import {
  extract_word,
  general_from_mmx,
  general_from_vector,
  general_load,
  general_store,
  insert,
  masked_bytes,
  mmx_from_vector,
  mmx_load,
  mmx_store,
  move_load,
  move_store,
  store_row,
  vector_from_mmx,
} from './simd_moves';
import {
  ALIGNED,
  ANY,
  float_row,
  IMM8,
  L0,
  MEMORY,
  mandatory_prefix,
  mmx_row,
  NO_PREFIX,
  PREFIX_66,
  PREFIX_F2,
  PREFIX_F3,
  packed_row,
  packed_row_bytes,
  ps_pd_row,
  REGISTER,
  row_66,
  shift_row,
  UNALIGNED,
  UNARY,
  vector_row,
} from './simd_rows';

/** 0F E6: CVTTPD2DQ, CVTDQ2PD, CVTPD2DQ. */
function convert_double_int32(c: u32, v: u32, r: u32): void {
  switch (mandatory_prefix(c)) {
    case PREFIX_66:
      return vector_row(c, v, r, OP_CVTTPD2DQ, vector_bytes(c), UNARY);
    case PREFIX_F3:
      return vector_row(c, v, r, OP_CVTDQ2PD, vector_bytes(c) >> 1, UNARY);
    case PREFIX_F2:
      return vector_row(c, v, r, OP_CVTPD2DQ, vector_bytes(c), UNARY);
    default:
      undefined_opcode(c, r);
  }
}

/** 0F 7C, 7D and D0: PD with 66, PS with F2. */
function horizontal(c: u32, v: u32, r: u32, op: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix == PREFIX_66) vector_row(c, v, r, op + 1, vector_bytes(c), ANY);
  else if (prefix == PREFIX_F2) vector_row(c, v, r, op, vector_bytes(c), ANY);
  else undefined_opcode(c, r);
}

/** 0F 6E: MOVD and MOVQ from a general register or memory. */
function mov_from_general(c: u32, v: u32, r: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix > PREFIX_66) return undefined_opcode(c, r);
  general_load(c, v, r, prefix == NO_PREFIX);
}

/** 0F 7E: MOVD and MOVQ to a general register or memory; with F3 MOVQ between vectors. */
function mov_to_general(c: u32, v: u32, r: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix == PREFIX_F3) return vector_row(c, v, r, OP_LOAD_64, 8, L0 | UNARY);
  if (prefix == PREFIX_F2) return undefined_opcode(c, r);
  general_store(c, v, r, prefix == NO_PREFIX);
}

/** 0F 6F: MOVQ, MOVDQA, MOVDQU; 7F is the store. */
function mov_integers(c: u32, v: u32, r: u32, to_memory: bool): void {
  const prefix = mandatory_prefix(c);
  if (prefix == PREFIX_F2) return undefined_opcode(c, r);
  const traits = prefix == PREFIX_66 ? ALIGNED : UNALIGNED;
  if (to_memory) {
    if (prefix == NO_PREFIX) mmx_store(c, v, r, ANY);
    else move_store(c, v, r, traits);
  } else {
    if (prefix == NO_PREFIX) mmx_load(c, v, r);
    else move_load(c, v, r, traits);
  }
}

/** 0F 70: PSHUFW, PSHUFD, PSHUFHW, PSHUFLW. */
function shuffle(c: u32, v: u32, r: u32): void {
  switch (mandatory_prefix(c)) {
    case PREFIX_66:
      return vector_row(c, v, r, OP_PSHUFD, vector_bytes(c), UNARY | IMM8);
    case PREFIX_F3:
      return vector_row(c, v, r, OP_PSHUFHW, vector_bytes(c), UNARY | IMM8);
    case PREFIX_F2:
      return vector_row(c, v, r, OP_PSHUFLW, vector_bytes(c), UNARY | IMM8);
    default:
      mmx_row(c, v, r, OP_PSHUFW, 8, IMM8);
  }
}

/** Groups 12 and 13: shifts of words and doublewords by an immediate. */
function shift_group(c: u32, v: u32, r: u32, right: u32, arithmetic: u32, left: u32): void {
  switch (modrm_op(c)) {
    case 2:
      return shift_row(c, v, r, right);
    case 4:
      return shift_row(c, v, r, arithmetic);
    case 6:
      return shift_row(c, v, r, left);
    default:
      undefined_opcode(c, r);
  }
}

/** Group 14: shifts of quadwords, and with 66 of whole lanes by bytes. */
function shift_group_quad(c: u32, v: u32, r: u32): void {
  const kind = modrm_op(c);
  if (kind == 2) return shift_row(c, v, r, OP_PSRLQ_I);
  if (kind == 6) return shift_row(c, v, r, OP_PSLLQ_I);
  if (mandatory_prefix(c) != PREFIX_66 || (kind & 3) != 3) return undefined_opcode(c, r);
  shift_row(c, v, r, kind == 3 ? OP_PSRLDQ_I : OP_PSLLDQ_I);
}

/** Shifts by a count in the r/m operand, which has 128 bits whatever the vector. */
function shift_by_vector(c: u32, v: u32, r: u32, op: u32): void {
  packed_row_bytes(c, v, r, op, 8, 16, ANY);
}

/** The low halves of two operands: MMX reads 4 bytes. */
function unpack_low(c: u32, v: u32, r: u32, op: u32): void {
  packed_row_bytes(c, v, r, op, 4, vector_bytes(c), ANY);
}

/** 0F C4 and C5: PINSRW, PEXTRW. */
function word(c: u32, v: u32, r: u32, to_general: bool): void {
  const prefix = mandatory_prefix(c);
  if (prefix > PREFIX_66) return undefined_opcode(c, r);
  if (to_general) extract_word(c, v, r, prefix == NO_PREFIX);
  else insert(c, v, r, 1, prefix == NO_PREFIX);
}

/** 0F D6: MOVQ to memory or a vector, MOVQ2DQ, MOVDQ2Q. */
function mov_quad(c: u32, v: u32, r: u32): void {
  switch (mandatory_prefix(c)) {
    case PREFIX_66:
      return store_row(c, v, r, OP_STORE_64, OP_LOAD_64, 8, L0 | UNARY);
    case PREFIX_F3:
      return vector_from_mmx(c, v, r, OP_MOVQ2DQ, REGISTER);
    case PREFIX_F2:
      return mmx_from_vector(c, v, r, OP_MOVDQ2Q, 8, REGISTER);
    default:
      undefined_opcode(c, r);
  }
}

/** 0F D7: PMOVMSKB. */
function mov_byte_mask(c: u32, v: u32, r: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix == NO_PREFIX) general_from_mmx(c, v, r, OP_PMOVMSKB);
  else if (prefix == PREFIX_66) general_from_vector(c, v, r, OP_PMOVMSKB, 16, REGISTER);
  else undefined_opcode(c, r);
}

/** 0F E7: MOVNTQ, MOVNTDQ. */
function mov_non_temporal(c: u32, v: u32, r: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix == NO_PREFIX) mmx_store(c, v, r, MEMORY);
  else if (prefix == PREFIX_66) move_store(c, v, r, MEMORY | ALIGNED);
  else undefined_opcode(c, r);
}

/** 0F F7: MASKMOVQ, MASKMOVDQU. */
function mask_move(c: u32, v: u32, r: u32): void {
  const prefix = mandatory_prefix(c);
  if (prefix > PREFIX_66) return undefined_opcode(c, r);
  masked_bytes(c, v, r, prefix == NO_PREFIX);
}

/** Only these opcodes have a row here; of the others not even a ModRM byte is known. */
function has_row(op: u32): bool {
  return (
    (op >= 0x10 && op <= 0x17) ||
    (op >= 0x28 && op <= 0x2f) ||
    (op >= 0x50 && op <= 0x7f && op != 0x77) ||
    (op >= 0xc2 && op <= 0xc6) ||
    op >= 0xd0
  );
}

/** Decodes opcode `op` behind 0F, or behind a VEX prefix that means it. */
export function decode_simd_0f(c: u32, v: u32, r: u32, op: u32): void {
  if (!has_row(op)) return undefined_opcode(c, r);
  fetch_modrm(c);
  if (op < 0x60) return decode_0f_float(c, v, r, op);
  switch (op) {
    case 0x60:
      return unpack_low(c, v, r, OP_PUNPCKLBW);
    case 0x61:
      return unpack_low(c, v, r, OP_PUNPCKLWD);
    case 0x62:
      return unpack_low(c, v, r, OP_PUNPCKLDQ);
    case 0x63:
      return packed_row(c, v, r, OP_PACKSSWB, ANY);
    case 0x64:
      return packed_row(c, v, r, OP_PCMPGTB, ANY);
    case 0x65:
      return packed_row(c, v, r, OP_PCMPGTW, ANY);
    case 0x66:
      return packed_row(c, v, r, OP_PCMPGTD, ANY);
    case 0x67:
      return packed_row(c, v, r, OP_PACKUSWB, ANY);
    case 0x68:
      return packed_row(c, v, r, OP_PUNPCKHBW, ANY);
    case 0x69:
      return packed_row(c, v, r, OP_PUNPCKHWD, ANY);
    case 0x6a:
      return packed_row(c, v, r, OP_PUNPCKHDQ, ANY);
    case 0x6b:
      return packed_row(c, v, r, OP_PACKSSDW, ANY);
    case 0x6c:
      return row_66(c, v, r, OP_PUNPCKLQDQ, ANY);
    case 0x6d:
      return row_66(c, v, r, OP_PUNPCKHQDQ, ANY);
    case 0x6e:
      return mov_from_general(c, v, r);
    case 0x6f:
    case 0x7f:
      return mov_integers(c, v, r, op == 0x7f);
    case 0x70:
      return shuffle(c, v, r);
    case 0x71:
      return shift_group(c, v, r, OP_PSRLW_I, OP_PSRAW_I, OP_PSLLW_I);
    case 0x72:
      return shift_group(c, v, r, OP_PSRLD_I, OP_PSRAD_I, OP_PSLLD_I);
    case 0x73:
      return shift_group_quad(c, v, r);
    case 0x74:
      return packed_row(c, v, r, OP_PCMPEQB, ANY);
    case 0x75:
      return packed_row(c, v, r, OP_PCMPEQW, ANY);
    case 0x76:
      return packed_row(c, v, r, OP_PCMPEQD, ANY);
    case 0x7c:
      return horizontal(c, v, r, OP_HADD);
    case 0x7d:
      return horizontal(c, v, r, OP_HSUB);
    case 0x7e:
      return mov_to_general(c, v, r);
    case 0xc2:
      return float_row(c, v, r, OP_FLOAT_CMP, ANY, IMM8);
    case 0xc4:
    case 0xc5:
      return word(c, v, r, op == 0xc5);
    case 0xc6:
      return ps_pd_row(c, v, r, OP_SHUFPS, OP_SHUFPD, IMM8);
    case 0xd0:
      return horizontal(c, v, r, OP_ADDSUB);
    case 0xd1:
      return shift_by_vector(c, v, r, OP_PSRLW);
    case 0xd2:
      return shift_by_vector(c, v, r, OP_PSRLD);
    case 0xd3:
      return shift_by_vector(c, v, r, OP_PSRLQ);
    case 0xd4:
      return packed_row(c, v, r, OP_PADDQ, ANY);
    case 0xd5:
      return packed_row(c, v, r, OP_PMULLW, ANY);
    case 0xd6:
      return mov_quad(c, v, r);
    case 0xd7:
      return mov_byte_mask(c, v, r);
    case 0xd8:
      return packed_row(c, v, r, OP_PSUBUSB, ANY);
    case 0xd9:
      return packed_row(c, v, r, OP_PSUBUSW, ANY);
    case 0xda:
      return packed_row(c, v, r, OP_PMINUB, ANY);
    case 0xdb:
      return packed_row(c, v, r, OP_PAND, ANY);
    case 0xdc:
      return packed_row(c, v, r, OP_PADDUSB, ANY);
    case 0xdd:
      return packed_row(c, v, r, OP_PADDUSW, ANY);
    case 0xde:
      return packed_row(c, v, r, OP_PMAXUB, ANY);
    case 0xdf:
      return packed_row(c, v, r, OP_PANDN, ANY);
    case 0xe0:
      return packed_row(c, v, r, OP_PAVGB, ANY);
    case 0xe1:
      return shift_by_vector(c, v, r, OP_PSRAW);
    case 0xe2:
      return shift_by_vector(c, v, r, OP_PSRAD);
    case 0xe3:
      return packed_row(c, v, r, OP_PAVGW, ANY);
    case 0xe4:
      return packed_row(c, v, r, OP_PMULHUW, ANY);
    case 0xe5:
      return packed_row(c, v, r, OP_PMULHW, ANY);
    case 0xe6:
      return convert_double_int32(c, v, r);
    case 0xe7:
      return mov_non_temporal(c, v, r);
    case 0xe8:
      return packed_row(c, v, r, OP_PSUBSB, ANY);
    case 0xe9:
      return packed_row(c, v, r, OP_PSUBSW, ANY);
    case 0xea:
      return packed_row(c, v, r, OP_PMINSW, ANY);
    case 0xeb:
      return packed_row(c, v, r, OP_POR, ANY);
    case 0xec:
      return packed_row(c, v, r, OP_PADDSB, ANY);
    case 0xed:
      return packed_row(c, v, r, OP_PADDSW, ANY);
    case 0xee:
      return packed_row(c, v, r, OP_PMAXSW, ANY);
    case 0xef:
      return packed_row(c, v, r, OP_PXOR, ANY);
    case 0xf0:
      if (mandatory_prefix(c) != PREFIX_F2) return undefined_opcode(c, r);
      return move_load(c, v, r, MEMORY | UNALIGNED); // LDDQU
    case 0xf1:
      return shift_by_vector(c, v, r, OP_PSLLW);
    case 0xf2:
      return shift_by_vector(c, v, r, OP_PSLLD);
    case 0xf3:
      return shift_by_vector(c, v, r, OP_PSLLQ);
    case 0xf4:
      return packed_row(c, v, r, OP_PMULUDQ, ANY);
    case 0xf5:
      return packed_row(c, v, r, OP_PMADDWD, ANY);
    case 0xf6:
      return packed_row(c, v, r, OP_PSADBW, ANY);
    case 0xf7:
      return mask_move(c, v, r);
    case 0xf8:
      return packed_row(c, v, r, OP_PSUBB, ANY);
    case 0xf9:
      return packed_row(c, v, r, OP_PSUBW, ANY);
    case 0xfa:
      return packed_row(c, v, r, OP_PSUBD, ANY);
    case 0xfb:
      return packed_row(c, v, r, OP_PSUBQ, ANY);
    case 0xfc:
      return packed_row(c, v, r, OP_PADDB, ANY);
    case 0xfd:
      return packed_row(c, v, r, OP_PADDW, ANY);
    case 0xfe:
      return packed_row(c, v, r, OP_PADDD, ANY);
    default:
      undefined_opcode(c, r);
  }
}
