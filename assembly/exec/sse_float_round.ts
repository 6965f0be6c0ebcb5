// ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD: the host rounds; only NaNs and DAZ need care.
import {
  FE_INEXACT,
  FE_INVALID,
  MXCSR_DAZ,
  ROUND_DOWN,
  ROUND_NEAREST,
  ROUND_UP,
  V_FLOAT_RESULT,
  V_MXCSR,
} from '../abi/fpu';
import { FLOAT_SS } from '../abi/ops_float';
import { R_IMM8 } from '../abi/simd';
import { raise_float } from '../float';
import { is_denormal, is_number } from './sse_float_lane';
import { begin, rounding, settle_scalar, settle_vector, vector_size } from './sse_float_result';

/** imm8[2]: MXCSR.RC instead of imm8[1:0]; imm8[3]: no PE. */
const USE_MXCSR: u32 = 4;
const NO_INEXACT: u32 = 8;

function integral<T>(x: T, mode: u32): T {
  if (mode == ROUND_NEAREST) return nearest<T>(x);
  if (mode == ROUND_DOWN) return floor<T>(x);
  return mode == ROUND_UP ? ceil<T>(x) : trunc<T>(x);
}

function round_lane<T>(v: u32, p: u32, z: u32, mode: u32, quiet: bool): void {
  let x = load<T>(p);
  if (!is_number<T>(x)) return quiet_nan(v, p, z, sizeof<T>() == 8);
  if (is_denormal<T>(x) && load<u32>(v + V_MXCSR) & MXCSR_DAZ) x = copysign<T>(0 as T, x);
  const c = integral<T>(x, mode);
  if (c != x && !quiet) raise_float(v, FE_INEXACT);
  store<T>(z, c);
}

/** A NaN becomes quiet, and raises IE if it was not. */
function quiet_nan(v: u32, p: u32, z: u32, double: bool): void {
  let signaling: bool;
  if (double) {
    const bits = load<u64>(p);
    signaling = (bits & 0x0008000000000000) == 0;
    store<u64>(z, bits | 0x0008000000000000);
  } else {
    const bits = load<u32>(p);
    signaling = (bits & 0x00400000) == 0;
    store<u32>(z, bits | 0x00400000);
  }
  if (signaling) raise_float(v, FE_INVALID);
}

export function exec_float_round(v: u32, r: u32, type: u32, rm: u32): u32 {
  const z = v + V_FLOAT_RESULT;
  const imm: u32 = load<u8>(r + R_IMM8);
  const mode = imm & USE_MXCSR ? rounding(v) : imm & 3;
  const quiet = (imm & NO_INEXACT) != 0;
  const double = (type & 1) != 0;
  const step: u32 = double ? 8 : 4;
  const bytes = type >= FLOAT_SS ? step : vector_size(r);
  begin(v);
  for (let i: u32 = 0; i < bytes; i += step) {
    if (double) round_lane<f64>(v, rm + i, z + i, mode, quiet);
    else round_lane<f32>(v, rm + i, z + i, mode, quiet);
  }
  return type >= FLOAT_SS ? settle_scalar(v, r, double) : settle_vector(v, r);
}
