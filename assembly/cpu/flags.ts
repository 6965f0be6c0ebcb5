// EFLAGS with lazy arithmetic flags: an ALU operation leaves its operands and result, and a flag is derived when asked for.
import {
  LF_ADC,
  LF_ADD,
  LF_EXPLICIT,
  LF_INC,
  LF_LOGIC,
  LF_PARTIAL,
  LF_SBB,
  LF_SUB,
  V_LF_A,
  V_LF_B,
  V_LF_CF,
  V_LF_KIND,
  V_LF_RES,
  V_RFLAGS,
} from '../abi/vcpu_page';
import { FLAG_AF, FLAG_CF, FLAG_DF, FLAG_OF, FLAG_ONE, FLAGS_ARITH } from '../abi/x86';
import { update_mode } from './mode';

export function get_cf(v: u32): u32 {
  const kind = load<u32>(v + V_LF_KIND);
  if (kind == LF_SUB) return (load<u64>(v + V_LF_A) < load<u64>(v + V_LF_B)) as u32;
  if (kind == LF_ADD) return (load<u64>(v + V_LF_RES) < load<u64>(v + V_LF_A)) as u32;
  if (kind == LF_LOGIC) return 0;
  if (kind == LF_EXPLICIT) return load<u32>(v + V_RFLAGS) & FLAG_CF;
  if (kind == LF_ADC) return (load<u64>(v + V_LF_RES) <= load<u64>(v + V_LF_A)) as u32;
  if (kind == LF_SBB) return (load<u64>(v + V_LF_A) <= load<u64>(v + V_LF_B)) as u32;
  return load<u32>(v + V_LF_CF) & FLAG_CF;
}

export function get_zf(v: u32): u32 {
  if (load<u32>(v + V_LF_KIND) == LF_EXPLICIT) return (load<u32>(v + V_RFLAGS) >> 6) & 1;
  return (load<u64>(v + V_LF_RES) == 0) as u32;
}

export function get_sf(v: u32): u32 {
  if (load<u32>(v + V_LF_KIND) == LF_EXPLICIT) return (load<u32>(v + V_RFLAGS) >> 7) & 1;
  return (load<i64>(v + V_LF_RES) < 0) as u32;
}

export function get_pf(v: u32): u32 {
  if (load<u32>(v + V_LF_KIND) == LF_EXPLICIT) return (load<u32>(v + V_RFLAGS) >> 2) & 1;
  return 1 ^ (popcnt<u32>(load<u8>(v + V_LF_RES)) & 1);
}

export function get_af(v: u32): u32 {
  const kind = load<u32>(v + V_LF_KIND);
  if (kind == LF_EXPLICIT) return (load<u32>(v + V_RFLAGS) >> 4) & 1;
  if (kind == LF_PARTIAL) return (load<u32>(v + V_LF_CF) >> 4) & 1;
  if (kind == LF_LOGIC) return 0;
  return ((load<u8>(v + V_LF_A) ^ load<u8>(v + V_LF_B) ^ load<u8>(v + V_LF_RES)) >> 4) & 1;
}

export function get_of(v: u32): u32 {
  const kind = load<u32>(v + V_LF_KIND);
  if (kind == LF_EXPLICIT) return (load<u32>(v + V_RFLAGS) >> 11) & 1;
  if (kind == LF_PARTIAL) return (load<u32>(v + V_LF_CF) >> 11) & 1;
  if (kind == LF_LOGIC) return 0;
  const a = load<i64>(v + V_LF_A);
  const b = load<i64>(v + V_LF_B);
  const res = load<i64>(v + V_LF_RES);
  if (kind == LF_ADD || kind == LF_ADC || kind == LF_INC) return (((a ^ res) & (b ^ res)) < 0) as u32;
  return (((a ^ b) & (a ^ res)) < 0) as u32;
}

/** The condition of Jcc, SETcc and CMOVcc by its number (SDM vol. 1, appendix B). */
export function condition(v: u32, cc: u32): bool {
  let is: u32;
  switch (cc >> 1) {
    case 0:
      is = get_of(v);
      break;
    case 1:
      is = get_cf(v);
      break;
    case 2:
      is = get_zf(v);
      break;
    case 3:
      is = get_cf(v) | get_zf(v);
      break;
    case 4:
      is = get_sf(v);
      break;
    case 5:
      is = get_pf(v);
      break;
    case 6:
      is = get_sf(v) ^ get_of(v);
      break;
    default:
      is = (get_sf(v) ^ get_of(v)) | get_zf(v);
      break;
  }
  return (is ^ (cc & 1)) != 0;
}

