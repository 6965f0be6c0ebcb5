// Atomic read-modify-writes into Wasm's atomics (exec/locked.ts): for operands that the TLB allows to write and that lie on a
// multiple of their size. Whatever else leaves the region before the instruction: split locks, devices, first writes to a page.

import { R_FLAGS, R_IMM, R_REG, RF_SIZE } from '../abi/insn';
import { CHANGES_ZERO } from '../abi/jit';
import { TLB_WRITE } from '../abi/map';
import {
  ALU_ADD,
  ALU_AND,
  ALU_OR,
  ALU_SUB,
  ALU_XOR,
  OP_CMPXCHG,
  OP_CMPXCHG8B,
  OP_LOCK_ALU,
  OP_LOCK_BT,
  OP_LOCK_DEC,
  OP_LOCK_INC,
  OP_XADD,
  OP_XCHG_M,
} from '../abi/ops';
import { LF_ADD, LF_DEC, LF_INC, LF_SUB, V_GPR } from '../abi/vcpu_page';
import { RAX, RBX, RCX, RDX } from '../abi/x86';
import { is_memory } from './addresses';
import { keep_carry, note_rotation } from './flags';
import { close, get, open, set, tee } from './frame';
import { L_A64, L_B32, L_B64, L_CARRY } from './locals';
import { address, push_allowed, push_host } from './operands';
import { leave_if, local_a, local_b, push_register, push_source, set_register, sized } from './registers';
import { note, note_logic, replace_flags, sign_extend, take_result } from './results';
import {
  byte,
  EMPTY,
  I32_ADD,
  I32_AND,
  I32_EQZ,
  I32_NE,
  I32_OR,
  I32_SHL,
  I32_SUB,
  I32_WRAP,
  I32_XOR,
  I64_ADD,
  I64_AND,
  I64_EQ,
  I64_EXTEND_U,
  I64_NE,
  I64_OR,
  I64_SHL,
  I64_SHR_U,
  I64_SUB,
  I64_XOR,
  IF,
  i32_const,
  i64_const,
  uleb,
} from './wasm';

/** Wasm's atomics: the first of each row; behind it come those of other sizes. */
const ATOMIC_ADD: u32 = 0x1e;
const ATOMIC_SUB: u32 = 0x25;
const ATOMIC_AND: u32 = 0x2c;
const ATOMIC_OR: u32 = 0x33;
const ATOMIC_XOR: u32 = 0x3a;
const ATOMIC_EXCHANGE: u32 = 0x41;
const ATOMIC_COMPARE: u32 = 0x48;

/** An atomic of 2^size bytes: the operands are on the stack, the old value comes, with zeros above. */
function atomic_op(row: u32, size: u32): void {
  byte(0xfe);
  byte(row + (size >= 2 ? size - 2 : size + 2));
  uleb(size);
  uleb(0);
}

/** The host's address of an aligned operand of 2^size bytes at L_LA onto the stack; without it the region is left. */
function reach_aligned(r: u32, size: u32): void {
  push_allowed(TLB_WRITE, (1 << size) - 1, true);
  byte(I32_EQZ);
  leave_if(r);
  push_host();
}

/** Performs the atomic on the operand with the value in local_b: what was there into local_a, sign-extended. */
function perform(r: u32, row: u32, size: u32): void {
  address(r);
  reach_aligned(r, size);
  get(local_b(size));
  atomic_op(row, size);
  sign_extend(size);
  set(local_a(size));
}

function row_of(operation: u32): u32 {
  switch (operation) {
    case ALU_ADD:
      return ATOMIC_ADD;
    case ALU_OR:
      return ATOMIC_OR;
    case ALU_AND:
      return ATOMIC_AND;
    case ALU_SUB:
      return ATOMIC_SUB;
    case ALU_XOR:
      return ATOMIC_XOR;
    default:
      return 0;
  }
}

/** The result once more, for the flags: it has been written. */
function result_of(operation: u32, size: u32): void {
  get(local_a(size));
  get(local_b(size));
  if (operation == ALU_ADD) sized(size, I64_ADD, I32_ADD);
  else if (operation == ALU_OR) sized(size, I64_OR, I32_OR);
  else if (operation == ALU_AND) sized(size, I64_AND, I32_AND);
  else if (operation == ALU_SUB) sized(size, I64_SUB, I32_SUB);
  else sized(size, I64_XOR, I32_XOR);
  take_result(size);
}

function modify(r: u32, operation: u32, size: u32): bool {
  const row = row_of(operation);
  if (row == 0) return false;
  push_source(r, load<u32>(r + R_REG), size);
  set(local_b(size));
  perform(r, row, size);
  result_of(operation, size);
  if (operation == ALU_ADD || operation == ALU_SUB) note(operation == ALU_ADD ? LF_ADD : LF_SUB, size);
  else note_logic(size);
  return true;
}

function constant(value: i64, size: u32): void {
  if (size == 3) i64_const(value);
  else i32_const(value as i32);
}

/** INC and DEC. */
function step(r: u32, kind: u32, size: u32): void {
  const operation = kind == LF_INC ? ALU_ADD : ALU_SUB;
  constant(1, size);
  set(local_b(size));
  perform(r, row_of(operation), size);
  result_of(operation, size);
  keep_carry();
  note(kind, size);
}

