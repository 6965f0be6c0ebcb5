// Delivery of exceptions, interrupts and NMIs: IVT, IDT gates, long mode with IST, virtual-8086, nested faults up to
// shutdown (SDM vol. 3, chapter 6; vol. 2, INT n). Decides nothing about which event comes next (run/inject.ts).
import { FLOW_BRANCH, FLOW_EXIT } from '../abi/insn';
import {
  ATTR_DB,
  ATTR_DC,
  ATTR_L,
  ATTR_P,
  CS,
  DS,
  ES,
  FAULT_EXIT,
  FS,
  GS,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  TR,
  V_CPL,
  V_CR2,
  V_CR4,
  V_DELIVERING,
  V_DR,
  V_FAULT,
  V_FAULT_ADDRESS,
  V_FAULT_CODE,
  V_FAULT_DR6,
  V_FAULT_HAS_CODE,
  V_GPR,
  V_IDT_BASE,
  V_IDT_LIMIT,
  V_RIP,
  V_SHADOW,
  V_STAGED_SP,
  V_STAGED_SS,
  V_STAT_FAULTS,
  V_STAT_INTERRUPTS,
} from '../abi/vcpu_page';
import {
  CR4_VME,
  DB,
  DE,
  DF,
  FLAG_AC,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_NT,
  FLAG_RF,
  FLAG_TF,
  FLAG_VIF,
  FLAG_VM,
  GP,
  NP,
  PF,
  RSP,
  STACK_FAULT,
  TS,
} from '../abi/x86';
import { load_system8, load_system16, load_system32, load_system64, load16 } from '../memory/access';
import { clear_fault, faulted, raise_code } from '../state/fault';
import { canonical, cpl, is_long, is_real_mode, is_v86, seg } from '../state/vcpu';
import { DR6_BD, DR6_FIXED, DR7_GD, debugger_takes_db } from './debug';
import { exit_debug, exit_delivery_error, exit_shutdown } from './exits';
import { get_flags, put_flags_word, set_flags_word } from './flags';
import { push_at, push_frame, push_long_frame } from './frame';
import { update_mode } from './mode';
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
  set_code_segment,
  set_segment,
  set_segment_null,
  set_segment_real,
} from './segment';
import { switch_task, TASK_INT } from './task';

// What kind of event is delivered: it decides the EXT bit and whether the gate's DPL is checked.
/** INT n: the gate's DPL and, in virtual-8086 mode, IOPL are checked. */
export const KIND_INT: u32 = 0;
/** INT3 and INTO: the gate's DPL is checked. */
export const KIND_TRAP: u32 = 1;
/** Faults, #DB, INT1. */
export const KIND_EXCEPTION: u32 = 2;
/** External interrupts and NMI. */
export const KIND_EXTERNAL: u32 = 3;

/** Raises a fault found while delivering; real mode has no error codes to push. */
function fail(v: u32, vector: u32, code: u32): bool {
  raise_code(v, vector, code);
  return false;
}

/** Writes SP of the current stack width, upper bits kept. */
function set_sp(v: u32, wide: bool, sp: u32): void {
  if (wide) store<u64>(v + V_GPR + RSP * 8, sp as u64);
  else store<u16>(v + V_GPR + RSP * 8, sp as u16);
}

/** Through the interrupt vector table at `table`: real mode, and virtual-8086 mode with VME (then `flags` is what is pushed). */
function deliver_vector(v: u32, table: u64, vector: u32, flags: u32, clear: u32, rip: u64): bool {
  const at = table + vector * 4;
  const ip = load16(v, at);
  if (faulted(v)) return false;
  const selector = load16(v, at + 2);
  if (faulted(v)) return false;
  const ss = seg(v, SS);
  const base = load<u64>(ss + SEG_BASE);
  const limit = load<u32>(ss + SEG_LIMIT);
  const attr = load<u32>(ss + SEG_ATTR);
  const wide = (attr & ATTR_DB) != 0;
  const mask: u32 = wide ? 0xffffffff : 0xffff;
  let sp = load<u32>(v + V_GPR + RSP * 8);
  sp = (sp - 2) & mask;
  if (!push_at(v, base, limit, attr, sp, 1, flags as u64, false, 0)) return false;
  sp = (sp - 2) & mask;
  if (!push_at(v, base, limit, attr, sp, 1, load<u32>(seg(v, CS) + SEG_SELECTOR) as u64, false, 0))
    return false;
  sp = (sp - 2) & mask;
  if (!push_at(v, base, limit, attr, sp, 1, rip, false, 0)) return false;
  set_sp(v, wide, sp);
  set_flags_word(v, get_flags(v) & ~clear);
  set_segment_real(v, CS, selector as u32);
  store<u64>(v + V_RIP, ip);
  update_mode(v);
  return true;
}

