// Rows of the SIMD opcode maps that store, or have general registers or memory alone for operands. A row serves the legacy and
// the VEX encoding. Reads no opcode.
import { R_INDEX, R_REG, R_RM, R_SCALE, R_SEG } from '../abi/insn';
import {
  OP_LOAD_32,
  OP_LOAD_64,
  OP_LOAD_VECTOR,
  OP_MASKMOV,
  OP_MERGE_HIGH,
  OP_MERGE_LOW,
  OP_PEXTR,
  OP_PINSR,
  OP_STORE_32,
  OP_STORE_64,
  OP_STORE_VECTOR,
  OP_VEXTRACTF128,
} from '../abi/ops_move';
import { R_FOURTH } from '../abi/simd';
import { DS, V_ZERO } from '../abi/vcpu_page';
import { C_ASIZE, C_MODRM, C_PC, C_REX, C_SEG, C_STATUS, C_VVVV, NO_SEGMENT } from './cursor';
import {
  ADDRESS,
  modrm_is_register,
  modrm_reg,
  READ,
  reg_operand,
  rm_operand,
  rm_operand_bytes,
  WRITE,
} from './modrm';
import { undefined_opcode } from './record';
import {
  reg_mmx,
  reg_vector,
  rm_mmx,
  rm_vector,
  set_mmx_form,
  set_unit_op,
  set_vector_form,
  simd_imm8,
  UNIT_AVX,
  UNIT_MMX,
  UNIT_SSE,
  vector_bytes,
} from './simd';
import {
  ANY,
  allowed,
  is_wide,
  L0,
  L1,
  LEGACY,
  MEMORY,
  mmx_row,
  REGISTER,
  rm_by_traits,
  set_general_form,
  UNARY,
  VEX,
  vector_row,
  vector_unit,
  W0,
} from './simd_rows';

/** Exchanges modrm.reg and a register r/m: what the load of a store is. */
function exchange(r: u32): void {
  const reg = load<u32>(r + R_REG);
  store<u32>(r + R_REG, load<u32>(r + R_RM));
  store<u32>(r + R_RM, reg);
}

// --- vectors with vectors and memory

/** MOVAPS and its kin: all of the vector. */
export function move_load(c: u32, v: u32, r: u32, traits: u32): void {
  vector_row(c, v, r, OP_LOAD_VECTOR, vector_bytes(c), traits | UNARY);
}

export function move_store(c: u32, v: u32, r: u32, traits: u32): void {
  store_row(c, v, r, OP_STORE_VECTOR, OP_LOAD_VECTOR, vector_bytes(c), traits | UNARY);
}

/** A store of `bytes`; into a register it is `load_op` the other way round. */
export function store_row(
  c: u32,
  v: u32,
  r: u32,
  store_op: u32,
  load_op: u32,
  bytes: u32,
  traits: u32,
): void {
  if (!allowed(c, traits)) return undefined_opcode(c, r);
  const between = modrm_is_register(c);
  reg_vector(c, v, r);
  rm_by_traits(c, v, r, bytes, WRITE, traits);
  if (between) exchange(r);
  set_vector_form(c, v, r);
  set_unit_op(c, r, between ? load_op : store_op, vector_unit(c));
}

/** MOVSS and MOVSD: from memory the rest becomes zero, between registers it comes from the first source. */
export function scalar_load(c: u32, v: u32, r: u32, load_op: u32, merge_op: u32, bytes: u32): void {
  if (modrm_is_register(c)) vector_row(c, v, r, merge_op, bytes, ANY);
  else vector_row(c, v, r, load_op, bytes, UNARY);
}

export function scalar_store(c: u32, v: u32, r: u32, store_op: u32, merge_op: u32, bytes: u32): void {
  store_row(c, v, r, store_op, merge_op, bytes, modrm_is_register(c) ? ANY : UNARY);
}

/** MOVLPS and MOVLPD from memory; between registers MOVHLPS, whose source is the upper half. */
export function low_half_load(c: u32, v: u32, r: u32, traits: u32): void {
  vector_row(c, v, r, OP_MERGE_LOW, 8, L0 | traits);
  if (modrm_is_register(c)) store<u32>(r + R_RM, load<u32>(r + R_RM) + 8);
}

/** MOVHPS and MOVHPD from memory; between registers MOVLHPS. */
export function high_half_load(c: u32, v: u32, r: u32, traits: u32): void {
  vector_row(c, v, r, OP_MERGE_HIGH, 8, L0 | traits);
}

/** MOVLPS, MOVLPD (`half` 0), MOVHPS and MOVHPD (8) to memory. */
export function half_store(c: u32, v: u32, r: u32, half: u32): void {
  store_row(c, v, r, OP_STORE_64, OP_STORE_64, 8, L0 | MEMORY | UNARY);
  store<u32>(r + R_REG, load<u32>(r + R_REG) + half);
}

