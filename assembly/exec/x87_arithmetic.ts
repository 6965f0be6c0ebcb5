// x87 addition, multiplication, subtraction and division with all their operands and destinations, and the square root.

import { FE_INEXACT, ST_EXPONENT, ST_STRIDE, V_FCW, V_FTAG, V_FTOP, V_ST, V_X87_WORD } from '../abi/fpu';
import {
  ARITHMETIC_COM,
  ARITHMETIC_COMP,
  OP_F_I16,
  OP_F_I32,
  OP_F_M32,
  OP_F_M64,
  OP_F_STI,
  OP_F_STI_POP,
  R_FOP,
} from '../abi/ops_x87';
import { calculate, root_of } from './x87_calculate';
import { compare_operand } from './x87_compare';
import { widen_integer, widen_m32, widen_m64 } from './x87_load';
import { operand_slot } from './x87_operands';
import { Quick } from './x87_quick';
import { has_failed, x87_root } from './x87_scalar';
import { is_empty, mark_valid, pop, put, put_indefinite, st, stack_underflow } from './x87_stack';

/** Widens the memory operand of `op` to `to`; gives FE_DENORMAL for a denormal. */
function widen_operand(op: u32, rm: u32, to: u32): u32 {
  if (op < OP_F_M64) return widen_m32(rm, to);
  if (op < OP_F_I32) return widen_m64(rm, to);
  widen_integer(op < OP_F_I16 ? load<i32>(rm) : (load<i16>(rm) as i64), to);
  return 0;
}

/** Inlined into the family's switch: a decorator needs a class. */
export class Arithmetic {
  /** Executes OP_F_ST0 .. OP_F_I16: the operation is the last three bits. */
  @inline
  static execute(v: u32, r: u32, op: u32, rm: u32): void {
    const operation = op & 7;
    const top = load<u32>(v + V_FTOP);
    const a = v + V_ST + top * ST_STRIDE;
    let other = top;
    let b: u32;
    let more: u32 = 0;
    if (op < OP_F_M32) {
      other = (top + load<u8>(r + R_FOP)) & 7;
      b = v + V_ST + other * ST_STRIDE;
    } else {
      b = operand_slot(v);
      more = widen_operand(op, rm, b);
    }
    const tags = load<u32>(v + V_FTAG);
    const valid = (tags >> top) & (tags >> other) & 1;
    const pops = op - OP_F_STI_POP < 8;
    if (operation == ARITHMETIC_COM || operation == ARITHMETIC_COMP) {
      // DE D0+i pops as DE D8+i would.
      compare_operand(v, b, valid == 0, more, pops || operation == ARITHMETIC_COMP ? 1 : 0);
      return;
    }
    const to = op - OP_F_STI < 16 ? b : a;
    if (valid) {
      // What was denormal in memory is normal by now, but not without a word.
      if ((more || !Quick.arithmetic(v, operation, a, b, to)) && !calculate(v, operation, a, b, more, to))
        return;
    } else {
      if (!stack_underflow(v)) return;
      put_indefinite(to);
      store<u32>(v + V_FTAG, tags | (1 << (to == a ? top : other)));
    }
    if (pops) pop(v);
  }
}

export function fsqrt(v: u32): void {
  const a = st(v, 0);
  if (is_empty(v, 0)) {
    if (!stack_underflow(v)) return;
    put_indefinite(a);
    return mark_valid(v, 0);
  }
  if (load<u32>(v + V_FCW) & FE_INEXACT) {
    const root = x87_root(v, load<u64>(a), load<u16>(a + ST_EXPONENT));
    if (!has_failed(v)) return put(a, root, load<u32>(v + V_X87_WORD));
  }
  root_of(v, a, a);
}
