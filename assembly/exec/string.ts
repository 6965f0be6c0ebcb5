// String instructions with REP, in runs of elements that share a page. Registers are written after every run, so a fault,
// a request or an exit in the middle leaves a state from which the instruction simply starts again. INS and OUTS are in
// string_io.ts.
import {
  FLOW_FAULT,
  FLOW_NEXT,
  FLOW_RESTART,
  R_FLAGS,
  R_SEG,
  RF_ASIZE_SHIFT,
  RF_REP,
  RF_REPNE,
} from '../abi/insn';
import { PAGE_HOLDS_CODE, TLB_NONE, TLB_READ, TLB_WRITE } from '../abi/map';
import { OP_CMPS, OP_INS, OP_LODS, OP_MOVS, OP_SCAS } from '../abi/ops';
import {
  ATTR_CODE,
  ATTR_DC,
  ES,
  MODE_64,
  MODE_SIZE,
  SEG_ATTR,
  SEG_LIMIT,
  V_GPR,
  V_MODE,
  V_SCRATCH,
  V_TLB,
} from '../abi/vcpu_page';
import { RAX, RCX, RDI, RSI } from '../abi/x86';
import { get_zf, lazy_sub } from '../cpu/flags';
import { read_signed, read_sized, size_of, write_memory, write_register } from '../cpu/operands';
import { bytes_without_code, hits_code, page_flags } from '../memory/code_marks';
import { tlb_array } from '../memory/tlb';
import { seg } from '../state/vcpu';
import {
  address_register,
  element_address,
  is_interrupted,
  is_stepped,
  put_element,
  set_address_register,
  stride,
} from './element';
import { exec_string_io } from './string_io';

/** Below this many bytes a plain loop beats the call that a bulk copy or fill is. */
const BULK: u32 = 64;

/**
 * How many elements from `offset` on may be taken with the translation `p` of the first: as many as lie in its page, in
 * the segment and below the wrap of the address size. At least one, at most `limit`.
 */
function extent(v: u32, n: u32, p: u32, offset: u64, size: u32, asize: u32, step: i32, limit: u64): u64 {
  // MMIO, page crossings, alignment checks and data breakpoints go one by one.
  if (p == v + V_SCRATCH || load<u32>(v + V_TLB) == tlb_array(v, TLB_NONE)) return 1;
  let room: u64;
  const in_page = p & 0xfff;
  if (step > 0) {
    room = (0x1000 - in_page) >> size;
    if (asize < 3) {
      const wrap = (((1 as u64) << (8 << asize)) - offset) >> size;
      if (room > wrap) room = wrap;
    }
  } else {
    room = (in_page >> size) + 1;
    const wrap = (offset >> size) + 1;
    if (room > wrap) room = wrap;
  }
  if ((load<u32>(v + V_MODE) & MODE_SIZE) != MODE_64) {
    const s = seg(v, n);
    if ((load<u32>(s + SEG_ATTR) & (ATTR_CODE | ATTR_DC)) == ATTR_DC) return 1;
    if (step > 0) {
      const inside = ((load<u32>(s + SEG_LIMIT) as u64) + 1 - offset) >> size;
      if (room > inside) room = inside;
    }
  }
  if (room > limit) room = limit;
  return room == 0 ? 1 : room;
}

/**
 * The same for stores to ES: a page that holds decoded code is written at once, upwards, where no code is changed, or else up to the
 * next line of that.
 */
function store_extent(v: u32, p: u32, offset: u64, size: u32, asize: u32, step: i32, limit: u64): u64 {
  if ((page_flags(p) & PAGE_HOLDS_CODE) == 0) return extent(v, ES, p, offset, size, asize, step, limit);
  if (step < 0 || p == v + V_SCRATCH) return 1;
  const n = extent(v, ES, p, offset, size, asize, step, limit);
  if (n == 1 || !hits_code(v, p, (n as u32) << size)) return n;
  const clean = bytes_without_code(p) >> size;
  return clean <= 1 ? 1 : min(n, clean as u64);
}

