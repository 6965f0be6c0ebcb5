// Where vector registers are while compiled code runs: in the vCPU page, as the interpreter has them, so that no way out has to
// put them there; and in locals, which are written at the same time. All emitted code gets at them by way of this file.
//
// A local holds what the region mostly does with the register: all 128 bits, the low double, or the low single.

import { V_YMM, YMM_STRIDE } from '../abi/fpu';
import { AM_FORM, AM_NONE, R_AM, R_FLAGS, R_OP, R_REG, R_RM, RF_ADDRESS_ONLY } from '../abi/insn';
import { JIT_VECTORS } from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { OP_FLOAT, OP_PACKED, OP_VECTOR_MOVE } from '../abi/ops';
import { FLOAT_SD, FLOAT_SS, OP_COMI, OP_UCOMI } from '../abi/ops_float';
import {
  OP_LOAD_32,
  OP_LOAD_64,
  OP_LOAD_VECTOR,
  OP_MERGE_32,
  OP_MERGE_LOW,
  OP_STORE_32,
  OP_STORE_64,
} from '../abi/ops_move';
import { FORM_VEX_128, R_FORM, R_SRC } from '../abi/simd';
import { is_memory } from './addresses';
import { get, set } from './frame';
import { F32_LOCALS, F64_LOCALS, L_ADDRESS, L_REGISTERS, L_SLOW, L_TV, L_V, V128_LOCALS } from './locals';
import {
  byte,
  I32,
  I32_LOAD,
  I32_STORE,
  I64_LOAD,
  I64_STORE,
  i64_const,
  LOCAL_TEE,
  memory_op,
  op1,
  uleb,
} from './wasm';
import {
  F32,
  F32_LOAD,
  F32_REINTERPRET,
  F32_STORE,
  F32X4_EXTRACT,
  F32X4_REPLACE,
  F32X4_SPLAT,
  F64,
  F64_LOAD,
  F64_REINTERPRET,
  F64_STORE,
  F64X2_EXTRACT,
  F64X2_REPLACE,
  F64X2_SPLAT,
  I32_REINTERPRET,
  I32X4_EXTRACT,
  I32X4_REPLACE,
  I64_REINTERPRET,
  I64X2_EXTRACT,
  I64X2_REPLACE,
  simd,
  simd_lane,
  simd_memory,
  V128,
  V128_LOAD,
  V128_LOAD32_LANE,
  V128_LOAD32_ZERO,
  V128_LOAD64_LANE,
  V128_LOAD64_ZERO,
  V128_STORE,
} from './wasm_simd';

let vcpu: u32 = 0;
/** There are vectors in the region. */
let is_used: bool = false;
/** Registers by what their locals hold, a mask each. */
let vectors: u32 = 0;
let doubles: u32 = 0;
let singles: u32 = 0;

// What a record does with its registers.
const AS_VECTOR: u32 = 0;
const AS_DOUBLE: u32 = 1;
const AS_SINGLE: u32 = 2;
/** Nothing that another use would not do as well. */
const AS_ANY: u32 = 3;

function counts(): u32 {
  return vcpu - VCPU_PAGE + VCPU_JIT + JIT_VECTORS;
}

/** The code that follows is that of vCPU `v`. */
export function begin_vectors(v: u32): void {
  vcpu = v;
  is_used = false;
  memory.fill(counts(), 0, 64);
}

/** Number of the register of which `address` is the low end, 16 if there is none. */
function number_of(address: u32): u32 {
  const offset = address - vcpu - V_YMM;
  return offset < 16 * YMM_STRIDE && (offset & (YMM_STRIDE - 1)) == 0 ? offset / YMM_STRIDE : 16;
}

function use_of(op: u32): u32 {
  if (op >= OP_FLOAT && op < OP_VECTOR_MOVE) {
    if (op >= OP_UCOMI && op < OP_COMI + 2) return op & 1 ? AS_DOUBLE : AS_SINGLE;
    return (op & 3) == FLOAT_SD ? AS_DOUBLE : (op & 3) == FLOAT_SS ? AS_SINGLE : AS_VECTOR;
  }
  switch (op) {
    case OP_LOAD_64:
    case OP_STORE_64:
    case OP_MERGE_LOW:
      return AS_DOUBLE;
    case OP_LOAD_32:
    case OP_STORE_32:
    case OP_MERGE_32:
      return AS_SINGLE;
    case OP_LOAD_VECTOR:
      return AS_ANY;
    default:
      return AS_VECTOR;
  }
}

function count(address: u32, use: u32): void {
  const n = number_of(address);
  if (n == 16) return;
  const at = counts() + n * 4 + use;
  if (load<u8>(at) < 255) store<u8>(at, load<u8>(at) + 1);
}

