// KVM_RUN: requests, pending operations, events, then blocks of instructions until something must leave the core.
import { TPR_WRITE, V_BUS_LOCK, V_TPR_ACCESS } from '../abi/calls';
import {
  B_COUNT,
  B_HVA,
  BLOCK_HEADER,
  FLOW_BRANCH,
  FLOW_EXIT,
  FLOW_EXIT_BRANCH,
  FLOW_EXIT_RESTART,
  FLOW_FAULT,
  FLOW_NEXT,
  FLOW_RESTART,
  FLOW_STOP,
  R_LEN,
  R_OP,
} from '../abi/insn';
import { DROPPED_ASKED, JIT_FORGET, NONE, REGION_HVA } from '../abi/jit';
import {
  KVM_MP_STATE_RUNNABLE,
  KVM_RUN_X86_BUS_LOCK,
  KVM_RUN_X86_SMM,
  RUN_APIC_BASE,
  RUN_CR8,
  RUN_DIRTY_REGS,
  RUN_FLAGS,
  RUN_HYPERCALL_RET,
  RUN_HYPERV_RESULT,
  RUN_IF_FLAG,
  RUN_IMMEDIATE_EXIT,
  RUN_MMIO_DATA,
  RUN_MMIO_LEN,
  RUN_MMIO_PHYS_ADDR,
  RUN_READY_FOR_INTERRUPT_INJECTION,
  RUN_VALID_REGS,
  RUN_XEN_RESULT,
} from '../abi/kvm_run';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import {
  OP_INT,
  OP_INT1,
  OP_INT3,
  OP_INTO,
  OP_JMP_FAR,
  OP_MOVS,
  OP_OUTS,
  OP_RSM,
  OP_SYSCALL,
} from '../abi/ops';
import { V_APIC_ATTENTION, V_PV_REQUESTS, V_STOPPED_BEHIND, V_WAITS_SINCE } from '../abi/pv';
import { V_SMM } from '../abi/smm';
import {
  FAULT_EXIT,
  LEAVE_MMIO,
  LEAVE_TPR,
  PENDING_HYPERCALL,
  PENDING_HYPERV,
  PENDING_MMIO_READ,
  PENDING_MMIO_WRITE,
  PENDING_MSR,
  PENDING_NONE,
  PENDING_PIO_IN,
  PENDING_XEN,
  REPLAY_ENTRY,
  REPLAY_MAX,
  REQ_CODE,
  REQ_EVENTS,
  REQ_EXCLUSIVE,
  REQ_EXIT,
  REQ_FLUSH_TLB,
  REQ_FLUSH_WRITE_TLB,
  REQ_PAUSE,
  REQ_RING_FULL,
  RUN_BUDGET,
  RUN_EXIT,
  RUN_HALTED,
  RUN_INTERRUPTED,
  RUN_REQUEST,
  SEG_BASE,
  V_APIC_BASE,
  V_BLOCK_EPOCH,
  V_BLOCKS_TOP,
  V_BUDGET,
  V_CR8,
  V_CURRENT_RECORD,
  V_DB_PENDING,
  V_FAULT,
  V_FAULTED_AT,
  V_ICOUNT_END,
  V_IRQ_QUEUED,
  V_JIT_LAST,
  V_JIT_REGIONS,
  V_LEAVE,
  V_MMIO_COUNT,
  V_MMIO_NEXT,
  V_MP_STATE,
  V_PENDING,
  V_REPLAY,
  V_REPLAY_COUNT,
  V_REPLAY_NEXT,
  V_REQUESTS,
  V_RFLAGS,
  V_RIP,
  V_SERVED,
  V_SHADOW,
  V_STATE,
  VCPU_IN,
  VCPU_OUT,
} from '../abi/vcpu_page';
import { FLAG_IF, FLAG_RF, FLAG_TF } from '../abi/x86';
import { DR6_BS, debugger_steps, has_breakpoints, match_instruction } from '../cpu/debug';
import { deliver_fault } from '../cpu/deliver';
import { count_exit, exit_bus_lock, exit_ring_full, exit_tpr_access } from '../cpu/exits';
import { update_mode } from '../cpu/mode';
import { next_rip } from '../cpu/operands';
import { drop_changed_blocks, drop_page, find_block, flush_blocks } from '../decode/block';
import { flush_regions, region } from '../decode/regions';
import { exec_block } from '../exec/dispatch';
import { exec_record } from '../exec/general';
import { set_hypercall_result } from '../exec/hypercall';
import { retire } from '../exec/retire';
import { set_hyperv_result } from '../hyperv/hypercalls';
import { hyperv_entered, hyperv_left } from '../hyperv/work';
import { forget_time } from '../irqchip/timers';
import { publish_coalesced } from '../memory/bus';
import { ring_stops } from '../memory/dirty_ring';
import { lapic_from_guest } from '../memory/lapic_words';
import { mmio_exit } from '../memory/mmio';
import { park_for_exclusive, serve_flushes } from '../memory/requests';
import { flush_tlb } from '../memory/tlb';
import { serve_pv } from '../pv/serve';
import { clear_fault, raise_debug } from '../state/fault';
import { cs, is_64 } from '../state/vcpu';
import { set_xen_result } from '../xen/hypercalls';
import { inject_events, is_quiet } from './inject';
import { execute, prepare_regions } from './tier';

