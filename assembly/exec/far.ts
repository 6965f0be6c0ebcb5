// Segment loads and far control transfer: MOV sreg, LES.., far JMP, CALL and RET with call gates, software interrupts,
// BOUND. IRET is in exec/iret.ts, SYSCALL and its kin in exec/syscall.ts; the IDT is in cpu/deliver.ts.
import {
  FLOW_BRANCH,
  FLOW_EXIT_BRANCH,
  FLOW_FAULT,
  FLOW_NEXT,
  FLOW_STOP,
  R_FLAGS,
  R_IMM,
  R_SEG,
  RF_REGNO_SHIFT,
} from '../abi/insn';
import {
  OP_BOUND,
  OP_CALL_FAR,
  OP_CALL_FAR_M,
  OP_INT,
  OP_INT1,
  OP_INT3,
  OP_INTO,
  OP_IRET,
  OP_JMP_FAR,
  OP_JMP_FAR_M,
  OP_LOAD_FAR,
  OP_MOV_FROM_SEG,
  OP_MOV_TO_SEG,
  OP_NM,
  OP_RET_FAR,
  OP_RSM,
  OP_SYSCALL,
  OP_SYSENTER,
  OP_SYSEXIT,
  OP_SYSRET,
} from '../abi/ops';
import {
  ATTR_DB,
  ATTR_DC,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  CS,
  SEG_LIMIT,
  SEG_SELECTOR,
  SHADOW_MOV_SS,
  SS,
  V_CPL,
  V_FAULT_DR6,
  V_GPR,
  V_RIP,
  V_SHADOW,
  V_STAGED_SP,
  V_STAGED_SS,
} from '../abi/vcpu_page';
import { BP, BR, DB, GP, NM, NP, OF, RSP, STACK_FAULT, TS, UD } from '../abi/x86';
import { debugger_takes_bp, debugger_takes_db } from '../cpu/debug';
import {
  deliver,
  KIND_EXCEPTION,
  KIND_INT,
  KIND_TRAP,
  read_inner_stack,
  read_long_stack,
} from '../cpu/deliver';
import { exit_debug } from '../cpu/exits';
import { get_flags, get_of } from '../cpu/flags';
import { push_at } from '../cpu/frame';
import { update_mode, update_segment } from '../cpu/mode';
import {
  effective_address,
  next_rip,
  read_reg_signed,
  rip_of,
  size_of,
  write_reg,
  write_rm,
} from '../cpu/operands';
import {
  attr_dpl,
  attr_is_code,
  desc_attr,
  desc_base,
  desc_limit,
  descriptor_address,
  fetch_stack_descriptor,
  is_bad_code_size,
  is_bad_upper_half,
  load_segment,
  NO_DESCRIPTOR,
  set_code_segment,
  set_segment,
  set_segment_null,
  set_segment_real,
} from '../cpu/segment';
import { push, set_stack_pointer, stack_pointer } from '../cpu/stack';
import { switch_task, TASK_CALL, TASK_JMP } from '../cpu/task';
import {
  accept_target,
  after_event,
  fetch_descriptor,
  fetch_return_code,
  return_here,
  return_to_stack,
  stack_peek,
} from '../cpu/transfer';
import { load_system64, load16, load32, load64, store_system64 } from '../memory/access';
import { linear } from '../memory/segments';
import { faulted, raise, raise_code } from '../state/fault';
import { canonical, cpl, is_long, is_real, seg } from '../state/vcpu';
import { exec_iret } from './iret';
import { exec_rsm } from './rsm';
import { exec_syscall } from './syscall';

function software_interrupt(v: u32, r: u32, vector: u32, kind: u32): u32 {
  const next = next_rip(v, r);
  store<u64>(v + V_RIP, rip_of(v, r));
  return after_event(v, deliver(v, vector, kind, false, 0, next));
}

function far_task(v: u32, r: u32, selector: u32, call: bool): u32 {
  const next = next_rip(v, r);
  store<u64>(v + V_RIP, rip_of(v, r));
  return after_event(
    v,
    switch_task(v, selector, call ? TASK_CALL : TASK_JMP, next, get_flags(v), 0, false, 0),
  );
}