function deliver_real(v: u32, vector: u32, rip: u64): bool {
  if (vector * 4 + 3 > load<u32>(v + V_IDT_LIMIT)) return fail(v, GP, 0);
  return deliver_vector(
    v,
    load<u64>(v + V_IDT_BASE),
    vector,
    get_flags(v),
    FLAG_IF | FLAG_TF | FLAG_RF | FLAG_AC,
    rip,
  );
}

/**
 * INT n in virtual-8086 mode with CR4.VME: the redirection bitmap below the I/O bitmap decides (SDM vol. 3, 20.3.3).
 * 1 = delivered through the vector table, 0 = go on through the IDT, 2 = a fault is raised.
 */
function redirect_v86(v: u32, vector: u32, rip: u64): u32 {
  const tr = seg(v, TR);
  const base = load<u64>(tr + SEG_BASE);
  const limit = load<u32>(tr + SEG_LIMIT);
  const iopl = (get_flags(v) & FLAG_IOPL) >> 12;
  // Without the map nothing can be looked up.
  let io_base: u32 = 0;
  if (limit >= 0x67) io_base = load_system16(v, base + 0x66) as u32;
  if (faulted(v)) return 2;
  if (io_base < 32 || io_base - 32 + (vector >> 3) > limit) {
    raise_code(v, GP, 0);
    return 2;
  }
  const byte = load_system8(v, base + (io_base - 32 + (vector >> 3))) as u32;
  if (faulted(v)) return 2;
  if (byte & (1 << (vector & 7))) return 0;
  let flags = get_flags(v);
  let clear = FLAG_TF | FLAG_RF | FLAG_IF;
  if (iopl < 3) {
    // The program sees the virtual interrupt flag in the place of IF.
    flags = (flags & ~FLAG_IF) | FLAG_IOPL | (flags & FLAG_VIF ? FLAG_IF : 0);
    clear = FLAG_TF | FLAG_RF | FLAG_VIF;
  }
  return deliver_vector(v, 0, vector, flags, clear, rip) ? 1 : 2;
}

