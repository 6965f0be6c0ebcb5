// Conversions between single, double, half precision and integers.

import { CLASS_SNAN, F_A, F_FTZ, F_ROUNDING } from '../abi/float';
import { FE_INEXACT, FE_INVALID, ROUND_ZERO, V_FLOAT_RESULT, V_MXCSR } from '../abi/fpu';
import { AM_NONE, FLOW_NEXT, R_AM, R_REG } from '../abi/insn';
import {
  FLOAT_PD,
  FLOAT_PS,
  FLOAT_SD,
  FLOAT_SS,
  OP_CVT_TO_INT,
  OP_CVTDQ2PD,
  OP_CVTDQ2PS,
  OP_CVTPH2PS,
  OP_CVTTPD2DQ,
  OP_CVTTPS2DQ,
} from '../abi/ops_float';
import { R_IMM8, R_WIDE } from '../abi/simd';
import { enter_mmx, write_mmx } from '../cpu/mmx';
import { finish_store, write_register } from '../cpu/operands';
import { x87_error } from '../cpu/x87_error';
import { class_of, from_integer, pack16, raise_float, round16, to_integer, unpack16 } from '../float';
import {
  is_denormal,
  is_inexact_known,
  is_nearest,
  is_number,
  is_plain,
  note_denormal,
} from './sse_float_lane';
import {
  begin,
  load_lane,
  rounding,
  set_environment,
  settle,
  settle_low,
  settle_scalar,
  settle_vector,
  store_lane,
  vector_size,
} from './sse_float_result';

const TWO_31: f64 = 2147483648.0;
const TWO_63: f64 = TWO_31 * TWO_31 * 2.0;

/** A lane of one precision into one of the other. */
function change_width(v: u32, p: u32, z: u32, from_double: bool): void {
  const n = v + F_A;
  set_environment(v);
  load_lane(v, n, p, from_double);
  if (class_of(n) == CLASS_SNAN) raise_float(v, FE_INVALID);
  else note_denormal(v, n, n);
  store_lane(v, n, z, !from_double);
}

function widen(v: u32, p: u32, z: u32): void {
  const x = load<f32>(p);
  if (is_number<f32>(x) && !is_denormal<f32>(x)) store<f64>(z, x as f64);
  else change_width(v, p, z, false);
}

function narrow(v: u32, p: u32, z: u32): void {
  const mxcsr = load<u32>(v + V_MXCSR);
  const x = load<f64>(p);
  const c = x as f32;
  if (x == 0 || (is_nearest(mxcsr) && is_plain<f32>(c))) {
    if (!is_inexact_known(mxcsr) && (c as f64) != x) raise_float(v, FE_INEXACT);
    store<f32>(z, c);
  } else {
    change_width(v, p, z, true);
  }
}

/** CVTPS2PD, CVTPD2PS, CVTSS2SD, CVTSD2SS. */
export function exec_float_width(v: u32, r: u32, type: u32, rm: u32): u32 {
  const z = v + V_FLOAT_RESULT;
  begin(v);
  if (type == FLOAT_SS) {
    widen(v, rm, z);
    return settle_scalar(v, r, true);
  }
  if (type == FLOAT_SD) {
    narrow(v, rm, z);
    return settle_scalar(v, r, false);
  }
  const lanes = vector_size(r) >> 3;
  if (type == FLOAT_PS) {
    for (let i: u32 = 0; i < lanes; i++) widen(v, rm + i * 4, z + i * 8);
    return settle_vector(v, r);
  }
  store<u64>(z + 8, 0);
  for (let i: u32 = 0; i < lanes; i++) narrow(v, rm + i * 8, z + i * 4);
  return settle_low(v, r);
}

/** An integer into a lane, rounded. */
function from_integer_lane(v: u32, value: i64, z: u32, double: bool): void {
  const mxcsr = load<u32>(v + V_MXCSR);
  if (is_nearest(mxcsr)) {
    const c: f64 = double ? (value as f64) : (value as f32 as f64);
    if (!is_inexact_known(mxcsr) && (c >= TWO_63 || (c as i64) != value)) raise_float(v, FE_INEXACT);
    if (double) store<f64>(z, c);
    else store<f32>(z, c as f32);
    return;
  }
  const n = v + F_A;
  set_environment(v);
  from_integer(n, value);
  store_lane(v, n, z, double);
}

/** A lane as an integer of 32 or 64 bits. */
function to_integer_lane(v: u32, p: u32, double: bool, bits: u32, truncate: bool): i64 {
  const mxcsr = load<u32>(v + V_MXCSR);
  const x: f64 = double ? load<f64>(p) : (load<f32>(p) as f64);
  const tiny = double ? is_denormal<f64>(x) : is_denormal<f32>(load<f32>(p));
  if (!tiny && (truncate || is_nearest(mxcsr))) {
    const t = truncate ? trunc<f64>(x) : nearest<f64>(x);
    const limit = bits == 32 ? TWO_31 : TWO_63;
    if (t >= -limit && t < limit) {
      if (t != x) raise_float(v, FE_INEXACT);
      return t as i64;
    }
  }
  const n = v + F_A;
  set_environment(v);
  if (truncate) store<u32>(v + F_ROUNDING, ROUND_ZERO);
  load_lane(v, n, p, double);
  return to_integer(v, n, bits);
}

