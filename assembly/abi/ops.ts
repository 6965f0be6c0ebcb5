// Operations of decoded records. 0..0xff are executed inside the dispatcher (exec/dispatch.ts); every family
// above has a file of its own in exec/ and a dense range here, so that each switch becomes a jump table.
//
// Naming of the hot ones: OP_<what>_<destination>_<bits>; R = register, M = memory, S = any source address.

// --- ALU, eight operations in the manual's order (add or adc sbb and sub xor cmp), by size and destination:
//     OP_ALU + operation * 8 + size * 2 + (destination is memory)
export const OP_ALU: u32 = 0x00;
export const OP_ALU_END: u32 = 0x40;
export const ALU_ADD: u32 = 0;
export const ALU_OR: u32 = 1;
export const ALU_ADC: u32 = 2;
export const ALU_SBB: u32 = 3;
export const ALU_AND: u32 = 4;
export const ALU_SUB: u32 = 5;
export const ALU_XOR: u32 = 6;
export const ALU_CMP: u32 = 7;
// ALU with the r/m operand as the source (op reg, r/m): OP_ALU_LOAD + operation * 4 + size
export const OP_ALU_LOAD: u32 = 0x40; // .. 0x5f
export const OP_TEST: u32 = 0x60; // + size; r/m with reg or immediate
export const OP_MOV_TO_REG: u32 = 0x64; // + size; register <- address in R_REG (register or immediate)
export const OP_MOV_STORE: u32 = 0x68; // + size; memory r/m <- address in R_REG
export const OP_MOV_LOAD: u32 = 0x6c; // + size; register in R_REG <- memory r/m
export const OP_MOVZX8: u32 = 0x70; // + size (16, 32, 64: 1..3) reg <- r/m8
export const OP_MOVZX16: u32 = 0x74; // + size
export const OP_MOVSX8: u32 = 0x78; // + size
export const OP_MOVSX16: u32 = 0x7c; // + size
export const OP_MOVSXD: u32 = 0x80;
export const OP_LEA_64: u32 = 0x81; // 64-bit address, 64-bit operand
export const OP_LEA_32: u32 = 0x82; // 32-bit address, 32-bit operand
export const OP_LEA_GENERIC: u32 = 0x83;
export const OP_INC: u32 = 0x84; // + size * 2 + memory
export const OP_DEC: u32 = 0x8c; // + size * 2 + memory
export const OP_JMP: u32 = 0x94; // relative
export const OP_JCC: u32 = 0x95; // relative; condition in R_SEG
export const OP_CALL: u32 = 0x96; // near relative, flat or 64-bit stack
export const OP_RET: u32 = 0x97; // near, flat or 64-bit stack
export const OP_PUSH_R: u32 = 0x98; // full-width register or immediate in R_REG, flat or 64-bit stack
export const OP_POP_R: u32 = 0x99;
export const OP_JMP_RM: u32 = 0x9a; // near indirect
export const OP_CALL_RM: u32 = 0x9b;
export const OP_SHL_R32: u32 = 0x9c; // by immediate 1..31 (63), register destination
export const OP_SHR_R32: u32 = 0x9d;
export const OP_SAR_R32: u32 = 0x9e;
export const OP_SHL_R64: u32 = 0x9f;
export const OP_SHR_R64: u32 = 0xa0;
export const OP_SAR_R64: u32 = 0xa1;
export const OP_SETCC: u32 = 0xa2; // condition in R_IMM; r/m8
export const OP_CMOV: u32 = 0xa3; // + size (1..3 -> a3, a4, a5); condition in R_IMM
export const OP_NOP: u32 = 0xa6;
export const OP_XCHG_R: u32 = 0xa7; // + size (0..3), register with register
export const OP_CDQ: u32 = 0xab; // + size (1..3: CWD CDQ CQO -> ab ac ad)
export const OP_CBW: u32 = 0xae; // + size (1..3: CBW CWDE CDQE -> ae af b0)
export const OP_IMUL_32: u32 = 0xb1; // reg <- reg * r/m
export const OP_IMUL_64: u32 = 0xb2;
export const OP_NOT: u32 = 0xb3; // + size, r/m
export const OP_NEG: u32 = 0xb7; // + size, r/m
export const OP_END: u32 = 0xbf; // pseudo record after the last instruction of a cut block

