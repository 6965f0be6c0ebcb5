// Effective addresses of memory operands.

import { AM_FORM, AM_NONE, R_AM, R_BASE, R_DISP, R_INDEX, R_SCALE } from '../abi/insn';
import { V_GPR, V_RIP, V_ZERO } from '../abi/vcpu_page';
import { get, is_wide, push_rip } from './frame';
import { L_GPR } from './locals';
import { block_delta } from './registers';
import { byte, I32_ADD, I32_SHL, I32_WRAP, I64_ADD, I64_SHL, i32_const, i64_const } from './wasm';

/** The operand is in memory, and its address is one that can be emitted. */
export function is_memory(r: u32): bool {
  return (load<u8>(r + R_AM) & AM_FORM) != AM_NONE;
}

function push_base(offset: u32): void {
  if (offset == V_RIP) push_rip(block_delta());
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