/** Pushes CS and the return address on the current stack; RSP is unchanged when it fails. */
function push_return(v: u32, size: u32, next: u64): bool {
  const rsp = load<u64>(v + V_GPR + RSP * 8);
  push(v, size, load<u32>(seg(v, CS) + SEG_SELECTOR) as u64);
  if (!faulted(v)) push(v, size, next);
  if (!faulted(v)) return true;
  store<u64>(v + V_GPR + RSP * 8, rsp);
  return false;
}

/** Far JMP and CALL with every kind of target. */
function far_transfer(v: u32, r: u32, selector: u32, offset: u64, size: u32, call: bool): u32 {
  if (is_real(v)) {
    const rsp = load<u64>(v + V_GPR + RSP * 8);
    if (call && !push_return(v, size, next_rip(v, r))) return FLOW_FAULT;
    if (offset > (load<u32>(seg(v, CS) + SEG_LIMIT) as u64)) {
      store<u64>(v + V_GPR + RSP * 8, rsp);
      return raise_code(v, GP, 0);
    }
    set_segment_real(v, CS, selector);
    store<u64>(v + V_RIP, offset);
    update_mode(v);
    return FLOW_BRANCH;
  }
  const d = fetch_descriptor(v, selector);
  if (faulted(v)) return FLOW_FAULT;
  const attr = desc_attr(d);
  if ((attr & ATTR_S) == 0) return far_system(v, r, selector, d, call);
  const level = cpl(v);
  const dpl = attr_dpl(attr);
  const code = selector & 0xfffc;
  if (!attr_is_code(attr) || is_bad_code_size(v, attr)) return raise_code(v, GP, code);
  if (attr & ATTR_DC ? dpl > level : (selector & 3) > level || dpl != level) return raise_code(v, GP, code);
  if ((attr & ATTR_P) == 0) return raise_code(v, NP, code);
  if (!enter_segment(v, r, selector, d, offset, size, call)) return FLOW_FAULT;
  set_code_segment(v, selector, d, level);
  store<u64>(v + V_RIP, offset);
  update_mode(v);
  return FLOW_BRANCH;
}

/** Pushes what CALL pushes on the same stack, then checks the target; false when a fault is raised and RSP is unchanged. */
function enter_segment(v: u32, r: u32, selector: u32, d: u64, offset: u64, size: u32, call: bool): bool {
  const rsp = load<u64>(v + V_GPR + RSP * 8);
  if (call && !push_return(v, size, next_rip(v, r))) return false;
  if (accept_target(v, selector, d, offset)) return true;
  store<u64>(v + V_GPR + RSP * 8, rsp);
  return false;
}

/** Far JMP and CALL to a call gate, a task gate or a TSS. */
function far_system(v: u32, r: u32, selector: u32, d: u64, call: bool): u32 {
  const attr = desc_attr(d);
  const type = attr & 0x1f;
  const code = selector & 0xfffc;
  const long = is_long(v);
  const dpl = attr_dpl(attr);
  const is_gate = type == 12 || (!long && (type == 4 || type == 5));
  const is_tss = !long && (type == 1 || type == 9);
  if (!is_gate && !is_tss) return raise_code(v, GP, code);
  if (dpl < cpl(v) || dpl < (selector & 3)) return raise_code(v, GP, code);
  if ((attr & ATTR_P) == 0) return raise_code(v, NP, code);
  let upper: u64 = 0;
  if (long) {
    const la = descriptor_address(v, selector, 16);
    if (la == NO_DESCRIPTOR) return raise_code(v, GP, code);
    upper = load_system64(v, la + 8);
    if (faulted(v)) return FLOW_FAULT;
    if (is_bad_upper_half(upper)) return raise_code(v, GP, code);
  }
  if (is_tss) return far_task(v, r, selector, call);
  const target = ((d >> 16) & 0xffff) as u32;
  if (type == 5) return far_task(v, r, target, call);
  let offset = (d & 0xffff) | (type == 12 ? (d >> 32) & 0xffff0000 : 0);
  if (long) offset |= upper << 32;
  return far_gate(v, r, target, offset, long ? 3 : type == 12 ? 2 : 1, ((d >> 32) & 31) as u32, call);
}

