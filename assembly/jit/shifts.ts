// Shifts and rotations of registers and memory into Wasm, by a constant or by CL (exec/shift.ts says what they leave in the
// flags). Operands of 8 and 16 bits are 32 bits here, with zeros above, but for SAR. RCL and RCR by more than one bit are left
// to the interpreter, and so are SHLD and SHRD of 16 bits.

import { R_FLAGS, R_IMM, R_REG, RF_SIZE } from '../abi/insn';
import { CHANGES_OVERFLOW } from '../abi/jit';
import { OP_SHIFT, OP_SHLD, OP_SHLD_CL, OP_SHRD, OP_SHRD_CL } from '../abi/ops';
import {
  LF_ADC,
  LF_ADD,
  LF_DEC,
  LF_INC,
  LF_LOGIC,
  LF_PARTIAL,
  LF_SBB,
  LF_SUB,
  V_GPR,
} from '../abi/vcpu_page';
import { is_memory } from './addresses';
import { forget_flags, known_flags, note_kind, note_rotation, push_carry, set_flag } from './flags';
import { close, get, is_wide, open, set } from './frame';
import { L_A, L_B, L_B32, L_CARRY, L_CF, L_R32, L_RES } from './locals';
import { finish_memory, push_rm, reach_operand, set_rm } from './operands';
import { local_a, local_r, push_register, sized } from './registers';
import { replace_flags } from './results';
import {
  byte,
  EMPTY,
  I32_AND,
  I32_EXTEND8,
  I32_EXTEND16,
  I32_OR,
  I32_ROTL,
  I32_ROTR,
  I32_SHL,
  I32_SHR_S,
  I32_SHR_U,
  I32_SUB,
  I32_WRAP,
  I32_XOR,
  I64_EXTEND_U,
  I64_OR,
  I64_ROTL,
  I64_ROTR,
  I64_SHL,
  I64_SHR_S,
  I64_SHR_U,
  I64_XOR,
  IF,
  i32_const,
  i64_const,
} from './wasm';

const ROL: u32 = 0;
const ROR: u32 = 1;
const RCL: u32 = 2;
const RCR: u32 = 3;
const SHR: u32 = 5;
const SAL: u32 = 6;
const SAR: u32 = 7;

/** The count that is in L_B32: by CL. */
const BY_CL: u32 = 0x100;

function constant(n: u32, size: u32): void {
  if (size == 3) i64_const(n);
  else i32_const(n as i32);
}

/** Pushes the count, as wide as the operand. */
function push_count(n: u32, size: u32): void {
  if (n != BY_CL) return constant(n, size);
  get(L_B32);
  if (size == 3) byte(I64_EXTEND_U);
}

/** Pushes `count - 1`, or `-count` when `from_top`: where the bit that goes out last lies. */
function push_last(n: u32, size: u32, from_top: bool): void {
  if (n != BY_CL) return constant(from_top ? (size == 3 ? 64 : 32) - n : n - 1, size);
  if (from_top) {
    i32_const(0);
    get(L_B32);
  } else {
    get(L_B32);
    i32_const(1);
  }
  byte(I32_SUB);
  if (size == 3) byte(I64_EXTEND_U);
}

/** The lowest bit of the value on the stack, as i32. */
function low_bit(size: u32): void {
  if (size == 3) byte(I32_WRAP);
  i32_const(1);
  byte(I32_AND);
}

/** Pushes bit `n` of a local, as i32. */
function push_bit(local: u32, n: u32, size: u32): void {
  get(local);
  if (n) {
    constant(n, size);
    sized(size, I64_SHR_U, I32_SHR_U);
  }
  low_bit(size);
}

/** Pushes whether the bits `n` and `n - 1` of a local differ. */
function push_difference(local: u32, n: u32, size: u32): void {
  get(local);
  get(local);
  constant(1, size);
  sized(size, I64_SHL, I32_SHL);
  sized(size, I64_XOR, I32_XOR);
  constant(n, size);
  sized(size, I64_SHR_U, I32_SHR_U);
  low_bit(size);
}

function top_of(size: u32): u32 {
  return (8 << size) - 1;
}

/** OF, which is on the stack, beside the CF in L_CARRY. */
function join_overflow(): void {
  i32_const(11);
  byte(I32_SHL);
  get(L_CARRY);
  byte(I32_OR);
}

/** ZF, SF and PF of the result in its local; CF and OF are on the stack. */
function note_result(size: u32): void {
  set(L_CF);
  get(local_r(size));
  if (size == 0) byte(I32_EXTEND8);
  else if (size == 1) byte(I32_EXTEND16);
  set_flag(L_RES, size);
  note_kind(LF_PARTIAL);
}

