// At a block edge: which event comes next, in the order of SDM vol. 3, table 6-2. How it is delivered is cpu/deliver.ts.
import {
  STAT_HALT_WAKEUPS,
  STAT_NMIS,
  V_EOI_EXIT,
  V_EXCEPTION,
  V_EXCEPTION_CODE,
  V_EXCEPTION_HAS_CODE,
  V_EXCEPTION_HAS_PAYLOAD,
  V_EXCEPTION_PAYLOAD,
  V_PV_UNHALT,
  V_TRIPLE_FAULT,
} from '../abi/calls';
import { V_HV_EXIT } from '../abi/hyperv';
import { FLOW_BRANCH, FLOW_EXIT, FLOW_NEXT } from '../abi/insn';
import { LAPIC_EVENT_INIT, LAPIC_EVENT_SIPI } from '../abi/irqchip';
import {
  KVM_GUESTDBG_BLOCKIRQ,
  KVM_GUESTDBG_ENABLE,
  KVM_MP_STATE_HALTED,
  KVM_MP_STATE_INIT_RECEIVED,
  KVM_MP_STATE_RUNNABLE,
  RUN_IMMEDIATE_EXIT,
  RUN_REQUEST_INTERRUPT_WINDOW,
} from '../abi/kvm_run';
import { ATTENTION_EOI, V_APIC_ATTENTION, V_PV_REQUESTS } from '../abi/pv';
import { V_SMI_PENDING, V_SMM } from '../abi/smm';
import {
  CS,
  SHADOW_MOV_SS,
  V_APIC_BASE,
  V_CR2,
  V_DB_PENDING,
  V_DEBUG_CONTROL,
  V_FAULT_ADDRESS,
  V_INJECTED,
  V_IRQ_QUEUED,
  V_MP_STATE,
  V_NMI_MASKED,
  V_NMI_PENDING,
  V_REQUESTS,
  V_RFLAGS,
  V_RIP,
  V_SHADOW,
  V_SIPI_VECTOR,
  V_WAKE_AT,
} from '../abi/vcpu_page';
import { DB, FLAG_IF, NMI, PF } from '../abi/x86';
import { DR6_BS } from '../cpu/debug';
import { deliver_fault, deliver_interrupt, KIND_EXTERNAL } from '../cpu/deliver';
import { exit_eoi, exit_shutdown, exit_window, run_page } from '../cpu/exits';
import { update_mode } from '../cpu/mode';
import { set_segment_real } from '../cpu/segment';
import { enter_smm } from '../cpu/smm';
import { opens_window } from '../exec/control';
import { host_now } from '../host';
import { stimers_next } from '../hyperv/stimers';
import { do_hyperv_work, has_hyperv_work, leaves_for_hyperv } from '../hyperv/work';
import { interrupt_waits, take_interrupt } from '../irqchip/interrupts';
import { irqfds_poll, irqfds_wait } from '../irqchip/irqfd';
import { has_startup, lapic_drop_sipi, lapic_init, lapic_take_events } from '../irqchip/lapic_start';
import { knows_time, note_time, timers_next, timers_next_halted, timers_poll } from '../irqchip/timers';
import { lapic_from_guest, lapic_to_guest } from '../memory/lapic_words';
import { raise, raise_code, raise_debug } from '../state/fault';
import { count } from '../state/settings';
import { has_irqchip, has_pic } from '../state/vcpu';
import { init_vcpu } from './reset';

const APIC_BSP: u64 = 0x100;

/** INIT and SIPI that other processors have sent. In SMM an INIT is latched and a SIPI lost, as in KVM. */
function take_startup(v: u32): void {
  if (load<u32>(v + V_SMM)) return lapic_drop_sipi(v);
  const events = lapic_take_events(v);
  if (events & LAPIC_EVENT_INIT) {
    init_vcpu(v);
    lapic_init(v);
    const boot = (load<u64>(v + V_APIC_BASE) & APIC_BSP) != 0;
    atomic.store<u32>(v + V_MP_STATE, boot ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED);
  }
  if (events & LAPIC_EVENT_SIPI && atomic.load<u32>(v + V_MP_STATE) == KVM_MP_STATE_INIT_RECEIVED) {
    const vector = atomic.load<u32>(v + V_SIPI_VECTOR) & 0xff;
    set_segment_real(v, CS, vector << 8);
    store<u64>(v + V_RIP, 0);
    update_mode(v);
    atomic.store<u32>(v + V_MP_STATE, KVM_MP_STATE_RUNNABLE);
  }
}

/** Lets the timers of all chips fire that are due. */
function poll_timers(v: u32): void {
  const next = timers_next();
  if (next == 0 || knows_time(v, next)) return;
  note_time(v, next);
  const now = host_now();
  if (now >= next) timers_poll(now);
}

