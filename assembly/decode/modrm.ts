// ModRM and SIB (SDM vol. 2, 2.1.3 to 2.1.5, 2.2.1): operands into the record.
import {
  AM_32,
  AM_64,
  AM_64_SEG,
  AM_GENERIC,
  AM_NONE,
  AM_RIP,
  AM_STORES,
  R_AM,
  R_BASE,
  R_DISP,
  R_FLAGS,
  R_INDEX,
  R_REG,
  R_RM,
  R_SCALE,
  R_SEG,
  R_SPAN,
  RF_ADDRESS_ONLY,
  RF_ASIZE_SHIFT,
  RF_MEMORY,
  RF_REGNO_SHIFT,
  RF_RMW,
  RF_SIZE,
} from '../abi/insn';
import { CS, DS, FS, MODE_64, MODE_FLAT, SS, V_GPR, V_ZERO } from '../abi/vcpu_page';
import {
  C_ASIZE,
  C_CODE,
  C_MODE,
  C_MODRM,
  C_OSIZE,
  C_REX,
  C_SEG,
  NO_SEGMENT,
  next8,
  next16,
  next32,
} from './cursor';

/** What an instruction does with its r/m operand. */
export const READ: u32 = 0;
export const WRITE: u32 = 1;
export const MODIFY: u32 = 2;
/** The handler computes the address and accesses memory itself. */
export const ADDRESS: u32 = 3;

/** Absolute address of general register `n` (0..15) for an operand of 2^size bytes; without REX, 4..7 are AH CH DH BH. */
export function register(c: u32, v: u32, n: u32, size: u32): u32 {
  if (size == 0 && n >= 4 && n < 8 && load<u32>(c + C_REX) == 0) return v + V_GPR + (n - 4) * 8 + 1;
  return v + V_GPR + n * 8;
}

export function fetch_modrm(c: u32): u32 {
  const m = next8(c);
  store<u32>(c + C_MODRM, m);
  return m;
}

export function modrm_is_register(c: u32): bool {
  return load<u32>(c + C_MODRM) >= 0xc0;
}

/** modrm.reg without REX.R: the operation of a group. */
export function modrm_op(c: u32): u32 {
  return (load<u32>(c + C_MODRM) >> 3) & 7;
}

/** modrm.reg with REX.R. */
export function modrm_reg(c: u32): u32 {
  return modrm_op(c) | ((load<u32>(c + C_REX) & 4) << 1);
}

/** Operand size into the record's flags. */
export function set_size(r: u32, size: u32): void {
  store<u16>(r + R_FLAGS, (load<u16>(r + R_FLAGS) & ~(RF_SIZE as u16)) | (size as u16));
}

function add_flags(r: u32, bits: u32): void {
  store<u16>(r + R_FLAGS, load<u16>(r + R_FLAGS) | (bits as u16));
}

/** The register operand of modrm.reg. */
export function reg_operand(c: u32, v: u32, r: u32, size: u32): void {
  const n = modrm_reg(c);
  store<u32>(r + R_REG, register(c, v, n, size));
  add_flags(r, n << RF_REGNO_SHIFT);
}

/** The r/m operand of 2^size bytes; an access of `bytes` when that differs. */
export function rm_operand(c: u32, v: u32, r: u32, size: u32, use: u32): void {
  rm_operand_bytes(c, v, r, size, use, 1 << size);
}

export function rm_operand_bytes(c: u32, v: u32, r: u32, size: u32, use: u32, bytes: u32): void {
  const m = load<u32>(c + C_MODRM);
  set_size(r, size);
  if (m >= 0xc0) {
    store<u8>(r + R_AM, AM_NONE as u8);
    store<u32>(r + R_RM, register(c, v, (m & 7) | ((load<u32>(c + C_REX) & 1) << 3), size));
    return;
  }
  add_flags(r, RF_MEMORY | (use == MODIFY ? RF_RMW : 0) | (use == ADDRESS ? RF_ADDRESS_ONLY : 0));
  store<u8>(r + R_SPAN, (bytes - 1) as u8);
  if (load<u32>(c + C_ASIZE) == 1) address16(c, r, m);
  else address(c, r, m);
  if (use == ADDRESS) {
    if (load<u8>(r + R_AM) == AM_RIP) store<u16>(r + R_BASE, 0xffff);
    store<u8>(r + R_AM, AM_NONE as u8);
  } else if (use != READ) {
    store<u8>(r + R_AM, (load<u8>(r + R_AM) | AM_STORES) as u8);
  }
}

function set_segment(c: u32, r: u32, natural: u32): u32 {
  const chosen = load<u32>(c + C_SEG);
  const n = chosen == NO_SEGMENT ? natural : chosen;
  store<u8>(r + R_SEG, n as u8);
  return n;
}

