// From the formats' bits to numbers: binary16, 32 and 64, the extended format, integers.
import {
  CLASS_INFINITY,
  CLASS_NORMAL,
  CLASS_QNAN,
  CLASS_SNAN,
  CLASS_UNSUPPORTED,
  N_DENORMAL,
} from '../abi/float';
import { set_normalized, set_number, set_zero } from './number';

const INTEGER_BIT: u64 = 0x8000000000000000;
const QUIET_BIT: u64 = 0x4000000000000000;

/** `fraction` is left-aligned below the integer bit. */
function unpack(n: u32, sign: u32, exponent: i32, fraction: u64, top: i32, bias: i32): void {
  if (exponent == top) {
    if (fraction == 0) return set_number(n, CLASS_INFINITY, sign, 0, INTEGER_BIT, 0);
    return set_number(n, fraction & QUIET_BIT ? CLASS_QNAN : CLASS_SNAN, sign, 0, fraction | INTEGER_BIT, 0);
  }
  if (exponent) return set_number(n, CLASS_NORMAL, sign, exponent - bias, fraction | INTEGER_BIT, 0);
  if (fraction == 0) return set_zero(n, sign);
  set_normalized(n, sign, 1 - bias, fraction, 0);
  store<u32>(n + N_DENORMAL, 1);
}

export function unpack16(n: u32, bits: u32): void {
  unpack(n, (bits >> 15) & 1, ((bits >> 10) & 0x1f) as i32, ((bits as u64) & 0x3ff) << 53, 0x1f, 15);
}

export function unpack32(n: u32, bits: u32): void {
  unpack(n, bits >> 31, ((bits >> 23) & 0xff) as i32, ((bits as u64) & 0x7fffff) << 40, 0xff, 127);
}

export function unpack64(n: u32, bits: u64): void {
  unpack(n, (bits >> 63) as u32, ((bits >> 52) & 0x7ff) as i32, (bits & 0xfffffffffffff) << 11, 0x7ff, 1023);
}

/** The extended format: 64-bit significand with its integer bit; sign and 15-bit exponent. */
export function unpack80(n: u32, sig: u64, sign_exponent: u32): void {
  const sign = (sign_exponent >> 15) & 1;
  const exponent = (sign_exponent & 0x7fff) as i32;
  if (exponent == 0) {
    if (sig == 0) return set_zero(n, sign);
    // A pseudo-denormal (integer bit set) has the value of exponent 1.
    set_normalized(n, sign, -16382, sig, 0);
    store<u32>(n + N_DENORMAL, 1);
    return;
  }
  if ((sig & INTEGER_BIT) == 0) return set_number(n, CLASS_UNSUPPORTED, sign, 0, sig, 0);
  unpack(n, sign, exponent, sig & ~INTEGER_BIT, 0x7fff, 16383);
}

export function from_integer(n: u32, value: i64): void {
  if (value == 0) return set_zero(n, 0);
  set_normalized(n, (value < 0) as u32, 63, (value < 0 ? 0 - value : value) as u64, 0);
}
