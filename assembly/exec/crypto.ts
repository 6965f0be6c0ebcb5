// AES (FIPS 197), SHA-1 and SHA-256 (FIPS 180-4) and carry-less products, on one lane of 128 bits (SDM vol. 1, 12.12 to 12.13).
import {
  OP_AESDEC,
  OP_AESDECLAST,
  OP_AESENC,
  OP_AESENCLAST,
  OP_SHA1MSG1,
  OP_SHA1MSG2,
  OP_SHA1NEXTE,
  OP_SHA256MSG1,
} from '../abi/ops_packed';

// The S-box and its inverse (FIPS 197, 5.1.1 and 5.3.2).
const S_BOX = memory.data<u8>([
  0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76, 0xca, 0x82,
  0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0, 0xb7, 0xfd, 0x93, 0x26,
  0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15, 0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96,
  0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75, 0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0,
  0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84, 0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb,
  0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf, 0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f,
  0x50, 0x3c, 0x9f, 0xa8, 0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff,
  0xf3, 0xd2, 0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
  0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb, 0xe0, 0x32,
  0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79, 0xe7, 0xc8, 0x37, 0x6d,
  0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08, 0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6,
  0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a, 0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e,
  0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e, 0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e,
  0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf, 0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f,
  0xb0, 0x54, 0xbb, 0x16,
]);
const INVERSE_S_BOX = memory.data<u8>([
  0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb, 0x7c, 0xe3,
  0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb, 0x54, 0x7b, 0x94, 0x32,
  0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e, 0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9,
  0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25, 0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16,
  0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92, 0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15,
  0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84, 0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05,
  0xb8, 0xb3, 0x45, 0x06, 0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13,
  0x8a, 0x6b, 0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
  0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e, 0x47, 0xf1,
  0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b, 0xfc, 0x56, 0x3e, 0x4b,
  0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4, 0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07,
  0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f, 0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d,
  0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef, 0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb,
  0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61, 0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63,
  0x55, 0x21, 0x0c, 0x7d,
]);

/** Every byte replaced by its entry in the table: sixteen swizzles of sixteen entries, of which one has an index below 16. */
function substituted(table: usize, a: v128): v128 {
  let result = i64x2.splat(0);
  let index = a;
  for (let i: usize = 0; i < 256; i += 16) {
    result = v128.or(result, i8x16.swizzle(v128.load(table + i), index));
    index = i8x16.sub(index, i8x16.splat(16));
  }
  return result;
}

function shift_rows(a: v128): v128 {
  return v128.shuffle<u8>(a, a, 0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);
}

function inverse_shift_rows(a: v128): v128 {
  return v128.shuffle<u8>(a, a, 0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3);
}

/** Each byte times x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
function times_x(a: v128): v128 {
  return v128.xor(i8x16.shl(a, 1), v128.and(i8x16.shr_s(a, 7), i8x16.splat(0x1b)));
}

/** The bytes of each column moved up by two. */
function turned_twice(a: v128): v128 {
  return v128.shuffle<u16>(a, a, 1, 0, 3, 2, 5, 4, 7, 6);
}

function mix_columns(a: v128): v128 {
  const next = v128.shuffle<u8>(a, a, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
  const pairs = v128.xor(a, next);
  return v128.xor(v128.xor(times_x(pairs), next), turned_twice(pairs));
}

/** The inverse matrix is the matrix times (5 0 4 0). */
function inverse_mix_columns(a: v128): v128 {
  return mix_columns(v128.xor(a, times_x(times_x(v128.xor(a, turned_twice(a))))));
}

/** OP_AESENC .. OP_AESIMC: a round of the state `a` with the key `b`. */
export function aes(op: u32, a: v128, b: v128): v128 {
  switch (op) {
    case OP_AESENC:
      return v128.xor(mix_columns(substituted(S_BOX, shift_rows(a))), b);
    case OP_AESENCLAST:
      return v128.xor(substituted(S_BOX, shift_rows(a)), b);
    case OP_AESDEC:
      return v128.xor(inverse_mix_columns(substituted(INVERSE_S_BOX, inverse_shift_rows(a))), b);
    case OP_AESDECLAST:
      return v128.xor(substituted(INVERSE_S_BOX, inverse_shift_rows(a)), b);
    default:
      return inverse_mix_columns(b);
  }
}

/** AESKEYGENASSIST: the odd doublewords substituted, and the same rotated by a byte with the round constant. */
export function aes_key(b: v128, constant: u32): v128 {
  const words = substituted(S_BOX, v128.shuffle<u32>(b, b, 1, 1, 3, 3));
  const turned = v128.shuffle<u8>(words, words, 0, 1, 2, 3, 5, 6, 7, 4, 8, 9, 10, 11, 13, 14, 15, 12);
  const c = constant as i32;
  return v128.xor(turned, i32x4.replace_lane(i32x4.replace_lane(i64x2.splat(0), 1, c), 3, c));
}

/** Doubleword `n` of a vector; SHA numbers them from the high end. */
function word(a: v128, n: u32): u32 {
  if (n == 0) return i32x4.extract_lane(a, 0);
  if (n == 1) return i32x4.extract_lane(a, 1);
  return n == 2 ? i32x4.extract_lane(a, 2) : i32x4.extract_lane(a, 3);
}

function vector(w0: u32, w1: u32, w2: u32, w3: u32): v128 {
  const low = i64x2.splat((w0 as u64) | ((w1 as u64) << 32));
  return i64x2.replace_lane(low, 1, (w2 as u64) | ((w3 as u64) << 32));
}

/** SHA1RNDS4: four rounds on A B C D (a), with E in the first word of `b`; `part` is the quarter of the 80 rounds. */
export function sha1_rounds(state: v128, words: v128, part: u32): v128 {
  const k: u32 = part == 0 ? 0x5a827999 : part == 1 ? 0x6ed9eba1 : part == 2 ? 0x8f1bbcdc : 0xca62c1d6;
  let a = word(state, 3);
  let b = word(state, 2);
  let c = word(state, 1);
  let d = word(state, 0);
  let e: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    const f = part == 0 ? (b & c) ^ (~b & d) : part == 2 ? (b & c) ^ (b & d) ^ (c & d) : b ^ c ^ d;
    const next = f + rotl(a, 5) + word(words, 3 - i) + e + k;
    e = d;
    d = c;
    c = rotl(b, 30);
    b = a;
    a = next;
  }
  return vector(d, c, b, a);
}

