// The one-byte opcode map (SDM vol. 2, table A-2), rows in the manual's order. Writes the operation and operands of a record.
import { R_IMM, R_REG, R_RM, R_SEG, RF_REP } from '../abi/insn';
import {
  OP_AAA,
  OP_AAD,
  OP_AAM,
  OP_AAS,
  OP_ARPL,
  OP_BOUND,
  OP_CALL,
  OP_CALL_FAR,
  OP_CALL_NEAR,
  OP_CBW,
  OP_CDQ,
  OP_CLC,
  OP_CLD,
  OP_CLI,
  OP_CMC,
  OP_CMPS,
  OP_DAA,
  OP_DAS,
  OP_DEC,
  OP_ENTER,
  OP_FWAIT,
  OP_HLT,
  OP_IMUL3,
  OP_IN_DX,
  OP_IN_I,
  OP_INC,
  OP_INS,
  OP_INT,
  OP_INT1,
  OP_INT3,
  OP_INTO,
  OP_IRET,
  OP_JMP,
  OP_JMP_FAR,
  OP_JMP_NEAR,
  OP_LAHF,
  OP_LEA_32,
  OP_LEA_64,
  OP_LEA_GENERIC,
  OP_LEAVE,
  OP_LODS,
  OP_LOOPNE,
  OP_MOV_FROM_SEG,
  OP_MOV_LOAD,
  OP_MOV_STORE,
  OP_MOV_TO_REG,
  OP_MOV_TO_SEG,
  OP_MOVS,
  OP_MOVSXD,
  OP_NOP,
  OP_OUT_DX,
  OP_OUT_I,
  OP_OUTS,
  OP_PAUSE,
  OP_POP,
  OP_POP_M,
  OP_POP_R,
  OP_POPA,
  OP_POPF,
  OP_PUSHA,
  OP_PUSHF,
  OP_RET,
  OP_RET_FAR,
  OP_RET_NEAR,
  OP_SAHF,
  OP_SALC,
  OP_SCAS,
  OP_STC,
  OP_STD,
  OP_STI,
  OP_STOS,
  OP_TEST,
  OP_XCHG_M,
  OP_XCHG_R,
  OP_XLAT,
} from '../abi/ops';
import { DS, ES, MODE_REAL, V_GPR } from '../abi/vcpu_page';
import {
  C_ASIZE,
  C_FLAGS,
  C_LOCKABLE,
  C_MODE,
  C_OSIZE,
  C_REX,
  C_SEG,
  imm_size,
  imm8,
  imm64,
  NO_SEGMENT,
  next8,
  next16,
  next32,
} from './cursor';
import {
  ADDRESS,
  fetch_modrm,
  MODIFY,
  modrm_is_register,
  modrm_op,
  READ,
  reg_operand,
  register,
  rm_operand,
  set_size,
  WRITE,
} from './modrm';
import {
  alu_row,
  group1,
  group3,
  group5,
  io_size,
  moffs,
  not_in_64,
  operand_size,
  shift_group,
  source_imm,
  string,
} from './one_byte_groups';
import {
  decode_pop_seg,
  decode_push_seg,
  end_with,
  ends,
  hot_branch,
  hot_stack,
  in_64,
  jcc,
  load_far,
  plain,
  push_from,
  relative,
  set_imm,
  set_op,
  stack_size,
  undefined_opcode,
} from './record';
import { decode_two_byte } from './two_byte';
import { decode_x87 } from './x87';

