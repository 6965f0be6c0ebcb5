// Operands of a record: registers, immediates and memory by way of the TLB. A value is on the stack as i64, or as i32 for
// operands of 32 bits and less, sign-extended.

import {
  AM_32,
  AM_64_SEG,
  AM_FORM,
  AM_GENERIC,
  AM_RIP,
  AM_STORES,
  R_AM,
  R_DISP,
  R_FLAGS,
  R_LEN,
  R_RM,
  R_SEG,
  R_SPAN,
  RF_ADDRESS_ONLY,
  RF_ALIGNED,
  RF_RMW,
} from '../abi/insn';
import { INFO_ALIGNED, INFO_DELTA_SHIFT, INFO_WHOLE } from '../abi/jit';
import { TLB_ADDEND, TLB_ENTRIES, TLB_ENTRY_SHIFT, TLB_ENTRY_SIZE, TLB_READ, TLB_WRITE } from '../abi/map';
import { SEG_BASE, SEG_STRIDE, SS, V_LEAVE, V_SEGS } from '../abi/vcpu_page';
import { is_memory, push_address32, push_address64 } from './addresses';
import {
  close,
  get,
  go_fault_if,
  go_out_if,
  is_wide,
  open,
  push_rip,
  set,
  set_gpr,
  settle_registers,
  tee,
} from './frame';
import { likely, unlikely } from './hints';
import {
  F_CALL,
  F_FINISH,
  F_MODIFY,
  F_PUSH,
  F_READ,
  F_WRITE,
  L_ADDRESS,
  L_BUDGET,
  L_ENTRY,
  L_FLOW,
  L_GPR,
  L_LA,
  L_TLB,
  L_V,
} from './locals';
import {
  delta_of,
  instructions_before,
  leave_if,
  next_delta,
  push_register,
  push_source,
  set_register,
} from './registers';
import { is_segmented, push_segmented } from './segments';
import {
  byte,
  call_core,
  ELSE,
  EMPTY,
  I32,
  I32_ADD,
  I32_AND,
  I32_EQZ,
  I32_GT_U,
  I32_LOAD,
  I32_LOAD8_S,
  I32_LOAD8_U,
  I32_LOAD16_S,
  I32_LOAD16_U,
  I32_SHR_U,
  I32_STORE,
  I32_STORE8,
  I32_STORE16,
  I32_WRAP,
  I64_ADD,
  I64_AND,
  I64_EQ,
  I64_EXTEND_U,
  I64_LOAD,
  I64_STORE,
  IF,
  i32_const,
  i64_const,
  memory_op,
} from './wasm';

/** What the record's memory operand needs can be emitted. */
export function is_plain(r: u32): bool {
  const am: u32 = load<u8>(r + R_AM) & AM_FORM;
  return am <= AM_RIP || is_segmented(r);
}

/** Linear address of the memory operand into L_LA. */
export function address(r: u32): void {
  push_address(r);
  set(L_LA);
}

function push_address(r: u32): void {
  const am: u32 = load<u8>(r + R_AM) & AM_FORM;
  if (am >= AM_GENERIC) {
    push_segmented(r);
  } else if (am == AM_32) {
    push_address32(r);
    if (is_wide()) byte(I64_EXTEND_U);
  } else if (am == AM_RIP) {
    push_rip((next_delta(r) as i64) + (load<i32>(r + R_DISP) as i64));
  } else {
    push_address64(r);
    if (am == AM_64_SEG) {
      get(L_V);
      memory_op(I64_LOAD, V_SEGS + load<u8>(r + R_SEG) * SEG_STRIDE + SEG_BASE);
      byte(I64_ADD);
    }
  }
}

/** Pushes L_LA as an i64. */
export function push_linear(): void {
  get(L_LA);
  if (!is_wide()) byte(I64_EXTEND_U);
}

/** Pushes the lower half of L_LA. */
export function push_linear32(): void {
  get(L_LA);
  if (is_wide()) byte(I32_WRAP);
}