function deliver_protected(
  v: u32,
  vector: u32,
  kind: u32,
  has_code: bool,
  code: u32,
  flags: u32,
  rip: u64,
): bool {
  const ext: u32 = kind >= KIND_EXCEPTION ? 1 : 0;
  const level = cpl(v);
  const in_v86 = is_v86(v);
  if (vector * 8 + 7 > load<u32>(v + V_IDT_LIMIT)) return fail(v, GP, vector * 8 + 2 + ext);
  const gate = load_system64(v, load<u64>(v + V_IDT_BASE) + vector * 8);
  if (faulted(v)) return false;
  const type = desc_attr(gate) & 0x1f;
  if (type != 5 && type != 6 && type != 7 && type != 14 && type != 15)
    return fail(v, GP, vector * 8 + 2 + ext);
  if (kind <= KIND_TRAP && attr_dpl(desc_attr(gate)) < level) return fail(v, GP, vector * 8 + 2);
  if ((desc_attr(gate) & ATTR_P) == 0) return fail(v, NP, vector * 8 + 2 + ext);
  const selector = ((gate >> 16) & 0xffff) as u32;
  if (type == 5) return switch_task(v, selector, TASK_INT, rip, flags, ext, has_code, code);

  const wide_gate = type >= 14;
  const size: u32 = wide_gate ? 2 : 1;
  const offset = ((gate & 0xffff) | (wide_gate ? (gate >> 32) & 0xffff0000 : 0)) as u32;
  if ((selector & 0xfffc) == 0) return fail(v, GP, ext);
  const la = descriptor_address(v, selector, 8);
  if (la == NO_DESCRIPTOR) return fail(v, GP, (selector & 0xfffc) + ext);
  const d = load_system64(v, la);
  if (faulted(v)) return false;
  const attr = desc_attr(d);
  const dpl = attr_dpl(attr);
  if (!attr_is_code(attr) || dpl > level) return fail(v, GP, (selector & 0xfffc) + ext);
  if ((attr & ATTR_P) == 0) return fail(v, NP, (selector & 0xfffc) + ext);
  const conforming = (attr & ATTR_DC) != 0;
  const inner = !conforming && dpl < level;
  if (in_v86 && (!inner || dpl != 0)) return fail(v, GP, (selector & 0xfffc) + ext);

  let stack_base: u64, stack_limit: u32, stack_attr: u32, sp: u32;
  let stack_selector: u32 = 0;
  let stack: u64 = 0;
  let fault_code = ext;
  const new_level = inner ? dpl : level;
  const old_sp = load<u32>(v + V_GPR + RSP * 8);
  if (inner) {
    if (!read_inner_stack(v, dpl, ext)) return false;
    stack_selector = load<u32>(v + V_STAGED_SS);
    sp = load<u32>(v + V_STAGED_SP);
    stack = fetch_stack_descriptor(v, stack_selector, dpl, TS, ext);
    if (stack == 0) return false;
    stack_base = desc_base(stack);
    stack_limit = desc_limit(stack);
    stack_attr = desc_attr(stack);
    fault_code = (stack_selector & 0xfffc) + ext;
  } else {
    const ss = seg(v, SS);
    stack_base = load<u64>(ss + SEG_BASE);
    stack_limit = load<u32>(ss + SEG_LIMIT);
    stack_attr = load<u32>(ss + SEG_ATTR);
    sp = old_sp;
  }
  if (offset > desc_limit(d)) return fail(v, GP, ext);
  mark_accessed(v, la, d);
  if (faulted(v)) return false;
  const items: u32 = (in_v86 ? 9 : inner ? 5 : 3) + (has_code as u32);
  if (
    !push_frame(
      v,
      stack_base,
      stack_limit,
      stack_attr,
      sp,
      size,
      inner,
      flags,
      rip,
      has_code,
      code,
      fault_code,
    )
  )
    return false;
  const wide = (stack_attr & ATTR_DB) != 0;
  sp = (sp - items * (1 << size)) & (wide ? 0xffffffff : 0xffff);
  // Nothing can fault any more.
  if (inner) {
    store<u32>(v + V_CPL, new_level);
    set_segment(v, SS, stack_selector, stack);
  }
  set_sp(v, wide, sp);
  enter_handler(v, selector, d, new_level, offset as u64, (type & 1) == 0);
  if (in_v86) {
    set_segment_null(v, GS, 0);
    set_segment_null(v, FS, 0);
    set_segment_null(v, DS, 0);
    set_segment_null(v, ES, 0);
    update_mode(v);
  }
  return true;
}

/** Flags, CS and RIP of a handler; `masks` for an interrupt gate. */
function enter_handler(v: u32, selector: u32, d: u64, level: u32, rip: u64, masks: bool): void {
  put_flags_word(v, get_flags(v) & ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM | (masks ? FLAG_IF : 0)));
  set_code_segment(v, selector, d, level);
  store<u64>(v + V_RIP, rip);
  update_mode(v);
}

/** SS and SP (ESP) of privilege level `level` from a 16- or 32-bit TSS, into V_STAGED_SS and V_STAGED_SP. */
export function read_inner_stack(v: u32, level: u32, ext: u32): bool {
  const tr = seg(v, TR);
  const base = load<u64>(tr + SEG_BASE);
  const limit = load<u32>(tr + SEG_LIMIT);
  const wide = (load<u32>(tr + SEG_ATTR) & 8) != 0;
  const at = wide ? level * 8 + 4 : level * 4 + 2;
  if (at + (wide ? 5 : 3) > limit) return fail(v, TS, (load<u32>(tr + SEG_SELECTOR) & 0xfffc) + ext);
  const sp = wide ? load_system32(v, base + at) : load_system16(v, base + at);
  if (faulted(v)) return false;
  const ss = load_system16(v, base + at + (wide ? 4 : 2));
  if (faulted(v)) return false;
  store<u32>(v + V_STAGED_SP, sp as u32);
  store<u32>(v + V_STAGED_SS, ss as u32);
  return true;
}

