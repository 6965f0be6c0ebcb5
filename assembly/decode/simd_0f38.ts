// The SIMD rows of the three-byte opcode map 0F 38, legacy and VEX (SDM vol. 2, table A-4).
import { OP_CVTPH2PS, OP_FMA } from '../abi/ops_float';
import {
  OP_LOAD_VECTOR,
  OP_VBROADCAST,
  OP_VGATHER,
  OP_VMASKMOV_LOAD,
  OP_VMASKMOV_STORE,
} from '../abi/ops_move';
import {
  OP_AESDEC,
  OP_AESDECLAST,
  OP_AESENC,
  OP_AESENCLAST,
  OP_AESIMC,
  OP_BLENDVPD,
  OP_BLENDVPS,
  OP_PABSB,
  OP_PABSD,
  OP_PABSW,
  OP_PACKUSDW,
  OP_PBLENDVB,
  OP_PCMPEQQ,
  OP_PCMPGTQ,
  OP_PHADDD,
  OP_PHADDSW,
  OP_PHADDW,
  OP_PHMINPOSUW,
  OP_PHSUBD,
  OP_PHSUBSW,
  OP_PHSUBW,
  OP_PMADDUBSW,
  OP_PMAXSB,
  OP_PMAXSD,
  OP_PMAXUD,
  OP_PMAXUW,
  OP_PMINSB,
  OP_PMINSD,
  OP_PMINUD,
  OP_PMINUW,
  OP_PMOVSXBD,
  OP_PMOVSXBQ,
  OP_PMOVSXBW,
  OP_PMOVSXDQ,
  OP_PMOVSXWD,
  OP_PMOVSXWQ,
  OP_PMOVZXBD,
  OP_PMOVZXBQ,
  OP_PMOVZXBW,
  OP_PMOVZXDQ,
  OP_PMOVZXWD,
  OP_PMOVZXWQ,
  OP_PMULDQ,
  OP_PMULHRSW,
  OP_PMULLD,
  OP_PSHUFB,
  OP_PSIGNB,
  OP_PSIGND,
  OP_PSIGNW,
  OP_PTEST,
  OP_SHA1MSG1,
  OP_SHA1MSG2,
  OP_SHA1NEXTE,
  OP_SHA256MSG1,
  OP_SHA256MSG2,
  OP_SHA256RNDS2,
  OP_VPERMD,
  OP_VPERMILPD,
  OP_VPERMILPS,
  OP_VPSLLVD,
  OP_VPSRAVD,
  OP_VPSRLVD,
  OP_VTESTPD,
  OP_VTESTPS,
} from '../abi/ops_packed';
import { C_REX } from './cursor';
import { undefined_opcode } from './record';
import { vector_bytes } from './simd';
import { gather_row, masked_row } from './simd_moves';
import {
  ALIGNED,
  ANY,
  L0,
  L1,
  LEGACY,
  MEMORY,
  mandatory_prefix,
  PREFIX_66,
  packed_row,
  row_66,
  row_66_bytes,
  row_none,
  UNARY,
  VEX,
  W0,
} from './simd_rows';

/** VEX.W as a number. */
function vex_w(c: u32): u32 {
  return (load<u32>(c + C_REX) >> 3) & 1;
}

/** PMOVSX and PMOVZX: the source has 1 / 2^shift of the bytes of the vector. */
function widen(c: u32, v: u32, r: u32, op: u32, shift: u32): void {
  row_66_bytes(c, v, r, op, vector_bytes(c) >> shift, UNARY);
}

/** An element of 2^size bytes to all elements. */
function broadcast(c: u32, v: u32, r: u32, size: u32, traits: u32): void {
  row_66_bytes(c, v, r, OP_VBROADCAST + size, 1 << size, VEX | W0 | UNARY | traits);
}

/** Shifts by counts of their own, of 32 bits or with W1 of 64. */
function shift_each(c: u32, v: u32, r: u32, op: u32): void {
  row_66(c, v, r, op + vex_w(c), VEX);
}

/** VMASKMOVPS and PD: the element size is the opcode's; VPMASKMOVD and Q: it is VEX.W. */
function masked(c: u32, v: u32, r: u32, op: u32, traits: u32): void {
  if (mandatory_prefix(c) != PREFIX_66) return undefined_opcode(c, r);
  masked_row(c, v, r, op, traits);
}

