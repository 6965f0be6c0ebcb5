// Products of 32 and 64 bits into one register (others: multiply.ts), quotients, and single bits of registers (bit strings: bits.ts). What is
// rare leaves the region before its instruction.

import { R_FLAGS, R_IMM, R_REG, RF_LOCK, RF_MEMORY } from '../abi/insn';
import { OP_BT_I, OP_BT_R, OP_DIV, OP_IDIV, OP_IMUL, OP_IMUL_32, OP_IMUL3, OP_MUL } from '../abi/ops';
import { V_GPR } from '../abi/vcpu_page';
import { is_memory } from './addresses';
import { note_product, note_rotation, set_flag } from './flags';
import { close, get, open, set } from './frame';
import { F_OVERFLOW, L_A64, L_B64, L_CARRY, L_R64, L_RES } from './locals';
import { finish_memory, push_rm, reach_operand, set_rm } from './operands';
import {
  leave_if,
  local_a,
  local_b,
  local_r,
  push_register,
  push_source,
  set_register,
  sized,
} from './registers';
import {
  byte,
  call_core,
  ELSE,
  I32,
  I32_AND,
  I32_EQZ,
  I32_OR,
  I32_SHL,
  I32_SHR_U,
  I32_WRAP,
  I32_XOR,
  I64_ADD,
  I64_AND,
  I64_DIV_S,
  I64_DIV_U,
  I64_EQ,
  I64_EQZ,
  I64_EXTEND_S,
  I64_EXTEND_U,
  I64_EXTEND32,
  I64_GE_U,
  I64_LE_U,
  I64_MUL,
  I64_NE,
  I64_OR,
  I64_SHL,
  I64_SHR_S,
  I64_SHR_U,
  I64_SUB,
  I64_XOR,
  IF,
  i32_const,
  i64_const,
} from './wasm';

/** Pushes whether the i64 in a local fits 32 bits, sign-extended. */
function push_fits(local: u32): void {
  get(local);
  get(local);
  byte(I64_EXTEND32);
  byte(I64_EQ);
}

/** IMUL with a destination: L_A64 times L_B64, sign-extended, to the register at `to`. */
function multiply_into(to: u32, size: u32, flagless: bool): void {
  get(L_A64);
  get(L_B64);
  byte(I64_MUL);
  set(L_R64);
  if (!flagless) {
    if (size == 2) {
      get(L_R64);
      get(L_R64);
      byte(I64_EXTEND32);
      byte(I64_NE);
    } else {
      push_fits(L_A64);
      push_fits(L_B64);
      byte(I32_AND);
      open(IF, I32);
      i32_const(0);
      byte(ELSE);
      get(L_A64);
      get(L_B64);
      call_core(F_OVERFLOW);
      close();
    }
    set(L_CARRY);
    keep_product(size);
    note_product();
  }
  get(L_R64);
  if (size == 2) byte(I32_WRAP);
  set_register(to, size);
}

/** The low part of L_R64 becomes the result that flags are made of. */
function keep_product(size: u32): void {
  get(L_R64);
  if (size == 2) byte(I32_WRAP);
  set_flag(L_RES, size);
}

function take(local: u32, size: u32): void {
  if (size == 2) byte(I64_EXTEND_S);
  set(local);
}

/** MUL and IMUL of EAX by 32 bits. */
function multiply(v: u32, r: u32, is_signed: bool): void {
  const extend = is_signed ? I64_EXTEND_S : I64_EXTEND_U;
  push_rm(r, 2);
  byte(extend);
  push_register(v + V_GPR, 2);
  byte(extend);
  byte(I64_MUL);
  set(L_R64);
  get(L_R64);
  if (is_signed) {
    get(L_R64);
    byte(I64_EXTEND32);
    byte(I64_NE);
  } else {
    i64_const(32);
    byte(I64_SHR_U);
    byte(I64_EQZ);
    byte(I32_EQZ);
  }
  set(L_CARRY);
  keep_product(2);
  note_product();
  get(L_R64);
  byte(I32_WRAP);
  set_register(v + V_GPR, 2);
  get(L_R64);
  i64_const(32);
  byte(I64_SHR_U);
  byte(I32_WRAP);
  set_register(v + V_GPR + 16, 2);
}

/** Pushes RAX (n = 0) or RDX (n = 2), of 32 bits without a sign, as i64. */
function push_half(v: u32, n: u32, size: u32): void {
  push_register(v + V_GPR + n * 8, size);
  if (size == 2) byte(I64_EXTEND_U);
}

function set_half(v: u32, n: u32, size: u32): void {
  if (size == 2) byte(I32_WRAP);
  set_register(v + V_GPR + n * 8, size);
}

