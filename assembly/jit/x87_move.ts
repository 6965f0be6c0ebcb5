// x87 loads, stores and moves in emitted code. They give false for what would find a register empty or full.

import { ST_EXPONENT } from '../abi/fpu';
import { R_SEG } from '../abi/insn';
import {
  ONE_FISTTP,
  ONE_INTEGER,
  ONE_M32,
  ONE_TO_INTEGER,
  ONE_TO_M32,
  ONE_TO_M64,
  OP_FABS,
  OP_FCHS,
  OP_FCMOV,
  OP_FDECSTP,
  OP_FFREE,
  OP_FILD_32,
  OP_FILD_64,
  OP_FINCSTP,
  OP_FIST_16,
  OP_FISTP_16,
  OP_FISTTP_16,
  OP_FLD_CONSTANT,
  OP_FLD_M32,
  OP_FLD_M64,
  OP_FLD_M80,
  OP_FLD_STI,
  OP_FNOP,
  OP_FST_M32,
  OP_FST_STI,
  OP_FSTP_M32,
  OP_FSTP_M80,
  OP_FSTP_STI,
  OP_FXCH,
  R_FOP,
} from '../abi/ops_x87';
import { push_condition } from './flags';
import { get, set } from './frame';
import { F_X87_ONE, L_A32, L_A64, L_ADDRESS, L_B32, L_V } from './locals';
import { finish_memory, push_memory, reach_operand, store_memory } from './operands';
import { delta_of } from './registers';
import {
  byte,
  I32_AND,
  I32_LOAD16_U,
  I32_STORE16,
  I32_WRAP,
  I32_XOR,
  I64_EXTEND_S,
  I64_EXTEND_U,
  I64_STORE,
  i32_const,
  i64_const,
  memory_op,
  SELECT,
} from './wasm';
import { call_number, call_one, call_or_leave, widen_double } from './x87_numbers';
import {
  exponent_local,
  is_full,
  mark_x87,
  new_value,
  note_c1_clear,
  note_c1_written,
  note_fip,
  pop_x87,
  push_x87,
  set_x87,
  significand_local,
  turn_x87,
  value_x87,
} from './x87_state';

const SIGN: u32 = 0x8000;
const EXPONENT: u32 = 0x7fff;
const INTEGER_BIT: i64 = 0x8000000000000000;
const BIAS: u32 = 0x3fff;

/** The new ST(0) is the value in the locals `k`. */
function push_number(k: u32): void {
  push_x87();
  set_x87(0, k);
  note_c1_clear();
}

/** OP_FLD_M32 .. OP_FILD_64. */
export function load_memory(r: u32, op: u32): bool {
  if (is_full(7)) return false;
  reach_operand(r);
  if (op == OP_FLD_M64) push_number(widen_double(r));
  else if (op == OP_FLD_M80) push_number(extended());
  else {
    get(L_V);
    if (op == OP_FLD_M32) {
      push_memory(2);
      byte(I64_EXTEND_U);
    } else if (op == OP_FILD_64) {
      push_memory(3);
    } else {
      push_memory(op == OP_FILD_32 ? 2 : 1);
      byte(I64_EXTEND_S);
    }
    i32_const(0);
    i32_const((op == OP_FLD_M32 ? ONE_M32 : ONE_INTEGER) as i32);
    push_number(op == OP_FLD_M32 ? call_or_leave(r, F_X87_ONE) : call_number(F_X87_ONE));
  }
  return true;
}

function extended(): u32 {
  const k = new_value();
  push_memory(3);
  set(significand_local(k));
  get(L_ADDRESS);
  memory_op(I32_LOAD16_U, ST_EXPONENT);
  set(exponent_local(k));
  return k;
}

/** FLD1 and FLDZ; the other constants depend on rounding. */
export function load_constant(op: u32): bool {
  const one = op == OP_FLD_CONSTANT;
  if (is_full(7) || !(one || op == OP_FLD_CONSTANT + 6)) return false;
  const k = new_value();
  i64_const(one ? INTEGER_BIT : 0);
  set(significand_local(k));
  i32_const(one ? (BIAS as i32) : 0);
  set(exponent_local(k));
  push_number(k);
  return true;
}

