// Quick forms: the one byte R_QUICK of a record that lets the dispatcher execute the commonest instructions at once, and a
// comparison together with its branch. Everything else of the record is as it would be without. Constants only.

/** No quick form: R_OP and R_AM say what is to be done. */
export const Q_NONE: u32 = 0;

// Moves, ALU operations, INC and DEC between a register (R_RM) and a register or immediate (R_REG).
export const Q_MOV_32: u32 = 1;
export const Q_MOV_64: u32 = 2;
export const Q_ADD_32: u32 = 3;
export const Q_ADD_64: u32 = 4;
export const Q_OR_32: u32 = 5;
export const Q_OR_64: u32 = 6;
export const Q_ADC_32: u32 = 7;
export const Q_ADC_64: u32 = 8;
export const Q_SBB_32: u32 = 9;
export const Q_SBB_64: u32 = 10;
export const Q_AND_32: u32 = 11;
export const Q_AND_64: u32 = 12;
export const Q_SUB_32: u32 = 13;
export const Q_SUB_64: u32 = 14;
export const Q_XOR_32: u32 = 15;
export const Q_XOR_64: u32 = 16;
export const Q_CMP_32: u32 = 17;
export const Q_CMP_64: u32 = 18;
export const Q_TEST_32: u32 = 19;
export const Q_TEST_64: u32 = 20;
export const Q_CMP_8: u32 = 21;
export const Q_TEST_8: u32 = 22;
export const Q_INC_32: u32 = 23;
export const Q_INC_64: u32 = 24;
export const Q_DEC_32: u32 = 25;
export const Q_DEC_64: u32 = 26;
export const Q_NEG_32: u32 = 27;
export const Q_NEG_64: u32 = 28;
export const Q_NOT_32: u32 = 29;
export const Q_NOT_64: u32 = 30;

// Shifts of a register by an immediate; LEA; moves that extend (32 and 64 bits alike when they fill with zeros).
export const Q_SHL_32: u32 = 31;
export const Q_SHR_32: u32 = 32;
export const Q_SAR_32: u32 = 33;
export const Q_SHL_64: u32 = 34;
export const Q_SHR_64: u32 = 35;
export const Q_SAR_64: u32 = 36;
export const Q_LEA_32: u32 = 37;
export const Q_LEA_64: u32 = 38;
export const Q_ZX8: u32 = 39;
export const Q_ZX16: u32 = 40;
export const Q_SX8_32: u32 = 41;
export const Q_SX_64: u32 = 42;
export const Q_NOP: u32 = 43;

// Shifts of a register by CL.
export const Q_SHL_32_C: u32 = 44;
export const Q_SHL_64_C: u32 = 45;
export const Q_SHR_32_C: u32 = 46;
export const Q_SHR_64_C: u32 = 47;
export const Q_SAR_32_C: u32 = 48;
export const Q_SAR_64_C: u32 = 49;

// Products (R_REG times R_RM), and what depends on a condition.
export const Q_IMUL_32: u32 = 50;
export const Q_IMUL_64: u32 = 51;
export const Q_SETCC: u32 = 52;
export const Q_CMOV_32: u32 = 53;
export const Q_CMOV_64: u32 = 54;

// The same without flags, for where others replace them before anything can see them.
export const Q_ADD_32_N: u32 = 55;
export const Q_ADD_64_N: u32 = 56;
export const Q_OR_32_N: u32 = 57;
export const Q_OR_64_N: u32 = 58;
export const Q_AND_32_N: u32 = 59;
export const Q_AND_64_N: u32 = 60;
export const Q_SUB_32_N: u32 = 61;
export const Q_SUB_64_N: u32 = 62;
export const Q_XOR_32_N: u32 = 63;
export const Q_XOR_64_N: u32 = 64;
export const Q_INC_32_N: u32 = 65;
export const Q_INC_64_N: u32 = 66;
export const Q_DEC_32_N: u32 = 67;
export const Q_DEC_64_N: u32 = 68;
export const Q_SHL_32_N: u32 = 69;
export const Q_SHR_32_N: u32 = 70;
export const Q_SAR_32_N: u32 = 71;
export const Q_SHL_64_N: u32 = 72;
export const Q_SHR_64_N: u32 = 73;
export const Q_SAR_64_N: u32 = 74;
export const Q_IMUL_32_N: u32 = 75;
export const Q_IMUL_64_N: u32 = 76;

// The stack, 64-bit code and flat 32-bit code.
export const Q_PUSH_64: u32 = 77;
export const Q_PUSH_32: u32 = 78;
export const Q_POP_64: u32 = 79;
export const Q_POP_32: u32 = 80;
export const Q_CALL_64: u32 = 81;
export const Q_CALL_32: u32 = 82;
export const Q_RET_64: u32 = 83;
export const Q_RET_32: u32 = 84;

