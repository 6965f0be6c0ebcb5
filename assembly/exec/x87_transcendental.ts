// The transcendental x87 instructions around the functions of assembly/float: operands, stack, C2, exceptions (SDM vol. 1, 8.3.7).
import { F_A, F_B, F_Z } from '../abi/float';
import { FE_INVALID, FSW_C2, ST_EXPONENT, V_FLOAT_FLAGS, V_FSW } from '../abi/fpu';
import {
  OP_F2XM1,
  OP_FCOS,
  OP_FPATAN,
  OP_FPTAN,
  OP_FSIN,
  OP_FSINCOS,
  OP_FYL2X,
  OP_FYL2XP1,
} from '../abi/ops_x87';
import { has_nan, is_nan } from '../float/number';
import { f2xm1, fcos, fpatan, fptan, fsin, fyl2x, fyl2xp1, is_out_of_range } from '../float/transcendental';
import {
  answer_nan,
  answer_nans,
  denormal,
  may_proceed,
  prepare,
  round_into,
  unpack_register,
} from './x87_operands';
import {
  BIAS,
  INTEGER_BIT,
  is_empty,
  mark_valid,
  pop,
  push,
  put,
  put_indefinite,
  st,
  stack_overflow,
  stack_underflow,
} from './x87_stack';

/** ST(0) becomes a function of itself. */
function one_operand(v: u32, op: u32): void {
  const a = st(v, 0);
  if (is_empty(v, 0)) {
    if (!stack_underflow(v)) return;
    put_indefinite(a);
    return mark_valid(v, 0);
  }
  const x = v + F_A;
  const z = v + F_Z;
  prepare(v, 64);
  unpack_register(x, a);
  if (is_nan(x)) {
    answer_nan(v, x, a, a);
    return;
  }
  if (op != OP_F2XM1 && !set_c2(v, is_out_of_range(x))) return;
  switch (op) {
    case OP_F2XM1:
      f2xm1(v, z, x);
      break;
    case OP_FSIN:
      fsin(v, z, x);
      break;
    default:
      fcos(v, z, x);
      break;
  }
  if (may_proceed(v, denormal(x))) round_into(v, z, a);
}

/** C2 says that the operand is too large to be reduced: then the instruction does nothing else. */
function set_c2(v: u32, out_of_range: bool): bool {
  store<u32>(v + V_FSW, (load<u32>(v + V_FSW) & ~FSW_C2) | (out_of_range ? FSW_C2 : 0));
  return !out_of_range;
}

/** FPTAN and FSINCOS: ST(0) becomes the tangent or sine; 1.0 or the cosine is pushed upon it. */
function two_results(v: u32, op: u32): void {
  const empty = is_empty(v, 0);
  if (empty || !is_empty(v, 7)) {
    if (!(empty ? stack_underflow(v) : stack_overflow(v))) return;
    put_indefinite(st(v, 0));
    mark_valid(v, 0);
    return put_indefinite(push(v));
  }
  const a = st(v, 0);
  const x = v + F_A;
  const z = v + F_Z;
  prepare(v, 64);
  unpack_register(x, a);
  if (is_nan(x)) {
    if (answer_nan(v, x, a, a)) put(push(v), load<u64>(a), load<u16>(a + ST_EXPONENT));
    return;
  }
  if (!set_c2(v, is_out_of_range(x))) return;
  if (op == OP_FPTAN) fptan(v, z, x);
  else fsin(v, z, x);
  if (!may_proceed(v, denormal(x))) return;
  const invalid = (load<u32>(v + V_FLOAT_FLAGS) & FE_INVALID) != 0;
  round_into(v, z, a);
  const to = push(v);
  if (invalid) return put_indefinite(to);
  if (op == OP_FPTAN) return put(to, INTEGER_BIT, BIAS);
  fcos(v, z, x);
  round_into(v, z, to);
}

/** FYL2X, FYL2XP1 and FPATAN: the result replaces ST(1), and ST(0) is popped. */
function two_operands(v: u32, op: u32): void {
  const b = st(v, 1);
  if (is_empty(v, 0) || is_empty(v, 1)) {
    if (!stack_underflow(v)) return;
    put_indefinite(b);
    mark_valid(v, 1);
    return pop(v);
  }
  const a = st(v, 0);
  const x = v + F_A;
  const y = v + F_B;
  const z = v + F_Z;
  prepare(v, 64);
  unpack_register(x, a);
  unpack_register(y, b);
  if (has_nan(x, y)) {
    if (answer_nans(v, x, y, a, b, b)) pop(v);
    return;
  }
  switch (op) {
    case OP_FYL2X:
      fyl2x(v, z, x, y);
      break;
    case OP_FYL2XP1:
      fyl2xp1(v, z, x, y);
      break;
    default:
      fpatan(z, x, y);
      break;
  }
  if (!may_proceed(v, denormal(x) | denormal(y))) return;
  round_into(v, z, b);
  pop(v);
}

/** Executes the transcendental instructions. */
export function exec_x87_transcendental(v: u32, op: u32): void {
  switch (op) {
    case OP_FPTAN:
    case OP_FSINCOS:
      return two_results(v, op);
    case OP_FYL2X:
    case OP_FYL2XP1:
    case OP_FPATAN:
      return two_operands(v, op);
    case OP_F2XM1:
    case OP_FSIN:
    case OP_FCOS:
      return one_operand(v, op);
  }
}
