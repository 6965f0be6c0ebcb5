// Chooses the quick form of a decoded record, and joins a comparison with the branch behind it. Changes nothing else of a
// record but the fields that only quick forms read.
import {
  AM_32,
  AM_64,
  AM_FORM,
  AM_NONE,
  R_AM,
  R_DELTA,
  R_DISP,
  R_FLAGS,
  R_IMM,
  R_INDEX,
  R_LEN,
  R_OFF,
  R_OP,
  R_QUICK,
  R_REG,
  R_RM,
  R_SEG,
  RECORD_SIZE,
  RF_ASIZE_SHIFT,
  RF_SIZE,
} from '../abi/insn';
import {
  ALU_ADC,
  ALU_ADD,
  ALU_AND,
  ALU_CMP,
  ALU_OR,
  ALU_SBB,
  ALU_SUB,
  ALU_XOR,
  OP_ALU,
  OP_ALU_END,
  OP_ALU_LOAD,
  OP_CALL,
  OP_CMOV,
  OP_DEC,
  OP_IMUL_32,
  OP_IMUL_64,
  OP_IN_DX,
  OP_IN_I,
  OP_INC,
  OP_JCC,
  OP_JMP,
  OP_LEA_32,
  OP_LEA_64,
  OP_LEA_GENERIC,
  OP_MOV_LOAD,
  OP_MOV_STORE,
  OP_MOV_TO_REG,
  OP_MOVSX8,
  OP_MOVSXD,
  OP_MOVZX8,
  OP_MOVZX16,
  OP_NEG,
  OP_NOP,
  OP_NOT,
  OP_OUT_DX,
  OP_OUT_I,
  OP_POP_R,
  OP_PUSH_R,
  OP_RET,
  OP_SAR_R64,
  OP_SETCC,
  OP_SHIFT,
  OP_SHL_R32,
  OP_SHLD,
  OP_TEST,
} from '../abi/ops';
import {
  Q_ADC_32,
  Q_ADC_32_M,
  Q_ADD_32,
  Q_ADD_32_J,
  Q_ADD_32_M,
  Q_ADD_32_X,
  Q_ADD_64,
  Q_ADD_64_J,
  Q_AND_32,
  Q_AND_32_J,
  Q_AND_32_M,
  Q_AND_64,
  Q_AND_64_J,
  Q_CALL_32,
  Q_CALL_64,
  Q_CMOV_32,
  Q_CMOV_32_M,
  Q_CMOV_64,
  Q_CMOV_64_M,
  Q_CMP_8,
  Q_CMP_8_J,
  Q_CMP_32,
  Q_CMP_32_J,
  Q_CMP_64,
  Q_CMP_64_J,
  Q_CMP_M_8,
  Q_CMP_M_8_J,
  Q_CMP_M_32,
  Q_CMP_M_32_J,
  Q_CMP_M_64,
  Q_CMP_M_64_J,
  Q_CMP_R_32,
  Q_CMP_R_32_J,
  Q_CMP_R_64,
  Q_CMP_R_64_J,
  Q_DEC_32,
  Q_DEC_32_J,
  Q_DEC_64,
  Q_DEC_64_J,
  Q_IMUL_32,
  Q_IMUL_64,
  Q_INC_32,
  Q_JCC,
  Q_JCC_FAR,
  Q_JMP,
  Q_JMP_FAR,
  Q_JNZ,
  Q_JZ,
  Q_LEA_32,
  Q_LEA_64,
  Q_LOAD_8,
  Q_LOAD_32_X,
  Q_LOAD_SX_64,
  Q_LOAD_ZX8,
  Q_LOAD_ZX8_X,
  Q_LOAD_ZX16,
  Q_LOAD_ZX16_X,
  Q_MOV_32,
  Q_NEG_32,
  Q_NONE,
  Q_NOP,
  Q_NOT_32,
  Q_OR_32,
  Q_OR_32_M,
  Q_POP_32,
  Q_POP_64,
  Q_PORT,
  Q_PUSH_32,
  Q_PUSH_64,
  Q_RET_32,
  Q_RET_64,
  Q_SAR_32_C,
  Q_SBB_32,
  Q_SBB_32_M,
  Q_SETCC,
  Q_SHL_32,
  Q_SHL_32_C,
  Q_SHR_32_C,
  Q_STORE_8,
  Q_STORE_8_X,
  Q_SUB_32,
  Q_SUB_32_J,
  Q_SUB_32_M,
  Q_SUB_64,
  Q_SUB_64_J,
  Q_SX_64,
  Q_SX8_32,
  Q_TEST_8,
  Q_TEST_8_J,
  Q_TEST_32,
  Q_TEST_32_J,
  Q_TEST_64,
  Q_TEST_64_J,
  Q_TEST_M_8,
  Q_TEST_M_8_J,
  Q_TEST_M_32,
  Q_TEST_M_32_J,
  Q_XOR_32,
  Q_XOR_32_M,
  Q_XOR_32_X,
  Q_ZX8,
  Q_ZX16,
} from '../abi/quick';
import { MODE_64, MODE_SIZE, V_ZERO } from '../abi/vcpu_page';

