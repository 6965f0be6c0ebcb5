// A floating-point number taken apart (32 bytes), and the environment of a calculation: what assembly/float works on.
// Constants only.
import { V_FLOAT } from './fpu';

/** u32: CLASS_*. */
export const N_CLASS: u32 = 0;
/** u32: 1 = negative. */
export const N_SIGN: u32 = 4;
/** i32: weight of the significand's top bit. */
export const N_EXP: u32 = 8;
/** u32: 1 = the encoding was denormal or pseudo-denormal. */
export const N_DENORMAL: u32 = 12;
/** u64: significand, top bit set; a NaN's is its payload with the integer bit. */
export const N_SIG: u32 = 16;
/** u64: the bits below; the last one is sticky. */
export const N_LOW: u32 = 24;

export const CLASS_ZERO: u32 = 0;
export const CLASS_NORMAL: u32 = 1;
export const CLASS_INFINITY: u32 = 2;
export const CLASS_QNAN: u32 = 3;
export const CLASS_SNAN: u32 = 4;
/** Extended encodings that modern processors refuse: unnormals, pseudo-infinities, pseudo-NaNs (SDM vol. 1, 8.2.2). */
export const CLASS_UNSUPPORTED: u32 = 5;

/** u32: ROUND_*. */
export const F_ROUNDING: u32 = V_FLOAT;
/** u32: bits that round80 rounds to: 24, 53 or 64. */
export const F_PRECISION: u32 = V_FLOAT + 4;
/** u32: FE_* that are masked. */
export const F_MASKS: u32 = V_FLOAT + 8;
/** u32: not 0 = a tiny result becomes zero (while underflow is masked). */
export const F_FTZ: u32 = V_FLOAT + 12;
/** u32: 1 = the last rounding increased the magnitude. */
export const F_ROUNDED_UP: u32 = V_FLOAT + 16;
export const F_A: u32 = V_FLOAT + 0x40;
export const F_B: u32 = V_FLOAT + 0x60;
export const F_C: u32 = V_FLOAT + 0x80;
export const F_Z: u32 = V_FLOAT + 0xa0;
