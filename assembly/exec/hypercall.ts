// VMCALL and VMMCALL: the hypercalls of <linux/kvm_para.h> that KVM carries out itself on x86, and the exit of those that
// user space asked for (KVM_CAP_EXIT_HYPERCALL). A call's number is in RAX, its arguments in RBX RCX RDX RSI.
import {
  KVM_X86_QUIRK_FIX_HYPERCALL_INSN,
  STAT_HYPERCALLS,
  V_PV_UNHALT,
  VM_DISABLED_QUIRKS,
  VM_HYPERCALL_EXITS,
} from '../abi/calls';
import { FLOW_EXIT, FLOW_NEXT, FLOW_STOP, R_IMM } from '../abi/insn';
import { ENGINE_PARALLEL, VM_ENGINE, VM_PAGE, VM_TIME_ORIGIN, VM_VCPUS } from '../abi/map';
import { KVM_FEATURE_PV_SCHED_YIELD, KVM_FEATURE_PV_SEND_IPI, KVM_FEATURE_PV_UNHALT } from '../abi/pv';
import { PENDING_HYPERCALL, V_GPR, V_PENDING } from '../abi/vcpu_page';
import { RAX, RBX, RCX, RDX, RSI, UD } from '../abi/x86';
import { exit_hypercall } from '../cpu/exits';
import { has_feature } from '../cpu/pv_features';
import { host_now, vm_base } from '../host';
import { hyperv_hypercall, takes_hypercalls } from '../hyperv/hypercalls';
import { accept, kick } from '../irqchip/lapic_bus';
import { guest_data } from '../memory/guest_data';
import { guest_written } from '../memory/slots';
import { raise } from '../state/fault';
import { count, vm_setting } from '../state/settings';
import { read_tsc } from '../state/tsc';
import { cpl, has_irqchip, is_64, vcpu_page } from '../state/vcpu';
import { takes_xen_calls, xen_hypercall } from '../xen/hypercalls';

const KVM_HC_VAPIC_POLL_IRQ: u32 = 1;
const KVM_HC_KICK_CPU: u32 = 5;
const KVM_HC_CLOCK_PAIRING: u32 = 9;
const KVM_HC_SEND_IPI: u32 = 10;
const KVM_HC_SCHED_YIELD: u32 = 11;
const KVM_HC_MAP_GPA_RANGE: u32 = 12;
// Results: negative errno of <linux/kvm_para.h>.
const KVM_EPERM: i64 = -1;
const KVM_EFAULT: i64 = -14;
const KVM_EINVAL: i64 = -22;
const KVM_EOPNOTSUPP: i64 = -95;
const KVM_ENOSYS: i64 = -1000;

const PAIRING_SIZE: u32 = 64;
const ICR_DESTINATION_OR_SHORTHAND: u64 = 0xc0800;
/** What the decoder leaves in R_IMM: VMMCALL is AMD's. */
export const IS_VMMCALL: u32 = 1;

/** Page of the vCPU with this APIC id, 0 = none. */
function vcpu_with(id: u64): u32 {
  const made = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS);
  return id < 32 && (made >> (id as u32)) & 1 ? vcpu_page(id as u32) : 0;
}

function kick_cpu(id: u64): i64 {
  const target = vcpu_with(id);
  if (target) {
    atomic.store<u32>(target + V_PV_UNHALT, 1);
    kick(target);
  }
  return 0;
}

/** Sends the ICR's interrupt to the APIC ids `first` + n of each bit n; the number of APICs that took it. */
function send_ipi(low: u64, high: u64, first: u64, icr: u64, width: u32): i64 {
  if (icr & ICR_DESTINATION_OR_SHORTHAND) return KVM_EINVAL;
  const mode = ((icr >> 8) & 7) as u32;
  const vector = (icr & 0xff) as u32;
  let taken: i64 = 0;
  for (let n: u32 = 0; n < width * 2; n++) {
    const bits = n < width ? low >> n : high >> (n - width);
    if ((bits & 1) == 0) continue;
    const target = vcpu_with((first as u32 as u64) + n);
    if (target && accept(target, mode, vector, false)) taken++;
  }
  return taken;
}

