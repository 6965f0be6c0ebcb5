// The x87 escapes D8 to DF (SDM vol. 2, A.5), with the aliases that processors execute beside the documented encodings.
import { R_RM, R_SEG } from '../abi/insn';
import {
  OP_F_I16,
  OP_F_I32,
  OP_F_M32,
  OP_F_M64,
  OP_F_ST0,
  OP_F_STI,
  OP_F_STI_POP,
  OP_F_UNARY,
  OP_FABS,
  OP_FBLD,
  OP_FBSTP,
  OP_FCHS,
  OP_FCMOV,
  OP_FCOMI,
  OP_FCOMIP,
  OP_FCOMPP,
  OP_FDECSTP,
  OP_FFREE,
  OP_FFREEP,
  OP_FILD_16,
  OP_FILD_32,
  OP_FILD_64,
  OP_FINCSTP,
  OP_FIST_16,
  OP_FIST_32,
  OP_FISTP_16,
  OP_FISTP_32,
  OP_FISTP_64,
  OP_FISTTP_16,
  OP_FISTTP_32,
  OP_FISTTP_64,
  OP_FLD_CONSTANT,
  OP_FLD_M32,
  OP_FLD_M64,
  OP_FLD_M80,
  OP_FLD_STI,
  OP_FLDCW,
  OP_FLDENV,
  OP_FNCLEX,
  OP_FNINIT,
  OP_FNNOP,
  OP_FNOP,
  OP_FNSAVE,
  OP_FNSTCW,
  OP_FNSTENV,
  OP_FNSTSW,
  OP_FRSTOR,
  OP_FST_M32,
  OP_FST_M64,
  OP_FST_STI,
  OP_FSTP_M32,
  OP_FSTP_M64,
  OP_FSTP_M80,
  OP_FSTP_STI,
  OP_FSTP1,
  OP_FTST,
  OP_FUCOM,
  OP_FUCOMI,
  OP_FUCOMIP,
  OP_FUCOMP,
  OP_FUCOMPP,
  OP_FXAM,
  OP_FXCH,
  R_FOP,
} from '../abi/ops_x87';
import { V_GPR } from '../abi/vcpu_page';
import { C_OSIZE } from './cursor';
import { ADDRESS, fetch_modrm, modrm_is_register, modrm_op, READ, rm_operand_bytes, WRITE } from './modrm';
import { undefined_opcode } from './record';
import { set_unit_op, UNIT_X87 } from './simd';

/** No such instruction. */
const NONE: u32 = 0;

/** Decodes the instruction behind escape byte `op`. */
export function decode_x87(c: u32, v: u32, r: u32, op: u32): void {
  const modrm = fetch_modrm(c);
  const found = modrm_is_register(c) ? register_form(v, r, op, modrm) : memory_form(c, v, r, op);
  if (found == NONE) return undefined_opcode(c, r);
  store<u16>(r + R_FOP, (((op & 7) << 8) | modrm) as u16);
  set_unit_op(c, r, found, UNIT_X87);
}

function memory_form(c: u32, v: u32, r: u32, op: u32): u32 {
  const operation = modrm_op(c);
  switch (op) {
    case 0xd8:
      return operand(c, v, r, 4, READ, OP_F_M32 + operation);
    case 0xd9:
      return memory_d9(c, v, r, operation);
    case 0xda:
      return operand(c, v, r, 4, READ, OP_F_I32 + operation);
    case 0xdb:
      return memory_db(c, v, r, operation);
    case 0xdc:
      return operand(c, v, r, 8, READ, OP_F_M64 + operation);
    case 0xdd:
      return memory_dd(c, v, r, operation);
    case 0xde:
      return operand(c, v, r, 2, READ, OP_F_I16 + operation);
    default:
      return memory_df(c, v, r, operation);
  }
}

/** An r/m operand of `bytes` in memory; gives back the operation. */
function operand(c: u32, v: u32, r: u32, bytes: u32, use: u32, op: u32): u32 {
  rm_operand_bytes(c, v, r, 2, use, bytes);
  return op;
}

/** An image of the environment or of all state: 16 or 32 bits wide, as the operand size is. */
function image(c: u32, v: u32, r: u32, op: u32): u32 {
  rm_operand_bytes(c, v, r, load<u32>(c + C_OSIZE) == 1 ? 1 : 2, ADDRESS, 1);
  return op;
}

/** The bytes of the operand are still read: a fault on fetching them comes first. */
function nothing(c: u32, v: u32, r: u32): u32 {
  return operand(c, v, r, 1, ADDRESS, NONE);
}

function memory_d9(c: u32, v: u32, r: u32, operation: u32): u32 {
  switch (operation) {
    case 0:
      return operand(c, v, r, 4, READ, OP_FLD_M32);
    case 2:
      return operand(c, v, r, 4, WRITE, OP_FST_M32);
    case 3:
      return operand(c, v, r, 4, WRITE, OP_FSTP_M32);
    case 4:
      return image(c, v, r, OP_FLDENV);
    case 5:
      return operand(c, v, r, 2, READ, OP_FLDCW);
    case 6:
      return image(c, v, r, OP_FNSTENV);
    case 7:
      return operand(c, v, r, 2, WRITE, OP_FNSTCW);
    default:
      return nothing(c, v, r);
  }
}

