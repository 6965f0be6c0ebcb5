// FYL2X and FYL2XP1 of operands that are neither special nor out of range.
// With x = 2^k * m, m between sqrt(1/2) and sqrt(2): log2(x) = k + 2 / ln(2) * artanh(s), s = (m - 1) / (m + 1).
// Where k is 0, the result is a product, so that a logarithm near 0 keeps all its bits.
import { N_EXP, N_SIG, N_SIGN } from '../abi/float';
import {
  add,
  divide,
  high,
  leading_zeros,
  less,
  low,
  multiply,
  product,
  set_inexact,
  shift_left,
  shift_right,
  significand,
  sub,
  u128,
} from './fixed';
import { set_normalized } from './number';
import { artanh_quotient } from './series';

const ONE: u64 = 0x8000000000000000;

/** z = y * log2(x). */
export function y_log2(z: u32, x: u32, y: u32): void {
  y_log2_of(z, significand(x), load<i32>(x + N_EXP), y);
}

/** z = y * log2(x + 1). */
export function y_log2_of_one_plus(z: u32, x: u32, y: u32): void {
  const exp = load<i32>(x + N_EXP);
  const negative = load<u32>(x + N_SIGN) != 0;
  const sig = significand(x);
  const one = u128(ONE, 0);
  if (exp < -2) {
    // s = x / (2 + x), for the bits that x loses in a sum.
    const half = shift_right(sig, -exp);
    if (!negative) return finish(z, y, 0, false, divide(sig, add(one, shift_right(half, 1))), exp);
    // 2 - x, or the next number below: 2 itself does not fit.
    return finish(z, y, 0, true, divide(sig, v128.not(half)), exp + 1);
  }
  if (exp < 0) {
    const part = shift_right(sig, -exp);
    const sum = negative ? sub(one, part) : add(one, part);
    const zeros = leading_zeros(sum);
    return y_log2_of(z, shift_left(sum, zeros), -(zeros as i32), y);
  }
  // Where 1 is too small to show, it still keeps the logarithm from being exact.
  const sum = add(sig, exp < 128 ? shift_right(one, exp) : u128(0, 1));
  // A carry out of the sum is the top bit of the next higher exponent.
  if (less(sum, one)) return y_log2_of(z, add(shift_right(sum, 1), one), exp + 1, y);
  y_log2_of(z, sum, exp, y);
}

/** z = y * log2(m * 2^exp), m from 1 up to 2 with 127 bits behind the point; the logarithm is not 0. */
function y_log2_of(z: u32, m: v128, exp: i32, y: u32): void {
  // sqrt(2)
  const upper = less(u128(0xb504f333f9de6484, 0x597d89b3754abe9f), m);
  const one = u128(ONE, 0);
  const k = exp + i32(upper);
  const distance = upper ? sub(u128(0, 0), m) : sub(m, one);
  const zeros = leading_zeros(distance);
  if (zeros == 128) return multiply_exactly(z, k, y);
  // Half of m + 1 or, m counting half, of m + 2.
  const sum = add(shift_right(m, 1), upper ? one : shift_right(one, 1));
  finish(z, y, k, upper, divide(shift_left(distance, zeros), sum), -(zeros as i32));
}

/** z = y * (k +- 2 / ln(2) * artanh(s)), s = ratio / 2^127 * 2^(exp - 1). */
function finish(z: u32, y: u32, k: i32, below: bool, ratio: v128, exp: i32): void {
  const s = shift_right(ratio, -exp);
  const artanh = multiply(ratio, artanh_quotient(multiply(s, s)));
  // 2 / ln(2), with 126 bits behind the point; the product has 124.
  const log = multiply(artanh, u128(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e89));
  if (k == 0) return multiply_log(z, y, below, exp + 2, log);
  // Below the top bit, which a carry may need.
  const room = (clz(abs(k) as u64) as i32) - 1;
  const scale = 63 - room;
  const whole = u128((abs(k) as u64) << room, 0);
  const part = shift_right(log, scale - exp - 2);
  multiply_log(z, y, k < 0, scale, k < 0 == below ? add(whole, part) : sub(whole, part));
}

/** z = y * +-log / 2^127 * 2^exp. */
function multiply_log(z: u32, y: u32, negative: bool, exp: i32, log: v128): void {
  const zeros = leading_zeros(log);
  const sum = multiply(shift_left(log, zeros), significand(y));
  set_inexact(z, load<u32>(y + N_SIGN) ^ u32(negative), load<i32>(y + N_EXP) + exp - (zeros as i32) + 1, sum);
}

/** z = y * k: the logarithm of a power of 2. */
function multiply_exactly(z: u32, k: i32, y: u32): void {
  const result = product(load<u64>(y + N_SIG), abs(k));
  set_normalized(z, load<u32>(y + N_SIGN) ^ u32(k < 0), load<i32>(y + N_EXP) + 64, high(result), low(result));
}
