// One rounding of an exact number into a format, with overflow, underflow and inexactness (SDM vol. 1, 4.9.1 and 8.5).

import {
  CLASS_NORMAL,
  F_FTZ,
  F_MASKS,
  F_PRECISION,
  F_ROUNDED_UP,
  F_ROUNDING,
  N_EXP,
  N_LOW,
  N_SIG,
  N_SIGN,
} from '../abi/float';
import {
  FE_INEXACT,
  FE_OVERFLOW,
  FE_UNDERFLOW,
  ROUND_DOWN,
  ROUND_NEAREST,
  ROUND_UP,
  ROUND_ZERO,
  V_FLOAT_FLAGS,
} from '../abi/fpu';
import { class_of, set_infinity, set_zero } from './number';
import { shift_right_high, shift_right_low } from './wide';

const HALF: u64 = 0x8000000000000000;
/** Exponent range of the extended format. */
const EXTENDED_MIN: i32 = -16382;
const EXTENDED_MAX: i32 = 16383;
/** What unmasked overflow and underflow take from and add to the exponent; a result of another format is not written then. */
const WRAP: i32 = 24576;

export function raise_float(v: u32, flags: u32): void {
  store<u32>(v + V_FLOAT_FLAGS, load<u32>(v + V_FLOAT_FLAGS) | flags);
}

/** Whether the magnitude is increased: `tail` holds what is cut off, left-aligned; `odd` the last bit that stays. */
export function rounds_up(mode: u32, sign: u32, tail: u64, odd: u64): bool {
  if (mode == ROUND_NEAREST) return tail > HALF || (tail == HALF && (odd & 1) != 0);
  if (mode == ROUND_ZERO || tail == 0) return false;
  return (mode == ROUND_DOWN) == (sign != 0);
}

/** The bits of sig:low below the upper `bits`, left-aligned, the last one sticky. */
function tail_of(sig: u64, low: u64, bits: u32): u64 {
  return bits == 64 ? low : (sig << bits) | ((low != 0) as u64);
}

/** Rounds in place to `bits` bits and exponents min..max; a denormal keeps exponent min with the top bit of N_SIG clear. */
function round(v: u32, n: u32, bits: u32, min: i32, max: i32): void {
  store<u32>(v + F_ROUNDED_UP, 0);
  if (class_of(n) != CLASS_NORMAL) return;
  const sig = load<u64>(n + N_SIG);
  const low = load<u64>(n + N_LOW);
  const drop = 64 - bits;
  const tail = tail_of(sig, low, bits);
  let rounded = (sig >> drop) << drop;
  let exp = load<i32>(n + N_EXP);
  const up = rounds_up(load<u32>(v + F_ROUNDING), load<u32>(n + N_SIGN), tail, sig >> drop);
  if (up) {
    rounded += (1 as u64) << drop;
    if (rounded == 0) {
      rounded = HALF;
      exp++;
    }
  }
  if (exp < min) {
    if (load<u32>(v + F_MASKS) & FE_UNDERFLOW) return round_tiny(v, n, bits, min);
    raise_float(v, FE_UNDERFLOW);
    exp += WRAP;
    if (exp < min) return set_zero(n, load<u32>(n + N_SIGN));
  } else if (exp > max) {
    if (load<u32>(v + F_MASKS) & FE_OVERFLOW) return overflow(v, n, bits, max);
    raise_float(v, FE_OVERFLOW);
    exp -= WRAP;
    if (exp > max) return set_infinity(n, load<u32>(n + N_SIGN));
  }
  store<u64>(n + N_SIG, rounded);
  store<u64>(n + N_LOW, 0);
  store<i32>(n + N_EXP, exp);
  if (tail) {
    raise_float(v, FE_INEXACT);
    store<u32>(v + F_ROUNDED_UP, up as u32);
  }
}

/** Masked underflow: the result is smaller than the smallest normal number, even rounded. */
function round_tiny(v: u32, n: u32, bits: u32, min: i32): void {
  const sign = load<u32>(n + N_SIGN);
  if (load<u32>(v + F_FTZ)) {
    raise_float(v, FE_UNDERFLOW | FE_INEXACT);
    return set_zero(n, sign);
  }
  const shift = (min - load<i32>(n + N_EXP)) as u32;
  const high = load<u64>(n + N_SIG);
  const low = shift_right_low(high, load<u64>(n + N_LOW), shift);
  const sig = shift_right_high(high, shift);
  const drop = 64 - bits;
  const tail = tail_of(sig, low, bits);
  const up = rounds_up(load<u32>(v + F_ROUNDING), sign, tail, sig >> drop);
  const rounded = ((sig >> drop) << drop) + (up ? (1 as u64) << drop : 0);
  if (tail) raise_float(v, FE_UNDERFLOW | FE_INEXACT);
  if (rounded == 0) {
    set_zero(n, sign);
  } else {
    store<u64>(n + N_SIG, rounded);
    store<u64>(n + N_LOW, 0);
    store<i32>(n + N_EXP, min);
  }
  store<u32>(v + F_ROUNDED_UP, up as u32);
}

/** Infinity or the largest finite number, by the rounding mode. */
function overflow(v: u32, n: u32, bits: u32, max: i32): void {
  raise_float(v, FE_OVERFLOW | FE_INEXACT);
  const sign = load<u32>(n + N_SIGN);
  const mode = load<u32>(v + F_ROUNDING);
  if (mode == ROUND_NEAREST || mode == (sign ? ROUND_DOWN : ROUND_UP)) {
    set_infinity(n, sign);
    store<u32>(v + F_ROUNDED_UP, 1);
    return;
  }
  const drop = 64 - bits;
  store<u64>(n + N_SIG, (u64.MAX_VALUE >> drop) << drop);
  store<u64>(n + N_LOW, 0);
  store<i32>(n + N_EXP, max);
}

export function round16(v: u32, n: u32): void {
  round(v, n, 11, -14, 15);
}

export function round32(v: u32, n: u32): void {
  round(v, n, 24, -126, 127);
}

export function round64(v: u32, n: u32): void {
  round(v, n, 53, -1022, 1023);
}

/** To F_PRECISION bits, in the exponent range of the extended format. */
export function round80(v: u32, n: u32): void {
  round(v, n, load<u32>(v + F_PRECISION), EXTENDED_MIN, EXTENDED_MAX);
}
