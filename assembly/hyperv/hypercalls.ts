// Hypercalls (TLFS, 3): their registers, and the calls that KVM carries out or hands to user space (KVM_EXIT_HYPERV_HCALL).

import { EVENTFD_IRQFD } from '../abi/eventfd';
import { V_YMM, YMM_STRIDE } from '../abi/fpu';
import {
  HV_CONNECTION_EVENTFD,
  HV_CONNECTION_ID,
  HV_CONNECTION_ID_MASK,
  HV_CONNECTION_SIZE,
  HV_POST_MESSAGES,
  HV_SIGNAL_EVENTS,
  HV_X64_CLUSTER_IPI_RECOMMENDED,
  HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED,
  HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE,
  HV_X64_REMOTE_TLB_FLUSH_RECOMMENDED,
  VM_HV_CONNECTION_END,
  VM_HV_CONNECTIONS,
  VM_HV_GUEST_OS_ID,
} from '../abi/hyperv';
import { FLOW_EXIT, FLOW_STOP } from '../abi/insn';
import { APIC_DM_FIXED } from '../abi/irqchip';
import { VM_PAGE, VM_VCPUS } from '../abi/map';
import { PENDING_HYPERV, V_GPR, V_PENDING } from '../abi/vcpu_page';
import { R8, RAX, RBX, RCX, RDI, RDX, RSI, UD } from '../abi/x86';
import { exit_hyperv_call } from '../cpu/exits';
import { vm_base } from '../host';
import { irqfd_signal } from '../irqchip/irqfd';
import { accept } from '../irqchip/lapic_bus';
import { vp_index } from '../irqchip/sint';
import { guest_data } from '../memory/guest_data';
import { flush_vcpus } from '../memory/requests';
import { eventfd_add } from '../state/eventfd';
import { raise } from '../state/fault';
import { cpl, has_irqchip, is_64, is_real_mode, vcpu_page } from '../state/vcpu';
import { has_hyperv, has_privilege, is_advised, may_report_spins, may_use_feature } from './access';
import { partition } from './partition';
import { has_synic } from './synic';

const FLUSH_VIRTUAL_ADDRESS_SPACE: u32 = 0x02;
const FLUSH_VIRTUAL_ADDRESS_LIST: u32 = 0x03;
const NOTIFY_LONG_SPIN_WAIT: u32 = 0x08;
const SEND_IPI: u32 = 0x0b;
const FLUSH_VIRTUAL_ADDRESS_SPACE_EX: u32 = 0x13;
const FLUSH_VIRTUAL_ADDRESS_LIST_EX: u32 = 0x14;
const SEND_IPI_EX: u32 = 0x15;
const POST_MESSAGE: u32 = 0x5c;
const SIGNAL_EVENT: u32 = 0x5d;

const SUCCESS: u64 = 0;
const INVALID_HYPERCALL_CODE: u64 = 2;
const INVALID_HYPERCALL_INPUT: u64 = 3;
const INVALID_ALIGNMENT: u64 = 4;
const ACCESS_DENIED: u64 = 6;
const INVALID_PORT_ID: u64 = 17;
/** Not a status: user space answers. */
const ASK_USER_SPACE: u64 = u64.MAX_VALUE;

// The input value: code, fast, size of a variable header in 8 bytes, rep count and rep start; the rest must be 0, but for
// bit 31, by which a guest that also has Xen's calls tells these from those.
const FAST: u64 = 0x10000;
const RESERVED: u64 = 0xf000f00078000000;
const FLUSH_ALL_PROCESSORS: u64 = 1;
/** Format of a set of processors: banks of 64, as a mask says which, or all there are. */
const SET_SPARSE: u64 = 0;
const SET_ALL: u64 = 1;
/** Banks of 64 processors that a set can name, and halves of XMM registers that hold input. */
const BANKS_MAX: u32 = 64;
const XMM_HALVES: u32 = 12;
const FIRST_VECTOR: u32 = 16;

function gpr(v: u32, n: u32): u64 {
  return load<u64>(v + V_GPR + n * 8);
}

