// FPATAN of operands that are neither 0 nor infinite. Angles are fixed-point numbers with 126 bits behind the point.
import { N_EXP, N_SIG, N_SIGN } from '../abi/float';
import {
  add,
  divide,
  leading_zeros,
  less,
  multiply,
  product,
  set_inexact,
  shift_left,
  shift_right,
  sub,
  u128,
} from './fixed';
import { arctangent_quotient } from './series';

/** atan(i/8), i = 0..8, low half first; pi by Machin's formula, the others by their series, with integers of 400 bits. */
const ARCTANGENTS = memory.data<u64>([
  0x0000000000000000, 0x0000000000000000, 0x9644bcc4f9f44478, 0x07f56ea6ab0bdb71, 0x56dc79ef5f7a217e,
  0x0fadbafc96406eb1, 0x715464245b9fc890, 0x16f61941e4def08e, 0xadfc88bd978751a0, 0x1dac670561bb4f68,
  0xd720d78599710dd2, 0x23c01757bdfd67e6, 0x066a1fca915f6b28, 0x292f1f464d3dc249, 0xf2cb69548429110f,
  0x2e014f8af08c679c, 0x313198a2e0370734, 0x3243f6a8885a308d,
]);

/** What set_angle takes: multiples of pi/4. */
export const QUARTER_PI: u32 = 1;
export const HALF_PI: u32 = 2;
export const THREE_QUARTERS_PI: u32 = 3;
export const PI: u32 = 4;

function pi(): v128 {
  return u128(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1);
}

/** z = quarters * pi/4, with a sign. */
export function set_angle(z: u32, sign: u32, quarters: u32): void {
  const quarter = shift_right(pi(), 2);
  let sum = quarters & 1 ? quarter : u128(0, 0);
  if (quarters > 1) sum = add(sum, shift_left(quarter, quarters >> 1));
  set_inexact(z, sign, 1, sum);
}

/** z = angle of the point (x, y). */
export function angle(z: u32, x: u32, y: u32): void {
  const sign = load<u32>(y + N_SIGN);
  const left = load<u32>(x + N_SIGN) != 0;
  const steep = is_greater(y, x);
  const small = load<u64>((steep ? x : y) + N_SIG);
  const large = load<u64>((steep ? y : x) + N_SIG);
  const distance = abs(load<i32>(x + N_EXP) - load<i32>(y + N_EXP)) as u32;
  const nearest = distance > 4 ? 0 : nearest_eighth(small >> distance, large);
  let theta: v128;
  if (nearest) {
    theta = arctangent_near(small, large, distance, nearest);
  } else {
    const ratio = divide(u128(small, 0), u128(large, 0));
    const u = shift_right(ratio, distance - 1);
    const quotient = multiply(ratio, arctangent_quotient(multiply(u, u)));
    // Only here the angle may be small, and has to keep all its bits.
    if (!steep && !left) return set_inexact(z, sign, 1 - (distance as i32), quotient);
    theta = shift_right(quotient, distance);
  }
  if (steep) theta = sub(shift_right(pi(), 1), theta);
  if (left) theta = sub(pi(), theta);
  set_inexact(z, sign, 1, theta);
}

/** |a| > |b|. */
function is_greater(a: u32, b: u32): bool {
  const above = load<i32>(a + N_EXP) - load<i32>(b + N_EXP);
  return above > 0 || (above == 0 && load<u64>(a + N_SIG) > load<u64>(b + N_SIG));
}

/** small / large in eighths, rounded to nearest; 0 only below 1/16. */
function nearest_eighth(small: u64, large: u64): u32 {
  return (((small >> 1) + (large >> 5)) / (large >> 4)) as u32;
}

/** atan(t), t = small / large / 2^distance near i/8: atan(i/8) + atan((8t - i) / (8 + it)). */
function arctangent_near(small: u64, large: u64, distance: u32, i: u32): v128 {
  const a = shift_right(shift_left(u128(0, small), 63), distance);
  const b = shift_left(product(large, i), 60);
  const below = less(a, b);
  const center = v128.load(ARCTANGENTS + i * 16);
  const numerator = below ? sub(b, a) : sub(a, b);
  const lead = leading_zeros(numerator);
  if (lead == 128) return center;
  const other = shift_right(shift_left(product(small, i), 60), distance);
  const denominator = add(shift_left(u128(0, large), 63), other);
  const scale = leading_zeros(denominator);
  const u = shift_right(
    divide(shift_left(numerator, lead), shift_left(denominator, scale)),
    lead - scale - 1,
  );
  const part = shift_right(multiply(u, arctangent_quotient(multiply(u, u))), 1);
  return below ? sub(center, part) : add(center, part);
}