/** Pushes whether the TLB allows an access of `span + 1` bytes at L_LA, and these are `aligned` if they must be; L_ENTRY is the entry. */
export function push_allowed(tag: u32, span: u32, aligned: bool): void {
  settle_registers();
  const mask: i32 = aligned ? ~0xfff | span : ~0xfff;
  get(L_TLB);
  // la >> 12 % TLB_ENTRIES * TLB_ENTRY_SIZE
  push_linear32();
  i32_const(12 - TLB_ENTRY_SHIFT);
  byte(I32_SHR_U);
  i32_const((TLB_ENTRIES - 1) * TLB_ENTRY_SIZE);
  byte(I32_AND);
  byte(I32_ADD);
  tee(L_ENTRY);
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
    (instructions_before() << 8) |
    ((load<u8>(r + R_LEN) as u32) << 16) |
    (flags & RF_ALIGNED ? INFO_ALIGNED : 0) |
    (flags & (RF_RMW | RF_ADDRESS_ONLY) ? 0 : INFO_WHOLE);
  i64_const(((delta_of(r) as i64) << INFO_DELTA_SHIFT) | (low as i64));
}

/** Pushes the host's address of `span + 1` bytes at L_LA, or leaves with a fault. */
function push_reached(r: u32, tag: u32, span: u32, segment: u32): void {
  push_allowed(tag, span, (load<u16>(r + R_FLAGS) & RF_ALIGNED) != 0);
  likely();
  open(IF, I32);
  push_host();
  byte(ELSE);
  get(L_V);
  push_linear();
  push_info(r, span, segment);
  call_core(tag == TLB_WRITE ? F_MODIFY : F_READ);
  tee(L_ADDRESS);
  byte(I32_EQZ);
  go_fault_if();
  get(L_ADDRESS);
  close();
}

/** The memory operand's address into L_ADDRESS, for reading, or for writing what was read. */
export function reach_operand(r: u32): void {
  const tag: u32 = load<u8>(r + R_AM) & AM_STORES ? TLB_WRITE : TLB_READ;
  address(r);
  push_reached(r, tag, load<u8>(r + R_SPAN), load<u8>(r + R_SEG));
  set(L_ADDRESS);
}

/** Pushes 2^size bytes at L_ADDRESS. */
export function push_memory(size: u32): void {
  get(L_ADDRESS);
  memory_op(size == 0 ? I32_LOAD8_S : size == 1 ? I32_LOAD16_S : size == 2 ? I32_LOAD : I64_LOAD, 0);
}

/** Pushes 1 or 2 bytes at L_ADDRESS as an i32 with zeros above. */
export function push_memory_zero(size: u32): void {
  get(L_ADDRESS);
  memory_op(size == 0 ? I32_LOAD8_U : I32_LOAD16_U, 0);
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
  unlikely();
  open(IF, EMPTY);
  get(L_V);
  push_info(r, 0, 0);
  call_core(F_FINISH);
  tee(L_FLOW);
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

/** Leaves before the record in 32-bit code when 2^size bytes at L_LA reach beyond the limit, which is 4 GiB. */
export function check_limit(r: u32, size: u32): void {
  if (is_wide() || size == 0) return;
  get(L_LA);
  i32_const(-(1 << size));
  byte(I32_GT_U);
  leave_if(r);
}

/** The host's address of 2^size bytes at L_LA, which the limit is looked at for, into L_ADDRESS, or out with a fault. */
export function reach(r: u32, tag: u32, size: u32, segment: u32): void {
  check_limit(r, size);
  push_reached(r, tag, (1 << size) - 1, segment);
  set(L_ADDRESS);
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
  likely();
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
  call_core(f);
  tee(L_FLOW);
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
  check_limit(r, size);
  begin_store(value, size);
  push_info(r, (1 << size) - 1, segment);
  end_store(f);
}

/** The same below the stack's pointer. */
function begin_push(value: u32, size: u32): void {
  stack_address(-(1 << size));
  begin_store(value, size);
}

/** Pushes the value in a local, as wide as the code is, to the guest's stack. */
export function push_to_stack(r: u32, value: u32): void {
  const size: u32 = is_wide() ? 3 : 2;
  begin_push(value, size);
  push_info(r, (1 << size) - 1, SS);
  end_store(F_PUSH);
  move_stack(0);
}

/** PUSH of a selector in 32-bit code: of its four bytes two are written. */
export function push_selector_to_stack(r: u32, value: u32): void {
  stack_address(-4);
  check_limit(r, 1);
  begin_store(value, 1);
  push_info(r, 1, SS);
  end_store(F_PUSH);
  move_stack(0);
}

/** The same for a CALL to the place in the i64 local `target`: where the run goes on when it ends behind the store. */
export function push_return(r: u32, value: u32, target: u32): void {
  const size: u32 = is_wide() ? 3 : 2;
  begin_push(value, size);
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