/** CVTDQ2PS, CVTPS2DQ, CVTTPS2DQ, CVTDQ2PD, CVTPD2DQ, CVTTPD2DQ. */
export function exec_float_integers(v: u32, r: u32, op: u32, rm: u32): u32 {
  const z = v + V_FLOAT_RESULT;
  const bytes = vector_size(r);
  begin(v);
  if (op == OP_CVTDQ2PS || op == OP_CVTDQ2PD) {
    const double = op == OP_CVTDQ2PD;
    const step: u32 = double ? 8 : 4;
    const lanes = bytes / step;
    for (let i: u32 = 0; i < lanes; i++)
      from_integer_lane(v, load<i32>(rm + i * 4) as i64, z + i * step, double);
    return settle_vector(v, r);
  }
  if (op < OP_CVTTPD2DQ) {
    const truncate = op == OP_CVTTPS2DQ;
    for (let i: u32 = 0; i < bytes; i += 4)
      store<i32>(z + i, to_integer_lane(v, rm + i, false, 32, truncate) as i32);
    return settle_vector(v, r);
  }
  store<u64>(z + 8, 0);
  for (let i: u32 = 0; i < bytes; i += 8)
    store<i32>(z + (i >> 1), to_integer_lane(v, rm + i, true, 32, op == OP_CVTTPD2DQ) as i32);
  return settle_low(v, r);
}

/** CVTPI2PS, CVTPI2PD, CVTSI2SS, CVTSI2SD. */
export function exec_float_from_integer(v: u32, r: u32, type: u32, rm: u32): u32 {
  const z = v + V_FLOAT_RESULT;
  begin(v);
  if (type >= FLOAT_SS) {
    const value: i64 = load<u8>(r + R_WIDE) ? load<i64>(rm) : (load<i32>(rm) as i64);
    from_integer_lane(v, value, z, type == FLOAT_SD);
    return settle_scalar(v, r, type == FLOAT_SD);
  }
  // CVTPI2PD of memory is the only one that leaves the x87 registers alone; the others change to MMX even when they raise #XM.
  const mmx = type == FLOAT_PS || load<u8>(r + R_AM) == AM_NONE;
  if (mmx) {
    const error = x87_error(v);
    if (error) return error;
    enter_mmx(v);
  }
  const step: u32 = type == FLOAT_PD ? 8 : 4;
  if (type == FLOAT_PS) store<u64>(z + 8, load<u64>(load<u32>(r + R_REG) + 8));
  from_integer_lane(v, load<i32>(rm) as i64, z, type == FLOAT_PD);
  from_integer_lane(v, load<i32>(rm + 4) as i64, z + step, type == FLOAT_PD);
  return settle_low(v, r);
}

/** CVTPS2PI, CVTPD2PI, CVTSS2SI, CVTSD2SI and the truncating ones. */
export function exec_float_to_integer(v: u32, r: u32, op: u32, rm: u32): u32 {
  const type = op & 3;
  const truncate = op < OP_CVT_TO_INT;
  const double = (type & 1) != 0;
  begin(v);
  if (type >= FLOAT_SS) {
    const wide = load<u8>(r + R_WIDE) != 0;
    const value = to_integer_lane(v, rm, double, wide ? 64 : 32, truncate);
    const flow = settle(v);
    if (flow == FLOW_NEXT) write_register(load<u32>(r + R_REG), wide ? 3 : 2, value as u64);
    return flow;
  }
  const error = x87_error(v);
  if (error) return error;
  enter_mmx(v);
  const low = to_integer_lane(v, rm, double, 32, truncate) as u32 as u64;
  const high = to_integer_lane(v, rm + (double ? 8 : 4), double, 32, truncate) as u32 as u64;
  const flow = settle(v);
  if (flow) return flow;
  write_mmx(load<u32>(r + R_REG), low | (high << 32));
  return FLOW_NEXT;
}

/** VCVTPH2PS: exact; DAZ does not concern halves. */
function from_half(v: u32, p: u32, z: u32): void {
  const n = v + F_A;
  unpack16(n, load<u16>(p));
  if (class_of(n) == CLASS_SNAN) raise_float(v, FE_INVALID);
  store_lane(v, n, z, false);
}

/** VCVTPS2PH: FTZ does not concern halves; the immediate may give the rounding. */
function to_half(v: u32, p: u32, z: u32, mode: u32): void {
  const n = v + F_A;
  set_environment(v);
  store<u32>(v + F_ROUNDING, mode);
  store<u32>(v + F_FTZ, 0);
  load_lane(v, n, p, false);
  if (class_of(n) == CLASS_SNAN) raise_float(v, FE_INVALID);
  else note_denormal(v, n, n);
  round16(v, n);
  store<u16>(z, pack16(n) as u16);
}

/** VCVTPH2PS and VCVTPS2PH. */
export function exec_float_half(v: u32, r: u32, op: u32, rm: u32): u32 {
  const z = v + V_FLOAT_RESULT;
  const lanes = vector_size(r) >> 2;
  begin(v);
  if (op == OP_CVTPH2PS) {
    set_environment(v);
    for (let i: u32 = 0; i < lanes; i++) from_half(v, rm + i * 2, z + i * 4);
    return settle_vector(v, r);
  }
  const imm: u32 = load<u8>(r + R_IMM8);
  const mode = imm & 4 ? rounding(v) : imm & 3;
  const src = load<u32>(r + R_REG);
  for (let i: u32 = 0; i < lanes; i++) to_half(v, src + i * 4, z + i * 2, mode);
  const flow = settle(v);
  if (flow) return flow;
  if (load<u8>(r + R_AM) == AM_NONE) {
    memory.copy(rm, z, lanes * 2);
    memory.fill(rm + lanes * 2, 0, 32 - lanes * 2);
    return FLOW_NEXT;
  }
  memory.copy(rm, z, lanes * 2);
  return finish_store(v);
}