/** MOVQ and MOVNTQ of MMX registers. */
export function mmx_store(c: u32, v: u32, r: u32, traits: u32): void {
  if (!allowed(c, traits | LEGACY)) return undefined_opcode(c, r);
  const between = modrm_is_register(c);
  reg_mmx(c, v, r);
  rm_mmx(c, v, r, 8, WRITE);
  if (between) exchange(r);
  set_mmx_form(r);
  set_unit_op(c, r, between ? OP_LOAD_VECTOR : OP_STORE_VECTOR, UNIT_MMX);
}

export function mmx_load(c: u32, v: u32, r: u32): void {
  mmx_row(c, v, r, OP_LOAD_VECTOR, 8, ANY);
}

/** MOVQ2DQ: XMM from MMX, and the conversions from MMX or 8 bytes of memory. */
export function vector_from_mmx(c: u32, v: u32, r: u32, op: u32, traits: u32): void {
  if (!allowed(c, traits | LEGACY)) return undefined_opcode(c, r);
  reg_vector(c, v, r);
  rm_mmx(c, v, r, 8, READ);
  set_vector_form(c, v, r);
  set_unit_op(c, r, op, UNIT_SSE);
}

/** MOVDQ2Q: MMX from XMM, and the conversions to MMX. */
export function mmx_from_vector(c: u32, v: u32, r: u32, op: u32, bytes: u32, traits: u32): void {
  if (!allowed(c, traits | LEGACY)) return undefined_opcode(c, r);
  reg_mmx(c, v, r);
  rm_by_traits(c, v, r, bytes, READ, traits);
  set_vector_form(c, v, r);
  set_unit_op(c, r, op, UNIT_SSE);
}

/** VEXTRACTF128, VEXTRACTI128. */
export function extract_half(c: u32, v: u32, r: u32): void {
  if (!allowed(c, VEX | L1 | W0 | UNARY)) return undefined_opcode(c, r);
  reg_vector(c, v, r);
  rm_vector(c, v, r, 16, WRITE, false);
  set_vector_form(c, v, r);
  simd_imm8(c, r);
  set_unit_op(c, r, OP_VEXTRACTF128, UNIT_AVX);
}

// --- vectors with general registers

/** log2 of the bytes of a general register operand. */
function general_size(c: u32): u32 {
  return is_wide(c) ? 3 : 2;
}

/** MOVD and MOVQ from a general register or memory. */
export function general_load(c: u32, v: u32, r: u32, mmx: bool): void {
  if (!allowed(c, mmx ? LEGACY : L0 | UNARY)) return undefined_opcode(c, r);
  rm_operand(c, v, r, general_size(c), READ);
  general_form(c, v, r, mmx);
  set_unit_op(c, r, is_wide(c) ? OP_LOAD_64 : OP_LOAD_32, mmx ? UNIT_MMX : vector_unit(c));
}

/** MOVD and MOVQ to a general register or memory. */
export function general_store(c: u32, v: u32, r: u32, mmx: bool): void {
  if (!allowed(c, mmx ? LEGACY : L0 | UNARY)) return undefined_opcode(c, r);
  rm_operand(c, v, r, general_size(c), WRITE);
  general_form(c, v, r, mmx);
  set_unit_op(c, r, is_wide(c) ? OP_STORE_64 : OP_STORE_32, mmx ? UNIT_MMX : vector_unit(c));
}

function general_form(c: u32, v: u32, r: u32, mmx: bool): void {
  if (mmx) {
    reg_mmx(c, v, r);
    set_mmx_form(r);
  } else {
    reg_vector(c, v, r);
    set_general_form(c, v, r);
  }
}

/** A vector from a general register or memory of the same size: conversions. */
export function vector_from_general(c: u32, v: u32, r: u32, op: u32): void {
  reg_vector(c, v, r);
  rm_operand(c, v, r, general_size(c), READ);
  set_general_form(c, v, r);
  set_unit_op(c, r, op, vector_unit(c));
}

/** A general register from a vector or `bytes` of memory: conversions, and sign masks. */
export function general_from_vector(c: u32, v: u32, r: u32, op: u32, bytes: u32, traits: u32): void {
  if (!allowed(c, traits | UNARY)) return undefined_opcode(c, r);
  reg_operand(c, v, r, general_size(c));
  rm_vector(c, v, r, bytes, READ, false);
  set_general_form(c, v, r);
  set_unit_op(c, r, op, vector_unit(c));
}

