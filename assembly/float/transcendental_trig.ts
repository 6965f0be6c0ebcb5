// FSIN, FCOS and FPTAN of operands that are neither 0 nor infinite, |x| < 2^63.
import { CLASS_NORMAL, N_EXP, N_SIG, N_SIGN } from '../abi/float';
import {
  add,
  divide,
  high,
  leading_zeros,
  less,
  low,
  multiply,
  set_inexact,
  shift_left,
  shift_right,
  significand,
  sub,
  u128,
} from './fixed';
import { set_normalized, set_number } from './number';
import { cosine, sine_quotient } from './series';

/** z = sin(x). */
export function sine_of(z: u32, x: u32): void {
  const sign = load<u32>(x + N_SIGN);
  rotate(z, reduce(z, x), sign);
}

/** z = cos(x) = sin(|x| + pi/2). */
export function cosine_of(z: u32, x: u32): void {
  rotate(z, reduce(z, x) + 1, 0);
}

/** z = tan(x). */
export function tangent_of(z: u32, x: u32): void {
  const x_sign = load<u32>(x + N_SIGN);
  const turned = (reduce(z, x) & 1) != 0;
  const sign = x_sign ^ load<u32>(z + N_SIGN) ^ u32(turned);
  const exp = load<i32>(z + N_EXP);
  const r = significand(z);
  const square = square_of(z);
  // sin(r) / r and cos(r), both from 1/2 up to 1, with their top bits set.
  const s = shift_left(sine_quotient(square), 1);
  const c = shift_left(cosine(square), 1);
  if (!turned) return set_inexact(z, sign, exp + 1, multiply(r, divide(s, c)));
  // Rounded up: the quotient lies below 1 / r, even where that does not show.
  const sine = add(multiply(r, s), u128(0, 4));
  const zeros = leading_zeros(sine);
  set_inexact(z, sign, (zeros as i32) - exp - 1, divide(c, shift_left(sine, zeros)));
}

/** z = sin(z + n * pi/2), or its negative. */
function rotate(z: u32, n: u32, negative: u32): void {
  const sign = negative ^ ((n >> 1) & 1);
  const square = square_of(z);
  if (n & 1) return set_inexact(z, sign, 0, cosine(square));
  const sine = multiply(significand(z), sine_quotient(square));
  set_inexact(z, sign ^ load<u32>(z + N_SIGN), load<i32>(z + N_EXP) + 1, sine);
}

/** Square of a number below 1, all 128 bits behind the point. */
function square_of(z: u32): v128 {
  const r = shift_right(significand(z), -load<i32>(z + N_EXP) - 1);
  return multiply(r, r);
}

/**
 * |x| = n * pi/2 + z, |z| <= pi/4; gives n modulo 4. Pi is the one of 66 bits that the processors have (SDM vol. 1, 8.3.8), and
 * for that pi the remainder is exact.
 */
function reduce(z: u32, x: u32): u32 {
  const exp = load<i32>(x + N_EXP);
  const sig = load<u64>(x + N_SIG);
  if (exp < -2) {
    set_number(z, CLASS_NORMAL, 0, exp, sig, 0);
    return 0;
  }
  // Both in units of 2^-65.
  const half_pi = u128(3, 0x243f6a8885a308d3);
  let rest = shift_left(u128(0, sig), exp + 2);
  let n: u32 = 0;
  for (let shift = exp; shift >= 0; shift--) {
    const multiple = shift_left(half_pi, shift);
    n <<= 1;
    if (!less(rest, multiple)) {
      rest = sub(rest, multiple);
      n |= 1;
    }
  }
  const other = sub(half_pi, rest);
  const above = less(other, rest);
  if (above) rest = other;
  set_normalized(z, u32(above), 62, high(rest), low(rest));
  return (n + u32(above)) & 3;
}