/** OP_FST_M32 .. OP_FISTTP_64. */
export function store_number(r: u32, op: u32): bool {
  if (!is_full(0)) return false;
  reach_operand(r);
  const k = value_x87(0);
  let size: u32 = 2;
  let pops = true;
  if (op == OP_FSTP_M80) {
    get(L_ADDRESS);
    get(significand_local(k));
    memory_op(I64_STORE, 0);
    get(L_ADDRESS);
    get(exponent_local(k));
    memory_op(I32_STORE16, ST_EXPONENT);
    note_c1_clear();
  } else {
    if (op < OP_FSTP_M80) {
      const single = op == OP_FST_M32 || op == OP_FSTP_M32;
      pops = op >= OP_FSTP_M32;
      if (!single) size = 3;
      call_one(k, single ? ONE_TO_M32 : ONE_TO_M64);
    } else if (op < OP_FISTTP_16) {
      pops = op >= OP_FISTP_16;
      size = (pops ? op - OP_FISTP_16 : op - OP_FIST_16) + 1;
      call_one(k, ONE_TO_INTEGER + size);
    } else {
      size = op - OP_FISTTP_16 + 1;
      call_one(k, ONE_FISTTP + size);
    }
    if (size < 3) byte(I32_WRAP);
    set(size < 3 ? L_A32 : L_A64);
    store_memory(size < 3 ? L_A32 : L_A64, size);
    note_c1_written();
  }
  if (pops) pop_x87();
  note_fip(delta_of(r));
  finish_memory(r);
  return true;
}

function exchange(i: u32): bool {
  if (!is_full(0) || !is_full(i)) return false;
  const a = value_x87(0);
  const b = value_x87(i);
  set_x87(0, b);
  set_x87(i, a);
  note_c1_clear();
  return true;
}

/** FST and FSTP to a register. */
function copy(i: u32, pops: bool): bool {
  if (!is_full(0)) return false;
  if (i) {
    set_x87(i, value_x87(0));
    if (!is_full(i)) mark_x87(i, true);
  }
  note_c1_clear();
  if (pops) pop_x87();
  return true;
}

function load_register(i: u32): bool {
  if (is_full(7) || !is_full(i)) return false;
  push_number(value_x87(i));
  return true;
}

/** FCHS and FABS. */
function change_sign(op: u32): bool {
  if (!is_full(0)) return false;
  const a = value_x87(0);
  const k = new_value();
  get(significand_local(a));
  set(significand_local(k));
  get(exponent_local(a));
  if (op == OP_FCHS) {
    i32_const(SIGN as i32);
    byte(I32_XOR);
  } else {
    i32_const(EXPONENT as i32);
    byte(I32_AND);
  }
  set(exponent_local(k));
  set_x87(0, k);
  note_c1_clear();
  return true;
}

/** FCMOVcc. */
function conditional_move(r: u32, i: u32): bool {
  if (!is_full(0) || !is_full(i)) return false;
  const a = value_x87(0);
  const b = value_x87(i);
  const k = new_value();
  push_condition(load<u8>(r + R_SEG));
  set(L_B32);
  get(significand_local(b));
  get(significand_local(a));
  get(L_B32);
  byte(SELECT);
  set(significand_local(k));
  get(exponent_local(b));
  get(exponent_local(a));
  get(L_B32);
  byte(SELECT);
  set(exponent_local(k));
  set_x87(0, k);
  return true;
}

/** OP_FXCH .. OP_FLD_STI: what moves whole registers. */
export function move(r: u32, op: u32): bool {
  const i: u32 = load<u8>(r + R_FOP) & 7;
  switch (op) {
    case OP_FXCH:
      return exchange(i);
    case OP_FST_STI:
      return copy(i, false);
    case OP_FSTP_STI:
      return copy(i, true);
    case OP_FLD_STI:
      return load_register(i);
    case OP_FCHS:
    case OP_FABS:
      return change_sign(op);
    case OP_FCMOV:
      return conditional_move(r, i);
    case OP_FNOP:
      return true;
    case OP_FINCSTP:
      turn_x87(1);
      note_c1_clear();
      return true;
    case OP_FDECSTP:
      turn_x87(7);
      note_c1_clear();
      return true;
    case OP_FFREE:
      mark_x87(i, false);
      note_c1_clear();
      return true;
    default:
      return op < OP_FXCH && load_constant(op);
  }
}
