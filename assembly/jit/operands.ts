// Operands of a record: registers, immediates and memory by way of the TLB. A value is on the stack as i64, or as i32 for
// operands of 32 bits and less, sign-extended.

import {
  AM_32,
  AM_64_SEG,
  AM_FORM,
  AM_GENERIC,
  AM_NONE,
  AM_RIP,
  AM_STORES,
  R_AM,
  R_BASE,
  R_DISP,
  R_FLAGS,
  R_IMM,
  R_INDEX,
  R_LEN,
  R_OFF,
  R_RM,
  R_SCALE,
  R_SEG,
  R_SPAN,
  RF_ADDRESS_ONLY,
  RF_ALIGNED,
  RF_RMW,
} from '../abi/insn';
import { INFO_ALIGNED, INFO_DELTA_SHIFT, INFO_WHOLE } from '../abi/jit';
import { TLB_ADDEND, TLB_FOLD, TLB_READ, TLB_WRITE } from '../abi/map';
import { SEG_BASE, SEG_STRIDE, SS, V_GPR, V_LEAVE, V_RIP, V_SEGS, V_ZERO } from '../abi/vcpu_page';
import {
  close,
  exit_behind,
  get,
  go_fault_if,
  go_out_if,
  is_wide,
  open,
  push_rip,
  set,
  set_gpr,
  set_gpr_part,
} from './frame';
import {
  F_CALL,
  F_FINISH,
  F_MODIFY,
  F_PUSH,
  F_READ,
  F_WRITE,
  L_A32,
  L_A64,
  L_ADDRESS,
  L_B32,
  L_B64,
  L_BUDGET,
  L_ENTRY,
  L_FLOW,
  L_GPR,
  L_LA,
  L_R32,
  L_R64,
  L_TLB,
  L_V,
} from './locals';
import { is_segmented, push_segmented } from './segments';
import {
  byte,
  CALL,
  ELSE,
  EMPTY,
  I32,
  I32_ADD,
  I32_AND,
  I32_EQZ,
  I32_EXTEND8,
  I32_EXTEND16,
  I32_LOAD,
  I32_LOAD8_S,
  I32_LOAD16_S,
  I32_OR,
  I32_SHL,
  I32_SHR_U,
  I32_STORE,
  I32_STORE8,
  I32_STORE16,
  I32_WRAP,
  I32_XOR,
  I64_ADD,
  I64_AND,
  I64_EQ,
  I64_EXTEND_U,
  I64_LOAD,
  I64_OR,
  I64_SHL,
  I64_STORE,
  IF,
  i32_const,
  i64_const,
  LOCAL_TEE,
  memory_op,
  op1,
} from './wasm';

let vcpu: u32 = 0;
let block_delta: i32 = 0;
let done: u32 = 0;

