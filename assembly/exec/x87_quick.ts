// The short way of x87 arithmetic on registers: x87_scalar.ts around what lies in memory.
import { FE_INEXACT, ST_EXPONENT, V_FCW, V_X87_WORD, X87_FAILED, X87_TURNED } from '../abi/fpu';
import {
  ARITHMETIC_ADD,
  ARITHMETIC_DIV,
  ARITHMETIC_DIVR,
  ARITHMETIC_MUL,
  ARITHMETIC_SUB,
} from '../abi/ops_x87';
import { x87_product, x87_quotient, x87_sum } from './x87_scalar';
import { put, SIGN } from './x87_stack';

export class Quick {
  /** Calculates the register at `x` op that at `y` into that at `to`; false = nothing was done, the long way is needed. */
  @inline
  static arithmetic(v: u32, operation: u32, x: u32, y: u32, to: u32): bool {
    if ((load<u32>(v + V_FCW) & FE_INEXACT) == 0) return false;
    const a = load<u64>(x);
    const b = load<u64>(y);
    const a_se: u32 = load<u16>(x + ST_EXPONENT);
    const b_se: u32 = load<u16>(y + ST_EXPONENT);
    let z: u64;
    const nothing = i64x2.splat(0);
    if (operation == ARITHMETIC_MUL) z = x87_product(v, a, a_se, b, b_se, nothing);
    else if (operation == ARITHMETIC_ADD) z = x87_sum(v, a, a_se, b, b_se, nothing);
    else if (operation == ARITHMETIC_SUB) z = x87_sum(v, a, a_se, b, b_se ^ (SIGN | X87_TURNED), nothing);
    else if (operation < ARITHMETIC_DIV) z = x87_sum(v, b, b_se, a, a_se ^ (SIGN | X87_TURNED), nothing);
    else if (operation == ARITHMETIC_DIVR) z = x87_quotient(v, b, b_se, a, a_se, nothing);
    else z = x87_quotient(v, a, a_se, b, b_se, nothing);
    const word = load<u32>(v + V_X87_WORD);
    if (word == X87_FAILED) return false;
    put(to, z, word);
    return true;
  }
}
