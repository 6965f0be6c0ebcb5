// Which general registers and whether the flags a record that is left to the interpreter reads and writes. Who asks may
// spill and load only those. It emits nothing. What is not known here uses all of them.

import {
  AM_FORM,
  AM_GENERIC,
  AM_NONE,
  R_AM,
  R_BASE,
  R_FLAGS,
  R_IMM,
  R_INDEX,
  R_OP,
  R_REG,
  R_RM,
  RF_ADDRESS_ONLY,
  RF_REP,
  RF_REPNE,
} from '../abi/insn';
import {
  ALU_ADC,
  ALU_SBB,
  OP_ALU_END,
  OP_ALU_LOAD,
  OP_ANDN,
  OP_BEXTR,
  OP_BSF,
  OP_BSWAP,
  OP_BT_I,
  OP_CALL,
  OP_CALL_RM,
  OP_CBW,
  OP_CDQ,
  OP_CLAC,
  OP_CLC,
  OP_CLFLUSH,
  OP_CLI,
  OP_CLTS,
  OP_CMC,
  OP_CMOV,
  OP_CMPS,
  OP_CMPXCHG,
  OP_CMPXCHG8B,
  OP_CMPXCHG16B,
  OP_CPUID,
  OP_CRC32,
  OP_DAA,
  OP_DEC,
  OP_DIV,
  OP_ENTER,
  OP_FWAIT,
  OP_FXRSTOR,
  OP_FXSAVE,
  OP_IDIV,
  OP_IMUL,
  OP_IMUL_32,
  OP_IMUL3,
  OP_IN_I,
  OP_INC,
  OP_INS,
  OP_INVD,
  OP_LAHF,
  OP_LDMXCSR,
  OP_LEAVE,
  OP_LOCK_ALU,
  OP_LOCK_NOT,
  OP_LODS,
  OP_MOV_FROM_CR,
  OP_MOV_FROM_DR,
  OP_MOV_FROM_SEG,
  OP_MOV_TO_REG,
  OP_MOV_TO_SEG,
  OP_MOVS,
  OP_MUL,
  OP_MULX,
  OP_NEG,
  OP_OUT_DX,
  OP_OUT_I,
  OP_OUTS,
  OP_PACKED,
  OP_PAUSE,
  OP_POP,
  OP_POP_M,
  OP_POP_R,
  OP_POP_SEG,
  OP_POPA,
  OP_POPF,
  OP_PUSH,
  OP_PUSH_R,
  OP_PUSH_SEG,
  OP_PUSHA,
  OP_PUSHF,
  OP_RDFSBASE,
  OP_RDPID,
  OP_RDPKRU,
  OP_RDRAND,
  OP_RDTSC,
  OP_RDTSCP,
  OP_RET,
  OP_RORX,
  OP_SALC,
  OP_SAR_R64,
  OP_SCAS,
  OP_SETCC,
  OP_SHIFT,
  OP_SHL_R32,
  OP_SHLD_CL,
  OP_SHRD_CL,
  OP_STAC,
  OP_STD,
  OP_STI,
  OP_STOS,
  OP_SWAPGS,
  OP_TEST,
  OP_X87,
  OP_XADD,
  OP_XCHG_M,
  OP_XGETBV,
  OP_XLAT,
  OP_XSAVEOPT,
} from '../abi/ops';
import { OP_COMI, OP_UCOMI } from '../abi/ops_float';
import { OP_MASKMOV } from '../abi/ops_move';
import { OP_PCMPESTRM, OP_PCMPISTRI, OP_PTEST, OP_VTESTPD } from '../abi/ops_packed';
import { OP_FCMOV, OP_FCOMI, OP_FNSTSW, OP_FUCOMIP } from '../abi/ops_x87';
import { V_GPR } from '../abi/vcpu_page';

/** The bit of the flags beside those of the sixteen registers. */
export const USES_FLAGS: u32 = 0x10000;
/** The TLB in force may be another one. */
export const USES_TLB: u32 = 0x20000;
/** All registers and the flags: what is not known. */
export const USES_ALL: u32 = 0x1ffff;

const AX: u32 = 1;
const CX: u32 = 2;
const DX: u32 = 4;
const BX: u32 = 8;
const SP: u32 = 0x10;
const BP: u32 = 0x20;
const SI: u32 = 0x40;
const DI: u32 = 0x80;

