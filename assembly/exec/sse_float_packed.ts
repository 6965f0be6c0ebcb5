// Packed arithmetic: 128 bits at a time by the host when all lanes are what the instruction gives, lane by lane otherwise. The
// questions are those of sse_float_lane.ts on vectors.
import { V_FLOAT_RESULT, V_MXCSR } from '../abi/fpu';
import { FLOW_NEXT } from '../abi/insn';
import { LANE_ADD, LANE_DIV, LANE_MAX, LANE_MIN, LANE_MUL, LANE_SQRT, LANE_SUB } from '../abi/ops_float';
import { R_SRC } from '../abi/simd';
import { is_quick, lane } from './sse_float_lane';
import { begin, settle_vector, vector_size, write_low } from './sse_float_result';

/** Of SQRT, b's root; MIN and MAX give b unless a is strictly the one wanted. */
function native_64x2(operation: u32, a: v128, b: v128): v128 {
  switch (operation) {
    case LANE_ADD:
      return f64x2.add(a, b);
    case LANE_MUL:
      return f64x2.mul(a, b);
    case LANE_SUB:
      return f64x2.sub(a, b);
    case LANE_DIV:
      return f64x2.div(a, b);
    case LANE_SQRT:
      return f64x2.sqrt(b);
    case LANE_MIN:
      return f64x2.pmin(b, a);
    default:
      return f64x2.pmax(b, a);
  }
}

function native_32x4(operation: u32, a: v128, b: v128): v128 {
  switch (operation) {
    case LANE_ADD:
      return f32x4.add(a, b);
    case LANE_MUL:
      return f32x4.mul(a, b);
    case LANE_SUB:
      return f32x4.sub(a, b);
    case LANE_DIV:
      return f32x4.div(a, b);
    case LANE_SQRT:
      return f32x4.sqrt(b);
    case LANE_MIN:
      return f32x4.pmin(b, a);
    default:
      return f32x4.pmax(b, a);
  }
}

/** Lanes that are denormal. */
function denormals_64(x: v128): v128 {
  const magnitude = v128.and(x, i64x2.splat(0x7fffffffffffffff));
  return v128.andnot(
    i64x2.lt_s(magnitude, i64x2.splat(0x0010000000000000)),
    i64x2.eq(magnitude, i64x2.splat(0)),
  );
}

function denormals_32(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  return v128.andnot(i32x4.lt_s(magnitude, i32x4.splat(0x00800000)), i32x4.eq(magnitude, i32x4.splat(0)));
}

/** Lanes that are normal and not of the smallest exponent. */
function plains_64(x: v128): v128 {
  const magnitude = v128.and(x, i64x2.splat(0x7fffffffffffffff));
  return v128.and(
    i64x2.ge_s(magnitude, i64x2.splat(0x0020000000000000)),
    i64x2.lt_s(magnitude, i64x2.splat(0x7ff0000000000000)),
  );
}

function plains_32(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  return v128.and(
    i32x4.ge_s(magnitude, i32x4.splat(0x01000000)),
    i32x4.lt_s(magnitude, i32x4.splat(0x7f800000)),
  );
}

/** Lanes that are no NaNs. */
function numbers_64(x: v128): v128 {
  return f64x2.le(x, f64x2.splat(Infinity));
}

function numbers_32(x: v128): v128 {
  return f32x4.le(x, f32x4.splat(Infinity as f32));
}

function is_same_64x2(operation: u32, a: v128, b: v128, c: v128): bool {
  const zero = f64x2.splat(0);
  const denormals = operation == LANE_SQRT ? denormals_64(b) : v128.or(denormals_64(a), denormals_64(b));
  if (v128.any_true(denormals)) return false;
  if (operation == LANE_MIN || operation == LANE_MAX)
    return i64x2.all_true(v128.and(numbers_64(a), numbers_64(b)));
  const plains = plains_64(c);
  if (i64x2.all_true(plains)) return true;
  let zeros = f64x2.eq(c, zero);
  if (operation == LANE_MUL) zeros = v128.and(zeros, v128.or(f64x2.eq(a, zero), f64x2.eq(b, zero)));
  else if (operation == LANE_DIV) zeros = v128.and(zeros, f64x2.eq(a, zero));
  return i64x2.all_true(v128.or(plains, zeros));
}

function is_same_32x4(operation: u32, a: v128, b: v128, c: v128): bool {
  const zero = f32x4.splat(0);
  const denormals = operation == LANE_SQRT ? denormals_32(b) : v128.or(denormals_32(a), denormals_32(b));
  if (v128.any_true(denormals)) return false;
  if (operation == LANE_MIN || operation == LANE_MAX)
    return i32x4.all_true(v128.and(numbers_32(a), numbers_32(b)));
  const plains = plains_32(c);
  if (i32x4.all_true(plains)) return true;
  let zeros = f32x4.eq(c, zero);
  if (operation == LANE_MUL) zeros = v128.and(zeros, v128.or(f32x4.eq(a, zero), f32x4.eq(b, zero)));
  else if (operation == LANE_DIV) zeros = v128.and(zeros, f32x4.eq(a, zero));
  return i32x4.all_true(v128.or(plains, zeros));
}

export function packed64(v: u32, r: u32, rm: u32, operation: u32): u32 {
  const src = load<u32>(r + R_SRC);
  const z = v + V_FLOAT_RESULT;
  const bytes = vector_size(r);
  const quick = is_quick(load<u32>(v + V_MXCSR));
  if (quick && bytes == 16) {
    const a = v128.load(src);
    const b = v128.load(rm);
    const c = native_64x2(operation, a, b);
    if (is_same_64x2(operation, a, b, c)) {
      v128.store(z, c);
      write_low(r, z);
      return FLOW_NEXT;
    }
  }
  begin(v);
  for (let i: u32 = 0; i < bytes; i += 16) {
    const a = v128.load(src + i);
    const b = v128.load(rm + i);
    const c = native_64x2(operation, a, b);
    if (quick && is_same_64x2(operation, a, b, c)) {
      v128.store(z + i, c);
    } else {
      lane<f64>(v, operation, src + i, rm + i, z + i);
      lane<f64>(v, operation, src + i + 8, rm + i + 8, z + i + 8);
    }
  }
  return settle_vector(v, r);
}

export function packed32(v: u32, r: u32, rm: u32, operation: u32): u32 {
  const src = load<u32>(r + R_SRC);
  const z = v + V_FLOAT_RESULT;
  const bytes = vector_size(r);
  const quick = is_quick(load<u32>(v + V_MXCSR));
  if (quick && bytes == 16) {
    const a = v128.load(src);
    const b = v128.load(rm);
    const c = native_32x4(operation, a, b);
    if (is_same_32x4(operation, a, b, c)) {
      v128.store(z, c);
      write_low(r, z);
      return FLOW_NEXT;
    }
  }
  begin(v);
  for (let i: u32 = 0; i < bytes; i += 16) {
    const a = v128.load(src + i);
    const b = v128.load(rm + i);
    const c = native_32x4(operation, a, b);
    if (quick && is_same_32x4(operation, a, b, c)) {
      v128.store(z + i, c);
    } else {
      for (let k: u32 = i; k < i + 16; k += 4) lane<f32>(v, operation, src + k, rm + k, z + k);
    }
  }
  return settle_vector(v, r);
}
