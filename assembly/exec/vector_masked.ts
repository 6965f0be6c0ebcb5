// Vector accesses element by element: MASKMOVQ, MASKMOVDQU, VMASKMOV and VPMASKMOV, VGATHER and VPGATHER. What a mask leaves
// out is not accessed and does not fault (SDM vol. 2, the instructions' pages).
import { V_FLOAT_RESULT, V_YMM, YMM_STRIDE } from '../abi/fpu';
import { FLOW_FAULT, FLOW_NEXT, R_FLAGS, R_REG, R_SCALE, R_SEG, RF_ASIZE_SHIFT } from '../abi/insn';
import { TLB_READ, TLB_WRITE } from '../abi/map';
import { OP_MASKMOV, OP_VGATHER, OP_VMASKMOV_LOAD, OP_VMASKMOV_STORE } from '../abi/ops_move';
import { FORM_MMX, FORM_VEX_256, R_FORM, R_FOURTH, R_SRC } from '../abi/simd';
import { FAULT_EXIT, LEAVE_COMMIT, V_FAULT, V_GPR, V_LEAVE } from '../abi/vcpu_page';
import { RDI } from '../abi/x86';
import { enter_mmx } from '../cpu/mmx';
import { effective_address, finish_store } from '../cpu/operands';
import { commit, probe_write, translate } from '../memory/access';
import { linear } from '../memory/segments';
import { faulted } from '../state/fault';

/** `offset` wrapped to the address size. */
function wrap(r: u32, offset: u64): u64 {
  const asize = ((load<u16>(r + R_FLAGS) as u32) >> RF_ASIZE_SHIFT) & 3;
  return asize == 3 ? offset : asize == 2 ? offset & 0xffffffff : offset & 0xffff;
}

/** Linear address of `bytes` at `offset` in the record's segment (check faulted). */
function address(v: u32, r: u32, offset: u64, bytes: u32, write: bool): u64 {
  return linear(v, load<u8>(r + R_SEG), wrap(r, offset), bytes, write);
}

/** Copies `bytes` from memory at `offset` to `to`; false = fault. */
function fetch(v: u32, r: u32, offset: u64, to: u32, bytes: u32): bool {
  const la = address(v, r, offset, bytes, false);
  if (faulted(v)) return false;
  const p = translate(v, la, TLB_READ, bytes - 1, load<u8>(r + R_SEG), false);
  if (p == 0) return false;
  memory.copy(to, p, bytes);
  return true;
}

/** The sign bit of each of `count` elements of 2^size bytes, as a bit for each byte. */
function byte_mask(mask: u32, count: u32, size: u32): u32 {
  let bits: u32 = 0;
  const element: u32 = (1 << (1 << size)) - 1;
  for (let i: u32 = 0; i < count; i++) {
    if (load<i8>(mask + ((i + 1) << size) - 1) < 0) bits |= element << (i << size);
  }
  return bits;
}

/** Length of the run of chosen bytes from `i`, at most 8; 0 = the byte is not chosen. */
function run_length(bits: u32, i: u32, total: u32): u32 {
  let n: u32 = 0;
  while (i + n < total && n < 8 && (bits >> (i + n)) & 1) n++;
  return n;
}

/** Stores the bytes that `bits` choose from `data`: nothing before all of them can be. */
function store_chosen(v: u32, r: u32, offset: u64, data: u32, bits: u32, total: u32): u32 {
  let i: u32 = 0;
  while (i < total) {
    const n = run_length(bits, i, total);
    if (n) {
      const la = address(v, r, offset + i, n, true);
      if (faulted(v) || !probe_write(v, la, n)) return FLOW_FAULT;
    }
    i += n ? n : 1;
  }
  i = 0;
  while (i < total) {
    const n = run_length(bits, i, total);
    if (n) {
      const la = address(v, r, offset + i, n, true);
      const p = translate(v, la, TLB_WRITE, n - 1, load<u8>(r + R_SEG), false);
      if (p == 0) return FLOW_FAULT;
      memory.copy(p, data + i, n);
      if (load<u32>(v + V_LEAVE) & LEAVE_COMMIT) commit(v);
    }
    i += n ? n : 1;
  }
  return finish_store(v);
}