/** A stack pointer of the 64-bit TSS: offset 4 + 8 * level, or 28 + 8 * ist; V_STAGED_SP gets all 64 bits. */
export function read_long_stack(v: u32, offset: u32, ext: u32): bool {
  const tr = seg(v, TR);
  if (offset + 7 > load<u32>(tr + SEG_LIMIT))
    return fail(v, TS, (load<u32>(tr + SEG_SELECTOR) & 0xfffc) + ext);
  const sp = load_system64(v, load<u64>(tr + SEG_BASE) + offset);
  if (faulted(v)) return false;
  store<u64>(v + V_STAGED_SP, sp);
  return true;
}

function deliver_long(v: u32, vector: u32, kind: u32, has_code: bool, code: u32, flags: u32, rip: u64): bool {
  const ext: u32 = kind >= KIND_EXCEPTION ? 1 : 0;
  const level = cpl(v);
  if (vector * 16 + 15 > load<u32>(v + V_IDT_LIMIT)) return fail(v, GP, vector * 8 + 2 + ext);
  const at = load<u64>(v + V_IDT_BASE) + vector * 16;
  const gate = load_system64(v, at);
  if (faulted(v)) return false;
  const upper = load_system64(v, at + 8);
  if (faulted(v)) return false;
  const gate_attr = desc_attr(gate);
  const type = gate_attr & 0x1f;
  if (type != 14 && type != 15) return fail(v, GP, vector * 8 + 2 + ext);
  if (kind <= KIND_TRAP && attr_dpl(gate_attr) < level) return fail(v, GP, vector * 8 + 2);
  if ((gate_attr & ATTR_P) == 0) return fail(v, NP, vector * 8 + 2 + ext);
  const selector = ((gate >> 16) & 0xffff) as u32;
  const target = (gate & 0xffff) | ((gate >> 32) & 0xffff0000) | (upper << 32);
  if ((selector & 0xfffc) == 0) return fail(v, GP, ext);
  const la = descriptor_address(v, selector, 8);
  if (la == NO_DESCRIPTOR) return fail(v, GP, (selector & 0xfffc) + ext);
  const d = load_system64(v, la);
  if (faulted(v)) return false;
  const attr = desc_attr(d);
  const dpl = attr_dpl(attr);
  if (!attr_is_code(attr) || dpl > level || (attr & (ATTR_L | ATTR_DB)) != ATTR_L) {
    return fail(v, GP, (selector & 0xfffc) + ext);
  }
  if ((attr & ATTR_P) == 0) return fail(v, NP, (selector & 0xfffc) + ext);
  const inner = (attr & ATTR_DC) == 0 && dpl < level;
  const new_level = inner ? dpl : level;
  const ist = ((gate >> 32) & 7) as u32;
  let rsp = load<u64>(v + V_GPR + RSP * 8);
  if (ist != 0 || inner) {
    if (!read_long_stack(v, ist != 0 ? 28 + ist * 8 : 4 + dpl * 8, ext)) return false;
    rsp = load<u64>(v + V_STAGED_SP);
  }
  if (!canonical(rsp)) return fail(v, STACK_FAULT, ext);
  if (!canonical(target)) return fail(v, GP, ext);
  mark_accessed(v, la, d);
  if (faulted(v)) return false;
  rsp &= ~15;
  if (!canonical(rsp - 48)) return fail(v, STACK_FAULT, ext);
  rsp = push_long_frame(v, rsp, inner, flags, rip, has_code, code);
  if (faulted(v)) return false;
  if (inner) {
    store<u32>(v + V_CPL, new_level);
    set_segment_null(v, SS, new_level);
  }
  store<u64>(v + V_GPR + RSP * 8, rsp);
  enter_handler(v, selector, d, new_level, target, (type & 1) == 0);
  return true;
}

/**
 * Delivers one event through the IVT or IDT: `rip` is the return address. True with V_RIP, CS and the rest set; false
 * with the next fault pending (then nothing has changed, unless a task switch had been completed).
 */
