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
  R_SEG,
  R_SPAN,
  RF_ASIZE_SHIFT,
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
  SEG_STRIDE,
  V_SEGS,
  V_ZERO,
} from '../abi/vcpu_page';
import { push_address32, push_address64 } from './addresses';
import { get, is_wide, set } from './frame';
import { L_ENTRY, L_V } from './locals';
import { leave_if } from './registers';
import {
  byte,
  I32_ADD,
  I32_GT_U,
  I32_LOAD,
  I32_OR,
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

export function address_size(r: u32): u32 {
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
    i32_const(-1 - (load<u8>(r + R_SPAN) as i32));
    byte(I32_GT_U);
    byte(I32_OR);
  }
  leave_if(r);
  get(L_ENTRY);
  get(L_V);
  memory_op(I32_LOAD, field(r, SEG_BASE));
  byte(I32_ADD);
}
