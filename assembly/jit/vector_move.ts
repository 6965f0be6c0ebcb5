// Moves of vectors: between each other, memory and general registers, as exec/vector_move.ts does them.

import { R_REG, R_RM } from '../abi/insn';
import {
  OP_LOAD_32,
  OP_LOAD_64,
  OP_LOAD_VECTOR,
  OP_MERGE_32,
  OP_MERGE_HIGH,
  OP_MERGE_LOW,
  OP_MOVDDUP,
  OP_MOVMSKPD,
  OP_MOVMSKPS,
  OP_MOVSHDUP,
  OP_MOVSLDUP,
  OP_PEXTR,
  OP_PINSR,
  OP_PMOVMSKB,
  OP_STORE_32,
  OP_STORE_64,
  OP_STORE_VECTOR,
} from '../abi/ops_move';
import { R_IMM8, R_SRC } from '../abi/simd';
import { is_memory } from './addresses';
import { get, set } from './frame';
import { L_ADDRESS, L_XV } from './locals';
import { finish_memory, reach_operand, store_operand } from './operands';
import { local_a, push_register, register_at, set_register } from './registers';
import { local_x } from './vector_check';
import {
  begin_scalar,
  begin_vector,
  end_scalar,
  end_vector,
  float_load,
  float_store,
  push_low,
  push_rm_alone,
  push_rm_low,
  push_rm_part,
  push_rm_vector,
  push_vector,
} from './vector_registers';
import { I32_LOAD, I32_LOAD8_U, I32_LOAD16_U, I64_LOAD, i64_const, LOCAL_TEE, memory_op, op1 } from './wasm';
import {
  I8X16_BITMASK,
  I8X16_REPLACE,
  I16X8_REPLACE,
  I32X4_BITMASK,
  I32X4_REPLACE,
  I64X2_BITMASK,
  I64X2_REPLACE,
  I64X2_SPLAT,
  shuffle32,
  simd,
  simd_lane,
  simd_memory,
  V128_LOAD64_SPLAT,
  V128_STORE,
} from './wasm_simd';

function has_general_rm(r: u32): bool {
  return !is_memory(r) && register_at(load<u32>(r + R_RM)) < 16;
}

/** The load of 2^size bytes. */
function load_of(size: u32): u32 {
  return size == 3 ? I64_LOAD : size == 2 ? I32_LOAD : size == 1 ? I32_LOAD16_U : I32_LOAD8_U;
}
function load_vector(r: u32): void {
  begin_vector();
  push_rm_vector(r);
  end_vector(r);
}

function store_vector(r: u32): void {
  get(L_ADDRESS);
  push_vector(load<u32>(r + R_REG));
  simd_memory(V128_STORE, 0);
  finish_memory(r);
}

/** 2^size bytes with zeros above. */
function load_low(r: u32, size: u32): void {
  begin_vector();
  if (has_general_rm(r)) {
    i64_const(0);
    simd(I64X2_SPLAT);
    push_register(load<u32>(r + R_RM), size);
    simd_lane(size == 3 ? I64X2_REPLACE : I32X4_REPLACE, 0);
  } else {
    push_rm_alone(r, 1 << size);
  }
  end_vector(r);
}

/** 2^size bytes at the address `from` of a vector register to memory or, with zeros above, to a general register. */
function store_element(r: u32, from: u32, size: u32): void {
  push_low(from, load_of(size));
  if (is_memory(r)) {
    set(local_a(size));
    store_operand(r, local_a(size), size);
  } else {
    set_register(load<u32>(r + R_RM), size == 3 ? 3 : 2);
  }
}

/** The first source, with the upper 8 bytes from the r/m operand. */
function merge_high(r: u32): void {
  begin_vector();
  push_vector(load<u32>(r + R_SRC));
  push_rm_low(r, I64_LOAD);
  simd_lane(I64X2_REPLACE, 1);
  end_vector(r);
}