/** The form of an ALU operation on two registers at 32 bits; 64 bits is the next. */
function alu_form(operation: u32): u32 {
  switch (operation) {
    case ALU_ADD:
      return Q_ADD_32;
    case ALU_OR:
      return Q_OR_32;
    case ALU_ADC:
      return Q_ADC_32;
    case ALU_SBB:
      return Q_SBB_32;
    case ALU_AND:
      return Q_AND_32;
    case ALU_SUB:
      return Q_SUB_32;
    case ALU_XOR:
      return Q_XOR_32;
    default:
      return Q_CMP_32;
  }
}

/** The same with memory as the source. */
function alu_load_form(operation: u32): u32 {
  switch (operation) {
    case ALU_ADD:
      return Q_ADD_32_M;
    case ALU_OR:
      return Q_OR_32_M;
    case ALU_ADC:
      return Q_ADC_32_M;
    case ALU_SBB:
      return Q_SBB_32_M;
    case ALU_AND:
      return Q_AND_32_M;
    case ALU_SUB:
      return Q_SUB_32_M;
    case ALU_XOR:
      return Q_XOR_32_M;
    default:
      return Q_CMP_R_32;
  }
}

/** `form` at 32 bits, the next at 64, none for smaller operands. */
function wide(form: u32, size: u32): u32 {
  return form == Q_NONE || size < 2 ? Q_NONE : form + size - 2;
}

/** log2 of the bytes of an address. */
function asize_of(r: u32): u32 {
  return ((load<u16>(r + R_FLAGS) as u32) >> RF_ASIZE_SHIFT) & 3;
}

/** Operands are registers or immediates. */
function register_form(r: u32, op: u32): u32 {
  if (op < OP_ALU_END) {
    const size = (op >> 1) & 3;
    const operation = (op - OP_ALU) >> 3;
    if (size == 0 && operation == ALU_CMP) return Q_CMP_8;
    return wide(alu_form(operation), size);
  }
  if (op < OP_TEST) {
    // op reg, reg: as the other encoding of the same, with destination and source in their places.
    const form = wide(alu_form((op - OP_ALU_LOAD) >> 2), op & 3);
    if (form == Q_NONE) return form;
    const to = load<u32>(r + R_REG);
    store<u32>(r + R_REG, load<u32>(r + R_RM));
    store<u32>(r + R_RM, to);
    store<u16>(r + R_OP, (OP_ALU + (((op - OP_ALU_LOAD) >> 2) << 3) + ((op & 3) << 1)) as u16);
    return form;
  }
  if (op < OP_MOV_TO_REG) return op == OP_TEST ? Q_TEST_8 : wide(Q_TEST_32, op - OP_TEST);
  if (op < OP_MOV_STORE) return wide(Q_MOV_32, op - OP_MOV_TO_REG);
  if (op == OP_MOVZX8 + 2 || op == OP_MOVZX8 + 3) return Q_ZX8;
  if (op == OP_MOVZX16 + 2 || op == OP_MOVZX16 + 3) return Q_ZX16;
  if (op == OP_MOVSX8 + 2) return Q_SX8_32;
  if (op == OP_MOVSXD) return Q_SX_64;
  if (op == OP_LEA_64) return Q_LEA_64;
  if (op == OP_LEA_32) return Q_LEA_32;
  if (op >= OP_INC && op < OP_DEC) return wide(Q_INC_32, (op - OP_INC) >> 1);
  if (op >= OP_DEC && op < OP_JMP) return wide(Q_DEC_32, (op - OP_DEC) >> 1);
  if (op >= OP_SHL_R32 && op <= OP_SAR_R64) return Q_SHL_32 + op - OP_SHL_R32;
  if (op >= OP_SHIFT + 4 && op < OP_SHLD) {
    // SHL is there twice.
    const form = op == OP_SHIFT + 7 ? Q_SAR_32_C : op == OP_SHIFT + 5 ? Q_SHR_32_C : Q_SHL_32_C;
    return load<u32>(r + R_REG) == r + R_IMM ? Q_NONE : wide(form, load<u16>(r + R_FLAGS) & RF_SIZE);
  }
  if (op == OP_IMUL_32) return Q_IMUL_32;
  if (op == OP_IMUL_64) return Q_IMUL_64;
  if (op == OP_SETCC) return Q_SETCC;
  if (op == OP_CMOV + 1) return Q_CMOV_32;
  if (op == OP_CMOV + 2) return Q_CMOV_64;
  if (op >= OP_NOT && op < OP_NEG) return wide(Q_NOT_32, op - OP_NOT);
  if (op >= OP_NEG && op < OP_NEG + 4) return wide(Q_NEG_32, op - OP_NEG);
  // The low 32 bits of an address do not depend on what lies above.
  if (op == OP_LEA_GENERIC)
    return (load<u16>(r + R_FLAGS) & RF_SIZE) == 2 && asize_of(r) > 1 ? Q_LEA_32 : Q_NONE;
  return op == OP_NOP ? Q_NOP : Q_NONE;
}

