// Shifts and rotates: ROL ROR RCL RCR SHL SHR SAR, SHLD, SHRD (SDM vol. 2). The common immediate forms are in dispatch.ts.
import { FLOW_FAULT, R_IMM, R_REG } from '../abi/insn';
import { OP_SHIFT, OP_SHLD, OP_SHLD_CL, OP_SHRD_CL } from '../abi/ops';
import { V_GPR } from '../abi/vcpu_page';
import { RCX } from '../abi/x86';
import { get_cf, lazy_result, set_carry_overflow } from '../cpu/flags';
import { read_reg, read_rm, size_of, write_rm } from '../cpu/operands';

/** A value of 2^size bytes, sign-extended. */
function extend(value: u64, size: u32): i64 {
  const shift: i64 = 64 - (8 << size);
  return ((value as i64) << shift) >> shift;
}

export function exec_shift(v: u32, r: u32, op: u32, rm: u32): u32 {
  if (op >= OP_SHLD) return double_shift(v, r, op, rm);
  const size = size_of(r);
  const bits: u32 = 8 << size;
  const count: u32 = load<u8>(load<u32>(r + R_REG)) & (size == 3 ? 63 : 31);
  const a = read_rm(v, r, rm);
  // A count of 0 changes no flag, but a memory operand is still written.
  if (count == 0) return write_rm(v, r, rm, a);
  let res: u64 = 0;
  let cf: u32 = 0;
  let overflow: u32 = 0;
  let flow: u32;
  const top = bits - 1;
  switch (op - OP_SHIFT) {
    case 0: {
      const n = count & top;
      res = n ? (a << n) | (a >> (bits - n)) : a;
      flow = write_rm(v, r, rm, res);
      if (flow == FLOW_FAULT) return flow;
      cf = (res & 1) as u32;
      overflow = (((res >> top) & 1) as u32) ^ cf;
      set_carry_overflow(v, cf, overflow);
      return flow;
    }
    case 1: {
      const n = count & top;
      res = n ? (a >> n) | (a << (bits - n)) : a;
      flow = write_rm(v, r, rm, res);
      if (flow == FLOW_FAULT) return flow;
      cf = ((res >> top) & 1) as u32;
      overflow = cf ^ (((res >> (top - 1)) & 1) as u32);
      set_carry_overflow(v, cf, overflow);
      return flow;
    }
    case 2: {
      const n = size < 2 ? count % (bits + 1) : count;
      cf = get_cf(v);
      res = a;
      if (n) {
        const out = ((a >> (bits - n)) & 1) as u32;
        res = n == 64 ? 0 : a << n;
        res |= (cf as u64) << (n - 1);
        if (n > 1) res |= a >> (bits + 1 - n);
        cf = out;
      }
      flow = write_rm(v, r, rm, res);
      if (flow == FLOW_FAULT) return flow;
      set_carry_overflow(v, cf, (((res >> top) & 1) as u32) ^ cf);
      return flow;
    }
    case 3: {
      const n = size < 2 ? count % (bits + 1) : count;
      cf = get_cf(v);
      res = a;
      if (n) {
        const out = ((a >> (n - 1)) & 1) as u32;
        res = a >> n;
        if (n == 64) res = 0;
        res |= (cf as u64) << (bits - n);
        if (n > 1) res |= a << (bits + 1 - n);
        cf = out;
      }
      flow = write_rm(v, r, rm, res);
      if (flow == FLOW_FAULT) return flow;
      set_carry_overflow(v, cf, (((res >> top) ^ (res >> (top - 1))) & 1) as u32);
      return flow;
    }
    case 4:
    case 6:
      res = count < 64 ? a << count : 0;
      cf = count <= bits ? (((a >> (bits - count)) & 1) as u32) : 0;
      overflow = (((res >> top) & 1) as u32) ^ cf;
      break;
    case 5:
      res = a >> count;
      cf = ((a >> (count - 1)) & 1) as u32;
      overflow = ((a >> top) & 1) as u32;
      if (count > 1) overflow = (((res ^ (res << 1)) >> top) & 1) as u32;
      break;
    default: {
      const s = extend(a, size);
      res = (s >> count) as u64;
      cf = ((s >> (count - 1)) & 1) as u32;
      overflow = 0;
      break;
    }
  }
  flow = write_rm(v, r, rm, res);
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
  const overflow = ((a ^ res) >> (bits - 1)) & 1;
  lazy_result(v, extend(res, size), cf | ((overflow as u32) << 11));
  return flow;
}
