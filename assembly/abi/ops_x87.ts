// Operations of the x87 family and what its records hold. Constants only.
//
// Eight numbers make a group, and a group belongs to one file of exec/ (x87.ts).
//
// A register operand ST(i) is no address, for TOP moves: it is the low three bits of R_FOP. A memory operand arrives as ever.
import { OP_X87 } from './ops';

/** u16: the opcode as FOP keeps it: three bits of the escape byte, then ModRM (SDM vol. 1, 8.1.9). */
export const R_FOP: u32 = 24;

// Arithmetic and comparison in the manual's order: base + modrm.reg. a = ST(0), b = the other operand.
export const ARITHMETIC_ADD: u32 = 0;
export const ARITHMETIC_MUL: u32 = 1;
export const ARITHMETIC_COM: u32 = 2;
export const ARITHMETIC_COMP: u32 = 3;
export const ARITHMETIC_SUB: u32 = 4; // a - b
export const ARITHMETIC_SUBR: u32 = 5; // b - a
export const ARITHMETIC_DIV: u32 = 6; // a / b
export const ARITHMETIC_DIVR: u32 = 7; // b / a

/** b = ST(i), result to ST(0). */
export const OP_F_ST0: u32 = OP_X87 + 0x00;
/** b = ST(i), result to ST(i). */
export const OP_F_STI: u32 = OP_X87 + 0x08;
/** The same, then pop. */
export const OP_F_STI_POP: u32 = OP_X87 + 0x10;
export const OP_F_M32: u32 = OP_X87 + 0x18;
export const OP_F_M64: u32 = OP_X87 + 0x20;
export const OP_F_I32: u32 = OP_X87 + 0x28;
export const OP_F_I16: u32 = OP_X87 + 0x30;

// Loads from memory.
export const OP_FLD_M32: u32 = OP_X87 + 0x39;
export const OP_FLD_M64: u32 = OP_X87 + 0x3a;
export const OP_FLD_M80: u32 = OP_X87 + 0x3b;
export const OP_FILD_16: u32 = OP_X87 + 0x3c;
export const OP_FILD_32: u32 = OP_X87 + 0x3d;
export const OP_FILD_64: u32 = OP_X87 + 0x3e;
export const OP_FBLD: u32 = OP_X87 + 0x3f;
/** FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ: + 0..6. */
export const OP_FLD_CONSTANT: u32 = OP_X87 + 0x40;
// Moves inside the stack.
export const OP_FXCH: u32 = OP_X87 + 0x48;
export const OP_FST_STI: u32 = OP_X87 + 0x49;
export const OP_FSTP_STI: u32 = OP_X87 + 0x4a;
/** D9 D8+i, an alias that raises nothing when ST(0) is empty. */
export const OP_FSTP1: u32 = OP_X87 + 0x4b;
export const OP_FCHS: u32 = OP_X87 + 0x4c;
export const OP_FABS: u32 = OP_X87 + 0x4d;
export const OP_FNOP: u32 = OP_X87 + 0x4e;
export const OP_FINCSTP: u32 = OP_X87 + 0x4f;
export const OP_FDECSTP: u32 = OP_X87 + 0x50;
export const OP_FFREE: u32 = OP_X87 + 0x51;
export const OP_FFREEP: u32 = OP_X87 + 0x52;
/** FCMOVcc; the condition, as of Jcc, in R_SEG. */
export const OP_FCMOV: u32 = OP_X87 + 0x53;
export const OP_FLD_STI: u32 = OP_X87 + 0x54;
export const OP_FXAM: u32 = OP_X87 + 0x55;
// Stores.
export const OP_FST_M32: u32 = OP_X87 + 0x58;
export const OP_FST_M64: u32 = OP_X87 + 0x59;
export const OP_FSTP_M32: u32 = OP_X87 + 0x5a;
export const OP_FSTP_M64: u32 = OP_X87 + 0x5b;
export const OP_FSTP_M80: u32 = OP_X87 + 0x5c;
export const OP_FIST_16: u32 = OP_X87 + 0x5d;
export const OP_FIST_32: u32 = OP_X87 + 0x5e;
export const OP_FISTP_16: u32 = OP_X87 + 0x5f;
export const OP_FISTP_32: u32 = OP_X87 + 0x60;
export const OP_FISTP_64: u32 = OP_X87 + 0x61;
export const OP_FISTTP_16: u32 = OP_X87 + 0x62;
export const OP_FISTTP_32: u32 = OP_X87 + 0x63;
export const OP_FISTTP_64: u32 = OP_X87 + 0x64;
export const OP_FBSTP: u32 = OP_X87 + 0x65;
// Comparisons that arithmetic's table does not hold.
export const OP_FCOMPP: u32 = OP_X87 + 0x68;
export const OP_FUCOM: u32 = OP_X87 + 0x69;
export const OP_FUCOMP: u32 = OP_X87 + 0x6a;
export const OP_FUCOMPP: u32 = OP_X87 + 0x6b;
export const OP_FCOMI: u32 = OP_X87 + 0x6c;
export const OP_FCOMIP: u32 = OP_X87 + 0x6d;
export const OP_FUCOMI: u32 = OP_X87 + 0x6e;
export const OP_FUCOMIP: u32 = OP_X87 + 0x6f;
export const OP_FTST: u32 = OP_X87 + 0x70;
/** D9 F0 .. D9 FF in the manual's order, without FINCSTP and FDECSTP: + modrm - F0. */
export const OP_F_UNARY: u32 = OP_X87 + 0x80;
export const OP_F2XM1: u32 = OP_F_UNARY + 0x0;
export const OP_FYL2X: u32 = OP_F_UNARY + 0x1;
export const OP_FPTAN: u32 = OP_F_UNARY + 0x2;
export const OP_FPATAN: u32 = OP_F_UNARY + 0x3;
export const OP_FXTRACT: u32 = OP_F_UNARY + 0x4;
export const OP_FPREM1: u32 = OP_F_UNARY + 0x5;
export const OP_FPREM: u32 = OP_F_UNARY + 0x8;
export const OP_FYL2XP1: u32 = OP_F_UNARY + 0x9;
export const OP_FSQRT: u32 = OP_F_UNARY + 0xa;
export const OP_FSINCOS: u32 = OP_F_UNARY + 0xb;
export const OP_FRNDINT: u32 = OP_F_UNARY + 0xc;
export const OP_FSCALE: u32 = OP_F_UNARY + 0xd;
export const OP_FSIN: u32 = OP_F_UNARY + 0xe;
export const OP_FCOS: u32 = OP_F_UNARY + 0xf;