/** VGATHER, VPGATHER: 90 and 92 have indices of 32 bits, 91 and 93 of 64; elements by VEX.W. */
function gather(c: u32, v: u32, r: u32, op: u32): void {
  if (mandatory_prefix(c) != PREFIX_66) return undefined_opcode(c, r);
  gather_row(c, v, r, OP_VGATHER + (op & 1) * 2 + vex_w(c));
}

/** 96..9F, A6..AF, B6..BF: VEX.W is the width; from xxx8 on odd ones are scalar, and VEX.L is ignored there. */
function fma(c: u32, v: u32, r: u32, op: u32): void {
  const kind = op & 15;
  const scalar = kind > 8 && (kind & 1) != 0;
  const bytes: u32 = scalar ? 4 << vex_w(c) : vector_bytes(c);
  row_66_bytes(c, v, r, OP_FMA + ((op >> 4) - 9) * 32 + kind * 2 + vex_w(c), bytes, VEX);
}

/** Decodes opcode `op` behind 0F 38, or behind a VEX prefix that means it; the ModRM byte is fetched. */
export function decode_simd_0f38(c: u32, v: u32, r: u32, op: u32): void {
  if (op >= 0x96 && op < 0xc0 && (op & 15) >= 6) return fma(c, v, r, op);
  switch (op) {
    case 0x00:
      return packed_row(c, v, r, OP_PSHUFB, ANY);
    case 0x01:
      return packed_row(c, v, r, OP_PHADDW, ANY);
    case 0x02:
      return packed_row(c, v, r, OP_PHADDD, ANY);
    case 0x03:
      return packed_row(c, v, r, OP_PHADDSW, ANY);
    case 0x04:
      return packed_row(c, v, r, OP_PMADDUBSW, ANY);
    case 0x05:
      return packed_row(c, v, r, OP_PHSUBW, ANY);
    case 0x06:
      return packed_row(c, v, r, OP_PHSUBD, ANY);
    case 0x07:
      return packed_row(c, v, r, OP_PHSUBSW, ANY);
    case 0x08:
      return packed_row(c, v, r, OP_PSIGNB, ANY);
    case 0x09:
      return packed_row(c, v, r, OP_PSIGNW, ANY);
    case 0x0a:
      return packed_row(c, v, r, OP_PSIGND, ANY);
    case 0x0b:
      return packed_row(c, v, r, OP_PMULHRSW, ANY);
    case 0x0c:
      return row_66(c, v, r, OP_VPERMILPS, VEX | W0);
    case 0x0d:
      return row_66(c, v, r, OP_VPERMILPD, VEX | W0);
    case 0x0e:
      return row_66(c, v, r, OP_VTESTPS, VEX | W0 | UNARY);
    case 0x0f:
      return row_66(c, v, r, OP_VTESTPD, VEX | W0 | UNARY);
    case 0x10:
      return row_66(c, v, r, OP_PBLENDVB, LEGACY);
    case 0x13:
      return row_66_bytes(c, v, r, OP_CVTPH2PS, vector_bytes(c) >> 1, VEX | W0 | UNARY);
    case 0x14:
      return row_66(c, v, r, OP_BLENDVPS, LEGACY);
    case 0x15:
      return row_66(c, v, r, OP_BLENDVPD, LEGACY);
    case 0x16:
      return row_66(c, v, r, OP_VPERMD, VEX | L1 | W0); // VPERMPS
    case 0x17:
      return row_66(c, v, r, OP_PTEST, UNARY);
    case 0x18:
      return broadcast(c, v, r, 2, ANY);
    case 0x19:
      return broadcast(c, v, r, 3, L1);
    case 0x1a:
      return broadcast(c, v, r, 4, L1 | MEMORY);
    case 0x1c:
      return packed_row(c, v, r, OP_PABSB, UNARY);
    case 0x1d:
      return packed_row(c, v, r, OP_PABSW, UNARY);
    case 0x1e:
      return packed_row(c, v, r, OP_PABSD, UNARY);
    case 0x20:
      return widen(c, v, r, OP_PMOVSXBW, 1);
    case 0x21:
      return widen(c, v, r, OP_PMOVSXBD, 2);
    case 0x22:
      return widen(c, v, r, OP_PMOVSXBQ, 3);
    case 0x23:
      return widen(c, v, r, OP_PMOVSXWD, 1);
    case 0x24:
      return widen(c, v, r, OP_PMOVSXWQ, 2);
    case 0x25:
      return widen(c, v, r, OP_PMOVSXDQ, 1);
    case 0x28:
      return row_66(c, v, r, OP_PMULDQ, ANY);
    case 0x29:
      return row_66(c, v, r, OP_PCMPEQQ, ANY);
    case 0x2a:
      return row_66(c, v, r, OP_LOAD_VECTOR, MEMORY | ALIGNED | UNARY); // MOVNTDQA
    case 0x2b:
      return row_66(c, v, r, OP_PACKUSDW, ANY);
    case 0x2c:
    case 0x2d:
      return masked(c, v, r, OP_VMASKMOV_LOAD + (op & 1), W0);
    case 0x2e:
    case 0x2f:
      return masked(c, v, r, OP_VMASKMOV_STORE + (op & 1), W0);
    case 0x30:
      return widen(c, v, r, OP_PMOVZXBW, 1);
    case 0x31:
      return widen(c, v, r, OP_PMOVZXBD, 2);
    case 0x32:
      return widen(c, v, r, OP_PMOVZXBQ, 3);
    case 0x33:
      return widen(c, v, r, OP_PMOVZXWD, 1);
    case 0x34:
      return widen(c, v, r, OP_PMOVZXWQ, 2);
    case 0x35:
      return widen(c, v, r, OP_PMOVZXDQ, 1);
    case 0x36:
      return row_66(c, v, r, OP_VPERMD, VEX | L1 | W0);
    case 0x37:
      return row_66(c, v, r, OP_PCMPGTQ, ANY);
    case 0x38:
      return row_66(c, v, r, OP_PMINSB, ANY);
    case 0x39:
      return row_66(c, v, r, OP_PMINSD, ANY);
    case 0x3a:
      return row_66(c, v, r, OP_PMINUW, ANY);
    case 0x3b:
      return row_66(c, v, r, OP_PMINUD, ANY);
    case 0x3c:
      return row_66(c, v, r, OP_PMAXSB, ANY);
    case 0x3d:
      return row_66(c, v, r, OP_PMAXSD, ANY);
    case 0x3e:
      return row_66(c, v, r, OP_PMAXUW, ANY);
    case 0x3f:
      return row_66(c, v, r, OP_PMAXUD, ANY);
    case 0x40:
      return row_66(c, v, r, OP_PMULLD, ANY);
    case 0x41:
      return row_66(c, v, r, OP_PHMINPOSUW, L0 | UNARY);
    case 0x45:
      return shift_each(c, v, r, OP_VPSRLVD);
    case 0x46:
      return row_66(c, v, r, OP_VPSRAVD, VEX | W0);
    case 0x47:
      return shift_each(c, v, r, OP_VPSLLVD);
    case 0x58:
      return broadcast(c, v, r, 2, ANY);
    case 0x59:
      return broadcast(c, v, r, 3, ANY);
    case 0x5a:
      return broadcast(c, v, r, 4, L1 | MEMORY);
    case 0x78:
      return broadcast(c, v, r, 0, ANY);
    case 0x79:
      return broadcast(c, v, r, 1, ANY);
    case 0x8c:
      return masked(c, v, r, OP_VMASKMOV_LOAD + vex_w(c), ANY);
    case 0x8e:
      return masked(c, v, r, OP_VMASKMOV_STORE + vex_w(c), ANY);
    case 0x90:
    case 0x91:
    case 0x92:
    case 0x93:
      return gather(c, v, r, op);
    case 0xc8:
      return row_none(c, v, r, OP_SHA1NEXTE, ANY);
    case 0xc9:
      return row_none(c, v, r, OP_SHA1MSG1, ANY);
    case 0xca:
      return row_none(c, v, r, OP_SHA1MSG2, ANY);
    case 0xcb:
      return row_none(c, v, r, OP_SHA256RNDS2, ANY);
    case 0xcc:
      return row_none(c, v, r, OP_SHA256MSG1, ANY);
    case 0xcd:
      return row_none(c, v, r, OP_SHA256MSG2, ANY);
    case 0xdb:
      return row_66(c, v, r, OP_AESIMC, L0 | UNARY);
    case 0xdc:
      return row_66(c, v, r, OP_AESENC, L0);
    case 0xdd:
      return row_66(c, v, r, OP_AESENCLAST, L0);
    case 0xde:
      return row_66(c, v, r, OP_AESDEC, L0);
    case 0xdf:
      return row_66(c, v, r, OP_AESDECLAST, L0);
    default:
      undefined_opcode(c, r);
  }
}
