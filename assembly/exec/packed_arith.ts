// Packed operations element by element, on one lane of 128 bits: sums, products, comparisons, logic. Where Wasm has the same
// operation to the bit it is that; each other one says how it differs.
import {
  OP_PABSB,
  OP_PABSD,
  OP_PABSW,
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
  OP_PCMPEQQ,
  OP_PCMPEQW,
  OP_PCMPGTB,
  OP_PCMPGTD,
  OP_PCMPGTQ,
  OP_PCMPGTW,
  OP_PMADDUBSW,
  OP_PMADDWD,
  OP_PMAXSB,
  OP_PMAXSD,
  OP_PMAXSW,
  OP_PMAXUB,
  OP_PMAXUD,
  OP_PMAXUW,
  OP_PMINSB,
  OP_PMINSD,
  OP_PMINSW,
  OP_PMINUB,
  OP_PMINUD,
  OP_PMINUW,
  OP_PMULDQ,
  OP_PMULHRSW,
  OP_PMULHUW,
  OP_PMULHW,
  OP_PMULLD,
  OP_PMULLW,
  OP_PMULUDQ,
  OP_POR,
  OP_PSADBW,
  OP_PSIGNB,
  OP_PSIGND,
  OP_PSIGNW,
  OP_PSUBB,
  OP_PSUBD,
  OP_PSUBQ,
  OP_PSUBSB,
  OP_PSUBSW,
  OP_PSUBUSB,
  OP_PSUBUSW,
  OP_PSUBW,
  OP_PXOR,
  OP_VPSLLVD,
  OP_VPSLLVQ,
  OP_VPSRAVD,
  OP_VPSRLVD,
} from '../abi/ops_packed';
import { shifted_each_32, shifted_each_64 } from './packed_shift';

/** The even doublewords, packed into the low half. */
function even(a: v128): v128 {
  return v128.shuffle<u32>(a, a, 0, 2, 0, 2);
}

/** The upper words of two vectors of doublewords. */
function upper_words(low: v128, high: v128): v128 {
  return v128.shuffle<u16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
}

/** Products rounded to their upper 16 bits less one; Wasm saturates -1 * -1, the x86 wraps it. */
function pmulhrsw(a: v128, b: v128): v128 {
  const lowest = i16x8.splat(-0x8000);
  return v128.xor(i16x8.q15mulr_sat_s(a, b), v128.and(i16x8.eq(a, lowest), i16x8.eq(b, lowest)));
}

/** Unsigned bytes times signed bytes, neighbours added with saturation. */
function pmaddubsw(a: v128, b: v128): v128 {
  const even_products = i16x8.mul(v128.and(a, i16x8.splat(0xff)), i16x8.shr_s(i16x8.shl(b, 8), 8));
  return i16x8.add_sat_s(even_products, i16x8.mul(i16x8.shr_u(a, 8), i16x8.shr_s(b, 8)));
}

/** The sum of the absolute differences of each eight bytes. */
function psadbw(a: v128, b: v128): v128 {
  const differences = i8x16.sub(i8x16.max_u(a, b), i8x16.min_u(a, b));
  const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(differences));
  return i64x2.add(v128.and(sums, i64x2.splat(0xffffffff)), i64x2.shr_u(sums, 32));
}

/** a, negated where b is negative and 0 where b is 0: `sign` has all bits of the elements with negative b. */
function with_sign(op: u32, a: v128, b: v128): v128 {
  const zero = i64x2.splat(0);
  if (op == OP_PSIGNB) {
    const sign = i8x16.shr_s(b, 7);
    return v128.andnot(i8x16.sub(v128.xor(a, sign), sign), i8x16.eq(b, zero));
  }
  if (op == OP_PSIGNW) {
    const sign = i16x8.shr_s(b, 15);
    return v128.andnot(i16x8.sub(v128.xor(a, sign), sign), i16x8.eq(b, zero));
  }
  const sign = i32x4.shr_s(b, 31);
  return v128.andnot(i32x4.sub(v128.xor(a, sign), sign), i32x4.eq(b, zero));
}

