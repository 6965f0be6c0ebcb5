// Stack instructions in any mode: PUSH and POP in their general forms, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE, segment pushes.
import { V_FLOAT_RESULT } from '../abi/fpu';
import { FLOW_FAULT, FLOW_NEXT, FLOW_STOP, R_IMM, R_SEG } from '../abi/insn';
import { TLB_WRITE } from '../abi/map';
import {
  OP_ENTER,
  OP_LEAVE,
  OP_POP,
  OP_POP_M,
  OP_POPA,
  OP_POPF,
  OP_PUSH,
  OP_PUSH_SEG,
  OP_PUSHA,
  OP_PUSHF,
} from '../abi/ops';
import { SEG_SELECTOR, SHADOW_MOV_SS, SS, V_CPL, V_CR4, V_GPR, V_RFLAGS, V_SHADOW } from '../abi/vcpu_page';
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
  RBP,
  RSP,
} from '../abi/x86';
import { get_flags, set_arith, set_direction, set_flags_word } from '../cpu/flags';
import { update_segment } from '../cpu/mode';
import {
  effective_address,
  finish_store,
  read_sized,
  size_of,
  write_gpr,
  write_memory,
  write_reg,
} from '../cpu/operands';
import { load_segment } from '../cpu/segment';
import {
  pop,
  push,
  set_stack_pointer,
  stack_load,
  stack_pointer,
  stack_store,
  wrap_stack,
} from '../cpu/stack';
import { probe_write, translate } from '../memory/access';
import { linear } from '../memory/segments';
import { faulted, raise_code } from '../state/fault';
import { is_64, is_v86, seg } from '../state/vcpu';

function iopl(v: u32): u32 {
  return (load<u32>(v + V_RFLAGS) >> 12) & 3;
}

/** POP to memory: an address built on RSP uses the RSP behind the pop. */
function pop_memory(v: u32, r: u32): u32 {
  const size = size_of(r);
  const old = load<u64>(v + V_GPR + RSP * 8);
  const value = pop(v, size);
  if (faulted(v)) return FLOW_FAULT;
  const offset = effective_address(v, r);
  const n = load<u8>(r + R_SEG);
  const bytes: u32 = 1 << size;
  const la = linear(v, n, offset, bytes, true);
  let p: u32 = 0;
  if (!faulted(v)) p = translate(v, la, TLB_WRITE, bytes - 1, n, false);
  if (p == 0) {
    store<u64>(v + V_GPR + RSP * 8, old);
    return FLOW_FAULT;
  }
  write_memory(p, size, value);
  return finish_store(v);
}

function push_all(v: u32, r: u32): u32 {
  const size = size_of(r);
  const step: u64 = 1 << size;
  const sp = stack_pointer(v);
  // All eight must be open before the first is written.
  const low = wrap_stack(v, sp - step * 8);
  if (low < sp) {
    const la = linear(v, SS, low, 8 << size, true);
    if (faulted(v) || !probe_write(v, la, 8 << size)) return FLOW_FAULT;
  }
  for (let n: u32 = 0; n < 8; n++) {
    const value = read_sized(v + V_GPR + n * 8, size);
    stack_store(v, wrap_stack(v, sp - step * (n + 1)), size, value);
    if (faulted(v)) return FLOW_FAULT;
  }
  set_stack_pointer(v, low);
  return FLOW_NEXT;
}

function pop_all(v: u32, r: u32): u32 {
  const size = size_of(r);
  const step: u64 = 1 << size;
  const sp = stack_pointer(v);
  for (let n: u64 = 0; n < 8; n++) {
    store<u64>(v + V_FLOAT_RESULT + (n as u32) * 8, stack_load(v, wrap_stack(v, sp + step * n), size));
    if (faulted(v)) return FLOW_FAULT;
  }
  for (let n: u32 = 0; n < 8; n++) {
    const to: u32 = 7 - n;
    if (to != RSP) write_gpr(v, to, size, load<u64>(v + V_FLOAT_RESULT + n * 8));
  }
  set_stack_pointer(v, wrap_stack(v, sp + step * 8));
  return FLOW_NEXT;
}

function push_flags(v: u32, r: u32): u32 {
  const size = size_of(r);
  let flags = get_flags(v) & ~(FLAG_VM | FLAG_RF);
  if (is_v86(v) && iopl(v) < 3) {
    if (size != 1 || (load<u32>(v + V_CR4) & CR4_VME) == 0) return raise_code(v, GP, 0);
    // VME: the virtual interrupt flag shows as IF, IOPL as 3.
    flags = (flags & ~FLAG_IF) | FLAG_IOPL | (flags & FLAG_VIF ? FLAG_IF : 0);
  }
  push(v, size, flags);
  return faulted(v) ? FLOW_FAULT : FLOW_NEXT;
}

function pop_flags(v: u32, r: u32): u32 {
  const size = size_of(r);
  const old = get_flags(v);
  const level = load<u32>(v + V_CPL);
  let mask = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT;
  if (size > 1) mask |= FLAG_AC | FLAG_ID;
  if (is_v86(v)) {
    if (iopl(v) < 3) {
      if (size != 1 || (load<u32>(v + V_CR4) & CR4_VME) == 0) return raise_code(v, GP, 0);
      const sp = load<u64>(v + V_GPR + RSP * 8);
      const image = pop(v, 1) as u32;
      if (faulted(v)) return FLOW_FAULT;
      if (image & FLAG_TF || (image & FLAG_IF && old & FLAG_VIP)) {
        store<u64>(v + V_GPR + RSP * 8, sp);
        return raise_code(v, GP, 0);
      }
      set_flags_word(v, (old & ~(mask | FLAG_VIF)) | (image & mask) | (image & FLAG_IF ? FLAG_VIF : 0));
      return FLOW_STOP;
    }
    mask |= FLAG_IF;
  } else {
    if (level == 0) mask |= FLAG_IOPL;
    if (level <= iopl(v)) mask |= FLAG_IF;
  }
  const image = pop(v, size) as u32;
  if (faulted(v)) return FLOW_FAULT;
  const flags = ((old & ~mask) | (image & mask)) & ~FLAG_RF;
  if (((old ^ flags) & ~(FLAGS_ARITH | FLAG_DF)) == 0) {
    // Neither the mode nor what may come in depends on these.
    set_direction(v, (flags & FLAG_DF) != 0);
    set_arith(v, flags);
    return FLOW_NEXT;
  }
  set_flags_word(v, flags);
  return FLOW_STOP;
}

