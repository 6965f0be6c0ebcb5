// Operands of a decoded record: reading and writing r/m, registers, addresses. Used by the families, not by the hot dispatcher.
import {
  AM_NONE,
  AM_STORES,
  FLOW_NEXT,
  FLOW_STOP,
  R_AM,
  R_BASE,
  R_DISP,
  R_FLAGS,
  R_INDEX,
  R_LEN,
  R_OFF,
  R_REG,
  R_SCALE,
  R_SEG,
  R_SPAN,
  RF_ALIGNED,
  RF_ASIZE_SHIFT,
  RF_RMW,
  RF_SIZE,
} from '../abi/insn';
import { LEAVE_COMMIT, MODE_64, MODE_SIZE, V_GPR, V_LEAVE, V_MODE, V_RIP } from '../abi/vcpu_page';
import { GP } from '../abi/x86';
import { commit, translate } from '../memory/access';
import { linear } from '../memory/segments';
import { faulted, raise_code } from '../state/fault';

/** log2 of the operand's bytes. */
export function size_of(r: u32): u32 {
  return load<u16>(r + R_FLAGS) & RF_SIZE;
}

export function read_sized(p: u32, size: u32): u64 {
  if (size == 2) return load<u32>(p);
  if (size == 3) return load<u64>(p);
  return size == 1 ? load<u16>(p) : load<u8>(p);
}

export function read_signed(p: u32, size: u32): i64 {
  if (size == 2) return load<i32>(p);
  if (size == 3) return load<i64>(p);
  return size == 1 ? load<i16>(p) : load<i8>(p);
}

export function write_register(p: u32, size: u32, value: u64): void {
  if (size == 2) store<u64>(p, value & 0xffffffff);
  else if (size == 3) store<u64>(p, value);
  else if (size == 1) store<u16>(p, value as u16);
  else store<u8>(p, value as u8);
}

export function write_memory(p: u32, size: u32, value: u64): void {
  if (size == 2) store<u32>(p, value as u32);
  else if (size == 3) store<u64>(p, value);
  else if (size == 1) store<u16>(p, value as u16);
  else store<u8>(p, value as u8);
}

export function read_rm(_v: u32, r: u32, rm: u32): u64 {
  return read_sized(rm, size_of(r));
}

export function read_rm_signed(r: u32, rm: u32): i64 {
  return read_signed(rm, size_of(r));
}

export function read_reg(r: u32): u64 {
  return read_sized(load<u32>(r + R_REG), size_of(r));
}

export function read_reg_signed(r: u32): i64 {
  return read_signed(load<u32>(r + R_REG), size_of(r));
}

/** Ends a store: commits the scratch buffer; FLOW_STOP when the block must end. */
export function finish_store(v: u32): u32 {
  const leave = load<u32>(v + V_LEAVE);
  if (leave == 0) return FLOW_NEXT;
  if (leave & LEAVE_COMMIT) commit(v);
  return load<u32>(v + V_LEAVE) ? FLOW_STOP : FLOW_NEXT;
}

/** Writes the r/m operand; the result is the handler's. */
export function write_rm(v: u32, r: u32, rm: u32, value: u64): u32 {
  if (load<u8>(r + R_AM) == AM_NONE) {
    write_register(rm, size_of(r), value);
    return FLOW_NEXT;
  }
  write_memory(rm, size_of(r), value);
  return finish_store(v);
}

export function write_reg(r: u32, value: u64): void {
  write_register(load<u32>(r + R_REG), size_of(r), value);
}

export function read_gpr(v: u32, n: u32, size: u32): u64 {
  return read_sized(v + V_GPR + n * 8, size);
}

export function write_gpr(v: u32, n: u32, size: u32, value: u64): void {
  write_register(v + V_GPR + n * 8, size, value);
}

/** RIP wrapped to what the mode has. */
export function wrap_rip(v: u32, rip: u64): u64 {
  return (load<u32>(v + V_MODE) & MODE_SIZE) == MODE_64 ? rip : rip & 0xffffffff;
}

/** RIP of this instruction. */
export function rip_of(v: u32, r: u32): u64 {
  return wrap_rip(v, load<u64>(v + V_RIP) + load<u16>(r + R_OFF));
}

/** RIP of the instruction behind it. */
export function next_rip(v: u32, r: u32): u64 {
  return wrap_rip(v, load<u64>(v + V_RIP) + load<u16>(r + R_OFF) + load<u8>(r + R_LEN));
}

/** Offset that the address fields of a record give, before the segment base, wrapped to the address size. */
export function effective_address(v: u32, r: u32): u64 {
  const ea =
    load<u64>(v + load<u16>(r + R_BASE)) +
    (load<u64>(v + load<u16>(r + R_INDEX)) << load<u8>(r + R_SCALE)) +
    (load<i32>(r + R_DISP) as i64 as u64);
  const asize = ((load<u16>(r + R_FLAGS) as u32) >> RF_ASIZE_SHIFT) & 3;
  return asize == 3 ? ea : asize == 2 ? ea & 0xffffffff : ea & 0xffff;
}

/** Raises #GP(0) for an aligned operand that is not: asked before the page tables are. */
export function misaligned(v: u32, r: u32, la: u64): bool {
  if ((load<u16>(r + R_FLAGS) & RF_ALIGNED) == 0 || (la & load<u8>(r + R_SPAN)) == 0) return false;
  raise_code(v, GP, 0);
  return true;
}

/** The general address form of the dispatcher: segment checks, then translation; 0 = fault. */
export function generic_operand(v: u32, r: u32, offset: u64): u32 {
  const tag = load<u8>(r + R_AM) & AM_STORES;
  const span = load<u8>(r + R_SPAN);
  const n = load<u8>(r + R_SEG);
  const la = linear(v, n, offset, span + 1, tag != 0);
  if (faulted(v) || misaligned(v, r, la)) return 0;
  return translate(v, la, tag, span, n, (load<u16>(r + R_FLAGS) & RF_RMW) != 0);
}