/** CF and OF alone become what is on the stack. */
function note_carry_overflow(): void {
  set(L_CARRY);
  const known = known_flags() & 0xff;
  if (known == LF_LOGIC) {
    get(L_CARRY);
  } else if (known == LF_PARTIAL) {
    get(L_CF);
    i32_const(0x10);
    byte(I32_AND);
    get(L_CARRY);
    byte(I32_OR);
  } else if (
    known == LF_ADD ||
    known == LF_SUB ||
    known == LF_ADC ||
    known == LF_SBB ||
    known == LF_INC ||
    known == LF_DEC
  ) {
    const width: u32 = is_wide() ? 3 : 2;
    get(L_A);
    get(L_B);
    sized(width, I64_XOR, I32_XOR);
    get(L_RES);
    sized(width, I64_XOR, I32_XOR);
    if (width == 3) byte(I32_WRAP);
    i32_const(0x10);
    byte(I32_AND);
    get(L_CARRY);
    byte(I32_OR);
  } else {
    return replace_flags(L_CARRY, 0, CHANGES_OVERFLOW);
  }
  set(L_CF);
  note_kind(LF_PARTIAL);
}

/** SHL SHR SAR: the result into its local. */
function shifted(kind: u32, size: u32, n: u32): void {
  get(local_a(size));
  push_count(n, size);
  if (kind == SHR) sized(size, I64_SHR_U, I32_SHR_U);
  else if (kind == SAR) sized(size, I64_SHR_S, I32_SHR_S);
  else sized(size, I64_SHL, I32_SHL);
  set(local_r(size));
}

/** The flags of a shift; of bytes OF goes by the result. */
function note_shift(kind: u32, size: u32, n: u32): void {
  const a = local_a(size);
  const top = top_of(size);
  if (size < 2 && kind < SHR) {
    push_bit(L_R32, top + 1, 2);
  } else {
    get(a);
    push_last(n, size, kind < SHR);
    sized(size, I64_SHR_U, I32_SHR_U);
    low_bit(size);
  }
  if (kind == SAR) return note_result(size);
  set(L_CARRY);
  if (size == 0 && kind == SHR) push_difference(L_R32, 7, 2);
  else if (size == 0) push_sign_and_carry(7, 0);
  else if (kind == SHR) push_bit(a, top, size);
  else push_difference(a, top, size);
  join_overflow();
  note_result(size);
}

/** Pushes the result's sign unlike the carry. */
function push_sign_and_carry(top: u32, size: u32): void {
  push_bit(local_r(size), top, size);
  get(L_CARRY);
  byte(I32_XOR);
}

/** ROL and ROR: the result into its local. */
function rotated(kind: u32, size: u32, n: u32): void {
  const a = local_a(size);
  get(a);
  if (size >= 2) {
    push_count(n, size);
    if (kind == ROL) sized(size, I64_ROTL, I32_ROTL);
    else sized(size, I64_ROTR, I32_ROTR);
    return set(local_r(size));
  }
  const bits: u32 = 8 << size;
  push_within(n, bits);
  byte(kind == ROL ? I32_SHL : I32_SHR_U);
  get(a);
  i32_const(bits as i32);
  push_within(n, bits);
  byte(I32_SUB);
  byte(kind == ROL ? I32_SHR_U : I32_SHL);
  byte(I32_OR);
  set(L_R32);
}

/** Pushes the count modulo `bits`. */
function push_within(n: u32, bits: u32): void {
  if (n != BY_CL) return i32_const((n & (bits - 1)) as i32);
  get(L_B32);
  i32_const((bits - 1) as i32);
  byte(I32_AND);
}

/** The flags of ROL and ROR: CF, and OF but in registers that are rotated by constants of 2 and more. */
function note_rotated(r: u32, kind: u32, size: u32, n: u32): void {
  const a = local_a(size);
  const top = top_of(size);
  push_bit(local_r(size), kind == ROL ? 0 : top, size);
  set(L_CARRY);
  if (size > 0 && n > 1 && n != BY_CL && !is_memory(r)) return note_rotation();
  if (size == 0 && kind == ROL) push_sign_and_carry(7, 0);
  else if (size == 0) push_difference(L_R32, 7, 2);
  else if (kind == ROL) push_difference(a, top, size);
  else {
    push_bit(a, top, size);
    push_bit(a, 0, size);
    byte(I32_XOR);
  }
  join_overflow();
  note_carry_overflow();
}