/** SHA256RNDS2: two rounds on C D G H (a) and A B E F (b), with words and constants added in the low half of `wk`. */
export function sha256_rounds(cdgh: v128, abef: v128, wk: v128): v128 {
  let a = word(abef, 3);
  let b = word(abef, 2);
  let c = word(cdgh, 3);
  let d = word(cdgh, 2);
  let e = word(abef, 1);
  let f = word(abef, 0);
  let g = word(cdgh, 1);
  let h = word(cdgh, 0);
  for (let i: u32 = 0; i < 2; i++) {
    const choice = (e & f) ^ (~e & g);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const t = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + choice + word(wk, i);
    h = g;
    g = f;
    f = e;
    e = d + t;
    d = c;
    const next = t + (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + majority;
    c = b;
    b = a;
    a = next;
  }
  return vector(f, e, b, a);
}

/** Each doubleword rotated to the left. */
function rotated(a: v128, n: i32): v128 {
  return v128.or(i32x4.shl(a, n), i32x4.shr_u(a, 32 - n));
}

/** The later words of SHA-1's schedule depend on the first of the same four. */
function sha1_msg2(a: v128, b: v128): v128 {
  const w16 = rotl(word(a, 3) ^ word(b, 2), 1);
  const w17 = rotl(word(a, 2) ^ word(b, 1), 1);
  const w18 = rotl(word(a, 1) ^ word(b, 0), 1);
  return vector(rotl(word(a, 0) ^ w16, 1), w18, w17, w16);
}

/** sigma 0 of SHA-256's schedule. */
function sigma0(a: v128): v128 {
  return v128.xor(v128.xor(rotated(a, 25), rotated(a, 14)), i32x4.shr_u(a, 3));
}

function sigma1(w: u32): u32 {
  return rotr(w, 17) ^ rotr(w, 19) ^ (w >> 10);
}

/** The same as SHA-1's: two words depend on the two before. */
function sha256_msg2(a: v128, b: v128): v128 {
  const w16 = word(a, 0) + sigma1(word(b, 2));
  const w17 = word(a, 1) + sigma1(word(b, 3));
  return vector(w16, w17, word(a, 2) + sigma1(w16), word(a, 3) + sigma1(w17));
}

/** OP_SHA1NEXTE .. OP_SHA256MSG2. */
export function sha(op: u32, a: v128, b: v128): v128 {
  switch (op) {
    case OP_SHA1NEXTE:
      return i32x4.add(b, vector(0, 0, 0, rotl(word(a, 3), 30)));
    case OP_SHA1MSG1:
      return v128.xor(a, v128.shuffle<u64>(b, a, 1, 2));
    case OP_SHA1MSG2:
      return sha1_msg2(a, b);
    case OP_SHA256MSG1:
      return i32x4.add(a, sigma0(v128.shuffle<u32>(a, b, 1, 2, 3, 4)));
    default:
      return sha256_msg2(a, b);
  }
}

const EVERY_FOURTH: u64 = u64.MAX_VALUE / 15;

/**
 * The low 64 bits of a carry-less product. Every fourth bit of both factors at a time: in an ordinary product of such numbers
 * at most 16 ones meet in one place, so carries stay in the three bits between, or leave at the top.
 */
function carryless_low(x: u64, y: u64): u64 {
  let result: u64 = 0;
  for (let i: u64 = 0; i < 4; i++) {
    let sum: u64 = 0;
    for (let k: u64 = 0; k < 4; k++) {
      sum ^= (x & (EVERY_FOURTH << k)) * (y & (EVERY_FOURTH << ((i - k) & 3)));
    }
    result |= sum & (EVERY_FOURTH << i);
  }
  return result;
}

/** The bits of `mask` change places with those `n` above them. */
function exchanged(x: u64, mask: u64, n: u64): u64 {
  return ((x >> n) & mask) | ((x & mask) << n);
}

function bits_reversed(x: u64): u64 {
  const pairs = exchanged(x, u64.MAX_VALUE / 3, 1);
  return bswap(exchanged(exchanged(pairs, u64.MAX_VALUE / 5, 2), u64.MAX_VALUE / 17, 4));
}

/** PCLMULQDQ: the 128-bit carry-less product of the halves that bits 0 and 4 of `imm` choose. */
export function carryless_product(a: v128, b: v128, imm: u32): v128 {
  const x: u64 = imm & 1 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0);
  const y: u64 = imm & 16 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0);
  // The product reversed is the product of the factors reversed.
  const high = bits_reversed(carryless_low(bits_reversed(x), bits_reversed(y))) >> 1;
  return i64x2.replace_lane(i64x2.splat(carryless_low(x, y)), 1, high);
}