/** Control instructions from here on: they leave FIP, FDP and FOP alone (SDM vol. 1, 8.1.8). */
export const OP_F_CONTROL: u32 = OP_X87 + 0x90;
export const OP_FLDCW: u32 = OP_X87 + 0x90;
export const OP_FLDENV: u32 = OP_X87 + 0x91; // RF_ADDRESS_ONLY, as the other images
export const OP_FRSTOR: u32 = OP_X87 + 0x92;
/** From here on an exception that waits is not looked at. */
export const OP_F_NO_WAIT: u32 = OP_X87 + 0x93;
export const OP_FNSTCW: u32 = OP_X87 + 0x93;
export const OP_FNSTSW: u32 = OP_X87 + 0x94; // memory or AX
export const OP_FNSTENV: u32 = OP_X87 + 0x95;
export const OP_FNSAVE: u32 = OP_X87 + 0x96;
export const OP_FNCLEX: u32 = OP_X87 + 0x97;
export const OP_FNINIT: u32 = OP_X87 + 0x98;
/** FNENI, FNDISI, FNSETPM: nothing since the 80387. */
export const OP_FNNOP: u32 = OP_X87 + 0x99;

// What compiled regions ask of compiled_x87_one (exec/compiled_x87.ts): what a number is made of, or made into.
export const ONE_M32: u32 = 0;
export const ONE_M64: u32 = 1;
export const ONE_INTEGER: u32 = 2;
export const ONE_TO_M32: u32 = 3;
export const ONE_TO_M64: u32 = 4;
/** + log2 of the integer's bytes, 1..3: by rounding control, and cut off. */
export const ONE_TO_INTEGER: u32 = 4;
export const ONE_FISTTP: u32 = 7;
export const ONE_ROOT: u32 = 11;
/** Beside sign and exponent of the second number of a comparison. */
export const ONE_QUIET: u32 = 0x10000;
export const ONE_FLAGS: u32 = 0x20000;
/** Beside TOP and the tags << 8 that compiled_x87_settle writes: which of them, and what else. */
export const SETTLE_STACK: u32 = 0x10000;
export const SETTLE_C1: u32 = 0x20000;
export const SETTLE_FIP: u32 = 0x40000;