export function deliver(v: u32, vector: u32, kind: u32, has_code: bool, code: u32, rip: u64): bool {
  store<u32>(v + V_SHADOW, 0);
  if (is_real_mode(v)) return deliver_real(v, vector, rip);
  let flags = get_flags(v);
  // They are asked for again below: once derived is enough.
  put_flags_word(v, flags);
  // Faults other than instruction breakpoints resume; everything else pushes RF as it is (SDM vol. 3, 18.3.1.1).
  if (kind == KIND_EXCEPTION && (vector != DB || load<u32>(v + V_FAULT_DR6) == DR6_BD)) flags |= FLAG_RF;
  if (is_long(v)) return deliver_long(v, vector, kind, has_code, code, flags, rip);
  if (kind == KIND_INT && is_v86(v)) {
    if (load<u32>(v + V_CR4) & CR4_VME) {
      const redirected = redirect_v86(v, vector, rip);
      if (redirected != 0) return redirected == 1;
    }
    if ((flags & FLAG_IOPL) != FLAG_IOPL) return fail(v, GP, 0);
  }
  return deliver_protected(v, vector, kind, has_code, code, flags, rip);
}

/** #DE, #TS, #NP, #SS, #GP and #CP (SDM vol. 3, table 6-4). */
function is_contributory(vector: u32): bool {
  return vector == DE || (vector >= TS && vector <= GP) || vector == 21;
}

/** Delivers the pending fault, `previous` being the exception whose delivery caused it (-1 = none). */
function deliver_chain(v: u32, start: i32): u32 {
  let previous = start;
  while (true) {
    if (load<u32>(v + V_FAULT) == FAULT_EXIT) {
      // A descriptor table or stack in memory that no slot holds.
      clear_fault(v);
      exit_delivery_error(v, (previous < 0 ? 0 : previous) as u32);
      return FLOW_EXIT;
    }
    let vector = load<u32>(v + V_FAULT) - 1;
    let has_code = load<u32>(v + V_FAULT_HAS_CODE) != 0;
    let code = load<u32>(v + V_FAULT_CODE);
    clear_fault(v);
    if (vector == PF) store<u64>(v + V_CR2, load<u64>(v + V_FAULT_ADDRESS));
    if (previous >= 0) {
      const first = previous as u32;
      const second_bad = is_contributory(vector) || vector == PF;
      if (first == DF && second_bad) {
        store<i32>(v + V_DELIVERING, -1);
        exit_shutdown(v);
        return FLOW_EXIT;
      }
      if ((is_contributory(first) && is_contributory(vector)) || (first == PF && second_bad)) {
        vector = DF;
        has_code = true;
        code = 0;
      }
    }
    if (vector == DB) {
      const bits = load<u32>(v + V_FAULT_DR6);
      if (debugger_takes_db(v)) {
        exit_debug(v, DB, bits | DR6_FIXED);
        return FLOW_EXIT;
      }
      const dr = v + V_DR;
      store<u64>(dr + 6 * 8, ((load<u32>(dr + 6 * 8) & ~15) | bits | DR6_FIXED) as u64);
      store<u64>(dr + 7 * 8, (load<u32>(dr + 7 * 8) & ~DR7_GD) as u64);
    }
    store<i32>(v + V_DELIVERING, vector as i32);
    if (deliver(v, vector, KIND_EXCEPTION, has_code, code, load<u64>(v + V_RIP))) {
      store<i32>(v + V_DELIVERING, -1);
      store<u64>(v + V_STAT_FAULTS, load<u64>(v + V_STAT_FAULTS) + 1);
      return FLOW_BRANCH;
    }
    previous = vector as i32;
  }
}

/**
 * Delivers the pending fault of the instruction at V_RIP, nested faults included. FLOW_BRANCH: the guest's handler is
 * next. FLOW_EXIT: the run page holds SHUTDOWN, DEBUG or INTERNAL_ERROR.
 */
export function deliver_fault(v: u32): u32 {
  return deliver_chain(v, -1);
}

/**
 * Delivers an interrupt, NMI or software interrupt with V_RIP as the return address; faults on the way are delivered
 * too. FLOW_BRANCH or FLOW_EXIT as above.
 */
export function deliver_interrupt(v: u32, vector: u32, kind: u32): u32 {
  store<i32>(v + V_DELIVERING, vector as i32);
  const done = deliver(v, vector, kind, false, 0, load<u64>(v + V_RIP));
  store<i32>(v + V_DELIVERING, -1);
  if (done) {
    store<u64>(v + V_STAT_INTERRUPTS, load<u64>(v + V_STAT_INTERRUPTS) + 1);
    return FLOW_BRANCH;
  }
  return deliver_chain(v, -1);
}
