// The decoded instruction record: 32 bytes, written by decode/, executed by exec/, read by the JIT. Constants only.
//
//   0  op u16      operation (ops.ts)
//   2  len u8      bytes of the instruction
//   3  am u8       address form; AM_NONE = the r/m operand is a register, or there is none. AM_STORES: the access needs
//                  the right to write
//   4  rm u32      am = AM_NONE: absolute address of the register that is the r/m operand (a quick branch: its distance)
//      base u16, index u16   otherwise: vCPU-page offsets of the address registers (V_ZERO = none)
//   8  reg u32     absolute address of the other operand: a register, the record's own immediate, or
//                    that in the code itself (memory/changing_code.ts)
//   12 off u16     bytes from the start of the block
//   14 quick u8    the quick form (quick.ts)
//   15 span u8     size of the memory operand in bytes minus 1
//   16 flags u16   RF_* below
//   18 seg u8      segment register of the memory operand
//   19 scale u8    shift of the index register
//   20 disp i32    displacement (a branch: relative distance)
//   24 imm i64     immediate, sign-extended to 64 bits (a branch: a link to a block)

export const RECORD_SIZE: u32 = 32;
export const R_OP: u32 = 0;
export const R_LEN: u32 = 2;
export const R_AM: u32 = 3;
export const R_RM: u32 = 4;
export const R_BASE: u32 = 4;
export const R_INDEX: u32 = 6;
export const R_REG: u32 = 8;
export const R_OFF: u32 = 12;
export const R_QUICK: u32 = 14;
export const R_SPAN: u32 = 15;
export const R_FLAGS: u32 = 16;
export const R_SEG: u32 = 18;
export const R_SCALE: u32 = 19;
export const R_DISP: u32 = 20;
export const R_IMM: u32 = 24;
/** Quick branches: i32, target minus RIP of the block. */
export const R_DELTA: u32 = 4;
/** Branches: block that follows when taken. */
export const R_LINK_TAKEN: u32 = 24;

export const AM_NONE: u32 = 0;
/** 64-bit address, no segment base: base + (index << scale) + disp. */
export const AM_64: u32 = 1;
/** Flat 32-bit code: the same, modulo 2^32. */
export const AM_32: u32 = 2;
/** 64-bit address plus the base of FS or GS. */
export const AM_64_SEG: u32 = 3;
/** RIP-relative, where the base cannot be the block's RIP: the sum would not fit the displacement. */
export const AM_RIP: u32 = 4;
/** Everything else: address size, segment base, limit and rights are looked at. */
export const AM_GENERIC: u32 = 5;
/** A 64-bit absolute offset in the immediate (MOV moffs). */
export const AM_MOFFS: u32 = 6;
/** The form without AM_STORES. */
export const AM_FORM: u32 = 7;
/** Beside the form: the access needs TLB_WRITE, which is the same number. */
export const AM_STORES: u32 = 8;

// R_FLAGS.
/** Operand size as log2 of bytes: 0..3. */
export const RF_SIZE: u32 = 3;
/** Address size as log2 of bytes (1, 2, 3), shifted by RF_ASIZE_SHIFT. */
export const RF_ASIZE_SHIFT: u32 = 2;
export const RF_LOCK: u32 = 0x10;
/** F3. */
export const RF_REP: u32 = 0x20;
/** F2. */
export const RF_REPNE: u32 = 0x40;
/** The 66 prefix was there. */
export const RF_66: u32 = 0x80;
/** The r/m operand is in memory (also where am is AM_NONE because the handler itself accesses it: LEA, far pointers, tables). */
export const RF_MEMORY: u32 = 0x100;
/** The access is a read-modify-write (AM_STORES is set). */
export const RF_RMW: u32 = 0x200;
/** The handler computes the address with `effective_address` and accesses memory itself (base, index, seg, scale, disp are set, am is AM_NONE). */
export const RF_ADDRESS_ONLY: u32 = 0x400;
/** A memory operand that is not aligned to its size is #GP(0) (legacy SSE, VMOVAPS and their kin). */
export const RF_ALIGNED: u32 = 0x800;
/** modrm.reg as a number (0..15), shifted by RF_REGNO_SHIFT. */
export const RF_REGNO_SHIFT: u32 = 12;

// A block: header, records, and after the last instruction either a branch or OP_END.
export const BLOCK_HEADER: u32 = 32;
export const B_HVA: u32 = 0; // u32 hva of the first byte; 0xffffffff = dead
export const B_MODE: u32 = 4; // u32 V_MODE it was decoded for
export const B_COUNT: u32 = 8; // u32 instructions
export const B_BYTES: u32 = 12; // u32 bytes of code
export const B_RECORDS: u32 = 16; // u32 records, OP_END included
export const B_CHAIN: u32 = 20; // u32 next block of the same chain, 0 = last
export const B_HEAT: u32 = 24; // i32 how often it was entered; HEAT_LIMIT and more: run.ts looks at it
/** u32: number of the region that begins here; with BORN, since when it is counted, in 2^BORN_SHIFT instructions of the vCPU; 0 = neither. */
export const B_REGION: u32 = 28;
export const BORN: u32 = 0x80000000;
export const BORN_SHIFT: u32 = 20;

/** The heat at which a block is compiled. */
export const HEAT_LIMIT: i32 = 1000000;

/** What a handler returns to the dispatcher. */
export const FLOW_NEXT: u32 = 0;
/** V_RIP holds the address of the next instruction; the block ends. */
export const FLOW_BRANCH: u32 = 1;
/** V_FAULT is set; RIP stays at this instruction. */
export const FLOW_FAULT: u32 = 2;
/** Completed; the block ends because state that blocks depend on has changed. RIP moves past the instruction. */
export const FLOW_STOP: u32 = 3;
/** An exit is in the run page and the instruction is complete: RIP moves past it. */
export const FLOW_EXIT: u32 = 4;
/** An exit is in the run page and the instruction starts again on re-entry: RIP stays. */
export const FLOW_EXIT_RESTART: u32 = 5;
/** Not complete, and no exit: the block ends and the instruction starts again (REP interrupted, exclusive wait). */
export const FLOW_RESTART: u32 = 6;
/** V_RIP is set as by FLOW_BRANCH, and an exit is in the run page. */
export const FLOW_EXIT_BRANCH: u32 = 7;
/** What a handler returns instead of FLOW_BRANCH when nothing can come in behind it: exec/retire.ts makes it FLOW_BRANCH. */
export const FLOW_ON: u32 = 8;

/** Longest block, in instructions. */
export const BLOCK_MAX: u32 = 64;
/** Longest instruction (SDM vol. 2, 2.3.11). */
export const INSN_MAX: u32 = 15;
