// Packed operations across the elements of one lane of 128 bits: horizontal sums, packing, interleaving, permuting, blending,
// widening. A permutation with a variable order is one swizzle of bytes, whose indices beyond 15 give 0.
import {
  OP_BLENDPD,
  OP_BLENDPS,
  OP_BLENDVPS,
  OP_MPSADBW,
  OP_PACKSSDW,
  OP_PACKSSWB,
  OP_PACKUSDW,
  OP_PACKUSWB,
  OP_PALIGNR,
  OP_PBLENDVB,
  OP_PBLENDW,
  OP_PHADDD,
  OP_PHADDSW,
  OP_PHADDW,
  OP_PHSUBD,
  OP_PHSUBSW,
  OP_PHSUBW,
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
  OP_PSHUFB,
  OP_PSHUFD,
  OP_PSHUFHW,
  OP_PSHUFLW,
  OP_PSHUFW,
  OP_PUNPCKHBW,
  OP_PUNPCKHDQ,
  OP_PUNPCKHQDQ,
  OP_PUNPCKHWD,
  OP_PUNPCKLBW,
  OP_PUNPCKLDQ,
  OP_PUNPCKLQDQ,
  OP_PUNPCKLWD,
  OP_SHUFPD,
  OP_SHUFPS,
  OP_VPERMILPD_I,
  OP_VPERMILPS,
} from '../abi/ops_packed';
import { bytes_down, bytes_up } from './packed_shift';

function even_words(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
}

function odd_words(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}

function even_doublewords(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 0, 2, 4, 6);
}

function odd_doublewords(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 1, 3, 5, 7);
}

/** The quadwords of `a` that `control` chooses by bit 1 of each quadword. */
function vpermilpd(a: v128, control: v128): v128 {
  const chosen = i64x2.shr_s(i64x2.shl(control, 62), 63);
  return v128.bitselect(v128.shuffle<u64>(a, a, 1, 1), v128.shuffle<u64>(a, a, 0, 0), chosen);
}

/** The doublewords of `a` that the low two bits of each doubleword choose. */
function vpermilps(a: v128, control: v128): v128 {
  const index = v128.and(control, i32x4.splat(3));
  return i8x16.swizzle(a, i32x4.add(i32x4.mul(index, i32x4.splat(0x04040404)), i32x4.splat(0x03020100)));
}

/** The smallest word, and where it first stands. */
export function phminposuw(b: v128): v128 {
  // With its index below each word one comparison decides on both.
  const low = v128.or(i32x4.shl(i32x4.extend_low_i16x8_u(b), 16), i32x4(0, 1, 2, 3));
  const high = v128.or(i32x4.shl(i32x4.extend_high_i16x8_u(b), 16), i32x4(4, 5, 6, 7));
  let least = i32x4.min_u(low, high);
  least = i32x4.min_u(least, v128.shuffle<u32>(least, least, 2, 3, 0, 1));
  least = i32x4.min_u(least, v128.shuffle<u32>(least, least, 1, 0, 3, 2));
  const found = i32x4.extract_lane(least, 0) as u32;
  return i64x2.replace_lane(i64x2.splat(0), 0, rotl<u32>(found, 16) as u64);
}

