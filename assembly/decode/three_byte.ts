// The three-byte opcode maps 0F 38 and 0F 3A, and their VEX forms on general registers (BMI1, BMI2).
// SIMD rows are in simd_0f38.ts and simd_0f3a.ts.
import { R_SCALE, R_SPAN, RF_66, RF_REP, RF_REPNE } from '../abi/insn';
import {
  OP_ADCX,
  OP_ADOX,
  OP_ANDN,
  OP_BEXTR,
  OP_BLSI,
  OP_BLSMSK,
  OP_BLSR,
  OP_BZHI,
  OP_CRC32,
  OP_INVPCID,
  OP_MOVBE_LOAD,
  OP_MOVBE_STORE,
  OP_MULX,
  OP_PDEP,
  OP_PEXT,
  OP_RORX,
  OP_SARX,
  OP_SHLX,
  OP_SHRX,
} from '../abi/ops';
import { MODE_64 } from '../abi/vcpu_page';
import { C_CODE, C_FLAGS, C_OSIZE, C_REX, C_VEX, C_VVVV, next8 } from './cursor';
import {
  ADDRESS,
  fetch_modrm,
  modrm_is_register,
  modrm_op,
  READ,
  reg_operand,
  rm_operand,
  set_size,
  WRITE,
} from './modrm';
import { ends, set_imm, set_op, undefined_opcode } from './record';
import { decode_simd_0f3a } from './simd_0f3a';
import { decode_simd_0f38 } from './simd_0f38';

export function decode_0f38(c: u32, v: u32, r: u32): void {
  const op = next8(c);
  fetch_modrm(c);
  const prefixes = load<u32>(c + C_FLAGS) & (RF_66 | RF_REP | RF_REPNE);
  const osize = load<u32>(c + C_OSIZE);
  if (op == 0x82 && prefixes == RF_66) {
    if (modrm_is_register(c)) return undefined_opcode(c, r);
    const size: u32 = load<u32>(c + C_CODE) == MODE_64 ? 3 : 2;
    reg_operand(c, v, r, size);
    rm_operand(c, v, r, size, ADDRESS);
    ends(c);
    return set_op(r, OP_INVPCID);
  }
  if (op == 0xf0 || op == 0xf1) {
    if (prefixes & RF_REPNE) {
      // CRC32: destination 32 or 64 bits, source by the opcode and the operand size.
      const source: u32 = op & 1 ? osize : 0;
      const size: u32 = osize == 3 ? 3 : 2;
      reg_operand(c, v, r, size);
      rm_operand(c, v, r, source, READ);
      const bytes: u32 = 1 << source;
      store<u8>(r + R_SPAN, (bytes - 1) as u8);
      set_size(r, size);
      return set_op(r, OP_CRC32);
    }
    if (modrm_is_register(c) || prefixes & RF_REP) return undefined_opcode(c, r);
    reg_operand(c, v, r, osize);
    rm_operand(c, v, r, osize, op & 1 ? WRITE : READ);
    return set_op(r, op & 1 ? OP_MOVBE_STORE : OP_MOVBE_LOAD);
  }
  if (op == 0xf6 && (prefixes == RF_66 || prefixes == RF_REP)) {
    const size: u32 = load<u32>(c + C_REX) & 8 ? 3 : 2;
    reg_operand(c, v, r, size);
    rm_operand(c, v, r, size, READ);
    return set_op(r, prefixes == RF_66 ? OP_ADCX : OP_ADOX);
  }
  decode_simd_0f38(c, v, r, op);
}

export function decode_0f3a(c: u32, v: u32, r: u32): void {
  const op = next8(c);
  fetch_modrm(c);
  decode_simd_0f3a(c, v, r, op);
}

/** VEX-encoded instructions on general registers; `map` is 1 (0F), 2 (0F 38) or 3 (0F 3A). */
export function decode_vex(c: u32, v: u32, r: u32, map: u32): void {
  const op = next8(c);
  fetch_modrm(c);
  const prefixes = load<u32>(c + C_FLAGS) & (RF_66 | RF_REP | RF_REPNE);
  const size: u32 = load<u32>(c + C_REX) & 8 && load<u32>(c + C_CODE) == MODE_64 ? 3 : 2;
  if (load<u32>(c + C_VEX) & 2) return undefined_opcode(c, r);
  store<u8>(r + R_SCALE, 0);
  let which: u32 = 0;
  if (map == 2) {
    switch (op) {
      case 0xf2:
        if (prefixes == 0) which = OP_ANDN;
        break;
      case 0xf3:
        if (prefixes == 0) {
          const kind = modrm_op(c);
          which = kind == 1 ? OP_BLSR : kind == 2 ? OP_BLSMSK : kind == 3 ? OP_BLSI : 0;
        }
        break;
      case 0xf5:
        which = prefixes == 0 ? OP_BZHI : prefixes == RF_REP ? OP_PEXT : prefixes == RF_REPNE ? OP_PDEP : 0;
        break;
      case 0xf6:
        if (prefixes == RF_REPNE) which = OP_MULX;
        break;
      case 0xf7:
        which =
          prefixes == 0 ? OP_BEXTR : prefixes == RF_66 ? OP_SHLX : prefixes == RF_REP ? OP_SARX : OP_SHRX;
        break;
    }
  } else if (map == 3 && op == 0xf0 && prefixes == RF_REPNE) {
    which = OP_RORX;
  }
  if (which == 0) return undefined_opcode(c, r);
  reg_operand(c, v, r, size);
  rm_operand(c, v, r, size, READ);
  if (which == OP_RORX) set_imm(r, next8(c));
  else set_imm(r, load<u32>(c + C_VVVV));
  set_op(r, which);
}
