// Operations of the family OP_PACKED: MMX, SSE, AVX and AVX2 instructions whose result is a pure function of vectors and an
// immediate, executed by exec/packed.ts; base OP_PACKED. Constants only.
//
// The destination is R_REG, the first source R_SRC, the second the r/m operand, the immediate R_IMM8, whatever R_FORM. Unless a
// comment says otherwise the r/m operand is the whole vector: 8 bytes with FORM_MMX, 16 with FORM_SSE and FORM_VEX_128, 32 with
// FORM_VEX_256. "Unary" operations do not read R_SRC. Instructions that do the same to the bit share a number.

// --- element by element: wrapping, saturating, products, means, comparisons
export const OP_PADDB: u32 = 0x400;
export const OP_PADDW: u32 = 0x401;
export const OP_PADDD: u32 = 0x402;
export const OP_PADDQ: u32 = 0x403;
export const OP_PADDSB: u32 = 0x404;
export const OP_PADDSW: u32 = 0x405;
export const OP_PADDUSB: u32 = 0x406;
export const OP_PADDUSW: u32 = 0x407;
export const OP_PSUBB: u32 = 0x408;
export const OP_PSUBW: u32 = 0x409;
export const OP_PSUBD: u32 = 0x40a;
export const OP_PSUBQ: u32 = 0x40b;
export const OP_PSUBSB: u32 = 0x40c;
export const OP_PSUBSW: u32 = 0x40d;
export const OP_PSUBUSB: u32 = 0x40e;
export const OP_PSUBUSW: u32 = 0x40f;
export const OP_PMULLW: u32 = 0x410;
export const OP_PMULHW: u32 = 0x411;
export const OP_PMULHUW: u32 = 0x412;
export const OP_PMULHRSW: u32 = 0x413;
export const OP_PMULLD: u32 = 0x414;
export const OP_PMULUDQ: u32 = 0x415;
export const OP_PMULDQ: u32 = 0x416;
export const OP_PMADDWD: u32 = 0x417;
export const OP_PMADDUBSW: u32 = 0x418;
export const OP_PSADBW: u32 = 0x419;
export const OP_PAVGB: u32 = 0x41a;
export const OP_PAVGW: u32 = 0x41b;
export const OP_PMINUB: u32 = 0x41c;
export const OP_PMINUW: u32 = 0x41d;
export const OP_PMINUD: u32 = 0x41e;
export const OP_PMINSB: u32 = 0x41f;
export const OP_PMINSW: u32 = 0x420;
export const OP_PMINSD: u32 = 0x421;
export const OP_PMAXUB: u32 = 0x422;
export const OP_PMAXUW: u32 = 0x423;
export const OP_PMAXUD: u32 = 0x424;
export const OP_PMAXSB: u32 = 0x425;
export const OP_PMAXSW: u32 = 0x426;
export const OP_PMAXSD: u32 = 0x427;
export const OP_PCMPEQB: u32 = 0x428;
export const OP_PCMPEQW: u32 = 0x429;
export const OP_PCMPEQD: u32 = 0x42a;
export const OP_PCMPEQQ: u32 = 0x42b;
export const OP_PCMPGTB: u32 = 0x42c;
export const OP_PCMPGTW: u32 = 0x42d;
export const OP_PCMPGTD: u32 = 0x42e;
export const OP_PCMPGTQ: u32 = 0x42f;
export const OP_PAND: u32 = 0x430; // and ANDPS, ANDPD
export const OP_PANDN: u32 = 0x431; // and ANDNPS, ANDNPD
export const OP_POR: u32 = 0x432; // and ORPS, ORPD
export const OP_PXOR: u32 = 0x433; // and XORPS, XORPD
export const OP_PABSB: u32 = 0x434; // unary
export const OP_PABSW: u32 = 0x435; // unary
export const OP_PABSD: u32 = 0x436; // unary
export const OP_PSIGNB: u32 = 0x437;
export const OP_PSIGNW: u32 = 0x438;
export const OP_PSIGND: u32 = 0x439;
export const OP_VPSLLVD: u32 = 0x43a; // count of each element in the r/m operand
export const OP_VPSLLVQ: u32 = 0x43b; // count of each element in the r/m operand
export const OP_VPSRLVD: u32 = 0x43c; // count of each element in the r/m operand
export const OP_VPSRLVQ: u32 = 0x43d; // count of each element in the r/m operand
export const OP_VPSRAVD: u32 = 0x43e; // count of each element in the r/m operand

