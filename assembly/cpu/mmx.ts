// What every MMX instruction does to the x87 state (SDM vol. 1, 9.5): call it when nothing can fault any more.
import { ST_EXPONENT, V_FTAG, V_FTOP } from '../abi/fpu';

/** All registers become valid, and MM0 is the top of the stack. */
export function enter_mmx(v: u32): void {
  store<u32>(v + V_FTOP, 0);
  store<u32>(v + V_FTAG, 0xff);
}

/** Writes the MMX register at `p`: sign and exponent of its x87 register become ones. */
export function write_mmx(p: u32, value: u64): void {
  store<u64>(p, value);
  store<u16>(p + ST_EXPONENT, 0xffff);
}
