// Shifts of a register by an immediate that is not 0, and LEA. Inlined into the dispatcher; the rest is in shift.ts.
import { R_BASE, R_DISP, R_INDEX, R_SCALE } from '../abi/insn';
import { LF_PARTIAL, V_LF_CF, V_LF_KIND, V_LF_RES } from '../abi/vcpu_page';

/** `d` is the address of the register, `n` the count. OF is that of a shift by one (see shift.ts). */
export class Shift {
  @inline
  static note(v: u32, res: i64, cf: u32, overflow: u32): void {
    store<u32>(v + V_LF_KIND, LF_PARTIAL);
    store<i64>(v + V_LF_RES, res);
    store<u32>(v + V_LF_CF, cf | (overflow << 11));
  }

  @inline
  static shl32(v: u32, d: u32, n: u32): void {
    const a = load<u32>(d);
    const res = a << n;
    store<u64>(d, res as u64);
    Shift.note(v, res as i32 as i64, (a >> (32 - n)) & 1, (a ^ (a << 1)) >> 31);
  }

  @inline
  static shr32(v: u32, d: u32, n: u32): void {
    const a = load<u32>(d);
    const res = a >> n;
    store<u64>(d, res as u64);
    Shift.note(v, res as i32 as i64, (a >> (n - 1)) & 1, a >> 31);
  }

  @inline
  static sar32(v: u32, d: u32, n: u32): void {
    const a = load<i32>(d);
    const res = a >> n;
    store<u64>(d, res as u32 as u64);
    Shift.note(v, res as i64, (a >> (n - 1)) & 1, 0);
  }

  @inline
  static shl64(v: u32, d: u32, n: u64): void {
    const a = load<u64>(d);
    const res = a << n;
    store<u64>(d, res);
    Shift.note(v, res as i64, ((a >> (64 - n)) & 1) as u32, ((a ^ (a << 1)) >> 63) as u32);
  }

  @inline
  static shr64(v: u32, d: u32, n: u64): void {
    const a = load<u64>(d);
    const res = a >> n;
    store<u64>(d, res);
    Shift.note(v, res as i64, ((a >> (n - 1)) & 1) as u32, (a >> 63) as u32);
  }

  @inline
  static sar64(v: u32, d: u32, n: u64): void {
    const a = load<i64>(d);
    const res = a >> (n as i64);
    store<i64>(d, res);
    Shift.note(v, res, ((a >> ((n - 1) as i64)) & 1) as u32, 0);
  }

  @inline
  static lea32(v: u32, r: u32): u32 {
    const scaled: u32 = load<u32>(v + load<u16>(r + R_INDEX)) << load<u8>(r + R_SCALE);
    return load<u32>(v + load<u16>(r + R_BASE)) + scaled + load<u32>(r + R_DISP);
  }

  @inline
  static lea64(v: u32, r: u32): u64 {
    return (
      load<u64>(v + load<u16>(r + R_BASE)) +
      (load<u64>(v + load<u16>(r + R_INDEX)) << load<u8>(r + R_SCALE)) +
      (load<i32>(r + R_DISP) as i64 as u64)
    );
  }
}
