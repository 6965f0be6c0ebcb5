// Rows of the one-byte opcode map that several opcodes share: the eight ALU operations, groups 1 to 5, shifts, strings.
import {
  AM_MOFFS,
  AM_STORES,
  R_AM,
  R_FLAGS,
  R_IMM,
  R_REG,
  R_RM,
  R_SEG,
  R_SPAN,
  RF_LOCK,
  RF_MEMORY,
} from '../abi/insn';
import {
  ALU_CMP,
  OP_ALU,
  OP_ALU_LOAD,
  OP_CALL_FAR_M,
  OP_CALL_NEAR_RM,
  OP_CALL_RM,
  OP_DEC,
  OP_DIV,
  OP_IDIV,
  OP_IMUL,
  OP_INC,
  OP_INS,
  OP_JMP_FAR_M,
  OP_JMP_NEAR_RM,
  OP_JMP_RM,
  OP_LOCK_ALU,
  OP_LOCK_DEC,
  OP_LOCK_INC,
  OP_LOCK_NEG,
  OP_LOCK_NOT,
  OP_MOV_LOAD,
  OP_MOV_STORE,
  OP_MUL,
  OP_NEG,
  OP_NOT,
  OP_OUTS,
  OP_PUSH,
  OP_SHIFT,
  OP_SHL_R32,
  OP_SHL_R64,
  OP_TEST,
} from '../abi/ops';
import { DS, V_GPR } from '../abi/vcpu_page';
import {
  C_ASIZE,
  C_FLAGS,
  C_LOCKABLE,
  C_OSIZE,
  C_SEG,
  imm_size,
  imm8,
  NO_SEGMENT,
  next8,
  next16,
  next32,
  next64,
} from './cursor';
import {
  ADDRESS,
  fetch_modrm,
  is_displacement,
  MODIFY,
  modrm_is_register,
  modrm_op,
  READ,
  reg_operand,
  rm_operand,
  set_size,
} from './modrm';
import { ends, hot_branch, in_64, set_imm, set_op, stack_size, undefined_opcode } from './record';

export function locked(c: u32): bool {
  return (load<u32>(c + C_FLAGS) & RF_LOCK) != 0;
}

/** ALU operation with the r/m operand as destination and R_REG (register or immediate) as source. */
export function alu_rm(c: u32, r: u32, operation: u32, size: u32): void {
  const mem = modrm_is_register(c) ? 0 : 1;
  if (mem && operation != ALU_CMP && locked(c)) {
    store<u32>(c + C_LOCKABLE, 1);
    set_op(r, OP_LOCK_ALU + operation);
    return;
  }
  set_op(r, OP_ALU + operation * 8 + size * 2 + mem);
}

export function operand_size(c: u32, opcode: u32): u32 {
  return opcode & 1 ? load<u32>(c + C_OSIZE) : 0;
}

/** Immediate as the source. */
export function source_imm(r: u32, value: i64): void {
  set_imm(r, value);
  store<u32>(r + R_REG, r + R_IMM);
}

export function moffs(c: u32, v: u32, r: u32, opcode: u32): void {
  const size = operand_size(c, opcode);
  const asize = load<u32>(c + C_ASIZE);
  const offset: u64 = asize == 3 ? next64(c) : asize == 2 ? next32(c) : next16(c);
  const chosen = load<u32>(c + C_SEG);
  const is_store = (opcode & 2) != 0;
  set_size(r, size);
  store<u16>(r + R_FLAGS, load<u16>(r + R_FLAGS) | (RF_MEMORY as u16));
  const segment = chosen == NO_SEGMENT ? DS : chosen;
  store<u8>(r + R_SEG, segment as u8);
  const bytes: u32 = 1 << size;
  store<u8>(r + R_SPAN, (bytes - 1) as u8);
  if (!is_displacement(c, r, offset, segment)) {
    store<u8>(r + R_AM, AM_MOFFS as u8);
    set_imm(r, offset as i64);
  }
  if (is_store) store<u8>(r + R_AM, (load<u8>(r + R_AM) | AM_STORES) as u8);
  store<u32>(r + R_REG, v + V_GPR);
  set_op(r, (is_store ? OP_MOV_STORE : OP_MOV_LOAD) + size);
}

export function shift_group(c: u32, v: u32, r: u32, opcode: u32): void {
  fetch_modrm(c);
  const size = operand_size(c, opcode);
  const operation = modrm_op(c);
  rm_operand(c, v, r, size, MODIFY);
  set_op(r, OP_SHIFT + operation);
  if (opcode >= 0xd2) {
    store<u32>(r + R_REG, v + V_GPR + 8);
    return;
  }
  const count: u32 = opcode >= 0xd0 ? 1 : next8(c);
  source_imm(r, count as i64);
  if (!modrm_is_register(c) || size < 2 || operation < 4) return;
  const masked = count & (size == 3 ? 63 : 31);
  if (masked == 0) return;
  const kind: u32 = operation == 7 ? 2 : operation == 5 ? 1 : 0;
  set_op(r, (size == 3 ? OP_SHL_R64 : OP_SHL_R32) + kind);
  set_imm(r, masked as i64);
}

