// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: comparing strings of up to 16 bytes or 8 words (SDM vol. 2, 4.1).
import { V_YMM } from '../abi/fpu';
import { FLOW_NEXT, R_REG } from '../abi/insn';
import { OP_PCMPESTRI, OP_PCMPESTRM, OP_PCMPISTRI } from '../abi/ops_packed';
import { FORM_VEX_128, R_FORM, R_IMM8, R_WIDE } from '../abi/simd';
import { V_GPR } from '../abi/vcpu_page';
import { FLAG_CF, FLAG_OF, FLAG_SF, FLAG_ZF, RAX, RCX, RDX } from '../abi/x86';
import { set_arith } from '../cpu/flags';
import { is_64 } from '../state/vcpu';

// The immediate: bit 0 words, bit 1 signed, bits 2 and 3 how the comparisons are combined, bits 4 and 5 the polarity, bit 6 the output.
const WORDS: u32 = 1;
const SIGNED: u32 = 2;
const EQUAL_ANY: u32 = 0;
const RANGES: u32 = 1;
const EQUAL_EACH: u32 = 2;
const NEGATIVE: u32 = 1;
const MASKED_NEGATIVE: u32 = 3;
/** The index of the highest bit, or a mask of whole elements. */
const OUTPUT: u32 = 0x40;

/** Element `i` of the string at `p`. */
function element(p: u32, i: u32, imm: u32): i32 {
  if (imm & WORDS) return imm & SIGNED ? load<i16>(p + i * 2) : load<u16>(p + i * 2);
  return imm & SIGNED ? load<i8>(p + i) : load<u8>(p + i);
}

/** Elements before the first that is 0. */
function implicit_length(p: u32, imm: u32): u32 {
  const zero = i64x2.splat(0);
  const a = v128.load(p);
  if (imm & WORDS) return ctz(i16x8.bitmask(i16x8.eq(a, zero)) | 0x100);
  return ctz(i8x16.bitmask(i8x16.eq(a, zero)) | 0x10000);
}

/** The amount of RAX or RDX, or of its low half. */
function explicit_length(p: u32, wide: bool, size: u32): u32 {
  const n = wide ? load<i64>(p) : (load<i32>(p) as i64);
  const amount = (n < 0 ? 0 - n : n) as u64;
  return min<u64>(amount, size) as u32;
}

/** Bit j: element j of the string at `b` (of `n` valid elements) equals one of the `m` at `a`. */
function equal_any(a: u32, m: u32, b: u32, n: u32, imm: u32): u32 {
  let found: u32 = 0;
  for (let j: u32 = 0; j < n; j++) {
    const x = element(b, j, imm);
    for (let i: u32 = 0; i < m; i++) {
      if (element(a, i, imm) == x) found |= 1 << j;
    }
  }
  return found;
}

/** Bit j: element j of `b` lies in one of the ranges that the pairs at `a` bound; half a pair at the end bounds none. */
function in_ranges(a: u32, m: u32, b: u32, n: u32, imm: u32): u32 {
  let found: u32 = 0;
  for (let j: u32 = 0; j < n; j++) {
    const x = element(b, j, imm);
    for (let i: u32 = 0; i + 1 < m; i += 2) {
      if (element(a, i, imm) <= x && x <= element(a, i + 1, imm)) found |= 1 << j;
    }
  }
  return found;
}

/** Bit j: the elements j are equal, or both beyond the end. */
function equal_each(a: u32, m: u32, b: u32, n: u32, size: u32, imm: u32): u32 {
  let found: u32 = 0;
  for (let j: u32 = 0; j < size; j++) {
    if (j < m && j < n ? element(a, j, imm) == element(b, j, imm) : j >= m && j >= n) found |= 1 << j;
  }
  return found;
}

/** Bit j: the string at `a` stands in `b` from j on, as far as `b`'s register reaches. */
function equal_ordered(a: u32, m: u32, b: u32, n: u32, size: u32, imm: u32): u32 {
  let found: u32 = 0;
  for (let j: u32 = 0; j < size; j++) {
    let i: u32 = 0;
    while (i < m && i + j < n && element(a, i, imm) == element(b, i + j, imm)) i++;
    if (i == m || i + j >= size) found |= 1 << j;
  }
  return found;
}

function compared(a: u32, m: u32, b: u32, n: u32, size: u32, imm: u32): u32 {
  const how = (imm >> 2) & 3;
  if (how == EQUAL_ANY) return equal_any(a, m, b, n, imm);
  if (how == RANGES) return in_ranges(a, m, b, n, imm);
  if (how == EQUAL_EACH) return equal_each(a, m, b, n, size, imm);
  return equal_ordered(a, m, b, n, size, imm);
}

/** The mask of PCMPxSTRM: a bit for each element, or all bits of it. */
function mask_of(bits: u32, imm: u32): v128 {
  if ((imm & OUTPUT) == 0) return i32x4.replace_lane(i64x2.splat(0), 0, bits);
  if (imm & WORDS) {
    const each = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
    return i16x8.eq(v128.and(i16x8.splat(bits as i16), each), each);
  }
  const each = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  const halves = i64x2.replace_lane(
    i8x16.splat(bits as i8),
    1,
    i64x2.extract_lane(i8x16.splat((bits >> 8) as i8), 0),
  );
  return i8x16.eq(v128.and(halves, each), each);
}

/** OP_PCMPESTRM .. OP_PCMPISTRI. */
export function exec_packed_string(v: u32, r: u32, op: u32, rm: u32): u32 {
  const imm: u32 = load<u8>(r + R_IMM8);
  const a = load<u32>(r + R_REG);
  const size: u32 = imm & WORDS ? 8 : 16;
  let m: u32;
  let n: u32;
  if (op == OP_PCMPESTRM || op == OP_PCMPESTRI) {
    const wide = load<u8>(r + R_WIDE) != 0 && is_64(v);
    m = explicit_length(v + V_GPR + RAX * 8, wide, size);
    n = explicit_length(v + V_GPR + RDX * 8, wide, size);
  } else {
    m = implicit_length(a, imm);
    n = implicit_length(rm, imm);
  }
  let bits = compared(a, m, rm, n, size, imm);
  const polarity = (imm >> 4) & 3;
  if (polarity == NEGATIVE) bits ^= (1 << size) - 1;
  else if (polarity == MASKED_NEGATIVE) bits ^= (1 << n) - 1;
  if (op == OP_PCMPESTRI || op == OP_PCMPISTRI) {
    const index = bits == 0 ? size : imm & OUTPUT ? 31 - clz(bits) : ctz(bits);
    store<u64>(v + V_GPR + RCX * 8, index);
  } else {
    v128.store(v + V_YMM, mask_of(bits, imm));
    if (load<u8>(r + R_FORM) == FORM_VEX_128) v128.store(v + V_YMM + 16, i64x2.splat(0));
  }
  set_arith(
    v,
    (bits ? FLAG_CF : 0) | (n < size ? FLAG_ZF : 0) | (m < size ? FLAG_SF : 0) | (bits & 1 ? FLAG_OF : 0),
  );
  return FLOW_NEXT;
}