/** RCL and RCR by one bit, with the flags. */
function through_carry(kind: u32, size: u32): void {
  const a = local_a(size);
  const top = top_of(size);
  push_carry();
  set(L_CARRY);
  get(a);
  constant(1, size);
  if (kind == RCL) sized(size, I64_SHL, I32_SHL);
  else sized(size, I64_SHR_U, I32_SHR_U);
  get(L_CARRY);
  if (size == 3) byte(I64_EXTEND_U);
  if (kind == RCR) {
    constant(top, size);
    sized(size, I64_SHL, I32_SHL);
  }
  sized(size, I64_OR, I32_OR);
  set(local_r(size));
  if (kind == RCL) {
    push_bit(a, top, size);
    set(L_CARRY);
    push_difference(a, top, size);
    join_overflow();
  } else {
    push_bit(a, top, size);
    get(L_CARRY);
    byte(I32_XOR);
    i32_const(11);
    byte(I32_SHL);
    push_bit(a, 0, size);
    byte(I32_OR);
  }
  note_carry_overflow();
}

/** CL modulo the bits that count into L_B32. */
function take_cl(v: u32, size: u32): void {
  push_register(v + V_GPR + 8, 2);
  i32_const(size == 3 ? 63 : 31);
  byte(I32_AND);
  set(L_B32);
}

/** The r/m operand into its local. */
function take_operand(r: u32, size: u32, is_signed: bool): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  if (size < 2 && !is_signed) {
    i32_const(size == 0 ? 0xff : 0xffff);
    byte(I32_AND);
  }
  set(local_a(size));
}

function finish(r: u32): bool {
  if (is_memory(r)) finish_memory(r);
  return true;
}

function single_shift(v: u32, r: u32, kind: u32, size: u32, n: u32): bool {
  if ((kind == RCL || kind == RCR) && n != 1) return false;
  take_operand(r, size, kind == SAR);
  if (n == 0) {
    set_rm(r, local_a(size), size);
    return finish(r);
  }
  if (n == BY_CL) take_cl(v, size);
  if (kind <= ROR) rotated(kind, size, n);
  else if (kind > RCR) shifted(kind, size, n);
  else through_carry(kind, size);
  set_rm(r, local_r(size), size);
  if (n == BY_CL) {
    // A count of 0 changes no flag.
    get(L_B32);
    open(IF, EMPTY);
  }
  if (kind <= ROR) note_rotated(r, kind, size, n);
  else if (kind > RCR) note_shift(kind, size, n);
  if (n == BY_CL) {
    close();
    forget_flags();
  }
  return finish(r);
}

/** SHLD and SHRD: the result into its local, and the flags. */
function joined(r: u32, left: bool, size: u32, n: u32): void {
  const a = local_a(size);
  const other = load<u32>(r + R_REG);
  get(a);
  push_count(n, size);
  if (left) sized(size, I64_SHL, I32_SHL);
  else sized(size, I64_SHR_U, I32_SHR_U);
  push_register(other, size);
  push_last(n, size, true);
  if (left) sized(size, I64_SHR_U, I32_SHR_U);
  else sized(size, I64_SHL, I32_SHL);
  sized(size, I64_OR, I32_OR);
  set(local_r(size));
  get(a);
  push_last(n, size, left);
  sized(size, I64_SHR_U, I32_SHR_U);
  low_bit(size);
  set(L_CARRY);
  if (left) push_difference(a, top_of(size), size);
  else {
    push_bit(a, top_of(size), size);
    push_register(other, size);
    low_bit(size);
    byte(I32_XOR);
  }
  join_overflow();
  note_result(size);
}

function double_shift(v: u32, r: u32, left: bool, size: u32, n: u32): bool {
  if (size < 2) return false;
  take_operand(r, size, false);
  if (n == 0 || n == BY_CL) {
    get(local_a(size));
    set(local_r(size));
  }
  if (n == BY_CL) {
    take_cl(v, size);
    get(L_B32);
    open(IF, EMPTY);
  }
  if (n) joined(r, left, size, n);
  if (n == BY_CL) {
    close();
    forget_flags();
  }
  set_rm(r, local_r(size), size);
  return finish(r);
}

/** Emits the record `r` of OP_SHIFT .. OP_SHRD_CL; false when the interpreter must execute it. */
export function emit_shift(v: u32, r: u32, op: u32): bool {
  const size: u32 = load<u16>(r + R_FLAGS) & RF_SIZE;
  const top: u32 = size == 3 ? 63 : 31;
  if (op >= OP_SHLD) {
    const by_cl = op == OP_SHLD_CL || op == OP_SHRD_CL;
    const n: u32 = by_cl ? BY_CL : load<u8>(r + R_IMM) & top;
    return double_shift(v, r, op < OP_SHRD, size, n);
  }
  const kind = op - OP_SHIFT == SAL ? SAL - 2 : op - OP_SHIFT;
  const n: u32 = load<u32>(r + R_REG) == r + R_IMM ? load<u8>(r + R_IMM) & top : BY_CL;
  return single_shift(v, r, kind, size, n);
}