/** struct kvm_clock_pairing at `gpa`: the wall clock, and the TSC of the same moment. */
function clock_pairing(v: u32, gpa: u64, kind: u64): i64 {
  if (kind != 0 || vm_setting(VM_ENGINE) != ENGINE_PARALLEL) return KVM_EOPNOTSUPP;
  const at = guest_data(gpa, PAIRING_SIZE, true);
  if (at == 0) return KVM_EFAULT;
  const wall = ((load<f64>(vm_base + VM_PAGE + VM_TIME_ORIGIN) * 1e6) as u64) + host_now();
  memory.fill(at, 0, PAIRING_SIZE);
  store<u64>(at, wall / 1000000000);
  store<u64>(at + 8, wall % 1000000000);
  store<u64>(at + 16, read_tsc(v));
  guest_written(v, gpa, PAIRING_SIZE);
  return 0;
}

/** Carries out a call of which the arguments are cut to the guest's width. */
function called(v: u32, nr: u64, a0: u64, a1: u64, a2: u64, a3: u64, width: u32): i64 {
  switch (nr as u32) {
    case KVM_HC_VAPIC_POLL_IRQ:
      return 0;
    case KVM_HC_KICK_CPU:
      return has_feature(v, KVM_FEATURE_PV_UNHALT) ? kick_cpu(a1) : KVM_ENOSYS;
    case KVM_HC_CLOCK_PAIRING:
      return clock_pairing(v, a0, a1);
    case KVM_HC_SEND_IPI:
      if (!has_irqchip() || !has_feature(v, KVM_FEATURE_PV_SEND_IPI)) return KVM_ENOSYS;
      return send_ipi(a0, a1, a2, a3, width);
    case KVM_HC_SCHED_YIELD:
      // Every vCPU has a thread of its own that the host schedules.
      return has_feature(v, KVM_FEATURE_PV_SCHED_YIELD) ? 0 : KVM_ENOSYS;
    default:
      return KVM_ENOSYS;
  }
}

function range_is_bad(gpa: u64, pages: u64): bool {
  const frame = gpa >> 12;
  return (gpa & 0xfff) != 0 || pages == 0 || frame + pages <= frame;
}

/** What a call leaves in RAX; also what an exit leaves when KVM_RUN is entered again. */
export function set_hypercall_result(v: u32, result: u64): void {
  store<u64>(v + V_GPR + RAX * 8, is_64(v) ? result : result & 0xffffffff);
}

/** Executes VMCALL and VMMCALL. */
export function hypercall(v: u32, r: u32): u32 {
  // KVM rewrites the other vendor's instruction; here both do, unless that quirk is off.
  const quirks = vm_setting(VM_DISABLED_QUIRKS);
  if (quirks & KVM_X86_QUIRK_FIX_HYPERCALL_INSN && load<u32>(r + R_IMM) == IS_VMMCALL) return raise(v, UD);
  count(v, STAT_HYPERCALLS);
  const hyperv = takes_hypercalls(v);
  // Where a guest has both, bit 31 of EAX says that the call is Hyper-V's.
  const is_xen = !hyperv || (load<u32>(v + V_GPR + RAX * 8) & 0x80000000) == 0;
  if (takes_xen_calls() && is_xen) return xen_hypercall(v);
  if (hyperv) return hyperv_hypercall(v);
  const wide = is_64(v);
  const mask: u64 = wide ? ~0 : 0xffffffff;
  const gpr = v + V_GPR;
  const nr = load<u64>(gpr + RAX * 8) & mask;
  const a0 = load<u64>(gpr + RBX * 8) & mask;
  const a1 = load<u64>(gpr + RCX * 8) & mask;
  const a2 = load<u64>(gpr + RDX * 8) & mask;
  const a3 = load<u64>(gpr + RSI * 8) & mask;
  if (cpl(v) != 0) {
    set_hypercall_result(v, KVM_EPERM as u64);
    return FLOW_NEXT;
  }
  if (nr == KVM_HC_MAP_GPA_RANGE && (vm_setting(VM_HYPERCALL_EXITS) >> KVM_HC_MAP_GPA_RANGE) & 1) {
    if (range_is_bad(a0, a1)) {
      set_hypercall_result(v, KVM_EINVAL as u64);
      return FLOW_NEXT;
    }
    exit_hypercall(v, nr, a0, a1, a2, wide);
    store<u32>(v + V_PENDING, PENDING_HYPERCALL);
    return FLOW_EXIT;
  }
  set_hypercall_result(v, called(v, nr, a0, a1, a2, a3, wide ? 64 : 32) as u64);
  return FLOW_STOP;
}
