// AVX on 256 bits, as far as string functions need it, and VBROADCAST: half by half. Upper halves are in the vCPU page alone.

import { R_REG, R_RM } from '../abi/insn';
import {
  OP_LOAD_VECTOR,
  OP_PMOVMSKB,
  OP_STORE_VECTOR,
  OP_VBROADCAST,
  OP_VEXTRACTF128,
} from '../abi/ops_move';
import { OP_PABSB, OP_PANDN, OP_PXOR } from '../abi/ops_packed';
import { FORM_VEX_256, R_FORM, R_SRC } from '../abi/simd';
import { is_memory } from './addresses';
import { get, set } from './frame';
import { L_ADDRESS, L_XV } from './locals';
import { finish_memory, reach_operand } from './operands';
import { set_register } from './registers';
import { elementwise_of } from './vector_packed';
import {
  begin_vector,
  end_upper,
  end_vector,
  push_rm_low,
  push_rm_upper,
  push_rm_vector,
  push_upper,
  push_vector,
} from './vector_registers';
import { byte, I32_LOAD, I32_LOAD8_U, I32_LOAD16_U, I32_OR, I32_SHL, I64_LOAD, i32_const } from './wasm';
import { I8X16_BITMASK, I8X16_SPLAT, I32X4_SPLAT, simd, simd_memory, V128_STORE } from './wasm_simd';

function load_vector(r: u32): void {
  if (is_memory(r)) reach_operand(r);
  begin_vector();
  push_rm_vector(r);
  end_vector(r);
  begin_vector();
  push_rm_upper(r);
  end_upper(r);
}

function store_vector(r: u32): void {
  reach_operand(r);
  get(L_ADDRESS);
  push_vector(load<u32>(r + R_REG));
  simd_memory(V128_STORE, 0);
  get(L_ADDRESS);
  push_upper(load<u32>(r + R_REG));
  simd_memory(V128_STORE, 16);
  finish_memory(r);
}

/** One half of an operation on all elements. */
function half(r: u32, op: u32, opcode: u32, upper: bool): void {
  const source = load<u32>(r + R_SRC);
  begin_vector();
  if (op == OP_PXOR && !is_memory(r) && load<u32>(r + R_RM) == source) {
    i32_const(0);
    simd(I32X4_SPLAT);
  } else {
    if (op != OP_PANDN && op < OP_PABSB) {
      if (upper) push_upper(source);
      else push_vector(source);
    }
    if (upper) push_rm_upper(r);
    else push_rm_vector(r);
    if (op == OP_PANDN) {
      if (upper) push_upper(source);
      else push_vector(source);
    }
    simd(opcode);
  }
  if (upper) end_upper(r);
  else end_vector(r);
}

/** VPMOVMSKB. */
function sign_mask(r: u32): void {
  push_rm_vector(r);
  simd(I8X16_BITMASK);
  push_rm_upper(r);
  simd(I8X16_BITMASK);
  i32_const(16);
  byte(I32_SHL);
  byte(I32_OR);
  set_register(load<u32>(r + R_REG), 2);
}

/** VBROADCAST of 2^size bytes. */
function broadcast(r: u32, size: u32): void {
  if (is_memory(r)) reach_operand(r);
  if (size == 4) {
    push_rm_vector(r);
  } else {
    push_rm_low(r, size == 3 ? I64_LOAD : size == 2 ? I32_LOAD : size == 1 ? I32_LOAD16_U : I32_LOAD8_U);
    simd(I8X16_SPLAT + size);
  }
  set(L_XV);
  begin_vector();
  get(L_XV);
  end_vector(r);
  if (load<u8>(r + R_FORM) != FORM_VEX_256) return;
  begin_vector();
  get(L_XV);
  end_upper(r);
}

/** Emits VBROADCAST, or a record on 256 bits; false if it is left to its handler. */
export function emit_wide(r: u32, op: u32): bool {
  if (op >= OP_VBROADCAST && op < OP_VEXTRACTF128) {
    broadcast(r, op - OP_VBROADCAST);
    return true;
  }
  if (load<u8>(r + R_FORM) != FORM_VEX_256) return false;
  switch (op) {
    case OP_LOAD_VECTOR:
      load_vector(r);
      return true;
    case OP_STORE_VECTOR:
      store_vector(r);
      return true;
    case OP_PMOVMSKB:
      sign_mask(r);
      return true;
    default:
      break;
  }
  const opcode = elementwise_of(op);
  if (opcode == 0) return false;
  if (is_memory(r)) reach_operand(r);
  half(r, op, opcode, false);
  half(r, op, opcode, true);
  return true;
}