function address16(c: u32, r: u32, m: u32): void {
  const mod = m >> 6;
  let base: u32 = V_ZERO;
  let index: u32 = V_ZERO;
  let natural: u32 = DS;
  let disp: i32 = 0;
  switch (m & 7) {
    case 0:
      base = V_GPR + 3 * 8;
      index = V_GPR + 6 * 8;
      break;
    case 1:
      base = V_GPR + 3 * 8;
      index = V_GPR + 7 * 8;
      break;
    case 2:
      base = V_GPR + 5 * 8;
      index = V_GPR + 6 * 8;
      natural = SS;
      break;
    case 3:
      base = V_GPR + 5 * 8;
      index = V_GPR + 7 * 8;
      natural = SS;
      break;
    case 4:
      base = V_GPR + 6 * 8;
      break;
    case 5:
      base = V_GPR + 7 * 8;
      break;
    case 6:
      if (mod == 0) {
        disp = next16(c) as i32;
      } else {
        base = V_GPR + 5 * 8;
        natural = SS;
      }
      break;
    default:
      base = V_GPR + 3 * 8;
      break;
  }
  if (mod == 1) disp = next8(c) as i8 as i32;
  else if (mod == 2) disp = next16(c) as i16 as i32;
  set_segment(c, r, natural);
  store<u16>(r + R_BASE, base as u16);
  store<u16>(r + R_INDEX, index as u16);
  store<u8>(r + R_SCALE, 0);
  store<i32>(r + R_DISP, disp);
  store<u8>(r + R_AM, AM_GENERIC as u8);
}

/** The form of an address of registers and a displacement in `segment`: AM_*. */
function address_form(c: u32, segment: u32): u32 {
  const asize = load<u32>(c + C_ASIZE);
  if (load<u32>(c + C_CODE) == MODE_64) return asize != 3 ? AM_GENERIC : segment >= FS ? AM_64_SEG : AM_64;
  const flat = load<u32>(c + C_MODE) & MODE_FLAT && asize == 2 && segment < FS && segment != CS;
  return flat ? AM_32 : AM_GENERIC;
}

/** Whether the address `offset` in `segment` is put into the record as a displacement alone, in one of the short forms. */
export function is_displacement(c: u32, r: u32, offset: u64, segment: u32): bool {
  const am = address_form(c, segment);
  if (am != AM_32 && (am != AM_64 || (offset as i32 as i64 as u64) != offset)) return false;
  store<u16>(r + R_BASE, V_ZERO as u16);
  store<u16>(r + R_INDEX, V_ZERO as u16);
  store<u8>(r + R_SCALE, 0);
  store<i32>(r + R_DISP, offset as i32);
  store<u8>(r + R_AM, am as u8);
  return true;
}

function address(c: u32, r: u32, m: u32): void {
  const mod = m >> 6;
  const rex = load<u32>(c + C_REX);
  const code = load<u32>(c + C_CODE);
  let base: u32 = V_ZERO;
  let index: u32 = V_ZERO;
  let scale: u32 = 0;
  let natural: u32 = DS;
  let disp: i32 = 0;
  let rip = false;
  let disp32 = mod == 2;
  let n = m & 7;
  if (n == 4) {
    const sib = next8(c);
    n = sib & 7;
    const i = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (i != 4) {
      index = V_GPR + i * 8;
      scale = sib >> 6;
    }
    if (n == 5 && mod == 0) {
      disp32 = true;
    } else {
      if (n == 4 || n == 5) natural = rex & 1 ? DS : SS;
      base = V_GPR + (n | ((rex & 1) << 3)) * 8;
    }
  } else if (n == 5 && mod == 0) {
    disp32 = true;
    rip = code == MODE_64;
  } else {
    if (n == 5 && (rex & 1) == 0) natural = SS;
    base = V_GPR + (n | ((rex & 1) << 3)) * 8;
  }
  if (mod == 1) disp = next8(c) as i8 as i32;
  else if (disp32) disp = next32(c) as i32;
  const segment = set_segment(c, r, natural);
  store<u16>(r + R_BASE, base as u16);
  store<u16>(r + R_INDEX, index as u16);
  store<u8>(r + R_SCALE, scale as u8);
  store<i32>(r + R_DISP, disp);
  const am = rip
    ? load<u32>(c + C_ASIZE) == 3 && segment < FS
      ? AM_RIP
      : AM_GENERIC
    : address_form(c, segment);
  if (rip && am != AM_RIP) {
    // The handler or the generic path adds RIP: the base is the block's RIP, and the rest is put in when the length is known.
    store<u16>(r + R_BASE, 0xffff);
  }
  store<u8>(r + R_AM, am as u8);
}

/** Flags of the prefixes into a fresh record. */
export function init_flags(c: u32, r: u32, prefixes: u32): void {
  store<u16>(
    r + R_FLAGS,
    (prefixes | (load<u32>(c + C_OSIZE) & RF_SIZE) | (load<u32>(c + C_ASIZE) << RF_ASIZE_SHIFT)) as u16,
  );
}
