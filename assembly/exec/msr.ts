// RDMSR, WRMSR, the time-stamp and performance counters, CPUID. Which MSRs exist is in cpu/msr_table.ts.
import {
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_EXIT_REASON_INVAL,
  KVM_MSR_EXIT_REASON_UNKNOWN,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  VM_MSR_EXITS,
  VM_PLATFORM_INFO_HIDDEN,
} from '../abi/calls';
import { XSAVE_LEAST_BYTES } from '../abi/fpu';
import { FLOW_EXIT_RESTART, FLOW_NEXT, FLOW_STOP } from '../abi/insn';
import { KVM_EXIT_X86_RDMSR, KVM_EXIT_X86_WRMSR, RUN_MSR_DATA, RUN_MSR_ERROR } from '../abi/kvm_run';
import { OP_CPUID, OP_RDMSR, OP_RDPID, OP_RDPMC, OP_RDRAND, OP_RDTSC, OP_RDTSCP, OP_WRMSR } from '../abi/ops';
import {
  PENDING_MSR,
  PENDING_NONE,
  V_APIC_BASE,
  V_CR4,
  V_GPR,
  V_MSR_VALUE,
  V_PENDING,
  V_RANDOM,
  V_TSC_AUX,
  V_XCR0,
} from '../abi/vcpu_page';
import { CR4_OSXSAVE, CR4_PKE, CR4_TSD, FLAG_CF, GP, RAX, RBX, RCX, RDX, UD } from '../abi/x86';
import {
  amd_edx,
  cpuid_answer,
  cpuid_entry,
  entry_eax,
  entry_ebx,
  entry_ecx,
  entry_edx,
  extended_ecx,
} from '../cpu/cpuid';
import { exit_msr, run_page } from '../cpu/exits';
import { set_arith } from '../cpu/flags';
import { update_mode } from '../cpu/mode';
import { msr_allowed } from '../cpu/msr_filter';
import { is_host_msr, MSR_PLATFORM_INFO } from '../cpu/msr_table';
import { write_rm } from '../cpu/operands';
import { raise, raise_code } from '../state/fault';
import { mix64 } from '../state/random';
import { vm_setting } from '../state/settings';
import { read_tsc } from '../state/tsc';
import { cpl, has_irqchip } from '../state/vcpu';
import { read_any_msr, write_any_msr } from './msr_access';

const OSXSAVE: u32 = 1 << 27;
const OSPKE: u32 = 1 << 4;
const APIC: u32 = 1 << 9;
const APIC_ENABLED: u64 = 0x800;

function gpr32(v: u32, n: u32): u32 {
  return load<u32>(v + V_GPR + n * 8);
}

function set_gpr32(v: u32, n: u32, value: u32): void {
  store<u64>(v + V_GPR + n * 8, value as u64);
}

function set_pair(v: u32, value: u64): void {
  set_gpr32(v, RAX, value as u32);
  set_gpr32(v, RDX, (value >> 32) as u32);
}

/**
 * An access that the core refuses: an exit if user space asked for those of this kind (KVM_CAP_X86_USER_SPACE_MSR), else
 * #GP(0). The instruction starts again with the answer.
 */
function refuse_msr(v: u32, exit: u32, reason: u32, data: u64): u32 {
  if ((vm_setting(VM_MSR_EXITS) & reason) == 0) return raise_code(v, GP, 0);
  exit_msr(v, exit, reason, gpr32(v, RCX), data);
  store<u32>(v + V_PENDING, PENDING_MSR);
  return FLOW_EXIT_RESTART;
}

/** Takes the answer of user space to an access that exited; true when it refuses too. */
function answer_refuses(v: u32): bool {
  store<u32>(v + V_PENDING, PENDING_NONE);
  return load<u8>(run_page(v) + RUN_MSR_ERROR) != 0;
}

function rdmsr(v: u32): u32 {
  if (cpl(v) != 0) return raise_code(v, GP, 0);
  if (load<u32>(v + V_PENDING) == PENDING_MSR) {
    if (answer_refuses(v)) return raise_code(v, GP, 0);
    set_pair(v, load<u64>(run_page(v) + RUN_MSR_DATA));
    return FLOW_NEXT;
  }
  const index = gpr32(v, RCX);
  if (!msr_allowed(index, KVM_MSR_FILTER_READ))
    return refuse_msr(v, KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_FILTER, 0);
  if (
    is_host_msr(index, false) ||
    !read_any_msr(v, index, false) ||
    (index == MSR_PLATFORM_INFO && vm_setting(VM_PLATFORM_INFO_HIDDEN) != 0)
  )
    return refuse_msr(v, KVM_EXIT_X86_RDMSR, refusal(v, index), 0);
  set_pair(v, load<u64>(v + V_MSR_VALUE));
  return FLOW_NEXT;
}

