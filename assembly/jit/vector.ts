// Records of SSE and AVX into Wasm: which file emits them. What is not emitted goes to its handler (light.ts).

import { R_FLAGS, RF_ADDRESS_ONLY } from '../abi/insn';
import { OP_FLOAT, OP_PACKED, OP_VECTOR_MOVE } from '../abi/ops';
import { FORM_MMX, FORM_VEX_256, R_FORM } from '../abi/simd';
import { emit_vector_float } from './vector_float';
import { emit_vector_move } from './vector_move';
import { emit_packed } from './vector_packed';
import { emit_wide } from './vector_wide';

/** Emits the record `r`; false if its handler must execute it. */
export function emit_vector(r: u32, op: u32): bool {
  const form: u32 = load<u8>(r + R_FORM);
  if (op < OP_PACKED || form == FORM_MMX || load<u16>(r + R_FLAGS) & RF_ADDRESS_ONLY) return false;
  if (emit_wide(r, op)) return true;
  if (form == FORM_VEX_256) return false;
  if (op < OP_FLOAT) return emit_packed(r, op);
  return op < OP_VECTOR_MOVE ? emit_vector_float(r, op) : emit_vector_move(r, op);
}
