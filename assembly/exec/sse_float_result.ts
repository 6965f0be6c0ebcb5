// The frame of an instruction that reads MXCSR: environment before, exceptions and destination after (SDM vol. 1, 11.5).

import { F_FTZ, F_MASKS, F_ROUNDING, N_DENORMAL, N_SIGN } from '../abi/float';
import {
  FE_ALL,
  FE_DENORMAL,
  FE_INVALID,
  FE_ZERO_DIVIDE,
  MXCSR_DAZ,
  MXCSR_FTZ,
  MXCSR_MASK_SHIFT,
  MXCSR_RC_SHIFT,
  V_FLOAT_FLAGS,
  V_FLOAT_RESULT,
  V_MXCSR,
} from '../abi/fpu';
import { FLOW_NEXT, R_REG } from '../abi/insn';
import { FORM_SSE, FORM_VEX_256, R_FORM, R_SRC } from '../abi/simd';
import { V_CR4 } from '../abi/vcpu_page';
import { CR4_OSXMMEXCPT, UD, XM } from '../abi/x86';
import { pack32, pack64, round32, round64, set_zero, unpack32, unpack64 } from '../float';
import { raise } from '../state/fault';

/** Exceptions found before the calculation: an unmasked one keeps the others from being found. */
const BEFORE: u32 = FE_INVALID | FE_DENORMAL | FE_ZERO_DIVIDE;
const ROUNDING_MASK: u32 = 3;

export function rounding(v: u32): u32 {
  return (load<u32>(v + V_MXCSR) >> MXCSR_RC_SHIFT) & ROUNDING_MASK;
}

/** Starts an instruction: no flags yet. */
export function begin(v: u32): void {
  store<u32>(v + V_FLOAT_FLAGS, 0);
}

/** MXCSR for the floating-point core. */
export function set_environment(v: u32): void {
  const mxcsr = load<u32>(v + V_MXCSR);
  store<u32>(v + F_ROUNDING, (mxcsr >> MXCSR_RC_SHIFT) & ROUNDING_MASK);
  store<u32>(v + F_MASKS, (mxcsr >> MXCSR_MASK_SHIFT) & FE_ALL);
  store<u32>(v + F_FTZ, mxcsr & MXCSR_FTZ);
}

/** Takes a lane apart; with DAZ a denormal is zero. */
export function load_lane(v: u32, n: u32, p: u32, double: bool): void {
  if (double) unpack64(n, load<u64>(p));
  else unpack32(n, load<u32>(p));
  if (load<u32>(n + N_DENORMAL) && load<u32>(v + V_MXCSR) & MXCSR_DAZ) set_zero(n, load<u32>(n + N_SIGN));
}

/** Rounds a number into a lane. */
export function store_lane(v: u32, n: u32, p: u32, double: bool): void {
  if (double) {
    round64(v, n);
    store<u64>(p, pack64(n));
  } else {
    round32(v, n);
    store<u32>(p, pack32(n));
  }
}

/** Ends the calculation: flags into MXCSR, and FLOW_NEXT, or #XM (#UD without CR4.OSXMMEXCPT) with nothing to be written. */
export function settle(v: u32): u32 {
  let flags = load<u32>(v + V_FLOAT_FLAGS);
  if (flags == 0) return FLOW_NEXT;
  const mxcsr = load<u32>(v + V_MXCSR);
  const enabled = ~(mxcsr >> MXCSR_MASK_SHIFT) & FE_ALL;
  if (flags & enabled & BEFORE) flags &= BEFORE;
  store<u32>(v + V_MXCSR, mxcsr | flags);
  if ((flags & enabled) == 0) return FLOW_NEXT;
  return raise(v, load<u32>(v + V_CR4) & CR4_OSXMMEXCPT ? XM : UD);
}

/** Writes the lower half of the destination from 16 bytes at `p`; the upper half becomes zero unless the encoding is a legacy one. */
export function write_low(r: u32, p: u32): void {
  const to = load<u32>(r + R_REG);
  v128.store(to, v128.load(p));
  if (load<u8>(r + R_FORM) != FORM_SSE) v128.store(to + 16, i64x2.splat(0));
}

/** Settles an instruction whose result fills the whole destination. */
export function settle_vector(v: u32, r: u32): u32 {
  const flow = settle(v);
  if (flow) return flow;
  write_low(r, v + V_FLOAT_RESULT);
  if (load<u8>(r + R_FORM) == FORM_VEX_256)
    v128.store(load<u32>(r + R_REG) + 16, v128.load(v + V_FLOAT_RESULT + 16));
  return FLOW_NEXT;
}

/** Settles an instruction whose result is 128 bits even with VEX.L. */
export function settle_low(v: u32, r: u32): u32 {
  const flow = settle(v);
  if (flow == FLOW_NEXT) write_low(r, v + V_FLOAT_RESULT);
  return flow;
}

/** Settles a scalar instruction: the other lanes are those of the first source. */
export function settle_scalar(v: u32, r: u32, double: bool): u32 {
  const flow = settle(v);
  if (flow) return flow;
  if (double) write_scalar64(r, load<f64>(v + V_FLOAT_RESULT));
  else write_scalar32(r, load<f32>(v + V_FLOAT_RESULT));
  return FLOW_NEXT;
}

export function write_scalar64(r: u32, value: f64): void {
  if (load<u8>(r + R_FORM) != FORM_SSE) write_low(r, load<u32>(r + R_SRC));
  store<f64>(load<u32>(r + R_REG), value);
}

export function write_scalar32(r: u32, value: f32): void {
  if (load<u8>(r + R_FORM) != FORM_SSE) write_low(r, load<u32>(r + R_SRC));
  store<f32>(load<u32>(r + R_REG), value);
}

/** Bytes of a whole vector in this encoding. */
export function vector_size(r: u32): u32 {
  return load<u8>(r + R_FORM) == FORM_VEX_256 ? 32 : 16;
}
