// Addresses that a segment has a part in: FS and GS in 64-bit code beside RIP or with 32-bit addresses, FS and GS of flat 32-bit
// code, whose limits are looked at while the code runs: a segment that is not flat but for its base leaves the region before the
// instruction. 16-bit addresses are the interpreter's.

import {
  AM_FORM,
  AM_MOFFS,
  R_AM,
  R_BASE,
  R_DISP,
  R_FLAGS,
  R_IMM,
  R_INDEX,
  R_REG,
  R_RM,
  R_SEG,
  R_SPAN,
  RF_ASIZE_SHIFT,
  RF_REGNO_SHIFT,
  RF_SIZE,
} from '../abi/insn';
import {
  ATTR_CODE,
  ATTR_DC,
  ATTR_RW,
  ATTR_UNUSABLE,
  FS,
  GS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_STRIDE,
  V_CPL,
  V_RFLAGS,
  V_SEGS,
  V_ZERO,
} from '../abi/vcpu_page';
import { FLAG_IF } from '../abi/x86';
import { get, is_wide, set } from './frame';
import { L_ENTRY, L_V } from './locals';
import { is_memory, leave_if, push_address32, push_address64, set_register } from './operands';
import {
  byte,
  I32_ADD,
  I32_AND,
  I32_GT_U,
  I32_LOAD,
  I32_OR,
  I32_STORE,
  I32_WRAP,
  I64_ADD,
  I64_AND,
  I64_EXTEND_U,
  I64_LOAD,
  I64_NE,
  i32_const,
  i64_const,
  memory_op,
} from './wasm';

/** Limit and attributes lie side by side: a limit of 4 GiB, and data that can be written and does not expand down. */
const FLAT_MASK: i64 = 0xffffffff | (((ATTR_UNUSABLE | ATTR_CODE | ATTR_DC | ATTR_RW) as i64) << 32);
const FLAT: i64 = 0xffffffff | ((ATTR_RW as i64) << 32);

function address_size(r: u32): u32 {
  return ((load<u16>(r + R_FLAGS) as u32) >> RF_ASIZE_SHIFT) & 3;
}

function is_moffs(r: u32): bool {
  return (load<u8>(r + R_AM) & AM_FORM) == AM_MOFFS;
}

/** The address is a constant. */
function is_constant(r: u32): bool {
  return is_moffs(r) || (load<u16>(r + R_BASE) == V_ZERO && load<u16>(r + R_INDEX) == V_ZERO);
}

function field(r: u32, offset: u32): u32 {
  return V_SEGS + load<u8>(r + R_SEG) * SEG_STRIDE + offset;
}

/** The address of an operand of AM_GENERIC or AM_MOFFS can be emitted. */
export function is_segmented(r: u32): bool {
  if (is_wide()) return address_size(r) >= 2;
  const segment: u32 = load<u8>(r + R_SEG);
  if (address_size(r) != 2 || (segment != FS && segment != GS)) return false;
  const offset = is_moffs(r) ? load<u32>(r + R_IMM) : load<u32>(r + R_DISP);
  return !is_constant(r) || offset <= u32.MAX_VALUE - load<u8>(r + R_SPAN);
}

/** Pushes the linear address of such an operand, as wide as the code is. */
export function push_segmented(r: u32): void {
  if (is_wide()) {
    if (is_moffs(r)) i64_const(load<i64>(r + R_IMM));
    else if (address_size(r) == 3) push_address64(r);
    else {
      push_address32(r);
      byte(I64_EXTEND_U);
    }
    if (load<u8>(r + R_SEG) < FS) return;
    get(L_V);
    memory_op(I64_LOAD, field(r, SEG_BASE));
    return byte(I64_ADD);
  }
  if (is_moffs(r)) i32_const(load<i32>(r + R_IMM));
  else push_address32(r);
  set(L_ENTRY);
  get(L_V);
  memory_op(I64_LOAD, field(r, SEG_LIMIT));
  i64_const(FLAT_MASK);
  byte(I64_AND);
  i64_const(FLAT);
  byte(I64_NE);
  if (load<u8>(r + R_SPAN) && !is_constant(r)) {
    get(L_ENTRY);
    i32_const(-1 - load<u8>(r + R_SPAN));
    byte(I32_GT_U);
    byte(I32_OR);
  }
  leave_if(r);
  get(L_ENTRY);
  get(L_V);
  memory_op(I32_LOAD, field(r, SEG_BASE));
  byte(I32_ADD);
}

/** LEA with an address or an operand of another size than the mode's. */
export function emit_lea(r: u32): void {
  const size: u32 = load<u16>(r + R_FLAGS) & RF_SIZE;
  const asize = address_size(r);
  if (asize == 3) {
    push_address64(r);
    if (size < 3) byte(I32_WRAP);
  } else {
    push_address32(r);
    if (asize == 1) {
      i32_const(0xffff);
      byte(I32_AND);
    }
    if (size == 3) byte(I64_EXTEND_U);
  }
  set_register(load<u32>(r + R_REG), size);
}

/** MOV of a segment register to a general one. */
export function emit_selector(r: u32): bool {
  const n: u32 = (load<u16>(r + R_FLAGS) as u32) >> RF_REGNO_SHIFT;
  const size: u32 = load<u16>(r + R_FLAGS) & RF_SIZE;
  if (is_memory(r) || n > GS) return false;
  get(L_V);
  memory_op(I32_LOAD, V_SEGS + n * SEG_STRIDE + SEG_SELECTOR);
  if (size == 3) byte(I64_EXTEND_U);
  set_register(load<u32>(r + R_RM), size);
  return true;
}

/** CLI at CPL 0; elsewhere the interpreter asks what IOPL allows. */
export function emit_cli(r: u32): void {
  get(L_V);
  memory_op(I32_LOAD, V_CPL);
  leave_if(r);
  get(L_V);
  get(L_V);
  memory_op(I32_LOAD, V_RFLAGS);
  i32_const(~FLAG_IF as i32);
  byte(I32_AND);
  memory_op(I32_STORE, V_RFLAGS);
}