/** MASKMOVQ, MASKMOVDQU: to DS:rDI. */
function mask_bytes(v: u32, r: u32, mask: u32): u32 {
  const mmx = load<u8>(r + R_FORM) == FORM_MMX;
  const total: u32 = mmx ? 8 : 16;
  const offset = load<u64>(v + V_GPR + RDI * 8);
  const flow = store_chosen(v, r, offset, load<u32>(r + R_REG), byte_mask(mask, total, 0), total);
  if (mmx && flow != FLOW_FAULT) enter_mmx(v);
  return flow;
}

function vector_bytes(r: u32): u32 {
  return load<u8>(r + R_FORM) == FORM_VEX_256 ? 32 : 16;
}

function masked_store(v: u32, r: u32, size: u32): u32 {
  const total = vector_bytes(r);
  const bits = byte_mask(load<u32>(r + R_SRC), total >> size, size);
  return store_chosen(v, r, effective_address(v, r), load<u32>(r + R_REG), bits, total);
}

/** Elements that are not chosen become zero. */
function masked_load(v: u32, r: u32, size: u32): u32 {
  const total = vector_bytes(r);
  const mask = load<u32>(r + R_SRC);
  const result = v + V_FLOAT_RESULT;
  const offset = effective_address(v, r);
  memory.fill(result, 0, YMM_STRIDE);
  for (let i: u32 = 0; i < total; i += 1 << size) {
    const chosen = load<i8>(mask + i + (1 << size) - 1) < 0;
    if (chosen && !fetch(v, r, offset + i, result + i, 1 << size)) return FLOW_FAULT;
  }
  memory.copy(load<u32>(r + R_REG), result, YMM_STRIDE);
  return FLOW_NEXT;
}

/** Element `i` of the gather's indices, of 2^size bytes each. */
function index_of(v: u32, r: u32, i: u32, size: u32): u64 {
  const p = v + V_YMM + load<u8>(r + R_FOURTH) * YMM_STRIDE + (i << size);
  return (size == 2 ? (load<i32>(p) as i64) : load<i64>(p)) as u64;
}

/**
 * VGATHER, VPGATHER. A fault keeps the elements before it and clears their mask, so that the instruction goes on behind them;
 * the rest of both registers stays. An exit for MMIO keeps nothing: the instruction starts again, and what was read is in the
 * replay list.
 */
function gather(v: u32, r: u32, size: u32, index_size: u32): u32 {
  const larger = size > index_size ? size : index_size;
  const count = vector_bytes(r) >> larger;
  const mask = load<u32>(r + R_SRC);
  const destination = load<u32>(r + R_REG);
  const result = v + V_FLOAT_RESULT;
  const offset = effective_address(v, r);
  const scale: u64 = load<u8>(r + R_SCALE);
  memory.copy(result, destination, YMM_STRIDE);
  let done: u32 = 0;
  let good = true;
  while (good && done < count) {
    const at = done << size;
    const chosen = load<i8>(mask + at + (1 << size) - 1) < 0;
    const element = offset + (index_of(v, r, done, index_size) << scale);
    good = !chosen || fetch(v, r, element, result + at, 1 << size);
    if (good) done++;
  }
  if (!good && load<u32>(v + V_FAULT) == FAULT_EXIT) return FLOW_FAULT;
  memory.copy(destination, result, done << size);
  memory.fill(mask, 0, done << size);
  if (!good) return FLOW_FAULT;
  memory.fill(mask, 0, YMM_STRIDE);
  memory.fill(destination + (count << size), 0, YMM_STRIDE - (count << size));
  return FLOW_NEXT;
}

export function exec_vector_masked(v: u32, r: u32, op: u32, rm: u32): u32 {
  if (op == OP_MASKMOV) return mask_bytes(v, r, rm);
  if (op >= OP_VGATHER) return gather(v, r, 2 + ((op - OP_VGATHER) & 1), 2 + ((op - OP_VGATHER) >> 1));
  if (op >= OP_VMASKMOV_STORE) return masked_store(v, r, 2 + op - OP_VMASKMOV_STORE);
  return masked_load(v, r, 2 + op - OP_VMASKMOV_LOAD);
}
