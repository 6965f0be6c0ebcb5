// F2XM1 of operands between -1 and 1, neither 0 nor 1.
import { N_EXP, N_SIGN } from '../abi/float';
import { multiply, set_inexact, shift_right, significand, u128 } from './fixed';
import { exponential_quotient } from './series';

/** z = 2^x - 1, as t * ((e^t - 1) / t) with t = x * ln(2): the quotient is near 1, so a small x keeps all its bits. */
export function power_of_two_less_one(z: u32, x: u32): void {
  const sign = load<u32>(x + N_SIGN);
  const exp = load<i32>(x + N_EXP);
  // ln(2), all 128 bits behind the point.
  const product = multiply(significand(x), u128(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af));
  const t = shift_right(product, -exp - 1);
  set_inexact(z, sign, exp + 1, multiply(product, exponential_quotient(t, sign != 0)));
}
