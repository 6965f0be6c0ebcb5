// Instructions with a VEX prefix (SDM vol. 2, 2.3): to the rows that they share with the legacy encoding, and those that have no
// legacy encoding in the same place, among them BMI1 and BMI2.
import {
  OP_ANDN,
  OP_BEXTR,
  OP_BLSI,
  OP_BLSMSK,
  OP_BLSR,
  OP_BZHI,
  OP_LDMXCSR,
  OP_MULX,
  OP_PDEP,
  OP_PEXT,
  OP_RORX,
  OP_SARX,
  OP_SHLX,
  OP_SHRX,
  OP_STMXCSR,
} from '../abi/ops';
import { OP_VZERO } from '../abi/ops_move';
import { C_VVVV, next8 } from './cursor';
import { fetch_modrm, modrm_op, READ, reg_operand, rm_operand, WRITE } from './modrm';
import { set_imm, set_op, undefined_opcode } from './record';
import { is_256, set_unit_op, set_vector_form, UNIT_AVX } from './simd';
import { decode_simd_0f } from './simd_0f';
import { decode_simd_0f3a } from './simd_0f3a';
import { decode_simd_0f38 } from './simd_0f38';
import {
  allowed,
  is_wide,
  L0,
  MEMORY,
  mandatory_prefix,
  NO_PREFIX,
  PREFIX_66,
  PREFIX_F2,
  PREFIX_F3,
  UNARY,
} from './simd_rows';

/** VZEROUPPER and VZEROALL, which have no ModRM byte. */
function zero(c: u32, v: u32, r: u32): void {
  if (mandatory_prefix(c) != NO_PREFIX || load<u32>(c + C_VVVV) != 0) return undefined_opcode(c, r);
  set_vector_form(c, v, r);
  set_unit_op(c, r, OP_VZERO, UNIT_AVX);
}

/** VLDMXCSR, VSTMXCSR. */
function group15(c: u32, v: u32, r: u32): void {
  fetch_modrm(c);
  const kind = modrm_op(c);
  if (mandatory_prefix(c) != NO_PREFIX || (kind & 6) != 2 || !allowed(c, MEMORY | L0 | UNARY)) {
    return undefined_opcode(c, r);
  }
  rm_operand(c, v, r, 2, kind == 2 ? READ : WRITE);
  set_unit_op(c, r, kind == 2 ? OP_LDMXCSR : OP_STMXCSR, UNIT_AVX);
}

/** BMI1 and BMI2 in 0F 38: the operation, 0 = none. */
function bmi_operation(c: u32, op: u32): u32 {
  const prefix = mandatory_prefix(c);
  switch (op) {
    case 0xf2:
      return prefix == NO_PREFIX ? OP_ANDN : 0;
    case 0xf3: {
      if (prefix != NO_PREFIX) return 0;
      const kind = modrm_op(c);
      return kind == 1 ? OP_BLSR : kind == 2 ? OP_BLSMSK : kind == 3 ? OP_BLSI : 0;
    }
    case 0xf5:
      if (prefix == PREFIX_66) return 0;
      return prefix == NO_PREFIX ? OP_BZHI : prefix == PREFIX_F3 ? OP_PEXT : OP_PDEP;
    case 0xf6:
      return prefix == PREFIX_F2 ? OP_MULX : 0;
    case 0xf7:
      if (prefix == NO_PREFIX) return OP_BEXTR;
      return prefix == PREFIX_66 ? OP_SHLX : prefix == PREFIX_F3 ? OP_SARX : OP_SHRX;
    default:
      return 0;
  }
}

function bmi(c: u32, v: u32, r: u32, op: u32): void {
  const operation = bmi_operation(c, op);
  if (operation == 0 || is_256(c)) return undefined_opcode(c, r);
  const size: u32 = is_wide(c) ? 3 : 2;
  reg_operand(c, v, r, size);
  rm_operand(c, v, r, size, READ);
  set_imm(r, load<u32>(c + C_VVVV));
  set_op(r, operation);
}

function rorx(c: u32, v: u32, r: u32): void {
  if (mandatory_prefix(c) != PREFIX_F2 || !allowed(c, L0 | UNARY)) return undefined_opcode(c, r);
  const size: u32 = is_wide(c) ? 3 : 2;
  reg_operand(c, v, r, size);
  rm_operand(c, v, r, size, READ);
  set_imm(r, next8(c));
  set_op(r, OP_RORX);
}

/** Decodes the opcode behind a VEX prefix; `map` is 1 (0F), 2 (0F 38) or 3 (0F 3A). */
export function decode_vex(c: u32, v: u32, r: u32, map: u32): void {
  if (map == 0 || map > 3) return undefined_opcode(c, r);
  const op = next8(c);
  if (map == 1) {
    if (op == 0x77) return zero(c, v, r);
    if (op == 0xae) return group15(c, v, r);
    return decode_simd_0f(c, v, r, op);
  }
  fetch_modrm(c);
  if (map == 2) {
    if (op >= 0xf0) return bmi(c, v, r, op);
    return decode_simd_0f38(c, v, r, op);
  }
  if (op == 0xf0) return rorx(c, v, r);
  decode_simd_0f3a(c, v, r, op);
}
