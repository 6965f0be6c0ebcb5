// The instruction in hand: where it is, its general registers and immediates, and the way out before it. A value is on the
// stack as i64, or as i32 for operands of 32 bits and less, sign-extended.

import { R_IMM, R_LEN, R_OFF } from '../abi/insn';
import { V_GPR } from '../abi/vcpu_page';
import {
  begin_straight,
  close,
  exit_behind,
  get,
  is_wide,
  open,
  set_gpr,
  set_gpr_part,
  settle_registers,
} from './frame';
import { unlikely } from './hints';
import { L_A32, L_A64, L_B32, L_B64, L_GPR, L_R32, L_R64 } from './locals';
import {
  byte,
  EMPTY,
  I32_AND,
  I32_EXTEND8,
  I32_EXTEND16,
  I32_LOAD,
  I32_LOAD8_S,
  I32_LOAD16_S,
  I32_OR,
  I32_SHL,
  I32_SHR_U,
  I32_WRAP,
  I64_AND,
  I64_EXTEND_U,
  I64_LOAD,
  I64_OR,
  IF,
  i32_const,
  i64_const,
  memory_op,
} from './wasm';

let vcpu: u32 = 0;
let start: i32 = 0;
let done: u32 = 0;

/** The instruction in hand: of vCPU `v`, in the block at `delta`, behind `retired` others of it. */
export function begin_instruction(v: u32, delta: i32, retired: u32): void {
  vcpu = v;
  start = delta;
  done = retired;
  begin_straight();
}

/** Instructions of its block before the one in hand. */
export function instructions_before(): u32 {
  return done;
}

/** Number of the general register at an address, 16 and more if there is none. */
export function register_at(address: u32): u32 {
  const offset = address - vcpu - V_GPR;
  return offset < 128 ? offset >> 3 : 16;
}

/** The address is that of AH, CH, DH or BH. */
function is_high(address: u32): bool {
  return ((address - vcpu - V_GPR) & 7) == 1;
}

/** Bytes from the entry to the start of its block. */
export function block_delta(): i32 {
  return start;
}

/** Bytes from the entry to the instruction, and to the one behind it. */
export function delta_of(r: u32): i32 {
  return start + (load<u16>(r + R_OFF) as i32);
}
export function next_delta(r: u32): i32 {
  return delta_of(r) + (load<u8>(r + R_LEN) as i32);
}

/** Pushes the register that 2^size bytes are the low ones of: an i64 for 8 bytes, else an i32 with anything above them. */
function push_whole(address: u32, size: u32): void {
  get(L_GPR + register_at(address));
  if (size == 3) return;
  if (is_wide()) byte(I32_WRAP);
  if (size == 0 && is_high(address)) {
    i32_const(8);
    byte(I32_SHR_U);
  }
}

/** Pushes 1 or 2 bytes of a register as an i32 with zeros above. */
export function push_zero(address: u32, size: u32): void {
  push_whole(address, size);
  i32_const(size == 0 ? 0xff : 0xffff);
  byte(I32_AND);
}

/** Pushes a register of 2^size bytes: an i64 for 8 bytes, an i32 that is sign-extended for less. */
export function push_register(address: u32, size: u32): void {
  push_whole(address, size);
  if (size == 0) byte(I32_EXTEND8);
  else if (size == 1) byte(I32_EXTEND16);
}

/** Writes the value on the stack to a register of 2^size bytes; 32 bits clear the upper half. */
export function set_register(address: u32, size: u32): void {
  const n = register_at(address);
  if (size < 2) {
    const shift: u32 = size == 0 && is_high(address) ? 8 : 0;
    const mask: u32 = size == 0 ? 0xff : 0xffff;
    i32_const(mask as i32);
    byte(I32_AND);
    if (shift) {
      i32_const(shift);
      byte(I32_SHL);
    }
    if (is_wide()) byte(I64_EXTEND_U);
    get(L_GPR + n);
    if (is_wide()) {
      i64_const(~((mask as i64) << shift));
      byte(I64_AND);
      byte(I64_OR);
    } else {
      i32_const(~(mask << shift) as i32);
      byte(I32_AND);
      byte(I32_OR);
    }
    return set_gpr_part(n);
  }
  if (size == 2 && is_wide()) byte(I64_EXTEND_U);
  set_gpr(n);
}

/** Pushes the immediate that the record reads where it lies in the code: its page leads there whenever the region is in it. */
function push_in_place(address: u32, size: u32): void {
  i32_const(address as i32);
  memory_op(size == 0 ? I32_LOAD8_S : size == 1 ? I32_LOAD16_S : size == 2 ? I32_LOAD : I64_LOAD, 0);
}

/** Pushes the operand at R_REG or the like: a register, or the record's own immediate, or one that is read in place. */
export function push_source(r: u32, address: u32, size: u32): void {
  if (register_at(address) < 16) return push_register(address, size);
  if (address != r + R_IMM) return push_in_place(address, size);
  const value = load<i64>(r + R_IMM);
  if (size == 3) i64_const(value);
  else if (size == 2) i32_const(value as i32);
  else if (size == 1) i32_const(value as i16 as i32);
  else i32_const(value as i8 as i32);
}

/** The same for whom the bits above do not matter: who only stores it. */
export function push_low(r: u32, address: u32, size: u32): void {
  if (register_at(address) < 16) push_whole(address, size);
  else push_source(r, address, size);
}

/** Leaves before the record `r` when the value on the stack is not 0. */
export function leave_if(r: u32): void {
  settle_registers();
  unlikely();
  open(IF, EMPTY);
  exit_behind(delta_of(r), instructions_before());
  close();
}

/** The locals for operands of 2^size bytes. */
export function local_a(size: u32): u32 {
  return size == 3 ? L_A64 : L_A32;
}
export function local_b(size: u32): u32 {
  return size == 3 ? L_B64 : L_B32;
}
export function local_r(size: u32): u32 {
  return size == 3 ? L_R64 : L_R32;
}

/** The opcode for 64 bits, or that for 32 bits. */
export function sized(size: u32, opcode64: u32, opcode32: u32): void {
  byte(size == 3 ? opcode64 : opcode32);
}