/** Through a call gate to `selector`:`offset`; `size` is the gate's (log2 of bytes), `count` its parameters. */
function far_gate(v: u32, r: u32, selector: u32, offset: u64, size: u32, count: u32, call: bool): u32 {
  const d = fetch_descriptor(v, selector);
  if (faulted(v)) return FLOW_FAULT;
  const attr = desc_attr(d);
  const dpl = attr_dpl(attr);
  const level = cpl(v);
  const code = selector & 0xfffc;
  const conforming = (attr & ATTR_DC) != 0;
  if (!attr_is_code(attr) || dpl > level) return raise_code(v, GP, code);
  if (!call && !conforming && dpl != level) return raise_code(v, GP, code);
  if (size == 3 && (attr & (ATTR_L | ATTR_DB)) != ATTR_L) return raise_code(v, GP, code);
  if ((attr & ATTR_P) == 0) return raise_code(v, NP, code);
  const inner = call && !conforming && dpl < level;
  if (inner) {
    const next = next_rip(v, r);
    const done =
      size == 3
        ? call_inner_long(v, selector, d, offset, next)
        : call_inner(v, selector, d, offset, size, count, next);
    if (!done) return FLOW_FAULT;
  } else if (!enter_segment(v, r, selector, d, offset, size, call)) {
    return FLOW_FAULT;
  }
  set_code_segment(v, selector, d, inner ? dpl : level);
  store<u64>(v + V_RIP, offset);
  update_mode(v);
  return FLOW_BRANCH;
}

/**
 * The stack switch of a 16- or 32-bit call gate to `target`:`offset` with descriptor `d`: pushes SS, SP, the parameters, CS
 * and the return address.
 */
function call_inner(v: u32, target: u32, d: u64, offset: u64, size: u32, count: u32, next: u64): bool {
  const level = attr_dpl(desc_attr(d));
  if (!read_inner_stack(v, level, 0)) return false;
  const selector = load<u32>(v + V_STAGED_SS);
  let sp = load<u32>(v + V_STAGED_SP);
  const stack = fetch_stack_descriptor(v, selector, level, TS, 0);
  if (stack == 0) return false;
  const base = desc_base(stack);
  const limit = desc_limit(stack);
  const attr = desc_attr(stack);
  const wide = (attr & ATTR_DB) != 0;
  const mask: u32 = wide ? 0xffffffff : 0xffff;
  const bytes: u32 = 1 << size;
  const code = selector & 0xfffc;
  sp = (sp - bytes) & mask;
  if (!push_at(v, base, limit, attr, sp, size, load<u32>(seg(v, SS) + SEG_SELECTOR) as u64, true, code))
    return false;
  sp = (sp - bytes) & mask;
  if (!push_at(v, base, limit, attr, sp, size, load<u32>(v + V_GPR + RSP * 8) as u64, true, code))
    return false;
  for (let i = count; i > 0; i--) {
    const value = stack_peek(v, size, (i - 1) * bytes);
    if (faulted(v)) return false;
    sp = (sp - bytes) & mask;
    if (!push_at(v, base, limit, attr, sp, size, value, true, code)) return false;
  }
  sp = (sp - bytes) & mask;
  if (!push_at(v, base, limit, attr, sp, size, load<u32>(seg(v, CS) + SEG_SELECTOR) as u64, true, code))
    return false;
  sp = (sp - bytes) & mask;
  if (!push_at(v, base, limit, attr, sp, size, next, true, code)) return false;
  if (!accept_target(v, target, d, offset)) return false;
  store<u32>(v + V_CPL, level);
  set_segment(v, SS, selector, stack);
  if (wide) store<u64>(v + V_GPR + RSP * 8, sp as u64);
  else store<u16>(v + V_GPR + RSP * 8, sp as u16);
  return true;
}