/** OP_PADDB .. OP_VPSRAVD. */
export function elementwise(op: u32, a: v128, b: v128): v128 {
  switch (op) {
    case OP_PADDB:
      return i8x16.add(a, b);
    case OP_PADDW:
      return i16x8.add(a, b);
    case OP_PADDD:
      return i32x4.add(a, b);
    case OP_PADDQ:
      return i64x2.add(a, b);
    case OP_PADDSB:
      return i8x16.add_sat_s(a, b);
    case OP_PADDSW:
      return i16x8.add_sat_s(a, b);
    case OP_PADDUSB:
      return i8x16.add_sat_u(a, b);
    case OP_PADDUSW:
      return i16x8.add_sat_u(a, b);
    case OP_PSUBB:
      return i8x16.sub(a, b);
    case OP_PSUBW:
      return i16x8.sub(a, b);
    case OP_PSUBD:
      return i32x4.sub(a, b);
    case OP_PSUBQ:
      return i64x2.sub(a, b);
    case OP_PSUBSB:
      return i8x16.sub_sat_s(a, b);
    case OP_PSUBSW:
      return i16x8.sub_sat_s(a, b);
    case OP_PSUBUSB:
      return i8x16.sub_sat_u(a, b);
    case OP_PSUBUSW:
      return i16x8.sub_sat_u(a, b);
    case OP_PMULLW:
      return i16x8.mul(a, b);
    case OP_PMULHW:
      return upper_words(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b));
    case OP_PMULHUW:
      return upper_words(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b));
    case OP_PMULHRSW:
      return pmulhrsw(a, b);
    case OP_PMULLD:
      return i32x4.mul(a, b);
    case OP_PMULUDQ:
      return i64x2.extmul_low_i32x4_u(even(a), even(b));
    case OP_PMULDQ:
      return i64x2.extmul_low_i32x4_s(even(a), even(b));
    case OP_PMADDWD:
      return i32x4.dot_i16x8_s(a, b);
    case OP_PMADDUBSW:
      return pmaddubsw(a, b);
    case OP_PSADBW:
      return psadbw(a, b);
    case OP_PAVGB:
      return i8x16.avgr_u(a, b);
    case OP_PAVGW:
      return i16x8.avgr_u(a, b);
    case OP_PMINUB:
      return i8x16.min_u(a, b);
    case OP_PMINUW:
      return i16x8.min_u(a, b);
    case OP_PMINUD:
      return i32x4.min_u(a, b);
    case OP_PMINSB:
      return i8x16.min_s(a, b);
    case OP_PMINSW:
      return i16x8.min_s(a, b);
    case OP_PMINSD:
      return i32x4.min_s(a, b);
    case OP_PMAXUB:
      return i8x16.max_u(a, b);
    case OP_PMAXUW:
      return i16x8.max_u(a, b);
    case OP_PMAXUD:
      return i32x4.max_u(a, b);
    case OP_PMAXSB:
      return i8x16.max_s(a, b);
    case OP_PMAXSW:
      return i16x8.max_s(a, b);
    case OP_PMAXSD:
      return i32x4.max_s(a, b);
    case OP_PCMPEQB:
      return i8x16.eq(a, b);
    case OP_PCMPEQW:
      return i16x8.eq(a, b);
    case OP_PCMPEQD:
      return i32x4.eq(a, b);
    case OP_PCMPEQQ:
      return i64x2.eq(a, b);
    case OP_PCMPGTB:
      return i8x16.gt_s(a, b);
    case OP_PCMPGTW:
      return i16x8.gt_s(a, b);
    case OP_PCMPGTD:
      return i32x4.gt_s(a, b);
    case OP_PCMPGTQ:
      return i64x2.gt_s(a, b);
    case OP_PAND:
      return v128.and(a, b);
    case OP_PANDN:
      return v128.andnot(b, a);
    case OP_POR:
      return v128.or(a, b);
    case OP_PXOR:
      return v128.xor(a, b);
    case OP_PABSB:
      return i8x16.abs(b);
    case OP_PABSW:
      return i16x8.abs(b);
    case OP_PABSD:
      return i32x4.abs(b);
    case OP_PSIGNB:
    case OP_PSIGNW:
    case OP_PSIGND:
      return with_sign(op, a, b);
    case OP_VPSLLVD:
    case OP_VPSRLVD:
    case OP_VPSRAVD:
      return shifted_each_32(op, a, b);
    default:
      return shifted_each_64(op == OP_VPSLLVQ, a, b);
  }
}