/** Beside USES_ALL: what an operation does with the flags. */
const READS: u32 = 0x200000;
const WRITES: u32 = 0x40000;
/** The registers named are read and not written. */
const ONLY_READ: u32 = 0x80000;
/** R_IMM is the number of a register that is an operand too. */
const NUMBERED: u32 = 0x100000;

function mask_of(offset: u32): u32 {
  return offset < 128 ? 1 << (offset >> 3) : 0;
}

/** Registers that the address of the memory operand is made of. */
function of_address(r: u32): u32 {
  const am: u32 = load<u8>(r + R_AM) & AM_FORM;
  if (am > AM_GENERIC || (am == AM_NONE && (load<u16>(r + R_FLAGS) & RF_ADDRESS_ONLY) == 0)) return 0;
  return mask_of(load<u16>(r + R_BASE) - V_GPR) | mask_of(load<u16>(r + R_INDEX) - V_GPR);
}

/** Registers that the record names as operands. */
function of_operands(v: u32, r: u32, kind: u32): u32 {
  let mask = mask_of(load<u32>(r + R_REG) - v - V_GPR);
  if (load<u8>(r + R_AM) == AM_NONE) mask |= mask_of(load<u32>(r + R_RM) - v - V_GPR);
  if (kind & NUMBERED) mask |= 1 << (load<u32>(r + R_IMM) & 15);
  return mask;
}

/** Operations below 0x100. */
function of_hot(op: u32): u32 {
  if (op < OP_TEST) {
    const operation = op < OP_ALU_END ? op >> 3 : (op - OP_ALU_LOAD) >> 2;
    return operation == ALU_ADC || operation == ALU_SBB ? READS | WRITES : WRITES;
  }
  if (op < OP_MOV_TO_REG) return WRITES;
  if (op >= OP_INC && op < OP_DEC + 8) return READS | WRITES;
  if (op == OP_CALL || op == OP_RET || op == OP_CALL_RM || op == OP_PUSH_R || op == OP_POP_R) return SP;
  if (op >= OP_SHL_R32 && op <= OP_SAR_R64) return WRITES;
  if (op == OP_SETCC || (op >= OP_CMOV && op < OP_CMOV + 3)) return READS;
  if (op >= OP_CDQ && op < OP_CBW + 3) return AX | DX;
  if (op >= OP_IMUL_32 && op < OP_IMUL_32 + 2) return WRITES;
  return op >= OP_NEG && op < OP_NEG + 4 ? WRITES : 0;
}

/** Shifts, products, bits: 0x100..0x13f. */
function of_arithmetic(op: u32): u32 {
  if (op < OP_MUL) return READS | WRITES | (op == OP_SHLD_CL || op == OP_SHRD_CL ? CX : 0);
  if (op == OP_MUL || op == OP_IMUL) return AX | DX | WRITES;
  if (op == OP_DIV || op == OP_IDIV) return AX | DX;
  if (op <= OP_IMUL3) return WRITES;
  if (op == OP_MULX) return DX | NUMBERED;
  if (op < OP_BT_I) return USES_ALL;
  if (op < OP_BSF) return READS | WRITES;
  if (op < OP_BSWAP) return WRITES;
  if (op <= OP_CRC32) return 0;
  if (op < OP_ANDN) return READS | WRITES;
  if (op <= OP_BEXTR) return NUMBERED | WRITES;
  return op == OP_RORX ? 0 : NUMBERED;
}

/** Decimal adjustment, single flags and string instructions: 0x140..0x16f. */
function of_bytes(r: u32, op: u32): u32 {
  if (op < OP_CLC) return AX | READS | WRITES;
  if (op <= OP_CMC) return READS | WRITES;
  if (op <= OP_STD) return 0;
  if (op <= OP_SALC) return AX | READS | (op == OP_LAHF || op == OP_SALC ? 0 : WRITES);
  if (op == OP_XLAT) return AX | BX;
  const count: u32 = load<u16>(r + R_FLAGS) & (RF_REP | RF_REPNE) ? CX : 0;
  if (op == OP_MOVS) return SI | DI | count;
  if (op == OP_CMPS) return SI | DI | count | READS | WRITES;
  if (op == OP_STOS) return AX | DI | count;
  if (op == OP_LODS) return AX | SI | count;
  if (op == OP_SCAS) return AX | DI | count | READS | WRITES;
  if (op == OP_INS) return DX | DI | count;
  return op == OP_OUTS ? DX | SI | count : USES_ALL;
}