/** OP_PHADDW .. OP_VPERMILPD. */
export function across(op: u32, a: v128, b: v128): v128 {
  switch (op) {
    case OP_PHADDW:
      return i16x8.add(even_words(a, b), odd_words(a, b));
    case OP_PHADDD:
      return i32x4.add(even_doublewords(a, b), odd_doublewords(a, b));
    case OP_PHADDSW:
      return i16x8.add_sat_s(even_words(a, b), odd_words(a, b));
    case OP_PHSUBW:
      return i16x8.sub(even_words(a, b), odd_words(a, b));
    case OP_PHSUBD:
      return i32x4.sub(even_doublewords(a, b), odd_doublewords(a, b));
    case OP_PHSUBSW:
      return i16x8.sub_sat_s(even_words(a, b), odd_words(a, b));
    case OP_PACKSSWB:
      return i8x16.narrow_i16x8_s(a, b);
    case OP_PACKSSDW:
      return i16x8.narrow_i32x4_s(a, b);
    case OP_PACKUSWB:
      return i8x16.narrow_i16x8_u(a, b);
    case OP_PACKUSDW:
      return i16x8.narrow_i32x4_u(a, b);
    case OP_PUNPCKLBW:
      return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    case OP_PUNPCKLWD:
      return v128.shuffle<u16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    case OP_PUNPCKLDQ:
      return v128.shuffle<u32>(a, b, 0, 4, 1, 5);
    case OP_PUNPCKLQDQ:
      return v128.shuffle<u64>(a, b, 0, 2);
    case OP_PUNPCKHBW:
      return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    case OP_PUNPCKHWD:
      return v128.shuffle<u16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    case OP_PUNPCKHDQ:
      return v128.shuffle<u32>(a, b, 2, 6, 3, 7);
    case OP_PUNPCKHQDQ:
      return v128.shuffle<u64>(a, b, 1, 3);
    case OP_PSHUFB:
      // Bit 7 gives 0, as any index beyond 15 does; bits 4 to 6 are ignored.
      return i8x16.swizzle(a, v128.and(b, i8x16.splat(0x8f as i8)));
    case OP_VPERMILPS:
      return vpermilps(a, b);
    default:
      return vpermilpd(a, b);
  }
}

/** Four numbers of two bits, from the low ones up, each in a byte of its own. */
function fields(imm: u32): u32 {
  return (imm | (imm << 6) | (imm << 12) | (imm << 18)) & 0x03030303;
}

/** Swizzle indices of four doublewords in the order of an immediate. */
function doubleword_order(imm: u32): v128 {
  const spread = i32x4.splat(fields(imm) << 2);
  const index = v128.shuffle<u8>(spread, spread, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  return v128.or(index, i32x4.splat(0x03020100));
}

/** The low four words in the order of an immediate. */
function pshuflw(a: v128, imm: u32): v128 {
  const spread = i32x4.splat(fields(imm) << 1);
  const keep = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const index = v128.shuffle<u8>(spread, keep, 0, 0, 1, 1, 2, 2, 3, 3, 24, 25, 26, 27, 28, 29, 30, 31);
  return i8x16.swizzle(a, v128.or(index, i16x8(0x100, 0x100, 0x100, 0x100, 0, 0, 0, 0)));
}

/** The high four words in the order of an immediate. */
function pshufhw(a: v128, imm: u32): v128 {
  const turned = pshuflw(v128.shuffle<u64>(a, a, 1, 0), imm);
  return v128.shuffle<u64>(turned, turned, 1, 0);
}

/** Bytes `count` .. `count` + 15 of a : b. */
function palignr(a: v128, b: v128, count: u32): v128 {
  return count < 16 ? v128.or(bytes_down(b, count), bytes_up(a, 16 - count)) : bytes_down(a, count - 16);
}

/** Sums of the absolute differences of a block of four bytes of `b` and the eight blocks of `a` that begin side by side. */
function mpsadbw(a: v128, b: v128, imm: u32): v128 {
  let bytes = bytes_down(a, imm & 4);
  let block = bytes_down(b, (imm & 3) << 2);
  let sums = i64x2.splat(0);
  for (let i = 0; i < 4; i++) {
    const one = i8x16.swizzle(block, i64x2.splat(0));
    const differences = i8x16.sub(i8x16.max_u(bytes, one), i8x16.min_u(bytes, one));
    sums = i16x8.add(sums, i16x8.extend_low_i8x16_u(differences));
    bytes = bytes_down(bytes, 1);
    block = bytes_down(block, 1);
  }
  return sums;
}

/** OP_PSHUFD .. OP_MPSADBW. */
export function ordered(op: u32, a: v128, b: v128, imm: u32): v128 {
  switch (op) {
    case OP_PSHUFD:
      return i8x16.swizzle(b, doubleword_order(imm));
    case OP_PSHUFHW:
      return pshufhw(b, imm);
    case OP_PSHUFLW:
    case OP_PSHUFW:
      return pshuflw(b, imm);
    case OP_SHUFPS: {
      const order = doubleword_order(imm);
      return v128.shuffle<u32>(i8x16.swizzle(a, order), i8x16.swizzle(b, order), 0, 1, 6, 7);
    }
    case OP_SHUFPD:
    case OP_VPERMILPD_I: {
      const first = op == OP_SHUFPD ? a : b;
      const low = imm & 1 ? i64x2.extract_lane(first, 1) : i64x2.extract_lane(first, 0);
      const high = imm & 2 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0);
      return i64x2.replace_lane(i64x2.splat(low), 1, high);
    }
    case OP_PALIGNR:
      return palignr(a, b, imm);
    case OP_PBLENDW: {
      const bits = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
      return v128.bitselect(b, a, i16x8.eq(v128.and(i16x8.splat(imm as i16), bits), bits));
    }
    case OP_BLENDPS: {
      const bits = i32x4(1, 2, 4, 8);
      return v128.bitselect(b, a, i32x4.eq(v128.and(i32x4.splat(imm), bits), bits));
    }
    case OP_BLENDPD: {
      const bits = i64x2(1, 2);
      return v128.bitselect(b, a, i64x2.eq(v128.and(i64x2.splat(imm), bits), bits));
    }
    default:
      return mpsadbw(a, b, imm);
  }
}

