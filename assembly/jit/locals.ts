// The locals of an emitted function and the functions that it imports. Numbers only.
//
// In 64-bit code registers, addresses and what flags are made of are i64, in 32-bit code i32.

/** The parameter: address of the vCPU page. */
export const L_V: u32 = 0;
/** Instructions that may still retire, as of the start of the block in hand. */
export const L_BUDGET: u32 = 1;
/** The TLB's entry in hand, and an address in memory. */
export const L_ENTRY: u32 = 2;
export const L_ADDRESS: u32 = 3;
/** What the function returns. */
export const L_FLOW: u32 = 4;
/** V_TLB. */
export const L_TLB: u32 = 5;
/** V_LF_KIND and V_LF_CF. */
export const L_KIND: u32 = 6;
export const L_CF: u32 = 7;
/** For the instruction in hand. */
export const L_A32: u32 = 8;
export const L_B32: u32 = 9;
export const L_R32: u32 = 10;
export const L_CARRY: u32 = 11;
/** 2 + CF of a rotation behind the instruction that made the flags, 0 = none: it replaces their CF. */
export const L_OVER: u32 = 12;
export const I32_LOCALS: u32 = 12;
export const L_A64: u32 = 13;
export const L_B64: u32 = 14;
export const L_R64: u32 = 15;
export const I64_LOCALS: u32 = 3;
// From here on as wide as the code is.
/** V_RIP at the entry. */
export const L_RIP: u32 = 16;
/** A linear address. */
export const L_LA: u32 = 17;
/** V_LF_A, V_LF_B, V_LF_RES. */
export const L_A: u32 = 18;
export const L_B: u32 = 19;
export const L_RES: u32 = 20;
/** The sixteen general registers; those of the vCPU page are written at the same time. */
export const L_GPR: u32 = 21;
export const CODE_LOCALS: u32 = 21;
/** For vectors: not 0 = MXCSR or its sticky flags must be looked at (i32). */
export const L_SLOW: u32 = L_RIP + CODE_LOCALS;
/** Operands and result of the instruction in hand. */
export const L_X64: u32 = L_SLOW + 1;
export const L_Y64: u32 = L_SLOW + 2;
export const L_Z64: u32 = L_SLOW + 3;
/** Operands of the comparison that made the flags. */
export const L_LEFT: u32 = L_SLOW + 4;
export const L_RIGHT: u32 = L_SLOW + 5;
export const F64_LOCALS: u32 = 5;
export const L_X32: u32 = L_SLOW + 6;
export const L_Y32: u32 = L_SLOW + 7;
export const L_Z32: u32 = L_SLOW + 8;
export const F32_LOCALS: u32 = 3;
/** The same as vectors, and what was found out about them. */
export const L_XV: u32 = L_SLOW + 9;
export const L_YV: u32 = L_SLOW + 10;
export const L_ZV: u32 = L_SLOW + 11;
export const L_TV: u32 = L_SLOW + 12;
export const V128_LOCALS: u32 = 4;
/** Vector registers that the region uses, see vector_registers.ts; those of the vCPU page are written at the same time. */
export const L_REGISTERS: u32 = L_SLOW + 13;
/** Values of the x87, where a region has such instructions: they follow the vector registers, see x87_state.ts. */
export const X87_LOCALS: u32 = 10;

// Imported functions (exec/compiled.ts).
export const F_READ: u32 = 0;
export const F_WRITE: u32 = 1;
export const F_MODIFY: u32 = 2;
export const F_FINISH: u32 = 3;
export const F_RECORD: u32 = 4;
export const F_CONDITION: u32 = 5;
export const F_CARRY: u32 = 6;
export const F_ZERO_PRODUCT: u32 = 7;
export const F_OVERFLOW: u32 = 8;
export const F_PUSH: u32 = 9;
export const F_CALL: u32 = 10;
/** Records by their handlers: vCPU, budget, record, address of its memory operand. */
export const F_LIGHT: u32 = 11;
/** The same for what reads MXCSR: 1 = L_SLOW; and for COMISS and its kin. */
export const F_FLOAT: u32 = 12;
export const F_COMPARE: u32 = 13;
/** STOS and MOVS where the TLB does not answer. */
export const F_STRING: u32 = 14;
export const F_FLAGS: u32 = 15;
export const F_HIGH: u32 = 16;
export const F_X87: u32 = 17;
export const F_X87_SETTLE: u32 = 18;
export const F_X87_ONE: u32 = 19;
export const F_X87_COMPARE: u32 = 20;
export const F_X87_SUM: u32 = 21;
export const F_X87_PRODUCT: u32 = 22;
export const F_X87_QUOTIENT: u32 = 23;
export const F_X87_SUM64: u32 = 24;
export const F_X87_PRODUCT64: u32 = 25;
export const F_OPENS: u32 = 26;
export const IMPORTED: u32 = 27;
