// What quick forms are made of: addresses, the look into the TLB, the stack, branches. All of it is inlined into the
// dispatcher. A handler that does not find its translation changes nothing, and the record's general form does the work.
import { R_BASE, R_DELTA, R_DISP, R_INDEX, R_SCALE } from '../abi/insn';
import { TLB_ENTRIES, TLB_ENTRY_SIZE } from '../abi/map';
import { OUTCOME_BELOW, OUTCOME_EQUAL, OUTCOME_LESS, OUTCOME_NEGATIVE } from '../abi/quick';
import {
  LF_LOGIC,
  LF_SUB,
  V_ADDRESS_MASK,
  V_LF_A,
  V_LF_B,
  V_LF_KIND,
  V_LF_RES,
  V_TLB,
} from '../abi/vcpu_page';

export class Quick {
  /** base + displacement. */
  @inline
  static address(v: u32, r: u32): u64 {
    return (
      (load<u64>(v + load<u16>(r + R_BASE)) + (load<i32>(r + R_DISP) as i64 as u64)) &
      load<u64>(v + V_ADDRESS_MASK)
    );
  }

  /** base + (index << scale) + displacement. */
  @inline
  static indexed(v: u32, r: u32): u64 {
    return (
      (load<u64>(v + load<u16>(r + R_BASE)) +
        (load<u64>(v + load<u16>(r + R_INDEX)) << load<u8>(r + R_SCALE)) +
        (load<i32>(r + R_DISP) as i64 as u64)) &
      load<u64>(v + V_ADDRESS_MASK)
    );
  }

  /** The TLB's entry that `la` falls on. */
  @inline
  static entry(v: u32, la: u64): u32 {
    return load<u32>(v + V_TLB) + (((la >> 12) as u32) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
  }

  /** The entry `e` allows an access of `span + 1` bytes at `la`; `tag` is TLB_READ or TLB_WRITE. */
  @inline
  static allows(e: u32, tag: u32, la: u64, span: u64): bool {
    return ((la + span) & ~0xfff) == load<u64>(e + tag);
  }

  /** The flags of a - b: the operands are sign-extended, as everything that flags are made of. */
  @inline
  static note_sub(v: u32, a: i64, b: i64, res: i64): void {
    store<u32>(v + V_LF_KIND, LF_SUB);
    store<i64>(v + V_LF_A, a);
    store<i64>(v + V_LF_B, b);
    store<i64>(v + V_LF_RES, res);
  }

  @inline
  static note_logic(v: u32, res: i64): void {
    store<u32>(v + V_LF_KIND, LF_LOGIC);
    store<i64>(v + V_LF_RES, res);
  }

  /** The outcome of comparing `a` with `b`. */
  @inline
  static outcome(a: i64, b: i64, res: i64): u32 {
    return (
      ((a as u64) < (b as u64) ? OUTCOME_BELOW : 0) |
      (a == b ? OUTCOME_EQUAL : 0) |
      (a < b ? OUTCOME_LESS : 0) |
      (res < 0 ? OUTCOME_NEGATIVE : 0)
    );
  }

  /** The outcome of comparing `res` with 0, as far as conditions on it look: carry and overflow are clear. */
  @inline
  static against_zero(res: i64): u32 {
    return (res == 0 ? OUTCOME_EQUAL : 0) | (res < 0 ? OUTCOME_LESS | OUTCOME_NEGATIVE : 0);
  }

  /** A quick branch's distance from the start of its block. */
  @inline
  static delta(r: u32): u64 {
    return load<i32>(r + R_DELTA) as i64 as u64;
  }
}
