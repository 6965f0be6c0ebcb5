// Push and pop through SS, in any mode. RSP moves only when the access has succeeded.
import { TLB_READ } from '../abi/map';
import { MODE_64, MODE_FLAT, MODE_SIZE, MODE_STACK32, SS, V_GPR, V_MODE, V_TLB } from '../abi/vcpu_page';
import { RSP } from '../abi/x86';
import { load16, load32, load64, plain_bytes, store16, store32, store64 } from '../memory/access';
import { linear } from '../memory/segments';
import { faulted } from '../state/fault';

/** RSP, ESP or SP as the stack's width is. */
export function stack_pointer(v: u32): u64 {
  const sp = load<u64>(v + V_GPR + RSP * 8);
  const mode = load<u32>(v + V_MODE);
  if ((mode & MODE_SIZE) == MODE_64) return sp;
  return mode & MODE_STACK32 ? sp & 0xffffffff : sp & 0xffff;
}

/** Writes only the part that the stack's width has. */
export function set_stack_pointer(v: u32, value: u64): void {
  const at = v + V_GPR + RSP * 8;
  const mode = load<u32>(v + V_MODE);
  if ((mode & MODE_SIZE) == MODE_64) store<u64>(at, value);
  else if (mode & MODE_STACK32) store<u64>(at, value & 0xffffffff);
  else store<u16>(at, value as u16);
}

/** Host address of the `bytes` bytes on top of a flat stack of 32 or 64 bits, when they lie in one page that the TLB has for reading; else 0. */
export function plain_top(v: u32, bytes: u32): u32 {
  if ((load<u32>(v + V_MODE) & (MODE_64 | MODE_FLAT)) == 0) return 0;
  return plain_bytes(load<u32>(v + V_TLB), stack_pointer(v), TLB_READ, bytes);
}

/** A stack offset wrapped to the stack's width. */
export function wrap_stack(v: u32, offset: u64): u64 {
  const mode = load<u32>(v + V_MODE);
  if ((mode & MODE_SIZE) == MODE_64) return offset;
  return mode & MODE_STACK32 ? offset & 0xffffffff : offset & 0xffff;
}

/** Stores a value of 2^size bytes (1, 2, 3) at a stack offset, without moving RSP. */
export function stack_store(v: u32, offset: u64, size: u32, value: u64): void {
  const la = linear(v, SS, offset, 1 << size, true);
  if (faulted(v)) return;
  if (size == 3) store64(v, la, value);
  else if (size == 2) store32(v, la, value);
  else store16(v, la, value);
}

export function stack_load(v: u32, offset: u64, size: u32): u64 {
  const la = linear(v, SS, offset, 1 << size, false);
  if (faulted(v)) return 0;
  return size == 3 ? load64(v, la) : size == 2 ? load32(v, la) : load16(v, la);
}

export function push(v: u32, size: u32, value: u64): void {
  const sp = wrap_stack(v, stack_pointer(v) - (1 << size));
  stack_store(v, sp, size, value);
  if (!faulted(v)) set_stack_pointer(v, sp);
}

export function pop(v: u32, size: u32): u64 {
  const sp = stack_pointer(v);
  const value = stack_load(v, sp, size);
  if (!faulted(v)) set_stack_pointer(v, wrap_stack(v, sp + (1 << size)));
  return value;
}
