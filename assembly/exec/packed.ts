// The family OP_PACKED: reads the operands of a form, applies the operation to each lane of 128 bits, writes the result.
// What the operations do is in packed_arith, packed_shuffle, packed_shift, packed_string and crypto.
import { ST_EXPONENT, V_FLOAT_RESULT, V_FTAG, V_FTOP, V_YMM, YMM_STRIDE } from '../abi/fpu';
import { AM_NONE, FLOW_NEXT, R_AM, R_REG } from '../abi/insn';
import {
  OP_AESENC,
  OP_AESKEYGENASSIST,
  OP_INSERTPS,
  OP_PALIGNR,
  OP_PCMPESTRM,
  OP_PHADDW,
  OP_PHMINPOSUW,
  OP_PMOVSXBW,
  OP_PSHUFB,
  OP_PSHUFD,
  OP_PSLLW,
  OP_PSLLW_I,
  OP_PSRLDQ_I,
  OP_PUNPCKHBW,
  OP_PUNPCKLBW,
  OP_PUNPCKLDQ,
  OP_SHA1NEXTE,
  OP_SHA1RNDS4,
  OP_SHA256RNDS2,
  OP_VINSERTF128,
  OP_VPERM2F128,
  OP_VPERMD,
  OP_VPERMQ,
  OP_VTESTPD,
  OP_VTESTPS,
} from '../abi/ops_packed';
import { FORM_MMX, FORM_SSE, FORM_VEX_128, FORM_VEX_256, R_FORM, R_FOURTH, R_IMM8, R_SRC } from '../abi/simd';
import { FLAG_CF, FLAG_ZF } from '../abi/x86';
import { set_arith } from '../cpu/flags';
import { x87_error } from '../cpu/x87_error';
import { aes, aes_key, carryless_product, sha, sha1_rounds, sha256_rounds } from './crypto';
import { elementwise } from './packed_arith';
import { bytes_down, shifted } from './packed_shift';
import { across, blended, lane_bits, narrow_bytes, ordered, phminposuw, widened } from './packed_shuffle';
import { exec_packed_string } from './packed_string';

/** Operations with two vectors and an immediate, up to OP_PCLMULQDQ. */
function combined(op: u32, a: v128, b: v128, imm: u32): v128 {
  if (op < OP_PHADDW) return elementwise(op, a, b);
  if (op < OP_PHMINPOSUW) return across(op, a, b);
  if (op >= OP_PSHUFD) {
    if (op < OP_AESKEYGENASSIST) return ordered(op, a, b, imm);
    if (op == OP_AESKEYGENASSIST) return aes_key(b, imm);
    return op == OP_SHA1RNDS4 ? sha1_rounds(a, b, imm & 3) : carryless_product(a, b, imm);
  }
  if (op < OP_AESENC) return phminposuw(b);
  return op < OP_SHA1NEXTE ? aes(op, a, b) : sha(op, a, b);
}

/** Clears what the form leaves no bit of: the upper half of a destination of 128 bits with VEX. */
function clear_upper(to: u32, form: u32): void {
  if (form == FORM_VEX_128) v128.store(to + 16, i64x2.splat(0));
}

/** Operations with a third vector: XMM0, or with VEX the register R_FOURTH. */
function exec_third(v: u32, r: u32, op: u32, rm: u32, form: u32): u32 {
  const to = load<u32>(r + R_REG);
  const from = load<u32>(r + R_SRC);
  if (op == OP_SHA256RNDS2) {
    v128.store(to, sha256_rounds(v128.load(from), v128.load(rm), v128.load(v + V_YMM)));
    return FLOW_NEXT;
  }
  const mask = v + V_YMM + (form == FORM_SSE ? 0 : load<u8>(r + R_FOURTH) * YMM_STRIDE);
  const low = blended(op, v128.load(from), v128.load(rm), v128.load(mask));
  if (form == FORM_VEX_256)
    v128.store(to + 16, blended(op, v128.load(from + 16), v128.load(rm + 16), v128.load(mask + 16)));
  v128.store(to, low);
  clear_upper(to, form);
  return FLOW_NEXT;
}

