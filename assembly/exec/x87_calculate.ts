// Sums, products, quotients and roots of any two numbers, the long way. It touches no register but the one that it writes.

import { F_A, F_B, F_Z } from '../abi/float';
import {
  ARITHMETIC_ADD,
  ARITHMETIC_DIV,
  ARITHMETIC_MUL,
  ARITHMETIC_SUB,
  ARITHMETIC_SUBR,
} from '../abi/ops_x87';
import { add, divide, multiply, square_root, subtract } from '../float/arith';
import { has_nan, is_nan } from '../float/number';
import {
  answer_nan,
  answer_nans,
  denormal,
  may_proceed,
  precision,
  prepare,
  round_into,
  unpack_register,
} from './x87_operands';

/**
 * Writes ST(0), at `a`, op the operand at `b` to `to`, the long way; false when an unmasked exception has left everything as
 * it was.
 */
export function calculate(v: u32, operation: u32, a: u32, b: u32, more: u32, to: u32): bool {
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

/** Writes the square root of the register at `a` to `to`, the long way. */
export function root_of(v: u32, a: u32, to: u32): void {
  const x = v + F_A;
  prepare(v, precision(v));
  unpack_register(x, a);
  if (is_nan(x)) {
    answer_nan(v, x, a, to);
    return;
  }
  const more = denormal(x);
  square_root(v, x, x);
  if (may_proceed(v, more)) round_into(v, x, to);
}
