// x87 addition, multiplication, subtraction and division with all their operands and destinations, and the square root.

import { F_A, F_B, F_Z } from '../abi/float';
import { ST_EXPONENT } from '../abi/fpu';
import {
  ARITHMETIC_ADD,
  ARITHMETIC_COM,
  ARITHMETIC_COMP,
  ARITHMETIC_DIV,
  ARITHMETIC_MUL,
  ARITHMETIC_SUB,
  ARITHMETIC_SUBR,
  OP_F_I32,
  OP_F_M32,
  OP_F_M64,
  OP_F_STI,
  OP_F_STI_POP,
  R_FOP,
} from '../abi/ops_x87';
import { add, divide, multiply, square_root, subtract } from '../float/arith';
import { has_nan, is_nan } from '../float/number';
import { compare_operand } from './x87_compare';
import { widen_integer, widen_m32, widen_m64 } from './x87_load';
import {
  answer_nan,
  answer_nans,
  denormal,
  may_proceed,
  operand_slot,
  precision,
  prepare,
  round_into,
  unpack_register,
} from './x87_operands';
import { quick_arithmetic } from './x87_quick';
import { is_empty, mark_valid, pop, put_indefinite, st, stack_underflow } from './x87_stack';

/** Writes ST(0) op the operand at `b` to `to`; false when an unmasked exception has left everything as it was. */
function calculate(v: u32, operation: u32, b: u32, more: u32, to: u32): bool {
  const a = st(v, 0);
  if (
    more == 0 &&
    quick_arithmetic(
      v,
      operation,
      to,
      load<u64>(a),
      load<u16>(a + ST_EXPONENT),
      load<u64>(b),
      load<u16>(b + ST_EXPONENT),
    )
  )
    return true;
  const x = v + F_A;
  const y = v + F_B;
  const z = v + F_Z;
  prepare(v, precision(v));
  unpack_register(x, a);
  unpack_register(y, b);
  if (has_nan(x, y)) return answer_nans(v, x, y, a, b, to);
  switch (operation) {
    case ARITHMETIC_ADD:
      add(v, z, x, y);
      break;
    case ARITHMETIC_MUL:
      multiply(v, z, x, y);
      break;
    case ARITHMETIC_SUB:
      subtract(v, z, x, y);
      break;
    case ARITHMETIC_SUBR:
      subtract(v, z, y, x);
      break;
    case ARITHMETIC_DIV:
      divide(v, z, x, y);
      break;
    default:
      divide(v, z, y, x);
      break;
  }
  if (!may_proceed(v, denormal(x) | denormal(y) | more)) return false;
  round_into(v, z, to);
  return true;
}

/** The other operand is ST(i). */
function with_register(v: u32, op: u32, operation: u32, i: u32): void {
  const to: u32 = op < OP_F_STI ? 0 : i;
  if (is_empty(v, 0) || is_empty(v, i)) {
    if (!stack_underflow(v)) return;
    put_indefinite(st(v, to));
    mark_valid(v, to);
  } else if (!calculate(v, operation, st(v, i), 0, st(v, to))) {
    return;
  }
  if (op >= OP_F_STI_POP) pop(v);
}

function with_memory(v: u32, operation: u32, b: u32, more: u32): void {
  if (!is_empty(v, 0)) {
    calculate(v, operation, b, more, st(v, 0));
    return;
  }
  if (!stack_underflow(v)) return;
  put_indefinite(st(v, 0));
  mark_valid(v, 0);
}

/** Executes OP_F_ST0 .. OP_F_ARITHMETIC_END: the operation is the last three bits. */
export function exec_x87_arithmetic(v: u32, r: u32, op: u32, rm: u32): void {
  const operation = op & 7;
  const compares = operation == ARITHMETIC_COM || operation == ARITHMETIC_COMP;
  if (op < OP_F_M32) {
    const i: u32 = load<u8>(r + R_FOP) & 7;
    if (!compares) return with_register(v, op, operation, i);
    // DE D0+i pops as DE D8+i would.
    const pops: u32 = operation == ARITHMETIC_COMP || op >= OP_F_STI_POP ? 1 : 0;
    return compare_operand(v, st(v, i), is_empty(v, i), 0, pops);
  }
  const b = operand_slot(v);
  let more: u32 = 0;
  if (op < OP_F_M64) more = widen_m32(rm, b);
  else if (op < OP_F_I32) more = widen_m64(rm, b);
  else if (op < OP_F_I32 + 8) widen_integer(load<i32>(rm), b);
  else widen_integer(load<i16>(rm), b);
  if (compares) compare_operand(v, b, false, more, operation == ARITHMETIC_COMP ? 1 : 0);
  else with_memory(v, operation, b, more);
}

export function fsqrt(v: u32): void {
  const a = st(v, 0);
  if (is_empty(v, 0)) {
    if (!stack_underflow(v)) return;
    put_indefinite(a);
    return mark_valid(v, 0);
  }
  const x = v + F_A;
  prepare(v, precision(v));
  unpack_register(x, a);
  if (is_nan(x)) {
    answer_nan(v, x, a, a);
    return;
  }
  const more = denormal(x);
  square_root(v, x, x);
  if (may_proceed(v, more)) round_into(v, x, a);
}
