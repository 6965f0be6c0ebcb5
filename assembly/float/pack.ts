// From rounded numbers to the formats' bits. NaNs become quiet; their payload is cut on the right.

import { CLASS_INFINITY, CLASS_ZERO, N_EXP, N_SIG, N_SIGN } from '../abi/float';
import { ST_EXPONENT } from '../abi/fpu';
import { class_of } from './number';

const INTEGER_BIT: u64 = 0x8000000000000000;
const QUIET_BIT: u64 = 0x4000000000000000;

/** The biased exponent: `top` for infinities and NaNs, 0 for zeros and denormals. */
function exponent_of(n: u32, top: i32, bias: i32): u32 {
  const kind = class_of(n);
  if (kind == CLASS_ZERO) return 0;
  if (kind >= CLASS_INFINITY) return top as u32;
  return load<u64>(n + N_SIG) & INTEGER_BIT ? ((load<i32>(n + N_EXP) + bias) as u32) : 0;
}

/** The significand, with the quiet bit of a NaN set. */
function significand_of(n: u32): u64 {
  return load<u64>(n + N_SIG) | (class_of(n) > CLASS_INFINITY ? QUIET_BIT : 0);
}

export function pack16(n: u32): u32 {
  const fraction = ((significand_of(n) >> 53) & 0x3ff) as u32;
  return (load<u32>(n + N_SIGN) << 15) | (exponent_of(n, 0x1f, 15) << 10) | fraction;
}

export function pack32(n: u32): u32 {
  const fraction = ((significand_of(n) >> 40) & 0x7fffff) as u32;
  return (load<u32>(n + N_SIGN) << 31) | (exponent_of(n, 0xff, 127) << 23) | fraction;
}

export function pack64(n: u32): u64 {
  const fraction = (significand_of(n) >> 11) & 0xfffffffffffff;
  return ((load<u32>(n + N_SIGN) as u64) << 63) | ((exponent_of(n, 0x7ff, 1023) as u64) << 52) | fraction;
}

/** Into an x87 register: 8 bytes of significand, 2 of sign and exponent. */
export function pack80(n: u32, register: u32): void {
  store<u64>(register, significand_of(n));
  store<u16>(register + ST_EXPONENT, ((load<u32>(n + N_SIGN) << 15) | exponent_of(n, 0x7fff, 16383)) as u16);
}
