// IRET in every mode: real, virtual-8086, task return, to virtual-8086 mode, protected and long mode (SDM vol. 2, IRET).
import { FLOW_BRANCH, FLOW_FAULT } from '../abi/insn';
import {
  CS,
  DS,
  ES,
  FS,
  GS,
  SEG_BASE,
  SEG_LIMIT,
  SS,
  TR,
  V_CPL,
  V_CR4,
  V_GPR,
  V_NMI_MASKED,
  V_RIP,
} from '../abi/vcpu_page';
import {
  CR4_VME,
  FLAG_AC,
  FLAG_DF,
  FLAG_ID,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_NT,
  FLAG_RF,
  FLAG_TF,
  FLAG_VIF,
  FLAG_VIP,
  FLAG_VM,
  FLAGS_ARITH,
  GP,
  RSP,
} from '../abi/x86';
import { get_flags, put_flags_word, set_flags_word } from '../cpu/flags';
import { update_mode } from '../cpu/mode';
import { next_rip, rip_of, size_of } from '../cpu/operands';
import { set_segment_real } from '../cpu/segment';
import { plain_top, set_stack_pointer, stack_pointer } from '../cpu/stack';
import { switch_task, TASK_IRET } from '../cpu/task';
import { after_event, fetch_return_code, return_here, return_to_stack, stack_peek } from '../cpu/transfer';
import { load_system16 } from '../memory/access';
import { faulted, raise_code } from '../state/fault';
import { cpl, is_64, is_long, is_real_mode, is_v86, seg } from '../state/vcpu';

/** What every IRET may change; IF, IOPL, VIF and VIP depend on the privilege level. */
const COMMON: u32 = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT;
const COMMON_WIDE: u32 = FLAG_RF | FLAG_AC | FLAG_ID;

function merge_flags(v: u32, value: u32, mask: u32): void {
  set_flags_word(v, (get_flags(v) & ~mask) | (value & mask));
}

/** IP, CS and FLAGS from the stack, as real mode and virtual-8086 mode do. */
function iret_real(v: u32, size: u32, mask: u32): u32 {
  const bytes: u32 = 1 << size;
  const ip = stack_peek(v, size, 0);
  if (faulted(v)) return FLOW_FAULT;
  const selector = stack_peek(v, size, bytes) as u32;
  if (faulted(v)) return FLOW_FAULT;
  const flags = stack_peek(v, size, 2 * bytes) as u32;
  if (faulted(v)) return FLOW_FAULT;
  if (ip > (load<u32>(seg(v, CS) + SEG_LIMIT) as u64)) return raise_code(v, GP, 0);
  set_stack_pointer(v, stack_pointer(v) + 3 * bytes);
  set_segment_real(v, CS, selector & 0xffff);
  store<u64>(v + V_RIP, ip);
  merge_flags(v, flags, size == 1 ? mask & 0xffff : mask);
  return FLOW_BRANCH;
}

/** IRET in virtual-8086 mode with IOPL below 3 and CR4.VME: IF in the frame is the virtual one (SDM vol. 3, 20.3.3). */
function iret_vme(v: u32): u32 {
  const flags = stack_peek(v, 1, 4) as u32;
  if (faulted(v)) return FLOW_FAULT;
  if (flags & FLAG_TF || (flags & FLAG_IF && get_flags(v) & FLAG_VIP)) return raise_code(v, GP, 0);
  const flow = iret_real(v, 1, COMMON);
  if (flow != FLOW_BRANCH) return flow;
  merge_flags(v, flags & FLAG_IF ? FLAG_VIF : 0, FLAG_VIF);
  return FLOW_BRANCH;
}

/** Back to the task of the link field. */
function iret_task(v: u32, r: u32): u32 {
  const link = load_system16(v, load<u64>(seg(v, TR) + SEG_BASE)) as u32;
  if (faulted(v)) return FLOW_FAULT;
  const next = next_rip(v, r);
  store<u64>(v + V_RIP, rip_of(v, r));
  const done = switch_task(v, link, TASK_IRET, next, get_flags(v), 0, false, 0);
  return after_event(v, done);
}