/** The stack switch of a 64-bit call gate. */
function call_inner_long(v: u32, target: u32, d: u64, offset: u64, next: u64): bool {
  const level = attr_dpl(desc_attr(d));
  if (!read_long_stack(v, 4 + level * 8, 0)) return false;
  const rsp = load<u64>(v + V_STAGED_SP);
  if (!canonical(rsp) || !canonical(rsp - 32)) {
    raise_code(v, STACK_FAULT, 0);
    return false;
  }
  store_system64(v, rsp - 8, load<u32>(seg(v, SS) + SEG_SELECTOR) as u64);
  if (faulted(v)) return false;
  store_system64(v, rsp - 16, load<u64>(v + V_GPR + RSP * 8));
  if (faulted(v)) return false;
  store_system64(v, rsp - 24, load<u32>(seg(v, CS) + SEG_SELECTOR) as u64);
  if (faulted(v)) return false;
  store_system64(v, rsp - 32, next);
  if (faulted(v) || !accept_target(v, target, d, offset)) return false;
  store<u32>(v + V_CPL, level);
  set_segment_null(v, SS, level);
  store<u64>(v + V_GPR + RSP * 8, rsp - 32);
  return true;
}

function ret_far(v: u32, r: u32): u32 {
  const size = size_of(r);
  const bytes: u32 = 1 << size;
  const release = load<u16>(r + R_IMM) as u32;
  const offset = stack_peek(v, size, 0);
  if (faulted(v)) return FLOW_FAULT;
  const selector = (stack_peek(v, size, bytes) & 0xffff) as u32;
  if (faulted(v)) return FLOW_FAULT;
  if (is_real(v)) {
    if (offset > (load<u32>(seg(v, CS) + SEG_LIMIT) as u64)) return raise_code(v, GP, 0);
    set_stack_pointer(v, stack_pointer(v) + 2 * bytes + release);
    set_segment_real(v, CS, selector);
    store<u64>(v + V_RIP, offset);
    update_mode(v);
    return FLOW_BRANCH;
  }
  const d = fetch_return_code(v, selector);
  if (d == 0) return FLOW_FAULT;
  if ((selector & 3) == cpl(v)) {
    if (!return_here(v, selector, d, offset)) return FLOW_FAULT;
    set_stack_pointer(v, stack_pointer(v) + 2 * bytes + release);
    update_mode(v);
    return FLOW_BRANCH;
  }
  const sp = stack_peek(v, size, 2 * bytes + release);
  if (faulted(v)) return FLOW_FAULT;
  const ss = (stack_peek(v, size, 3 * bytes + release) & 0xffff) as u32;
  if (faulted(v)) return FLOW_FAULT;
  if (!return_to_stack(v, ss, sp + release, selector, d, offset)) return FLOW_FAULT;
  update_mode(v);
  return FLOW_BRANCH;
}

/** Reads a far pointer of the record's operand size from memory: the selector lies behind the offset. */
function load_pointer(v: u32, r: u32): u64 {
  const size = size_of(r);
  const bytes: u32 = 1 << size;
  const la = linear(v, load<u8>(r + R_SEG), effective_address(v, r), bytes + 2, false);
  if (faulted(v)) return 0;
  const offset = size == 1 ? load16(v, la) : size == 2 ? load32(v, la) : load64(v, la);
  if (faulted(v)) return 0;
  store<u32>(v + V_STAGED_SS, load16(v, la + bytes) as u32);
  return offset;
}

function far_memory(v: u32, r: u32, call: bool): u32 {
  const offset = load_pointer(v, r);
  if (faulted(v)) return FLOW_FAULT;
  return far_transfer(v, r, load<u32>(v + V_STAGED_SS), offset, size_of(r), call);
}

function move_to_segment(v: u32, r: u32, rm: u32): u32 {
  const n = (load<u16>(r + R_FLAGS) >> RF_REGNO_SHIFT) as u32;
  if (n == CS || n > 5) return raise(v, UD);
  if (!load_segment(v, n, load<u16>(rm))) return FLOW_FAULT;
  // The block ends only if the mode that blocks are decoded for has changed.
  const changed = update_segment(v, n);
  if (n != SS) return changed ? FLOW_STOP : FLOW_NEXT;
  store<u32>(v + V_SHADOW, SHADOW_MOV_SS);
  return FLOW_STOP;
}

