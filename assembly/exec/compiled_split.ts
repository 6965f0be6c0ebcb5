// What the split form of compiled regions calls for its memory operands and flags: the TLB is looked at here, and what it does not
// answer goes the way of the whole form (compiled.ts).
//
// `short` tells of the instruction: span of the operand in bits 0 to 4, segment in 5 to 7, instructions of the block before this
// one in 8 to 14, SHORT_* or the instruction's length in 15 to 18, and above, signed, the bytes from the region's entry to it.

import { FLOW_NEXT } from '../abi/insn';
import {
  INFO_ALIGNED,
  INFO_DELTA_SHIFT,
  INFO_WHOLE,
  SHORT_ALIGNED,
  SHORT_DELTA_SHIFT,
  SHORT_LENGTH_SHIFT,
  SHORT_WHOLE,
} from '../abi/jit';
import { TLB_ADDEND, TLB_READ, TLB_WRITE } from '../abi/map';
import { V_BUDGET, V_LF_A, V_LF_B, V_LF_CF, V_LF_KIND, V_LF_RES } from '../abi/vcpu_page';
import { compiled_carry, compiled_modify, compiled_read, compiled_write, entry_of } from './compiled';

/** As compiled.ts has it: what both have in common. */
function info_of(short: u32): i64 {
  const delta = ((short as i32) >> SHORT_DELTA_SHIFT) as i64;
  return (delta << INFO_DELTA_SHIFT) | ((short & 0x7fff) as i64);
}

function look_info(short: u32): i64 {
  const aligned = short & SHORT_ALIGNED ? INFO_ALIGNED : 0;
  return info_of(short) | ((aligned | (short & SHORT_WHOLE ? INFO_WHOLE : 0)) as i64);
}

/** Address of bytes to be read, 0 = fault. */
export function compiled_look(la: u64, v: u32, short: u32, _nothing: v128): u32 {
  const e = entry_of(v, la);
  const span = short & 31;
  if (load<u64>(e + TLB_READ) == ((la + span) & ~0xfff) && ((short & SHORT_ALIGNED) == 0 || (la & span) == 0))
    return (la as u32) + load<u32>(e + TLB_ADDEND);
  return compiled_read(v, la, load<i32>(v + V_BUDGET), look_info(short), _nothing);
}

/** Address of bytes to be written, and read too without SHORT_WHOLE, 0 = fault. */
export function compiled_look_write(la: u64, v: u32, short: u32, _nothing: v128): u32 {
  const e = entry_of(v, la);
  const span = short & 31;
  if (
    load<u64>(e + TLB_WRITE) == ((la + span) & ~0xfff) &&
    ((short & SHORT_ALIGNED) == 0 || (la & span) == 0)
  )
    return (la as u32) + load<u32>(e + TLB_ADDEND);
  return compiled_modify(v, la, load<i32>(v + V_BUDGET), look_info(short), _nothing);
}

/** A whole store: FLOW_NEXT, FLOW_STOP behind it, or FLOW_FAULT. */
export function compiled_store(la: u64, v: u32, value: u64, short: u32, _nothing: v128): u32 {
  const e = entry_of(v, la);
  const span = short & 31;
  if (load<u64>(e + TLB_WRITE) != ((la + span) & ~0xfff)) {
    const info = info_of(short) | ((((short >> SHORT_LENGTH_SHIFT) & 15) << 16) as i64) | (INFO_WHOLE as i64);
    return compiled_write(v, la, value, load<i32>(v + V_BUDGET), info, _nothing);
  }
  const p = (la as u32) + load<u32>(e + TLB_ADDEND);
  if (span == 3) store<u32>(p, value as u32);
  else if (span == 7) store<u64>(p, value);
  else if (span == 0) store<u8>(p, value as u8);
  else store<u16>(p, value as u16);
  return FLOW_NEXT;
}

/** The flags of locals, of `kind` unless that is 0, and what `over` changes of them, unless that is 0, go into the vCPU page. */
export function compiled_spill(
  v: u32,
  kind: u32,
  cf: u32,
  a: u64,
  b: u64,
  result: u64,
  over: u32,
  _nothing: v128,
): void {
  if (kind) {
    store<u32>(v + V_LF_KIND, kind);
    store<u32>(v + V_LF_CF, cf);
    store<u64>(v + V_LF_A, a);
    store<u64>(v + V_LF_B, b);
    store<u64>(v + V_LF_RES, result);
  }
  if (over) compiled_carry(v, over, _nothing);
}