/** Decodes the opcode `op` behind the prefixes. */
export function decode_one_byte(c: u32, v: u32, r: u32, op: u32): void {
  const osize = load<u32>(c + C_OSIZE);
  const rex = load<u32>(c + C_REX);
  if (op < 0x40) {
    if ((op & 7) < 6) return alu_row(c, v, r, op);
    switch (op) {
      case 0x0f:
        return decode_two_byte(c, v, r);
      case 0x27:
        if (!not_in_64(c, r)) set_op(r, OP_DAA);
        return;
      case 0x2f:
        if (!not_in_64(c, r)) set_op(r, OP_DAS);
        return;
      case 0x37:
        if (!not_in_64(c, r)) set_op(r, OP_AAA);
        return;
      case 0x3f:
        if (!not_in_64(c, r)) set_op(r, OP_AAS);
        return;
      default:
        if (not_in_64(c, r)) return;
        if (op & 1) decode_pop_seg(c, r, op >> 3);
        else decode_push_seg(c, r, op >> 3);
        return;
    }
  }
  if (op < 0x50) {
    // INC and DEC of a register; 64-bit code has REX here and never comes.
    store<u32>(r + R_RM, v + V_GPR + (op & 7) * 8);
    set_size(r, osize);
    set_op(r, (op & 8 ? OP_DEC : OP_INC) + osize * 2);
    return;
  }
  if (op < 0x58) return push_from(c, r, v + V_GPR + ((op & 7) | ((rex & 1) << 3)) * 8);
  if (op < 0x60) {
    store<u32>(r + R_REG, v + V_GPR + ((op & 7) | ((rex & 1) << 3)) * 8);
    return plain(r, hot_stack(c) ? OP_POP_R : OP_POP, stack_size(c));
  }
  if (op >= 0x70 && op < 0x80) return jcc(c, r, op & 15, true);
  if (op >= 0x91 && op < 0x98) {
    store<u32>(r + R_RM, v + V_GPR);
    store<u32>(r + R_REG, v + V_GPR + ((op & 7) | ((rex & 1) << 3)) * 8);
    return plain(r, OP_XCHG_R + osize, osize);
  }
  if (op >= 0xb0 && op < 0xb8) {
    store<u32>(r + R_RM, register(c, v, (op & 7) | ((rex & 1) << 3), 0));
    source_imm(r, imm8(c));
    return plain(r, OP_MOV_TO_REG, 0);
  }
  if (op >= 0xb8 && op < 0xc0) {
    store<u32>(r + R_RM, v + V_GPR + ((op & 7) | ((rex & 1) << 3)) * 8);
    source_imm(r, osize == 3 ? imm64(c) : imm_size(c, osize));
    return plain(r, OP_MOV_TO_REG + osize, osize);
  }
  if (op >= 0xd8 && op < 0xe0) {
    return decode_x87(c, v, r, op);
  }
  switch (op) {
    case 0x60:
      if (!not_in_64(c, r)) plain(r, OP_PUSHA, osize);
      return;
    case 0x61:
      if (!not_in_64(c, r)) plain(r, OP_POPA, osize);
      return;
    case 0x62:
      if (not_in_64(c, r)) return;
      fetch_modrm(c);
      if (modrm_is_register(c)) return undefined_opcode(c, r);
      reg_operand(c, v, r, osize);
      rm_operand(c, v, r, osize, ADDRESS);
      set_op(r, OP_BOUND);
      return;
    case 0x63:
      fetch_modrm(c);
      if (in_64(c)) {
        reg_operand(c, v, r, osize);
        rm_operand(c, v, r, osize == 3 ? 2 : osize, READ);
        set_size(r, osize);
        set_op(r, osize == 3 ? OP_MOVSXD : OP_MOV_LOAD + osize);
        if (osize < 3 && modrm_is_register(c)) {
          const from = load<u32>(r + R_RM);
          store<u32>(r + R_RM, load<u32>(r + R_REG));
          store<u32>(r + R_REG, from);
          set_op(r, OP_MOV_TO_REG + osize);
        }
        return;
      }
      if (load<u32>(c + C_MODE) & MODE_REAL) return undefined_opcode(c, r);
      reg_operand(c, v, r, 1);
      rm_operand(c, v, r, 1, MODIFY);
      set_op(r, OP_ARPL);
      return;
    case 0x68:
      source_imm(r, imm_size(c, osize));
      return push_from(c, r, r + R_IMM);
    case 0x69:
    case 0x6b:
      fetch_modrm(c);
      reg_operand(c, v, r, osize);
      rm_operand(c, v, r, osize, READ);
      set_imm(r, op == 0x6b ? imm8(c) : imm_size(c, osize));
      set_op(r, OP_IMUL3);
      return;
    case 0x6a:
      source_imm(r, imm8(c));
      return push_from(c, r, r + R_IMM);
    case 0x6c:
    case 0x6d:
      string(c, r, OP_INS, op);
      return;
    case 0x6e:
    case 0x6f:
      string(c, r, OP_OUTS, op);
      return;
    case 0x82:
      if (not_in_64(c, r)) return;
      return group1(c, v, r, 0x80);
    case 0x80:
    case 0x81:
    case 0x83:
      return group1(c, v, r, op);
    case 0x84:
    case 0x85: {
      fetch_modrm(c);
      const size = operand_size(c, op);
      reg_operand(c, v, r, size);
      rm_operand(c, v, r, size, READ);
      set_op(r, OP_TEST + size);
      return;
    }
    case 0x86:
    case 0x87: {
      fetch_modrm(c);
      const size = operand_size(c, op);
      reg_operand(c, v, r, size);
      rm_operand(c, v, r, size, MODIFY);
      if (modrm_is_register(c)) {
        set_op(r, OP_XCHG_R + size);
      } else {
        store<u32>(c + C_LOCKABLE, 1);
        set_op(r, OP_XCHG_M);
      }
      return;
    }
    case 0x88:
    case 0x89: {
      fetch_modrm(c);
      const size = operand_size(c, op);
      reg_operand(c, v, r, size);
      rm_operand(c, v, r, size, WRITE);
      set_op(r, (modrm_is_register(c) ? OP_MOV_TO_REG : OP_MOV_STORE) + size);
      return;
    }
    case 0x8a:
    case 0x8b: {
      fetch_modrm(c);
      const size = operand_size(c, op);
      reg_operand(c, v, r, size);
      rm_operand(c, v, r, size, READ);
      if (modrm_is_register(c)) {
        const from = load<u32>(r + R_RM);
        store<u32>(r + R_RM, load<u32>(r + R_REG));
        store<u32>(r + R_REG, from);
        set_op(r, OP_MOV_TO_REG + size);
      } else {
        set_op(r, OP_MOV_LOAD + size);
      }
      return;
    }
    case 0x8c: {
      fetch_modrm(c);
      if (modrm_op(c) > 5) return undefined_opcode(c, r);
      reg_operand(c, v, r, osize);
      rm_operand(c, v, r, modrm_is_register(c) ? osize : 1, WRITE);
      set_op(r, OP_MOV_FROM_SEG);
      return;
    }
    case 0x8d:
      fetch_modrm(c);
      if (modrm_is_register(c)) return undefined_opcode(c, r);
      reg_operand(c, v, r, osize);
      rm_operand(c, v, r, osize, ADDRESS);
      if (osize == 3 && load<u32>(c + C_ASIZE) == 3) set_op(r, OP_LEA_64);
      else if (osize == 2 && load<u32>(c + C_ASIZE) == 2) set_op(r, OP_LEA_32);
      else set_op(r, OP_LEA_GENERIC);
      return;
    case 0x8e:
      fetch_modrm(c);
      if (modrm_op(c) > 5 || modrm_op(c) == 1) return undefined_opcode(c, r);
      reg_operand(c, v, r, 1);
      rm_operand(c, v, r, 1, READ);
      set_op(r, OP_MOV_TO_SEG);
      ends(c);
      return;
    case 0x8f:
      fetch_modrm(c);
      if (modrm_op(c) != 0) return undefined_opcode(c, r);
      rm_operand(c, v, r, stack_size(c), ADDRESS);
      if (modrm_is_register(c)) {
        store<u32>(r + R_REG, load<u32>(r + R_RM));
        set_op(r, OP_POP);
      } else {
        set_op(r, OP_POP_M);
      }
      return;
    case 0x90:
      if (rex & 1) {
        store<u32>(r + R_RM, v + V_GPR);
        store<u32>(r + R_REG, v + V_GPR + 64);
        return plain(r, OP_XCHG_R + osize, osize);
      }
      if (load<u32>(c + C_FLAGS) & RF_REP) {
        set_op(r, OP_PAUSE);
        return;
      }
      set_op(r, OP_NOP);
      return;
    case 0x98:
      return plain(r, OP_CBW - 1 + osize, osize);
    case 0x99:
      return plain(r, OP_CDQ - 1 + osize, osize);
    case 0x9a:
    case 0xea: {
      if (not_in_64(c, r)) return;
      const offset: u64 = osize == 1 ? next16(c) : next32(c);
      set_imm(r, (offset | ((next16(c) as u64) << 32)) as i64);
      return end_with(c, r, op == 0x9a ? OP_CALL_FAR : OP_JMP_FAR, osize);
    }
    case 0x9b:
      return set_op(r, OP_FWAIT);
    case 0x9c:
      return plain(r, OP_PUSHF, stack_size(c));
    case 0x9d:
      return end_with(c, r, OP_POPF, stack_size(c));
    case 0x9e:
      set_op(r, OP_SAHF);
      return;
    case 0x9f:
      set_op(r, OP_LAHF);
      return;
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
      return moffs(c, v, r, op);
    case 0xa4:
    case 0xa5:
      return string(c, r, OP_MOVS, op);
    case 0xa6:
    case 0xa7:
      return string(c, r, OP_CMPS, op);
    case 0xa8:
    case 0xa9: {
      const size = operand_size(c, op);
      store<u32>(r + R_RM, v + V_GPR);
      source_imm(r, imm_size(c, size));
      return plain(r, OP_TEST + size, size);
    }
    case 0xaa:
    case 0xab:
      return string(c, r, OP_STOS, op);
    case 0xac:
    case 0xad:
      return string(c, r, OP_LODS, op);
    case 0xae:
    case 0xaf:
      return string(c, r, OP_SCAS, op);
    case 0xc0:
    case 0xc1:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return shift_group(c, v, r, op);
    case 0xc2:
    case 0xc3:
      set_imm(r, op == 0xc2 ? (next16(c) as i64) : 0);
      // 64-bit code takes no notice of 66 here.
      return end_with(c, r, in_64(c) || hot_stack(c) ? OP_RET : OP_RET_NEAR, in_64(c) ? 3 : osize);
    case 0xc4:
    case 0xc5:
      fetch_modrm(c);
      load_far(c, v, r, op == 0xc4 ? ES : DS);
      return;
    case 0xc6:
    case 0xc7: {
      fetch_modrm(c);
      if (modrm_op(c) != 0) return undefined_opcode(c, r);
      const size = operand_size(c, op);
      rm_operand(c, v, r, size, WRITE);
      source_imm(r, imm_size(c, size));
      set_op(r, (modrm_is_register(c) ? OP_MOV_TO_REG : OP_MOV_STORE) + size);
      return;
    }
    case 0xc8: {
      const bytes = next16(c);
      set_imm(r, (bytes | (next8(c) << 16)) as i64);
      return plain(r, OP_ENTER, stack_size(c));
    }
    case 0xc9:
      return plain(r, OP_LEAVE, stack_size(c));
    case 0xca:
    case 0xcb:
      set_imm(r, op == 0xca ? (next16(c) as i64) : 0);
      return end_with(c, r, OP_RET_FAR, osize);
    case 0xcc:
      return end_with(c, r, OP_INT3, osize);
    case 0xcd:
      set_imm(r, next8(c) as i64);
      return end_with(c, r, OP_INT, osize);
    case 0xce:
      if (!not_in_64(c, r)) end_with(c, r, OP_INTO, osize);
      return;
    case 0xcf:
      return end_with(c, r, OP_IRET, osize);
    case 0xd4:
    case 0xd5:
      if (not_in_64(c, r)) return;
      set_imm(r, next8(c) as i64);
      set_op(r, op == 0xd4 ? OP_AAM : OP_AAD);
      return;
    case 0xd6:
      if (!not_in_64(c, r)) set_op(r, OP_SALC);
      return;
    case 0xd7: {
      const chosen = load<u32>(c + C_SEG);
      store<u8>(r + R_SEG, (chosen == NO_SEGMENT ? DS : chosen) as u8);
      set_op(r, OP_XLAT);
      return;
    }
    case 0xe0:
    case 0xe1:
    case 0xe2:
    case 0xe3:
      relative(c, r, true);
      set_op(r, OP_LOOPNE + (op - 0xe0));
      ends(c);
      return;
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
      set_imm(r, next8(c) as i64);
      return plain(r, op < 0xe6 ? OP_IN_I : OP_OUT_I, io_size(c, op));
    case 0xe8:
      relative(c, r, false);
      set_imm(r, 0);
      set_op(r, hot_branch(c) ? OP_CALL : OP_CALL_NEAR);
      ends(c);
      return;
    case 0xe9:
    case 0xeb:
      relative(c, r, op == 0xeb);
      set_imm(r, 0);
      set_op(r, hot_branch(c) ? OP_JMP : OP_JMP_NEAR);
      ends(c);
      return;
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
      return plain(r, op < 0xee ? OP_IN_DX : OP_OUT_DX, io_size(c, op));
    case 0xf1:
      return end_with(c, r, OP_INT1, osize);
    case 0xf4:
      return end_with(c, r, OP_HLT, osize);
    case 0xf5:
      set_op(r, OP_CMC);
      return;
    case 0xf6:
    case 0xf7:
      return group3(c, v, r, op);
    case 0xf8:
      set_op(r, OP_CLC);
      return;
    case 0xf9:
      set_op(r, OP_STC);
      return;
    case 0xfa:
      set_op(r, OP_CLI);
      ends(c);
      return;
    case 0xfb:
      // The block goes on, so that nothing comes in before the next instruction.
      set_op(r, OP_STI);
      return;
    case 0xfc:
      set_op(r, OP_CLD);
      return;
    case 0xfd:
      set_op(r, OP_STD);
      return;
    case 0xfe:
    case 0xff:
      return group5(c, v, r, op);
    default:
      undefined_opcode(c, r);
  }
}