/** Two 32-bit registers as one u64. */
function pair(v: u32, high: u32, low: u32): u64 {
  return (gpr(v, high) << 32) | (gpr(v, low) & 0xffffffff);
}

/** Hypercalls are Hyper-V's: CPUID says so and the guest has given its name. */
export function takes_hypercalls(v: u32): bool {
  return load<u64>(partition(VM_HV_GUEST_OS_ID)) != 0 && has_hyperv(v);
}

/** What a call leaves: RAX, or EDX:EAX outside 64-bit code. */
export function set_hyperv_result(v: u32, result: u64): void {
  if (is_64(v)) {
    store<u64>(v + V_GPR + RAX * 8, result);
    return;
  }
  store<u64>(v + V_GPR + RDX * 8, result >> 32);
  store<u64>(v + V_GPR + RAX * 8, result & 0xffffffff);
}

/** A half of an XMM register: the registers that fast calls put more input into. */
function xmm_half(v: u32, n: u32): u64 {
  return load<u64>(v + V_YMM + (n >> 1) * YMM_STRIDE + (n & 1) * 8);
}

/** vCPUs, by their ids, of which the VP index is in a mask. */
function vcpus_in(mask: u64): u32 {
  let ids: u32 = 0;
  for (let left = made(); left != 0; left &= left - 1) {
    const id = ctz<u32>(left);
    if ((mask >> (vp_index(vcpu_page(id)) as u64)) & 1) ids |= left & (0 - left);
  }
  return ids;
}

function made(): u32 {
  return atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS);
}

/** The size of a set's banks is what its mask says. */
function fits(header: u32, mask: u64): bool {
  return header == (popcnt<u64>(mask) as u32) && header <= BANKS_MAX;
}

/** HvCallFlushVirtualAddressSpace and List, and their kin with sets of processors: everything of the vCPUs named is flushed. */
function flush(v: u32, code: u32, input: u64, output: u64, fast: bool, header: u32): u64 {
  const extended = code >= FLUSH_VIRTUAL_ADDRESS_SPACE_EX;
  let ids: u32 = made();
  if (!extended) {
    const at = fast ? 0 : guest_data(input, 24, false);
    if (!fast && at == 0) return INVALID_HYPERCALL_INPUT;
    const flags = fast ? output : load<u64>(at + 8);
    const mask = fast ? xmm_half(v, 0) : load<u64>(at + 16);
    if ((flags & FLUSH_ALL_PROCESSORS) == 0 && mask != 0) ids = vcpus_in(mask);
  } else {
    const at = fast ? 0 : guest_data(input, 32, false);
    if (!fast && at == 0) return INVALID_HYPERCALL_INPUT;
    const format = fast ? xmm_half(v, 0) : load<u64>(at + 16);
    const mask = fast ? xmm_half(v, 1) : load<u64>(at + 24);
    if (!fits(header, mask)) return INVALID_HYPERCALL_INPUT;
    if (format == SET_SPARSE) {
      if (header == 0) return SUCCESS;
      if (fast && header + 2 > XMM_HALVES) return INVALID_HYPERCALL_INPUT;
      const banks = fast ? 0 : guest_data(input + 32, header * 8, false);
      if (!fast && banks == 0) return INVALID_HYPERCALL_INPUT;
      const first = fast ? xmm_half(v, 2) : load<u64>(banks);
      ids = mask & 1 ? vcpus_in(first) : 0;
    }
  }
  flush_vcpus(v, ids);
  return SUCCESS;
}