/** Atomic operations, the stack, segments: 0x170..0x1df. */
function of_memory(op: u32): u32 {
  if (op < OP_LOCK_ALU) return USES_ALL;
  if (op == OP_LOCK_NOT || op == OP_XCHG_M) return 0;
  if (op < OP_XADD) return READS | WRITES;
  if (op == OP_XADD) return WRITES;
  if (op == OP_CMPXCHG) return AX | WRITES;
  if (op == OP_CMPXCHG8B || op == OP_CMPXCHG16B) return AX | BX | CX | DX | READS | WRITES;
  if (op == OP_PUSH || op == OP_POP || op == OP_POP_M || op == OP_PUSH_SEG || op == OP_POP_SEG) return SP;
  if (op == OP_PUSHA || op == OP_POPA) return 0xff;
  if (op == OP_PUSHF) return SP | READS;
  if (op == OP_POPF) return SP | READS | WRITES;
  if (op == OP_ENTER || op == OP_LEAVE) return SP | BP;
  return op == OP_MOV_FROM_SEG || op == OP_MOV_TO_SEG ? 0 : USES_ALL;
}

/** System instructions: 0x200..0x2ff. */
function of_system(op: u32): u32 {
  if (op == OP_CLI || op == OP_STI || op == OP_CLAC || op == OP_STAC || op == OP_CLTS) return 0;
  if (op == OP_SWAPGS || op == OP_PAUSE || op == OP_CLFLUSH || op == OP_INVD || op == OP_RDPID) return 0;
  if (op == OP_MOV_FROM_CR || op == OP_MOV_FROM_DR) return 0;
  if (op == OP_RDRAND) return WRITES;
  if (op >= OP_RDFSBASE && op < OP_RDFSBASE + 4) return 0;
  if (op == OP_RDTSC) return AX | DX;
  if (op == OP_RDTSCP || op == OP_XGETBV || op == OP_RDPKRU) return AX | CX | DX;
  if (op == OP_CPUID) return AX | BX | CX | DX;
  if (op >= OP_OUT_I && op <= OP_OUT_DX) return AX | DX | ONLY_READ;
  if (op >= OP_IN_I && op < OP_OUT_I) return AX | DX;
  if (op == OP_FXSAVE || op == OP_FXRSTOR) return 0;
  if (op > OP_FXRSTOR && op <= OP_XSAVEOPT) return AX | DX | ONLY_READ;
  return op >= OP_LDMXCSR && op <= OP_FWAIT ? 0 : USES_ALL;
}

/** Floating point and vectors: 0x300 and above. */
function of_unit(op: u32): u32 {
  if (op < OP_PACKED) {
    if (op == OP_FNSTSW) return AX;
    if (op == OP_FCMOV) return READS;
    return op >= OP_FCOMI && op <= OP_FUCOMIP ? WRITES : 0;
  }
  if (op >= OP_PCMPESTRM && op <= OP_PCMPISTRI) return AX | CX | DX | WRITES;
  if ((op >= OP_PTEST && op <= OP_VTESTPD) || (op >= OP_UCOMI && op < OP_COMI + 2)) return WRITES;
  return op == OP_MASKMOV ? DI | ONLY_READ : 0;
}

/** What the operation does beside its operands. */
function kind_of(r: u32): u32 {
  const op: u32 = load<u16>(r + R_OP);
  if (op < OP_SHIFT) return of_hot(op);
  if (op < OP_DAA) return of_arithmetic(op);
  if (op < 0x170) return of_bytes(r, op);
  if (op < 0x1e0) return of_memory(op);
  return op < OP_X87 ? of_system(op) : of_unit(op);
}

/**
 * What must be in the vCPU page before the record `r` of vCPU `v` is executed: registers as a mask, and USES_FLAGS. All that it
 * may write is among them, for it may fault first, write a part of a register, or write nothing.
 */
export function read_registers(v: u32, r: u32): u32 {
  const kind = kind_of(r);
  const mask = (kind & USES_ALL) | of_address(r) | of_operands(v, r, kind);
  return kind & (READS | WRITES) ? mask | USES_FLAGS : mask;
}

/** What may be different behind it. */
export function written_registers(v: u32, r: u32): u32 {
  const kind = kind_of(r);
  const mask = (kind & ONLY_READ ? 0 : kind & USES_ALL) | of_operands(v, r, kind);
  const op: u32 = load<u16>(r + R_OP);
  if (op == OP_CLAC || op == OP_STAC) return mask | USES_TLB;
  return kind & WRITES ? mask | USES_FLAGS : mask;
}
