// Frames of events on 16- and 32-bit stacks: pushed item by item, or at once where nothing can fault. Chooses no stack.
import { TLB_WRITE } from '../abi/map';
import { ATTR_DB, CS, DS, ES, FS, GS, SEG_SELECTOR, SS, V_GPR, V_TLB } from '../abi/vcpu_page';
import { RSP, STACK_FAULT } from '../abi/x86';
import {
  plain_bytes,
  store_system16,
  store_system32,
  store_system64,
  store16,
  store32,
  store64,
  system_table,
} from '../memory/access';
import { faulted, raise_code } from '../state/fault';
import { is_v86, seg } from '../state/vcpu';
import { NO_DESCRIPTOR, stack_address } from './segment';

/** Stores one item of a frame of 1 << size bytes; `inner` for a stack of a more privileged level. */
export function put(v: u32, la: u64, size: u32, value: u64, inner: bool): void {
  if (inner) {
    if (size == 1) store_system16(v, la, value);
    else if (size == 2) store_system32(v, la, value);
    else store_system64(v, la, value);
  } else if (size == 1) {
    store16(v, la, value);
  } else if (size == 2) {
    store32(v, la, value);
  } else {
    store64(v, la, value);
  }
}

/**
 * Pushes on a 16- or 32-bit stack given by its fields: `sp` is the offset after the push. Raises #SS(code) when the
 * item does not lie in the segment. Returns whether it went well.
 */
export function push_at(
  v: u32,
  base: u64,
  limit: u32,
  attr: u32,
  sp: u32,
  size: u32,
  value: u64,
  inner: bool,
  code: u32,
): bool {
  const la = stack_address(base, limit, attr, sp, 1 << size);
  if (la == NO_DESCRIPTOR) {
    raise_code(v, STACK_FAULT, code);
    return false;
  }
  put(v, la, size, value, inner);
  return !faulted(v);
}

function selector_of(v: u32, n: u32): u32 {
  return load<u32>(seg(v, n) + SEG_SELECTOR);
}

/**
 * Writes a 32-bit frame below `sp` at once, when it lies in the stack and in one page that the TLB has for writing; false when
 * nothing was done.
 */
function write_at_once(
  v: u32,
  base: u64,
  limit: u32,
  attr: u32,
  sp: u32,
  inner: bool,
  flags: u32,
  rip: u64,
  has_code: bool,
  code: u32,
): bool {
  const bytes: u32 = (inner ? 20 : 12) + (has_code ? 4 : 0);
  const la = sp < bytes ? NO_DESCRIPTOR : stack_address(base, limit, attr, sp - bytes, bytes);
  if (la == NO_DESCRIPTOR) return false;
  let at = plain_bytes(inner ? system_table(v) : load<u32>(v + V_TLB), la, TLB_WRITE, bytes);
  if (at == 0) return false;
  if (has_code) {
    store<u32>(at, code);
    at += 4;
  }
  store<u32>(at, rip as u32);
  store<u32>(at + 4, selector_of(v, CS));
  store<u32>(at + 8, flags);
  if (inner) {
    store<u32>(at + 12, load<u32>(v + V_GPR + RSP * 8));
    store<u32>(at + 16, selector_of(v, SS));
  }
  return true;
}

/**
 * Pushes the frame of an event below `sp`, in items of 1 << size bytes: with data segments out of virtual-8086 mode, with SS and SP
 * on an `inner` stack. RSP does not move. False with #SS(fault_code) or a fault of memory raised.
 */
export function push_frame(
  v: u32,
  base: u64,
  limit: u32,
  attr: u32,
  sp: u32,
  size: u32,
  inner: bool,
  flags: u32,
  rip: u64,
  has_code: bool,
  code: u32,
  fault_code: u32,
): bool {
  const in_v86 = is_v86(v);
  const wide = (attr & ATTR_DB) != 0;
  if (size == 2 && wide && !in_v86) {
    if (write_at_once(v, base, limit, attr, sp, inner, flags, rip, has_code, code)) return true;
  }
  const mask: u32 = wide ? 0xffffffff : 0xffff;
  const bytes: u32 = 1 << size;
  if (in_v86) {
    for (let i: u32 = 0; i < 4; i++) {
      sp = (sp - bytes) & mask;
      const value = selector_of(v, i == 0 ? GS : i == 1 ? FS : i == 2 ? DS : ES) as u64;
      if (!push_at(v, base, limit, attr, sp, size, value, true, fault_code)) return false;
    }
  }
  if (inner) {
    sp = (sp - bytes) & mask;
    if (!push_at(v, base, limit, attr, sp, size, selector_of(v, SS) as u64, true, fault_code)) return false;
    sp = (sp - bytes) & mask;
    const old_sp = load<u32>(v + V_GPR + RSP * 8) as u64;
    if (!push_at(v, base, limit, attr, sp, size, old_sp, true, fault_code)) return false;
  }
  sp = (sp - bytes) & mask;
  if (!push_at(v, base, limit, attr, sp, size, flags as u64, inner, fault_code)) return false;
  sp = (sp - bytes) & mask;
  if (!push_at(v, base, limit, attr, sp, size, selector_of(v, CS) as u64, inner, fault_code)) return false;
  sp = (sp - bytes) & mask;
  if (!push_at(v, base, limit, attr, sp, size, rip, inner, fault_code)) return false;
  if (!has_code) return true;
  sp = (sp - bytes) & mask;
  return push_at(v, base, limit, attr, sp, size, code as u64, inner, fault_code);
}

/**
 * Pushes the frame of an event in long mode below `sp`, which is aligned: SS, RSP, RFLAGS, CS, RIP and, with `has_code`, the error
 * code; at once, when it lies in one page that the TLB has for writing. RSP does not move. The new stack pointer, or 0 with a fault
 * of memory raised.
 */
export function push_long_frame(
  v: u32,
  sp: u64,
  inner: bool,
  flags: u32,
  rip: u64,
  has_code: bool,
  code: u32,
): u64 {
  const items: u32 = has_code ? 6 : 5;
  const top = sp - items * 8;
  const at = plain_bytes(inner ? system_table(v) : load<u32>(v + V_TLB), top, TLB_WRITE, items * 8);
  for (let n: u32 = 1; n <= items; n++) {
    const value = long_item(v, n, flags, rip, code);
    if (at) {
      store<u64>(at + (items - n) * 8, value);
    } else {
      put(v, sp - n * 8, 3, value, inner);
      if (faulted(v)) return 0;
    }
  }
  return top;
}

/** Item `n` of a frame in long mode, counted from 1 at its base. */
function long_item(v: u32, n: u32, flags: u32, rip: u64, code: u32): u64 {
  if (n == 1) return selector_of(v, SS);
  if (n == 2) return load<u64>(v + V_GPR + RSP * 8);
  if (n == 3) return flags;
  if (n == 4) return selector_of(v, CS);
  return n == 5 ? rip : (code as u64);
}