/** HvCallSendSyntheticClusterIpi, and its kin with a set of processors. */
function send_ipi(v: u32, code: u32, input: u64, output: u64, fast: bool, header: u32): u64 {
  const extended = code == SEND_IPI_EX;
  const size: u32 = extended ? 24 : 16;
  const at = fast ? 0 : guest_data(input, size, false);
  if (!fast && at == 0) return INVALID_HYPERCALL_INPUT;
  const vector: u32 = fast ? (input as u32) : load<u32>(at);
  let ids: u32 = made();
  if (!extended) {
    if (fast && input >> 32 != 0) return INVALID_HYPERCALL_INPUT;
    ids = vcpus_in(fast ? output : load<u64>(at + 8));
  } else {
    const format = fast ? output : load<u64>(at + 8);
    const mask = fast ? xmm_half(v, 0) : load<u64>(at + 16);
    if (!fits(header, mask)) return INVALID_HYPERCALL_INPUT;
    if (format != SET_ALL) {
      if (header == 0) return SUCCESS;
      if (fast && header + 1 > XMM_HALVES) return INVALID_HYPERCALL_INPUT;
      const banks = fast ? 0 : guest_data(input + 24, header * 8, false);
      if (!fast && banks == 0) return INVALID_HYPERCALL_INPUT;
      const first = fast ? xmm_half(v, 1) : load<u64>(banks);
      ids = mask & 1 ? vcpus_in(first) : 0;
    }
  }
  if (vector < FIRST_VECTOR || vector > 0xff) return INVALID_HYPERCALL_INPUT;
  if (!has_irqchip()) return SUCCESS;
  for (let left = ids; left != 0; left &= left - 1)
    accept(vcpu_page(ctz<u32>(left)), APIC_DM_FIXED, vector, false);
  return SUCCESS;
}

/** HvCallSignalEvent: rings the eventfd of a connection, if user space has given one. */
function signal_event(input: u64, fast: bool): u64 {
  let event = input;
  if (!fast) {
    const at = input & 7 ? 0 : guest_data(input, 8, false);
    if (at == 0) return INVALID_ALIGNMENT;
    event = load<u64>(at);
  }
  // Flag numbers are user space's affair.
  if (event & 0xffff00000000) return INVALID_PORT_ID;
  if (event & ~(HV_CONNECTION_ID_MASK as u64)) return INVALID_HYPERCALL_INPUT;
  const vm = vm_base + VM_PAGE;
  const end = vm + VM_HV_CONNECTIONS + load<u32>(vm + VM_HV_CONNECTION_END) * HV_CONNECTION_SIZE;
  for (let entry = vm + VM_HV_CONNECTIONS; entry < end; entry += HV_CONNECTION_SIZE) {
    const eventfd = atomic.load<u32>(entry + HV_CONNECTION_EVENTFD);
    if (eventfd == 0 || load<u32>(entry + HV_CONNECTION_ID) != (event as u32)) continue;
    eventfd_add(eventfd);
    if (load<u32>(eventfd + EVENTFD_IRQFD)) irqfd_signal(eventfd);
    return SUCCESS;
  }
  return INVALID_PORT_ID;
}

/** What CPUID lets the guest call. */
function may_call(v: u32, code: u32): bool {
  switch (code) {
    case NOTIFY_LONG_SPIN_WAIT:
      return may_report_spins(v);
    case POST_MESSAGE:
      return has_privilege(v, HV_POST_MESSAGES);
    case SIGNAL_EVENT:
      return has_privilege(v, HV_SIGNAL_EVENTS);
    case FLUSH_VIRTUAL_ADDRESS_SPACE:
    case FLUSH_VIRTUAL_ADDRESS_LIST:
      return is_advised(v, HV_X64_REMOTE_TLB_FLUSH_RECOMMENDED);
    case FLUSH_VIRTUAL_ADDRESS_SPACE_EX:
    case FLUSH_VIRTUAL_ADDRESS_LIST_EX:
      return is_advised(v, HV_X64_REMOTE_TLB_FLUSH_RECOMMENDED | HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED);
    case SEND_IPI:
      return is_advised(v, HV_X64_CLUSTER_IPI_RECOMMENDED);
    case SEND_IPI_EX:
      return is_advised(v, HV_X64_CLUSTER_IPI_RECOMMENDED | HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED);
    default:
      return true;
  }
}

