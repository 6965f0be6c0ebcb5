// The family OP_VECTOR_MOVE: MMX, SSE and AVX moves, between vectors, memory and general registers. What goes element by
// element under a mask is in vector_masked.ts.
import { V_YMM, YMM_STRIDE } from '../abi/fpu';
import { AM_NONE, FLOW_NEXT, R_AM, R_REG } from '../abi/insn';
import {
  OP_LOAD_32,
  OP_LOAD_64,
  OP_LOAD_VECTOR,
  OP_MASKMOV,
  OP_MERGE_32,
  OP_MERGE_HIGH,
  OP_MERGE_LOW,
  OP_MOVDDUP,
  OP_MOVDQ2Q,
  OP_MOVMSKPD,
  OP_MOVMSKPS,
  OP_MOVQ2DQ,
  OP_MOVSHDUP,
  OP_MOVSLDUP,
  OP_PEXTR,
  OP_PINSR,
  OP_PMOVMSKB,
  OP_STORE_32,
  OP_STORE_64,
  OP_STORE_VECTOR,
  OP_VBROADCAST,
  OP_VEXTRACTF128,
} from '../abi/ops_move';
import { FORM_MMX, FORM_SSE, FORM_VEX_256, R_FORM, R_IMM8, R_SRC } from '../abi/simd';
import { MODE_64, MODE_SIZE, V_MODE } from '../abi/vcpu_page';
import { enter_mmx, write_mmx } from '../cpu/mmx';
import { finish_store, read_sized } from '../cpu/operands';
import { x87_error } from '../cpu/x87_error';
import { exec_vector_masked } from './vector_masked';

/** Writes 128 bits of the destination; a VEX encoding clears the upper half. */
function put(r: u32, value: v128): void {
  const d = load<u32>(r + R_REG);
  v128.store(d, value);
  if (load<u8>(r + R_FORM) != FORM_SSE) v128.store(d + 16, i64x2.splat(0));
}

/** Writes both halves of a YMM destination. */
function put_256(r: u32, low: v128, high: v128): void {
  const d = load<u32>(r + R_REG);
  v128.store(d, low);
  v128.store(d + 16, high);
}

/** `low` with zeros above, in a vector of any form. */
function put_low(r: u32, low: u64): void {
  if (load<u8>(r + R_FORM) == FORM_MMX) write_mmx(load<u32>(r + R_REG), low);
  else put(r, i64x2.replace_lane(i64x2.splat(0), 0, low));
}

function load_vector(r: u32, rm: u32): u32 {
  const form: u32 = load<u8>(r + R_FORM);
  if (form == FORM_MMX) write_mmx(load<u32>(r + R_REG), load<u64>(rm));
  else if (form == FORM_VEX_256) put_256(r, v128.load(rm), v128.load(rm + 16));
  else put(r, v128.load(rm));
  return FLOW_NEXT;
}

function store_vector(v: u32, r: u32, rm: u32): u32 {
  const form: u32 = load<u8>(r + R_FORM);
  const from = load<u32>(r + R_REG);
  if (form == FORM_MMX) {
    store<u64>(rm, load<u64>(from));
  } else {
    v128.store(rm, v128.load(from));
    if (form == FORM_VEX_256) v128.store(rm + 16, v128.load(from + 16));
  }
  return finish_store(v);
}

/** An element of 2^size bytes to memory, or with zeros above to a general register. */
function store_element(v: u32, r: u32, rm: u32, size: u32, value: u64): u32 {
  if (load<u8>(r + R_AM) == AM_NONE) {
    store<u64>(rm, value);
    return FLOW_NEXT;
  }
  if (size == 2) store<u32>(rm, value as u32);
  else if (size == 3) store<u64>(rm, value);
  else if (size == 1) store<u16>(rm, value as u16);
  else store<u8>(rm, value as u8);
  return finish_store(v);
}

/** The source of a merge with `value` in a half of 8 bytes. */
function merge_half(r: u32, half: u32, value: u64): u32 {
  const source = v128.load(load<u32>(r + R_SRC));
  put(r, half ? i64x2.replace_lane(source, 1, value) : i64x2.replace_lane(source, 0, value));
  return FLOW_NEXT;
}

