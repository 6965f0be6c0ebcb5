// The decoder's cursor: where it stands in the instruction's bytes and what the prefixes said. Lives in the vCPU's area.
import { VCPU_CURSOR, VCPU_PAGE } from '../abi/map';

export const C_PC: u32 = 0; // address of the next byte
export const C_END: u32 = 4; // first address that may not be read
export const C_START: u32 = 8;
export const C_STATUS: u32 = 12;
export const C_CODE: u32 = 16; // MODE_16, MODE_32, MODE_64
export const C_OSIZE: u32 = 20; // log2 of bytes: 1, 2, 3
export const C_ASIZE: u32 = 24;
export const C_REX: u32 = 28; // 0 = none, else 0x40..0x4f
export const C_FLAGS: u32 = 32; // RF_LOCK, RF_REP, RF_REPNE, RF_66
export const C_SEG: u32 = 36; // override, NO_SEGMENT = none
export const C_MODRM: u32 = 40;
export const C_LOCKABLE: u32 = 44;
export const C_ENDS: u32 = 48; // the block ends behind this instruction
export const C_MODE: u32 = 52; // V_MODE
export const C_VVVV: u32 = 56;
export const C_VEX: u32 = 60; // 1 = a VEX prefix was there; bit 1 = L
/** Bytes of the last immediate that was read by imm8, imm_size or imm64. */
export const C_IMM: u32 = 64;

export const NO_SEGMENT: u32 = 0xff;

// C_STATUS.
export const CURSOR_OK: u32 = 0;
/** A byte beyond C_END is needed. */
export const CURSOR_SHORT: u32 = 1;

export function cursor(v: u32): u32 {
  return v - VCPU_PAGE + VCPU_CURSOR;
}

export function next8(c: u32): u32 {
  const pc = load<u32>(c + C_PC);
  if (pc >= load<u32>(c + C_END)) {
    store<u32>(c + C_STATUS, CURSOR_SHORT);
    return 0;
  }
  store<u32>(c + C_PC, pc + 1);
  return load<u8>(pc);
}

export function next16(c: u32): u32 {
  const low = next8(c);
  return low | (next8(c) << 8);
}

export function next32(c: u32): u32 {
  const low = next16(c);
  return low | (next16(c) << 16);
}

export function next64(c: u32): u64 {
  const low = next32(c) as u64;
  return low | ((next32(c) as u64) << 32);
}

/** A sign-extended immediate of 8 bits. */
export function imm8(c: u32): i64 {
  store<u32>(c + C_IMM, 1);
  return next8(c) as i8 as i64;
}

/** An immediate of the operand size: 64-bit operations have 32 bits, sign-extended. */
export function imm_size(c: u32, size: u32): i64 {
  if (size == 0) return imm8(c);
  store<u32>(c + C_IMM, size == 1 ? 2 : 4);
  if (size == 1) return next16(c) as i16 as i64;
  return next32(c) as i32 as i64;
}

/** An immediate of 64 bits. */
export function imm64(c: u32): i64 {
  store<u32>(c + C_IMM, 8);
  return next64(c) as i64;
}
