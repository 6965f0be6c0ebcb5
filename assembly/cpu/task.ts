// Task switches through 16- and 32-bit TSSs by JMP, CALL, task gates and IRET (SDM vol. 3, chapter 7). Long mode has none.
import {
  ATTR_CODE,
  ATTR_DC,
  ATTR_P,
  ATTR_RW,
  ATTR_S,
  ATTR_UNUSABLE,
  CS,
  DS,
  ES,
  FS,
  GS,
  LDTR,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  TR,
  V_CPL,
  V_CR0,
  V_CR3,
  V_DB_PENDING,
  V_DR,
  V_GDT_BASE,
  V_GPR,
  V_RIP,
} from '../abi/vcpu_page';
import { CR0_PG, CR0_TS, FLAG_NT, FLAG_ONE, FLAG_VM, GP, NP, TS } from '../abi/x86';
import {
  load_system8,
  load_system16,
  load_system32,
  load_system64,
  store_system8,
  store_system16,
  store_system32,
} from '../memory/access';
import { flush_tlb_nonglobal } from '../memory/tlb';
import { faulted, raise_code } from '../state/fault';
import { cpl, seg } from '../state/vcpu';
import { DR6_BT } from './debug';
import { set_flags_word } from './flags';
import { update_mode } from './mode';
import { load_pdptrs, uses_pdptrs } from './paging';
import {
  attr_dpl,
  attr_is_code,
  desc_attr,
  desc_base,
  desc_limit,
  descriptor_address,
  fetch_stack_descriptor,
  mark_accessed,
  NO_DESCRIPTOR,
  set_busy,
  set_code_segment,
  set_segment,
  set_segment_null,
  set_segment_real,
} from './segment';
import { push } from './stack';

// What causes the switch: it decides about busy bits, the back link and NT.
export const TASK_JMP: u32 = 0;
export const TASK_CALL: u32 = 1;
/** An interrupt or exception through a task gate. */
export const TASK_INT: u32 = 2;
export const TASK_IRET: u32 = 3;

// Offsets of a 32-bit TSS; general registers and selectors follow in encoding order.
const TSS32_CR3: u32 = 28;
const TSS32_EIP: u32 = 32;
const TSS32_EFLAGS: u32 = 36;
const TSS32_GPR: u32 = 40;
const TSS32_SEGMENTS: u32 = 72;
const TSS32_LDT: u32 = 96;
const TSS32_TRAP: u32 = 100;
const TSS32_LIMIT: u32 = 0x67;
const TSS16_IP: u32 = 14;
const TSS16_FLAGS: u32 = 16;
const TSS16_GPR: u32 = 18;
const TSS16_SEGMENTS: u32 = 34;
const TSS16_LDT: u32 = 42;
const TSS16_LIMIT: u32 = 0x2b;
/** EFLAGS bits that a 32-bit TSS can set. */
const TASK_FLAGS: u32 = 0x003f7fd5;

function fail(v: u32, vector: u32, code: u32): bool {
  raise_code(v, vector, code);
  return false;
}

/** Raises now any fault that a later write of the two bytes at `la` would raise. */
function probe_system(v: u32, la: u64): bool {
  const value = load_system8(v, la);
  if (faulted(v)) return false;
  store_system8(v, la, value);
  return !faulted(v);
}

/** Writes the old task's registers into its TSS; its pages have been probed. */
function save_task(v: u32, rip: u64, flags: u32): void {
  const tr = seg(v, TR);
  const base = load<u64>(tr + SEG_BASE);
  const wide = (load<u32>(tr + SEG_ATTR) & 8) != 0;
  if (wide) {
    store_system32(v, base + TSS32_EIP, rip & 0xffffffff);
    store_system32(v, base + TSS32_EFLAGS, flags as u64);
    for (let i: u32 = 0; i < 8; i++)
      store_system32(v, base + TSS32_GPR + i * 4, load<u32>(v + V_GPR + i * 8) as u64);
    for (let n: u32 = 0; n < 6; n++) {
      store_system16(v, base + TSS32_SEGMENTS + n * 4, load<u32>(seg(v, n) + SEG_SELECTOR) as u64);
    }
  } else {
    store_system16(v, base + TSS16_IP, rip & 0xffff);
    store_system16(v, base + TSS16_FLAGS, (flags & 0xffff) as u64);
    for (let i: u32 = 0; i < 8; i++)
      store_system16(v, base + TSS16_GPR + i * 2, load<u16>(v + V_GPR + i * 8) as u64);
    for (let n: u32 = 0; n < 4; n++) {
      store_system16(v, base + TSS16_SEGMENTS + n * 2, load<u32>(seg(v, n) + SEG_SELECTOR) as u64);
    }
  }
}

/** Puts a selector into a segment register whose descriptor has still to be loaded. */
function set_selector(v: u32, n: u32, selector: u32): void {
  set_segment_null(v, n, selector);
}