/** Shifts of all elements by one count: the count's register may be the destination too, so it is read first. */
function exec_shift_all(r: u32, op: u32, rm: u32, form: u32): u32 {
  const immediate = op >= OP_PSLLW_I;
  const count: u64 = immediate ? load<u8>(r + R_IMM8) : load<u64>(rm);
  const to = load<u32>(r + R_REG);
  const from = immediate ? rm : load<u32>(r + R_SRC);
  v128.store(to, shifted(op, v128.load(from), count));
  if (form == FORM_VEX_256) v128.store(to + 16, shifted(op, v128.load(from + 16), count));
  else clear_upper(to, form);
  return FLOW_NEXT;
}

/** PMOVSX and PMOVZX: both lanes are made from the low bytes, so neither may be written before. */
function exec_widen(r: u32, op: u32, rm: u32, form: u32): u32 {
  const to = load<u32>(r + R_REG);
  const low = widened(op, rm);
  if (form == FORM_VEX_256) v128.store(to + 16, widened(op, rm + narrow_bytes(op)));
  else clear_upper(to, form);
  v128.store(to, low);
  return FLOW_NEXT;
}

/** Half `n` of VPERM2F128's sources: the first source has 0 and 1, the second 2 and 3; bit 3 gives 0. */
function half(from: u32, rm: u32, n: u32): v128 {
  if (n & 8) return i64x2.splat(0);
  return v128.load((n & 2 ? rm : from) + (n & 1) * 16);
}

/** Operations of 256 bits that move elements from lane to lane. The result is gathered apart: its register may be a source. */
function exec_across_lanes(v: u32, r: u32, op: u32, rm: u32): u32 {
  const to = load<u32>(r + R_REG);
  const from = load<u32>(r + R_SRC);
  const imm: u32 = load<u8>(r + R_IMM8);
  const result = v + V_FLOAT_RESULT;
  if (op == OP_VPERMD) {
    for (let i: u32 = 0; i < 32; i += 4)
      store<u32>(result + i, load<u32>(rm + (load<u32>(from + i) & 7) * 4));
  } else if (op == OP_VPERMQ) {
    for (let i: u32 = 0; i < 4; i++) store<u64>(result + i * 8, load<u64>(rm + ((imm >> (i * 2)) & 3) * 8));
  } else if (op == OP_VPERM2F128) {
    v128.store(result, half(from, rm, imm));
    v128.store(result + 16, half(from, rm, imm >> 4));
  } else {
    const inserted = v128.load(rm);
    v128.store(result, imm & 1 ? v128.load(from) : inserted);
    v128.store(result + 16, imm & 1 ? inserted : v128.load(from + 16));
  }
  memory.copy(to, result, 32);
  return FLOW_NEXT;
}

/** INSERTPS: one doubleword into a place, then zeros where the low four bits of the immediate say. */
function exec_insertps(r: u32, rm: u32, form: u32): u32 {
  const imm: u32 = load<u8>(r + R_IMM8);
  const to = load<u32>(r + R_REG);
  const element = load<u32>(load<u8>(r + R_AM) == AM_NONE ? rm + (imm >> 6) * 4 : rm);
  const bits = i32x4(1, 2, 4, 8);
  const place = i32x4.eq(i32x4.splat(1 << ((imm >> 4) & 3)), bits);
  const zeros = i32x4.eq(v128.and(i32x4.splat(imm), bits), bits);
  const inserted = v128.bitselect(i32x4.splat(element), v128.load(load<u32>(r + R_SRC)), place);
  v128.store(to, v128.andnot(inserted, zeros));
  clear_upper(to, form);
  return FLOW_NEXT;
}

/** The bits that PTEST, VTESTPS and VTESTPD look at. */
function tested(op: u32): v128 {
  if (op == OP_VTESTPS) return i32x4.splat(1 << 31);
  return i64x2.splat(op == OP_VTESTPD ? (1 as i64) << 63 : -1);
}

/** ZF: a & b has none of the bits; CF: ~a & b has none. */
function exec_test(v: u32, r: u32, op: u32, rm: u32, form: u32): u32 {
  const p = load<u32>(r + R_REG);
  const bits = tested(op);
  let both = v128.and(v128.load(p), v128.load(rm));
  let second = v128.andnot(v128.load(rm), v128.load(p));
  if (form == FORM_VEX_256) {
    both = v128.or(both, v128.and(v128.load(p + 16), v128.load(rm + 16)));
    second = v128.or(second, v128.andnot(v128.load(rm + 16), v128.load(p + 16)));
  }
  const zf = v128.any_true(v128.and(both, bits)) ? 0 : FLAG_ZF;
  const cf = v128.any_true(v128.and(second, bits)) ? 0 : FLAG_CF;
  set_arith(v, zf | cf);
  return FLOW_NEXT;
}

