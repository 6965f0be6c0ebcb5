// RCPPS, RCPSS, RSQRTPS, RSQRTSS: approximations to 12 bits, without exceptions; denormals count as zeros (SDM vol. 2).
import { V_FLOAT_RESULT } from '../abi/fpu';
import { FLOAT_SS, OP_FLOAT_RCP } from '../abi/ops_float';
import { begin, settle_scalar, settle_vector, vector_size } from './sse_float_result';

const SIGN: u32 = 0x80000000;
const INFINITY_BITS: u32 = 0x7f800000;
const QUIET_BIT: u32 = 0x00400000;
const DEFAULT_NAN: u32 = 0xffc00000;
const SMALLEST_NORMAL: u32 = 0x00800000;
/** The largest operand whose reciprocal is not flushed to zero: 1.11111111110100000000000B * 2^125. */
const LAST_RECIPROCAL: u32 = 0x7e7fe800;

/** The first 12 bits of the fraction, rounded. */
function approximation(x: f64): u32 {
  return (reinterpret<u32>(x as f32) + 0x400) & 0xfffff800;
}

function reciprocal(bits: u32): u32 {
  const magnitude = bits & ~SIGN;
  if (magnitude > INFINITY_BITS) return bits | QUIET_BIT;
  if (magnitude > LAST_RECIPROCAL) return bits & SIGN;
  if (magnitude < SMALLEST_NORMAL) return (bits & SIGN) | INFINITY_BITS;
  return approximation(1.0 / (reinterpret<f32>(bits) as f64));
}

function reciprocal_root(bits: u32): u32 {
  const magnitude = bits & ~SIGN;
  if (magnitude > INFINITY_BITS) return bits | QUIET_BIT;
  if (magnitude < SMALLEST_NORMAL) return (bits & SIGN) | INFINITY_BITS;
  if (bits & SIGN) return DEFAULT_NAN;
  return magnitude == INFINITY_BITS ? 0 : approximation(1.0 / sqrt<f64>(reinterpret<f32>(bits) as f64));
}

export function exec_reciprocal(v: u32, r: u32, op: u32, rm: u32): u32 {
  const z = v + V_FLOAT_RESULT;
  const scalar = (op & 3) == FLOAT_SS;
  const bytes: u32 = scalar ? 4 : vector_size(r);
  begin(v);
  for (let i: u32 = 0; i < bytes; i += 4) {
    const bits = load<u32>(rm + i);
    store<u32>(z + i, op >= OP_FLOAT_RCP ? reciprocal(bits) : reciprocal_root(bits));
  }
  return scalar ? settle_scalar(v, r, false) : settle_vector(v, r);
}