/** Reads the new task's registers; returns its EFLAGS. The descriptors are still to be loaded. */
function load_task(v: u32, base: u64, wide: bool): u32 {
  let flags: u32;
  if (wide) {
    store<u64>(v + V_RIP, load_system32(v, base + TSS32_EIP));
    flags = load_system32(v, base + TSS32_EFLAGS) as u32;
    for (let i: u32 = 0; i < 8; i++)
      store<u64>(v + V_GPR + i * 8, load_system32(v, base + TSS32_GPR + i * 4));
    for (let n: u32 = 0; n < 6; n++)
      set_selector(v, n, load_system16(v, base + TSS32_SEGMENTS + n * 4) as u32);
    set_selector(v, LDTR, load_system16(v, base + TSS32_LDT) as u32);
    if (load_system16(v, base + TSS32_TRAP) & 1)
      store<u32>(v + V_DB_PENDING, load<u32>(v + V_DB_PENDING) | DR6_BT);
    const cr3 = load_system32(v, base + TSS32_CR3);
    if (load<u32>(v + V_CR0) & CR0_PG) {
      store<u64>(v + V_CR3, cr3);
      flush_tlb_nonglobal(v);
    }
  } else {
    store<u64>(v + V_RIP, load_system16(v, base + TSS16_IP));
    flags = load_system16(v, base + TSS16_FLAGS) as u32;
    for (let i: u32 = 0; i < 8; i++)
      store<u64>(v + V_GPR + i * 8, 0xffff0000 | load_system16(v, base + TSS16_GPR + i * 2));
    for (let n: u32 = 0; n < 4; n++)
      set_selector(v, n, load_system16(v, base + TSS16_SEGMENTS + n * 2) as u32);
    set_selector(v, FS, 0);
    set_selector(v, GS, 0);
    set_selector(v, LDTR, load_system16(v, base + TSS16_LDT) as u32);
  }
  return (flags & TASK_FLAGS) | FLAG_ONE;
}

function load_task_ldt(v: u32, ext: u32): bool {
  const selector = load<u32>(seg(v, LDTR) + SEG_SELECTOR);
  if ((selector & 0xfffc) == 0) return true;
  const code = (selector & 0xfffc) | ext;
  if (selector & 4) return fail(v, TS, code);
  const la = descriptor_address(v, selector, 8);
  if (la == NO_DESCRIPTOR) return fail(v, TS, code);
  const d = load_system64(v, la);
  if (faulted(v)) return false;
  if ((desc_attr(d) & 0x1f) != 2 || (desc_attr(d) & ATTR_P) == 0) return fail(v, TS, code);
  set_segment(v, LDTR, selector, d);
  return true;
}

function load_task_cs(v: u32, ext: u32): bool {
  const selector = load<u32>(seg(v, CS) + SEG_SELECTOR);
  const level = selector & 3;
  const code = (selector & 0xfffc) | ext;
  if ((selector & 0xfffc) == 0) return fail(v, TS, ext);
  const la = descriptor_address(v, selector, 8);
  if (la == NO_DESCRIPTOR) return fail(v, TS, code);
  const d = load_system64(v, la);
  if (faulted(v)) return false;
  const attr = desc_attr(d);
  const dpl = attr_dpl(attr);
  if (!attr_is_code(attr) || (attr & ATTR_DC ? dpl > level : dpl != level)) return fail(v, TS, code);
  if ((attr & ATTR_P) == 0) return fail(v, NP, code);
  mark_accessed(v, la, d);
  if (faulted(v)) return false;
  set_code_segment(v, selector, d, level);
  return true;
}

function load_task_data(v: u32, n: u32, ext: u32): bool {
  const selector = load<u32>(seg(v, n) + SEG_SELECTOR);
  if ((selector & 0xfffc) == 0) return true;
  const code = (selector & 0xfffc) | ext;
  const la = descriptor_address(v, selector, 8);
  if (la == NO_DESCRIPTOR) return fail(v, TS, code);
  const d = load_system64(v, la);
  if (faulted(v)) return false;
  const attr = desc_attr(d);
  const dpl = attr_dpl(attr);
  const readable = (attr & ATTR_S) != 0 && (attr & (ATTR_CODE | ATTR_RW)) != ATTR_CODE;
  const conforming = (attr & (ATTR_CODE | ATTR_DC)) == (ATTR_CODE | ATTR_DC);
  if (!readable || (!conforming && ((selector & 3) > dpl || cpl(v) > dpl))) return fail(v, TS, code);
  if ((attr & ATTR_P) == 0) return fail(v, NP, code);
  mark_accessed(v, la, d);
  if (faulted(v)) return false;
  set_segment(v, n, selector, d);
  return true;
}