/** BTS BTR BTC with a constant: `kind` 0..2. */
function bit(r: u32, kind: u32, size: u32): void {
  const top: u32 = (8 << size) - 1;
  const mask: i64 = (1 as i64) << ((load<u8>(r + R_IMM) & top) as i64);
  constant(kind == 1 ? ~mask : mask, size);
  set(local_b(size));
  perform(r, kind == 0 ? ATOMIC_OR : kind == 1 ? ATOMIC_AND : ATOMIC_XOR, size);
  get(local_a(size));
  constant(mask, size);
  sized(size, I64_AND, I32_AND);
  constant(0, size);
  sized(size, I64_NE, I32_NE);
  set(L_CARRY);
  note_rotation();
}

function exchange(r: u32, size: u32): void {
  push_register(load<u32>(r + R_REG), size);
  set(local_b(size));
  perform(r, ATOMIC_EXCHANGE, size);
  get(local_a(size));
  set_register(load<u32>(r + R_REG), size);
}

function exchange_add(r: u32, size: u32): void {
  push_register(load<u32>(r + R_REG), size);
  set(local_b(size));
  perform(r, ATOMIC_ADD, size);
  result_of(ALU_ADD, size);
  get(local_a(size));
  set_register(load<u32>(r + R_REG), size);
  note(LF_ADD, size);
}

/** CMPXCHG: the accumulator is written only when it differs. */
function compare_exchange(v: u32, r: u32, size: u32): void {
  const a = local_a(size);
  const b = local_b(size);
  push_register(v + V_GPR, size);
  set(a);
  address(r);
  reach_aligned(r, size);
  get(a);
  if (size < 2) {
    i32_const(size == 0 ? 0xff : 0xffff);
    byte(I32_AND);
  }
  push_register(load<u32>(r + R_REG), size);
  atomic_op(ATOMIC_COMPARE, size);
  sign_extend(size);
  set(b);
  result_of(ALU_SUB, size);
  note(LF_SUB, size);
  get(a);
  get(b);
  sized(size, I64_NE, I32_NE);
  open(IF, EMPTY);
  get(b);
  set_register(v + V_GPR, size);
  close();
}

/** Pushes the i64 whose halves are in two registers, given by their places. */
function push_pair(v: u32, high: u32, low: u32): void {
  push_register(v + V_GPR + high * 8, 2);
  byte(I64_EXTEND_U);
  i64_const(32);
  byte(I64_SHL);
  push_register(v + V_GPR + low * 8, 2);
  byte(I64_EXTEND_U);
  byte(I64_OR);
}

/** CMPXCHG8B: of the flags ZF alone. */
function compare_exchange_8(v: u32, r: u32): void {
  push_pair(v, RDX, RAX);
  set(L_A64);
  address(r);
  reach_aligned(r, 3);
  get(L_A64);
  push_pair(v, RCX, RBX);
  atomic_op(ATOMIC_COMPARE, 3);
  set(L_B64);
  get(L_A64);
  get(L_B64);
  byte(I64_EQ);
  tee(L_CARRY);
  byte(I32_EQZ);
  open(IF, EMPTY);
  get(L_B64);
  byte(I32_WRAP);
  set_register(v + V_GPR + RAX * 8, 2);
  get(L_B64);
  i64_const(32);
  byte(I64_SHR_U);
  byte(I32_WRAP);
  set_register(v + V_GPR + RDX * 8, 2);
  close();
  replace_flags(L_CARRY, 6, CHANGES_ZERO);
}

/** Emits the record `r` of OP_LOCK_ALU .. OP_CMPXCHG16B; false when the interpreter must execute it. */
export function emit_locked(v: u32, r: u32, op: u32): bool {
  const size: u32 = load<u16>(r + R_FLAGS) & RF_SIZE;
  if (!is_memory(r)) return false;
  if (op < OP_LOCK_INC) return modify(r, op - OP_LOCK_ALU, size);
  if (op == OP_LOCK_INC || op == OP_LOCK_DEC) step(r, op == OP_LOCK_INC ? LF_INC : LF_DEC, size);
  else if (op >= OP_LOCK_BT && op < OP_LOCK_BT + 3) bit(r, op - OP_LOCK_BT, size);
  else if (op == OP_XCHG_M) exchange(r, size);
  else if (op == OP_XADD) exchange_add(r, size);
  else if (op == OP_CMPXCHG) compare_exchange(v, r, size);
  else if (op == OP_CMPXCHG8B) compare_exchange_8(v, r);
  else return false;
  return true;
}

/** BTS BTR BTC of the bit of a byte: its address is on the stack, the number in L_B32; the old byte comes. */
export function atomic_bit(kind: u32): void {
  i32_const(1);
  get(L_B32);
  byte(I32_SHL);
  if (kind == 2) {
    i32_const(-1);
    byte(I32_XOR);
  }
  atomic_op(kind == 1 ? ATOMIC_OR : kind == 2 ? ATOMIC_AND : ATOMIC_XOR, 0);
}