function load_far(v: u32, r: u32): u32 {
  const offset = load_pointer(v, r);
  if (faulted(v)) return FLOW_FAULT;
  const n = load<u32>(r + R_IMM);
  if (!load_segment(v, n, load<u32>(v + V_STAGED_SS))) return FLOW_FAULT;
  write_reg(r, offset);
  return update_segment(v, n) ? FLOW_STOP : FLOW_NEXT;
}

function bound(v: u32, r: u32): u32 {
  const bytes: u32 = 1 << size_of(r);
  const la = linear(v, load<u8>(r + R_SEG), effective_address(v, r), bytes * 2, false);
  if (faulted(v)) return FLOW_FAULT;
  let low: i64, high: i64;
  if (bytes == 2) {
    low = load16(v, la) as i16 as i64;
    if (faulted(v)) return FLOW_FAULT;
    high = load16(v, la + 2) as i16 as i64;
  } else {
    low = load32(v, la) as i32 as i64;
    if (faulted(v)) return FLOW_FAULT;
    high = load32(v, la + 4) as i32 as i64;
  }
  if (faulted(v)) return FLOW_FAULT;
  const index = read_reg_signed(r);
  return index < low || index > high ? raise(v, BR) : FLOW_NEXT;
}

function int1(v: u32, r: u32): u32 {
  const next = next_rip(v, r);
  store<u32>(v + V_FAULT_DR6, 0);
  if (debugger_takes_db(v)) {
    store<u64>(v + V_RIP, next);
    exit_debug(v, DB, 0xffff0ff0);
    return FLOW_EXIT_BRANCH;
  }
  store<u64>(v + V_RIP, rip_of(v, r));
  return after_event(v, deliver(v, DB, KIND_EXCEPTION, false, 0, next));
}

function int3(v: u32, r: u32): u32 {
  if (!debugger_takes_bp(v)) return software_interrupt(v, r, BP, KIND_TRAP);
  store<u64>(v + V_RIP, rip_of(v, r));
  exit_debug(v, BP, 0);
  return FLOW_EXIT_BRANCH;
}

/** Executes the family OP_MOV_FROM_SEG .. OP_UD. */
export function exec_far(v: u32, r: u32, op: u32, rm: u32): u32 {
  switch (op) {
    case OP_MOV_FROM_SEG: {
      const n = (load<u16>(r + R_FLAGS) >> RF_REGNO_SHIFT) as u32;
      return n > 5 ? raise(v, UD) : write_rm(v, r, rm, load<u32>(seg(v, n) + SEG_SELECTOR) as u64);
    }
    case OP_MOV_TO_SEG:
      return move_to_segment(v, r, rm);
    case OP_LOAD_FAR:
      return load_far(v, r);
    case OP_JMP_FAR:
    case OP_CALL_FAR: {
      const offset = load<u32>(r + R_IMM) as u64;
      const size = size_of(r);
      return far_transfer(
        v,
        r,
        load<u16>(r + R_IMM + 4),
        size == 1 ? offset & 0xffff : offset,
        size,
        op == OP_CALL_FAR,
      );
    }
    case OP_JMP_FAR_M:
      return far_memory(v, r, false);
    case OP_CALL_FAR_M:
      return far_memory(v, r, true);
    case OP_RET_FAR:
      return ret_far(v, r);
    case OP_RSM:
      return exec_rsm(v);
    case OP_IRET:
      return exec_iret(v, r);
    case OP_INT:
      return software_interrupt(v, r, load<u8>(r + R_IMM), KIND_INT);
    case OP_INT3:
      return int3(v, r);
    case OP_INT1:
      return int1(v, r);
    case OP_INTO:
      return get_of(v) ? software_interrupt(v, r, OF, KIND_TRAP) : FLOW_NEXT;
    case OP_BOUND:
      return bound(v, r);
    case OP_SYSCALL:
    case OP_SYSRET:
    case OP_SYSENTER:
    case OP_SYSEXIT:
      return exec_syscall(v, r, op);
    case OP_NM:
      return raise(v, NM);
    default:
      return raise(v, UD);
  }
}
