// One element of a string instruction: where it lies, how it is written, how far the next one is. Shared by string.ts and
// string_io.ts; executes nothing by itself.
import { TLB_WRITE } from '../abi/map';
import { LEAVE_COMMIT, V_GPR, V_LEAVE, V_REQUESTS, V_RFLAGS } from '../abi/vcpu_page';
import { FLAG_DF, FLAG_TF } from '../abi/x86';
import { debugger_steps } from '../cpu/debug';
import { read_sized, write_memory, write_register } from '../cpu/operands';
import { commit, translate } from '../memory/access';
import { mmio_queued } from '../memory/mmio';
import { linear } from '../memory/segments';
import { faulted } from '../state/fault';

/** A register as wide as the address size. */
export function address_register(v: u32, n: u32, asize: u32): u64 {
  return read_sized(v + V_GPR + n * 8, asize);
}

export function set_address_register(v: u32, n: u32, asize: u32, value: u64): void {
  write_register(v + V_GPR + n * 8, asize, value);
}

/** Distance from one element to the next. */
export function stride(v: u32, size: u32): i32 {
  const bytes = 1 << size;
  return load<u32>(v + V_RFLAGS) & FLAG_DF ? -bytes : bytes;
}

/** Address of one element at `offset` of segment `n`, 0 with a fault raised. */
export function element_address(v: u32, n: u32, offset: u64, size: u32, tag: u32): u32 {
  const bytes: u32 = 1 << size;
  const la = linear(v, n, offset, bytes, tag == TLB_WRITE);
  if (faulted(v)) return 0;
  return translate(v, la, tag, bytes - 1, n, false);
}

/** Writes one element, through the scratch buffer where it must be. */
export function put_element(v: u32, p: u32, size: u32, value: u64): void {
  write_memory(p, size, value);
  if (load<u32>(v + V_LEAVE) & LEAVE_COMMIT) commit(v);
}

/** Between two runs of a repeated instruction: something waits for the block edge. */
export function is_interrupted(v: u32): bool {
  return (load<u32>(v + V_REQUESTS) | load<u32>(v + V_LEAVE)) != 0 || is_stepped(v) || mmio_queued(v);
}

/** A single-step trap follows every element, the guest's own or the debugger's. */
export function is_stepped(v: u32): bool {
  return (load<u32>(v + V_RFLAGS) & FLAG_TF) != 0 || debugger_steps(v);
}
