// Filling the run page (struct kvm_run) for the exits that the processor itself raises. Does not end the block: the
// caller returns FLOW_EXIT or one of its kin.
import { STAT_EXIT_REASONS, STAT_REASONS } from '../abi/calls';
import {
  KVM_EXIT_DEBUG,
  KVM_EXIT_DIRTY_RING_FULL,
  KVM_EXIT_HLT,
  KVM_EXIT_HYPERCALL,
  KVM_EXIT_HYPERV,
  KVM_EXIT_HYPERV_HCALL,
  KVM_EXIT_HYPERV_SYNIC,
  KVM_EXIT_INTERNAL_ERROR,
  KVM_EXIT_IO,
  KVM_EXIT_IOAPIC_EOI,
  KVM_EXIT_IRQ_WINDOW_OPEN,
  KVM_EXIT_SHUTDOWN,
  KVM_EXIT_SYSTEM_EVENT,
  KVM_EXIT_TPR_ACCESS,
  KVM_EXIT_X86_BUS_LOCK,
  KVM_EXIT_XEN,
  KVM_EXIT_XEN_HCALL,
  KVM_INTERNAL_ERROR_DELIVERY_EV,
  RUN_DEBUG_DR6,
  RUN_DEBUG_DR7,
  RUN_DEBUG_EXCEPTION,
  RUN_DEBUG_PC,
  RUN_EOI_VECTOR,
  RUN_EXIT_REASON,
  RUN_HYPERCALL_ARGS,
  RUN_HYPERCALL_LONGMODE,
  RUN_HYPERCALL_NR,
  RUN_HYPERCALL_RET,
  RUN_HYPERV_INPUT,
  RUN_HYPERV_PARAMS,
  RUN_HYPERV_RESULT,
  RUN_HYPERV_SYNIC_CONTROL,
  RUN_HYPERV_SYNIC_EVENTS,
  RUN_HYPERV_SYNIC_MESSAGES,
  RUN_HYPERV_SYNIC_MSR,
  RUN_HYPERV_TYPE,
  RUN_INTERNAL_DATA,
  RUN_INTERNAL_NDATA,
  RUN_INTERNAL_SUBERROR,
  RUN_IO_COUNT,
  RUN_IO_DATA_OFFSET,
  RUN_IO_DIRECTION,
  RUN_IO_PORT,
  RUN_IO_SIZE,
  RUN_MSR_DATA,
  RUN_MSR_ERROR,
  RUN_MSR_INDEX,
  RUN_MSR_REASON,
  RUN_SYSTEM_EVENT_NDATA,
  RUN_SYSTEM_EVENT_TYPE,
  RUN_TPR_IS_WRITE,
  RUN_TPR_RIP,
  RUN_XEN_CPL,
  RUN_XEN_INPUT,
  RUN_XEN_LONGMODE,
  RUN_XEN_PARAMS,
  RUN_XEN_RESULT,
  RUN_XEN_TYPE,
} from '../abi/kvm_run';
import { VCPU_PAGE, VCPU_PIO, VCPU_RUN } from '../abi/map';
import { SEG_BASE, V_DEBUG_DR, V_DR, V_RIP, V_STAT_EXITS } from '../abi/vcpu_page';
import { count } from '../state/settings';
import { cpl, cs, is_64 } from '../state/vcpu';
import { uses_debugger_registers } from './debug';

/** Address of a vCPU's run page. */
export function run_page(v: u32): u32 {
  return v - VCPU_PAGE + VCPU_RUN;
}

/** Address of a vCPU's port-data page. */
export function pio_page(v: u32): u32 {
  return v - VCPU_PAGE + VCPU_PIO;
}

/** Counts the exit in the run page, and by its reason. */
export function count_exit(v: u32): void {
  store<u64>(v + V_STAT_EXITS, load<u64>(v + V_STAT_EXITS) + 1);
  const reason = load<u32>(run_page(v) + RUN_EXIT_REASON);
  if (reason < STAT_REASONS) count(v, STAT_EXIT_REASONS + reason * 8);
}

