// Flags that nothing can see: records of a block whose flags others replace before a fault, an interrupt or an instruction
// could look at them take the form that does not work them out. It looks at quick forms only.
import { R_QUICK, RECORD_SIZE } from '../abi/insn';
import {
  Q_ADD_32,
  Q_ADD_32_J,
  Q_ADD_32_N,
  Q_ADD_64,
  Q_ADD_64_N,
  Q_AND_32,
  Q_AND_32_N,
  Q_AND_64,
  Q_AND_64_N,
  Q_CMP_8_J,
  Q_DEC_32,
  Q_DEC_32_N,
  Q_DEC_64,
  Q_DEC_64_N,
  Q_IMUL_32,
  Q_IMUL_32_N,
  Q_IMUL_64,
  Q_IMUL_64_N,
  Q_INC_32,
  Q_INC_32_N,
  Q_INC_64,
  Q_INC_64_N,
  Q_LEA_32,
  Q_MOV_32,
  Q_MOV_64,
  Q_NEG_32,
  Q_NEG_64,
  Q_NOP,
  Q_NOT_32,
  Q_NOT_64,
  Q_OR_32,
  Q_OR_32_N,
  Q_OR_64,
  Q_OR_64_N,
  Q_SAR_64,
  Q_SHL_32,
  Q_SHL_32_N,
  Q_SUB_32,
  Q_SUB_32_N,
  Q_SUB_64,
  Q_SUB_64_J,
  Q_SUB_64_N,
  Q_TEST_8,
  Q_TEST_64_J,
  Q_XOR_32,
  Q_XOR_32_N,
  Q_XOR_64,
  Q_XOR_64_N,
} from '../abi/quick';

/** The form without flags, where there is one. */
function flagless(form: u32): u32 {
  switch (form) {
    case Q_ADD_32:
      return Q_ADD_32_N;
    case Q_ADD_64:
      return Q_ADD_64_N;
    case Q_OR_32:
      return Q_OR_32_N;
    case Q_OR_64:
      return Q_OR_64_N;
    case Q_AND_32:
      return Q_AND_32_N;
    case Q_AND_64:
      return Q_AND_64_N;
    case Q_SUB_32:
      return Q_SUB_32_N;
    case Q_SUB_64:
      return Q_SUB_64_N;
    case Q_XOR_32:
      return Q_XOR_32_N;
    case Q_XOR_64:
      return Q_XOR_64_N;
    case Q_INC_32:
      return Q_INC_32_N;
    case Q_INC_64:
      return Q_INC_64_N;
    case Q_DEC_32:
      return Q_DEC_32_N;
    case Q_DEC_64:
      return Q_DEC_64_N;
    case Q_IMUL_32:
      return Q_IMUL_32_N;
    case Q_IMUL_64:
      return Q_IMUL_64_N;
    default:
      return form >= Q_SHL_32 && form <= Q_SAR_64 ? form - Q_SHL_32 + Q_SHL_32_N : form;
  }
}

/** The record only moves values between registers: it can neither fault nor end the block, and sees no flag. */
function only_moves(form: u32): bool {
  return (
    form == Q_MOV_32 ||
    form == Q_MOV_64 ||
    (form >= Q_LEA_32 && form <= Q_NOP) ||
    form == Q_NOT_32 ||
    form == Q_NOT_64
  );
}

/** The record sets all six flags, sees none of them before, cannot fault and does not leave the block before it has. */
function sets_all(form: u32): bool {
  return (
    (form >= Q_ADD_32 && form <= Q_OR_64) ||
    (form >= Q_AND_32 && form <= Q_TEST_8) ||
    (form >= Q_SHL_32 && form <= Q_SAR_64) ||
    (form >= Q_CMP_8_J && form <= Q_TEST_64_J) ||
    (form >= Q_ADD_32_J && form <= Q_SUB_64_J) ||
    (form >= Q_NEG_32 && form <= Q_NEG_64) ||
    form == Q_IMUL_32 ||
    form == Q_IMUL_64
  );
}

/** Takes the flags from the records of a block whose flags nothing can see, not even a handler of a fault or interrupt. */
export function drop_flags(first: u32, count: u32): void {
  let seen = true;
  for (let r = first + count * RECORD_SIZE; r > first; ) {
    r -= RECORD_SIZE;
    const form = load<u8>(r + R_QUICK);
    if (only_moves(form)) continue;
    const without = flagless(form);
    if (!seen && without != form) store<u8>(r + R_QUICK, without as u8);
    else seen = !sets_all(form);
  }
}
