// Bits into Wasm: scans and counts, byte swaps, shifts without flags, bit strings in memory, single flags (exec/bit.ts, exec/bcd.ts).

import { R_FLAGS, R_IMM, R_REG, R_SEG, RF_ASIZE_SHIFT, RF_LOCK, RF_MEMORY, RF_SIZE } from '../abi/insn';
import { TLB_READ, TLB_WRITE } from '../abi/map';
import {
  OP_ANDN,
  OP_BLSI,
  OP_BLSMSK,
  OP_BSF,
  OP_BSR,
  OP_BSWAP,
  OP_BT_R,
  OP_BZHI,
  OP_CLD,
  OP_CMC,
  OP_LZCNT,
  OP_POPCNT,
  OP_RORX,
  OP_SARX,
  OP_SHLX,
  OP_SHRX,
  OP_STC,
  OP_STD,
} from '../abi/ops';
import {
  CS,
  FS,
  LF_EXPLICIT,
  LF_LOGIC,
  SEG_BASE,
  SEG_STRIDE,
  V_GPR,
  V_RFLAGS,
  V_SEGS,
} from '../abi/vcpu_page';
import { FLAG_DF, FLAGS_ARITH } from '../abi/x86';
import { is_memory, push_address32, push_address64 } from './addresses';
import { note_kind, note_rotation, push_carry, set_flag } from './flags';
import { close, get, is_wide, open, set } from './frame';
import { L_A32, L_A64, L_B32, L_CARRY, L_RES, L_V } from './locals';
import { atomic_bit } from './locked';
import {
  finish_memory,
  push_allowed,
  push_host,
  push_memory,
  push_rm,
  reach,
  reach_operand,
  set_linear,
  store_memory,
} from './operands';
import { leave_if, local_a, local_b, local_r, push_register, set_register, sized } from './registers';
import {
  byte,
  EMPTY,
  I32_ADD,
  I32_AND,
  I32_CLZ,
  I32_CTZ,
  I32_EQZ,
  I32_GT_U,
  I32_LOAD,
  I32_OR,
  I32_POPCNT,
  I32_ROTL,
  I32_ROTR,
  I32_SHL,
  I32_SHR_S,
  I32_SHR_U,
  I32_STORE,
  I32_SUB,
  I32_WRAP,
  I32_XOR,
  I64_ADD,
  I64_AND,
  I64_CLZ,
  I64_CTZ,
  I64_EQZ,
  I64_EXTEND_S,
  I64_EXTEND_U,
  I64_LOAD,
  I64_OR,
  I64_POPCNT,
  I64_ROTL,
  I64_ROTR,
  I64_SHL,
  I64_SHR_S,
  I64_SHR_U,
  I64_SUB,
  I64_XOR,
  IF,
  i32_const,
  i64_const,
  memory_op,
  SELECT,
} from './wasm';

/** EFLAGS become the ZF and CF on the stack; all other arithmetic flags are 0. */
function note_explicit(): void {
  set(L_CARRY);
  get(L_V);
  get(L_V);
  memory_op(I32_LOAD, V_RFLAGS);
  i32_const(~FLAGS_ARITH as i32);
  byte(I32_AND);
  get(L_CARRY);
  byte(I32_OR);
  memory_op(I32_STORE, V_RFLAGS);
  note_kind(LF_EXPLICIT);
}

function constant(value: i64, size: u32): void {
  if (size == 3) i64_const(value);
  else i32_const(value as i32);
}

/** The r/m operand into its local, with zeros above 16 bits. */
function take_operand(r: u32, size: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  if (size == 1) {
    i32_const(0xffff);
    byte(I32_AND);
  }
  set(local_a(size));
}

/** Pushes whether a local is 0. */
function push_is_zero(local: u32, size: u32): void {
  get(local);
  sized(size, I64_EQZ, I32_EQZ);
}