function wrmsr(v: u32): u32 {
  if (cpl(v) != 0) return raise_code(v, GP, 0);
  if (load<u32>(v + V_PENDING) == PENDING_MSR) return answer_refuses(v) ? raise_code(v, GP, 0) : FLOW_NEXT;
  const value = (gpr32(v, RAX) as u64) | ((gpr32(v, RDX) as u64) << 32);
  const index = gpr32(v, RCX);
  if (!msr_allowed(index, KVM_MSR_FILTER_WRITE))
    return refuse_msr(v, KVM_EXIT_X86_WRMSR, KVM_MSR_EXIT_REASON_FILTER, value);
  if (is_host_msr(index, true) || !write_any_msr(v, index, value, false))
    return refuse_msr(v, KVM_EXIT_X86_WRMSR, refusal(v, index), value);
  update_mode(v);
  return FLOW_STOP;
}

/** Why an MSR was refused: there is none of this number, or there is and the value is wrong. */
function refusal(v: u32, index: u32): u32 {
  const exists = (index >= 0x800 && index <= 0x8ff && has_irqchip()) || read_any_msr(v, index, false);
  return exists ? KVM_MSR_EXIT_REASON_INVAL : KVM_MSR_EXIT_REASON_UNKNOWN;
}

/** CR4.TSD keeps the counter from user code. */
function may_read_tsc(v: u32): bool {
  return (load<u32>(v + V_CR4) & CR4_TSD) == 0 || cpl(v) == 0;
}

function rdtsc(v: u32): u32 {
  if (!may_read_tsc(v)) return raise_code(v, GP, 0);
  set_pair(v, read_tsc(v));
  return FLOW_NEXT;
}

function rdtscp(v: u32): u32 {
  if ((amd_edx(v) & 0x8000000) == 0) return raise(v, UD);
  if (!may_read_tsc(v)) return raise_code(v, GP, 0);
  set_pair(v, read_tsc(v));
  set_gpr32(v, RCX, load<u32>(v + V_TSC_AUX));
  return FLOW_NEXT;
}

/** There are no counters: whoever may read one names one that does not exist. */
function rdpmc(v: u32): u32 {
  return raise_code(v, GP, 0);
}

/** Bytes that XSAVE needs for the components of `mask`. */
function xsave_size(v: u32, mask: u64): u32 {
  let size = XSAVE_LEAST_BYTES;
  for (let i: u32 = 2; i < 63; i++) {
    if (((mask >> i) & 1) == 0) continue;
    const e = cpuid_entry(v, 13, i);
    const end = entry_ebx(e) + entry_eax(e);
    if (end > size) size = end;
  }
  return size;
}

function cpuid(v: u32): u32 {
  const leaf = gpr32(v, RAX);
  const index = gpr32(v, RCX);
  const e = cpuid_answer(v, leaf, index);
  let eax = entry_eax(e);
  let ebx = entry_ebx(e);
  let ecx = entry_ecx(e);
  let edx = entry_edx(e);
  if (e == 0) {
    // Topology leaves: beyond the last level ECX keeps the level and EDX the x2APIC id.
    const first = leaf == 0xb || leaf == 0x1f ? cpuid_entry(v, leaf, 1) : 0;
    if (first) {
      ecx = index & 0xff;
      edx = entry_edx(first);
    }
  } else if (leaf == 1) {
    // Bits that mirror the machine's state.
    ecx = load<u32>(v + V_CR4) & CR4_OSXSAVE ? ecx | OSXSAVE : ecx & ~OSXSAVE;
    edx = load<u64>(v + V_APIC_BASE) & APIC_ENABLED ? edx : edx & ~APIC;
  } else if (leaf == 7 && index == 0) {
    ecx = load<u32>(v + V_CR4) & CR4_PKE ? ecx | OSPKE : ecx & ~OSPKE;
  } else if (leaf == 13 && index == 0) {
    ebx = xsave_size(v, load<u64>(v + V_XCR0));
  }
  set_gpr32(v, RAX, eax);
  set_gpr32(v, RBX, ebx);
  set_gpr32(v, RCX, ecx);
  set_gpr32(v, RDX, edx);
  return FLOW_NEXT;
}

/**
 * RDRAND and RDSEED always succeed. The generator (SplitMix64) is deterministic, because a machine of the deterministic engine
 * must repeat; in the others its seed is the host's randomness.
 */
function rdrand(v: u32, r: u32, rm: u32): u32 {
  const state = load<u64>(v + V_RANDOM) + 0x9e3779b97f4a7c15;
  store<u64>(v + V_RANDOM, state);
  set_arith(v, FLAG_CF);
  return write_rm(v, r, rm, mix64(state));
}

/** Executes the family OP_RDMSR .. OP_RDRAND. */
export function exec_msr(v: u32, r: u32, op: u32, rm: u32): u32 {
  switch (op) {
    case OP_RDMSR:
      return rdmsr(v);
    case OP_WRMSR:
      return wrmsr(v);
    case OP_RDTSC:
      return rdtsc(v);
    case OP_RDTSCP:
      return rdtscp(v);
    case OP_RDPMC:
      return rdpmc(v);
    case OP_CPUID:
      return cpuid(v);
    case OP_RDPID:
      return extended_ecx(v) & 0x400000 ? write_rm(v, r, rm, load<u64>(v + V_TSC_AUX)) : raise(v, UD);
    case OP_RDRAND:
      return rdrand(v, r, rm);
    default:
      return raise(v, UD);
  }
}
