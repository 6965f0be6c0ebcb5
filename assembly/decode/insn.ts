// One instruction: prefixes, then the opcode maps. Decodes from bytes that are all in one piece of memory.
import {
  AM_64,
  AM_FORM,
  AM_GENERIC,
  AM_RIP,
  R_AM,
  R_BASE,
  R_DISP,
  R_FLAGS,
  R_LEN,
  R_OFF,
  RF_66,
  RF_ADDRESS_ONLY,
  RF_LOCK,
  RF_REP,
  RF_REPNE,
} from '../abi/insn';
import { CS, DS, ES, FS, GS, MODE_64, MODE_REAL, SS, V_RIP } from '../abi/vcpu_page';
import {
  C_ASIZE,
  C_CODE,
  C_END,
  C_ENDS,
  C_FLAGS,
  C_LOCKABLE,
  C_MODE,
  C_OSIZE,
  C_PC,
  C_REX,
  C_SEG,
  C_START,
  C_STATUS,
  C_VEX,
  C_VVVV,
  CURSOR_OK,
  NO_SEGMENT,
  next8,
} from './cursor';
import { init_flags } from './modrm';
import { decode_one_byte } from './one_byte';
import { clear_record, undefined_opcode } from './record';
import { decode_vex } from './vex';

/** C4 and C5 are VEX prefixes in 64-bit code, and elsewhere (but not in real mode) when the next byte looks like mod = 3. */
function is_vex(c: u32): bool {
  if (load<u32>(c + C_CODE) == MODE_64) return true;
  if (load<u32>(c + C_MODE) & MODE_REAL) return false;
  const pc = load<u32>(c + C_PC);
  if (pc >= load<u32>(c + C_END)) {
    // The deciding byte is missing: reading it tells the caller.
    next8(c);
    return false;
  }
  return load<u8>(pc) >= 0xc0;
}

function vex(c: u32, v: u32, r: u32, op: u32): void {
  const prefixes = load<u32>(c + C_FLAGS);
  const first = next8(c);
  let map: u32 = 1;
  let last = first;
  let rex: u32 = (~first >> 5) & 4;
  if (op == 0xc4) {
    map = first & 31;
    rex = (~first >> 5) & 7;
    last = next8(c);
    rex |= (last >> 4) & 8;
  }
  if (load<u32>(c + C_CODE) != MODE_64) rex &= 8;
  if (prefixes & (RF_66 | RF_REP | RF_REPNE | RF_LOCK) || load<u32>(c + C_REX)) return undefined_opcode(c, r);
  store<u32>(c + C_REX, rex | 0x40);
  let vvvv = (~last >> 3) & 15;
  if (load<u32>(c + C_CODE) != MODE_64) vvvv &= 7;
  store<u32>(c + C_VVVV, vvvv);
  store<u32>(c + C_VEX, 1 | ((last >> 1) & 2));
  const pp = last & 3;
  store<u32>(c + C_FLAGS, pp == 1 ? RF_66 : pp == 2 ? RF_REP : pp == 3 ? RF_REPNE : 0);
  decode_vex(c, v, r, map);
}

/** RIP-relative operands become relative to the block's RIP, where the sum fits; `behind` is from there to the next instruction. */
function place_rip(r: u32, behind: i32): void {
  const form = load<u8>(r + R_AM) & AM_FORM;
  const distance = load<i32>(r + R_DISP);
  if (form == AM_RIP) {
    if (distance > i32.MAX_VALUE - behind) return;
    store<u8>(r + R_AM, (load<u8>(r + R_AM) - AM_RIP + AM_64) as u8);
  } else if (
    load<u16>(r + R_BASE) != 0xffff ||
    (form != AM_GENERIC && (load<u16>(r + R_FLAGS) & RF_ADDRESS_ONLY) == 0)
  ) {
    return;
  }
  store<u16>(r + R_BASE, V_RIP as u16);
  store<i32>(r + R_DISP, distance + behind);
}

/**
 * Decodes the instruction at C_PC into `r`. C_STATUS says whether the bytes sufficed; C_ENDS whether the block ends.
 */
export function decode_insn(c: u32, v: u32, r: u32, offset: u32): void {
  const _mode = load<u32>(c + C_MODE);
  const code = load<u32>(c + C_CODE);
  let osize: u32 = code == 0 ? 1 : 2;
  let asize: u32 = code == 0 ? 1 : code == 1 ? 2 : 3;
  let prefixes: u32 = 0;
  let segment: u32 = NO_SEGMENT;
  let rex: u32 = 0;
  let op: u32 = 0;
  const start = load<u32>(c + C_PC);
  store<u32>(c + C_START, start);
  store<u32>(c + C_STATUS, CURSOR_OK);
  store<u32>(c + C_LOCKABLE, 0);
  store<u32>(c + C_ENDS, 0);
  store<u32>(c + C_VEX, 0);
  clear_record(r);
  store<u16>(r + R_OFF, offset as u16);
  let a67 = false;
  let prefix = true;
  while (prefix) {
    op = next8(c);
    if (load<u32>(c + C_STATUS)) return;
    switch (op) {
      case 0x26:
        if (code != 2) segment = ES;
        break;
      case 0x2e:
        if (code != 2) segment = CS;
        break;
      case 0x36:
        if (code != 2) segment = SS;
        break;
      case 0x3e:
        if (code != 2) segment = DS;
        break;
      case 0x64:
        segment = FS;
        break;
      case 0x65:
        segment = GS;
        break;
      case 0x66:
        prefixes |= RF_66;
        break;
      case 0x67:
        a67 = true;
        break;
      case 0xf0:
        prefixes |= RF_LOCK;
        break;
      case 0xf2:
        prefixes = (prefixes & ~RF_REP) | RF_REPNE;
        break;
      case 0xf3:
        prefixes = (prefixes & ~RF_REPNE) | RF_REP;
        break;
      default:
        prefix = false;
    }
    if (prefix) {
      rex = 0;
    } else if (code == MODE_64 && (op & 0xf0) == 0x40) {
      rex = op;
      prefix = true;
    }
  }
  if (rex & 8) osize = 3;
  else if (prefixes & RF_66) osize = osize == 2 ? 1 : 2;
  if (a67) asize = code == 1 ? 1 : 2;
  store<u32>(c + C_OSIZE, osize);
  store<u32>(c + C_ASIZE, asize);
  store<u32>(c + C_REX, rex);
  store<u32>(c + C_FLAGS, prefixes);
  store<u32>(c + C_SEG, segment);
  init_flags(c, r, prefixes);
  if ((op == 0xc4 || op == 0xc5) && is_vex(c)) vex(c, v, r, op);
  else decode_one_byte(c, v, r, op);
  if (load<u32>(c + C_STATUS)) return;
  if (prefixes & RF_LOCK && load<u32>(c + C_LOCKABLE) == 0) undefined_opcode(c, r);
  const length = load<u32>(c + C_PC) - start;
  store<u8>(r + R_LEN, length as u8);
  place_rip(r, (offset + length) as i32);
}
