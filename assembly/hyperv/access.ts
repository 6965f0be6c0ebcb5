// What CPUID has told a guest of Hyper-V, and with KVM_CAP_HYPERV_ENFORCE_CPUID what it may therefore use.
import {
  HV_ACCESS_FREQUENCY_MSRS,
  HV_ACCESS_REENLIGHTENMENT,
  HV_FEATURE_GUEST_CRASH_MSR_AVAILABLE,
  HV_MSR_APIC_ACCESS_AVAILABLE,
  HV_MSR_HYPERCALL_AVAILABLE,
  HV_MSR_REFERENCE_TSC_AVAILABLE,
  HV_MSR_RESET_AVAILABLE,
  HV_MSR_SYNIC_AVAILABLE,
  HV_MSR_SYNTIMER_AVAILABLE,
  HV_MSR_TIME_REF_COUNT_AVAILABLE,
  HV_MSR_VP_INDEX_AVAILABLE,
  HV_MSR_VP_RUNTIME_AVAILABLE,
  HV_X64_MSR_APIC_FREQUENCY,
  HV_X64_MSR_CRASH_CTL,
  HV_X64_MSR_CRASH_P0,
  HV_X64_MSR_EOI,
  HV_X64_MSR_GUEST_OS_ID,
  HV_X64_MSR_HYPERCALL,
  HV_X64_MSR_REENLIGHTENMENT_CONTROL,
  HV_X64_MSR_REFERENCE_TSC,
  HV_X64_MSR_RESET,
  HV_X64_MSR_SCONTROL,
  HV_X64_MSR_SINT15,
  HV_X64_MSR_STIMER0_CONFIG,
  HV_X64_MSR_STIMER3_COUNT,
  HV_X64_MSR_TIME_REF_COUNT,
  HV_X64_MSR_TSC_EMULATION_STATUS,
  HV_X64_MSR_TSC_FREQUENCY,
  HV_X64_MSR_VP_ASSIST_PAGE,
  HV_X64_MSR_VP_INDEX,
  HV_X64_MSR_VP_RUNTIME,
  HYPERV_CPUID_ENLIGHTENMENTS,
  HYPERV_CPUID_FEATURES,
  HYPERV_CPUID_INTERFACE,
  HYPERV_SIGNATURE,
  V_HV_ENFORCED,
} from '../abi/hyperv';
import { cpuid_entry, entry_eax, entry_ebx, entry_edx } from '../cpu/cpuid';

/** CPUID says "Hv#1": the guest finds Hyper-V here. */
export function has_hyperv(v: u32): bool {
  return entry_eax(cpuid_entry(v, HYPERV_CPUID_INTERFACE, 0)) == HYPERV_SIGNATURE;
}

function is_enforced(v: u32): bool {
  return load<u32>(v + V_HV_ENFORCED) != 0;
}

function features(v: u32): u32 {
  return cpuid_entry(v, HYPERV_CPUID_FEATURES, 0);
}

/** The bit of the features' EAX that an MSR needs, 0 = none does. */
function privilege(index: u32): u32 {
  if (index >= HV_X64_MSR_EOI && index <= HV_X64_MSR_VP_ASSIST_PAGE) return HV_MSR_APIC_ACCESS_AVAILABLE;
  if (index >= HV_X64_MSR_SCONTROL && index <= HV_X64_MSR_SINT15) return HV_MSR_SYNIC_AVAILABLE;
  if (index >= HV_X64_MSR_STIMER0_CONFIG && index <= HV_X64_MSR_STIMER3_COUNT)
    return HV_MSR_SYNTIMER_AVAILABLE;
  if (index >= HV_X64_MSR_REENLIGHTENMENT_CONTROL && index <= HV_X64_MSR_TSC_EMULATION_STATUS)
    return HV_ACCESS_REENLIGHTENMENT;
  switch (index) {
    case HV_X64_MSR_GUEST_OS_ID:
    case HV_X64_MSR_HYPERCALL:
      return HV_MSR_HYPERCALL_AVAILABLE;
    case HV_X64_MSR_VP_INDEX:
      return HV_MSR_VP_INDEX_AVAILABLE;
    case HV_X64_MSR_RESET:
      return HV_MSR_RESET_AVAILABLE;
    case HV_X64_MSR_VP_RUNTIME:
      return HV_MSR_VP_RUNTIME_AVAILABLE;
    case HV_X64_MSR_TIME_REF_COUNT:
      return HV_MSR_TIME_REF_COUNT_AVAILABLE;
    case HV_X64_MSR_REFERENCE_TSC:
      return HV_MSR_REFERENCE_TSC_AVAILABLE;
    case HV_X64_MSR_TSC_FREQUENCY:
    case HV_X64_MSR_APIC_FREQUENCY:
      return HV_ACCESS_FREQUENCY_MSRS;
    default:
      return 0;
  }
}

/** The guest may use this MSR. */
export function may_use_msr(v: u32, index: u32): bool {
  if (!has_hyperv(v)) return false;
  if (!is_enforced(v)) return true;
  const f = features(v);
  if (index >= HV_X64_MSR_CRASH_P0 && index <= HV_X64_MSR_CRASH_CTL)
    return (entry_edx(f) & HV_FEATURE_GUEST_CRASH_MSR_AVAILABLE) != 0;
  return (entry_eax(f) & privilege(index)) != 0;
}

/** Nothing is enforced, or the features' EDX has `bit`. */
export function may_use_feature(v: u32, bit: u32): bool {
  return !is_enforced(v) || (entry_edx(features(v)) & bit) != 0;
}

/** Nothing is enforced, or the features' EBX has `bit`: a privilege to make a hypercall. */
export function has_privilege(v: u32, bit: u32): bool {
  return !is_enforced(v) || (entry_ebx(features(v)) & bit) != 0;
}

/** Nothing is enforced, or the guest was advised of all `bits` of the enlightenments' EAX. */
export function is_advised(v: u32, bits: u32): bool {
  if (!is_enforced(v)) return true;
  return (entry_eax(cpuid_entry(v, HYPERV_CPUID_ENLIGHTENMENTS, 0)) & bits) == bits;
}

/** Nothing is enforced, or the guest was told after how many tries a spin lock shall tell of it. */
export function may_report_spins(v: u32): bool {
  if (!is_enforced(v)) return true;
  const tries = entry_ebx(cpuid_entry(v, HYPERV_CPUID_ENLIGHTENMENTS, 0));
  return tries != 0 && tries != u32.MAX_VALUE;
}