/**
 * Runs a vCPU until an exit, or until `budget` instructions have retired (fewer where exceptions follow each other with none
 * between). Returns RUN_*; RUN_EXIT says that the run page holds the exit. May be called again at once: nothing is kept outside the vCPU's area.
 */
export function run(v: u32, budget: i32): u32 {
  store<u32>(v + V_SERVED, 0);
  return run_core(v, budget);
}

/**
 * As `run`, on a thread with devices on its port bus: an access to a port of theirs is an exit that is counted and stands
 * in the run page, but the devices answer it from inside (host_port_write, host_port_read).
 */
export function run_served(v: u32, budget: i32): u32 {
  const page = v - VCPU_PAGE;
  // Registers that travel through the run page travel with an exit.
  const syncs = load<u64>(page + RUN_VALID_REGS) | load<u64>(page + RUN_DIRTY_REGS);
  store<u32>(v + V_SERVED, (syncs == 0) as u32);
  return run_core(v, budget);
}

function run_core(v: u32, budget: i32): u32 {
  const retired = load<u64>(v + V_ICOUNT_END) - (load<i32>(v + V_BUDGET) as i64 as u64);
  store<u64>(v + V_ICOUNT_END, retired + (budget as i64 as u64));
  store<i32>(v + V_BUDGET, budget);
  forget_time(v);
  atomic.store<u32>(v + V_STATE, VCPU_IN);
  prepare(v);
  hyperv_entered(v);
  const result = enter(v);
  if (load<u32>(v + V_APIC_ATTENTION)) lapic_from_guest(v);
  // Whoever still halts has not waited for its thread.
  if (result == RUN_HALTED) atomic.store<u64>(v + V_WAITS_SINCE, 0);
  hyperv_left(v);
  atomic.store<u32>(v + V_STATE, VCPU_OUT);
  // Who waits for this vCPU to be out has asked for something first: a notify for nobody costs more than an exit.
  if (result == RUN_REQUEST || atomic.load<u32>(v + V_REQUESTS)) atomic.notify(v + V_STATE, -1);
  if (result == RUN_EXIT) count_exit(v);
  publish(v);
  if (result != RUN_BUDGET && result != RUN_HALTED) publish_coalesced(v);
  return result;
}

/** Registers may have been written from outside: what is derived from them is made anew. */
function prepare(v: u32): void {
  if (load<u32>(v + V_BLOCKS_TOP) == 0) {
    if (load<u32>(v + V_JIT_REGIONS)) flush_regions(v, DROPPED_ASKED);
    flush_blocks(v);
    flush_tlb(v);
  }
  update_mode(v);
  prepare_regions(v);
  forget_asked(v);
}

/** Forgets the page of the region that somebody has named. */
function forget_asked(v: u32): void {
  const asked = v - VCPU_PAGE + VCPU_JIT + JIT_FORGET;
  const number = load<u32>(asked);
  if (number == 0) return;
  store<u32>(asked, 0);
  if (number > load<u32>(v + V_JIT_LAST)) return;
  const hva = load<u32>(region(v, number) + REGION_HVA);
  if (hva != NONE) drop_page(v, hva & ~0xfff, DROPPED_ASKED);
}

/** The fields of kvm_run that describe the vCPU on every exit. */
function publish(v: u32): void {
  const page = v - VCPU_PAGE;
  const open = (load<u32>(v + V_RFLAGS) & FLAG_IF) != 0;
  const smm = load<u32>(v + V_SMM) ? KVM_RUN_X86_SMM : 0;
  store<u16>(page + RUN_FLAGS, ((load<u32>(v + V_BUS_LOCK) ? KVM_RUN_X86_BUS_LOCK : 0) | smm) as u16);
  store<u32>(v + V_BUS_LOCK, 0);
  store<u8>(page + RUN_IF_FLAG, open as u8);
  store<u8>(
    page + RUN_READY_FOR_INTERRUPT_INJECTION,
    (open && load<u32>(v + V_SHADOW) == 0 && load<u32>(v + V_IRQ_QUEUED) == 0) as u8,
  );
  store<u64>(page + RUN_CR8, load<u64>(v + V_CR8));
  store<u64>(page + RUN_APIC_BASE, load<u64>(v + V_APIC_BASE));
}