/** By how much the immediate is shifted for the upper lane of 256 bits: where the lanes have bits of their own. */
export function lane_bits(op: u32): u32 {
  switch (op) {
    case OP_BLENDPS:
      return 4;
    case OP_MPSADBW:
      return 3;
    case OP_SHUFPD:
    case OP_VPERMILPD_I:
    case OP_BLENDPD:
      return 2;
    default:
      return 0;
  }
}

/** PBLENDVB, BLENDVPS, BLENDVPD: the elements of `b` where those of `mask` are negative. */
export function blended(op: u32, a: v128, b: v128, mask: v128): v128 {
  if (op == OP_PBLENDVB) return v128.bitselect(b, a, i8x16.shr_s(mask, 7));
  if (op == OP_BLENDVPS) return v128.bitselect(b, a, i32x4.shr_s(mask, 31));
  return v128.bitselect(b, a, i64x2.shr_s(mask, 63));
}

/** log2 of how many times wider the elements become: BW BD BQ WD WQ DQ, with sign, then with zeros. */
function widening(op: u32): u32 {
  const kind = (op - OP_PMOVSXBW) % 6;
  return kind == OP_PMOVSXBQ - OP_PMOVSXBW
    ? 3
    : kind == OP_PMOVSXBD - OP_PMOVSXBW || kind == OP_PMOVSXWQ - OP_PMOVSXBW
      ? 2
      : 1;
}

/** Bytes that become one lane of a PMOVSX or PMOVZX. */
export function narrow_bytes(op: u32): u32 {
  return 16 >> widening(op);
}

/** PMOVSX and PMOVZX: the lane made from the bytes at `p`, of which there are only `narrow_bytes`. */
export function widened(op: u32, p: u32): v128 {
  const steps = widening(op);
  const a = steps == 1 ? v128.load64_zero(p) : steps == 2 ? v128.load32_zero(p) : i32x4.splat(load<u16>(p));
  switch (op) {
    case OP_PMOVSXBW:
      return i16x8.extend_low_i8x16_s(a);
    case OP_PMOVSXBD:
      return i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(a));
    case OP_PMOVSXBQ:
      return i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(a)));
    case OP_PMOVSXWD:
      return i32x4.extend_low_i16x8_s(a);
    case OP_PMOVSXWQ:
      return i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(a));
    case OP_PMOVSXDQ:
      return i64x2.extend_low_i32x4_s(a);
    case OP_PMOVZXBW:
      return i16x8.extend_low_i8x16_u(a);
    case OP_PMOVZXBD:
      return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(a));
    case OP_PMOVZXBQ:
      return i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(a)));
    case OP_PMOVZXWD:
      return i32x4.extend_low_i16x8_u(a);
    case OP_PMOVZXDQ:
      return i64x2.extend_low_i32x4_u(a);
    default:
      return i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(a));
  }
}