function memory_db(c: u32, v: u32, r: u32, operation: u32): u32 {
  switch (operation) {
    case 0:
      return operand(c, v, r, 4, READ, OP_FILD_32);
    case 1:
      return operand(c, v, r, 4, WRITE, OP_FISTTP_32);
    case 2:
      return operand(c, v, r, 4, WRITE, OP_FIST_32);
    case 3:
      return operand(c, v, r, 4, WRITE, OP_FISTP_32);
    case 5:
      return operand(c, v, r, 10, READ, OP_FLD_M80);
    case 7:
      return operand(c, v, r, 10, WRITE, OP_FSTP_M80);
    default:
      return nothing(c, v, r);
  }
}

function memory_dd(c: u32, v: u32, r: u32, operation: u32): u32 {
  switch (operation) {
    case 0:
      return operand(c, v, r, 8, READ, OP_FLD_M64);
    case 1:
      return operand(c, v, r, 8, WRITE, OP_FISTTP_64);
    case 2:
      return operand(c, v, r, 8, WRITE, OP_FST_M64);
    case 3:
      return operand(c, v, r, 8, WRITE, OP_FSTP_M64);
    case 4:
      return image(c, v, r, OP_FRSTOR);
    case 6:
      return image(c, v, r, OP_FNSAVE);
    case 7:
      return operand(c, v, r, 2, WRITE, OP_FNSTSW);
    default:
      return nothing(c, v, r);
  }
}

function memory_df(c: u32, v: u32, r: u32, operation: u32): u32 {
  switch (operation) {
    case 0:
      return operand(c, v, r, 2, READ, OP_FILD_16);
    case 1:
      return operand(c, v, r, 2, WRITE, OP_FISTTP_16);
    case 2:
      return operand(c, v, r, 2, WRITE, OP_FIST_16);
    case 3:
      return operand(c, v, r, 2, WRITE, OP_FISTP_16);
    case 4:
      return operand(c, v, r, 10, READ, OP_FBLD);
    case 5:
      return operand(c, v, r, 8, READ, OP_FILD_64);
    case 6:
      return operand(c, v, r, 10, WRITE, OP_FBSTP);
    default:
      return operand(c, v, r, 8, WRITE, OP_FISTP_64);
  }
}

function register_form(v: u32, r: u32, op: u32, modrm: u32): u32 {
  const operation = (modrm >> 3) & 7;
  switch (op) {
    case 0xd8:
      return OP_F_ST0 + operation;
    case 0xd9:
      return register_d9(operation, modrm);
    case 0xda:
      if (operation < 4) return conditional_move(r, operation, 0);
      return modrm == 0xe9 ? OP_FUCOMPP : NONE;
    case 0xdb:
      return register_db(r, operation, modrm);
    case 0xdc:
      return OP_F_STI + operation;
    case 0xdd:
      return register_dd(operation);
    case 0xde:
      if (operation == 3) return modrm == 0xd9 ? OP_FCOMPP : NONE;
      return OP_F_STI_POP + operation;
    default:
      return register_df(v, r, operation, modrm);
  }
}

/** FCMOVcc: B E BE U, or with `not` their opposites. */
function conditional_move(r: u32, operation: u32, not: u32): u32 {
  const cc: u32 = operation == 3 ? 10 : 2 + operation * 2;
  store<u8>(r + R_SEG, (cc | not) as u8);
  return OP_FCMOV;
}

function register_d9(operation: u32, modrm: u32): u32 {
  switch (operation) {
    case 0:
      return OP_FLD_STI;
    case 1:
      return OP_FXCH;
    case 2:
      return modrm == 0xd0 ? OP_FNOP : NONE;
    case 3:
      return OP_FSTP1;
    case 4:
      if (modrm == 0xe0) return OP_FCHS;
      if (modrm == 0xe1) return OP_FABS;
      if (modrm == 0xe4) return OP_FTST;
      return modrm == 0xe5 ? OP_FXAM : NONE;
    case 5:
      return modrm == 0xef ? NONE : OP_FLD_CONSTANT + (modrm & 7);
    default:
      if (modrm == 0xf6) return OP_FDECSTP;
      return modrm == 0xf7 ? OP_FINCSTP : OP_F_UNARY + (modrm & 15);
  }
}

function register_db(r: u32, operation: u32, modrm: u32): u32 {
  if (operation < 4) return conditional_move(r, operation, 1);
  if (operation == 5) return OP_FUCOMI;
  if (operation == 6) return OP_FCOMI;
  switch (modrm) {
    case 0xe0:
    case 0xe1:
    case 0xe4:
      return OP_FNNOP;
    case 0xe2:
      return OP_FNCLEX;
    case 0xe3:
      return OP_FNINIT;
    default:
      return NONE;
  }
}

function register_dd(operation: u32): u32 {
  switch (operation) {
    case 0:
      return OP_FFREE;
    case 1:
      return OP_FXCH;
    case 2:
      return OP_FST_STI;
    case 3:
      return OP_FSTP_STI;
    case 4:
      return OP_FUCOM;
    case 5:
      return OP_FUCOMP;
    default:
      return NONE;
  }
}

function register_df(v: u32, r: u32, operation: u32, modrm: u32): u32 {
  switch (operation) {
    case 0:
      return OP_FFREEP;
    case 1:
      return OP_FXCH;
    case 2:
    case 3:
      return OP_FSTP_STI;
    case 4:
      if (modrm != 0xe0) return NONE;
      store<u32>(r + R_RM, v + V_GPR);
      return OP_FNSTSW;
    case 5:
      return OP_FUCOMIP;
    case 6:
      return OP_FCOMIP;
    default:
      return NONE;
  }
}