/** BSF and BSR: of 0 nothing comes. ZF says so, PF is that of the number. */
function scan(r: u32, op: u32, size: u32): void {
  const a = local_a(size);
  take_operand(r, size);
  if (is_wide()) i64_const(0);
  else i32_const(0);
  set(L_RES);
  push_is_zero(a, size);
  byte(I32_EQZ);
  open(IF, EMPTY);
  if (op == OP_BSR) constant(size == 3 ? 63 : 31, size);
  get(a);
  if (op == OP_BSF) sized(size, I64_CTZ, I32_CTZ);
  else {
    sized(size, I64_CLZ, I32_CLZ);
    sized(size, I64_SUB, I32_SUB);
  }
  set(local_r(size));
  get(local_r(size));
  // Not 0, with the same low byte.
  constant(0x100, size);
  sized(size, I64_OR, I32_OR);
  set_flag(L_RES, size);
  get(local_r(size));
  set_register(load<u32>(r + R_REG), size);
  close();
  note_kind(LF_LOGIC);
}

/** TZCNT, LZCNT and POPCNT. */
function count(r: u32, op: u32, size: u32): void {
  const a = local_a(size);
  take_operand(r, size);
  get(a);
  if (op == OP_POPCNT) sized(size, I64_POPCNT, I32_POPCNT);
  else if (op == OP_LZCNT) sized(size, I64_CLZ, I32_CLZ);
  else {
    if (size == 1) {
      i32_const(0x10000);
      byte(I32_OR);
    }
    sized(size, I64_CTZ, I32_CTZ);
  }
  if (op == OP_LZCNT && size == 1) {
    i32_const(16);
    byte(I32_SUB);
  }
  set(local_r(size));
  push_is_zero(op == OP_POPCNT ? a : local_r(size), size);
  i32_const(6);
  byte(I32_SHL);
  if (op != OP_POPCNT) {
    push_is_zero(a, size);
    byte(I32_OR);
  }
  note_explicit();
  get(local_r(size));
  set_register(load<u32>(r + R_REG), size);
}

/** Both halves of a pair of fields of `n` bits change places. */
function swap_fields(n: i64, mask: i64): void {
  get(L_A64);
  i64_const(mask);
  byte(I64_AND);
  i64_const(n);
  byte(I64_SHL);
  get(L_A64);
  i64_const(n);
  byte(I64_SHR_U);
  i64_const(mask);
  byte(I64_AND);
  byte(I64_OR);
}

function swap_bytes(r: u32, size: u32): void {
  const register = load<u32>(r + R_REG);
  if (size == 1) {
    i32_const(0);
  } else if (size == 2) {
    push_register(register, 2);
    set(L_A32);
    get(L_A32);
    i32_const(8);
    byte(I32_ROTL);
    i32_const(0xff00ff);
    byte(I32_AND);
    get(L_A32);
    i32_const(8);
    byte(I32_ROTR);
    i32_const(0xff00ff00);
    byte(I32_AND);
    byte(I32_OR);
  } else {
    push_register(register, 3);
    set(L_A64);
    swap_fields(8, 0x00ff00ff00ff00ff);
    set(L_A64);
    swap_fields(16, 0x0000ffff0000ffff);
    i64_const(32);
    byte(I64_ROTL);
  }
  set_register(register, size);
}

/** RORX SARX SHLX SHRX: no flags. The count of all but RORX is in a register. */
function shift(v: u32, r: u32, op: u32, size: u32): void {
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  if (op == OP_RORX) constant(load<i64>(r + R_IMM) & 63, size);
  else push_register(v + V_GPR + (load<u32>(r + R_IMM) & 15) * 8, size);
  if (op == OP_RORX) sized(size, I64_ROTR, I32_ROTR);
  else if (op == OP_SARX) sized(size, I64_SHR_S, I32_SHR_S);
  else if (op == OP_SHLX) sized(size, I64_SHL, I32_SHL);
  else sized(size, I64_SHR_U, I32_SHR_U);
  set_register(load<u32>(r + R_REG), size);
}