/** The earlier of two times; 0 = never. */
function earlier(a: u64, b: u64): u64 {
  return a == 0 || (b != 0 && b < a) ? b : a;
}

/** Interrupts are open: IF is set, no shadow, and the debugger does not hold them back. */
function is_open(v: u32): bool {
  if ((load<u32>(v + V_RFLAGS) & FLAG_IF) == 0 || load<u32>(v + V_SHADOW) != 0) return false;
  const control = load<u32>(v + V_DEBUG_CONTROL);
  return (control & KVM_GUESTDBG_ENABLE) == 0 || (control & KVM_GUESTDBG_BLOCKIRQ) == 0;
}

/** An SMI waits and can come in. KVM holds it back with KVM_GUESTDBG_BLOCKIRQ; a trap behind MOV SS comes before it. */
function has_smi(v: u32): bool {
  if (atomic.load<u32>(v + V_SMI_PENDING) == 0 || load<u32>(v + V_SMM) != 0) return false;
  const control = load<u32>(v + V_DEBUG_CONTROL);
  const held = (control & KVM_GUESTDBG_ENABLE) != 0 && (control & KVM_GUESTDBG_BLOCKIRQ) != 0;
  return !held && load<u32>(v + V_DB_PENDING) == 0;
}

function take_smi(v: u32): u32 {
  atomic.store<u32>(v + V_SMI_PENDING, 0);
  enter_smm(v);
  return FLOW_BRANCH;
}

function has_nmi(v: u32): bool {
  return (
    atomic.load<u32>(v + V_NMI_PENDING) != 0 &&
    load<u32>(v + V_NMI_MASKED) == 0 &&
    load<u32>(v + V_SHADOW) == 0
  );
}

/** Delivers the trap of the instruction before: single step, data breakpoint, task switch. */
function take_trap(v: u32): u32 {
  const bits = load<u32>(v + V_DB_PENDING);
  if (load<u32>(v + V_SHADOW) & SHADOW_MOV_SS) {
    // Held until the instruction behind has ended; the single step is lost, as on the processor.
    store<u32>(v + V_DB_PENDING, bits & ~DR6_BS);
    return FLOW_NEXT;
  }
  store<u32>(v + V_DB_PENDING, 0);
  raise_debug(v, bits);
  return deliver_fault(v);
}

/** Exits that user space or the local APIC asked for, whatever the vCPU would do next. */
function leaves_at_once(v: u32): bool {
  if (load<u32>(v + V_TRIPLE_FAULT)) {
    store<u32>(v + V_TRIPLE_FAULT, 0);
    exit_shutdown(v);
    return true;
  }
  if (leaves_for_hyperv(v)) return true;
  const eoi = load<u32>(v + V_EOI_EXIT);
  if (eoi == 0) return false;
  store<u32>(v + V_EOI_EXIT, 0);
  exit_eoi(v, eoi - 1);
  return true;
}

/** KVM_HC_KICK_CPU came since the HLT, or before it. */
function is_unhalted(v: u32): bool {
  return atomic.load<u32>(v + V_PV_UNHALT) != 0 && atomic.xchg<u32>(v + V_PV_UNHALT, 0) != 0;
}

/** Delivers the exception that user space has put in, to the guest even where a debugger takes those of instructions. */
function take_exception(v: u32): u32 {
  const vector = load<u32>(v + V_EXCEPTION) - 1;
  store<u32>(v + V_EXCEPTION, 0);
  const payload = load<u32>(v + V_EXCEPTION_HAS_PAYLOAD) ? load<u64>(v + V_EXCEPTION_PAYLOAD) : 0;
  if (vector == DB) raise_debug(v, payload as u32);
  else if (load<u32>(v + V_EXCEPTION_HAS_CODE)) raise_code(v, vector, load<u32>(v + V_EXCEPTION_CODE));
  else raise(v, vector);
  if (vector == PF) {
    const known = load<u32>(v + V_EXCEPTION_HAS_PAYLOAD) != 0;
    store<u64>(v + V_FAULT_ADDRESS, known ? payload : load<u64>(v + V_CR2));
  }
  const control = load<u32>(v + V_DEBUG_CONTROL);
  store<u32>(v + V_DEBUG_CONTROL, 0);
  const flow = deliver_fault(v);
  store<u32>(v + V_DEBUG_CONTROL, control);
  return flow;
}

function take_nmi(v: u32): u32 {
  count(v, STAT_NMIS);
  atomic.sub<u32>(v + V_NMI_PENDING, 1);
  store<u32>(v + V_NMI_MASKED, 1);
  return deliver_interrupt(v, NMI, KIND_EXTERNAL);
}

