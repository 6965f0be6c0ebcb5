// What far transfers and returns have in common: the checks of the target code segment and the return to an outer stack.
// The instructions are in exec/far.ts and exec/iret.ts.
import { FLOW_BRANCH, FLOW_EXIT, FLOW_EXIT_BRANCH } from '../abi/insn';
import { ATTR_DB, ATTR_DC, ATTR_L, ATTR_P, SS, V_GPR, V_RIP } from '../abi/vcpu_page';
import { GP, NP, RSP } from '../abi/x86';
import { load_system64 } from '../memory/access';
import { faulted, raise_code } from '../state/fault';
import { canonical, cpl, is_long } from '../state/vcpu';
import { deliver_fault } from './deliver';
import {
  attr_dpl,
  attr_is_code,
  desc_attr,
  desc_limit,
  descriptor_address,
  drop_inner_segments,
  fetch_stack_descriptor,
  is_bad_code_size,
  mark_accessed,
  NO_DESCRIPTOR,
  set_code_segment,
  set_segment,
  set_segment_null,
} from './segment';
import { stack_load, stack_pointer, wrap_stack } from './stack';

/** Loads an item `extra` bytes above the top of the stack, without moving RSP; check `faulted`. */
export function stack_peek(v: u32, size: u32, extra: u32): u64 {
  return stack_load(v, wrap_stack(v, stack_pointer(v) + extra), size);
}

/** The descriptor of a far transfer's target; 0 with #GP raised when the selector is null or beyond its table. */
export function fetch_descriptor(v: u32, selector: u32): u64 {
  if ((selector & 0xfffc) == 0) {
    raise_code(v, GP, 0);
    return 0;
  }
  const la = descriptor_address(v, selector, 8);
  if (la == NO_DESCRIPTOR) {
    raise_code(v, GP, selector & 0xfffc);
    return 0;
  }
  const d = load_system64(v, la);
  if (faulted(v)) return 0;
  // An all-zero descriptor has a type that no transfer accepts.
  if (d == 0) raise_code(v, GP, selector & 0xfffc);
  return d;
}

/** The offset lies in the code segment of descriptor `d` (64-bit code: is canonical); else raises #GP(0). */
function check_target(v: u32, d: u64, offset: u64): bool {
  const ok = is_long(v) && desc_attr(d) & ATTR_L ? canonical(offset) : offset <= (desc_limit(d) as u64);
  if (!ok) raise_code(v, GP, 0);
  return ok;
}

/**
 * The last check of a far transfer, behind those of the stack: raises #GP(0) when `offset` is no place in the code segment
 * of descriptor `d`; else sets its accessed bit.
 */
export function accept_target(v: u32, selector: u32, d: u64, offset: u64): bool {
  if (!check_target(v, d, offset)) return false;
  mark_accessed(v, descriptor_address(v, selector, 8), d);
  return !faulted(v);
}

/** Completes a software event whose failure may already belong to another task. */
export function after_event(v: u32, done: bool): u32 {
  if (done) return FLOW_BRANCH;
  return deliver_fault(v) == FLOW_EXIT ? FLOW_EXIT_BRANCH : FLOW_BRANCH;
}

/** Checks the code segment that RET or IRET returns to, but not the offset; 0 when a fault is raised. */
export function fetch_return_code(v: u32, selector: u32): u64 {
  const d = fetch_descriptor(v, selector);
  if (faulted(v)) return 0;
  const attr = desc_attr(d);
  const rpl = selector & 3;
  const dpl = attr_dpl(attr);
  const code = selector & 0xfffc;
  if (
    !attr_is_code(attr) ||
    rpl < cpl(v) ||
    is_bad_code_size(v, attr) ||
    (attr & ATTR_DC ? dpl > rpl : dpl != rpl)
  ) {
    raise_code(v, GP, code);
    return 0;
  }
  if ((attr & ATTR_P) == 0) {
    raise_code(v, NP, code);
    return 0;
  }
  return d;
}

/** Commits a return to code of the same level on the same stack; the caller moves RSP and updates the mode. */
export function return_here(v: u32, selector: u32, d: u64, rip: u64): bool {
  if (!accept_target(v, selector, d, rip)) return false;
  set_code_segment(v, selector, d, selector & 3);
  store<u64>(v + V_RIP, rip);
  return true;
}

/**
 * Commits a return to the stack `ss`:`sp` and code of the selector's level: checks SS and the offset, then loads SS, SP, CS
 * and RIP and drops data segments of inner levels; the caller updates the mode. False when a check faults and nothing has
 * changed.
 */
export function return_to_stack(v: u32, ss: u32, sp: u64, selector: u32, d: u64, rip: u64): bool {
  const level = selector & 3;
  const to_64 = is_long(v) && (desc_attr(d) & ATTR_L) != 0;
  const null_stack = (ss & 0xfffc) == 0 && to_64 && level != 3 && (ss & 3) == level;
  let stack: u64 = 0;
  if (!null_stack) {
    stack = fetch_stack_descriptor(v, ss, level, GP, 0);
    if (stack == 0) return false;
  }
  if (!accept_target(v, selector, d, rip)) return false;
  const outer = level > cpl(v);
  set_code_segment(v, selector, d, level);
  if (null_stack) set_segment_null(v, SS, ss);
  else set_segment(v, SS, ss, stack);
  if (to_64) store<u64>(v + V_GPR + RSP * 8, sp);
  else if (desc_attr(stack) & ATTR_DB) store<u64>(v + V_GPR + RSP * 8, sp & 0xffffffff);
  else store<u16>(v + V_GPR + RSP * 8, sp as u16);
  if (outer) drop_inner_segments(v, level);
  store<u64>(v + V_RIP, rip);
  return true;
}
