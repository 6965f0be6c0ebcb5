// The transcendental instructions of the x87 unit (SDM vol. 1, 8.3.7): special operands here, the others in the files named
// transcendental_*. Callers have dealt with NaNs and unsupported encodings and raise #D for denormal operands; they round z with
// round80, F_PRECISION being 64 (PC has no part in these instructions). Invalid operations and divisions by zero are raised here
// and leave the masked result in z. z may be an operand.
import { CLASS_INFINITY, CLASS_NORMAL, CLASS_ZERO, N_EXP, N_SIG, N_SIGN } from '../abi/float';
import { FE_INEXACT, FE_INVALID, FE_ZERO_DIVIDE } from '../abi/fpu';
import { class_of, copy_number, set_default_nan, set_infinity, set_number, set_zero } from './number';
import { raise_float } from './round';
import { angle, HALF_PI, PI, QUARTER_PI, set_angle, THREE_QUARTERS_PI } from './transcendental_angle';
import { y_log2, y_log2_of_one_plus } from './transcendental_log';
import { power_of_two_less_one } from './transcendental_power';
import { cosine_of, sine_of, tangent_of } from './transcendental_trig';

const ONE: u64 = 0x8000000000000000;

/** The masked result of an invalid operation. */
function invalid(v: u32, z: u32): void {
  raise_float(v, FE_INVALID);
  set_default_nan(z);
}

/** F2XM1: z = 2^x - 1 for -1 <= x <= 1; beyond, z = x. */
export function f2xm1(v: u32, z: u32, x: u32): void {
  const sign = load<u32>(x + N_SIGN);
  const kind = class_of(x);
  if (kind == CLASS_ZERO) return set_zero(z, sign);
  if (kind == CLASS_INFINITY) return sign ? set_number(z, CLASS_NORMAL, 1, 0, ONE, 0) : set_infinity(z, 0);
  const exp = load<i32>(x + N_EXP);
  raise_float(v, FE_INEXACT);
  if (exp < 0) power_of_two_less_one(z, x);
  else if (exp > 0 || load<u64>(x + N_SIG) != ONE) copy_number(z, x);
  else set_number(z, CLASS_NORMAL, sign, sign ? -1 : 0, ONE, 0);
}

/** y * infinity with the sign `negative` for the infinity; 0 * infinity is invalid. */
function multiply_infinity(v: u32, z: u32, y: u32, negative: u32): void {
  if (class_of(y) == CLASS_ZERO) return invalid(v, z);
  set_infinity(z, load<u32>(y + N_SIGN) ^ negative);
}

/** y * log where the logarithm is finite and not special, or y is 0 or infinite; gives whether that was all. */
function multiply_special(z: u32, y: u32, negative: u32): bool {
  const sign = load<u32>(y + N_SIGN) ^ negative;
  if (class_of(y) == CLASS_NORMAL) return false;
  if (class_of(y) == CLASS_ZERO) set_zero(z, sign);
  else set_infinity(z, sign);
  return true;
}

/** FYL2X: z = y * log2(x). */
export function fyl2x(v: u32, z: u32, x: u32, y: u32): void {
  const kind = class_of(x);
  if (kind == CLASS_ZERO) {
    if (class_of(y) == CLASS_NORMAL) raise_float(v, FE_ZERO_DIVIDE);
    return multiply_infinity(v, z, y, 1);
  }
  if (load<u32>(x + N_SIGN)) return invalid(v, z);
  if (kind == CLASS_INFINITY) return multiply_infinity(v, z, y, 0);
  const exp = load<i32>(x + N_EXP);
  if (exp == 0 && load<u64>(x + N_SIG) == ONE) {
    if (class_of(y) == CLASS_INFINITY) return invalid(v, z);
    return set_zero(z, load<u32>(y + N_SIGN));
  }
  if (multiply_special(z, y, (exp < 0) as u32)) return;
  raise_float(v, FE_INEXACT);
  y_log2(z, x, y);
}

/** FYL2XP1: z = y * log2(x + 1); for x <= -1, z = x. */
export function fyl2xp1(v: u32, z: u32, x: u32, y: u32): void {
  const kind = class_of(x);
  const negative = load<u32>(x + N_SIGN);
  if (kind == CLASS_INFINITY) return negative ? invalid(v, z) : multiply_infinity(v, z, y, 0);
  if (kind == CLASS_ZERO) {
    if (class_of(y) == CLASS_INFINITY) return invalid(v, z);
    return set_zero(z, load<u32>(y + N_SIGN) ^ negative);
  }
  if (negative && load<i32>(x + N_EXP) >= 0) {
    raise_float(v, FE_INEXACT);
    return copy_number(z, x);
  }
  if (multiply_special(z, y, negative)) return;
  raise_float(v, FE_INEXACT);
  y_log2_of_one_plus(z, x, y);
}

/** FPATAN: z = angle of the point (x, y), -pi to pi, with the sign of y. */
export function fpatan(z: u32, x: u32, y: u32): void {
  const left = load<u32>(x + N_SIGN) != 0;
  const sign = load<u32>(y + N_SIGN);
  const across = class_of(x);
  const up = class_of(y);
  if (up == CLASS_INFINITY) {
    if (across != CLASS_INFINITY) return set_angle(z, sign, HALF_PI);
    return set_angle(z, sign, left ? THREE_QUARTERS_PI : QUARTER_PI);
  }
  if (up == CLASS_ZERO || across == CLASS_INFINITY) {
    return left ? set_angle(z, sign, PI) : set_zero(z, sign);
  }
  if (across == CLASS_ZERO) return set_angle(z, sign, HALF_PI);
  angle(z, x, y);
}

/** Whether FSIN, FCOS, FSINCOS and FPTAN leave x as it is and set C2: |x| >= 2^63, but not infinite. Asked before them. */
export function is_out_of_range(x: u32): bool {
  return class_of(x) == CLASS_NORMAL && load<i32>(x + N_EXP) >= 63;
}

/** FSIN: z = sin(x). */
export function fsin(v: u32, z: u32, x: u32): void {
  if (class_of(x) == CLASS_INFINITY) return invalid(v, z);
  if (class_of(x) == CLASS_ZERO) return set_zero(z, load<u32>(x + N_SIGN));
  sine_of(z, x);
}

/** FCOS: z = cos(x). */
export function fcos(v: u32, z: u32, x: u32): void {
  if (class_of(x) == CLASS_INFINITY) return invalid(v, z);
  if (class_of(x) == CLASS_ZERO) return set_number(z, CLASS_NORMAL, 0, 0, ONE, 0);
  cosine_of(z, x);
}

/** FPTAN: z = tan(x); the 1.0 on top of it is the caller's. */
export function fptan(v: u32, z: u32, x: u32): void {
  if (class_of(x) == CLASS_INFINITY) return invalid(v, z);
  if (class_of(x) == CLASS_ZERO) return set_zero(z, load<u32>(x + N_SIGN));
  tangent_of(z, x);
}
