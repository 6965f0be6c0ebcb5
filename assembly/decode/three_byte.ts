// The three-byte opcode maps 0F 38 and 0F 3A on general registers; SIMD rows are in simd_0f38.ts and simd_0f3a.ts, VEX in vex.ts.
import { R_SPAN, RF_66, RF_REP, RF_REPNE } from '../abi/insn';
import { OP_ADCX, OP_ADOX, OP_CRC32, OP_INVPCID, OP_MOVBE_LOAD, OP_MOVBE_STORE } from '../abi/ops';
import { MODE_64 } from '../abi/vcpu_page';
import { C_CODE, C_FLAGS, C_OSIZE, C_REX, next8 } from './cursor';
import {
  ADDRESS,
  fetch_modrm,
  modrm_is_register,
  READ,
  reg_operand,
  rm_operand,
  set_size,
  WRITE,
} from './modrm';
import { ends, set_op, undefined_opcode } from './record';
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
