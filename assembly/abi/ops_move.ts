// Operations of the family OP_VECTOR_MOVE: MMX, SSE and AVX instructions that move data, between vectors, memory and general
// registers, executed by exec/vector_move.ts and exec/vector_masked.ts; base OP_VECTOR_MOVE. Constants only.
//
// "Vector" is what R_FORM says: 8, 16 or 32 bytes. Loads write the vector register R_REG and read the r/m operand; stores write
// the r/m operand, memory or a general register, from R_REG. A store to a vector register is the load with both exchanged.

// --- between vectors and memory
/** MOVAPS and its kin, MOVNTDQA, LDDQU, MOVQ of MMX: R_REG <- r/m, the whole vector. */
export const OP_LOAD_VECTOR: u32 = 0x700;
/** MOVAPS, MOVNTPS and their kin: r/m (memory) <- R_REG, the whole vector. */
export const OP_STORE_VECTOR: u32 = 0x701;
/** MOVD, and MOVSS from memory: R_REG <- 4 bytes, zeros above. */
export const OP_LOAD_32: u32 = 0x702;
/** MOVQ, and MOVSD from memory: R_REG <- 8 bytes, zeros above. */
export const OP_LOAD_64: u32 = 0x703;
/** MOVD, MOVSS, EXTRACTPS: r/m <- the 4 bytes at R_REG. */
export const OP_STORE_32: u32 = 0x704;
/** MOVQ, MOVSD, MOVLPS, MOVHPS: r/m <- the 8 bytes at R_REG, which may be an upper half. */
export const OP_STORE_64: u32 = 0x705;
/** MOVSS between registers: R_REG <- R_SRC with the low 4 bytes of r/m. */
export const OP_MERGE_32: u32 = 0x706;
/** MOVSD between registers, MOVLPS, MOVHLPS: R_REG <- R_SRC with 8 bytes of r/m below (MOVHLPS: r/m is the upper half). */
export const OP_MERGE_LOW: u32 = 0x707;
/** MOVHPS, MOVLHPS: R_REG <- R_SRC with 8 bytes of r/m above. */
export const OP_MERGE_HIGH: u32 = 0x708;
/** R_REG (XMM) <- r/m (MMX), zeros above. */
export const OP_MOVQ2DQ: u32 = 0x709;
/** R_REG (MMX) <- the low half of r/m (XMM). */
export const OP_MOVDQ2Q: u32 = 0x70a;
/** r/m of 8 bytes with 128 bits. */
export const OP_MOVDDUP: u32 = 0x70b;
export const OP_MOVSLDUP: u32 = 0x70c;
export const OP_MOVSHDUP: u32 = 0x70d;

// --- between vectors and general registers
/** General register R_REG <- sign bits of r/m. */
export const OP_MOVMSKPS: u32 = 0x70e;
export const OP_MOVMSKPD: u32 = 0x70f;
export const OP_PMOVMSKB: u32 = 0x710;
/** r/m (memory or a general register) <- element R_IMM8 of R_REG, with zeros above in a register: + log2 of its bytes. */
export const OP_PEXTR: u32 = 0x711; // .. 0x714
/** R_REG <- R_SRC with element R_IMM8 from r/m (memory or a general register): + log2 of its bytes. */
export const OP_PINSR: u32 = 0x715; // .. 0x718

// --- AVX
/** All elements of R_REG <- r/m of one element: + log2 of its bytes (8 to 128 bits). */
export const OP_VBROADCAST: u32 = 0x719; // .. 0x71d
/** VEXTRACTF128, VEXTRACTI128: r/m (memory or XMM) <- half R_IMM8[0] of R_REG. */
export const OP_VEXTRACTF128: u32 = 0x71e;
/** All registers of the mode: their upper halves, or with FORM_VEX_256 all of them. */
export const OP_VZERO: u32 = 0x71f;

// --- element by element, RF_ADDRESS_ONLY: only the elements that a mask selects are accessed and may fault
/** MASKMOVQ, MASKMOVDQU: bytes of R_REG by the sign bits of R_RM, to R_SEG:rDI. No address form. */
export const OP_MASKMOV: u32 = 0x720;
/** VMASKMOVPS, VPMASKMOVD (+ 0), VMASKMOVPD, VPMASKMOVQ (+ 1): mask in R_SRC. */
export const OP_VMASKMOV_LOAD: u32 = 0x721;
export const OP_VMASKMOV_STORE: u32 = 0x723;
/** VGATHER, VPGATHER: + 1 with elements of 64 bits, + 2 with indices of 64 bits; mask in R_SRC, indices in register R_FOURTH. */
export const OP_VGATHER: u32 = 0x725; // .. 0x728