/** Copies `n` elements as one after the other would be, also where source and destination overlap. */
function copy_run(to: u32, from: u32, size: u32, step: i32, n: u32): void {
  const bytes = n << size;
  const back = step < 0 ? bytes - (1 << size) : 0;
  const low_to = to - back;
  const low_from = from - back;
  const overwrites =
    step > 0 ? to > from && to - from < bytes : low_from > low_to && low_from - low_to < bytes;
  if (bytes >= BULK && !overwrites) {
    memory.copy(low_to, low_from, bytes);
    return;
  }
  for (let i: u32 = 0; i < n; i++) {
    write_memory(to, size, read_sized(from, size));
    to += step;
    from += step;
  }
}

/** Stores `n` equal elements. */
function fill_run(to: u32, size: u32, step: i32, n: u32, value: u64): void {
  const bytes = n << size;
  if (bytes >= BULK) {
    const mask: u64 = size == 3 ? u64.MAX_VALUE : ((1 as u64) << (8 << size)) - 1;
    const byte = value & 0xff;
    if (((byte * (u64.MAX_VALUE / 255)) & mask) == (value & mask)) {
      memory.fill(step < 0 ? to - bytes + (1 << size) : to, byte as u8, bytes);
      return;
    }
  }
  for (let i: u32 = 0; i < n; i++) {
    write_memory(to, size, value);
    to += step;
  }
}

/** MOVS: elements moved, 0 with a fault raised. */
function move(v: u32, n_seg: u32, size: u32, asize: u32, limit: u64): u64 {
  const step = stride(v, size);
  const si = address_register(v, RSI, asize);
  const di = address_register(v, RDI, asize);
  const from = element_address(v, n_seg, si, size, TLB_READ);
  if (from == 0) return 0;
  // The destination may need the scratch buffer too.
  const value = read_sized(from, size);
  let n = limit > 1 ? extent(v, n_seg, from, si, size, asize, step, limit) : 1;
  const to = element_address(v, ES, di, size, TLB_WRITE);
  if (to == 0) return 0;
  if (n > 1) n = store_extent(v, to, di, size, asize, step, n);
  if (n > 1) copy_run(to, from, size, step, n as u32);
  else put_element(v, to, size, value);
  const distance = n * (step as i64 as u64);
  set_address_register(v, RSI, asize, si + distance);
  set_address_register(v, RDI, asize, di + distance);
  return n;
}

/** STOS. */
function fill(v: u32, size: u32, asize: u32, limit: u64): u64 {
  const step = stride(v, size);
  const di = address_register(v, RDI, asize);
  const to = element_address(v, ES, di, size, TLB_WRITE);
  if (to == 0) return 0;
  const value = load<u64>(v + V_GPR + RAX * 8);
  const n = limit > 1 ? store_extent(v, to, di, size, asize, step, limit) : 1;
  if (n > 1) fill_run(to, size, step, n as u32, value);
  else put_element(v, to, size, value);
  set_address_register(v, RDI, asize, di + n * (step as i64 as u64));
  return n;
}

/** LODS: only the last element of a run can be seen. */
function fetch(v: u32, n_seg: u32, size: u32, asize: u32, limit: u64): u64 {
  const step = stride(v, size);
  const si = address_register(v, RSI, asize);
  const from = element_address(v, n_seg, si, size, TLB_READ);
  if (from == 0) return 0;
  const n = limit > 1 ? extent(v, n_seg, from, si, size, asize, step, limit) : 1;
  write_register(v + V_GPR + RAX * 8, size, read_sized(from + ((n - 1) as u32) * (step as u32), size));
  set_address_register(v, RSI, asize, si + n * (step as i64 as u64));
  return n;
}

/** Leaves the flags of a comparison. */
function note_difference(v: u32, size: u32, a: i64, b: i64): void {
  const shift: i64 = 64 - (8 << size);
  lazy_sub(v, a, b, ((a - b) << shift) >> shift);
}

