// x87 numbers in locals: those that functions give, and operands in memory made into numbers.

import { V_X87_WORD } from '../abi/fpu';
import { ONE_INTEGER, ONE_M32, ONE_M64, OP_F_I16, OP_F_I32, OP_F_M64 } from '../abi/ops_x87';
import { close, get, open, set } from './frame';
import { likely, unlikely } from './hints';
import { F_X87_ONE, L_A32, L_A64, L_V } from './locals';
import { push_memory } from './operands';
import {
  byte,
  call_core,
  ELSE,
  EMPTY,
  I32_ADD,
  I32_AND,
  I32_LOAD,
  I32_LT_S,
  I32_LT_U,
  I32_OR,
  I32_SUB,
  I32_WRAP,
  I64_EXTEND_S,
  I64_EXTEND_U,
  I64_OR,
  I64_SHL,
  I64_SHR_U,
  IF,
  i32_const,
  i64_const,
  LOCAL_TEE,
  memory_op,
  op1,
} from './wasm';
import { leave_before } from './x87_look';
import { exponent_local, new_value, push_value, significand_local } from './x87_state';

const SIGN: u32 = 0x8000;
const INTEGER_BIT: i64 = 0x8000000000000000;
const BIAS: u32 = 0x3fff;

/** Calls a function whose result is a number, into new locals. */
export function call_number(f: u32): u32 {
  const k = new_value();
  call_core(f);
  set(significand_local(k));
  get(L_V);
  memory_op(I32_LOAD, V_X87_WORD);
  set(exponent_local(k));
  return k;
}

/** The same of one that may fail: then the region leaves before record `r`. */
export function call_or_leave(r: u32, f: u32): u32 {
  const k = new_value();
  call_core(f);
  set(significand_local(k));
  take_word(r, k);
  return k;
}

export function take_word(r: u32, k: u32): void {
  get(L_V);
  memory_op(I32_LOAD, V_X87_WORD);
  op1(LOCAL_TEE, exponent_local(k));
  i32_const(0);
  byte(I32_LT_S);
  unlikely();
  open(IF, EMPTY);
  leave_before(r);
  close();
}

/** Calls compiled_x87_one for the value in the locals `k`; its result is on the stack. */
export function call_one(k: u32, what: u32): void {
  get(L_V);
  push_value(k);
  i32_const(what as i32);
  call_core(F_X87_ONE);
}

/** Pushes the operand in memory that has been reached, as the bits that compiled_x87_one wants; gives ONE_*. */
export function push_bits(op: u32): u32 {
  if (op < OP_F_M64) {
    push_memory(2);
    byte(I64_EXTEND_U);
    return ONE_M32;
  }
  if (op < OP_F_I32) {
    push_memory(3);
    return ONE_M64;
  }
  push_memory(op < OP_F_I16 ? 2 : 1);
  byte(I64_EXTEND_S);
  return ONE_INTEGER;
}

/** The operand in memory, which has been reached, as a number in locals; leaves before record `r` for a rare one. */
export function widen(r: u32, op: u32): u32 {
  get(L_V);
  const what = push_bits(op);
  i32_const(0);
  i32_const(what as i32);
  return what == ONE_INTEGER ? call_number(F_X87_ONE) : call_or_leave(r, F_X87_ONE);
}

/** The same of a double, inline when it is normal. */
export function widen_double(r: u32): u32 {
  const k = new_value();
  push_memory(3);
  op1(LOCAL_TEE, L_A64);
  i64_const(52);
  byte(I64_SHR_U);
  byte(I32_WRAP);
  i32_const(0x7ff);
  byte(I32_AND);
  op1(LOCAL_TEE, L_A32);
  i32_const(1);
  byte(I32_SUB);
  i32_const(0x7fe);
  byte(I32_LT_U);
  likely();
  open(IF, EMPTY);
  get(L_A64);
  i64_const(11);
  byte(I64_SHL);
  i64_const(INTEGER_BIT);
  byte(I64_OR);
  set(significand_local(k));
  get(L_A64);
  i64_const(48);
  byte(I64_SHR_U);
  byte(I32_WRAP);
  i32_const(SIGN as i32);
  byte(I32_AND);
  get(L_A32);
  i32_const(BIAS - 1023);
  byte(I32_ADD);
  byte(I32_OR);
  set(exponent_local(k));
  byte(ELSE);
  get(L_V);
  get(L_A64);
  i32_const(0);
  i32_const(ONE_M64 as i32);
  call_core(F_X87_ONE);
  set(significand_local(k));
  take_word(r, k);
  close();
  return k;
}
