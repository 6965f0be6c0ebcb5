// x87 arithmetic and comparisons in emitted code: calls on numbers in locals.

import { X87_TURNED } from '../abi/fpu';
import {
  ARITHMETIC_ADD,
  ARITHMETIC_COM,
  ARITHMETIC_COMP,
  ARITHMETIC_DIV,
  ARITHMETIC_MUL,
  ARITHMETIC_SUB,
  ARITHMETIC_SUBR,
  ONE_FLAGS,
  ONE_QUIET,
  ONE_ROOT,
  OP_F_M32,
  OP_F_M64,
  OP_F_STI,
  OP_F_STI_POP,
  OP_FCOMI,
  OP_FCOMIP,
  OP_FCOMPP,
  OP_FTST,
  OP_FUCOM,
  OP_FUCOMI,
  OP_FUCOMIP,
  OP_FUCOMP,
  OP_FUCOMPP,
  R_FOP,
} from '../abi/ops_x87';
import { note_explicit } from './flags';
import { get, set } from './frame';
import {
  F_X87_COMPARE,
  F_X87_ONE,
  F_X87_PRODUCT,
  F_X87_PRODUCT64,
  F_X87_QUOTIENT,
  F_X87_SUM,
  F_X87_SUM64,
  L_V,
} from './locals';
import { push_memory, reach_operand } from './operands';
import { byte, call_core, DROP, I32_OR, I32_XOR, i32_const, i64_const } from './wasm';
import { call_number, call_or_leave, widen } from './x87_numbers';
import {
  exponent_local,
  is_full,
  new_value,
  note_c1_written,
  pop_x87,
  push_value,
  set_x87,
  significand_local,
  value_x87,
} from './x87_state';

/** The sign is turned, and that is said. */
const TURN: u32 = 0x8000 | X87_TURNED;

/** Pushes a number with its sign turned by TURN. */
function push_turned(k: u32): void {
  push_value(k);
  i32_const(TURN as i32);
  byte(I32_XOR);
}

/** a op b of values in locals; the result's locals. */
function calculate(operation: u32, a: u32, b: u32): u32 {
  get(L_V);
  switch (operation) {
    case ARITHMETIC_ADD:
      push_value(a);
      push_value(b);
      return call_number(F_X87_SUM);
    case ARITHMETIC_SUB:
      push_value(a);
      push_turned(b);
      return call_number(F_X87_SUM);
    case ARITHMETIC_SUBR:
      push_value(b);
      push_turned(a);
      return call_number(F_X87_SUM);
    case ARITHMETIC_MUL:
      push_value(a);
      push_value(b);
      return call_number(F_X87_PRODUCT);
    case ARITHMETIC_DIV:
      push_value(a);
      push_value(b);
      return call_number(F_X87_QUOTIENT);
    default:
      push_value(b);
      push_value(a);
      return call_number(F_X87_QUOTIENT);
  }
}

/** Compares ST(0) with the value in the locals `b`. */
function compare(b: u32, how: u32, pops: u32): void {
  const a = value_x87(0);
  get(L_V);
  push_value(a);
  push_value(b);
  if (how) {
    i32_const(how as i32);
    byte(I32_OR);
  }
  call_core(F_X87_COMPARE);
  byte(DROP);
  if (how & ONE_FLAGS) note_explicit();
  else note_c1_written();
  for (; pops > 0; pops--) pop_x87();
}

/** OP_F_ST0 .. OP_F_I16. */
export function arithmetic(r: u32, op: u32): bool {
  const operation = op & 7;
  const in_memory = op >= OP_F_M32;
  const i: u32 = in_memory ? 0 : load<u8>(r + R_FOP) & 7;
  if (!is_full(0) || !is_full(i)) return false;
  const pops = op - OP_F_STI_POP < 8;
  if (in_memory) reach_operand(r);
  // Before the operand from memory, whose locals belong to no register.
  const a = value_x87(0);
  if (op - OP_F_M64 < 8 && is_simple(operation)) {
    get(L_V);
    push_value(a);
    push_memory(3);
    if (operation != ARITHMETIC_MUL) i32_const(operation == ARITHMETIC_SUB ? (TURN as i32) : 0);
    set_x87(0, call_or_leave(r, operation == ARITHMETIC_MUL ? F_X87_PRODUCT64 : F_X87_SUM64));
    note_c1_written();
    return true;
  }
  const b = in_memory ? widen(r, op) : value_x87(i);
  if (operation == ARITHMETIC_COM || operation == ARITHMETIC_COMP) {
    compare(b, 0, pops || operation == ARITHMETIC_COMP ? 1 : 0);
    return true;
  }
  set_x87(op - OP_F_STI < 16 ? i : 0, calculate(operation, a, b));
  note_c1_written();
  if (pops) pop_x87();
  return true;
}

/** There is a function for it with a double. */
function is_simple(operation: u32): bool {
  return operation == ARITHMETIC_ADD || operation == ARITHMETIC_SUB || operation == ARITHMETIC_MUL;
}

/** OP_FCOMPP .. OP_FTST. */
export function comparison(r: u32, op: u32): bool {
  const pair = op == OP_FCOMPP || op == OP_FUCOMPP;
  const i: u32 = op == OP_FTST ? 0 : pair ? 1 : load<u8>(r + R_FOP) & 7;
  if (!is_full(0) || !is_full(i)) return false;
  if (op == OP_FTST) {
    value_x87(0);
    const zero = new_value();
    i64_const(0);
    set(significand_local(zero));
    i32_const(0);
    set(exponent_local(zero));
    compare(zero, 0, 0);
    return true;
  }
  const quiet = (op >= OP_FUCOM && op <= OP_FUCOMPP) || op >= OP_FUCOMI;
  const flags = op >= OP_FCOMI;
  const pops = pair ? 2 : op == OP_FUCOMP || op == OP_FCOMIP || op == OP_FUCOMIP ? 1 : 0;
  compare(value_x87(i), (quiet ? ONE_QUIET : 0) | (flags ? ONE_FLAGS : 0), pops);
  return true;
}

export function square_root(): bool {
  if (!is_full(0)) return false;
  const a = value_x87(0);
  get(L_V);
  push_value(a);
  i32_const(ONE_ROOT as i32);
  set_x87(0, call_number(F_X87_ONE));
  note_c1_written();
  return true;
}
