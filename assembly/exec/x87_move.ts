// x87 instructions that move or change whole registers without arithmetic: FLD ST(i), constants, FST ST(i), FXCH, FCMOVcc,
// FCHS, FABS, FXAM, and those that only turn the stack.
import {
  FSW_C0,
  FSW_C1,
  FSW_C2,
  FSW_C3,
  ROUND_NEAREST,
  ROUND_UP,
  ST_EXPONENT,
  V_FCW,
  V_FSW,
  V_FTOP,
} from '../abi/fpu';
import { R_SEG } from '../abi/insn';
import {
  OP_FABS,
  OP_FCHS,
  OP_FCMOV,
  OP_FDECSTP,
  OP_FFREE,
  OP_FFREEP,
  OP_FINCSTP,
  OP_FLD_CONSTANT,
  OP_FLD_STI,
  OP_FST_STI,
  OP_FSTP_STI,
  OP_FSTP1,
  OP_FXAM,
  OP_FXCH,
  R_FOP,
} from '../abi/ops_x87';
import { condition } from '../cpu/flags';
import {
  BIAS,
  clear_c1,
  EXPONENT,
  has_room,
  INTEGER_BIT,
  is_empty,
  mark_empty,
  mark_valid,
  pop,
  push,
  put,
  put_indefinite,
  SIGN,
  st,
  stack_underflow,
} from './x87_stack';

function copy(to: u32, from: u32): void {
  put(to, load<u64>(from), load<u16>(from + ST_EXPONENT));
}

function fld(v: u32, i: u32): void {
  if (is_empty(v, i)) {
    if (stack_underflow(v)) put_indefinite(push(v));
    return;
  }
  if (!has_room(v)) return;
  clear_c1(v);
  const from = st(v, i);
  copy(push(v), from);
}

/** The constants lie between two numbers: RC chooses (SDM vol. 2, FLD1). C1 and PE do not tell. */
function fld_constant(v: u32, which: u32): void {
  if (!has_room(v)) return;
  clear_c1(v);
  const rc = (load<u32>(v + V_FCW) >> 10) & 3;
  const up: u64 = rc == ROUND_UP ? 1 : 0;
  const near: u64 = rc == ROUND_NEAREST || rc == ROUND_UP ? 1 : 0;
  const to = push(v);
  switch (which) {
    case 0:
      return put(to, INTEGER_BIT, BIAS);
    case 1:
      return put(to, 0xd49a784bcd1b8afe + up, BIAS + 1); // log2 10 = ..afe492b
    case 2:
      return put(to, 0xb8aa3b295c17f0bb + near, BIAS); // log2 e = ..0bbbe87
    case 3:
      return put(to, 0xc90fdaa22168c234 + near, BIAS + 1); // pi = ..234c4c6
    case 4:
      return put(to, 0x9a209a84fbcff798 + near, BIAS - 2); // log10 2 = ..7988f89
    case 5:
      return put(to, 0xb17217f7d1cf79ab + near, BIAS - 1); // ln 2 = ..9abc9e3
    default:
      return put(to, 0, 0);
  }
}

/** FST and FSTP to a register. */
function fst(v: u32, i: u32, pops: bool): void {
  if (is_empty(v, 0)) {
    if (!stack_underflow(v)) return;
    put_indefinite(st(v, i));
  } else {
    clear_c1(v);
    copy(st(v, i), st(v, 0));
  }
  mark_valid(v, i);
  if (pops) pop(v);
}

/** FSTP1 (D9 D8+i): without a word an empty ST(0) is popped and nothing copied. */
function fstp1(v: u32, i: u32): void {
  if (!is_empty(v, 0)) return fst(v, i, true);
  clear_c1(v);
  pop(v);
}

/** An empty register counts as the indefinite when invalid operations are masked. */
function fxch(v: u32, i: u32): void {
  const a = st(v, 0);
  const b = st(v, i);
  const a_empty = is_empty(v, 0);
  const b_empty = is_empty(v, i);
  if (a_empty || b_empty) {
    if (!stack_underflow(v)) return;
    if (a_empty) put_indefinite(a);
    if (b_empty) put_indefinite(b);
    mark_valid(v, 0);
    mark_valid(v, i);
  } else {
    clear_c1(v);
  }
  const significand = load<u64>(a);
  const exponent = load<u16>(a + ST_EXPONENT);
  copy(a, b);
  put(b, significand, exponent);
}

function fcmov(v: u32, i: u32, cc: u32): void {
  if (is_empty(v, 0) || is_empty(v, i)) {
    if (!stack_underflow(v)) return;
    put_indefinite(st(v, 0));
    mark_valid(v, 0);
    return;
  }
  if (condition(v, cc)) copy(st(v, 0), st(v, i));
}

/** FCHS (`flip`) and FABS. */
function change_sign(v: u32, flip: bool): void {
  const a = st(v, 0);
  if (is_empty(v, 0)) {
    if (!stack_underflow(v)) return;
    put_indefinite(a);
    mark_valid(v, 0);
    return;
  }
  clear_c1(v);
  const se: u32 = load<u16>(a + ST_EXPONENT);
  store<u16>(a + ST_EXPONENT, (flip ? se ^ SIGN : se & EXPONENT) as u16);
}

/** The class of ST(0) in C3, C2, C0, its sign in C1. An empty register has both as well. */
function fxam(v: u32): void {
  const a = st(v, 0);
  const significand = load<u64>(a);
  const se: u32 = load<u16>(a + ST_EXPONENT);
  const exponent = se & EXPONENT;
  let found: u32;
  if (is_empty(v, 0)) found = FSW_C3 | FSW_C0;
  else if (exponent == 0) found = significand ? FSW_C3 | FSW_C2 : FSW_C3;
  else if ((significand & INTEGER_BIT) == 0) found = 0;
  else if (exponent == EXPONENT) found = significand == INTEGER_BIT ? FSW_C2 | FSW_C0 : FSW_C0;
  else found = FSW_C2;
  if (se & SIGN) found |= FSW_C1;
  store<u32>(v + V_FSW, (load<u32>(v + V_FSW) & ~(FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3)) | found);
}

function turn(v: u32, by: i32): void {
  clear_c1(v);
  store<u32>(v + V_FTOP, (load<u32>(v + V_FTOP) + by) & 7);
}

/** Inlined into the family's switch: a decorator needs a class. */
export class Move {
  /** Executes OP_FLD_STI, OP_FLD_CONSTANT .. OP_FCMOV (FNOP does nothing), and OP_FXAM. */
  @inline
  static execute(v: u32, r: u32, op: u32): void {
    const i: u32 = load<u8>(r + R_FOP) & 7;
    switch (op) {
      case OP_FLD_STI:
        return fld(v, i);
      case OP_FXCH:
        return fxch(v, i);
      case OP_FST_STI:
        return fst(v, i, false);
      case OP_FSTP_STI:
        return fst(v, i, true);
      case OP_FSTP1:
        return fstp1(v, i);
      case OP_FCHS:
        return change_sign(v, true);
      case OP_FABS:
        return change_sign(v, false);
      case OP_FINCSTP:
        return turn(v, 1);
      case OP_FDECSTP:
        return turn(v, -1);
      case OP_FFREE:
        clear_c1(v);
        return mark_empty(v, i);
      case OP_FFREEP:
        clear_c1(v);
        mark_empty(v, i);
        return pop(v);
      case OP_FCMOV:
        return fcmov(v, i, load<u8>(r + R_SEG));
      case OP_FXAM:
        return fxam(v);
      default:
        if (op < OP_FXCH) fld_constant(v, op - OP_FLD_CONSTANT);
    }
  }
}