/** Completes what the last exit left open; true when an instruction must be finished before anything else happens. */
function complete(v: u32): bool {
  const pending = load<u32>(v + V_PENDING);
  if (pending == PENDING_PIO_IN || pending == PENDING_MSR) return true;
  store<u32>(v + V_PENDING, PENDING_NONE);
  if (pending == PENDING_HYPERCALL) set_hypercall_result(v, load<u64>(v - VCPU_PAGE + RUN_HYPERCALL_RET));
  if (pending == PENDING_XEN) set_xen_result(v, load<u64>(v - VCPU_PAGE + RUN_XEN_RESULT));
  if (pending == PENDING_HYPERV) set_hyperv_result(v, load<u64>(v - VCPU_PAGE + RUN_HYPERV_RESULT));
  if (pending != PENDING_MMIO_READ) return false;
  const page = v - VCPU_PAGE;
  const n = load<u32>(v + V_REPLAY_COUNT);
  if (n < REPLAY_MAX) {
    const at = v + V_REPLAY + n * REPLAY_ENTRY;
    const length = load<u32>(page + RUN_MMIO_LEN);
    const data = load<u64>(page + RUN_MMIO_DATA);
    store<u64>(at, load<u64>(page + RUN_MMIO_PHYS_ADDR));
    store<u32>(at + 8, length);
    store<u64>(at + 16, length >= 8 ? data : data & (((1 as u64) << (length * 8)) - 1));
    store<u32>(v + V_REPLAY_COUNT, n + 1);
  }
  store<u32>(v + V_REPLAY_NEXT, 0);
  return true;
}

/** Requests that take the vCPU out of the core. They wait until a pending operation is complete. */
const REQ_LEAVE: u32 = REQ_EXIT | REQ_PAUSE;

/** Serves the requests in `mask`; true when the vCPU must leave the core. */
function serve(v: u32, mask: u32): bool {
  let requests = atomic.load<u32>(v + V_REQUESTS) & mask;
  while (requests) {
    if (requests & (REQ_FLUSH_TLB | REQ_FLUSH_WRITE_TLB)) serve_flushes(v);
    if (requests & REQ_CODE) {
      atomic.and<u32>(v + V_REQUESTS, ~REQ_CODE);
      drop_changed_blocks(v);
    }
    if (requests & REQ_EVENTS) atomic.and<u32>(v + V_REQUESTS, ~REQ_EVENTS);
    if (requests & REQ_EXCLUSIVE) park_for_exclusive(v);
    if (requests & REQ_EXIT) {
      atomic.and<u32>(v + V_REQUESTS, ~REQ_EXIT);
      return true;
    }
    if (requests & REQ_PAUSE) return true;
    requests = atomic.load<u32>(v + V_REQUESTS) & mask;
  }
  return false;
}

/** The next instruction must be executed alone. */
function must_step(v: u32): bool {
  return (
    (load<u32>(v + V_RFLAGS) & FLAG_TF) != 0 ||
    load<u32>(v + V_SHADOW) != 0 ||
    debugger_steps(v) ||
    has_breakpoints(v)
  );
}

/** Between two iterations of a string instruction an event pushes RF = 1 (SDM vol. 3, 18.3.1.1). */
function inject_midway(v: u32): u32 {
  const flags = load<u32>(v + V_RFLAGS);
  store<u32>(v + V_RFLAGS, flags | FLAG_RF);
  const flow = inject_events(v);
  if (flow == FLOW_NEXT) store<u32>(v + V_RFLAGS, flags);
  return flow;
}

