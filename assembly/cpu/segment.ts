// Segment descriptors: fetching them and loading segment registers with every check (SDM vol. 3, 3.4, 5.4-5.8;
// vol. 2 MOV). Does no control transfer (exec/far.ts) and no task switch (cpu/task.ts).
import {
  ATTR_ACCESSED,
  ATTR_CODE,
  ATTR_DB,
  ATTR_DC,
  ATTR_DPL_SHIFT,
  ATTR_G,
  ATTR_L,
  ATTR_P,
  ATTR_RW,
  ATTR_S,
  ATTR_UNUSABLE,
  CS,
  LDTR,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  V_CPL,
  V_GDT_BASE,
  V_GDT_LIMIT,
} from '../abi/vcpu_page';
import { GP, NP, STACK_FAULT } from '../abi/x86';
import { load_system8, load_system64, store_system8 } from '../memory/access';
import { faulted, raise_code } from '../state/fault';
import { cpl, is_64, is_long, is_real, is_v86, seg } from '../state/vcpu';

/** What `descriptor_address` returns for a selector beyond its table. */
export const NO_DESCRIPTOR: u64 = u64.MAX_VALUE;

/** Linear address of a selector's descriptor of `bytes` bytes; NO_DESCRIPTOR when its table does not hold it. */
export function descriptor_address(v: u32, selector: u32, bytes: u32): u64 {
  let base: u64, limit: u32;
  if (selector & 4) {
    const ldt = seg(v, LDTR);
    if (load<u32>(ldt + SEG_ATTR) & ATTR_UNUSABLE || (load<u32>(ldt + SEG_SELECTOR) & 0xfffc) == 0)
      return NO_DESCRIPTOR;
    base = load<u64>(ldt + SEG_BASE);
    limit = load<u32>(ldt + SEG_LIMIT);
  } else {
    base = load<u64>(v + V_GDT_BASE);
    limit = load<u32>(v + V_GDT_LIMIT);
  }
  const offset = selector & 0xfff8;
  if ((offset as u64) + bytes - 1 > (limit as u64)) return NO_DESCRIPTOR;
  const la = base + offset;
  return is_long(v) ? la : la & 0xffffffff;
}

// Fields of a descriptor's eight bytes.

/** Attributes in the form of SEG_ATTR. */
export function desc_attr(d: u64): u32 {
  return ((d >> 40) as u32) & 0xf0ff;
}

/** Base address, 32 bits. */
export function desc_base(d: u64): u64 {
  return ((d >> 16) & 0xffffff) | ((d >> 32) & 0xff000000);
}

/** Limit in bytes, granularity applied. */
export function desc_limit(d: u64): u32 {
  const raw = ((d & 0xffff) | ((d >> 32) & 0xf0000)) as u32;
  return desc_attr(d) & ATTR_G ? (raw << 12) | 0xfff : raw;
}

export function attr_dpl(attr: u32): u32 {
  return (attr >> ATTR_DPL_SHIFT) & 3;
}

/** A code segment. */
export function attr_is_code(attr: u32): bool {
  return (attr & (ATTR_S | ATTR_CODE)) == (ATTR_S | ATTR_CODE);
}

/** A data segment that can be written. */
function attr_is_writable_data(attr: u32): bool {
  return (attr & (ATTR_S | ATTR_CODE | ATTR_RW)) == (ATTR_S | ATTR_RW);
}

/** Sets the accessed bit of a code or data descriptor in memory, if it is not set; check `faulted`. */
export function mark_accessed(v: u32, la: u64, d: u64): void {
  if (desc_attr(d) & ATTR_ACCESSED) return;
  store_system8(v, la + 5, ((d >> 40) & 0xff) | ATTR_ACCESSED);
}