/** PMOVMSKB of an MMX register. */
export function general_from_mmx(c: u32, v: u32, r: u32, op: u32): void {
  if (!allowed(c, LEGACY | REGISTER)) return undefined_opcode(c, r);
  reg_operand(c, v, r, 2);
  rm_mmx(c, v, r, 8, READ);
  set_mmx_form(r);
  set_unit_op(c, r, op, UNIT_MMX);
}

/** PEXTRB, W, D, Q and EXTRACTPS: an element of 2^size bytes to a general register or memory. */
export function extract(c: u32, v: u32, r: u32, size: u32): void {
  if (!allowed(c, L0 | UNARY)) return undefined_opcode(c, r);
  rm_operand_bytes(c, v, r, general_size(c), WRITE, 1 << size);
  general_form(c, v, r, false);
  simd_imm8(c, r);
  set_unit_op(c, r, OP_PEXTR + size, vector_unit(c));
}

/** PEXTRW with the general register in modrm.reg (0F C5): the destination becomes the r/m operand as in the other forms. */
export function extract_word(c: u32, v: u32, r: u32, mmx: bool): void {
  if (!allowed(c, REGISTER | (mmx ? LEGACY : L0 | UNARY))) return undefined_opcode(c, r);
  reg_operand(c, v, r, 2);
  if (mmx) rm_mmx(c, v, r, 8, READ);
  else rm_vector(c, v, r, 16, READ, false);
  exchange(r);
  if (mmx) set_mmx_form(r);
  else set_general_form(c, v, r);
  simd_imm8(c, r);
  set_unit_op(c, r, OP_PEXTR + 1, mmx ? UNIT_MMX : vector_unit(c));
}

/** PINSRB, W, D and Q: an element of 2^size bytes from a general register or memory. */
export function insert(c: u32, v: u32, r: u32, size: u32, mmx: bool): void {
  if (!allowed(c, mmx ? LEGACY : L0)) return undefined_opcode(c, r);
  rm_operand_bytes(c, v, r, general_size(c), READ, 1 << size);
  general_form(c, v, r, mmx);
  simd_imm8(c, r);
  set_unit_op(c, r, OP_PINSR + size, mmx ? UNIT_MMX : vector_unit(c));
}

// --- memory element by element

/** MASKMOVQ, MASKMOVDQU: two registers, and memory at rDI. */
export function masked_bytes(c: u32, v: u32, r: u32, mmx: bool): void {
  if (!allowed(c, REGISTER | (mmx ? LEGACY : L0 | UNARY))) return undefined_opcode(c, r);
  if (mmx) {
    reg_mmx(c, v, r);
    rm_mmx(c, v, r, 8, READ);
    set_mmx_form(r);
  } else {
    reg_vector(c, v, r);
    rm_vector(c, v, r, 16, READ, false);
    set_vector_form(c, v, r);
  }
  const segment = load<u32>(c + C_SEG);
  store<u8>(r + R_SEG, (segment == NO_SEGMENT ? DS : segment) as u8);
  set_unit_op(c, r, OP_MASKMOV, mmx ? UNIT_MMX : vector_unit(c));
}

/** VMASKMOV, VPMASKMOV: modrm.reg, and memory by the mask vvvv. */
export function masked_row(c: u32, v: u32, r: u32, op: u32, traits: u32): void {
  if (!allowed(c, VEX | MEMORY | traits)) return undefined_opcode(c, r);
  reg_vector(c, v, r);
  rm_vector(c, v, r, vector_bytes(c), ADDRESS, false);
  set_vector_form(c, v, r);
  set_unit_op(c, r, op, UNIT_AVX);
}

/** VGATHER, VPGATHER: modrm.reg by the mask vvvv from addresses with a vector index (VSIB, SDM vol. 2, 2.3.12). */
export function gather_row(c: u32, v: u32, r: u32, op: u32): void {
  const vsib = !modrm_is_register(c) && (load<u32>(c + C_MODRM) & 7) == 4 && load<u32>(c + C_ASIZE) != 1;
  if (!vsib || !allowed(c, VEX)) return undefined_opcode(c, r);
  const pc = load<u32>(c + C_PC);
  reg_vector(c, v, r);
  rm_vector(c, v, r, vector_bytes(c), ADDRESS, false);
  if (load<u32>(c + C_STATUS)) return;
  const sib: u32 = load<u8>(pc);
  const index = ((sib >> 3) & 7) | ((load<u32>(c + C_REX) & 2) << 2);
  store<u16>(r + R_INDEX, V_ZERO as u16);
  store<u8>(r + R_SCALE, (sib >> 6) as u8);
  set_vector_form(c, v, r);
  store<u8>(r + R_FOURTH, index as u8);
  const mask = load<u32>(c + C_VVVV);
  const destination = modrm_reg(c);
  if (index == mask || index == destination || mask == destination) return undefined_opcode(c, r);
  set_unit_op(c, r, op, UNIT_AVX);
}