/** String instructions: R_SEG is the source segment; the handler does its own addressing. */
export function string(c: u32, r: u32, op: u32, opcode: u32): void {
  const chosen = load<u32>(c + C_SEG);
  let size = operand_size(c, opcode);
  if (size == 3 && (op == OP_INS || op == OP_OUTS)) size = 2;
  set_size(r, size);
  const segment = chosen == NO_SEGMENT ? DS : chosen;
  store<u8>(r + R_SEG, segment as u8);
  store<u16>(r + R_FLAGS, load<u16>(r + R_FLAGS) | (RF_MEMORY as u16));
  set_op(r, op);
}

export function not_in_64(c: u32, r: u32): bool {
  if (!in_64(c)) return false;
  undefined_opcode(c, r);
  return true;
}

export function alu_row(c: u32, v: u32, r: u32, opcode: u32): void {
  const operation = opcode >> 3;
  const size = operand_size(c, opcode);
  switch (opcode & 7) {
    case 0:
    case 1:
      fetch_modrm(c);
      reg_operand(c, v, r, size);
      rm_operand(c, v, r, size, operation == ALU_CMP ? READ : MODIFY);
      alu_rm(c, r, operation, size);
      break;
    case 2:
    case 3:
      fetch_modrm(c);
      reg_operand(c, v, r, size);
      rm_operand(c, v, r, size, READ);
      set_op(r, OP_ALU_LOAD + operation * 4 + size);
      break;
    default:
      set_size(r, size);
      store<u32>(r + R_RM, v + V_GPR);
      source_imm(r, imm_size(c, size));
      set_op(r, OP_ALU + operation * 8 + size * 2);
      break;
  }
}

export function group3(c: u32, v: u32, r: u32, opcode: u32): void {
  fetch_modrm(c);
  const size = operand_size(c, opcode);
  const operation = modrm_op(c);
  rm_operand(c, v, r, size, operation == 2 || operation == 3 ? MODIFY : READ);
  const lock = locked(c) && !modrm_is_register(c);
  switch (operation) {
    case 0:
    case 1:
      source_imm(r, imm_size(c, size));
      set_op(r, OP_TEST + size);
      break;
    case 2:
    case 3:
      if (lock) store<u32>(c + C_LOCKABLE, 1);
      set_op(
        r,
        lock ? (operation == 2 ? OP_LOCK_NOT : OP_LOCK_NEG) : (operation == 2 ? OP_NOT : OP_NEG) + size,
      );
      break;
    case 4:
      set_op(r, OP_MUL);
      break;
    case 5:
      set_op(r, OP_IMUL);
      break;
    case 6:
      set_op(r, OP_DIV);
      break;
    default:
      set_op(r, OP_IDIV);
      break;
  }
}

export function group5(c: u32, v: u32, r: u32, opcode: u32): void {
  fetch_modrm(c);
  const size = operand_size(c, opcode);
  const operation = modrm_op(c);
  if (opcode == 0xfe && operation > 1) return undefined_opcode(c, r);
  const mem: u32 = modrm_is_register(c) ? 0 : 1;
  switch (operation) {
    case 0:
    case 1:
      rm_operand(c, v, r, size, MODIFY);
      if (mem && locked(c)) {
        store<u32>(c + C_LOCKABLE, 1);
        set_op(r, operation ? OP_LOCK_DEC : OP_LOCK_INC);
      } else {
        set_op(r, (operation ? OP_DEC : OP_INC) + size * 2 + mem);
      }
      break;
    case 2:
    case 4: {
      const branch = in_64(c) ? 3 : size;
      rm_operand(c, v, r, branch, READ);
      const hot = in_64(c) || hot_branch(c);
      if (operation == 2) set_op(r, hot ? OP_CALL_RM : OP_CALL_NEAR_RM);
      else set_op(r, hot ? OP_JMP_RM : OP_JMP_NEAR_RM);
      ends(c);
      break;
    }
    case 3:
    case 5:
      if (!mem) return undefined_opcode(c, r);
      rm_operand(c, v, r, size, ADDRESS);
      set_op(r, operation == 3 ? OP_CALL_FAR_M : OP_JMP_FAR_M);
      ends(c);
      break;
    case 6:
      rm_operand(c, v, r, stack_size(c), READ);
      set_op(r, OP_PUSH);
      break;
    default:
      undefined_opcode(c, r);
  }
}

export function group1(c: u32, v: u32, r: u32, opcode: u32): void {
  fetch_modrm(c);
  const size = operand_size(c, opcode);
  const operation = modrm_op(c);
  rm_operand(c, v, r, size, operation == ALU_CMP ? READ : MODIFY);
  source_imm(r, opcode == 0x81 ? imm_size(c, size) : imm8(c));
  alu_rm(c, r, operation, size);
}

export function io_size(c: u32, opcode: u32): u32 {
  const size = operand_size(c, opcode);
  return size == 3 ? 2 : size;
}
