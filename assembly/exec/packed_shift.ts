// Packed shifts of one lane of 128 bits. A count beyond the width leaves nothing, or the sign; Wasm's are modulo the width.
import {
  OP_PSLLD,
  OP_PSLLDQ_I,
  OP_PSLLQ,
  OP_PSLLW,
  OP_PSLLW_I,
  OP_PSRAW,
  OP_PSRLD,
  OP_PSRLQ,
  OP_PSRLW,
  OP_VPSLLVD,
  OP_VPSRLVD,
} from '../abi/ops_packed';

/** The lane `count` bytes up (towards the high end); above 15 nothing is left. */
export function bytes_up(a: v128, count: u32): v128 {
  const n = min<u32>(count, 16) as i8;
  return i8x16.swizzle(
    a,
    i8x16.sub(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(n)),
  );
}

/** The lane `count` bytes down. */
export function bytes_down(a: v128, count: u32): v128 {
  const n = min<u32>(count, 16) as i8;
  return i8x16.swizzle(
    a,
    i8x16.add(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(n)),
  );
}

/** OP_PSLLW .. OP_PSRLDQ_I, all elements by one count. */
export function shifted(op: u32, a: v128, count: u64): v128 {
  const n = min<u64>(count, 64) as i32;
  if (op >= OP_PSLLDQ_I) return op == OP_PSLLDQ_I ? bytes_up(a, n) : bytes_down(a, n);
  const zero = i64x2.splat(0);
  // The forms with an immediate stand in the same order.
  switch (op < OP_PSLLW_I ? op : op - (OP_PSLLW_I - OP_PSLLW)) {
    case OP_PSLLW:
      return n > 15 ? zero : i16x8.shl(a, n);
    case OP_PSLLD:
      return n > 31 ? zero : i32x4.shl(a, n);
    case OP_PSLLQ:
      return n > 63 ? zero : i64x2.shl(a, n);
    case OP_PSRLW:
      return n > 15 ? zero : i16x8.shr_u(a, n);
    case OP_PSRLD:
      return n > 31 ? zero : i32x4.shr_u(a, n);
    case OP_PSRLQ:
      return n > 63 ? zero : i64x2.shr_u(a, n);
    case OP_PSRAW:
      return i16x8.shr_s(a, min(n, 15));
    default:
      return i32x4.shr_s(a, min(n, 31));
  }
}

function shifted_32(op: u32, a: u32, count: u32): u32 {
  if (op == OP_VPSLLVD) return count > 31 ? 0 : a << count;
  if (op == OP_VPSRLVD) return count > 31 ? 0 : a >> count;
  return ((a as i32) >> min<u32>(count, 31)) as u32;
}

function shifted_64(left: bool, a: u64, count: u64): u64 {
  if (count > 63) return 0;
  return left ? a << count : a >> count;
}

/** VPSLLVD, VPSRLVD, VPSRAVD: each doubleword by its own count. */
export function shifted_each_32(op: u32, a: v128, b: v128): v128 {
  let x = i32x4.splat(shifted_32(op, i32x4.extract_lane(a, 0), i32x4.extract_lane(b, 0)));
  x = i32x4.replace_lane(x, 1, shifted_32(op, i32x4.extract_lane(a, 1), i32x4.extract_lane(b, 1)));
  x = i32x4.replace_lane(x, 2, shifted_32(op, i32x4.extract_lane(a, 2), i32x4.extract_lane(b, 2)));
  return i32x4.replace_lane(x, 3, shifted_32(op, i32x4.extract_lane(a, 3), i32x4.extract_lane(b, 3)));
}

/** VPSLLVQ, VPSRLVQ. */
export function shifted_each_64(left: bool, a: v128, b: v128): v128 {
  const x = i64x2.splat(shifted_64(left, i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0)));
  return i64x2.replace_lane(x, 1, shifted_64(left, i64x2.extract_lane(a, 1), i64x2.extract_lane(b, 1)));
}