/** DIV and IDIV by 32 or 64 bits; what may raise #DE, and dividends of more than 64 bits, are left to the interpreter. */
function divide(v: u32, r: u32, size: u32, is_signed: bool): void {
  push_rm(r, size);
  if (size == 2) byte(is_signed ? I64_EXTEND_S : I64_EXTEND_U);
  set(L_B64);
  push_half(v, 0, size);
  if (size == 2) {
    push_half(v, 2, 2);
    i64_const(32);
    byte(I64_SHL);
    byte(I64_OR);
  }
  set(L_A64);
  if (is_signed) {
    // 0 and -1.
    get(L_B64);
    i64_const(1);
    byte(I64_ADD);
    i64_const(1);
    byte(I64_LE_U);
    if (size == 3) {
      push_half(v, 2, 3);
      get(L_A64);
      i64_const(63);
      byte(I64_SHR_S);
      byte(I64_NE);
      byte(I32_OR);
    }
    leave_if(r);
  } else {
    // High part not below the divisor, which a divisor of 0 is never.
    push_half(v, 2, size);
    if (size == 2) {
      get(L_B64);
      byte(I64_GE_U);
    } else {
      byte(I64_EQZ);
      byte(I32_EQZ);
      get(L_B64);
      byte(I64_EQZ);
      byte(I32_OR);
    }
    leave_if(r);
  }
  get(L_A64);
  get(L_B64);
  byte(is_signed ? I64_DIV_S : I64_DIV_U);
  set(L_R64);
  if (is_signed && size == 2) {
    get(L_R64);
    get(L_R64);
    byte(I64_EXTEND32);
    byte(I64_NE);
    leave_if(r);
  }
  get(L_A64);
  get(L_R64);
  get(L_B64);
  byte(I64_MUL);
  byte(I64_SUB);
  set_half(v, 2, size);
  get(L_R64);
  set_half(v, 0, size);
}

/** BT BTS BTR BTC of a register or memory operand: the bit into CF. */
function bit(r: u32, kind: u32, size: u32, constant: bool): void {
  const top: u32 = size == 3 ? 63 : 31;
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  set(local_a(size));
  if (constant) {
    if (size == 3) i64_const(load<u8>(r + R_IMM) & top);
    else i32_const(load<u8>(r + R_IMM) & top);
  } else {
    push_source(r, load<u32>(r + R_REG), size);
    if (size == 3) i64_const(top);
    else i32_const(top as i32);
    sized(size, I64_AND, I32_AND);
  }
  set(local_b(size));
  get(local_a(size));
  get(local_b(size));
  sized(size, I64_SHR_U, I32_SHR_U);
  if (size == 3) byte(I32_WRAP);
  i32_const(1);
  byte(I32_AND);
  set(L_CARRY);
  if (kind) {
    get(local_a(size));
    if (size == 3) i64_const(1);
    else i32_const(1);
    get(local_b(size));
    sized(size, I64_SHL, I32_SHL);
    if (kind == 2) {
      if (size == 3) i64_const(-1);
      else i32_const(-1);
      sized(size, I64_XOR, I32_XOR);
      sized(size, I64_AND, I32_AND);
    } else if (kind == 1) sized(size, I64_OR, I32_OR);
    else sized(size, I64_XOR, I32_XOR);
    set(local_r(size));
    set_rm(r, local_r(size), size);
  }
  note_rotation();
  if (kind && is_memory(r)) finish_memory(r);
}

/** Emits the record `r` of these families; false when the interpreter must execute it. */
export function emit_arithmetic(v: u32, r: u32, op: u32, flagless: bool): bool {
  if (op == OP_IMUL_32 || op == OP_IMUL_32 + 1) {
    const size = op - OP_IMUL_32 + 2;
    if (is_memory(r)) reach_operand(r);
    push_rm(r, size);
    take(L_B64, size);
    push_register(load<u32>(r + R_REG), size);
    take(L_A64, size);
    multiply_into(load<u32>(r + R_REG), size, flagless);
    return true;
  }
  const size: u32 = load<u16>(r + R_FLAGS) & 3;
  if (size < 2 || load<u16>(r + R_FLAGS) & RF_LOCK) return false;
  if (op == OP_IMUL3) {
    if (is_memory(r)) reach_operand(r);
    push_rm(r, size);
    take(L_A64, size);
    i64_const(load<i64>(r + R_IMM));
    set(L_B64);
    multiply_into(load<u32>(r + R_REG), size, false);
    return true;
  }
  if ((op == OP_MUL || op == OP_IMUL) && size == 2) {
    if (is_memory(r)) reach_operand(r);
    multiply(v, r, op == OP_IMUL);
    return true;
  }
  if (op == OP_DIV || op == OP_IDIV) {
    if (is_memory(r)) reach_operand(r);
    divide(v, r, size, op == OP_IDIV);
    return true;
  }
  if (op >= OP_BT_I && op < OP_BT_I + 4) {
    bit(r, op - OP_BT_I, size, true);
    return true;
  }
  if (op >= OP_BT_R && op < OP_BT_R + 4 && (load<u16>(r + R_FLAGS) & RF_MEMORY) == 0) {
    bit(r, op - OP_BT_R, size, false);
    return true;
  }
  return false;
}