/** ANDN BLSR BLSMSK BLSI BZHI: ZF, SF and CF, the others are 0. */
function mask_bits(v: u32, r: u32, op: u32, size: u32): void {
  const s = local_b(size);
  const other = v + V_GPR + (load<u32>(r + R_IMM) & 15) * 8;
  if (is_memory(r)) reach_operand(r);
  push_rm(r, size);
  set(s);
  get(s);
  if (op == OP_ANDN) {
    push_register(other, size);
    constant(-1, size);
    sized(size, I64_XOR, I32_XOR);
    sized(size, I64_AND, I32_AND);
  } else if (op == OP_BZHI) {
    keep_low_bits(other, size);
  } else {
    if (op == OP_BLSI) {
      constant(0, size);
      get(s);
    } else {
      get(s);
      constant(1, size);
    }
    sized(size, I64_SUB, I32_SUB);
    if (op == OP_BLSMSK) sized(size, I64_XOR, I32_XOR);
    else sized(size, I64_AND, I32_AND);
  }
  set(local_r(size));
  push_is_zero(local_r(size), size);
  i32_const(6);
  byte(I32_SHL);
  get(local_r(size));
  constant(size == 3 ? 63 : 31, size);
  sized(size, I64_SHR_U, I32_SHR_U);
  if (size == 3) byte(I32_WRAP);
  i32_const(7);
  byte(I32_SHL);
  byte(I32_OR);
  if (op == OP_BZHI) {
    get(L_CARRY);
    byte(I32_OR);
  } else if (op != OP_ANDN) {
    push_is_zero(s, size);
    if (op == OP_BLSI) byte(I32_EQZ);
    byte(I32_OR);
  }
  note_explicit();
  get(local_r(size));
  set_register(op == OP_ANDN || op == OP_BZHI ? load<u32>(r + R_REG) : other, size);
}

/** Of the value on the stack, which is in local_b too, the bits below the number in a register; L_CARRY: there are no others. */
function keep_low_bits(number: u32, size: u32): void {
  const bits: u32 = size == 3 ? 64 : 32;
  push_register(number, size);
  if (size == 3) byte(I32_WRAP);
  i32_const(0xff);
  byte(I32_AND);
  set(L_A32);
  get(L_A32);
  i32_const(bits - 1);
  byte(I32_GT_U);
  set(L_CARRY);
  constant(1, size);
  get(L_A32);
  if (size == 3) byte(I64_EXTEND_U);
  sized(size, I64_SHL, I32_SHL);
  constant(1, size);
  sized(size, I64_SUB, I32_SUB);
  sized(size, I64_AND, I32_AND);
  set(local_r(size));
  get(local_b(size));
  get(local_r(size));
  get(L_CARRY);
  byte(SELECT);
}