/** Fast calls of these kinds have input in XMM registers. */
function reads_xmm(code: u32): bool {
  return (
    code == FLUSH_VIRTUAL_ADDRESS_SPACE ||
    code == FLUSH_VIRTUAL_ADDRESS_LIST ||
    (code >= FLUSH_VIRTUAL_ADDRESS_SPACE_EX && code <= SEND_IPI_EX)
  );
}

/** What refuses a call before its input is looked at; SUCCESS when nothing does. */
function refusal(v: u32, control: u64): u64 {
  if (!may_call(v, (control & 0xffff) as u32)) return ACCESS_DENIED;
  return control & RESERVED ? INVALID_HYPERCALL_INPUT : SUCCESS;
}

/** The status of a call that nothing refuses, with the repetitions done; ASK_USER_SPACE. */
function carry_out(v: u32, control: u64, input: u64, output: u64): u64 {
  const code = (control & 0xffff) as u32;
  const fast = (control & FAST) != 0;
  const header = ((control >> 17) & 0x3ff) as u32;
  const count = (control >> 32) & 0xfff;
  const start = (control >> 48) & 0xfff;
  const repeats = count != 0 || start != 0;
  switch (code) {
    case NOTIFY_LONG_SPIN_WAIT:
      // Every vCPU has a thread of its own that the host schedules.
      return repeats || header ? INVALID_HYPERCALL_INPUT : SUCCESS;
    case SIGNAL_EVENT:
    case POST_MESSAGE: {
      if (repeats || header) return INVALID_HYPERCALL_INPUT;
      const status = code == SIGNAL_EVENT ? signal_event(input, fast) : INVALID_PORT_ID;
      if (status != INVALID_PORT_ID) return status;
      // A VMM without a SynIC could do nothing with it.
      return has_synic(v) ? ASK_USER_SPACE : INVALID_HYPERCALL_INPUT;
    }
    case FLUSH_VIRTUAL_ADDRESS_LIST:
    case FLUSH_VIRTUAL_ADDRESS_LIST_EX: {
      if (count == 0 || start != 0 || (header && code == FLUSH_VIRTUAL_ADDRESS_LIST))
        return INVALID_HYPERCALL_INPUT;
      const status = flush(v, code, input, output, fast, header);
      return status == SUCCESS ? count << 32 : status;
    }
    case FLUSH_VIRTUAL_ADDRESS_SPACE:
    case FLUSH_VIRTUAL_ADDRESS_SPACE_EX:
      if (repeats || (header && code == FLUSH_VIRTUAL_ADDRESS_SPACE)) return INVALID_HYPERCALL_INPUT;
      return flush(v, code, input, output, fast, header);
    case SEND_IPI:
    case SEND_IPI_EX:
      if (repeats || (header && code == SEND_IPI)) return INVALID_HYPERCALL_INPUT;
      return send_ipi(v, code, input, output, fast, header);
    default:
      return INVALID_HYPERCALL_CODE;
  }
}

/** Executes a hypercall of Hyper-V: #UD outside ring 0 and in real mode, and for input in XMM registers that CPUID does not tell of. */
export function hyperv_hypercall(v: u32): u32 {
  if (cpl(v) != 0 || is_real_mode(v)) return raise(v, UD);
  const wide = is_64(v);
  const control = wide ? gpr(v, RCX) : pair(v, RDX, RAX);
  const input = wide ? gpr(v, RDX) : pair(v, RBX, RCX);
  const output = wide ? gpr(v, R8) : pair(v, RDI, RSI);
  const reads = (control & FAST) != 0 && reads_xmm((control & 0xffff) as u32);
  const refused = refusal(v, control);
  if (refused == SUCCESS && reads && !may_use_feature(v, HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE))
    return raise(v, UD);
  const result = refused == SUCCESS ? carry_out(v, control, input, output) : refused;
  if (result != ASK_USER_SPACE) {
    set_hyperv_result(v, result);
    return FLOW_STOP;
  }
  exit_hyperv_call(v, control, input, output);
  store<u32>(v + V_PENDING, PENDING_HYPERV);
  return FLOW_EXIT;
}