/** The six arithmetic flags as EFLAGS bits. */
export function arith_flags(v: u32): u32 {
  if (load<u32>(v + V_LF_KIND) == LF_EXPLICIT) return load<u32>(v + V_RFLAGS) & FLAGS_ARITH;
  return (
    get_cf(v) | (get_pf(v) << 2) | (get_af(v) << 4) | (get_zf(v) << 6) | (get_sf(v) << 7) | (get_of(v) << 11)
  );
}

/** The whole EFLAGS. */
export function get_flags(v: u32): u32 {
  return (load<u32>(v + V_RFLAGS) & ~FLAGS_ARITH) | arith_flags(v) | FLAG_ONE;
}

/** Sets the six arithmetic flags, and only them. */
export function set_arith(v: u32, bits: u32): void {
  store<u32>(v + V_RFLAGS, (load<u32>(v + V_RFLAGS) & ~FLAGS_ARITH) | (bits & FLAGS_ARITH) | FLAG_ONE);
  store<u32>(v + V_LF_KIND, LF_EXPLICIT);
}

/** Sets CF alone. */
export function set_carry(v: u32, cf: u32): void {
  if (load<u32>(v + V_LF_KIND) == LF_EXPLICIT)
    store<u32>(v + V_RFLAGS, (load<u32>(v + V_RFLAGS) & ~FLAG_CF) | cf);
  else keep_result(v, cf | (get_of(v) << 11));
}

/** Sets CF and OF alone, as rotates do; 0 or 1 each. */
export function set_carry_overflow(v: u32, cf: u32, overflow: u32): void {
  if (load<u32>(v + V_LF_KIND) == LF_EXPLICIT) {
    store<u32>(v + V_RFLAGS, (load<u32>(v + V_RFLAGS) & ~(FLAG_CF | FLAG_OF)) | cf | (overflow << 11));
  } else {
    keep_result(v, cf | (overflow << 11));
  }
}

/** ZF, SF and PF go on coming from the last result, and AF keeps its value. */
function keep_result(v: u32, cf_of: u32): void {
  const af = get_af(v) << 4;
  store<u32>(v + V_LF_CF, cf_of | af);
  store<u32>(v + V_LF_KIND, LF_PARTIAL);
}

/** Sets DF alone. */
export function set_direction(v: u32, on: bool): void {
  const flags = load<u32>(v + V_RFLAGS);
  store<u32>(v + V_RFLAGS, on ? flags | FLAG_DF : flags & ~FLAG_DF);
}

/** Replaces EFLAGS as a whole; the caller has applied its masks, updates the mode and ends the block. */
export function put_flags_word(v: u32, value: u32): void {
  store<u32>(v + V_RFLAGS, value | FLAG_ONE);
  store<u32>(v + V_LF_KIND, LF_EXPLICIT);
}

/** Replaces EFLAGS as a whole; the caller has applied its masks and ends the block. */
export function set_flags_word(v: u32, value: u32): void {
  put_flags_word(v, value);
  update_mode(v);
}

export function lazy_add(v: u32, a: i64, b: i64, res: i64): void {
  lazy(v, LF_ADD, a, b, res);
}

export function lazy_sub(v: u32, a: i64, b: i64, res: i64): void {
  lazy(v, LF_SUB, a, b, res);
}

export function lazy_logic(v: u32, res: i64): void {
  store<u32>(v + V_LF_KIND, LF_LOGIC);
  store<i64>(v + V_LF_RES, res);
}

/** Operands and result sign-extended from the operand size. */
export function lazy(v: u32, kind: u32, a: i64, b: i64, res: i64): void {
  store<u32>(v + V_LF_KIND, kind);
  store<i64>(v + V_LF_A, a);
  store<i64>(v + V_LF_B, b);
  store<i64>(v + V_LF_RES, res);
}

/** ZF, SF and PF from a result, CF, OF and AF given as EFLAGS bits. */
export function lazy_result(v: u32, res: i64, cf_of_af: u32): void {
  store<u32>(v + V_LF_KIND, LF_PARTIAL);
  store<i64>(v + V_LF_RES, res);
  store<u32>(v + V_LF_CF, cf_of_af & (FLAG_CF | FLAG_OF | FLAG_AF));
}