function take_vector(v: u32): u32 {
  let vector = load<u32>(v + V_IRQ_QUEUED);
  if (vector != 0) {
    store<u32>(v + V_IRQ_QUEUED, 0);
    vector--;
  } else {
    const taken = take_interrupt(v);
    if (taken < 0) return FLOW_NEXT;
    vector = taken as u32;
  }
  store<u32>(v + V_INJECTED, vector);
  return deliver_interrupt(v, vector, KIND_EXTERNAL);
}

/** An SMI that waits comes in before the first instruction of an exception's handler. */
function behind_exception(v: u32, flow: u32): u32 {
  return flow == FLOW_BRANCH && has_smi(v) ? take_smi(v) : flow;
}

/** The events of inject_events, once the local APIC knows what lies in guest memory of it. */
function next_event(v: u32): u32 {
  const in_core = has_irqchip();
  if (in_core) {
    irqfds_poll();
    poll_timers(v);
    if (has_hyperv_work(v)) do_hyperv_work(v);
    take_startup(v);
  }
  if (leaves_at_once(v)) return FLOW_EXIT;
  const state = atomic.load<u32>(v + V_MP_STATE);
  if (state == KVM_MP_STATE_HALTED) {
    if (
      !is_unhalted(v) &&
      load<u32>(v + V_EXCEPTION) == 0 &&
      !has_smi(v) &&
      !has_nmi(v) &&
      load<u32>(v + V_DB_PENDING) == 0 &&
      !(is_open(v) && interrupt_waits(v))
    ) {
      store<u64>(v + V_WAKE_AT, earlier(timers_next_halted(v), stimers_next(v)));
      return FLOW_NEXT;
    }
    atomic.store<u32>(v + V_MP_STATE, KVM_MP_STATE_RUNNABLE);
    count(v, STAT_HALT_WAKEUPS);
  } else if (state != KVM_MP_STATE_RUNNABLE) {
    return FLOW_NEXT;
  }
  if (load<u32>(v + V_EXCEPTION)) return behind_exception(v, take_exception(v));
  if (load<u32>(v + V_DB_PENDING)) {
    const flow = take_trap(v);
    if (flow != FLOW_NEXT) return behind_exception(v, flow);
  }
  if (has_smi(v)) return take_smi(v);
  if (has_nmi(v)) return take_nmi(v);
  if (!is_open(v)) return FLOW_NEXT;
  if (interrupt_waits(v)) return take_vector(v);
  if (!has_pic() && load<u8>(run_page(v) + RUN_REQUEST_INTERRUPT_WINDOW)) {
    exit_window(v);
    return FLOW_EXIT;
  }
  return FLOW_NEXT;
}
/**
 * Takes the next event. FLOW_NEXT: none, or the vCPU still waits (V_MP_STATE says so). FLOW_BRANCH: a handler is
 * next. FLOW_EXIT: the run page holds an exit.
 */
export function inject_events(v: u32): u32 {
  if (load<u32>(v + V_APIC_ATTENTION)) lapic_from_guest(v);
  const flow = next_event(v);
  if (load<u32>(v + V_APIC_ATTENTION)) lapic_to_guest(v);
  return flow;
}

/** Words that `inject_events` and its caller look at: 0 = none of them has anything to say. A shadow is must_step's. */
function attention(v: u32): u32 {
  return (
    atomic.load<u32>(v + V_REQUESTS) |
    atomic.load<u32>(v + V_PV_REQUESTS) |
    (load<u32>(v + V_APIC_ATTENTION) & ~ATTENTION_EOI) |
    load<u32>(v + V_TRIPLE_FAULT) |
    load<u32>(v + V_EOI_EXIT) |
    load<u32>(v + V_HV_EXIT) |
    load<u32>(v + V_EXCEPTION) |
    load<u32>(v + V_DB_PENDING) |
    atomic.load<u32>(v + V_SMI_PENDING) |
    atomic.load<u32>(v + V_NMI_PENDING) |
    atomic.load<u32>(v + V_MP_STATE) |
    load<u8>(run_page(v) + RUN_IMMEDIATE_EXIT)
  );
}

/**
 * Between two instructions there is nothing that `inject_events` would find, and the vCPU may go on: said with few loads and no
 * call to the host, for it is asked behind every system call, return and fault.
 */
export function is_quiet(v: u32): bool {
  if (attention(v) != 0) return false;
  if (has_irqchip()) {
    if (irqfds_wait() || has_hyperv_work(v) || has_startup(v)) return false;
    const next = timers_next();
    if (next != 0 && !knows_time(v, next)) return false;
  }
  return (load<u32>(v + V_RFLAGS) & FLAG_IF) == 0 || !opens_window(v);
}
