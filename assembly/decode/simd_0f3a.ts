// The SIMD rows of the three-byte opcode map 0F 3A, legacy and VEX (SDM vol. 2, table A-5). All have an immediate.
import { OP_CVTPS2PH, OP_FLOAT_DP, OP_FLOAT_ROUND } from '../abi/ops_float';
import {
  OP_AESKEYGENASSIST,
  OP_BLENDPD,
  OP_BLENDPS,
  OP_BLENDVPD,
  OP_BLENDVPS,
  OP_INSERTPS,
  OP_MPSADBW,
  OP_PALIGNR,
  OP_PBLENDVB,
  OP_PBLENDW,
  OP_PCLMULQDQ,
  OP_PCMPESTRI,
  OP_PCMPESTRM,
  OP_PCMPISTRI,
  OP_PCMPISTRM,
  OP_PSHUFD,
  OP_SHA1RNDS4,
  OP_VINSERTF128,
  OP_VPERM2F128,
  OP_VPERMILPD_I,
  OP_VPERMQ,
} from '../abi/ops_packed';
import { R_WIDE } from '../abi/simd';
import { WRITE } from './modrm';
import { undefined_opcode } from './record';
import {
  reg_vector,
  rm_vector,
  set_unit_op,
  set_vector_form,
  simd_imm8,
  UNIT_AVX,
  vector_bytes,
} from './simd';
import { extract, extract_half, insert } from './simd_moves';
import {
  allowed,
  float_bytes,
  IMM8,
  IS4,
  is_wide,
  L0,
  L1,
  mandatory_prefix,
  PREFIX_66,
  packed_row,
  row_66,
  row_66_bytes,
  row_none,
  UNALIGNED,
  UNARY,
  VEX,
  W0,
  W1,
} from './simd_rows';

/** VCVTPS2PH: stores half as many bytes as the vector has. */
function store_halves(c: u32, v: u32, r: u32): void {
  if (!allowed(c, VEX | W0 | UNARY)) return undefined_opcode(c, r);
  reg_vector(c, v, r);
  rm_vector(c, v, r, vector_bytes(c) >> 1, WRITE, false);
  set_vector_form(c, v, r);
  simd_imm8(c, r);
  set_unit_op(c, r, OP_CVTPS2PH, UNIT_AVX);
}

/** PCMPESTRM and its kin; explicit lengths have 64 bits with REX.W. */
function compare_strings(c: u32, v: u32, r: u32, op: u32): void {
  row_66(c, v, r, op, L0 | UNARY | UNALIGNED | IMM8);
  store<u8>(r + R_WIDE, is_wide(c) as u8);
}

/** Decodes opcode `op` behind 0F 3A, or behind a VEX prefix that means it; the ModRM byte is fetched. */
export function decode_simd_0f3a(c: u32, v: u32, r: u32, op: u32): void {
  // The only two rows that have a form without prefix 66.
  if (op == 0x0f) return packed_row(c, v, r, OP_PALIGNR, IMM8);
  if (op == 0xcc) return row_none(c, v, r, OP_SHA1RNDS4, IMM8);
  if (mandatory_prefix(c) != PREFIX_66) return undefined_opcode(c, r);
  switch (op) {
    case 0x00:
    case 0x01:
      return row_66(c, v, r, OP_VPERMQ, VEX | L1 | W1 | UNARY | IMM8); // VPERMQ, VPERMPD
    case 0x02:
      return row_66(c, v, r, OP_BLENDPS, VEX | W0 | IMM8); // VPBLENDD
    case 0x04:
      return row_66(c, v, r, OP_PSHUFD, VEX | W0 | UNARY | IMM8); // VPERMILPS
    case 0x05:
      return row_66(c, v, r, OP_VPERMILPD_I, VEX | W0 | UNARY | IMM8);
    case 0x06:
    case 0x46:
      return row_66(c, v, r, OP_VPERM2F128, VEX | L1 | W0 | IMM8); // VPERM2F128, VPERM2I128
    case 0x08:
    case 0x09:
      return row_66(c, v, r, OP_FLOAT_ROUND + (op & 3), UNARY | IMM8);
    case 0x0a:
    case 0x0b:
      return row_66_bytes(c, v, r, OP_FLOAT_ROUND + (op & 3), float_bytes(c, op & 3), IMM8);
    case 0x0c:
      return row_66(c, v, r, OP_BLENDPS, IMM8);
    case 0x0d:
      return row_66(c, v, r, OP_BLENDPD, IMM8);
    case 0x0e:
      return row_66(c, v, r, OP_PBLENDW, IMM8);
    case 0x14:
      return extract(c, v, r, 0);
    case 0x15:
      return extract(c, v, r, 1);
    case 0x16:
      return extract(c, v, r, is_wide(c) ? 3 : 2);
    case 0x17:
      return extract(c, v, r, 2); // EXTRACTPS
    case 0x18:
    case 0x38:
      return row_66_bytes(c, v, r, OP_VINSERTF128, 16, VEX | L1 | W0 | IMM8); // VINSERTF128, VINSERTI128
    case 0x19:
    case 0x39:
      return extract_half(c, v, r);
    case 0x1d:
      return store_halves(c, v, r);
    case 0x20:
      return insert(c, v, r, 0, false);
    case 0x21:
      return row_66_bytes(c, v, r, OP_INSERTPS, 4, L0 | IMM8);
    case 0x22:
      return insert(c, v, r, is_wide(c) ? 3 : 2, false);
    case 0x40:
      return row_66(c, v, r, OP_FLOAT_DP, IMM8);
    case 0x41:
      return row_66(c, v, r, OP_FLOAT_DP + 1, L0 | IMM8);
    case 0x42:
      return row_66(c, v, r, OP_MPSADBW, IMM8);
    case 0x44:
      return row_66(c, v, r, OP_PCLMULQDQ, L0 | IMM8);
    case 0x4a:
      return row_66(c, v, r, OP_BLENDVPS, VEX | W0 | IS4);
    case 0x4b:
      return row_66(c, v, r, OP_BLENDVPD, VEX | W0 | IS4);
    case 0x4c:
      return row_66(c, v, r, OP_PBLENDVB, VEX | W0 | IS4);
    case 0x60:
      return compare_strings(c, v, r, OP_PCMPESTRM);
    case 0x61:
      return compare_strings(c, v, r, OP_PCMPESTRI);
    case 0x62:
      return compare_strings(c, v, r, OP_PCMPISTRM);
    case 0x63:
      return compare_strings(c, v, r, OP_PCMPISTRI);
    case 0xdf:
      return row_66(c, v, r, OP_AESKEYGENASSIST, L0 | UNARY | IMM8);
    default:
      undefined_opcode(c, r);
  }
}
