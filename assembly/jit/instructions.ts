// One record into Wasm, as exec/ executes it. What is not here is left to the interpreter.

import { R_IMM, R_OP, R_QUICK, R_REG, R_RM } from '../abi/insn';
import {
  ALU_ADC,
  ALU_ADD,
  ALU_AND,
  ALU_CMP,
  ALU_OR,
  ALU_SBB,
  ALU_SUB,
  OP_ALU_END,
  OP_ALU_LOAD,
  OP_BT_R,
  OP_CBW,
  OP_CDQ,
  OP_CLC,
  OP_CLI,
  OP_CMOV,
  OP_CMPXCHG16B,
  OP_DEC,
  OP_FWAIT,
  OP_INC,
  OP_LEA_32,
  OP_LEA_64,
  OP_LEA_GENERIC,
  OP_LOCK_ALU,
  OP_MOV_FROM_SEG,
  OP_MOV_LOAD,
  OP_MOV_STORE,
  OP_MOV_TO_REG,
  OP_MOVS,
  OP_MOVSX8,
  OP_MOVSX16,
  OP_MOVSXD,
  OP_MOVZX8,
  OP_MOVZX16,
  OP_MUL,
  OP_MULX,
  OP_NEG,
  OP_NOP,
  OP_NOT,
  OP_OUTS,
  OP_PACKED,
  OP_POP_R,
  OP_POP_SEG,
  OP_PUSH,
  OP_PUSH_R,
  OP_RDPKRU,
  OP_SAR_R64,
  OP_SETCC,
  OP_SHIFT,
  OP_SHL_R32,
  OP_SHL_R64,
  OP_SHRX,
  OP_STD,
  OP_STI,
  OP_SWAPGS,
  OP_TEST,
  OP_XCHG_R,
} from '../abi/ops';
import { Q_ADD_32_N, Q_IMUL_64_N } from '../abi/quick';
import { LF_ADC, LF_ADD, LF_DEC, LF_INC, LF_PARTIAL, LF_SBB, LF_SUB, V_GPR } from '../abi/vcpu_page';
import { is_memory, push_address32, push_address64 } from './addresses';
import { emit_arithmetic } from './arithmetic';
import { emit_bits, emit_flag } from './bits';
import { keep_carry, note_kind, note_kind_with, push_carry, push_condition } from './flags';
import { close, get, is_wide, open, set } from './frame';
import { L_A, L_B, L_CARRY, L_CF, L_R32, L_RES } from './locals';
import { emit_locked } from './locked';
import { emit_product } from './multiply';
import {
  finish_memory,
  is_plain,
  move_stack,
  push_memory,
  push_memory_zero,
  push_rm,
  push_to_stack,
  reach_operand,
  reach_stack,
  set_rm,
  store_operand,
} from './operands';
import {
  local_a,
  local_b,
  local_r,
  push_low,
  push_register,
  push_source,
  push_zero,
  set_register,
  sized,
} from './registers';
import { keep, note, note_logic, take_result } from './results';
import { emit_cli, emit_lea, emit_rdpkru, emit_selector, emit_sti, emit_swapgs } from './selectors';
import { emit_shift } from './shifts';
import { emit_stack } from './stack';
import { emit_string } from './strings';
import { read_registers, USES_ALL } from './uses';
import { emit_vector } from './vector';
import {
  byte,
  ELSE,
  EMPTY,
  I32_ADD,
  I32_AND,
  I32_OR,
  I32_SHL,
  I32_SHR_S,
  I32_SHR_U,
  I32_SUB,
  I32_WRAP,
  I32_XOR,
  I64_ADD,
  I64_AND,
  I64_EXTEND_S,
  I64_EXTEND_U,
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
import { emit_x87 } from './x87';
import { is_x87 } from './x87_state';

function is_flagless(r: u32): bool {
  const form: u32 = load<u8>(r + R_QUICK);
  return form >= Q_ADD_32_N && form <= Q_IMUL_64_N;
}

/** The operation on the operands' locals: result and flags. */
function operate(r: u32, operation: u32, size: u32): void {
  const with_carry = operation == ALU_ADC || operation == ALU_SBB;
  if (with_carry) {
    push_carry();
    set(L_CARRY);
  }
  get(local_a(size));
  get(local_b(size));
  if (operation == ALU_ADD || operation == ALU_ADC) sized(size, I64_ADD, I32_ADD);
  else if (operation == ALU_OR) sized(size, I64_OR, I32_OR);
  else if (operation == ALU_AND) sized(size, I64_AND, I32_AND);
  else if (operation == ALU_SUB || operation == ALU_SBB || operation == ALU_CMP)
    sized(size, I64_SUB, I32_SUB);
  else sized(size, I64_XOR, I32_XOR);
  if (with_carry) {
    get(L_CARRY);
    if (size == 3) byte(I64_EXTEND_U);
    if (operation == ALU_ADC) sized(size, I64_ADD, I32_ADD);
    else sized(size, I64_SUB, I32_SUB);
  }
  take_result(size);
  if (is_flagless(r)) return;
  if (operation == ALU_ADD) note(LF_ADD, size);
  else if (operation == ALU_SUB || operation == ALU_CMP) note(LF_SUB, size);
  else if (with_carry) {
    keep(L_A, local_a(size), size);
    keep(L_B, local_b(size), size);
    keep(L_RES, local_r(size), size);
    if (operation == ALU_ADC) note_kind_with(L_CARRY, LF_ADC, LF_ADD);
    else note_kind_with(L_CARRY, LF_SBB, LF_SUB);
  } else note_logic(size);
}

function alu(r: u32, op: u32): void {
  const operation = op >> 3;
  const size = (op >> 1) & 3;
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  set(local_a(size));
  push_source(r, load<u32>(r + R_REG), size);
  set(local_b(size));
  operate(r, operation, size);
  if (operation == ALU_CMP) return;
  set_rm(r, local_r(size), size);
  if (is_memory(r)) finish_memory(r);
}

function alu_load(r: u32, op: u32): void {
  const operation = (op - OP_ALU_LOAD) >> 2;
  const size = op & 3;
  if (is_memory(r)) reach_operand(r);
  push_source(r, load<u32>(r + R_REG), size);
  set(local_a(size));
  push_rm(r, size);
  set(local_b(size));
  operate(r, operation, size);
  if (operation == ALU_CMP) return;
  get(local_r(size));
  set_register(load<u32>(r + R_REG), size);
}

function test(r: u32, size: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  push_source(r, load<u32>(r + R_REG), size);
  sized(size, I64_AND, I32_AND);
  take_result(size);
  note_logic(size);
}

/** INC and DEC. */
function step(r: u32, size: u32, kind: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  set(local_a(size));
  if (size == 3) i64_const(1);
  else i32_const(1);
  set(local_b(size));
  get(local_a(size));
  get(local_b(size));
  if (kind == LF_INC) sized(size, I64_ADD, I32_ADD);
  else sized(size, I64_SUB, I32_SUB);
  take_result(size);
  if (!is_flagless(r)) {
    keep_carry();
    note(kind, size);
  }
  set_rm(r, local_r(size), size);
  if (is_memory(r)) finish_memory(r);
}

function negate(r: u32, size: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  set(local_b(size));
  if (size == 3) i64_const(0);
  else i32_const(0);
  set(local_a(size));
  get(local_a(size));
  get(local_b(size));
  sized(size, I64_SUB, I32_SUB);
  take_result(size);
  note(LF_SUB, size);
  set_rm(r, local_r(size), size);
  if (is_memory(r)) finish_memory(r);
}

function invert(r: u32, size: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  if (size == 3) i64_const(-1);
  else i32_const(-1);
  sized(size, I64_XOR, I32_XOR);
  take_result(size);
  set_rm(r, local_r(size), size);
  if (is_memory(r)) finish_memory(r);
}

/** Pushes a constant shift of a local. */
function shifted(local: u32, size: u32, opcode64: u32, opcode32: u32, n: u32): void {
  get(local);
  if (size == 3) i64_const(n);
  else i32_const(n as i32);
  sized(size, opcode64, opcode32);
}

/** The lowest bit of the value on the stack, as i32. */
function low_bit(size: u32): void {
  if (size == 3) byte(I32_WRAP);
  i32_const(1);
  byte(I32_AND);
}

/** SHL SHR SAR of a register by a constant that is not 0. */
function shift(r: u32, kind: u32, size: u32): void {
  const n = load<u32>(r + R_IMM);
  const top: u32 = size == 3 ? 63 : 31;
  const a = local_a(size);
  const register = load<u32>(r + R_RM);
  push_register(register, size);
  set(a);
  if (kind == 0) shifted(a, size, I64_SHL, I32_SHL, n);
  else if (kind == 1) shifted(a, size, I64_SHR_U, I32_SHR_U, n);
  else shifted(a, size, I64_SHR_S, I32_SHR_S, n);
  set(local_r(size));
  if (!is_flagless(r)) {
    shifted(a, size, I64_SHR_U, I32_SHR_U, kind == 0 ? top + 1 - n : n - 1);
    low_bit(size);
    if (kind != 2) {
      if (kind == 0) {
        get(a);
        shifted(a, size, I64_SHL, I32_SHL, 1);
        sized(size, I64_XOR, I32_XOR);
      } else get(a);
      if (size == 3) i64_const(top);
      else i32_const(top as i32);
      sized(size, I64_SHR_U, I32_SHR_U);
      if (size == 3) byte(I32_WRAP);
      i32_const(11);
      byte(I32_SHL);
      byte(I32_OR);
    }
    set(L_CF);
    keep(L_RES, local_r(size), size);
    note_kind(LF_PARTIAL);
  }
  get(local_r(size));
  set_register(register, size);
}

/** MOVZX and MOVSX from 2^from bytes. */
function extend(r: u32, from: u32, size: u32, is_signed: bool): void {
  if (is_memory(r)) reach_operand(r);
  if (is_signed) push_rm(r, from);
  else if (is_memory(r)) push_memory_zero(from);
  else push_zero(load<u32>(r + R_RM), from);
  if (size == 3) byte(is_signed ? I64_EXTEND_S : I64_EXTEND_U);
  set_register(load<u32>(r + R_REG), size);
}

/** CMOV: the operand is read whether or not the condition holds. */
function conditional_move(r: u32, size: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  set(local_b(size));
  push_condition(load<u32>(r + R_IMM));
  open(IF, EMPTY);
  get(local_b(size));
  set_register(load<u32>(r + R_REG), size);
  if (size == 2) {
    byte(ELSE);
    push_register(load<u32>(r + R_REG), 2);
    set_register(load<u32>(r + R_REG), 2);
  }
  close();
}

/** SETcc: its old byte is not read, which a device would notice. */
function set_condition(r: u32): void {
  push_condition(load<u32>(r + R_IMM));
  set(L_R32);
  if (is_memory(r)) store_operand(r, L_R32, 0);
  else set_rm(r, L_R32, 0);
}

function push(r: u32): void {
  const size: u32 = is_wide() ? 3 : 2;
  push_source(r, load<u32>(r + R_REG), size);
  set(local_b(size));
  push_to_stack(r, local_b(size));
}

function pop(r: u32): void {
  const size: u32 = is_wide() ? 3 : 2;
  reach_stack(r);
  move_stack(is_wide() ? 8 : 4);
  push_memory(size);
  set_register(load<u32>(r + R_REG), size);
}

/** Registers that the emitted record `r` of vCPU `v` knows, as a mask. */
export function registers_of(v: u32, r: u32): u32 {
  const used = read_registers(v, r);
  // An instruction that may use all of them is the interpreter's.
  return used == USES_ALL ? 0 : used & 0xffff;
}

/** LEA. */
function lea(r: u32, op: u32): void {
  if (op == OP_LEA_64) push_address64(r);
  else push_address32(r);
  set_register(load<u32>(r + R_REG), op == OP_LEA_64 ? 3 : 2);
}

function exchange(r: u32, size: u32): void {
  push_register(load<u32>(r + R_RM), size);
  set(local_a(size));
  push_register(load<u32>(r + R_REG), size);
  set_register(load<u32>(r + R_RM), size);
  get(local_a(size));
  set_register(load<u32>(r + R_REG), size);
}

/** CWD CDQ CQO (size 1..3). */
function spread_sign(size: u32, v: u32): void {
  push_register(v + V_GPR, size);
  if (size == 3) i64_const(63);
  else i32_const(31);
  sized(size, I64_SHR_S, I32_SHR_S);
  set_register(v + V_GPR + 16, size);
}

/** CBW CWDE CDQE (size 1..3). */
function widen(size: u32, v: u32): void {
  push_register(v + V_GPR, size - 1);
  if (size == 3) byte(I64_EXTEND_S);
  set_register(v + V_GPR, size);
}

/**
 * Emits the record `r`; false when the interpreter must execute it. Branches are not among them, see structure.ts.
 */
export function emit(v: u32, r: u32): bool {
  const op: u32 = load<u16>(r + R_OP);
  if (!is_plain(r)) return false;
  if (op < OP_ALU_END) {
    alu(r, op);
    return true;
  }
  const size = op & 3;
  if (op < OP_TEST) {
    alu_load(r, op);
    return true;
  }
  if (op < OP_MOV_TO_REG) {
    test(r, size);
    return true;
  }
  if (op < OP_MOV_STORE) {
    push_low(r, load<u32>(r + R_REG), size);
    set_register(load<u32>(r + R_RM), size);
    return true;
  }
  if (op < OP_MOV_LOAD) {
    push_low(r, load<u32>(r + R_REG), size);
    set(local_b(size));
    store_operand(r, local_b(size), size);
    return true;
  }
  if (op < OP_MOVZX8) {
    reach_operand(r);
    push_memory(size);
    set_register(load<u32>(r + R_REG), size);
    return true;
  }
  if (op < OP_MOVSXD) {
    const signed = op >= OP_MOVSX8;
    const from: u32 = op < OP_MOVZX16 || (op >= OP_MOVSX8 && op < OP_MOVSX16) ? 0 : 1;
    extend(r, from, size, signed);
    return true;
  }
  if (op == OP_MOVSXD) {
    if (is_memory(r)) reach_operand(r);
    push_rm(r, 2);
    byte(I64_EXTEND_S);
    set_register(load<u32>(r + R_REG), 3);
    return true;
  }
  if (op == OP_LEA_64 || op == OP_LEA_32) {
    lea(r, op);
    return true;
  }
  if (op >= OP_INC && op < OP_DEC + 8) {
    step(r, ((op - OP_INC) >> 1) & 3, op < OP_DEC ? LF_INC : LF_DEC);
    return true;
  }
  if (op == OP_PUSH_R) {
    push(r);
    return true;
  }
  if (op == OP_POP_R) {
    pop(r);
    return true;
  }
  if (op >= OP_SHL_R32 && op <= OP_SAR_R64) {
    shift(r, (op - OP_SHL_R32) % 3, op < OP_SHL_R64 ? 2 : 3);
    return true;
  }
  if (op == OP_SETCC) {
    set_condition(r);
    return true;
  }
  if (op >= OP_CMOV && op < OP_CMOV + 3) {
    conditional_move(r, op - OP_CMOV + 1);
    return true;
  }
  if (op == OP_NOP) return true;
  if (op >= OP_XCHG_R && op < OP_XCHG_R + 4) {
    exchange(r, op - OP_XCHG_R);
    return true;
  }
  if (op >= OP_CDQ && op < OP_CDQ + 3) {
    spread_sign(op - OP_CDQ + 1, v);
    return true;
  }
  if (op >= OP_CBW && op < OP_CBW + 3) {
    widen(op - OP_CBW + 1, v);
    return true;
  }
  if (op >= OP_NOT && op < OP_NOT + 4) {
    invert(r, op - OP_NOT);
    return true;
  }
  if (op >= OP_NEG && op < OP_NEG + 4) {
    negate(r, op - OP_NEG);
    return true;
  }
  if (is_x87(op) || op == OP_FWAIT) return emit_x87(v, r);
  if (op == OP_LEA_GENERIC) {
    emit_lea(r);
    return true;
  }
  if (op == OP_CLI) {
    emit_cli(r);
    return true;
  }
  if (op == OP_STI) {
    emit_sti(r);
    return true;
  }
  if (op == OP_SWAPGS) return emit_swapgs(r);
  if (op == OP_RDPKRU) {
    emit_rdpkru(v, r);
    return true;
  }
  if (op >= OP_SHIFT && op < OP_MUL) return emit_shift(v, r, op);
  if (op >= OP_MUL && op <= OP_MULX && emit_product(v, r, op)) return true;
  if (op >= OP_BT_R && op <= OP_SHRX && emit_bits(v, r, op)) return true;
  if (op >= OP_CLC && op <= OP_STD) return emit_flag(op);
  if (op >= OP_MOVS && op <= OP_OUTS) return emit_string(v, r, op);
  if (op >= OP_LOCK_ALU && op <= OP_CMPXCHG16B) return emit_locked(v, r, op);
  if (op >= OP_PUSH && op <= OP_POP_SEG) return emit_stack(v, r, op);
  if (op == OP_MOV_FROM_SEG) return emit_selector(r);
  return op < OP_PACKED ? emit_arithmetic(v, r, op, is_flagless(r)) : emit_vector(r, op);
}
