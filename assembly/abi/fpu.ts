// The x87, MMX, SSE and AVX state of one vCPU in its live form, offsets from the vCPU page (it lies in the page VCPU_FPU).
// FXSAVE and XSAVE images, struct kvm_fpu and struct kvm_xsave are made from it and read into it. Constants only.
import { VCPU_FPU, VCPU_PAGE } from './map';

const FPU: u32 = VCPU_FPU - VCPU_PAGE;

/** x87 control word (u32, bits 16 up are 0). */
export const V_FCW: u32 = FPU + 0x00;
/** x87 status word without TOP (bits 11..13 are 0 here); ES and B follow the exception bits. */
export const V_FSW: u32 = FPU + 0x04;
/** TOP, 0..7 (u32). */
export const V_FTOP: u32 = FPU + 0x08;
/** Bit i: physical register i is not empty (the abridged tag word of FXSAVE). */
export const V_FTAG: u32 = FPU + 0x0c;
/** Last x87 instruction: opcode (11 bits), its address and its operand's. The selectors are deprecated and always 0. */
export const V_FOP: u32 = FPU + 0x10;
export const V_FIP: u32 = FPU + 0x18; // u64
export const V_FDP: u32 = FPU + 0x20; // u64
export const V_MXCSR: u32 = FPU + 0x2c;
/** Exception flags that the floating-point instruction in hand has raised (bits as in FSW and MXCSR), before anything is written. */
export const V_FLOAT_FLAGS: u32 = FPU + 0x30;
/** PKRU. */
export const V_PKRU: u32 = FPU + 0x34;

/** u32: IGNNE#, 1 = the waiting x87 exception is ignored (port 0xf0 was written). */
export const V_IGNNE: u32 = FPU + 0x38;

/** Physical x87 registers R0..R7, 16 bytes each: significand u64, sign and exponent u16. MMi is the significand of Ri. */
export const V_ST: u32 = FPU + 0x080;
export const ST_STRIDE: u32 = 16;
export const ST_EXPONENT: u32 = 8;
/** YMM0..YMM15, 32 bytes each; XMMi is the low half of YMMi. */
export const V_YMM: u32 = FPU + 0x100;
export const YMM_STRIDE: u32 = 32;
/** A result that is written to its destination only when no unmasked exception was raised (64 bytes). */
export const V_FLOAT_RESULT: u32 = FPU + 0x300;
/** u32 beside a significand that an x87 function of exec/x87_scalar.ts gives: sign and exponent, or X87_FAILED. */
export const V_X87_WORD: u32 = FPU + 0x340;
/** Three operands of the long way of such a function, as registers. */
export const V_X87_A: u32 = FPU + 0x350;
export const V_X87_B: u32 = FPU + 0x360;
export const V_X87_Z: u32 = FPU + 0x370;
/** Nothing was calculated and nothing has changed. */
export const X87_FAILED: u32 = 0x80000000;
/** Beside sign and exponent of an operand: its sign has been turned, for a subtraction. */
export const X87_TURNED: u32 = 0x10000;
/** Scratch of the floating-point core: numbers taken apart (assembly/float), 1 KiB. */
export const V_FLOAT: u32 = FPU + 0x400;

// Exception flags of FSW and MXCSR, and their masks: << 0 in FCW, << 7 in MXCSR.
export const FE_INVALID: u32 = 0x01;
export const FE_DENORMAL: u32 = 0x02;
export const FE_ZERO_DIVIDE: u32 = 0x04;
export const FE_OVERFLOW: u32 = 0x08;
export const FE_UNDERFLOW: u32 = 0x10;
export const FE_INEXACT: u32 = 0x20;
export const FE_ALL: u32 = 0x3f;
// FSW.
export const FSW_SF: u32 = 0x40;
export const FSW_ES: u32 = 0x80;
export const FSW_C0: u32 = 0x100;
export const FSW_C1: u32 = 0x200;
export const FSW_C2: u32 = 0x400;
export const FSW_C3: u32 = 0x4000;
export const FSW_B: u32 = 0x8000;
export const FSW_TOP_SHIFT: u32 = 11;
// MXCSR.
export const MXCSR_DAZ: u32 = 0x40;
export const MXCSR_MASK_SHIFT: u32 = 7;
export const MXCSR_RC_SHIFT: u32 = 13;
export const MXCSR_FTZ: u32 = 0x8000;
export const MXCSR_BITS: u32 = 0xffff;
export const MXCSR_RESET: u32 = 0x1f80;
export const FCW_INIT: u32 = 0x37f;
/** Bits of FCW that can be written, and the one that is always 1. */
export const FCW_BITS: u32 = 0x1f3f;
export const FCW_ONE: u32 = 0x40;

// The FXSAVE image, and the XSAVE image in standard form that goes on behind it (SDM vol. 1, 10.5.1 and 13.4): offsets, bytes.
// Where components lie, CPUID.0DH announces; PKRU where Intel's processors have it.
export const IMAGE_FCW: u32 = 0;
export const IMAGE_FSW: u32 = 2;
export const IMAGE_TAG: u32 = 4;
export const IMAGE_FOP: u32 = 6;
export const IMAGE_FIP: u32 = 8;
export const IMAGE_FDP: u32 = 16;
export const IMAGE_MXCSR: u32 = 24;
export const IMAGE_MXCSR_MASK: u32 = 28;
export const IMAGE_ST: u32 = 32;
export const IMAGE_XMM: u32 = 160;
export const IMAGE_HEADER: u32 = 512;
export const IMAGE_AVX: u32 = 576;
export const IMAGE_AVX_BYTES: u32 = 256;
export const IMAGE_PKRU: u32 = 2688;
export const IMAGE_PKRU_BYTES: u32 = 8;
/** Bytes of an FXSAVE image, and of an XSAVE image without a component of its own. */
export const FXSAVE_BYTES: u32 = 512;
export const XSAVE_LEAST_BYTES: u32 = 576;

// Rounding control, in FCW bits 10..11 and MXCSR bits 13..14.
export const ROUND_NEAREST: u32 = 0;
export const ROUND_DOWN: u32 = 1;
export const ROUND_UP: u32 = 2;
export const ROUND_ZERO: u32 = 3;

// State components of XCR0.
export const XCR0_X87: u32 = 1;
export const XCR0_SSE: u32 = 2;
export const XCR0_AVX: u32 = 4;
export const XCR0_PKRU: u32 = 0x200;
