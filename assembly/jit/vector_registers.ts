// Where vector registers are while compiled code runs: in the vCPU page, as the interpreter has them, so that no way out has to
// put them there. All emitted code reads and writes them by way of this file.

import { R_REG, R_RM } from '../abi/insn';
import { FORM_VEX_128, R_FORM, R_SRC } from '../abi/simd';
import { get } from './frame';
import { L_ADDRESS, L_V } from './locals';
import { is_memory } from './operands';
import { I64_STORE, i64_const, memory_op } from './wasm';
import {
  F32_LOAD,
  F32_STORE,
  F64_LOAD,
  F64_STORE,
  simd_memory,
  V128_LOAD,
  V128_LOAD32_ZERO,
  V128_LOAD64_ZERO,
  V128_STORE,
} from './wasm_simd';

let vcpu: u32 = 0;

/** The code is that of vCPU `v`. */
export function begin_vectors(v: u32): void {
  vcpu = v;
}

/** Pushes the 128 bits at an address. */
export function push_vector(address: u32): void {
  get(L_V);
  simd_memory(V128_LOAD, address - vcpu);
}

/** Pushes what `load` loads of the low end of a register. */
export function push_low(address: u32, load: u32): void {
  get(L_V);
  memory_op(load, address - vcpu);
}

/** Begins a change of a register: its value, and `end_vector` or `end_low` follow. */
export function begin_vector(): void {
  get(L_V);
}

/** Ends a change of all of the destination R_REG: with VEX the upper half becomes 0. */
export function end_vector(r: u32): void {
  const to = load<u32>(r + R_REG) - vcpu;
  simd_memory(V128_STORE, to);
  if (load<u8>(r + R_FORM) != FORM_VEX_128) return;
  for (let i: u32 = 16; i < 32; i += 8) {
    get(L_V);
    i64_const(0);
    memory_op(I64_STORE, to + i);
  }
}

/** Ends a change of the low end of a register by `store`. */
export function end_low(address: u32, store: u32): void {
  memory_op(store, address - vcpu);
}

/** With VEX all of the destination but what is set next comes from the first source; otherwise it stays. */
export function begin_scalar(r: u32): void {
  if (load<u8>(r + R_FORM) == FORM_VEX_128) {
    begin_vector();
    push_vector(load<u32>(r + R_SRC));
    end_vector(r);
  }
  begin_vector();
}

/** Pushes the r/m operand of 16 bytes, which has been reached if it is in memory. */
export function push_rm_vector(r: u32): void {
  if (!is_memory(r)) return push_vector(load<u32>(r + R_RM));
  get(L_ADDRESS);
  simd_memory(V128_LOAD, 0);
}

/** Pushes the r/m operand of which only the low 8 or 4 bytes exist, or matter: what lies above them is any. */
export function push_rm_part(r: u32, bytes: u32): void {
  if (!is_memory(r)) return push_vector(load<u32>(r + R_RM));
  get(L_ADDRESS);
  simd_memory(bytes == 8 ? V128_LOAD64_ZERO : V128_LOAD32_ZERO, 0);
}

/** The same with zeros above. */
export function push_rm_alone(r: u32, bytes: u32): void {
  const opcode = bytes == 8 ? V128_LOAD64_ZERO : V128_LOAD32_ZERO;
  if (is_memory(r)) {
    get(L_ADDRESS);
    simd_memory(opcode, 0);
  } else {
    get(L_V);
    simd_memory(opcode, load<u32>(r + R_RM) - vcpu);
  }
}

/** Pushes what `load` loads of the r/m operand. */
export function push_rm_low(r: u32, load_opcode: u32): void {
  if (!is_memory(r)) return push_low(load<u32>(r + R_RM), load_opcode);
  get(L_ADDRESS);
  memory_op(load_opcode, 0);
}

/** The load and the store of an f64 or an f32. */
export function float_load(double: bool): u32 {
  return double ? F64_LOAD : F32_LOAD;
}
export function float_store(double: bool): u32 {
  return double ? F64_STORE : F32_STORE;
}