/** The code that follows has the record `r`. */
export function prepare_vectors(r: u32): void {
  const op: u32 = load<u16>(r + R_OP);
  if (op < OP_PACKED || op >= OP_VECTOR_MOVE + 0x100) return;
  is_used = true;
  const use = use_of(op);
  const source = load<u32>(r + R_SRC);
  count(load<u32>(r + R_REG), use);
  if (source != load<u32>(r + R_REG)) count(source, use);
  const in_register =
    (load<u8>(r + R_AM) & AM_FORM) == AM_NONE && (load<u16>(r + R_FLAGS) & RF_ADDRESS_ONLY) == 0;
  if (in_register) count(load<u32>(r + R_RM), use);
}

/** All records have been seen: which register gets which local. */
export function choose_vector_locals(): void {
  vectors = 0;
  doubles = 0;
  singles = 0;
  for (let n: u32 = 0; n < 16; n++) {
    const at = counts() + n * 4;
    const whole = load<u8>(at + AS_VECTOR);
    const double = load<u8>(at + AS_DOUBLE);
    const single = load<u8>(at + AS_SINGLE);
    if ((whole | double | single | load<u8>(at + AS_ANY)) == 0) continue;
    if (double > whole && double >= single) doubles |= 1 << n;
    else if (single > whole) singles |= 1 << n;
    else vectors |= 1 << n;
  }
}

function declare(locals: u32, type: u32): void {
  uleb(is_used ? locals : 0);
  byte(type);
}

/** Groups of locals that declare_vector_locals writes. */
export const VECTOR_GROUPS: u32 = 7;

/** Declares L_SLOW and all behind it. */
export function declare_vector_locals(): void {
  declare(1, I32);
  declare(F64_LOCALS, F64);
  declare(F32_LOCALS, F32);
  declare(V128_LOCALS, V128);
  declare(popcnt(doubles), F64);
  declare(popcnt(singles), F32);
  declare(popcnt(vectors), V128);
}

/** The first local behind all of them. */
export function behind_vector_locals(): u32 {
  return is_used ? L_REGISTERS + popcnt(doubles) + popcnt(singles) + popcnt(vectors) : L_SLOW;
}

function place_in(mask: u32, n: u32): u32 {
  return popcnt(mask & ((1 << n) - 1));
}

function is_in(mask: u32, n: u32): bool {
  return n < 16 && ((mask >> n) & 1) != 0;
}

function double_local(n: u32): u32 {
  return L_REGISTERS + place_in(doubles, n);
}
function single_local(n: u32): u32 {
  return L_REGISTERS + popcnt(doubles) + place_in(singles, n);
}
function vector_local(n: u32): u32 {
  return L_REGISTERS + popcnt(doubles) + popcnt(singles) + place_in(vectors, n);
}

function offset_of(n: u32): u32 {
  return V_YMM + n * YMM_STRIDE;
}

/** Register `n`, which others may have changed, into its local. */
function reload(n: u32): void {
  const whole = is_in(vectors, n);
  if (!whole && !is_in(doubles | singles, n)) return;
  get(L_V);
  if (whole) simd_memory(V128_LOAD, offset_of(n));
  else memory_op(is_in(doubles, n) ? F64_LOAD : F32_LOAD, offset_of(n));
  set(whole ? vector_local(n) : is_in(doubles, n) ? double_local(n) : single_local(n));
}

/** All registers, which others may have changed, into locals. */
export function reload_vectors(): void {
  for (let n: u32 = 0; n < 16; n++) reload(n);
}

/** The register that `address` is the low end of, if it is one, which others have changed, into its local. */
export function reload_vector(address: u32): void {
  reload(number_of(address));
}

/** Pushes the 128 bits at an address. */
export function push_vector(address: u32): void {
  const n = number_of(address);
  const offset = address - vcpu;
  if (is_in(vectors, n)) return get(vector_local(n));
  // What was stored in part the processor would not load whole before it is in the cache.
  if (is_in(doubles, n)) {
    get(L_V);
    get(double_local(n));
    simd(F64X2_SPLAT);
  } else if (is_in(singles, n)) {
    get(L_V);
    get(L_V);
    get(single_local(n));
    simd(F32X4_SPLAT);
    simd_memory(V128_LOAD32_LANE, offset + 4);
    byte(1);
  } else {
    get(L_V);
    return simd_memory(V128_LOAD, offset);
  }
  simd_memory(V128_LOAD64_LANE, offset + 8);
  byte(1);
}

/** Pushes what `opcode` loads of the low end of a register. */
export function push_low(address: u32, opcode: u32): void {
  const n = number_of(address);
  if (is_in(vectors, n) && lane_of(opcode)) {
    get(vector_local(n));
    simd_lane(lane_of(opcode), 0);
  } else if (is_in(doubles, n) && (opcode == F64_LOAD || opcode == I64_LOAD)) {
    get(double_local(n));
    if (opcode == I64_LOAD) byte(I64_REINTERPRET);
  } else if (is_in(singles, n) && (opcode == F32_LOAD || opcode == I32_LOAD)) {
    get(single_local(n));
    if (opcode == I32_LOAD) byte(I32_REINTERPRET);
  } else {
    get(L_V);
    memory_op(opcode, address - vcpu);
  }
}