/** The first source, with the low 8 or 4 bytes from the r/m operand. */
function merge_low(r: u32, double: bool): void {
  push_rm_low(r, float_load(double));
  set(local_x(double));
  begin_scalar(r);
  get(local_x(double));
  end_scalar(r, float_store(double));
}

function double_twice(r: u32): void {
  begin_vector();
  if (is_memory(r)) {
    get(L_ADDRESS);
    simd_memory(V128_LOAD64_SPLAT, 0);
  } else {
    push_rm_part(r, 8);
    op1(LOCAL_TEE, L_XV);
    get(L_XV);
    shuffle32(0x1010);
  }
  end_vector(r);
}

function singles_twice(r: u32, order: u32): void {
  begin_vector();
  push_rm_vector(r);
  op1(LOCAL_TEE, L_XV);
  get(L_XV);
  shuffle32(order);
  end_vector(r);
}

/** Sign bits. */
function sign_mask(r: u32, opcode: u32): void {
  push_rm_vector(r);
  simd(opcode);
  set_register(load<u32>(r + R_REG), 2);
}

/** Bytes from the start of a vector to the element that the immediate chooses. */
function element_offset(r: u32, size: u32): u32 {
  return (load<u8>(r + R_IMM8) << size) & 15;
}

/** PINSRB, W, D and Q. */
function insert(r: u32, size: u32): void {
  begin_vector();
  push_vector(load<u32>(r + R_SRC));
  if (is_memory(r)) {
    get(L_ADDRESS);
    memory_op(load_of(size), 0);
  } else {
    push_register(load<u32>(r + R_RM), size == 3 ? 3 : 2);
  }
  simd_lane(
    size == 3 ? I64X2_REPLACE : size == 2 ? I32X4_REPLACE : size == 1 ? I16X8_REPLACE : I8X16_REPLACE,
    element_offset(r, size) >> size,
  );
  end_vector(r);
}

/** Emits a record of the family OP_VECTOR_MOVE on 128 bits; false if that is left to its handler. */
export function emit_vector_move(r: u32, op: u32): bool {
  if (op > OP_PMOVMSKB ? op >= OP_PINSR + 4 : op > OP_MERGE_HIGH && op < OP_MOVDDUP) return false;
  const is_store = op == OP_STORE_32 || op == OP_STORE_64 || (op >= OP_PEXTR && op < OP_PINSR);
  if (is_memory(r) && !is_store) reach_operand(r);
  switch (op) {
    case OP_LOAD_VECTOR:
      load_vector(r);
      break;
    case OP_STORE_VECTOR:
      store_vector(r);
      break;
    case OP_LOAD_32:
    case OP_LOAD_64:
      load_low(r, op == OP_LOAD_64 ? 3 : 2);
      break;
    case OP_STORE_32:
    case OP_STORE_64:
      store_element(r, load<u32>(r + R_REG), op == OP_STORE_64 ? 3 : 2);
      break;
    case OP_MERGE_32:
    case OP_MERGE_LOW:
      merge_low(r, op == OP_MERGE_LOW);
      break;
    case OP_MERGE_HIGH:
      merge_high(r);
      break;
    case OP_MOVDDUP:
      double_twice(r);
      break;
    case OP_MOVSLDUP:
      singles_twice(r, 0x2200);
      break;
    case OP_MOVSHDUP:
      singles_twice(r, 0x3311);
      break;
    case OP_MOVMSKPS:
      sign_mask(r, I32X4_BITMASK);
      break;
    case OP_MOVMSKPD:
      sign_mask(r, I64X2_BITMASK);
      break;
    case OP_PMOVMSKB:
      sign_mask(r, I8X16_BITMASK);
      break;
    default:
      if (op < OP_PINSR)
        store_element(r, load<u32>(r + R_REG) + element_offset(r, op - OP_PEXTR), op - OP_PEXTR);
      else insert(r, op - OP_PINSR);
  }
  return true;
}
