// Products into Wasm that arithmetic.ts has not: of 8, 16 and 64 bits, MULX, IMUL of 16 bits (exec/muldiv.ts).

import { R_FLAGS, R_IMM, R_REG, RF_SIZE } from '../abi/insn';
import { OP_IMUL, OP_IMUL2, OP_IMUL3, OP_MUL, OP_MULX } from '../abi/ops';
import { V_GPR } from '../abi/vcpu_page';
import { is_memory } from './addresses';
import { note_product, set_flag } from './flags';
import { get, set } from './frame';
import { F_HIGH, L_A64, L_B64, L_CARRY, L_R32, L_R64, L_RES } from './locals';
import { push_rm, reach_operand } from './operands';
import { push_register, set_register } from './registers';
import { sign_extend } from './results';
import {
  byte,
  call_core,
  I32_AND,
  I32_EQZ,
  I32_MUL,
  I32_NE,
  I32_SHR_U,
  I32_WRAP,
  I64_AND,
  I64_EQZ,
  I64_EXTEND_U,
  I64_MUL,
  I64_NE,
  I64_SHR_S,
  I64_SHR_U,
  I64_SUB,
  i32_const,
  i64_const,
} from './wasm';

const RDX: u32 = 2 * 8;

/** Pushes the upper half of L_A64 times L_B64. */
function push_high(is_signed: bool): void {
  get(L_A64);
  get(L_B64);
  call_core(F_HIGH);
  if (!is_signed) return;
  subtract_if_negative(L_A64, L_B64);
  subtract_if_negative(L_B64, L_A64);
}

/** Takes `b` from the value on the stack if `a` is negative. */
function subtract_if_negative(a: u32, b: u32): void {
  get(a);
  i64_const(63);
  byte(I64_SHR_S);
  get(b);
  byte(I64_AND);
  byte(I64_SUB);
}

/** L_A64 times L_B64: the low half into L_A64, the high half into L_R64. */
function multiply_64(is_signed: bool): void {
  push_high(is_signed);
  set(L_R64);
  get(L_A64);
  get(L_B64);
  byte(I64_MUL);
  set(L_A64);
}

function wide_product(v: u32, is_signed: bool): void {
  multiply_64(is_signed);
  get(L_R64);
  if (is_signed) {
    get(L_A64);
    i64_const(63);
    byte(I64_SHR_S);
    byte(I64_NE);
  } else {
    byte(I64_EQZ);
    byte(I32_EQZ);
  }
  set(L_CARRY);
  get(L_A64);
  set_flag(L_RES, 3);
  note_product();
  get(L_A64);
  set_register(v + V_GPR, 3);
  get(L_R64);
  set_register(v + V_GPR + RDX, 3);
}

/** Zeros above the 8 or 16 bits on the stack. */
function zero_extend(size: u32): void {
  i32_const(size == 0 ? 0xff : 0xffff);
  byte(I32_AND);
}

/** Flags of the product of 8 or 16 bits in L_R32, of which the low half counts. */
function note_narrow(size: u32, is_signed: bool): void {
  get(L_R32);
  if (is_signed) {
    get(L_R32);
    sign_extend(size);
    byte(I32_NE);
  } else {
    i32_const(8 << size);
    byte(I32_SHR_U);
    byte(I32_EQZ);
    byte(I32_EQZ);
  }
  set(L_CARRY);
  get(L_R32);
  sign_extend(size);
  set_flag(L_RES, size);
  note_product();
}

function narrow_product(v: u32, r: u32, size: u32, is_signed: bool): void {
  push_rm(r, size);
  if (!is_signed) zero_extend(size);
  push_register(v + V_GPR, size);
  if (!is_signed) zero_extend(size);
  byte(I32_MUL);
  set(L_R32);
  note_narrow(size, is_signed);
  get(L_R32);
  set_register(v + V_GPR, 1);
  if (size == 0) return;
  get(L_R32);
  i32_const(16);
  byte(I32_SHR_U);
  set_register(v + V_GPR + RDX, 1);
}

/** MULX: RDX times the operand, the low half to a register first; no flags. */
function multiply_flagless(v: u32, r: u32, size: u32): void {
  const low = v + V_GPR + (load<u32>(r + R_IMM) & 15) * 8;
  const high = load<u32>(r + R_REG);
  push_rm(r, size);
  if (size == 2) byte(I64_EXTEND_U);
  set(L_B64);
  push_register(v + V_GPR + RDX, size);
  if (size == 2) byte(I64_EXTEND_U);
  set(L_A64);
  if (size == 3) {
    multiply_64(false);
    get(L_A64);
    set_register(low, 3);
    get(L_R64);
    return set_register(high, 3);
  }
  get(L_A64);
  get(L_B64);
  byte(I64_MUL);
  set(L_R64);
  get(L_R64);
  byte(I32_WRAP);
  set_register(low, 2);
  get(L_R64);
  i64_const(32);
  byte(I64_SHR_U);
  byte(I32_WRAP);
  set_register(high, 2);
}

/** IMUL of 16 bits with a destination. */
function multiply_into_16(r: u32, op: u32): void {
  push_rm(r, 1);
  if (op == OP_IMUL3) i32_const(load<i64>(r + R_IMM) as i32);
  else push_register(load<u32>(r + R_REG), 1);
  byte(I32_MUL);
  set(L_R32);
  note_narrow(1, true);
  get(L_R32);
  set_register(load<u32>(r + R_REG), 1);
}

/** Emits the record `r` of these; false when it is none of them. */
export function emit_product(v: u32, r: u32, op: u32): bool {
  const size: u32 = load<u16>(r + R_FLAGS) & RF_SIZE;
  const one = op == OP_MUL || op == OP_IMUL;
  const into = (op == OP_IMUL2 || op == OP_IMUL3) && size == 1;
  if (!(one && size != 2) && !into && op != OP_MULX) return false;
  if (is_memory(r)) reach_operand(r);
  if (op == OP_MULX) multiply_flagless(v, r, size);
  else if (into) multiply_into_16(r, op);
  else if (size == 3) {
    push_rm(r, 3);
    set(L_B64);
    push_register(v + V_GPR, 3);
    set(L_A64);
    wide_product(v, op == OP_IMUL);
  } else narrow_product(v, r, size, op == OP_IMUL);
  return true;
}
