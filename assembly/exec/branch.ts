// Near branches in their general form: 16-bit operand sizes, code limits, LOOP and JCXZ. The hot forms are in dispatch.ts.
import {
  FLOW_BRANCH,
  FLOW_FAULT,
  FLOW_STOP,
  R_DISP,
  R_FLAGS,
  R_IMM,
  R_SEG,
  RF_ASIZE_SHIFT,
} from '../abi/insn';
import {
  OP_CALL_NEAR,
  OP_CALL_NEAR_RM,
  OP_JCC_NEAR,
  OP_JCXZ,
  OP_JMP_NEAR,
  OP_JMP_NEAR_RM,
  OP_LOOP,
  OP_LOOPE,
  OP_RET_NEAR,
} from '../abi/ops';
import { MODE_64, MODE_SIZE, SEG_LIMIT, V_GPR, V_MODE, V_RIP } from '../abi/vcpu_page';
import { GP, RCX } from '../abi/x86';
import { condition, get_zf } from '../cpu/flags';
import { next_rip, read_sized, size_of } from '../cpu/operands';
import { set_stack_pointer, stack_load, stack_pointer, stack_store, wrap_stack } from '../cpu/stack';
import { faulted, raise_code } from '../state/fault';
import { canonical, cs } from '../state/vcpu';

/** The target cut to the operand size; raises #GP(0) when code may not be there (check faulted). */
function checked(v: u32, target: u64, size: u32): u64 {
  if ((load<u32>(v + V_MODE) & MODE_SIZE) == MODE_64) {
    const wide = size == 1 ? target & 0xffff : target;
    if (!canonical(wide)) raise_code(v, GP, 0);
    return wide;
  }
  const at = size == 1 ? target & 0xffff : target & 0xffffffff;
  if (at > (load<u32>(cs(v) + SEG_LIMIT) as u64)) raise_code(v, GP, 0);
  return at;
}

function jump(v: u32, target: u64, size: u32): u32 {
  const at = checked(v, target, size);
  if (faulted(v)) return FLOW_FAULT;
  store<u64>(v + V_RIP, at);
  return FLOW_BRANCH;
}

function relative(v: u32, r: u32): u32 {
  return jump(v, next_rip(v, r) + (load<i32>(r + R_DISP) as i64 as u64), size_of(r));
}

function call(v: u32, r: u32, target: u64): u32 {
  const size = size_of(r);
  const at = checked(v, target, size);
  if (faulted(v)) return FLOW_FAULT;
  const sp = wrap_stack(v, stack_pointer(v) - (1 << size));
  stack_store(v, sp, size, next_rip(v, r));
  if (faulted(v)) return FLOW_FAULT;
  set_stack_pointer(v, sp);
  store<u64>(v + V_RIP, at);
  return FLOW_BRANCH;
}

function ret(v: u32, r: u32): u32 {
  const size = size_of(r);
  const sp = stack_pointer(v);
  const target = stack_load(v, sp, size);
  if (faulted(v)) return FLOW_FAULT;
  const at = checked(v, target, size);
  if (faulted(v)) return FLOW_FAULT;
  set_stack_pointer(v, wrap_stack(v, sp + (1 << size) + load<u64>(r + R_IMM)));
  store<u64>(v + V_RIP, at);
  return FLOW_BRANCH;
}

/** The counter of LOOP and JCXZ is as wide as the address size. */
function counter(v: u32, r: u32): u64 {
  const asize = ((load<u16>(r + R_FLAGS) as u32) >> RF_ASIZE_SHIFT) & 3;
  return read_sized(v + V_GPR + RCX * 8, asize);
}

function loop(v: u32, r: u32, op: u32): u32 {
  const asize = ((load<u16>(r + R_FLAGS) as u32) >> RF_ASIZE_SHIFT) & 3;
  const left = counter(v, r) - 1;
  const zero = asize == 1 ? (left & 0xffff) == 0 : asize == 2 ? (left & 0xffffffff) == 0 : left == 0;
  const taken = !zero && (op == OP_LOOP || (get_zf(v) != 0) == (op == OP_LOOPE));
  let flow: u32 = FLOW_STOP;
  if (taken) flow = relative(v, r);
  if (flow == FLOW_FAULT) return flow;
  const at = v + V_GPR + RCX * 8;
  if (asize == 1) store<u16>(at, left as u16);
  else if (asize == 2) store<u64>(at, left & 0xffffffff);
  else store<u64>(at, left);
  return flow;
}

export function exec_branch(v: u32, r: u32, op: u32, rm: u32): u32 {
  switch (op - OP_CALL_NEAR) {
    case OP_CALL_NEAR - OP_CALL_NEAR:
      return call(v, r, next_rip(v, r) + (load<i32>(r + R_DISP) as i64 as u64));
    case OP_RET_NEAR - OP_CALL_NEAR:
      return ret(v, r);
    case OP_CALL_NEAR_RM - OP_CALL_NEAR:
      return call(v, r, read_sized(rm, size_of(r)));
    case OP_JMP_NEAR_RM - OP_CALL_NEAR:
      return jump(v, read_sized(rm, size_of(r)), size_of(r));
    case OP_JCXZ - OP_CALL_NEAR:
      return counter(v, r) == 0 ? relative(v, r) : FLOW_STOP;
    case OP_JMP_NEAR - OP_CALL_NEAR:
      return relative(v, r);
    case OP_JCC_NEAR - OP_CALL_NEAR:
      return condition(v, load<u8>(r + R_SEG)) ? relative(v, r) : FLOW_STOP;
    default:
      return loop(v, r, op);
  }
}
