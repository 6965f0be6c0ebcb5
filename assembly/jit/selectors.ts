// LEA of unusual sizes, MOV from a segment register, CLI and STI, SWAPGS and RDPKRU.

import { V_PKRU } from '../abi/fpu';
import { R_FLAGS, R_OP, R_REG, R_RM, RECORD_SIZE, RF_REGNO_SHIFT, RF_SIZE } from '../abi/insn';
import { OP_END } from '../abi/ops';
import {
  GS,
  SEG_BASE,
  SEG_SELECTOR,
  SEG_STRIDE,
  V_CPL,
  V_CR4,
  V_GPR,
  V_KERNEL_GS_BASE,
  V_RFLAGS,
  V_SEGS,
} from '../abi/vcpu_page';
import { CR4_PKE, FLAG_IF, RCX, RDX } from '../abi/x86';
import { is_memory, push_address32, push_address64 } from './addresses';
import { get, is_wide, set } from './frame';
import { F_OPENS, L_A64, L_V } from './locals';
import { leave_if, push_register, set_register } from './registers';
import { address_size } from './segments';
import {
  byte,
  call_core,
  I32_AND,
  I32_EQZ,
  I32_LOAD,
  I32_OR,
  I32_STORE,
  I32_WRAP,
  I64_EXTEND_U,
  I64_LOAD,
  I64_STORE,
  i32_const,
  memory_op,
} from './wasm';

/** LEA with an address or an operand of another size than the mode's. */
export function emit_lea(r: u32): void {
  const size: u32 = load<u16>(r + R_FLAGS) & RF_SIZE;
  const asize = address_size(r);
  if (asize == 3) {
    push_address64(r);
    if (size < 3) byte(I32_WRAP);
  } else {
    push_address32(r);
    if (asize == 1) {
      i32_const(0xffff);
      byte(I32_AND);
    }
    if (size == 3) byte(I64_EXTEND_U);
  }
  set_register(load<u32>(r + R_REG), size);
}

/** MOV of a segment register to a general one. */
export function emit_selector(r: u32): bool {
  const n: u32 = (load<u16>(r + R_FLAGS) as u32) >> RF_REGNO_SHIFT;
  const size: u32 = load<u16>(r + R_FLAGS) & RF_SIZE;
  if (is_memory(r) || n > GS) return false;
  get(L_V);
  memory_op(I32_LOAD, V_SEGS + n * SEG_STRIDE + SEG_SELECTOR);
  if (size == 3) byte(I64_EXTEND_U);
  set_register(load<u32>(r + R_RM), size);
  return true;
}

/** STI at CPL 0 when nothing waits for it and the next instruction is in the same block. */
export function emit_sti(r: u32): void {
  if (load<u16>(r + RECORD_SIZE + R_OP) == OP_END) {
    i32_const(1);
    return leave_if(r);
  }
  get(L_V);
  memory_op(I32_LOAD, V_CPL);
  get(L_V);
  call_core(F_OPENS);
  byte(I32_OR);
  leave_if(r);
  get(L_V);
  get(L_V);
  memory_op(I32_LOAD, V_RFLAGS);
  i32_const(FLAG_IF as i32);
  byte(I32_OR);
  memory_op(I32_STORE, V_RFLAGS);
}

/** CLI at CPL 0; elsewhere the interpreter asks what IOPL allows. */
export function emit_cli(r: u32): void {
  get(L_V);
  memory_op(I32_LOAD, V_CPL);
  leave_if(r);
  get(L_V);
  get(L_V);
  memory_op(I32_LOAD, V_RFLAGS);
  i32_const(~FLAG_IF as i32);
  byte(I32_AND);
  memory_op(I32_STORE, V_RFLAGS);
}

/** SWAPGS of 64-bit code at CPL 0. */
export function emit_swapgs(r: u32): bool {
  if (!is_wide()) return false;
  const base = V_SEGS + GS * SEG_STRIDE + SEG_BASE;
  get(L_V);
  memory_op(I32_LOAD, V_CPL);
  leave_if(r);
  get(L_V);
  memory_op(I64_LOAD, base);
  set(L_A64);
  get(L_V);
  get(L_V);
  memory_op(I64_LOAD, V_KERNEL_GS_BASE);
  memory_op(I64_STORE, base);
  get(L_V);
  get(L_A64);
  memory_op(I64_STORE, V_KERNEL_GS_BASE);
  return true;
}

/** RDPKRU where CR4.PKE is set and ECX is 0. */
export function emit_rdpkru(v: u32, r: u32): void {
  get(L_V);
  memory_op(I32_LOAD, V_CR4);
  i32_const(CR4_PKE as i32);
  byte(I32_AND);
  byte(I32_EQZ);
  push_register(v + V_GPR + RCX * 8, 2);
  byte(I32_OR);
  leave_if(r);
  get(L_V);
  memory_op(I32_LOAD, V_PKRU);
  set_register(v + V_GPR, 2);
  i32_const(0);
  set_register(v + V_GPR + RDX * 8, 2);
}
