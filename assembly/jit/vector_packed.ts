// Packed integers, logic, comparisons and shuffles on 128 bits: what exec/packed*.ts does, as Wasm's SIMD.

import { R_REG, R_RM } from '../abi/insn';
import { COMPARED } from '../abi/jit';
import {
  OP_BLENDPD,
  OP_BLENDPS,
  OP_PABSB,
  OP_PACKSSWB,
  OP_PADDB,
  OP_PALIGNR,
  OP_PANDN,
  OP_PBLENDW,
  OP_PMOVSXBW,
  OP_PMOVZXBW,
  OP_PMULDQ,
  OP_PMULHUW,
  OP_PMULHW,
  OP_PMULUDQ,
  OP_PSHUFB,
  OP_PSHUFD,
  OP_PSHUFHW,
  OP_PSHUFLW,
  OP_PSIGNB,
  OP_PSLLDQ_I,
  OP_PSLLW,
  OP_PSLLW_I,
  OP_PSRLDQ_I,
  OP_PTEST,
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
  OP_VPERMD,
  OP_VPERMILPD_I,
} from '../abi/ops_packed';
import { R_IMM8, R_SRC } from '../abi/simd';
import { is_memory } from './addresses';
import { note_bits } from './flags';
import { get, set } from './frame';
import { L_A64, L_ADDRESS, L_OVER, L_XV } from './locals';
import { reach_operand } from './operands';
import {
  begin_vector,
  end_vector,
  push_rm_low,
  push_rm_part,
  push_rm_vector,
  push_vector,
} from './vector_registers';
import {
  byte,
  I32_EQZ,
  I32_LOAD16_U,
  I32_OR,
  I32_SHL,
  I32_SUB,
  I32_WRAP,
  I64_LOAD,
  I64_LT_U,
  i32_const,
  i64_const,
  LOCAL_TEE,
  memory_op,
  op1,
  SELECT,
} from './wasm';
import {
  I8X16_SPLAT,
  I8X16_SWIZZLE,
  I32X4_EXTMUL_HIGH_S,
  I32X4_EXTMUL_HIGH_U,
  I32X4_EXTMUL_LOW_S,
  I32X4_EXTMUL_LOW_U,
  I32X4_SPLAT,
  I64X2_EXTMUL_LOW_S,
  I64X2_EXTMUL_LOW_U,
  shuffle,
  shuffle16,
  shuffle32,
  simd,
  V128_AND,
  V128_ANDNOT,
  V128_ANY_TRUE,
} from './wasm_simd';

/** Wasm's operation for each of OP_PADDB .. OP_PABSD, the last three with one operand; 0 = there is none. */
const ELEMENTWISE = memory.data<u8>([
  0x6e, 0x8e, 0xae, 0xce, 0x6f, 0x8f, 0x70, 0x90, 0x71, 0x91, 0xb1, 0xd1, 0x72, 0x92, 0x73, 0x93, 0x95, 0, 0,
  0, 0xb5, 0, 0, 0xba, 0, 0, 0x7b, 0x9b, 0x77, 0x97, 0xb7, 0x76, 0x96, 0xb6, 0x79, 0x99, 0xb9, 0x78, 0x98,
  0xb8, 0x23, 0x2d, 0x37, 0xd6, 0x27, 0x31, 0x3b, 0xd9, 0x4e, 0x4f, 0x50, 0x51, 0x60, 0x80, 0xa0,
]);
/** For OP_PACKSSWB .. OP_PACKUSDW. */
const PACKS = memory.data<u8>([0x65, 0x85, 0x66, 0x86]);
/** For shifts of words, doublewords and quadwords: left, right, right with signs. */
const SHIFTS = memory.data<u8>([0x8b, 0xab, 0xcb, 0x8d, 0xad, 0xcd, 0x8c, 0xac]);
/** For one step of widening from bytes, words and doublewords: with signs, with zeros. */
const WIDENINGS = memory.data<u8>([0x87, 0xa7, 0xc7, 0x89, 0xa9, 0xc9]);
/** Of PMOVSX and PMOVZX BW, BD, BQ, WD, WQ, DQ: log2 of the bytes of an element before, steps. */
const WIDENED = memory.data<u8>([0, 1, 0, 2, 0, 3, 1, 1, 1, 2, 2, 1]);

