// Wasm's SIMD instructions for emitted code: opcodes behind the prefix 0xfd. It knows no x86.

import { byte, uleb } from './wasm';

export const V128: u32 = 0x7b;
export const F64: u32 = 0x7c;
export const F32: u32 = 0x7d;

export const V128_LOAD: u32 = 0x00;
export const V128_LOAD64_SPLAT: u32 = 0x0a;
export const V128_STORE: u32 = 0x0b;
export const I8X16_SHUFFLE: u32 = 0x0d;
export const I8X16_SWIZZLE: u32 = 0x0e;
export const I8X16_SPLAT: u32 = 0x0f;
export const I32X4_SPLAT: u32 = 0x11;
export const I64X2_SPLAT: u32 = 0x12;
export const I8X16_REPLACE: u32 = 0x17;
export const I16X8_REPLACE: u32 = 0x1a;
export const I32X4_EXTRACT: u32 = 0x1b;
export const I32X4_REPLACE: u32 = 0x1c;
export const I64X2_EXTRACT: u32 = 0x1d;
export const I64X2_REPLACE: u32 = 0x1e;
export const F32X4_SPLAT: u32 = 0x13;
export const F64X2_SPLAT: u32 = 0x14;
export const F32X4_EXTRACT: u32 = 0x1f;
export const F32X4_REPLACE: u32 = 0x20;
export const F64X2_EXTRACT: u32 = 0x21;
export const F64X2_REPLACE: u32 = 0x22;
export const I32X4_EQ: u32 = 0x37;
export const F32X4_EQ: u32 = 0x41;
export const F64X2_EQ: u32 = 0x47;
export const FLOAT_LE: u32 = 4;
export const FLOAT_GE: u32 = 5;
export const V128_AND: u32 = 0x4e;
/** a & ~b. */
export const V128_ANDNOT: u32 = 0x4f;
export const V128_OR: u32 = 0x50;
export const V128_ANY_TRUE: u32 = 0x53;
export const V128_LOAD32_LANE: u32 = 0x56;
export const V128_LOAD64_LANE: u32 = 0x57;
export const V128_LOAD32_ZERO: u32 = 0x5c;
export const V128_LOAD64_ZERO: u32 = 0x5d;
export const I8X16_BITMASK: u32 = 0x64;
export const I32X4_ALL_TRUE: u32 = 0xa3;
export const I32X4_BITMASK: u32 = 0xa4;
export const I32X4_SHL: u32 = 0xab;
export const I32X4_SHR_U: u32 = 0xad;
export const I32X4_ADD: u32 = 0xae;
export const I32X4_SUB: u32 = 0xb1;
export const I32X4_MIN_U: u32 = 0xb7;
export const I32X4_EXTMUL_LOW_S: u32 = 0xbc;
export const I32X4_EXTMUL_HIGH_S: u32 = 0xbd;
export const I32X4_EXTMUL_LOW_U: u32 = 0xbe;
export const I32X4_EXTMUL_HIGH_U: u32 = 0xbf;
export const I64X2_ALL_TRUE: u32 = 0xc3;
export const I64X2_BITMASK: u32 = 0xc4;
export const I64X2_SHL: u32 = 0xcb;
export const I64X2_SHR_U: u32 = 0xcd;
export const I64X2_ADD: u32 = 0xce;
export const I64X2_SUB: u32 = 0xd1;
export const I64X2_EXTMUL_LOW_S: u32 = 0xdc;
export const I64X2_EXTMUL_LOW_U: u32 = 0xde;
export const F32X4_SQRT: u32 = 0xe3;
export const F32X4_ADD: u32 = 0xe4;
export const F32X4_PMIN: u32 = 0xea;
export const F32X4_PMAX: u32 = 0xeb;
/** From an operation of f32x4 to that of f64x2. */
export const TO_F64X2: u32 = 0x0c;
export const F32X4_CONVERT_I32X4_S: u32 = 0xfa;
export const F64X2_CONVERT_LOW_I32X4_S: u32 = 0xfe;

// Scalar floating point: opcodes without a prefix.
export const F32_LOAD: u32 = 0x2a;
export const F64_LOAD: u32 = 0x2b;
export const F32_STORE: u32 = 0x38;
export const F64_STORE: u32 = 0x39;
export const F32_EQ: u32 = 0x5b;
export const F32_LT: u32 = 0x5d;
export const F32_GT: u32 = 0x5e;
export const F32_LE: u32 = 0x5f;
export const F32_GE: u32 = 0x60;
export const F64_EQ: u32 = 0x61;
export const F64_NE: u32 = 0x62;
export const F64_LT: u32 = 0x63;
export const F64_GT: u32 = 0x64;
export const F64_LE: u32 = 0x65;
export const F64_GE: u32 = 0x66;
export const F32_SQRT: u32 = 0x91;
export const F32_ADD: u32 = 0x92;
export const F64_ABS: u32 = 0x99;
export const F64_NEAREST: u32 = 0x9e;
export const F64_SQRT: u32 = 0x9f;
export const F64_ADD: u32 = 0xa0;
export const F32_CONVERT_I32_S: u32 = 0xb2;
export const F32_CONVERT_I64_S: u32 = 0xb4;
export const F32_DEMOTE: u32 = 0xb6;
export const F64_CONVERT_I32_S: u32 = 0xb7;
export const F64_CONVERT_I64_S: u32 = 0xb9;
export const F64_PROMOTE: u32 = 0xbb;
export const I32_REINTERPRET: u32 = 0xbc;
export const I64_REINTERPRET: u32 = 0xbd;
export const F32_REINTERPRET: u32 = 0xbe;
export const F64_REINTERPRET: u32 = 0xbf;
// Behind the prefix 0xfc: saturating conversions.
export const I32_TRUNC_SAT_F64_S: u32 = 2;
export const I64_TRUNC_SAT_F64_S: u32 = 6;

export function simd(opcode: u32): void {
  byte(0xfd);
  uleb(opcode);
}

/** With a lane's number. */
export function simd_lane(opcode: u32, lane: u32): void {
  simd(opcode);
  byte(lane);
}

/** A load or store at a constant offset. */
export function simd_memory(opcode: u32, offset: u32): void {
  simd(opcode);
  byte(0);
  uleb(offset);
}

export function f64_const(value: f64): void {
  byte(0x44);
  const bits = reinterpret<u64>(value);
  for (let i: u64 = 0; i < 64; i += 8) byte(((bits >> i) & 0xff) as u32);
}

export function saturating(opcode: u32): void {
  byte(0xfc);
  uleb(opcode);
}

/** Begins a shuffle of bytes, of which 16 numbers follow: 0..15 of the lower value on the stack, 16..31 of the upper one. */
export function shuffle(): void {
  simd(I8X16_SHUFFLE);
}

/** A shuffle of doublewords: four numbers 0..7, the first in the low four bits. */
export function shuffle32(order: u32): void {
  shuffle();
  for (let i: u32 = 0; i < 16; i++) byte((((order >> ((i >> 2) * 4)) & 7) << 2) | (i & 3));
}

/** A shuffle of words: eight numbers 0..15, the first in the low four bits. */
export function shuffle16(order: u32): void {
  shuffle();
  for (let i: u32 = 0; i < 16; i++) byte((((order >> ((i >> 1) * 4)) & 15) << 1) | (i & 1));
}