function enter(v: u32): u32 {
  const page = v - VCPU_PAGE;
  if (load<u32>(v + V_PENDING) == PENDING_MMIO_WRITE) {
    if (mmio_exit(v)) return RUN_EXIT;
    store<u32>(v + V_PENDING, PENDING_NONE);
  }
  let finishing = complete(v);
  let midway = false;
  while (true) {
    // Atomic, after the store to V_STATE: either the requester sees this vCPU in the core, or it sees the request.
    if (atomic.load<u32>(v + V_REQUESTS)) {
      // To serve one may take a sleep.
      forget_time(v);
      if (serve(v, finishing ? ~(REQ_LEAVE | REQ_RING_FULL) : ~REQ_RING_FULL)) return RUN_REQUEST;
      if (!finishing && ring_stops(v)) {
        exit_ring_full(v);
        return RUN_EXIT;
      }
    }
    if (!finishing) {
      const flow = midway ? inject_midway(v) : inject_events(v);
      if (flow != FLOW_NEXT && finish_delivery(v, flow) == FLOW_EXIT) return RUN_EXIT;
      if (atomic.load<u32>(v + V_MP_STATE) != KVM_MP_STATE_RUNNABLE) return RUN_HALTED;
      if (load<u8>(page + RUN_IMMEDIATE_EXIT)) return RUN_INTERRUPTED;
      if (load<i32>(v + V_BUDGET) <= 0) return RUN_BUDGET;
    }
    if (atomic.load<u32>(v + V_PV_REQUESTS)) serve_pv(v);
    const flow = finishing || must_step(v) ? step(v, finishing) : run_blocks(v);
    if (flow == FLOW_EXIT || flow == FLOW_EXIT_RESTART) return RUN_EXIT;
    midway = flow == FLOW_RESTART;
    finishing = finishing && midway;
  }
}

/** A frame on a stack in MMIO leaves before the handler runs; nothing of a delivery stays for a later instruction. */
function finish_delivery(v: u32, flow: u32): u32 {
  store<u32>(v + V_LEAVE, 0);
  store<u32>(v + V_MMIO_NEXT, 0);
  if (flow == FLOW_EXIT) {
    store<u32>(v + V_MMIO_COUNT, 0);
    return flow;
  }
  return load<u32>(v + V_MMIO_COUNT) && mmio_exit(v) ? FLOW_EXIT : flow;
}

/**
 * An exception behind another, with no instruction between them, takes of the budget what an instruction does, though none has
 * retired: else a handler that cannot execute its first instruction would never be left.
 */
function pay_for_fault(v: u32): void {
  const budget = load<i32>(v + V_BUDGET);
  const end = load<u64>(v + V_ICOUNT_END);
  const now = end - (budget as i64 as u64) + 1;
  if (load<u64>(v + V_FAULTED_AT) != now) return store<u64>(v + V_FAULTED_AT, now);
  store<u64>(v + V_ICOUNT_END, end - 1);
  store<i32>(v + V_BUDGET, budget - 1);
}

/** What follows an instruction or a run of blocks: deliveries, queued MMIO writes, replayed reads. */
function settle(v: u32, flow: u32): u32 {
  const why = load<u32>(v + V_LEAVE);
  store<u32>(v + V_LEAVE, 0);
  if (flow == FLOW_FAULT) {
    store<u32>(v + V_MMIO_COUNT, 0);
    if (load<u32>(v + V_FAULT) == FAULT_EXIT) {
      clear_fault(v);
      return FLOW_EXIT_RESTART;
    }
    store<u32>(v + V_REPLAY_COUNT, 0);
    pay_for_fault(v);
    return finish_delivery(v, deliver_fault(v));
  }
  if (flow == FLOW_EXIT_RESTART) return flow;
  store<u32>(v + V_REPLAY_COUNT, 0);
  store<u32>(v + V_REPLAY_NEXT, 0);
  if (flow == FLOW_EXIT || flow == FLOW_EXIT_BRANCH) return FLOW_EXIT;
  if (why & LEAVE_MMIO || load<u32>(v + V_MMIO_COUNT)) {
    store<u32>(v + V_MMIO_NEXT, 0);
    if (mmio_exit(v)) return FLOW_EXIT;
  }
  if (why & LEAVE_TPR) {
    const write = load<u32>(v + V_TPR_ACCESS) == TPR_WRITE;
    const length: u64 = flow == FLOW_RESTART ? 0 : load<u8>(load<u32>(v + V_STOPPED_BEHIND) + R_LEN);
    exit_tpr_access(v, load<u64>(v + V_RIP) - length, write);
    return FLOW_EXIT;
  }
  if (load<u32>(v + V_BUS_LOCK)) {
    exit_bus_lock(v);
    return FLOW_EXIT;
  }
  return flow;
}