/** The instruction in hand: of vCPU `v`, in the block at `delta`, behind `retired` others of it. */
export function begin_instruction(v: u32, delta: i32, retired: u32): void {
  vcpu = v;
  block_delta = delta;
  done = retired;
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

/** Bytes from the entry to the instruction, and to the one behind it. */
export function delta_of(r: u32): i32 {
  return block_delta + (load<u16>(r + R_OFF) as i32);
}
export function next_delta(r: u32): i32 {
  return delta_of(r) + (load<u8>(r + R_LEN) as i32);
}

/** Pushes a register of 2^size bytes: an i64 for 8 bytes, an i32 that is sign-extended for less. */
export function push_register(address: u32, size: u32): void {
  get(L_GPR + register_at(address));
  if (size == 3) return;
  if (is_wide()) byte(I32_WRAP);
  if (size == 0 && is_high(address)) {
    i32_const(8);
    byte(I32_SHR_U);
  }
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

/** Pushes the operand at R_REG or the like: a register, or the record's own immediate. */
export function push_source(r: u32, address: u32, size: u32): void {
  if (address != r + R_IMM) return push_register(address, size);
  const value = load<i64>(r + R_IMM);
  if (size == 3) i64_const(value);
  else if (size == 2) i32_const(value as i32);
  else if (size == 1) i32_const(value as i16 as i32);
  else i32_const(value as i8 as i32);
}

/** The operand is in memory, and its address is one that can be emitted. */
export function is_memory(r: u32): bool {
  return (load<u8>(r + R_AM) & AM_FORM) != AM_NONE;
}

/** What the record's memory operand needs can be emitted. */
export function is_plain(r: u32): bool {
  const am: u32 = load<u8>(r + R_AM) & AM_FORM;
  return am <= AM_RIP || is_segmented(r);
}

function push_base(offset: u32): void {
  if (offset == V_RIP) push_rip(block_delta);
  else get(L_GPR + ((offset - V_GPR) >> 3));
}

/** Pushes base + (index << scale) + displacement as i32. */
export function push_address32(r: u32): void {
  const base: u32 = load<u16>(r + R_BASE);
  const index: u32 = load<u16>(r + R_INDEX);
  const displacement = load<i32>(r + R_DISP);
  const scale: u32 = load<u8>(r + R_SCALE);
  let terms: u32 = 0;
  if (base != V_ZERO) {
    push_base(base);
    if (is_wide()) byte(I32_WRAP);
    terms++;
  }
  if (index != V_ZERO) {
    push_base(index);
    if (is_wide()) byte(I32_WRAP);
    if (scale) {
      i32_const(scale);
      byte(I32_SHL);
    }
    if (terms++) byte(I32_ADD);
  }
  if (displacement || terms == 0) {
    i32_const(displacement);
    if (terms) byte(I32_ADD);
  }
}

/** The same as i64, in 64-bit code. */
export function push_address64(r: u32): void {
  const base: u32 = load<u16>(r + R_BASE);
  const index: u32 = load<u16>(r + R_INDEX);
  const displacement = load<i32>(r + R_DISP);
  const scale: u32 = load<u8>(r + R_SCALE);
  let terms: u32 = 0;
  if (base != V_ZERO) {
    push_base(base);
    terms++;
  }
  if (index != V_ZERO) {
    push_base(index);
    if (scale) {
      i64_const(scale);
      byte(I64_SHL);
    }
    if (terms++) byte(I64_ADD);
  }
  if (displacement || terms == 0) {
    i64_const(displacement as i64);
    if (terms) byte(I64_ADD);
  }
}

/** Linear address of the memory operand into L_LA. */
export function address(r: u32): void {
  const am: u32 = load<u8>(r + R_AM) & AM_FORM;
  if (am >= AM_GENERIC) {
    push_segmented(r);
  } else if (am == AM_32) {
    push_address32(r);
    if (is_wide()) byte(I64_EXTEND_U);
  } else if (am == AM_RIP) {
    push_rip(next_delta(r) + load<i32>(r + R_DISP));
  } else {
    push_address64(r);
    if (am == AM_64_SEG) {
      get(L_V);
      memory_op(I64_LOAD, V_SEGS + load<u8>(r + R_SEG) * SEG_STRIDE + SEG_BASE);
      byte(I64_ADD);
    }
  }
  set(L_LA);
}

/** Pushes L_LA as an i64. */
export function push_linear(): void {
  get(L_LA);
  if (!is_wide()) byte(I64_EXTEND_U);
}

/** Pushes the lower half of L_LA. */
function push_linear32(): void {
  get(L_LA);
  if (is_wide()) byte(I32_WRAP);
}

/** Pushes whether the TLB allows an access of `span + 1` bytes at L_LA, and these are `aligned` if they must be; L_ENTRY is the entry. */
export function push_allowed(tag: u32, span: u32, aligned: bool): void {
  const mask: i32 = aligned ? ~0xfff | span : ~0xfff;
  get(L_TLB);
  // (la >> 12 ^ la >> TLB_FOLD) % TLB_ENTRIES * TLB_ENTRY_SIZE
  push_linear32();
  push_linear32();
  i32_const((TLB_FOLD as i32) - 12);
  byte(I32_SHR_U);
  byte(I32_XOR);
  i32_const(7);
  byte(I32_SHR_U);
  i32_const(0x7fe0);
  byte(I32_AND);
  byte(I32_ADD);
  op1(LOCAL_TEE, L_ENTRY);
  memory_op(I64_LOAD, tag);
  get(L_LA);
  if (is_wide()) {
    if (span && !aligned) {
      i64_const(span);
      byte(I64_ADD);
    }
    i64_const(mask);
    byte(I64_AND);
  } else {
    if (span && !aligned) {
      i32_const(span);
      byte(I32_ADD);
    }
    i32_const(mask);
    byte(I32_AND);
    byte(I64_EXTEND_U);
  }
  byte(I64_EQ);
}

/** Pushes the host's address of L_LA. */
export function push_host(): void {
  push_linear32();
  get(L_ENTRY);
  memory_op(I32_LOAD, TLB_ADDEND);
  byte(I32_ADD);
}

/** What a function that may leave is told of the instruction, see exec/compiled.ts; and the budget. */
function push_info(r: u32, span: u32, segment: u32): void {
  get(L_BUDGET);
  const flags: u32 = load<u16>(r + R_FLAGS);
  const low =
    span |
    (segment << 5) |
    (done << 8) |
    ((load<u8>(r + R_LEN) as u32) << 16) |
    (flags & RF_ALIGNED ? INFO_ALIGNED : 0) |
    (flags & (RF_RMW | RF_ADDRESS_ONLY) ? 0 : INFO_WHOLE);
  i64_const(((delta_of(r) as i64) << INFO_DELTA_SHIFT) | (low as i64));
}

/** Pushes the host's address of `span + 1` bytes at L_LA, or leaves with a fault. */
function push_reached(r: u32, tag: u32, span: u32, segment: u32): void {
  push_allowed(tag, span, (load<u16>(r + R_FLAGS) & RF_ALIGNED) != 0);
  open(IF, I32);
  push_host();
  byte(ELSE);
  get(L_V);
  push_linear();
  push_info(r, span, segment);
  op1(CALL, tag == TLB_WRITE ? F_MODIFY : F_READ);
  op1(LOCAL_TEE, L_ADDRESS);
  byte(I32_EQZ);
  go_fault_if();
  get(L_ADDRESS);
  close();
}

/** The memory operand's address into L_ADDRESS, for reading, or for writing what was read. */
export function reach_operand(r: u32): void {
  address(r);
  const tag: u32 = load<u8>(r + R_AM) & AM_STORES ? TLB_WRITE : TLB_READ;
  push_reached(r, tag, load<u8>(r + R_SPAN), load<u8>(r + R_SEG));
  set(L_ADDRESS);
}

/** Pushes 2^size bytes at L_ADDRESS. */
export function push_memory(size: u32): void {
  get(L_ADDRESS);
  memory_op(size == 0 ? I32_LOAD8_S : size == 1 ? I32_LOAD16_S : size == 2 ? I32_LOAD : I64_LOAD, 0);
}

/** Stores the value in a local to L_ADDRESS, of an operand that was reached for writing. What that leaves to do follows. */
export function store_memory(local: u32, size: u32): void {
  get(L_ADDRESS);
  get(local);
  store_op(size);
}

/** Behind everything that an instruction with reach_operand for writing does. */
export function finish_memory(r: u32): void {
  get(L_V);
  memory_op(I32_LOAD, V_LEAVE);
  open(IF, EMPTY);
  get(L_V);
  push_info(r, 0, 0);
  op1(CALL, F_FINISH);
  op1(LOCAL_TEE, L_FLOW);
  go_out_if();
  close();
}

/** Pushes the r/m operand, which has been reached if it is in memory. */
export function push_rm(r: u32, size: u32): void {
  if (is_memory(r)) push_memory(size);
  else push_source(r, load<u32>(r + R_RM), size);
}

/** Writes a local to the r/m operand. */
export function set_rm(r: u32, local: u32, size: u32): void {
  if (is_memory(r)) return store_memory(local, size);
  get(local);
  set_register(load<u32>(r + R_RM), size);
}

/** The linear address on the stack, as wide as the code is, into L_LA. */
export function set_linear(): void {
  set(L_LA);
}

/** A register's content as a linear address into L_LA. */
export function register_address(address: u32): void {
  push_register(address, is_wide() ? 3 : 2);
  set(L_LA);
}

/** The host's address of 2^size bytes at L_LA into L_ADDRESS, or out with a fault. */
export function reach(r: u32, tag: u32, size: u32, segment: u32): void {
  push_reached(r, tag, (1 << size) - 1, segment);
  set(L_ADDRESS);
}

/** Leaves before the record `r` when the value on the stack is not 0. */
export function leave_if(r: u32): void {
  open(IF, EMPTY);
  exit_behind(delta_of(r), instructions_before());
  close();
}

/** Linear address in the stack, `delta` from its pointer, into L_LA. */
export function stack_address(delta: i32): void {
  get(L_GPR + 4);
  if (delta && is_wide()) {
    i64_const(delta as i64);
    byte(I64_ADD);
  } else if (delta) {
    i32_const(delta);
    byte(I32_ADD);
  }
  set(L_LA);
}

/** RSP becomes L_LA and `bytes` more. */
export function move_stack(bytes: i32): void {
  get(L_LA);
  if (bytes && is_wide()) {
    i64_const(bytes as i64);
    byte(I64_ADD);
  } else if (bytes) {
    i32_const(bytes);
    byte(I32_ADD);
  }
  set_gpr(4);
}

function store_op(size: u32): void {
  memory_op(size == 0 ? I32_STORE8 : size == 1 ? I32_STORE16 : size == 2 ? I32_STORE : I64_STORE, 0);
}

/** Stores the value in the local `value` at L_LA if the TLB allows it. What else is to be done then follows, and `end_store`. */
function begin_store(value: u32, size: u32): void {
  push_allowed(TLB_WRITE, (1 << size) - 1, false);
  open(IF, EMPTY);
  push_host();
  get(value);
  store_op(size);
  byte(ELSE);
  get(L_V);
  push_linear();
  get(value);
  if (size < 3) byte(I64_EXTEND_U);
}

/** The core's function `f` has been given all it asks for. */
function end_store(f: u32): void {
  op1(CALL, f);
  op1(LOCAL_TEE, L_FLOW);
  go_out_if();
  close();
}

/** MOV to memory of the value in the local `value` (i64, or i32 for 32 bits and less): the address is not reached before. */
export function store_operand(r: u32, value: u32, size: u32): void {
  address(r);
  begin_store(value, size);
  push_info(r, (1 << size) - 1, load<u8>(r + R_SEG));
  end_store(F_WRITE);
}

/** Stores the value in a local at L_LA: what is left to do then the core's function `f` does too, which is told as F_WRITE is. */
export function store_with(r: u32, f: u32, value: u32, size: u32, segment: u32): void {
  begin_store(value, size);
  push_info(r, (1 << size) - 1, segment);
  end_store(f);
}

/** Pushes the value in a local, as wide as the code is, to the guest's stack. */
export function push_to_stack(r: u32, value: u32): void {
  const size: u32 = is_wide() ? 3 : 2;
  stack_address(is_wide() ? -8 : -4);
  begin_store(value, size);
  push_info(r, (1 << size) - 1, SS);
  end_store(F_PUSH);
  move_stack(0);
}

/** The same for a CALL to the place in the i64 local `target`: where the run goes on when it ends behind the store. */
export function push_return(r: u32, value: u32, target: u32): void {
  const size: u32 = is_wide() ? 3 : 2;
  stack_address(is_wide() ? -8 : -4);
  begin_store(value, size);
  get(target);
  push_info(r, (1 << size) - 1, SS);
  end_store(F_CALL);
  move_stack(0);
}

/** The stack's slot at its pointer into L_ADDRESS. */
export function reach_stack(r: u32): void {
  stack_address(0);
  push_reached(r, TLB_READ, is_wide() ? 7 : 3, SS);
  set(L_ADDRESS);
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