// --- across the elements of a lane
export const OP_PHADDW: u32 = 0x43f;
export const OP_PHADDD: u32 = 0x440;
export const OP_PHADDSW: u32 = 0x441;
export const OP_PHSUBW: u32 = 0x442;
export const OP_PHSUBD: u32 = 0x443;
export const OP_PHSUBSW: u32 = 0x444;
export const OP_PACKSSWB: u32 = 0x445;
export const OP_PACKSSDW: u32 = 0x446;
export const OP_PACKUSWB: u32 = 0x447;
export const OP_PACKUSDW: u32 = 0x448;
export const OP_PUNPCKLBW: u32 = 0x449; // MMX: r/m is 4 bytes
export const OP_PUNPCKLWD: u32 = 0x44a; // MMX: r/m is 4 bytes
export const OP_PUNPCKLDQ: u32 = 0x44b; // and UNPCKLPS; MMX: r/m is 4 bytes
export const OP_PUNPCKLQDQ: u32 = 0x44c; // and UNPCKLPD
export const OP_PUNPCKHBW: u32 = 0x44d;
export const OP_PUNPCKHWD: u32 = 0x44e;
export const OP_PUNPCKHDQ: u32 = 0x44f; // and UNPCKHPS
export const OP_PUNPCKHQDQ: u32 = 0x450; // and UNPCKHPD
export const OP_PSHUFB: u32 = 0x451;
export const OP_VPERMILPS: u32 = 0x452; // control in the r/m operand; the form with an immediate is OP_PSHUFD
export const OP_VPERMILPD: u32 = 0x453; // control in the r/m operand
export const OP_PHMINPOSUW: u32 = 0x454; // unary
export const OP_AESENC: u32 = 0x455;
export const OP_AESENCLAST: u32 = 0x456;
export const OP_AESDEC: u32 = 0x457;
export const OP_AESDECLAST: u32 = 0x458;
export const OP_AESIMC: u32 = 0x459; // unary
export const OP_SHA1NEXTE: u32 = 0x45a;
export const OP_SHA1MSG1: u32 = 0x45b;
export const OP_SHA1MSG2: u32 = 0x45c;
export const OP_SHA256MSG1: u32 = 0x45d;
export const OP_SHA256MSG2: u32 = 0x45e;

// --- with an immediate in R_IMM8
export const OP_PSHUFD: u32 = 0x45f; // unary; and VPERMILPS with an immediate
export const OP_PSHUFHW: u32 = 0x460; // unary
export const OP_PSHUFLW: u32 = 0x461; // unary
export const OP_PSHUFW: u32 = 0x462; // unary; FORM_MMX only
export const OP_SHUFPS: u32 = 0x463;
export const OP_SHUFPD: u32 = 0x464;
export const OP_VPERMILPD_I: u32 = 0x465; // unary
export const OP_PALIGNR: u32 = 0x466;
export const OP_PBLENDW: u32 = 0x467;
export const OP_BLENDPS: u32 = 0x468; // and VPBLENDD
export const OP_BLENDPD: u32 = 0x469;
export const OP_MPSADBW: u32 = 0x46a;
export const OP_AESKEYGENASSIST: u32 = 0x46b; // unary
export const OP_SHA1RNDS4: u32 = 0x46c;
export const OP_PCLMULQDQ: u32 = 0x46d;

// --- with a third vector: XMM0, or with VEX the register R_FOURTH
export const OP_SHA256RNDS2: u32 = 0x46e;
export const OP_PBLENDVB: u32 = 0x46f;
export const OP_BLENDVPS: u32 = 0x470;
export const OP_BLENDVPD: u32 = 0x471;

