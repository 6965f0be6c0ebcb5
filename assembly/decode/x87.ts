// The x87 escapes D8 to DF (SDM vol. 2, A.5).
import { ADDRESS, fetch_modrm, rm_operand } from './modrm';
import { undefined_opcode } from './record';

/** Decodes the instruction behind escape byte `op`. */
export function decode_x87(c: u32, v: u32, r: u32, _op: u32): void {
  fetch_modrm(c);
  rm_operand(c, v, r, 2, ADDRESS);
  undefined_opcode(c, r);
}