function merge_32(r: u32, value: u32): u32 {
  put(r, i32x4.replace_lane(v128.load(load<u32>(r + R_SRC)), 0, value));
  return FLOW_NEXT;
}

/** Each even double of the source twice. With 128 bits the source has one. */
function movddup(r: u32, rm: u32): u32 {
  const low = v128.load64_splat(rm);
  if (load<u8>(r + R_FORM) == FORM_VEX_256) put_256(r, low, v128.load64_splat(rm + 16));
  else put(r, low);
  return FLOW_NEXT;
}

function even_twice(x: v128): v128 {
  return v128.shuffle<u32>(x, x, 0, 0, 2, 2);
}

function odd_twice(x: v128): v128 {
  return v128.shuffle<u32>(x, x, 1, 1, 3, 3);
}

function movsldup(r: u32, rm: u32): u32 {
  const low = even_twice(v128.load(rm));
  if (load<u8>(r + R_FORM) == FORM_VEX_256) put_256(r, low, even_twice(v128.load(rm + 16)));
  else put(r, low);
  return FLOW_NEXT;
}

function movshdup(r: u32, rm: u32): u32 {
  const low = odd_twice(v128.load(rm));
  if (load<u8>(r + R_FORM) == FORM_VEX_256) put_256(r, low, odd_twice(v128.load(rm + 16)));
  else put(r, low);
  return FLOW_NEXT;
}

/** Sign bits of the elements of 128 bits. */
function signs(op: u32, p: u32): u32 {
  const x = v128.load(p);
  if (op == OP_MOVMSKPS) return i32x4.bitmask(x);
  return op == OP_MOVMSKPD ? i64x2.bitmask(x) : i8x16.bitmask(x);
}

function sign_mask(r: u32, op: u32, rm: u32): u32 {
  const form: u32 = load<u8>(r + R_FORM);
  let mask: u32;
  if (form == FORM_MMX) {
    mask = i8x16.bitmask(i64x2.replace_lane(i64x2.splat(0), 0, load<u64>(rm)));
  } else {
    mask = signs(op, rm);
    if (form == FORM_VEX_256) {
      mask |= signs(op, rm + 16) << (op == OP_MOVMSKPS ? 4 : op == OP_MOVMSKPD ? 2 : 16);
    }
  }
  store<u64>(load<u32>(r + R_REG), mask);
  return FLOW_NEXT;
}

/** Byte offset of the element of 2^size bytes that the immediate chooses; what exceeds the vector is ignored. */
function element_offset(r: u32, size: u32): u32 {
  const bytes: u32 = load<u8>(r + R_FORM) == FORM_MMX ? 8 : 16;
  return (load<u8>(r + R_IMM8) << size) & (bytes - 1);
}

function extract(v: u32, r: u32, rm: u32, size: u32): u32 {
  const from = load<u32>(r + R_REG) + element_offset(r, size);
  return store_element(v, r, rm, size, read_sized(from, size));
}

function insert(r: u32, rm: u32, size: u32): u32 {
  const value = read_sized(rm, size);
  const d = load<u32>(r + R_REG);
  if (load<u8>(r + R_FORM) == FORM_MMX) write_mmx(d, load<u64>(d));
  else put(r, v128.load(load<u32>(r + R_SRC)));
  const to = d + element_offset(r, size);
  if (size == 2) store<u32>(to, value as u32);
  else if (size == 3) store<u64>(to, value);
  else if (size == 1) store<u16>(to, value as u16);
  else store<u8>(to, value as u8);
  return FLOW_NEXT;
}

function splat(rm: u32, size: u32): v128 {
  switch (size) {
    case 0:
      return v128.load8_splat(rm);
    case 1:
      return v128.load16_splat(rm);
    case 2:
      return v128.load32_splat(rm);
    case 3:
      return v128.load64_splat(rm);
    default:
      return v128.load(rm);
  }
}

function broadcast(r: u32, rm: u32, size: u32): u32 {
  const all = splat(rm, size);
  if (load<u8>(r + R_FORM) == FORM_VEX_256) put_256(r, all, all);
  else put(r, all);
  return FLOW_NEXT;
}