function push_zero(): void {
  i32_const(0);
  simd(I32X4_SPLAT);
}

function push_source(r: u32): void {
  push_vector(load<u32>(r + R_SRC));
}

/** Both operands are one register. */
function is_same(r: u32): bool {
  return !is_memory(r) && load<u32>(r + R_RM) == load<u32>(r + R_SRC);
}

function begin(r: u32): void {
  if (is_memory(r)) reach_operand(r);
  begin_vector();
}

function elementwise(r: u32, op: u32, opcode: u32): void {
  begin(r);
  if (op == OP_PXOR && is_same(r)) {
    push_zero();
  } else if (op == OP_PANDN) {
    push_rm_vector(r);
    push_source(r);
    simd(opcode);
  } else {
    if (op < OP_PABSB) push_source(r);
    push_rm_vector(r);
    simd(opcode);
  }
  end_vector(r);
}

/** PMULHW and PMULHUW: the upper words of the products. */
function high_products(r: u32, low: u32, high: u32): void {
  begin(r);
  push_source(r);
  push_rm_vector(r);
  simd(low);
  push_source(r);
  push_rm_vector(r);
  simd(high);
  shuffle16(0xfdb97531);
  end_vector(r);
}

/** The even doublewords of the vector on the stack become its low half. */
function even(): void {
  op1(LOCAL_TEE, L_XV);
  get(L_XV);
  shuffle32(0x2020);
}

/** PMULUDQ and PMULDQ. */
function even_products(r: u32, opcode: u32): void {
  begin(r);
  push_source(r);
  even();
  push_rm_vector(r);
  even();
  simd(opcode);
  end_vector(r);
}

/** A shuffle of both operands: doublewords, or words. */
function interleave(r: u32, order: u32, words: bool): void {
  begin(r);
  push_source(r);
  push_rm_vector(r);
  if (words) shuffle16(order);
  else shuffle32(order);
  end_vector(r);
}

/** PUNPCKLBW and PUNPCKHBW, from byte `first` on. */
function interleave_bytes(r: u32, first: u32): void {
  begin(r);
  push_source(r);
  push_rm_vector(r);
  shuffle();
  for (let i: u32 = 0; i < 8; i++) {
    byte(first + i);
    byte(first + i + 16);
  }
  end_vector(r);
}

/** A shuffle of the r/m operand alone. */
function permute(r: u32, order: u32, words: bool): void {
  begin(r);
  push_rm_vector(r);
  op1(LOCAL_TEE, L_XV);
  get(L_XV);
  if (words) shuffle16(order);
  else shuffle32(order);
  end_vector(r);
}

/** Four numbers of two bits as numbers of four bits. */
function fields(imm: u32): u32 {
  return (imm & 3) | ((imm << 2) & 0x30) | ((imm << 4) & 0x300) | ((imm << 6) & 0x3000);
}

/** Doublewords of the quadwords `low` and `high` (0..3). */
function quadwords(low: u32, high: u32): u32 {
  return (low * 2) | ((low * 2 + 1) << 4) | ((high * 2) << 8) | ((high * 2 + 1) << 12);
}

/** Words from the second operand (8 and more) where `imm` has a bit, which stands for `width` words; else from the first. */
function blend(imm: u32, width: u32): u32 {
  let order: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) order |= (i | (((imm >> (i / width)) & 1) << 3)) << (i * 4);
  return order;
}

/** Bytes `first` .. `first` + 15 of two vectors on the stack, of which the second is 0, or that lie side by side. */
function bytes_from(first: u32): void {
  shuffle();
  for (let i: u32 = 0; i < 16; i++) byte(first + i);
}

/** PALIGNR. */
function align(r: u32, count: u32): void {
  begin(r);
  if (count >= 32) {
    push_zero();
  } else if (count >= 16) {
    push_source(r);
    push_zero();
    bytes_from(count - 16);
  } else {
    push_rm_vector(r);
    push_source(r);
    bytes_from(count);
  }
  end_vector(r);
}