/** From CPL 0 to virtual-8086 mode: the frame goes on with ESP SS ES DS FS GS. */
function iret_v86(v: u32, ip: u64, selector: u32, flags: u32): u32 {
  // One look at the last item finds every fault of the frame but those of its middle, which lie in the same segment.
  for (let i: u32 = 3; i < 9; i++) {
    stack_peek(v, 2, i * 4);
    if (faulted(v)) return FLOW_FAULT;
  }
  const esp = stack_peek(v, 2, 12);
  const ss = stack_peek(v, 2, 16) as u32;
  const es = stack_peek(v, 2, 20) as u32;
  const ds = stack_peek(v, 2, 24) as u32;
  const fs = stack_peek(v, 2, 28) as u32;
  const gs = stack_peek(v, 2, 32) as u32;
  if (ip > 0xffff) return raise_code(v, GP, 0);
  store<u32>(v + V_CPL, 3);
  merge_flags(v, flags, COMMON | COMMON_WIDE | FLAG_IF | FLAG_IOPL | FLAG_VIF | FLAG_VIP | FLAG_VM);
  set_segment_real(v, CS, selector);
  set_segment_real(v, SS, ss & 0xffff);
  set_segment_real(v, ES, es & 0xffff);
  set_segment_real(v, DS, ds & 0xffff);
  set_segment_real(v, FS, fs & 0xffff);
  set_segment_real(v, GS, gs & 0xffff);
  store<u64>(v + V_GPR + RSP * 8, esp);
  store<u64>(v + V_RIP, ip);
  update_mode(v);
  return FLOW_BRANCH;
}

/** Item `n` of the frame: at `top`, where plain_top has found it, or by a load of its own; check `faulted`. */
function frame_item(v: u32, top: u32, size: u32, n: u32): u64 {
  if (top == 0) return stack_peek(v, size, n << size);
  return size == 3 ? load<u64>(top + n * 8) : (load<u32>(top + n * 4) as u64);
}

function iret_protected(v: u32, r: u32): u32 {
  const size = size_of(r);
  const level = cpl(v);
  const top = size == 1 ? 0 : plain_top(v, 5 << size);
  const rip = frame_item(v, top, size, 0);
  if (faulted(v)) return FLOW_FAULT;
  const selector = (frame_item(v, top, size, 1) & 0xffff) as u32;
  if (faulted(v)) return FLOW_FAULT;
  const flags = frame_item(v, top, size, 2) as u32;
  if (faulted(v)) return FLOW_FAULT;
  if (size == 2 && level == 0 && flags & FLAG_VM && !is_long(v)) return iret_v86(v, rip, selector, flags);
  const old = get_flags(v);
  let mask = COMMON;
  if (size != 1) mask |= COMMON_WIDE;
  if (level <= (old & FLAG_IOPL) >> 12) mask |= FLAG_IF;
  if (level == 0) mask |= FLAG_IOPL | (size != 1 ? FLAG_VIF | FLAG_VIP : 0);
  const d = fetch_return_code(v, selector);
  if (d == 0) return FLOW_FAULT;
  if ((selector & 3) == level && !is_64(v)) {
    if (!return_here(v, selector, d, rip)) return FLOW_FAULT;
    set_stack_pointer(v, stack_pointer(v) + (3 << size));
  } else {
    const sp = frame_item(v, top, size, 3);
    if (faulted(v)) return FLOW_FAULT;
    const ss = (frame_item(v, top, size, 4) & 0xffff) as u32;
    if (faulted(v)) return FLOW_FAULT;
    if (!return_to_stack(v, ss, sp, selector, d, rip)) return FLOW_FAULT;
  }
  put_flags_word(v, (old & ~mask) | (flags & mask));
  update_mode(v);
  return FLOW_BRANCH;
}

/** IRET, IRETD, IRETQ. */
export function exec_iret(v: u32, r: u32): u32 {
  const size = size_of(r);
  // NMIs are open again even when IRET faults (SDM vol. 3, 6.7.1).
  store<u32>(v + V_NMI_MASKED, 0);
  if (is_real_mode(v)) return iret_real(v, size, COMMON | COMMON_WIDE | FLAG_IF | FLAG_IOPL);
  const flags = get_flags(v);
  if (is_v86(v)) {
    if ((flags & FLAG_IOPL) == FLAG_IOPL) return iret_real(v, size, COMMON | COMMON_WIDE | FLAG_IF);
    if (load<u32>(v + V_CR4) & CR4_VME && size == 1) return iret_vme(v);
    return raise_code(v, GP, 0);
  }
  if (flags & FLAG_NT) return is_long(v) ? raise_code(v, GP, 0) : iret_task(v, r);
  return iret_protected(v, r);
}