// Branches inside a page: the distance from the block's start is in R_DELTA. Then those that leave it.
export const Q_JMP: u32 = 85;
export const Q_JZ: u32 = 86;
export const Q_JNZ: u32 = 87;
export const Q_JCC: u32 = 88;
export const Q_JMP_FAR: u32 = 89;
export const Q_JCC_FAR: u32 = 90;

// A comparison and the branch behind it, which has R_DELTA, and in R_REG the outcomes (OUTCOME_*) that it is taken for.
export const Q_CMP_8_J: u32 = 91;
export const Q_CMP_32_J: u32 = 92;
export const Q_CMP_64_J: u32 = 93;
export const Q_TEST_8_J: u32 = 94;
export const Q_TEST_32_J: u32 = 95;
export const Q_TEST_64_J: u32 = 96;
export const Q_CMP_R_32_J: u32 = 97;
export const Q_CMP_R_64_J: u32 = 98;
export const Q_CMP_M_8_J: u32 = 99;
export const Q_CMP_M_32_J: u32 = 100;
export const Q_CMP_M_64_J: u32 = 101;
export const Q_TEST_M_8_J: u32 = 102;
export const Q_TEST_M_32_J: u32 = 103;

// The same with an operation whose result is compared with 0.
export const Q_ADD_32_J: u32 = 104;
export const Q_ADD_64_J: u32 = 105;
export const Q_AND_32_J: u32 = 106;
export const Q_AND_64_J: u32 = 107;
export const Q_SUB_32_J: u32 = 108;
export const Q_SUB_64_J: u32 = 109;
export const Q_DEC_32_J: u32 = 110;
export const Q_DEC_64_J: u32 = 111;

// Memory at base + displacement: loads.
export const Q_LOAD_8: u32 = 112;
export const Q_LOAD_16: u32 = 113;
export const Q_LOAD_32: u32 = 114;
export const Q_LOAD_64: u32 = 115;
export const Q_LOAD_ZX8: u32 = 116;
export const Q_LOAD_ZX16: u32 = 117;
export const Q_LOAD_SX_64: u32 = 118;
export const Q_CMOV_32_M: u32 = 119;
export const Q_CMOV_64_M: u32 = 120;

// The same with an index.
export const Q_LOAD_32_X: u32 = 121;
export const Q_LOAD_64_X: u32 = 122;
export const Q_LOAD_ZX8_X: u32 = 123;
export const Q_LOAD_ZX16_X: u32 = 124;
export const Q_ADD_32_X: u32 = 125;
export const Q_ADD_64_X: u32 = 126;
export const Q_XOR_32_X: u32 = 127;
export const Q_XOR_64_X: u32 = 128;

// Stores at base + displacement, and with an index.
export const Q_STORE_8: u32 = 129;
export const Q_STORE_16: u32 = 130;
export const Q_STORE_32: u32 = 131;
export const Q_STORE_64: u32 = 132;
export const Q_STORE_8_X: u32 = 133;
export const Q_STORE_16_X: u32 = 134;
export const Q_STORE_32_X: u32 = 135;
export const Q_STORE_64_X: u32 = 136;

// A register and memory at base + displacement.
export const Q_ADD_32_M: u32 = 137;
export const Q_ADD_64_M: u32 = 138;
export const Q_OR_32_M: u32 = 139;
export const Q_OR_64_M: u32 = 140;
export const Q_ADC_32_M: u32 = 141;
export const Q_ADC_64_M: u32 = 142;
export const Q_SBB_32_M: u32 = 143;
export const Q_SBB_64_M: u32 = 144;
export const Q_AND_32_M: u32 = 145;
export const Q_AND_64_M: u32 = 146;
export const Q_SUB_32_M: u32 = 147;
export const Q_SUB_64_M: u32 = 148;
export const Q_XOR_32_M: u32 = 149;
export const Q_XOR_64_M: u32 = 150;

// CMP (register with memory), CMP and TEST (memory with register or immediate) at base + displacement.
export const Q_CMP_R_32: u32 = 151;
export const Q_CMP_R_64: u32 = 152;
export const Q_CMP_M_8: u32 = 153;
export const Q_CMP_M_32: u32 = 154;
export const Q_CMP_M_64: u32 = 155;
export const Q_TEST_M_8: u32 = 156;
export const Q_TEST_M_32: u32 = 157;

/** IN and OUT: their family does the work; this is only the short way to it. */
export const Q_PORT: u32 = 158;

// What a comparison of a with b comes to: a number of four bits. A set of outcomes has a bit for each such number.
export const OUTCOME_BELOW: u32 = 1;
export const OUTCOME_EQUAL: u32 = 2;
export const OUTCOME_LESS: u32 = 4;
export const OUTCOME_NEGATIVE: u32 = 8;