/** PSLLDQ and PSRLDQ. */
function shift_bytes(r: u32, left: bool, count: u32): void {
  begin_vector();
  if (count > 15) {
    push_zero();
  } else if (left) {
    push_zero();
    push_rm_vector(r);
    bytes_from(16 - count);
  } else {
    push_rm_vector(r);
    push_zero();
    bytes_from(count);
  }
  end_vector(r);
}

/** Bits of the elements that shift number `kind` of SHIFTS shifts. */
function width_of(kind: u32): u32 {
  return 16 << (kind % 3);
}

/** Shifts by an immediate. */
function shift(r: u32, kind: u32, count: u32): void {
  const width = width_of(kind);
  begin_vector();
  if (count >= width && kind < 6) {
    push_zero();
  } else {
    push_rm_vector(r);
    i32_const((count < width ? count : width - 1) as i32);
    simd(load<u8>(SHIFTS + kind));
  }
  end_vector(r);
}

/** Shifts by the low quadword of the r/m operand: with more than the width nothing is left, or the signs. */
function shift_by(r: u32, kind: u32): void {
  const width = width_of(kind);
  if (is_memory(r)) reach_operand(r);
  push_rm_low(r, I64_LOAD);
  set(L_A64);
  begin_vector();
  push_source(r);
  get(L_A64);
  byte(I32_WRAP);
  if (kind < 6) {
    simd(load<u8>(SHIFTS + kind));
    i32_const(0);
    push_within(width);
    byte(I32_SUB);
    simd(I32X4_SPLAT);
    simd(V128_AND);
  } else {
    i32_const((width - 1) as i32);
    push_within(width);
    byte(SELECT);
    simd(load<u8>(SHIFTS + kind));
  }
  end_vector(r);
}

function push_within(width: u32): void {
  get(L_A64);
  i64_const(width);
  byte(I64_LT_U);
}

/** PMOVSX and PMOVZX. */
function widen(r: u32, kind: u32, with_zeros: bool): void {
  const from: u32 = load<u8>(WIDENED + kind * 2);
  const steps: u32 = load<u8>(WIDENED + kind * 2 + 1);
  begin(r);
  if (steps == 3 && is_memory(r)) {
    get(L_ADDRESS);
    memory_op(I32_LOAD16_U, 0);
    simd(I32X4_SPLAT);
  } else {
    push_rm_part(r, 16 >> steps);
  }
  for (let i: u32 = 0; i < steps; i++) simd(load<u8>(WIDENINGS + (with_zeros ? 3 : 0) + from + i));
  end_vector(r);
}

/** PSHUFB: an index with bit 7 gives 0, as each beyond 15 does here; bits 4 to 6 are ignored. */
function shuffle_bytes(r: u32): void {
  begin(r);
  push_source(r);
  push_rm_vector(r);
  i32_const(0x8f);
  simd(I8X16_SPLAT);
  simd(V128_AND);
  simd(I8X16_SWIZZLE);
  end_vector(r);
}

/** Wasm's operation for one of ELEMENTWISE, 0 if there is none. */
export function elementwise_of(op: u32): u32 {
  return op >= OP_PADDB && op < OP_PSIGNB ? load<u8>(ELEMENTWISE + (op - OP_PADDB)) : 0;
}