/** Operand in memory without a segment's base. */
function memory_form(r: u32, op: u32): u32 {
  if (load<u16>(r + R_INDEX) != V_ZERO) {
    if (op == OP_MOV_LOAD + 2 || op == OP_MOV_LOAD + 3) return Q_LOAD_32_X + op - OP_MOV_LOAD - 2;
    if (op == OP_MOVZX8 + 2 || op == OP_MOVZX8 + 3) return Q_LOAD_ZX8_X;
    if (op == OP_MOVZX16 + 2 || op == OP_MOVZX16 + 3) return Q_LOAD_ZX16_X;
    if (op == OP_ALU_LOAD + 2 || op == OP_ALU_LOAD + 3) return Q_ADD_32_X + op - OP_ALU_LOAD - 2;
    if (op == OP_ALU_LOAD + ALU_XOR * 4 + 2 || op == OP_ALU_LOAD + ALU_XOR * 4 + 3)
      return Q_XOR_32_X + (op & 1);
    return op >= OP_MOV_STORE && op < OP_MOV_LOAD ? Q_STORE_8_X + op - OP_MOV_STORE : Q_NONE;
  }
  if (op < OP_ALU_END) {
    if ((op - OP_ALU) >> 3 != ALU_CMP) return Q_NONE;
    const size = (op >> 1) & 3;
    return size == 0 ? Q_CMP_M_8 : wide(Q_CMP_M_32, size);
  }
  if (op < OP_TEST) return wide(alu_load_form((op - OP_ALU_LOAD) >> 2), op & 3);
  if (op == OP_TEST) return Q_TEST_M_8;
  if (op == OP_TEST + 2) return Q_TEST_M_32;
  if (op >= OP_MOV_STORE && op < OP_MOV_LOAD) return Q_STORE_8 + op - OP_MOV_STORE;
  if (op >= OP_MOV_LOAD && op < OP_MOVZX8) return Q_LOAD_8 + op - OP_MOV_LOAD;
  if (op == OP_MOVZX8 + 2 || op == OP_MOVZX8 + 3) return Q_LOAD_ZX8;
  if (op == OP_MOVZX16 + 2 || op == OP_MOVZX16 + 3) return Q_LOAD_ZX16;
  if (op == OP_CMOV + 1) return Q_CMOV_32_M;
  if (op == OP_CMOV + 2) return Q_CMOV_64_M;
  return op == OP_MOVSXD ? Q_LOAD_SX_64 : Q_NONE;
}

/** A set of outcomes: those that condition `cc` (0..15) holds for. Parity is none of them. */
function outcomes(cc: u32): u32 {
  let set: u32;
  switch (cc >> 1) {
    case 0:
      set = 0x0ff0; // overflow: less xor negative
      break;
    case 1:
      set = 0xaaaa;
      break;
    case 2:
      set = 0xcccc;
      break;
    case 3:
      set = 0xeeee;
      break;
    case 4:
      set = 0xff00;
      break;
    case 6:
      set = 0xf0f0;
      break;
    default:
      set = 0xfcfc;
      break;
  }
  return cc & 1 ? set ^ 0xffff : set;
}