// --- families, see exec/ -------------------------------------------------------------------------------------
/** exec/shift.ts: r/m by imm8 / CL / 1. OP_SHIFT + operation (rol ror rcl rcr shl shr sal sar); count: R_REG = address of a byte. */
export const OP_SHIFT: u32 = 0x100; // .. 0x107
export const OP_SHLD: u32 = 0x108; // r/m, reg (number in RF_REGNO), count in R_IMM; R_REG = register address
export const OP_SHLD_CL: u32 = 0x109;
export const OP_SHRD: u32 = 0x10a;
export const OP_SHRD_CL: u32 = 0x10b;
/** exec/muldiv.ts, operand size from R_FLAGS. */
export const OP_MUL: u32 = 0x110;
export const OP_IMUL: u32 = 0x111; // one operand
export const OP_DIV: u32 = 0x112;
export const OP_IDIV: u32 = 0x113;
export const OP_IMUL2: u32 = 0x114; // reg <- reg * r/m
export const OP_IMUL3: u32 = 0x115; // reg <- r/m * imm
export const OP_MULX: u32 = 0x116; // VEX.vvvv register number (0..15) in R_IMM
/** exec/bit.ts. Bit index operand: register in R_REG or imm. BT m,reg addresses memory beyond the operand: RF_ADDRESS_ONLY. */
export const OP_BT_I: u32 = 0x120; // BT BTS BTR BTC r/m, imm8: + 0..3
export const OP_BT_R: u32 = 0x124; // BT BTS BTR BTC r/m, reg: + 0..3 (memory form: RF_ADDRESS_ONLY)
export const OP_BSF: u32 = 0x128;
export const OP_BSR: u32 = 0x129;
export const OP_TZCNT: u32 = 0x12a;
export const OP_LZCNT: u32 = 0x12b;
export const OP_POPCNT: u32 = 0x12c;
export const OP_BSWAP: u32 = 0x12d; // register in R_REG
export const OP_MOVBE_LOAD: u32 = 0x12e;
export const OP_MOVBE_STORE: u32 = 0x12f;
export const OP_CRC32: u32 = 0x130; // R_SPAN + 1 = source size
export const OP_ADCX: u32 = 0x131;
export const OP_ADOX: u32 = 0x132;
export const OP_ANDN: u32 = 0x133; // VEX.vvvv register number (0..15) in R_IMM for this and the following (RORX: the count)
export const OP_BLSR: u32 = 0x134;
export const OP_BLSMSK: u32 = 0x135;
export const OP_BLSI: u32 = 0x136;
export const OP_BZHI: u32 = 0x137;
export const OP_BEXTR: u32 = 0x138;
export const OP_PEXT: u32 = 0x139;
export const OP_PDEP: u32 = 0x13a;
export const OP_RORX: u32 = 0x13b;
export const OP_SARX: u32 = 0x13c;
export const OP_SHLX: u32 = 0x13d;
export const OP_SHRX: u32 = 0x13e;
/** exec/bcd.ts and simple flag and byte instructions. */
export const OP_DAA: u32 = 0x140;
export const OP_DAS: u32 = 0x141;
export const OP_AAA: u32 = 0x142;
export const OP_AAS: u32 = 0x143;
export const OP_AAM: u32 = 0x144; // imm8 in R_IMM
export const OP_AAD: u32 = 0x145;
export const OP_CLC: u32 = 0x146;
export const OP_STC: u32 = 0x147;
export const OP_CMC: u32 = 0x148;
export const OP_CLD: u32 = 0x149;
export const OP_STD: u32 = 0x14a;
export const OP_LAHF: u32 = 0x14b;
export const OP_SAHF: u32 = 0x14c;
export const OP_SALC: u32 = 0x14d;
export const OP_XLAT: u32 = 0x14e; // segment in R_SEG
/** exec/string.ts: OP + nothing; size, address size, REP from R_FLAGS; source segment in R_SEG. */
export const OP_MOVS: u32 = 0x160;
export const OP_CMPS: u32 = 0x161;
export const OP_STOS: u32 = 0x162;
export const OP_LODS: u32 = 0x163;
export const OP_SCAS: u32 = 0x164;
export const OP_INS: u32 = 0x165;
export const OP_OUTS: u32 = 0x166;
/** exec/locked.ts: memory destinations that are atomic, and compare-exchange in every form. */
export const OP_LOCK_ALU: u32 = 0x170; // + operation 0..6, source address in R_REG
export const OP_LOCK_INC: u32 = 0x177;
export const OP_LOCK_DEC: u32 = 0x178;
export const OP_LOCK_NOT: u32 = 0x179;
export const OP_LOCK_NEG: u32 = 0x17a;
export const OP_LOCK_BT: u32 = 0x17b; // BTS BTR BTC: + 0..2 imm; (reg form: OP_BT_R with RF_LOCK)
export const OP_XCHG_M: u32 = 0x17f; // register with memory, always locked
export const OP_XADD: u32 = 0x180; // RF_LOCK says whether locked
export const OP_CMPXCHG: u32 = 0x181;
export const OP_CMPXCHG8B: u32 = 0x182;
export const OP_CMPXCHG16B: u32 = 0x183;
/** exec/stack.ts: every stack instruction that is not one of the hot ones, any mode. */
export const OP_PUSH: u32 = 0x190; // register, immediate or memory r/m: source address is rm
export const OP_POP: u32 = 0x191; // to register (R_REG)
export const OP_POP_M: u32 = 0x192; // to memory: RF_ADDRESS_ONLY (the address is computed after RSP moved)
export const OP_PUSHA: u32 = 0x193;
export const OP_POPA: u32 = 0x194;
export const OP_PUSHF: u32 = 0x195;
export const OP_POPF: u32 = 0x196;
export const OP_ENTER: u32 = 0x197; // size in low 16 bits of R_IMM, level in bits 16..23
export const OP_LEAVE: u32 = 0x198;
export const OP_PUSH_SEG: u32 = 0x199; // segment number in R_SEG
export const OP_POP_SEG: u32 = 0x19a;
/** exec/branch.ts: near branches in their general form. Relative distance in R_DISP. */
export const OP_CALL_NEAR: u32 = 0x1a0;
export const OP_RET_NEAR: u32 = 0x1a1; // R_IMM = bytes to release
export const OP_CALL_NEAR_RM: u32 = 0x1a2;
export const OP_JMP_NEAR_RM: u32 = 0x1a3;
export const OP_LOOPNE: u32 = 0x1a4;
export const OP_LOOPE: u32 = 0x1a5;
export const OP_LOOP: u32 = 0x1a6;
export const OP_JCXZ: u32 = 0x1a7;
export const OP_JMP_NEAR: u32 = 0x1a8; // relative with 16-bit operand size or limit checks
export const OP_JCC_NEAR: u32 = 0x1a9; // condition in R_SEG
/** exec/far.ts: segment loads, far transfers, interrupts, fast system calls. */
export const OP_MOV_FROM_SEG: u32 = 0x1c0; // r/m <- sreg RF_REGNO (memory: 16 bits)
export const OP_MOV_TO_SEG: u32 = 0x1c1; // sreg RF_REGNO <- r/m16
export const OP_LOAD_FAR: u32 = 0x1c2; // LES LDS LSS LFS LGS: segment number in R_IMM, reg in R_REG, RF_ADDRESS_ONLY
export const OP_JMP_FAR: u32 = 0x1c3; // immediate: offset in low 32 bits of R_IMM, selector in bits 32..47
export const OP_CALL_FAR: u32 = 0x1c4;
export const OP_JMP_FAR_M: u32 = 0x1c5; // RF_ADDRESS_ONLY
export const OP_CALL_FAR_M: u32 = 0x1c6;
export const OP_RET_FAR: u32 = 0x1c7; // R_IMM = bytes to release
export const OP_IRET: u32 = 0x1c8;
export const OP_INT: u32 = 0x1c9; // vector in R_IMM
export const OP_INT3: u32 = 0x1ca;
export const OP_INT1: u32 = 0x1cb;
export const OP_INTO: u32 = 0x1cc;
export const OP_BOUND: u32 = 0x1cd; // RF_ADDRESS_ONLY
export const OP_SYSCALL: u32 = 0x1ce;
export const OP_SYSRET: u32 = 0x1cf;
export const OP_SYSENTER: u32 = 0x1d0;
export const OP_SYSEXIT: u32 = 0x1d1;
export const OP_UD: u32 = 0x1d2; // #UD, also every undefined encoding
export const OP_RSM: u32 = 0x1d4; // exec/rsm.ts
export const OP_NM: u32 = 0x1d3; // #NM: x87, MMX, SSE or AVX while CR0 forbids it
/** exec/control.ts: system registers and instructions. */
export const OP_MOV_FROM_CR: u32 = 0x200; // CR number in R_IMM, register address in R_REG
export const OP_MOV_TO_CR: u32 = 0x201;
export const OP_MOV_FROM_DR: u32 = 0x202;
export const OP_MOV_TO_DR: u32 = 0x203;
export const OP_SGDT: u32 = 0x204; // RF_ADDRESS_ONLY for these four
export const OP_SIDT: u32 = 0x205;
export const OP_LGDT: u32 = 0x206;
export const OP_LIDT: u32 = 0x207;
export const OP_SMSW: u32 = 0x208;
export const OP_LMSW: u32 = 0x209;
export const OP_INVLPG: u32 = 0x20a; // RF_ADDRESS_ONLY
export const OP_CLTS: u32 = 0x20b;
export const OP_INVD: u32 = 0x20c; // and WBINVD
export const OP_SLDT: u32 = 0x20d;
export const OP_STR: u32 = 0x20e;
export const OP_LLDT: u32 = 0x20f;
export const OP_LTR: u32 = 0x210;
export const OP_VERR: u32 = 0x211;
export const OP_VERW: u32 = 0x212;
export const OP_LAR: u32 = 0x213;
export const OP_LSL: u32 = 0x214;
export const OP_ARPL: u32 = 0x215;
export const OP_CLI: u32 = 0x216;
export const OP_STI: u32 = 0x217;
export const OP_HLT: u32 = 0x218;
export const OP_SWAPGS: u32 = 0x219;
export const OP_RDFSBASE: u32 = 0x21a; // RDFSBASE RDGSBASE WRFSBASE WRGSBASE: + 0..3
export const OP_INVPCID: u32 = 0x21e; // RF_ADDRESS_ONLY
export const OP_CLAC: u32 = 0x21f;
export const OP_STAC: u32 = 0x220;
export const OP_XGETBV: u32 = 0x221;
export const OP_XSETBV: u32 = 0x222;
export const OP_MONITOR: u32 = 0x223;
export const OP_MWAIT: u32 = 0x224;
export const OP_PAUSE: u32 = 0x225;
export const OP_VMCALL: u32 = 0x226;
export const OP_RDPKRU: u32 = 0x227;
export const OP_WRPKRU: u32 = 0x228;
export const OP_CLFLUSH: u32 = 0x229; // and CLFLUSHOPT; RF_ADDRESS_ONLY
/** exec/msr.ts. */
export const OP_RDMSR: u32 = 0x230;
export const OP_WRMSR: u32 = 0x231;
export const OP_RDTSC: u32 = 0x232;
export const OP_RDTSCP: u32 = 0x233;
export const OP_RDPMC: u32 = 0x234;
export const OP_CPUID: u32 = 0x235;
export const OP_RDPID: u32 = 0x236;
export const OP_RDRAND: u32 = 0x237; // r/m register; RDSEED too
/** exec/io.ts: size from R_FLAGS; port: R_IMM for the immediate forms. */
export const OP_IN_I: u32 = 0x240;
export const OP_IN_DX: u32 = 0x241;
export const OP_OUT_I: u32 = 0x242;
export const OP_OUT_DX: u32 = 0x243;
/** exec/fpu_state.ts: the state of x87, MMX, SSE and AVX as a whole. RF_ADDRESS_ONLY; R_FLAGS size 3 = the 64-bit image. */
export const OP_FXSAVE: u32 = 0x260;
export const OP_FXRSTOR: u32 = 0x261;
export const OP_XSAVE: u32 = 0x262;
export const OP_XRSTOR: u32 = 0x263;
export const OP_XSAVEOPT: u32 = 0x264;
export const OP_LDMXCSR: u32 = 0x265; // r/m32, an ordinary operand
export const OP_STMXCSR: u32 = 0x266;
export const OP_EMMS: u32 = 0x267;
export const OP_FWAIT: u32 = 0x268;

// Floating point and vectors: each range is a family with constants of its own.
/** exec/x87.ts, operations in ops_x87.ts. */
export const OP_X87: u32 = 0x300; // .. 0x3ff
/** exec/packed.ts, operations in ops_packed.ts: results that are a pure function of vectors and an immediate. */
export const OP_PACKED: u32 = 0x400; // .. 0x5ff
/** exec/sse_float.ts, operations in ops_float.ts: everything that reads MXCSR. */
export const OP_FLOAT: u32 = 0x600; // .. 0x6ff
/** exec/vector_move.ts, operations in ops_move.ts: moves, masks, gathers, transfers with general registers. */
export const OP_VECTOR_MOVE: u32 = 0x700; // .. 0x7ff
/** Pseudo record: fetching this instruction faulted; V_FAULT* values are in R_IMM and R_DISP. */
export const OP_FETCH_FAULT: u32 = 0x2f0;