// --- shifts by the low 64 bits of the r/m operand, which is 8 bytes with FORM_MMX and 16 in every other form, VEX.256 too
export const OP_PSLLW: u32 = 0x472;
export const OP_PSLLD: u32 = 0x473;
export const OP_PSLLQ: u32 = 0x474;
export const OP_PSRLW: u32 = 0x475;
export const OP_PSRLD: u32 = 0x476;
export const OP_PSRLQ: u32 = 0x477;
export const OP_PSRAW: u32 = 0x478;
export const OP_PSRAD: u32 = 0x479;
// --- shifts by R_IMM8: the source is the r/m operand (a register), the destination R_REG (the same one, or VEX.vvvv); unary
export const OP_PSLLW_I: u32 = 0x47a;
export const OP_PSLLD_I: u32 = 0x47b;
export const OP_PSLLQ_I: u32 = 0x47c;
export const OP_PSRLW_I: u32 = 0x47d;
export const OP_PSRLD_I: u32 = 0x47e;
export const OP_PSRLQ_I: u32 = 0x47f;
export const OP_PSRAW_I: u32 = 0x480;
export const OP_PSRAD_I: u32 = 0x481;
export const OP_PSLLDQ_I: u32 = 0x482;
export const OP_PSRLDQ_I: u32 = 0x483;

// --- widening, unary: the r/m operand has a half, a quarter or an eighth of the bytes of the destination
export const OP_PMOVSXBW: u32 = 0x484; // 8 bytes, VEX.256: 16
export const OP_PMOVSXBD: u32 = 0x485; // 4 bytes, VEX.256: 8
export const OP_PMOVSXBQ: u32 = 0x486; // 2 bytes, VEX.256: 4
export const OP_PMOVSXWD: u32 = 0x487; // 8 bytes, VEX.256: 16
export const OP_PMOVSXWQ: u32 = 0x488; // 4 bytes, VEX.256: 8
export const OP_PMOVSXDQ: u32 = 0x489; // 8 bytes, VEX.256: 16
export const OP_PMOVZXBW: u32 = 0x48a; // 8 bytes, VEX.256: 16
export const OP_PMOVZXBD: u32 = 0x48b; // 4 bytes, VEX.256: 8
export const OP_PMOVZXBQ: u32 = 0x48c; // 2 bytes, VEX.256: 4
export const OP_PMOVZXWD: u32 = 0x48d; // 8 bytes, VEX.256: 16
export const OP_PMOVZXWQ: u32 = 0x48e; // 4 bytes, VEX.256: 8
export const OP_PMOVZXDQ: u32 = 0x48f; // 8 bytes, VEX.256: 16

// --- across lanes, FORM_VEX_256 only
export const OP_VPERMD: u32 = 0x490; // and VPERMPS: indices in R_SRC, data in the r/m operand
export const OP_VPERMQ: u32 = 0x491; // and VPERMPD: unary, R_IMM8
export const OP_VPERM2F128: u32 = 0x492; // and VPERM2I128: R_IMM8
export const OP_VINSERTF128: u32 = 0x493; // and VINSERTI128: R_IMM8; the r/m operand is 16 bytes

// --- one element
export const OP_INSERTPS: u32 = 0x494; // R_IMM8; the r/m operand in memory is 4 bytes

// --- results in flags: the first operand is R_REG, which is not written
export const OP_PTEST: u32 = 0x495;
export const OP_VTESTPS: u32 = 0x496;
export const OP_VTESTPD: u32 = 0x497;
// --- string comparisons into XMM0 or ECX, and flags: the first operand is R_REG; the r/m operand is 16 bytes, aligned or not;
//     R_WIDE: the explicit lengths are RAX and RDX
export const OP_PCMPESTRM: u32 = 0x498;
export const OP_PCMPESTRI: u32 = 0x499;
export const OP_PCMPISTRM: u32 = 0x49a;
export const OP_PCMPISTRI: u32 = 0x49b;