/** A comparison's form that takes the branch behind it along. */
function joined(form: u32): u32 {
  switch (form) {
    case Q_CMP_8:
      return Q_CMP_8_J;
    case Q_CMP_32:
      return Q_CMP_32_J;
    case Q_CMP_64:
      return Q_CMP_64_J;
    case Q_TEST_8:
      return Q_TEST_8_J;
    case Q_TEST_32:
      return Q_TEST_32_J;
    case Q_TEST_64:
      return Q_TEST_64_J;
    case Q_CMP_R_32:
      return Q_CMP_R_32_J;
    case Q_CMP_R_64:
      return Q_CMP_R_64_J;
    case Q_CMP_M_8:
      return Q_CMP_M_8_J;
    case Q_CMP_M_32:
      return Q_CMP_M_32_J;
    case Q_CMP_M_64:
      return Q_CMP_M_64_J;
    case Q_TEST_M_8:
      return Q_TEST_M_8_J;
    case Q_TEST_M_32:
      return Q_TEST_M_32_J;
    default:
      return Q_NONE;
  }
}

/** The same of an operation whose result decides: equal to 0, or negative. */
function joined_result(form: u32): u32 {
  switch (form) {
    case Q_ADD_32:
      return Q_ADD_32_J;
    case Q_ADD_64:
      return Q_ADD_64_J;
    case Q_AND_32:
      return Q_AND_32_J;
    case Q_AND_64:
      return Q_AND_64_J;
    case Q_SUB_32:
      return Q_SUB_32_J;
    case Q_SUB_64:
      return Q_SUB_64_J;
    case Q_DEC_32:
      return Q_DEC_32_J;
    case Q_DEC_64:
      return Q_DEC_64_J;
    default:
      return Q_NONE;
  }
}

/** A branch whose target lies in the block's page: offsets in pages of RIP and of memory are the same here. */
function branch_form(r: u32, op: u32, hva: u32): u32 {
  const delta = (load<u16>(r + R_OFF) as i32) + (load<u8>(r + R_LEN) as i32) + load<i32>(r + R_DISP);
  const place = ((hva & 0xfff) as i32) + delta;
  if (place < 0 || place > 0xfff) return op == OP_JMP ? Q_JMP_FAR : Q_JCC_FAR;
  store<i32>(r + R_DELTA, delta);
  if (op == OP_JMP) return Q_JMP;
  const cc: u32 = load<u8>(r + R_SEG);
  if (load<u16>(r + R_OFF) != 0 && cc >> 1 != 5) {
    const before = r - RECORD_SIZE;
    let form = joined(load<u8>(before + R_QUICK));
    if (form == Q_NONE && (cc >> 1 == 2 || cc >> 1 == 4)) form = joined_result(load<u8>(before + R_QUICK));
    if (form != Q_NONE) {
      store<u8>(before + R_QUICK, form as u8);
      store<u32>(r + R_REG, outcomes(cc));
    }
  }
  return cc == 4 ? Q_JZ : cc == 5 ? Q_JNZ : Q_JCC;
}

function form_of(r: u32, hva: u32, mode: u32): u32 {
  const op: u32 = load<u16>(r + R_OP);
  const is_wide = (mode & MODE_SIZE) == MODE_64;
  switch (op) {
    case OP_JMP:
    case OP_JCC:
      return branch_form(r, op, hva);
    case OP_CALL:
      return is_wide ? Q_CALL_64 : Q_CALL_32;
    case OP_RET:
      return is_wide ? Q_RET_64 : Q_RET_32;
    case OP_PUSH_R:
      return is_wide ? Q_PUSH_64 : Q_PUSH_32;
    case OP_POP_R:
      return is_wide ? Q_POP_64 : Q_POP_32;
    case OP_IN_I:
    case OP_IN_DX:
    case OP_OUT_I:
    case OP_OUT_DX:
      return Q_PORT;
    default: {
      const am: u32 = load<u8>(r + R_AM);
      if (am == AM_NONE) return register_form(r, op);
      const form = am & AM_FORM;
      return form == AM_64 || form == AM_32 ? memory_form(r, op) : Q_NONE;
    }
  }
}

/** Chooses the form of the record `r`, of a block at `hva` decoded for `mode`. */
export function choose_quick(r: u32, hva: u32, mode: u32): void {
  store<u8>(r + R_QUICK, form_of(r, hva, mode) as u8);
}