/** Runs blocks until something but a plain branch happens that the loop of `enter` must look at. */
function run_blocks(v: u32): u32 {
  while (true) {
    const site = load<u32>(v + V_CURRENT_RECORD);
    const epoch = load<u32>(v + V_BLOCK_EPOCH);
    store<u32>(v + V_CURRENT_RECORD, 0);
    let b = find_block(v, 0);
    if (b == 0) return settle(v, FLOW_FAULT);
    if (site && epoch == load<u32>(v + V_BLOCK_EPOCH) && load<u32>(b + B_HVA) != u32.MAX_VALUE)
      store<u32>(site, b);
    const left = load<i32>(v + V_BUDGET);
    if (load<i32>(b + B_COUNT) > left) {
      if (left <= 0) return FLOW_STOP;
      b = find_block(v, left);
      if (b == 0) return settle(v, FLOW_FAULT);
    }
    const flow = load<u32>(v + V_RFLAGS) & FLAG_RF ? execute_resumed(v, b) : execute(v, b);
    if (flow == FLOW_BRANCH && (load<u32>(v + V_LEAVE) | load<u32>(v + V_REQUESTS)) == 0) continue;
    store<u32>(v + V_CURRENT_RECORD, 0);
    const settled = settle(v, flow);
    if ((settled != FLOW_STOP && settled != FLOW_BRANCH) || must_step(v) || !is_quiet(v)) return settled;
  }
}

/**
 * RF is set and no breakpoint is armed, as behind the return from a page fault: the first instruction of `b`, behind which RF is
 * clear.
 */
function execute_resumed(v: u32, b: u32): u32 {
  const r = b + BLOCK_HEADER;
  const op: u32 = load<u16>(r + R_OP);
  const flow = exec_record(v, r, r);
  if (flow == FLOW_NEXT) {
    store<u64>(v + V_RIP, next_rip(v, r));
    retire(v, r, r, 1);
  }
  if (flow != FLOW_FAULT && !starts_again(v, op, flow)) drop_rf(v, op, flow);
  return flow == FLOW_NEXT ? FLOW_BRANCH : flow;
}

/** The instruction may load a new RF: IRET, RSM, and what can switch tasks. */
function writes_rf(op: u32): bool {
  return (op >= OP_JMP_FAR && op <= OP_INTO) || op == OP_RSM;
}

/** A REP that ends its turn has completed an iteration, which traps like an instruction. */
function is_iteration(op: u32, flow: u32): bool {
  return flow == FLOW_RESTART && op >= OP_MOVS && op <= OP_OUTS;
}

/** The instruction has not been executed yet and starts again. */
function starts_again(v: u32, op: u32, flow: u32): bool {
  return (
    flow == FLOW_EXIT_RESTART ||
    (flow == FLOW_RESTART && !is_iteration(op, flow)) ||
    (flow == FLOW_FAULT && load<u32>(v + V_FAULT) == FAULT_EXIT)
  );
}

/** RF was there for the instruction that has been executed, for every round of it. */
function drop_rf(v: u32, op: u32, flow: u32): void {
  if (is_iteration(op, flow) || writes_rf(op)) return;
  store<u32>(v + V_RFLAGS, load<u32>(v + V_RFLAGS) & ~FLAG_RF);
}

/** Executes one instruction with everything that may follow it: shadow, RF, single-step trap, instruction breakpoints. */
function step(v: u32, finishing: bool): u32 {
  store<u32>(v + V_CURRENT_RECORD, 0);
  const flags = load<u32>(v + V_RFLAGS);
  const shadow = load<u32>(v + V_SHADOW);
  if (!finishing && (flags & FLAG_RF) == 0 && has_breakpoints(v)) {
    const la = is_64(v)
      ? load<u64>(v + V_RIP)
      : (load<u64>(v + V_RIP) + load<u64>(cs(v) + SEG_BASE)) & 0xffffffff;
    const hits = match_instruction(v, la);
    if (hits) {
      raise_debug(v, hits);
      return settle(v, FLOW_FAULT);
    }
  }
  const b = find_block(v, 1);
  if (b == 0) return settle(v, FLOW_FAULT);
  store<u32>(v + V_SHADOW, 0);
  const op: u32 = load<u16>(b + BLOCK_HEADER + R_OP);
  const raw = exec_block(v, b);
  store<u32>(v + V_CURRENT_RECORD, 0);
  if (starts_again(v, op, raw)) {
    store<u32>(v + V_SHADOW, shadow);
  } else if (raw != FLOW_FAULT) {
    if (flags & FLAG_RF) drop_rf(v, op, raw);
    const software = op == OP_INT || op == OP_INT3 || op == OP_INTO || op == OP_INT1;
    // SYSCALL traps only if its mask has left TF, so that a kernel's entry is not stepped into.
    const trap = op == OP_SYSCALL ? load<u32>(v + V_RFLAGS) & FLAG_TF : flags & FLAG_TF;
    if (debugger_steps(v) || (trap != 0 && !software)) {
      store<u32>(v + V_DB_PENDING, load<u32>(v + V_DB_PENDING) | DR6_BS);
    }
  }
  return settle(v, raw);
}
