// The commonest x87 instructions on normal numbers, inlined into the dispatcher: a call from there costs as much as their work.
// They do what the family does when no exception waits, none is unmasked, and the registers they name are full or empty as
// they should be; everything else is left to the family, which then finds nothing changed.
import {
  FE_ALL,
  FSW_C1,
  FSW_ES,
  ST_STRIDE,
  V_FCW,
  V_FIP,
  V_FLOAT_RESULT,
  V_FSW,
  V_FTAG,
  V_FTOP,
  V_ST,
} from '../abi/fpu';
import { R_OFF } from '../abi/insn';
import {
  ARITHMETIC_COM,
  OP_F_I32,
  OP_F_M32,
  OP_F_STI,
  OP_F_STI_POP,
  OP_FLD_M64,
  OP_FLD_STI,
  OP_FST_M64,
  OP_FSTP_M64,
  OP_FSTP_STI,
  OP_FXCH,
  R_FOP,
} from '../abi/ops_x87';
import { V_RIP } from '../abi/vcpu_page';
import { Quick } from './x87_quick';
import { BIAS, INTEGER_BIT, put, SIGN } from './x87_stack';
import { ShortStore } from './x87_store';

/** Exponents of normal doubles, from 1 on. */
const NORMAL_DOUBLE: u32 = 0x7fe;

export class Hot {
  /** True when the instruction is done. */
  @inline
  static execute(v: u32, r: u32, op: u32, rm: u32): bool {
    const fsw = load<u32>(v + V_FSW);
    if (fsw & FSW_ES || (load<u32>(v + V_FCW) & FE_ALL) != FE_ALL) return false;
    const top = load<u32>(v + V_FTOP);
    const tags = load<u32>(v + V_FTAG);
    const a = v + V_ST + top * ST_STRIDE;
    if (op < OP_F_I32) {
      if (((op - ARITHMETIC_COM) & 7) < 2 || op - OP_F_M32 < 8) return false;
      let other = top;
      let b = v + V_FLOAT_RESULT;
      if (op < OP_F_M32) {
        other = (top + load<u8>(r + R_FOP)) & 7;
        b = v + V_ST + other * ST_STRIDE;
      } else if (!Hot.double(rm, b)) {
        return false;
      }
      if (((tags >> top) & (tags >> other) & 1) == 0) return false;
      if (!Quick.arithmetic(v, op & 7, a, b, op - OP_F_STI < 16 ? b : a)) return false;
      if (op - OP_F_STI_POP < 8) {
        store<u32>(v + V_FTAG, tags & ~(1 << top));
        store<u32>(v + V_FTOP, (top + 1) & 7);
      }
      Hot.note(v, r);
      return true;
    }
    if (op == OP_FLD_M64 || op == OP_FLD_STI) {
      const next = (top - 1) & 7;
      if ((tags >> next) & 1) return false;
      const to = v + V_ST + next * ST_STRIDE;
      if (op == OP_FLD_M64) {
        if (!Hot.double(rm, to)) return false;
      } else {
        const i = (top + load<u8>(r + R_FOP)) & 7;
        if (((tags >> i) & 1) == 0) return false;
        v128.store(to, v128.load(v + V_ST + i * ST_STRIDE));
      }
      store<u32>(v + V_FTOP, next);
      store<u32>(v + V_FTAG, tags | (1 << next));
    } else {
      if (((tags >> top) & 1) == 0) return false;
      if (op == OP_FST_M64 || op == OP_FSTP_M64) {
        if (!ShortStore.normal(v, rm, a, 11, false)) return false;
      } else {
        const i = (top + load<u8>(r + R_FOP)) & 7;
        const to = v + V_ST + i * ST_STRIDE;
        if (op == OP_FXCH) {
          if (((tags >> i) & 1) == 0) return false;
          const old = v128.load(to);
          v128.store(to, v128.load(a));
          v128.store(a, old);
        } else if (op == OP_FSTP_STI) {
          v128.store(to, v128.load(a));
        } else {
          return false;
        }
      }
      if (op != OP_FXCH && op != OP_FST_M64) {
        const marked = op == OP_FSTP_STI ? tags | (1 << ((top + load<u8>(r + R_FOP)) & 7)) : tags;
        store<u32>(v + V_FTAG, marked & ~(1 << top));
        store<u32>(v + V_FTOP, (top + 1) & 7);
      }
      if (op == OP_FST_M64 || op == OP_FSTP_M64) {
        Hot.note(v, r);
        return true;
      }
    }
    if (fsw & FSW_C1) store<u32>(v + V_FSW, fsw & ~FSW_C1);
    Hot.note(v, r);
    return true;
  }

  /** FIP, the address of the last instruction. */
  @inline
  static note(v: u32, r: u32): void {
    store<u64>(v + V_FIP, load<u64>(v + V_RIP) + load<u16>(r + R_OFF));
  }

  /** Widens the double at `rm` to the 80 bits at `to`; false = it is not normal. */
  @inline
  static double(rm: u32, to: u32): bool {
    const bits = load<u64>(rm);
    const exponent = ((bits >> 52) as u32) & 0x7ff;
    if (exponent - 1 >= NORMAL_DOUBLE) return false;
    put(to, (bits << 11) | INTEGER_BIT, (((bits >> 48) as u32) & SIGN) | (exponent + (BIAS - 1023)));
    return true;
  }
}