/** The extraction of a lane that a load stands for, 0 if there is none. */
function lane_of(opcode: u32): u32 {
  if (opcode == F64_LOAD) return F64X2_EXTRACT;
  if (opcode == I64_LOAD) return I64X2_EXTRACT;
  if (opcode == F32_LOAD) return F32X4_EXTRACT;
  return opcode == I32_LOAD ? I32X4_EXTRACT : 0;
}

/** Begins a change of all of the destination: its value and `end_vector` follow. */
export function begin_vector(): void {
  get(L_V);
}

/** Ends a change of all of the destination R_REG: with VEX the upper half becomes 0. */
export function end_vector(r: u32): void {
  const to = load<u32>(r + R_REG);
  const n = number_of(to);
  const offset = to - vcpu;
  const part = is_in(doubles | singles, n);
  if (is_in(vectors, n)) op1(LOCAL_TEE, vector_local(n));
  else if (part) op1(LOCAL_TEE, L_TV);
  simd_memory(V128_STORE, offset);
  if (part) {
    get(L_TV);
    simd_lane(is_in(doubles, n) ? F64X2_EXTRACT : F32X4_EXTRACT, 0);
    set(is_in(doubles, n) ? double_local(n) : single_local(n));
  }
  if (load<u8>(r + R_FORM) != FORM_VEX_128) return;
  for (let i: u32 = 16; i < 32; i += 8) {
    get(L_V);
    i64_const(0);
    memory_op(I64_STORE, offset + i);
  }
}

/** Begins a change of the low end of the destination R_REG; with VEX the rest of it comes from the first source. */
export function begin_scalar(r: u32): void {
  const to = load<u32>(r + R_REG);
  if (load<u8>(r + R_FORM) == FORM_VEX_128) {
    begin_vector();
    push_vector(load<u32>(r + R_SRC));
    end_vector(r);
  }
  get(L_V);
  if (is_in(vectors, number_of(to))) get(vector_local(number_of(to)));
}

/** Ends a change of the low end of the destination to what `opcode` stores. */
export function end_scalar(r: u32, opcode: u32): void {
  const to = load<u32>(r + R_REG);
  const n = number_of(to);
  const offset = to - vcpu;
  if (is_in(vectors, n)) {
    simd_lane(
      opcode == F64_STORE
        ? F64X2_REPLACE
        : opcode == I64_STORE
          ? I64X2_REPLACE
          : opcode == F32_STORE
            ? F32X4_REPLACE
            : I32X4_REPLACE,
      0,
    );
    op1(LOCAL_TEE, vector_local(n));
    return simd_memory(V128_STORE, offset);
  }
  const is_double = opcode == F64_STORE || opcode == I64_STORE;
  if (is_in(is_double ? doubles : singles, n)) {
    if (opcode == I64_STORE) byte(F64_REINTERPRET);
    else if (opcode == I32_STORE) byte(F32_REINTERPRET);
    op1(LOCAL_TEE, is_double ? double_local(n) : single_local(n));
    return memory_op(is_double ? F64_STORE : F32_STORE, offset);
  }
  memory_op(opcode, offset);
  reload(n);
}

/** Pushes the r/m operand of 16 bytes, which has been reached if it is in memory. */
export function push_rm_vector(r: u32): void {
  if (!is_memory(r)) return push_vector(load<u32>(r + R_RM));
  get(L_ADDRESS);
  simd_memory(V128_LOAD, 0);
}

/** Pushes the upper half of the 256 bits at an address, or of the r/m operand; ends a change of the destination's. */
export function push_upper(address: u32): void {
  get(L_V);
  simd_memory(V128_LOAD, address - vcpu + 16);
}
export function push_rm_upper(r: u32): void {
  if (!is_memory(r)) return push_upper(load<u32>(r + R_RM));
  get(L_ADDRESS);
  simd_memory(V128_LOAD, 16);
}
export function end_upper(r: u32): void {
  simd_memory(V128_STORE, load<u32>(r + R_REG) - vcpu + 16);
}

/** Pushes the r/m operand of which only the low 8 or 4 bytes exist, or matter: what lies above them is any. */
export function push_rm_part(r: u32, bytes: u32): void {
  if (is_memory(r)) return push_rm_alone(r, bytes);
  push_vector(load<u32>(r + R_RM));
}

/** The same with zeros above. */
export function push_rm_alone(r: u32, bytes: u32): void {
  if (is_memory(r)) get(L_ADDRESS);
  else get(L_V);
  simd_memory(
    bytes == 8 ? V128_LOAD64_ZERO : V128_LOAD32_ZERO,
    is_memory(r) ? 0 : load<u32>(r + R_RM) - vcpu,
  );
}

/** Pushes what `opcode` loads of the r/m operand. */
export function push_rm_low(r: u32, opcode: u32): void {
  if (!is_memory(r)) return push_low(load<u32>(r + R_RM), opcode);
  get(L_ADDRESS);
  memory_op(opcode, 0);
}

/** The load and the store of an f64 or an f32. */
export function float_load(double: bool): u32 {
  return double ? F64_LOAD : F32_LOAD;
}
export function float_store(double: bool): u32 {
  return double ? F64_STORE : F32_STORE;
}