/** OP_PADDB .. OP_PSHUFB; false if it is none of those that are emitted. */
function emit_without_immediate(r: u32, op: u32): bool {
  const opcode = elementwise_of(op);
  if (opcode) {
    elementwise(r, op, opcode);
    return true;
  }
  switch (op) {
    case OP_PMULHW:
      high_products(r, I32X4_EXTMUL_LOW_S, I32X4_EXTMUL_HIGH_S);
      return true;
    case OP_PMULHUW:
      high_products(r, I32X4_EXTMUL_LOW_U, I32X4_EXTMUL_HIGH_U);
      return true;
    case OP_PMULUDQ:
      even_products(r, I64X2_EXTMUL_LOW_U);
      return true;
    case OP_PMULDQ:
      even_products(r, I64X2_EXTMUL_LOW_S);
      return true;
    case OP_PACKSSWB:
    case OP_PACKSSWB + 1:
    case OP_PACKSSWB + 2:
    case OP_PACKSSWB + 3:
      elementwise(r, op - OP_PACKSSWB, load<u8>(PACKS + (op - OP_PACKSSWB)));
      return true;
    case OP_PUNPCKLBW:
      interleave_bytes(r, 0);
      return true;
    case OP_PUNPCKHBW:
      interleave_bytes(r, 8);
      return true;
    case OP_PUNPCKLWD:
      interleave(r, 0xb3a29180, true);
      return true;
    case OP_PUNPCKHWD:
      interleave(r, 0xf7e6d5c4, true);
      return true;
    case OP_PUNPCKLDQ:
      interleave(r, 0x5140, false);
      return true;
    case OP_PUNPCKHDQ:
      interleave(r, 0x7362, false);
      return true;
    case OP_PUNPCKLQDQ:
      interleave(r, quadwords(0, 2), false);
      return true;
    case OP_PUNPCKHQDQ:
      interleave(r, quadwords(1, 3), false);
      return true;
    case OP_PSHUFB:
      shuffle_bytes(r);
      return true;
    default:
      return false;
  }
}

/** OP_PSHUFD .. OP_BLENDPD. */
function emit_with_immediate(r: u32, op: u32, imm: u32): bool {
  switch (op) {
    case OP_PSHUFD:
      permute(r, fields(imm), false);
      return true;
    case OP_PSHUFLW:
      permute(r, 0x76540000 | fields(imm), true);
      return true;
    case OP_PSHUFHW:
      permute(r, 0x44443210 | (fields(imm) << 16), true);
      return true;
    case OP_SHUFPS:
      interleave(r, fields(imm) | 0x4400, false);
      return true;
    case OP_SHUFPD:
      interleave(r, quadwords(imm & 1, 2 + ((imm >> 1) & 1)), false);
      return true;
    case OP_VPERMILPD_I:
      permute(r, quadwords(imm & 1, (imm >> 1) & 1), false);
      return true;
    case OP_PALIGNR:
      align(r, imm);
      return true;
    case OP_PBLENDW:
      interleave(r, blend(imm, 1), true);
      return true;
    case OP_BLENDPS:
      interleave(r, blend(imm, 2), true);
      return true;
    case OP_BLENDPD:
      interleave(r, blend(imm, 4), true);
      return true;
    default:
      return false;
  }
}

/** PTEST: ZF when no bit is in both operands, CF when none is in the second alone. */
function test_bits(r: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_vector(load<u32>(r + R_REG));
  push_rm_vector(r);
  simd(V128_AND);
  simd(V128_ANY_TRUE);
  byte(I32_EQZ);
  i32_const(6);
  byte(I32_SHL);
  push_rm_vector(r);
  push_vector(load<u32>(r + R_REG));
  simd(V128_ANDNOT);
  simd(V128_ANY_TRUE);
  byte(I32_EQZ);
  byte(I32_OR);
  i32_const(COMPARED);
  byte(I32_OR);
  set(L_OVER);
  note_bits();
}

/** Emits a record of the family OP_PACKED on 128 bits; false if that is left to its handler. */
export function emit_packed(r: u32, op: u32): bool {
  const imm: u32 = load<u8>(r + R_IMM8);
  if (op < OP_PSHUFD) return emit_without_immediate(r, op);
  if (op <= OP_BLENDPD) return emit_with_immediate(r, op, imm);
  if (op == OP_PTEST) {
    test_bits(r);
    return true;
  }
  if (op < OP_PSLLW || op >= OP_VPERMD) return false;
  if (op < OP_PSLLW_I) shift_by(r, op - OP_PSLLW);
  else if (op < OP_PSLLDQ_I) shift(r, op - OP_PSLLW_I, imm);
  else if (op <= OP_PSRLDQ_I) shift_bytes(r, op == OP_PSLLDQ_I, imm);
  else if (op < OP_PMOVZXBW) widen(r, op - OP_PMOVSXBW, false);
  else widen(r, op - OP_PMOVZXBW, true);
  return true;
}