/** Puts a descriptor that has passed its checks into a segment register. */
export function set_segment(v: u32, n: u32, selector: u32, d: u64): void {
  const s = seg(v, n);
  store<u64>(s + SEG_BASE, desc_base(d));
  store<u32>(s + SEG_LIMIT, desc_limit(d));
  let attr = desc_attr(d);
  if (attr & ATTR_S) attr |= ATTR_ACCESSED;
  store<u32>(s + SEG_ATTR, attr);
  store<u32>(s + SEG_SELECTOR, selector);
}

/** Puts a null selector into a segment register, which cannot be used afterwards (64-bit mode does not care). */
export function set_segment_null(v: u32, n: u32, selector: u32): void {
  const s = seg(v, n);
  store<u64>(s + SEG_BASE, 0);
  store<u32>(s + SEG_LIMIT, 0);
  store<u32>(
    s + SEG_ATTR,
    ATTR_UNUSABLE | (n == SS ? (load<u32>(v + V_CPL) << ATTR_DPL_SHIFT) | ATTR_DB : 0),
  );
  store<u32>(s + SEG_SELECTOR, selector);
}

/** Loads a selector as real mode does (limit and rights stay, SDM vol. 3, 20.1.1) or as virtual-8086 mode does (20.2.1). */
export function set_segment_real(v: u32, n: u32, selector: u32): void {
  const s = seg(v, n);
  store<u64>(s + SEG_BASE, (selector as u64) << 4);
  store<u32>(s + SEG_SELECTOR, selector);
  if (is_v86(v)) {
    store<u32>(s + SEG_LIMIT, 0xffff);
    store<u32>(s + SEG_ATTR, ATTR_P | (3 << ATTR_DPL_SHIFT) | ATTR_S | ATTR_RW | ATTR_ACCESSED);
  } else if (load<u32>(s + SEG_ATTR) & ATTR_UNUSABLE || (load<u32>(s + SEG_ATTR) & ATTR_P) == 0) {
    // A null segment of protected mode becomes an ordinary one.
    store<u32>(s + SEG_LIMIT, 0xffff);
    store<u32>(s + SEG_ATTR, ATTR_P | ATTR_S | ATTR_RW | ATTR_ACCESSED | (n == CS ? ATTR_CODE : 0));
  }
}

/**
 * Loads ES, SS, DS, FS or GS with a selector; false when a fault is raised and nothing has changed.
 * The caller calls `update_mode` and, for SS, sets the interrupt shadow.
 */
export function load_segment(v: u32, n: u32, selector: u32): bool {
  if (is_real(v)) {
    set_segment_real(v, n, selector);
    return true;
  }
  const level = cpl(v);
  const code = selector & 0xfffc;
  const rpl = selector & 3;
  if (code == 0) {
    if (n == SS && (!is_64(v) || level == 3 || rpl != level)) {
      raise_code(v, GP, 0);
      return false;
    }
    set_segment_null(v, n, selector);
    return true;
  }
  const la = descriptor_address(v, selector, 8);
  if (la == NO_DESCRIPTOR) {
    raise_code(v, GP, code);
    return false;
  }
  const d = load_system64(v, la);
  if (faulted(v)) return false;
  const attr = desc_attr(d);
  const dpl = attr_dpl(attr);
  if (n == SS) {
    if (rpl != level || dpl != level || !attr_is_writable_data(attr)) {
      raise_code(v, GP, code);
      return false;
    }
    if ((attr & ATTR_P) == 0) {
      raise_code(v, STACK_FAULT, code);
      return false;
    }
  } else {
    const conforming = (attr & (ATTR_CODE | ATTR_DC)) == (ATTR_CODE | ATTR_DC);
    const readable = (attr & ATTR_S) != 0 && (attr & (ATTR_CODE | ATTR_RW)) != ATTR_CODE;
    if (!readable || (!conforming && (rpl > dpl || level > dpl))) {
      raise_code(v, GP, code);
      return false;
    }
    if ((attr & ATTR_P) == 0) {
      raise_code(v, NP, code);
      return false;
    }
  }
  mark_accessed(v, la, d);
  if (faulted(v)) return false;
  set_segment(v, n, selector, d);
  return true;
}