function enter(v: u32, r: u32): u32 {
  const size = size_of(r);
  const step: u64 = 1 << size;
  const locals = load<u16>(r + R_IMM) as u64;
  const level: u32 = load<u8>(r + R_IMM + 2) & 31;
  const old = stack_pointer(v);
  let sp = wrap_stack(v, old - step);
  const bp = load<u64>(v + V_GPR + RBP * 8);
  stack_store(v, sp, size, bp);
  if (faulted(v)) return FLOW_FAULT;
  // With a 16-bit stack the rest of ESP goes into the frame pointer as it is.
  const frame = is_64(v) || wrap_stack(v, 0x10000) ? sp : (load<u64>(v + V_GPR + RSP * 8) & 0xffff0000) | sp;
  if (level) {
    for (let i: u32 = 1; i < level; i++) {
      const display = stack_load(v, wrap_stack(v, bp - step * i), size);
      if (faulted(v)) return FLOW_FAULT;
      sp = wrap_stack(v, sp - step);
      stack_store(v, sp, size, display);
      if (faulted(v)) return FLOW_FAULT;
    }
    sp = wrap_stack(v, sp - step);
    stack_store(v, sp, size, frame);
    if (faulted(v)) return FLOW_FAULT;
  }
  sp = wrap_stack(v, sp - locals);
  // The last page of the new frame must be writable, as if something were pushed there.
  const la = linear(v, SS, sp, 1 << size, true);
  if (faulted(v) || !probe_write(v, la, 1 << size)) return FLOW_FAULT;
  write_gpr(v, RBP, size, frame);
  set_stack_pointer(v, sp);
  return FLOW_NEXT;
}

function leave(v: u32, r: u32): u32 {
  const size = size_of(r);
  const bp = wrap_stack(v, load<u64>(v + V_GPR + RBP * 8));
  const value = stack_load(v, bp, size);
  if (faulted(v)) return FLOW_FAULT;
  set_stack_pointer(v, wrap_stack(v, bp + (1 << size)));
  write_gpr(v, RBP, size, value);
  return FLOW_NEXT;
}

/** A 32-bit push of a selector writes its low half only; 64-bit pushes write all eight bytes. */
function push_segment(v: u32, r: u32): u32 {
  const size = size_of(r);
  const selector = load<u32>(seg(v, load<u8>(r + R_SEG)) + SEG_SELECTOR);
  if (size != 2) {
    push(v, size, selector);
    return faulted(v) ? FLOW_FAULT : FLOW_NEXT;
  }
  const sp = wrap_stack(v, stack_pointer(v) - 4);
  stack_store(v, sp, 1, selector);
  if (faulted(v)) return FLOW_FAULT;
  set_stack_pointer(v, sp);
  return FLOW_NEXT;
}

function pop_segment(v: u32, r: u32): u32 {
  const size = size_of(r);
  const n: u32 = load<u8>(r + R_SEG);
  const old = load<u64>(v + V_GPR + RSP * 8);
  const sp = stack_pointer(v);
  const selector = (stack_load(v, sp, size == 2 ? 1 : size) as u32) & 0xffff;
  if (faulted(v)) return FLOW_FAULT;
  // Moved while SS still says how wide the stack is.
  set_stack_pointer(v, wrap_stack(v, sp + (1 << size)));
  if (!load_segment(v, n, selector)) {
    store<u64>(v + V_GPR + RSP * 8, old);
    return FLOW_FAULT;
  }
  const changed = update_segment(v, n);
  if (n == SS) store<u32>(v + V_SHADOW, SHADOW_MOV_SS);
  return n == SS || changed ? FLOW_STOP : FLOW_NEXT;
}

export function exec_stack(v: u32, r: u32, op: u32, rm: u32): u32 {
  switch (op - OP_PUSH) {
    case OP_PUSH - OP_PUSH:
      push(v, size_of(r), read_sized(rm, size_of(r)));
      return faulted(v) ? FLOW_FAULT : FLOW_NEXT;
    case OP_POP - OP_PUSH: {
      const value = pop(v, size_of(r));
      if (faulted(v)) return FLOW_FAULT;
      write_reg(r, value);
      return FLOW_NEXT;
    }
    case OP_POP_M - OP_PUSH:
      return pop_memory(v, r);
    case OP_PUSHA - OP_PUSH:
      return push_all(v, r);
    case OP_POPA - OP_PUSH:
      return pop_all(v, r);
    case OP_PUSHF - OP_PUSH:
      return push_flags(v, r);
    case OP_POPF - OP_PUSH:
      return pop_flags(v, r);
    case OP_ENTER - OP_PUSH:
      return enter(v, r);
    case OP_LEAVE - OP_PUSH:
      return leave(v, r);
    case OP_PUSH_SEG - OP_PUSH:
      return push_segment(v, r);
    default:
      return pop_segment(v, r);
  }
}