/** CMPS: runs on while the elements' equality is `equal`. */
function compare(v: u32, n_seg: u32, size: u32, asize: u32, limit: u64, equal: bool): u64 {
  const step = stride(v, size);
  const si = address_register(v, RSI, asize);
  const di = address_register(v, RDI, asize);
  let from = element_address(v, n_seg, si, size, TLB_READ);
  if (from == 0) return 0;
  let a = read_signed(from, size);
  let n = limit > 1 ? extent(v, n_seg, from, si, size, asize, step, limit) : 1;
  let to = element_address(v, ES, di, size, TLB_READ);
  if (to == 0) return 0;
  let b = read_signed(to, size);
  if (n > 1) n = extent(v, ES, to, di, size, asize, step, n);
  let done: u64 = 1;
  while (done < n && (a == b) == equal) {
    from += step;
    to += step;
    a = read_signed(from, size);
    b = read_signed(to, size);
    done++;
  }
  note_difference(v, size, a, b);
  const distance = done * (step as i64 as u64);
  set_address_register(v, RSI, asize, si + distance);
  set_address_register(v, RDI, asize, di + distance);
  return done;
}

/** SCAS: the accumulator against one element after the other. */
function scan(v: u32, size: u32, asize: u32, limit: u64, equal: bool): u64 {
  const step = stride(v, size);
  const di = address_register(v, RDI, asize);
  let to = element_address(v, ES, di, size, TLB_READ);
  if (to == 0) return 0;
  const a = read_signed(v + V_GPR + RAX * 8, size);
  let b = read_signed(to, size);
  const n = limit > 1 ? extent(v, ES, to, di, size, asize, step, limit) : 1;
  let done: u64 = 1;
  while (done < n && (a == b) == equal) {
    to += step;
    b = read_signed(to, size);
    done++;
  }
  note_difference(v, size, a, b);
  set_address_register(v, RDI, asize, di + done * (step as i64 as u64));
  return done;
}

/** Up to `limit` elements; how many were done, 0 with a fault raised. */
function advance(v: u32, r: u32, op: u32, size: u32, asize: u32, limit: u64, equal: bool): u64 {
  const n_seg: u32 = load<u8>(r + R_SEG);
  switch (op - OP_MOVS) {
    case OP_MOVS - OP_MOVS:
      return move(v, n_seg, size, asize, limit);
    case OP_CMPS - OP_MOVS:
      return compare(v, n_seg, size, asize, limit, equal);
    case OP_LODS - OP_MOVS:
      return fetch(v, n_seg, size, asize, limit);
    case OP_SCAS - OP_MOVS:
      return scan(v, size, asize, limit, equal);
    default:
      return fill(v, size, asize, limit);
  }
}

/** Executes the family OP_MOVS .. OP_OUTS. */
export function exec_string(v: u32, r: u32, op: u32, _rm: u32): u32 {
  if (op >= OP_INS) return exec_string_io(v, r, op);
  const flags = load<u16>(r + R_FLAGS) as u32;
  const size = size_of(r);
  const asize = (flags >> RF_ASIZE_SHIFT) & 3;
  const equal = (flags & RF_REP) != 0;
  if ((flags & (RF_REP | RF_REPNE)) == 0)
    return advance(v, r, op, size, asize, 1, equal) ? FLOW_NEXT : FLOW_FAULT;
  const compares = op == OP_CMPS || op == OP_SCAS;
  const single = is_stepped(v);
  let count = address_register(v, RCX, asize);
  while (count) {
    const done = advance(v, r, op, size, asize, single ? 1 : count, equal);
    if (done == 0) return FLOW_FAULT;
    count -= done;
    set_address_register(v, RCX, asize, count);
    if (compares && (get_zf(v) != 0) != equal) return FLOW_NEXT;
    if (count && is_interrupted(v)) return FLOW_RESTART;
  }
  return FLOW_NEXT;
}