/**
 * Checks a stack segment for privilege level `level` (inner stacks, IRET, RET, task switches): null or bad ones raise
 * `vector` (#TS or #GP), absent ones #SS, each with `ext` or-ed into the code. Returns the descriptor, accessed bit set
 * in memory, or 0 when a fault is raised.
 */
export function fetch_stack_descriptor(v: u32, selector: u32, level: u32, vector: u32, ext: u32): u64 {
  const code = (selector & 0xfffc) | ext;
  if ((selector & 0xfffc) == 0) {
    raise_code(v, vector, ext);
    return 0;
  }
  const la = descriptor_address(v, selector, 8);
  if (la == NO_DESCRIPTOR) {
    raise_code(v, vector, code);
    return 0;
  }
  const d = load_system64(v, la);
  if (faulted(v)) return 0;
  const attr = desc_attr(d);
  if ((selector & 3) != level || attr_dpl(attr) != level || !attr_is_writable_data(attr)) {
    raise_code(v, vector, code);
    return 0;
  }
  if ((attr & ATTR_P) == 0) {
    raise_code(v, STACK_FAULT, code);
    return 0;
  }
  mark_accessed(v, la, d);
  if (faulted(v)) return 0;
  return d;
}

/** Loads CS from a checked descriptor with `level` as RPL and CPL. The caller calls `update_mode`. */
export function set_code_segment(v: u32, selector: u32, d: u64, level: u32): void {
  set_segment(v, CS, (selector & 0xfffc) | level, d);
  store<u32>(v + V_CPL, level);
}

/** In long mode, L with D is a reserved combination of a code segment. */
export function is_bad_code_size(v: u32, attr: u32): bool {
  return is_long(v) && (attr & (ATTR_L | ATTR_DB)) == (ATTR_L | ATTR_DB);
}

/**
 * Linear address of `bytes` bytes at `offset` in a segment given by its fields, as a stack; NO_DESCRIPTOR when they
 * do not lie within its limit.
 */
export function stack_address(base: u64, limit: u32, attr: u32, offset: u32, bytes: u32): u64 {
  const last = (offset as u64) + bytes - 1;
  if (attr & ATTR_DC && (attr & ATTR_CODE) == 0) {
    const top: u64 = attr & ATTR_DB ? 0xffffffff : 0xffff;
    if ((offset as u64) <= (limit as u64) || last > top) return NO_DESCRIPTOR;
  } else if (last > (limit as u64)) {
    return NO_DESCRIPTOR;
  }
  return (base + offset) & 0xffffffff;
}

/** Drops data segments that the outer level `level` may not see (RET and IRET to an outer level). */
export function drop_inner_segments(v: u32, level: u32): void {
  for (let n: u32 = 0; n < 6; n++) {
    if (n == CS || n == SS) continue;
    const s = seg(v, n);
    const attr = load<u32>(s + SEG_ATTR);
    if (attr & ATTR_UNUSABLE) continue;
    const conforming = (attr & (ATTR_CODE | ATTR_DC)) == (ATTR_CODE | ATTR_DC);
    if (conforming || attr_dpl(attr) >= level) continue;
    // The manual takes the selector alone: the base, which 64-bit code uses, stays.
    store<u32>(s + SEG_SELECTOR, 0);
    store<u32>(s + SEG_ATTR, ATTR_UNUSABLE);
  }
}

/** Second eight bytes of a 16-byte system descriptor of long mode hold base bits 63..32 and must have type 0. */
export function is_bad_upper_half(upper: u64): bool {
  return ((upper >> 40) & 0x1f) != 0;
}

/** Sets or clears the busy bit of the TSS descriptor at `la`; check `faulted`. */
export function set_busy(v: u32, la: u64, busy: bool): void {
  const type = load_system8(v, la + 5);
  if (faulted(v)) return;
  store_system8(v, la + 5, busy ? type | 2 : type & ~2);
}
