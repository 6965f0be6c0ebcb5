// The x87 register stack: ST(i), tags, pushes and pops, and how an instruction leaves its exceptions in FSW
// (SDM vol. 1, 8.1.2, 8.5.1 and 8.7). Computes nothing.
import {
  FE_ALL,
  FE_INEXACT,
  FE_INVALID,
  FSW_B,
  FSW_C1,
  FSW_ES,
  FSW_SF,
  ST_EXPONENT,
  ST_STRIDE,
  V_FCW,
  V_FSW,
  V_FTAG,
  V_FTOP,
  V_ST,
} from '../abi/fpu';

/** Real indefinite: the QNaN that answers a masked invalid operation. */
export const INDEFINITE_EXPONENT: u32 = 0xffff;
export const INDEFINITE_SIGNIFICAND: u64 = 0xc000000000000000;
/** Sign of a register's upper 16 bits, and its exponent. */
export const SIGN: u32 = 0x8000;
export const EXPONENT: u32 = 0x7fff;
/** The explicit integer bit of a significand. */
export const INTEGER_BIT: u64 = 0x8000000000000000;
/** The bit that makes a NaN quiet. */
export const QUIET_BIT: u64 = 0x4000000000000000;
export const BIAS: i32 = 0x3fff;

/** Address of ST(i). */
export function st(v: u32, i: u32): u32 {
  return v + V_ST + ((load<u32>(v + V_FTOP) + i) & 7) * ST_STRIDE;
}

export function is_empty(v: u32, i: u32): bool {
  return ((load<u32>(v + V_FTAG) >> ((load<u32>(v + V_FTOP) + i) & 7)) & 1) == 0;
}

export function mark_valid(v: u32, i: u32): void {
  store<u32>(v + V_FTAG, load<u32>(v + V_FTAG) | (1 << ((load<u32>(v + V_FTOP) + i) & 7)));
}

export function mark_empty(v: u32, i: u32): void {
  store<u32>(v + V_FTAG, load<u32>(v + V_FTAG) & ~(1 << ((load<u32>(v + V_FTOP) + i) & 7)));
}

/** Makes a new ST(0), valid and not yet written, and gives its address. */
export function push(v: u32): u32 {
  const top = (load<u32>(v + V_FTOP) - 1) & 7;
  store<u32>(v + V_FTOP, top);
  store<u32>(v + V_FTAG, load<u32>(v + V_FTAG) | (1 << top));
  return v + V_ST + top * ST_STRIDE;
}

export function pop(v: u32): void {
  const top = load<u32>(v + V_FTOP);
  store<u32>(v + V_FTAG, load<u32>(v + V_FTAG) & ~(1 << top));
  store<u32>(v + V_FTOP, (top + 1) & 7);
}

/** Writes a register's 80 bits at address `to`. */
export function put(to: u32, significand: u64, exponent: u32): void {
  store<u64>(to, significand);
  store<u16>(to + ST_EXPONENT, exponent as u16);
}

export function put_indefinite(to: u32): void {
  put(to, INDEFINITE_SIGNIFICAND, INDEFINITE_EXPONENT);
}

export function clear_c1(v: u32): void {
  const fsw = load<u32>(v + V_FSW);
  if (fsw & FSW_C1) store<u32>(v + V_FSW, fsw & ~FSW_C1);
}

/** Notes exceptions in FSW; gives back those that are unmasked. */
export function signal(v: u32, flags: u32): u32 {
  const unmasked = flags & ~load<u32>(v + V_FCW) & FE_ALL;
  store<u32>(v + V_FSW, load<u32>(v + V_FSW) | flags | (unmasked ? FSW_ES | FSW_B : 0));
  return unmasked;
}

/** Notes PE, and in C1 whether the rounding went up. */
export function note_inexact(v: u32, up: bool): void {
  const masked = (load<u32>(v + V_FCW) & FE_INEXACT) != 0;
  const fsw = load<u32>(v + V_FSW) & ~FSW_C1;
  store<u32>(v + V_FSW, fsw | FE_INEXACT | (up ? FSW_C1 : 0) | (masked ? 0 : FSW_ES | FSW_B));
}

/** An empty register is read: true when the masked response follows. */
export function stack_underflow(v: u32): bool {
  clear_c1(v);
  return signal(v, FE_INVALID | FSW_SF) == 0;
}

/** True when there is room for a push; else the overflow is answered and the instruction is over. */
export function has_room(v: u32): bool {
  if (is_empty(v, 7)) return true;
  if (stack_overflow(v)) put_indefinite(push(v));
  return false;
}

/** A register in use would be pushed upon: true when the masked response follows. */
export function stack_overflow(v: u32): bool {
  store<u32>(v + V_FSW, load<u32>(v + V_FSW) | FSW_C1);
  return signal(v, FE_INVALID | FSW_SF) == 0;
}