/** Descriptors of the new task, in the manual's order; a fault belongs to the new task. */
function load_task_segments(v: u32, flags: u32, ext: u32): bool {
  if (!load_task_ldt(v, ext)) return false;
  if (flags & FLAG_VM) {
    for (let n: u32 = 0; n < 6; n++) set_segment_real(v, n, load<u32>(seg(v, n) + SEG_SELECTOR));
    return true;
  }
  if (!load_task_cs(v, ext)) return false;
  const selector = load<u32>(seg(v, SS) + SEG_SELECTOR);
  const stack = fetch_stack_descriptor(v, selector, cpl(v), TS, ext);
  if (stack == 0) return false;
  set_segment(v, SS, selector, stack);
  return (
    load_task_data(v, ES, ext) &&
    load_task_data(v, DS, ext) &&
    load_task_data(v, FS, ext) &&
    load_task_data(v, GS, ext)
  );
}

/**
 * Switches to the task of TSS `selector`. `rip` and `flags` are what the old task resumes with, `ext` the EXT bit for
 * error codes, `code` an error code for the new stack. True: V_RIP is the new task's. False: a fault is pending, of
 * the old task or, when V_RIP has changed, of the new one.
 */
export function switch_task(
  v: u32,
  selector: u32,
  source: u32,
  rip: u64,
  flags: u32,
  ext: u32,
  has_code: bool,
  code: u32,
): bool {
  const returns = source == TASK_IRET;
  const vector = returns ? TS : GP;
  const fault_code = (selector & 0xfffc) | ext;
  const la = selector & 4 || (selector & 0xfffc) == 0 ? NO_DESCRIPTOR : descriptor_address(v, selector, 8);
  if (la == NO_DESCRIPTOR) return fail(v, vector, fault_code);
  const d = load_system64(v, la);
  if (faulted(v)) return false;
  const attr = desc_attr(d);
  const type = attr & 0x1f;
  if (returns ? type != 3 && type != 11 : type != 1 && type != 9) return fail(v, vector, fault_code);
  if ((attr & ATTR_P) == 0) return fail(v, NP, fault_code);
  const wide = (type & 8) != 0;
  const limit = desc_limit(d);
  const least = wide ? TSS32_LIMIT : TSS16_LIMIT;
  if (limit < least) return fail(v, TS, fault_code);
  const base = desc_base(d);
  const tr = seg(v, TR);
  const old_base = load<u64>(tr + SEG_BASE);
  const old_least = load<u32>(tr + SEG_ATTR) & 8 ? TSS32_LIMIT : TSS16_LIMIT;
  if (load<u32>(tr + SEG_LIMIT) < old_least)
    return fail(v, TS, (load<u32>(tr + SEG_SELECTOR) & 0xfffc) | ext);
  const old_la = load<u64>(v + V_GDT_BASE) + (load<u32>(tr + SEG_SELECTOR) & 0xfff8);

  // Everything that can fault in the old task comes before the first change.
  load_system8(v, base + least);
  if (faulted(v)) return false;
  if (!probe_system(v, base) || !probe_system(v, old_base) || !probe_system(v, old_base + old_least))
    return false;
  if (!probe_system(v, la + 5) || !probe_system(v, old_la + 5)) return false;

  const nested = source == TASK_CALL || source == TASK_INT;
  if (!nested) set_busy(v, old_la, false);
  save_task(v, rip, returns ? flags & ~FLAG_NT : flags);
  if (nested) store_system16(v, base, load<u32>(tr + SEG_SELECTOR) as u64);
  if (!returns) set_busy(v, la, true);

  // The new task.
  set_segment(v, TR, selector, d);
  store<u32>(tr + SEG_ATTR, attr | 2);
  let new_flags = load_task(v, base, wide);
  if (nested) new_flags |= FLAG_NT;
  store<u64>(v + V_CR0, load<u64>(v + V_CR0) | CR0_TS);
  // Local breakpoints end with the task.
  store<u64>(v + V_DR + 7 * 8, load<u64>(v + V_DR + 7 * 8) & ~0x155);
  store<u32>(v + V_CPL, new_flags & FLAG_VM ? 3 : load<u32>(seg(v, CS) + SEG_SELECTOR) & 3);
  set_flags_word(v, new_flags);
  if (uses_pdptrs(v) && !load_pdptrs(v, load<u64>(v + V_CR3))) return fail(v, GP, ext);
  const loaded = load_task_segments(v, new_flags, ext);
  update_mode(v);
  if (!loaded) return false;
  if (has_code) {
    push(v, wide ? 2 : 1, code as u64);
    if (faulted(v)) return false;
  }
  const cs = seg(v, CS);
  if (
    (load<u32>(cs + SEG_ATTR) & ATTR_UNUSABLE) == 0 &&
    load<u64>(v + V_RIP) > (load<u32>(cs + SEG_LIMIT) as u64)
  ) {
    return fail(v, GP, ext);
  }
  return true;
}
