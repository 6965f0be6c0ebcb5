// The family OP_FLOAT: which file executes an operation; and arithmetic, scalar and packed.
import { V_FLOAT_RESULT, V_MXCSR } from '../abi/fpu';
import { FLOW_NEXT } from '../abi/insn';
import { OP_FLOAT } from '../abi/ops';
import { FLOAT_SD, FLOAT_SS } from '../abi/ops_float';
import { R_SRC } from '../abi/simd';
import { exec_float_compare, exec_float_flags } from './sse_float_compare';
import {
  exec_float_from_integer,
  exec_float_half,
  exec_float_integers,
  exec_float_to_integer,
  exec_float_width,
} from './sse_float_convert';
import { exec_fma } from './sse_float_fma';
import { is_quick, is_same, lane, native } from './sse_float_lane';
import { packed32, packed64 } from './sse_float_packed';
import { exec_reciprocal } from './sse_float_reciprocal';
import { begin, settle_scalar, write_scalar32, write_scalar64 } from './sse_float_result';
import { exec_float_round } from './sse_float_round';
import { exec_horizontal, exec_sums } from './sse_float_sums';

function scalar64(v: u32, r: u32, rm: u32, operation: u32): u32 {
  const src = load<u32>(r + R_SRC);
  if (is_quick(load<u32>(v + V_MXCSR))) {
    const a = load<f64>(src);
    const b = load<f64>(rm);
    const c = native<f64>(operation, a, b);
    if (is_same<f64>(operation, a, b, c)) {
      write_scalar64(r, c);
      return FLOW_NEXT;
    }
  }
  begin(v);
  lane<f64>(v, operation, src, rm, v + V_FLOAT_RESULT);
  return settle_scalar(v, r, true);
}

function scalar32(v: u32, r: u32, rm: u32, operation: u32): u32 {
  const src = load<u32>(r + R_SRC);
  if (is_quick(load<u32>(v + V_MXCSR))) {
    const a = load<f32>(src);
    const b = load<f32>(rm);
    const c = native<f32>(operation, a, b);
    if (is_same<f32>(operation, a, b, c)) {
      write_scalar32(r, c);
      return FLOW_NEXT;
    }
  }
  begin(v);
  lane<f32>(v, operation, src, rm, v + V_FLOAT_RESULT);
  return settle_scalar(v, r, false);
}

/** Executes a record of the family. */
export function exec_float(v: u32, r: u32, op: u32, rm: u32): u32 {
  const group = (op - OP_FLOAT) >> 2;
  switch (group) {
    case 1:
    case 8:
    case 9:
    case 12:
    case 13:
    case 14:
    case 15: {
      const type = op & 3;
      if (type == FLOAT_SD) return scalar64(v, r, rm, group);
      if (type == FLOAT_SS) return scalar32(v, r, rm, group);
      return type ? packed64(v, r, rm, group) : packed32(v, r, rm, group);
    }
    case 2:
    case 3:
      return exec_reciprocal(v, r, op, rm);
    case 10:
      return exec_float_width(v, r, op & 3, rm);
    case 11:
    case 21:
      return exec_float_integers(v, r, op, rm);
    case 16:
      return exec_float_compare(v, r, op & 3, rm);
    case 17:
      return exec_float_flags(v, r, op, rm);
    case 18:
      return exec_float_from_integer(v, r, op & 3, rm);
    case 19:
    case 20:
      return exec_float_to_integer(v, r, op, rm);
    case 22:
      return exec_horizontal(v, r, op, rm);
    case 23:
      return exec_sums(v, r, op, rm);
    case 24:
      return exec_float_round(v, r, op & 3, rm);
    case 25:
      return exec_float_half(v, r, op, rm);
    default:
      return exec_fma(v, r, op, rm);
  }
}
