// Unsigned 128-bit integers in v128 values (lane 0 is the low half), which series are summed in as fixed-point fractions.
// Pure functions: nothing here lies in memory.
import { N_LOW, N_SIG } from '../abi/float';
import { set_normalized } from './number';
import { multiply_high } from './wide';

/** high:low. */
export function u128(high: u64, low: u64): v128 {
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

export function high(a: v128): u64 {
  return i64x2.extract_lane(a, 1);
}

export function low(a: v128): u64 {
  return i64x2.extract_lane(a, 0);
}

/** a + b modulo 2^128. */
export function add(a: v128, b: v128): v128 {
  const sum = low(a) + low(b);
  return u128(high(a) + high(b) + u64(sum < low(a)), sum);
}

/** a - b modulo 2^128. */
export function sub(a: v128, b: v128): v128 {
  return u128(high(a) - high(b) - u64(low(a) < low(b)), low(a) - low(b));
}

/** a < b. */
export function less(a: v128, b: v128): bool {
  return high(a) < high(b) || (high(a) == high(b) && low(a) < low(b));
}

/** a << n; 0 from 128 up. */
export function shift_left(a: v128, n: u32): v128 {
  if (n == 0) return a;
  if (n < 64) return u128((high(a) << n) | (low(a) >> (64 - n)), low(a) << n);
  return n < 128 ? u128(low(a) << (n - 64), 0) : u128(0, 0);
}

/** a >> n; 0 from 128 up. */
export function shift_right(a: v128, n: u32): v128 {
  if (n == 0) return a;
  if (n < 64) return u128(high(a) >> n, (low(a) >> n) | (high(a) << (64 - n)));
  return n < 128 ? u128(0, high(a) >> (n - 64)) : u128(0, 0);
}

/** Zeros before the first one bit, 128 for 0. */
export function leading_zeros(a: v128): u32 {
  return (high(a) ? clz(high(a)) : 64 + clz(low(a))) as u32;
}

/** a * b, exactly. */
export function product(a: u64, b: u64): v128 {
  return u128(multiply_high(a, b), a * b);
}

/** a * b / 2^128, at most 3 units too small. */
export function multiply(a: v128, b: v128): v128 {
  const sum = add(product(high(a), high(b)), u128(0, multiply_high(high(a), low(b))));
  return add(sum, u128(0, multiply_high(low(a), high(b))));
}

/** a / b * 2^127, rounded down, of a and b with their top bits set. Bit by bit, in halves: v128 values would be slower. */
export function divide(a: v128, b: v128): v128 {
  const b1 = high(b);
  const b0 = low(b);
  let rest1 = high(a);
  let rest0 = low(a);
  let carry: u64 = 0;
  let first: u64 = 0;
  let quotient: u64 = 0;
  for (let i = 0; i < 128; i++) {
    if (i == 64) first = quotient;
    quotient <<= 1;
    if (carry != 0 || rest1 > b1 || (rest1 == b1 && rest0 >= b0)) {
      rest1 -= b1 + u64(rest0 < b0);
      rest0 -= b0;
      quotient |= 1;
    }
    carry = rest1 >> 63;
    rest1 = (rest1 << 1) | (rest0 >> 63);
    rest0 <<= 1;
  }
  return u128(first, quotient);
}

/** The significand of a number, with 127 bits behind the point. */
export function significand(n: u32): v128 {
  return u128(load<u64>(n + N_SIG), load<u64>(n + N_LOW));
}

/** Makes n a number a little above sum * 2^(exp - 127), sum not being 0: transcendental results are never exact. */
export function set_inexact(n: u32, sign: u32, exp: i32, sum: v128): void {
  set_normalized(n, sign, exp, high(sum), low(sum));
  store<u64>(n + N_LOW, load<u64>(n + N_LOW) | 1);
}
