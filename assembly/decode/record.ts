// Filling a decoded record: what the opcode maps share. It reads no opcode itself.
import { AM_NONE, R_AM, R_DISP, R_IMM, R_OP, R_REG, R_RM, R_SEG } from '../abi/insn';
import {
  OP_JCC,
  OP_JCC_NEAR,
  OP_LOAD_FAR,
  OP_POP_SEG,
  OP_PUSH,
  OP_PUSH_R,
  OP_PUSH_SEG,
  OP_UD,
} from '../abi/ops';
import { MODE_64, MODE_FLAT } from '../abi/vcpu_page';
import { C_CODE, C_ENDS, C_MODE, C_OSIZE, next8, next16, next32 } from './cursor';
import { ADDRESS, modrm_is_register, reg_operand, rm_operand, set_size } from './modrm';

/** An empty record. Four stores: for so few bytes V8 calls its host. */
export function clear_record(r: u32): void {
  store<u64>(r, 0);
  store<u64>(r, 0, 8);
  store<u64>(r, 0, 16);
  store<u64>(r, 0, 24);
}

export function set_op(r: u32, op: u32): void {
  store<u16>(r + R_OP, op as u16);
}

/** The block ends behind this instruction. */
export function ends(c: u32): void {
  store<u32>(c + C_ENDS, 1);
}

export function set_imm(r: u32, value: i64): void {
  store<i64>(r + R_IMM, value);
}

export function in_64(c: u32): bool {
  return load<u32>(c + C_CODE) == MODE_64;
}

/** The operand size of stack and near-branch instructions, which is 64 bits in 64-bit code (or 16 with 66). */
export function stack_size(c: u32): u32 {
  const size = load<u32>(c + C_OSIZE);
  return in_64(c) && size == 2 ? 3 : size;
}

/** PUSH, POP, CALL and RET may use the short way: 64-bit stack, or flat 32-bit code and stack. */
export function hot_stack(c: u32): bool {
  if (in_64(c)) return stack_size(c) == 3;
  return (load<u32>(c + C_MODE) & MODE_FLAT) != 0 && load<u32>(c + C_OSIZE) == 2;
}

/** Near branches without wrap at 16 bits or a code limit. */
export function hot_branch(c: u32): bool {
  return in_64(c) || ((load<u32>(c + C_MODE) & MODE_FLAT) != 0 && load<u32>(c + C_OSIZE) == 2);
}

export function undefined_opcode(c: u32, r: u32): void {
  set_op(r, OP_UD);
  store<u8>(r + R_AM, AM_NONE as u8);
  ends(c);
}

/** A branch with a relative distance of the operand size. */
export function relative(c: u32, r: u32, short: bool): void {
  const size = load<u32>(c + C_OSIZE);
  let distance: i32;
  if (short) distance = next8(c) as i8 as i32;
  else if (size == 1 && !in_64(c)) distance = next16(c) as i16 as i32;
  else distance = next32(c) as i32;
  store<i32>(r + R_DISP, distance);
  if (in_64(c)) set_size(r, 3);
}

export function jcc(c: u32, r: u32, cc: u32, short: bool): void {
  relative(c, r, short);
  store<u8>(r + R_SEG, cc as u8);
  set_imm(r, 0);
  if (hot_branch(c)) {
    set_op(r, OP_JCC);
  } else {
    set_op(r, OP_JCC_NEAR);
    ends(c);
  }
}

export function plain(r: u32, op: u32, size: u32): void {
  set_size(r, size);
  set_op(r, op);
}

export function end_with(c: u32, r: u32, op: u32, size: u32): void {
  plain(r, op, size);
  ends(c);
}

/** PUSH of the value at R_REG. */
export function push_from(c: u32, r: u32, address: u32): void {
  store<u32>(r + R_REG, address);
  store<u32>(r + R_RM, address);
  plain(r, hot_stack(c) ? OP_PUSH_R : OP_PUSH, stack_size(c));
}

export function decode_push_seg(c: u32, r: u32, n: u32): void {
  store<u8>(r + R_SEG, n as u8);
  plain(r, OP_PUSH_SEG, stack_size(c));
}

export function decode_pop_seg(c: u32, r: u32, n: u32): void {
  store<u8>(r + R_SEG, n as u8);
  end_with(c, r, OP_POP_SEG, stack_size(c));
}

export function load_far(c: u32, v: u32, r: u32, n: u32): void {
  if (modrm_is_register(c)) return undefined_opcode(c, r);
  reg_operand(c, v, r, load<u32>(c + C_OSIZE));
  rm_operand(c, v, r, load<u32>(c + C_OSIZE), ADDRESS);
  set_imm(r, n);
  set_op(r, OP_LOAD_FAR);
  ends(c);
}