/** VEXTRACTF128; a register destination loses its upper half. */
function extract_half(v: u32, r: u32, rm: u32): u32 {
  v128.store(rm, v128.load(load<u32>(r + R_REG) + ((load<u8>(r + R_IMM8) & 1) << 4)));
  if (load<u8>(r + R_AM) != AM_NONE) return finish_store(v);
  v128.store(rm + 16, i64x2.splat(0));
  return FLOW_NEXT;
}

/** VZEROUPPER, VZEROALL: outside of 64-bit code only the first eight registers. */
function zero_registers(v: u32, r: u32): u32 {
  const all = load<u8>(r + R_FORM) == FORM_VEX_256;
  const count: u32 = (load<u32>(v + V_MODE) & MODE_SIZE) == MODE_64 ? 16 : 8;
  for (let n: u32 = 0; n < count; n++) {
    const p = v + V_YMM + n * YMM_STRIDE;
    if (all) v128.store(p, i64x2.splat(0));
    v128.store(p + 16, i64x2.splat(0));
  }
  return FLOW_NEXT;
}

/** The instruction touches an MMX register. */
function uses_mmx(r: u32, op: u32): bool {
  return load<u8>(r + R_FORM) == FORM_MMX || op == OP_MOVQ2DQ || op == OP_MOVDQ2Q;
}

export function exec_vector_move(v: u32, r: u32, op: u32, rm: u32): u32 {
  if (uses_mmx(r, op)) {
    const error = x87_error(v);
    if (error != FLOW_NEXT) return error;
    // MASKMOVQ can still fault, and does this itself.
    if (op < OP_MASKMOV) enter_mmx(v);
  }
  if (op >= OP_MASKMOV) return exec_vector_masked(v, r, op, rm);
  switch (op) {
    case OP_LOAD_VECTOR:
      return load_vector(r, rm);
    case OP_STORE_VECTOR:
      return store_vector(v, r, rm);
    case OP_LOAD_32:
      put_low(r, load<u32>(rm));
      return FLOW_NEXT;
    case OP_LOAD_64:
    case OP_MOVQ2DQ:
      put_low(r, load<u64>(rm));
      return FLOW_NEXT;
    case OP_STORE_32:
      return store_element(v, r, rm, 2, load<u32>(load<u32>(r + R_REG)));
    case OP_STORE_64:
      return store_element(v, r, rm, 3, load<u64>(load<u32>(r + R_REG)));
    case OP_MERGE_32:
      return merge_32(r, load<u32>(rm));
    case OP_MERGE_LOW:
      return merge_half(r, 0, load<u64>(rm));
    case OP_MERGE_HIGH:
      return merge_half(r, 1, load<u64>(rm));
    case OP_MOVDQ2Q:
      write_mmx(load<u32>(r + R_REG), load<u64>(rm));
      return FLOW_NEXT;
    case OP_MOVDDUP:
      return movddup(r, rm);
    case OP_MOVSLDUP:
      return movsldup(r, rm);
    case OP_MOVSHDUP:
      return movshdup(r, rm);
    case OP_MOVMSKPS:
    case OP_MOVMSKPD:
    case OP_PMOVMSKB:
      return sign_mask(r, op, rm);
    case OP_PEXTR:
    case OP_PEXTR + 1:
    case OP_PEXTR + 2:
    case OP_PEXTR + 3:
      return extract(v, r, rm, op - OP_PEXTR);
    case OP_PINSR:
    case OP_PINSR + 1:
    case OP_PINSR + 2:
    case OP_PINSR + 3:
      return insert(r, rm, op - OP_PINSR);
    case OP_VBROADCAST:
    case OP_VBROADCAST + 1:
    case OP_VBROADCAST + 2:
    case OP_VBROADCAST + 3:
    case OP_VBROADCAST + 4:
      return broadcast(r, rm, op - OP_VBROADCAST);
    case OP_VEXTRACTF128:
      return extract_half(v, r, rm);
    default:
      return zero_registers(v, r);
  }
}