function set_reason(v: u32, reason: u32): u32 {
  const run = run_page(v);
  store<u32>(run + RUN_EXIT_REASON, reason);
  return run;
}

/** A triple fault. */
export function exit_shutdown(v: u32): void {
  set_reason(v, KVM_EXIT_SHUTDOWN);
}

/** HLT without an in-core irqchip. */
export function exit_hlt(v: u32): void {
  set_reason(v, KVM_EXIT_HLT);
}

/** The guest can take an interrupt, as request_interrupt_window asked. */
export function exit_window(v: u32): void {
  set_reason(v, KVM_EXIT_IRQ_WINDOW_OPEN);
}

/** The dirty ring is at its soft limit. */
export function exit_ring_full(v: u32): void {
  set_reason(v, KVM_EXIT_DIRTY_RING_FULL);
}

/** #DB or #BP (`vector`) that belongs to the debugger; V_RIP is where it happened, `dr6` what DR6 would hold. */
export function exit_debug(v: u32, vector: u32, dr6: u32): void {
  const run = set_reason(v, KVM_EXIT_DEBUG);
  store<u32>(run + RUN_DEBUG_EXCEPTION, vector);
  store<u32>(run + RUN_DEBUG_EXCEPTION + 4, 0);
  const base = is_64(v) ? 0 : load<u64>(cs(v) + SEG_BASE);
  store<u64>(run + RUN_DEBUG_PC, base + load<u64>(v + V_RIP));
  store<u64>(run + RUN_DEBUG_DR6, dr6 as u64);
  store<u64>(run + RUN_DEBUG_DR7, load<u64>(v + (uses_debugger_registers(v) ? V_DEBUG_DR : V_DR) + 7 * 8));
}

/** An event whose delivery touched memory that no slot holds. */
export function exit_delivery_error(v: u32, vector: u32): void {
  const run = set_reason(v, KVM_EXIT_INTERNAL_ERROR);
  store<u32>(run + RUN_INTERNAL_SUBERROR, KVM_INTERNAL_ERROR_DELIVERY_EV);
  store<u32>(run + RUN_INTERNAL_NDATA, 1);
  store<u64>(run + RUN_INTERNAL_DATA, vector as u64);
}

/** Port I/O of `count` elements of `bytes` bytes; data in the port-data page. */
export function exit_io(v: u32, direction: u32, bytes: u32, port: u32, count: u32): void {
  const run = set_reason(v, KVM_EXIT_IO);
  store<u8>(run + RUN_IO_DIRECTION, direction as u8);
  store<u8>(run + RUN_IO_SIZE, bytes as u8);
  store<u16>(run + RUN_IO_PORT, port as u16);
  store<u32>(run + RUN_IO_COUNT, count);
  store<u64>(run + RUN_IO_DATA_OFFSET, VCPU_PIO as u64);
}

/** A hypercall that user space asked for; its answer is read from the run page on re-entry. */
export function exit_hypercall(v: u32, nr: u64, a0: u64, a1: u64, a2: u64, wide: bool): void {
  const run = set_reason(v, KVM_EXIT_HYPERCALL);
  store<u64>(run + RUN_HYPERCALL_NR, nr);
  memory.fill(run + RUN_HYPERCALL_ARGS, 0, 48);
  store<u64>(run + RUN_HYPERCALL_ARGS, a0);
  store<u64>(run + RUN_HYPERCALL_ARGS + 8, a1);
  store<u64>(run + RUN_HYPERCALL_ARGS + 16, a2);
  store<u64>(run + RUN_HYPERCALL_RET, 0);
  store<u32>(run + RUN_HYPERCALL_LONGMODE, wide as u32);
}