/** The 64-bit form of an operation across elements: both sources side by side make one lane whose low half is the result. */
function across_mmx(op: u32, a: v128, b: v128, imm: u32): v128 {
  const both = v128.shuffle<u64>(a, b, 0, 2);
  if (op == OP_PALIGNR) return bytes_down(v128.shuffle<u64>(b, a, 0, 2), imm);
  if (op == OP_PSHUFB) return across(op, a, v128.and(b, i8x16.splat(0x87 as i8)));
  if (op < OP_PUNPCKLBW) return across(op, both, both);
  // Interleaving the low halves of two vectors interleaves all of these.
  if (op < OP_PUNPCKHBW) return across(op, a, b);
  return bytes_down(across(op - (OP_PUNPCKHBW - OP_PUNPCKLBW), a, b), 8);
}

/** An MMX instruction (SDM vol. 1, 9.5): it empties the x87 stack's top and marks all registers as in use. */
function exec_mmx(v: u32, r: u32, op: u32, rm: u32): u32 {
  const error = x87_error(v);
  if (error) return error;
  const to = load<u32>(r + R_REG);
  const imm: u32 = load<u8>(r + R_IMM8);
  const a = v128.load64_zero(load<u32>(r + R_SRC));
  const b = op >= OP_PUNPCKLBW && op <= OP_PUNPCKLDQ ? v128.load32_zero(rm) : v128.load64_zero(rm);
  let result: v128;
  if (op >= OP_PSLLW && op <= OP_PSRLDQ_I) {
    result = op >= OP_PSLLW_I ? shifted(op, b, imm) : shifted(op, a, i64x2.extract_lane(b, 0));
  } else if ((op >= OP_PHADDW && op <= OP_PSHUFB) || op == OP_PALIGNR) {
    result = across_mmx(op, a, b, imm);
  } else {
    result = combined(op, a, b, imm);
  }
  v128.store64_lane(to, result, 0);
  store<u16>(to + ST_EXPONENT, 0xffff);
  store<u32>(v + V_FTOP, 0);
  store<u32>(v + V_FTAG, 0xff);
  return FLOW_NEXT;
}

export function exec_packed(v: u32, r: u32, op: u32, rm: u32): u32 {
  const form = load<u8>(r + R_FORM);
  // Most of all instructions end here.
  if (form == FORM_SSE && op < OP_PHMINPOSUW) {
    const to = load<u32>(r + R_REG);
    const a = v128.load(to);
    const b = v128.load(rm);
    v128.store(to, op < OP_PHADDW ? elementwise(op, a, b) : across(op, a, b));
    return FLOW_NEXT;
  }
  if (form == FORM_MMX) return exec_mmx(v, r, op, rm);
  if (op < OP_SHA256RNDS2) {
    const to = load<u32>(r + R_REG);
    const from = load<u32>(r + R_SRC);
    const imm: u32 = load<u8>(r + R_IMM8);
    v128.store(to, combined(op, v128.load(from), v128.load(rm), imm));
    if (form == FORM_SSE) return FLOW_NEXT;
    if (form == FORM_VEX_256)
      v128.store(to + 16, combined(op, v128.load(from + 16), v128.load(rm + 16), imm >> lane_bits(op)));
    else clear_upper(to, form);
    return FLOW_NEXT;
  }
  if (op < OP_PSLLW) return exec_third(v, r, op, rm, form);
  if (op < OP_PMOVSXBW) return exec_shift_all(r, op, rm, form);
  if (op < OP_VPERMD) return exec_widen(r, op, rm, form);
  if (op <= OP_VINSERTF128) return exec_across_lanes(v, r, op, rm);
  if (op == OP_INSERTPS) return exec_insertps(r, rm, form);
  return op < OP_PCMPESTRM ? exec_test(v, r, op, rm, form) : exec_packed_string(v, r, op, rm);
}