/** BT BTS BTR BTC of a string of bits in memory: the operand lies as far away as the signed number says. */
function bit_string(r: u32, kind: u32, size: u32): bool {
  const asize: u32 = ((load<u16>(r + R_FLAGS) as u32) >> RF_ASIZE_SHIFT) & 3;
  const segment: u32 = load<u8>(r + R_SEG);
  const wide = is_wide();
  const locks = (load<u16>(r + R_FLAGS) & RF_LOCK) != 0;
  if (
    size < 2 ||
    (size == 3 && !wide) ||
    asize != (wide ? 3 : 2) ||
    (!wide && (segment >= FS || segment == CS))
  )
    return false;
  const index = load<u32>(r + R_REG);
  push_register(index, size);
  constant(size + 3, size);
  sized(size, I64_SHR_S, I32_SHR_S);
  constant(size, size);
  sized(size, I64_SHL, I32_SHL);
  if (wide) {
    if (size == 2) byte(I64_EXTEND_S);
    push_address64(r);
    byte(I64_ADD);
    if (segment >= FS) {
      get(L_V);
      memory_op(I64_LOAD, V_SEGS + segment * SEG_STRIDE + SEG_BASE);
      byte(I64_ADD);
    }
  } else {
    push_address32(r);
    byte(I32_ADD);
  }
  set_linear();
  push_register(index, 2);
  i32_const(size == 3 ? 63 : 31);
  byte(I32_AND);
  set(L_B32);
  if (locks) {
    lock_bit(r, kind, size);
    return true;
  }
  reach(r, kind ? TLB_WRITE : TLB_READ, size, segment);
  push_memory(size);
  set(local_a(size));
  push_bit_of(local_a(size), size);
  if (kind) {
    get(local_a(size));
    constant(1, size);
    push_number(size);
    sized(size, I64_SHL, I32_SHL);
    if (kind == 2) {
      constant(-1, size);
      sized(size, I64_XOR, I32_XOR);
      sized(size, I64_AND, I32_AND);
    } else if (kind == 1) sized(size, I64_OR, I32_OR);
    else sized(size, I64_XOR, I32_XOR);
    set(local_r(size));
    store_memory(local_r(size), size);
  }
  note_rotation();
  if (kind) finish_memory(r);
  return true;
}

function push_number(size: u32): void {
  get(L_B32);
  if (size == 3) byte(I64_EXTEND_U);
}

/** The bit of a local whose number is in L_B32 into L_CARRY. */
function push_bit_of(local: u32, size: u32): void {
  get(local);
  push_number(size);
  sized(size, I64_SHR_U, I32_SHR_U);
  if (size == 3) byte(I32_WRAP);
  i32_const(1);
  byte(I32_AND);
  set(L_CARRY);
}

/** With LOCK the byte that holds the bit is changed at once, in an operand that is aligned. */
function lock_bit(r: u32, kind: u32, size: u32): void {
  push_allowed(TLB_WRITE, (1 << size) - 1, true);
  byte(I32_EQZ);
  leave_if(r);
  push_host();
  get(L_B32);
  i32_const(3);
  byte(I32_SHR_U);
  byte(I32_ADD);
  get(L_B32);
  i32_const(7);
  byte(I32_AND);
  set(L_B32);
  atomic_bit(kind);
  set(L_A32);
  push_bit_of(L_A32, 2);
  note_rotation();
}

/** CLD and STD. */
function set_direction(on: bool): void {
  get(L_V);
  get(L_V);
  memory_op(I32_LOAD, V_RFLAGS);
  i32_const(on ? (FLAG_DF as i32) : (~FLAG_DF as i32));
  byte(on ? I32_OR : I32_AND);
  memory_op(I32_STORE, V_RFLAGS);
}

/** CLC STC CMC CLD STD: those that are not here are the interpreter's. */
export function emit_flag(op: u32): bool {
  if (op == OP_CLD || op == OP_STD) {
    set_direction(op == OP_STD);
    return true;
  }
  if (op > OP_CMC) return false;
  if (op == OP_CMC) {
    push_carry();
    byte(I32_EQZ);
  } else i32_const((op == OP_STC) as i32);
  set(L_CARRY);
  note_rotation();
  return true;
}

/** Emits the record `r` of OP_BT_R .. OP_SHRX; false when the interpreter must execute it. */
export function emit_bits(v: u32, r: u32, op: u32): bool {
  const size: u32 = load<u16>(r + R_FLAGS) & RF_SIZE;
  if (op < OP_BSF) return load<u16>(r + R_FLAGS) & RF_MEMORY ? bit_string(r, op - OP_BT_R, size) : false;
  if (op <= OP_BSR) scan(r, op, size);
  else if (op <= OP_POPCNT) count(r, op, size);
  else if (op == OP_BSWAP) swap_bytes(r, size);
  else if (op >= OP_ANDN && op <= OP_BZHI) mask_bits(v, r, op, size);
  else if (op >= OP_RORX && op <= OP_SHRX) shift(v, r, op, size);
  else return false;
  return true;
}