/** RDMSR or WRMSR (`exit` says which) of `index` that the core refuses for `reason`. */
export function exit_msr(v: u32, exit: u32, reason: u32, index: u32, data: u64): void {
  const run = set_reason(v, exit);
  store<u64>(run + RUN_MSR_ERROR, 0);
  store<u32>(run + RUN_MSR_REASON, reason);
  store<u32>(run + RUN_MSR_INDEX, index);
  store<u64>(run + RUN_MSR_DATA, data);
}

/** The guest has finished with an interrupt of the IOAPIC that user space keeps. */
export function exit_eoi(v: u32, vector: u32): void {
  store<u8>(set_reason(v, KVM_EXIT_IOAPIC_EOI) + RUN_EOI_VECTOR, vector as u8);
}

/** The instruction that ended was a split lock. */
export function exit_bus_lock(v: u32): void {
  set_reason(v, KVM_EXIT_X86_BUS_LOCK);
}

/** A hypercall of Hyper-V's for user space; its answer is read from the run page on re-entry. */
export function exit_hyperv_call(v: u32, control: u64, input: u64, output: u64): void {
  const run = set_reason(v, KVM_EXIT_HYPERV);
  store<u64>(run + RUN_HYPERV_TYPE, KVM_EXIT_HYPERV_HCALL as u64);
  store<u64>(run + RUN_HYPERV_INPUT, control);
  store<u64>(run + RUN_HYPERV_RESULT, 0);
  store<u64>(run + RUN_HYPERV_PARAMS, input);
  store<u64>(run + RUN_HYPERV_PARAMS + 8, output);
}

/** The guest has written the SynIC's MSR `msr`: its control, event page and message page. */
export function exit_hyperv_synic(v: u32, msr: u32, control: u64, events: u64, messages: u64): void {
  const run = set_reason(v, KVM_EXIT_HYPERV);
  store<u64>(run + RUN_HYPERV_TYPE, KVM_EXIT_HYPERV_SYNIC as u64);
  store<u64>(run + RUN_HYPERV_SYNIC_MSR, msr as u64);
  store<u64>(run + RUN_HYPERV_SYNIC_CONTROL, control);
  store<u64>(run + RUN_HYPERV_SYNIC_EVENTS, events);
  store<u64>(run + RUN_HYPERV_SYNIC_MESSAGES, messages);
}

/** The guest wants its machine reset, or has crashed (KVM_SYSTEM_EVENT_*); no data says more. */
export function exit_system_event(v: u32, type: u32): void {
  const run = set_reason(v, KVM_EXIT_SYSTEM_EVENT);
  store<u32>(run + RUN_SYSTEM_EVENT_TYPE, type);
  store<u32>(run + RUN_SYSTEM_EVENT_NDATA, 0);
}

/** A hypercall of Xen's; its parameters follow, its answer is read from the run page on re-entry. */
export function exit_xen_call(v: u32, wide: bool, input: u64): void {
  const run = set_reason(v, KVM_EXIT_XEN);
  store<u64>(run + RUN_XEN_TYPE, KVM_EXIT_XEN_HCALL as u64);
  store<u32>(run + RUN_XEN_LONGMODE, wide as u32);
  store<u32>(run + RUN_XEN_CPL, cpl(v));
  store<u64>(run + RUN_XEN_INPUT, input);
  store<u64>(run + RUN_XEN_RESULT, 0);
}

export function set_xen_param(v: u32, n: u32, value: u64): void {
  store<u64>(run_page(v) + RUN_XEN_PARAMS + n * 8, value);
}

/** The instruction at `rip`, which has ended, has read or written the task priority. */
export function exit_tpr_access(v: u32, rip: u64, write: bool): void {
  const run = set_reason(v, KVM_EXIT_TPR_ACCESS);
  store<u64>(run + RUN_TPR_RIP, rip);
  store<u32>(run + RUN_TPR_IS_WRITE, write as u32);
  store<u32>(run + RUN_TPR_IS_WRITE + 4, 0);
}
