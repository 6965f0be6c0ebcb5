// Shifts and rotates: ROL ROR RCL RCR SHL SHR SAR, SHLD, SHRD (SDM vol. 2). The common immediate forms are in dispatch.ts.
import { AM_NONE, R_AM, R_IMM, R_REG } from '../abi/insn';
import { OP_SHIFT, OP_SHLD, OP_SHLD_CL, OP_SHRD_CL } from '../abi/ops';
import { V_GPR } from '../abi/vcpu_page';
import { RCX } from '../abi/x86';
import { get_cf, get_of, lazy_result, set_carry_overflow } from '../cpu/flags';
import { read_reg, read_rm, size_of, write_rm } from '../cpu/operands';

/** A value of 2^size bytes, sign-extended. */
function extend(value: u64, size: u32): i64 {
  const shift: i64 = 64 - (8 << size);
  return ((value as i64) << shift) >> shift;
}

export function exec_shift(v: u32, r: u32, op: u32, rm: u32): u32 {
  if (op >= OP_SHLD) return double_shift(v, r, op, rm);
  const count: u32 = load<u8>(load<u32>(r + R_REG)) & (size_of(r) == 3 ? 63 : 31);
  const a = read_rm(v, r, rm);
  // A count of 0 changes no flag, but a memory operand is still written.
  if (count == 0) return write_rm(v, r, rm, a);
  return op < OP_SHIFT + 4
    ? rotate(v, r, rm, op - OP_SHIFT, count, a)
    : shift(v, r, rm, op - OP_SHIFT, count, a);
}

/**
 * OF by the sign of the result, for shifts and rotates of bytes: an 80286 leaves it so for every count, and its golden cases
 * compare it for immediates. For a count of 1 it is the same as that of the first step.
 */
function byte_overflow(kind: u32, res: u64, cf: u32): u32 {
  const sign = ((res >> 7) & 1) as u32;
  return kind == 1 || kind == 5 ? sign ^ (((res >> 6) & 1) as u32) : sign ^ cf;
}

/**
 * ROL ROR RCL RCR. OF is defined for a count of 1; Intel processors give what a rotation by 1 would, but ROL and ROR of a
 * register by an immediate leave it alone.
 */
function rotate(v: u32, r: u32, rm: u32, kind: u32, count: u32, a: u64): u32 {
  const size = size_of(r);
  const bits: u32 = 8 << size;
  const top = bits - 1;
  const top_bit = ((a >> top) & 1) as u32;
  let cf = get_cf(v);
  let overflow =
    kind == 1
      ? top_bit ^ ((a & 1) as u32)
      : kind == 3
        ? top_bit ^ cf
        : top_bit ^ (((a >> (top - 1)) & 1) as u32);
  let res = a;
  if (kind < 2) {
    const n = count & top;
    if (n) res = kind == 0 ? (a << n) | (a >> (bits - n)) : (a >> n) | (a << (bits - n));
    cf = ((kind == 0 ? res : res >> top) & 1) as u32;
    if (size == 0) overflow = byte_overflow(kind, res, cf);
    else if (count > 1 && load<u8>(r + R_AM) == AM_NONE && load<u32>(r + R_REG) == r + R_IMM)
      overflow = get_of(v);
  } else {
    const n = size < 2 ? count % (bits + 1) : count;
    if (n == 0) {
      overflow = get_of(v);
    } else if (kind == 2) {
      res = (a << n) | ((cf as u64) << (n - 1));
      if (n > 1) res |= a >> (bits + 1 - n);
      cf = ((a >> (bits - n)) & 1) as u32;
    } else {
      res = (a >> n) | ((cf as u64) << (bits - n));
      if (n > 1) res |= a << (bits + 1 - n);
      cf = ((a >> (n - 1)) & 1) as u32;
    }
  }
  const flow = write_rm(v, r, rm, res);
  set_carry_overflow(v, cf, overflow);
  return flow;
}

/** SHL SHR SAR. OF is what a shift by 1 would give, whatever the count; see byte_overflow for bytes. */
function shift(v: u32, r: u32, rm: u32, kind: u32, count: u32, a: u64): u32 {
  const size = size_of(r);
  const bits: u32 = 8 << size;
  const top = bits - 1;
  let res: u64;
  let cf: u32;
  let overflow = ((a >> top) & 1) as u32;
  if (kind == 5) {
    res = a >> count;
    cf = ((a >> (count - 1)) & 1) as u32;
  } else if (kind == 7) {
    const s = extend(a, size);
    res = (s >> count) as u64;
    cf = ((s >> (count - 1)) & 1) as u32;
    overflow = 0;
  } else {
    res = a << count;
    cf = count <= bits ? (((a >> (bits - count)) & 1) as u32) : 0;
    overflow ^= ((a >> (top - 1)) & 1) as u32;
  }
  if (size == 0 && kind != 7) overflow = byte_overflow(kind, res, cf);
  const flow = write_rm(v, r, rm, res);
  lazy_result(v, extend(res, size), cf | (overflow << 11));
  return flow;
}

function double_shift(v: u32, r: u32, op: u32, rm: u32): u32 {
  const size = size_of(r);
  const bits: u32 = 8 << size;
  const by_cl = op == OP_SHLD_CL || op == OP_SHRD_CL;
  const count: u32 = (by_cl ? load<u8>(v + V_GPR + RCX * 8) : load<u8>(r + R_IMM)) & (size == 3 ? 63 : 31);
  const a = read_rm(v, r, rm);
  if (count == 0) return write_rm(v, r, rm, a);
  const b = read_reg(r);
  const left = op == OP_SHLD || op == OP_SHLD_CL;
  let res: u64;
  let cf: u32;
  if (size == 1) {
    // Beyond 16 the result is undefined; processors go on with the operands in a row: a b a.
    if (left) {
      const wide = (a << 32) | (b << 16) | a;
      res = wide >> (32 - count);
      cf = ((wide >> (48 - count)) & 1) as u32;
    } else {
      const wide = (a << 32) | (b << 16) | a;
      res = wide >> count;
      cf = ((wide >> (count - 1)) & 1) as u32;
    }
    res &= 0xffff;
  } else if (left) {
    res = (a << count) | (b >> (bits - count));
    cf = ((a >> (bits - count)) & 1) as u32;
  } else {
    res = (a >> count) | (b << (bits - count));
    cf = ((a >> (count - 1)) & 1) as u32;
  }
  const flow = write_rm(v, r, rm, res);
  // As for a shift by 1: did the sign change?
  const overflow = ((a >> (bits - 1)) ^ (left ? a >> (bits - 2) : b)) & 1;
  lazy_result(v, extend(res, size), cf | ((overflow as u32) << 11));
  return flow;
}
