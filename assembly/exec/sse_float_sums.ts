// Operations that combine neighbours: HADD, HSUB, ADDSUB, dot products.
import { V_FLOAT, V_FLOAT_RESULT } from '../abi/fpu';
import { FLOW_NEXT } from '../abi/insn';
import { LANE_ADD, LANE_MUL, LANE_SUB, OP_FLOAT_DP, OP_HSUB } from '../abi/ops_float';
import { R_IMM8, R_SRC } from '../abi/simd';
import { any_lane } from './sse_float_lane';
import { begin, settle, settle_vector, vector_size } from './sse_float_result';

/** HADDPS, HADDPD, HSUBPS, HSUBPD: neighbours of the first source, then of the second, in each 128 bits. */
export function exec_horizontal(v: u32, r: u32, op: u32, rm: u32): u32 {
  const src = load<u32>(r + R_SRC);
  const z = v + V_FLOAT_RESULT;
  const bytes = vector_size(r);
  const double = (op & 1) != 0;
  const step: u32 = double ? 8 : 4;
  const operation = op >= OP_HSUB ? LANE_SUB : LANE_ADD;
  begin(v);
  for (let base: u32 = 0; base < bytes; base += 16) {
    for (let i: u32 = 0; i < 8; i += step) {
      const a = src + base + i * 2;
      const b = rm + base + i * 2;
      any_lane(v, operation, a, a + step, z + base + i, double);
      any_lane(v, operation, b, b + step, z + base + i + 8, double);
    }
  }
  return settle_vector(v, r);
}

/** ADDSUBPS, ADDSUBPD: even lanes are subtracted, odd ones added. */
function add_subtract(v: u32, r: u32, rm: u32, double: bool): u32 {
  const src = load<u32>(r + R_SRC);
  const z = v + V_FLOAT_RESULT;
  const bytes = vector_size(r);
  const step: u32 = double ? 8 : 4;
  begin(v);
  for (let i: u32 = 0; i < bytes; i += step)
    any_lane(v, i & step ? LANE_ADD : LANE_SUB, src + i, rm + i, z + i, double);
  return settle_vector(v, r);
}

/**
 * DPPS, DPPD: products that imm8[7:4] selects, summed in each 128 bits into the lanes that imm8[3:0] selects. Each step reports its
 * own exceptions before the next one begins.
 */
function dot_product(v: u32, r: u32, rm: u32, double: bool): u32 {
  const src = load<u32>(r + R_SRC);
  let from = v + V_FLOAT + 0x100;
  let to = v + V_FLOAT_RESULT;
  const bytes = vector_size(r);
  const step: u32 = double ? 8 : 4;
  const imm: u32 = load<u8>(r + R_IMM8);
  begin(v);
  memory.fill(from, 0, bytes);
  for (let i: u32 = 0; i < bytes; i += step) {
    if ((imm >> (4 + (i & 15) / step)) & 1) any_lane(v, LANE_MUL, src + i, rm + i, from + i, double);
  }
  let flow = settle(v);
  // Every lane adds its neighbour, then the neighbouring pair. Of two NaNs Intel's processors keep the neighbour's, then the own.
  for (let distance = step; distance < 16 && flow == FLOW_NEXT; distance *= 2) {
    begin(v);
    for (let i: u32 = 0; i < bytes; i += step) {
      const own = from + i;
      const other = from + (i ^ distance);
      const first = distance == step ? other : own;
      any_lane(v, LANE_ADD, first, own + other - first, to + i, double);
    }
    flow = settle(v);
    const sums = to;
    to = from;
    from = sums;
  }
  if (flow) return flow;
  for (let i: u32 = 0; i < bytes; i += step) {
    const chosen = ((imm >> ((i & 15) / step)) & 1) != 0;
    if (double) store<u64>(v + V_FLOAT_RESULT + i, chosen ? load<u64>(from + i) : 0);
    else store<u32>(v + V_FLOAT_RESULT + i, chosen ? load<u32>(from + i) : 0);
  }
  return settle_vector(v, r);
}

/** ADDSUB and dot products. */
export function exec_sums(v: u32, r: u32, op: u32, rm: u32): u32 {
  const double = (op & 1) != 0;
  return op >= OP_FLOAT_DP ? dot_product(v, r, rm, double) : add_subtract(v, r, rm, double);
}
