// Hyper-V's MSRs: one look-up for guest and host. What is more than a word lies in partition, reference_time, synic and
// stimers. The guest sees one only where CPUID says "Hv#1"; the host always, so that a snapshot can be made and loaded.
import {
  HV_MSRS,
  HV_MSRS_END,
  HV_PAGE_ENABLE,
  HV_X64_MSR_APIC_FREQUENCY,
  HV_X64_MSR_CRASH_CTL,
  HV_X64_MSR_CRASH_P0,
  HV_X64_MSR_CRASH_P4,
  HV_X64_MSR_EOI,
  HV_X64_MSR_GUEST_OS_ID,
  HV_X64_MSR_HYPERCALL,
  HV_X64_MSR_ICR,
  HV_X64_MSR_REENLIGHTENMENT_CONTROL,
  HV_X64_MSR_REFERENCE_TSC,
  HV_X64_MSR_RESET,
  HV_X64_MSR_SCONTROL,
  HV_X64_MSR_SINT15,
  HV_X64_MSR_STIMER0_CONFIG,
  HV_X64_MSR_STIMER3_COUNT,
  HV_X64_MSR_TIME_REF_COUNT,
  HV_X64_MSR_TPR,
  HV_X64_MSR_TSC_EMULATION_STATUS,
  HV_X64_MSR_TSC_FREQUENCY,
  HV_X64_MSR_VP_ASSIST_PAGE,
  HV_X64_MSR_VP_INDEX,
  HV_X64_MSR_VP_RUNTIME,
  V_HV_ASSIST_PAGE,
  V_HV_ENTERED,
  V_HV_RUNTIME,
  V_HV_RUNTIME_OFFSET,
  V_HV_VP_INDEX,
  VM_HV_CRASH_CTL,
  VM_HV_CRASH_PARAMS,
  VM_HV_GUEST_OS_ID,
  VM_HV_HYPERCALL,
  VM_HV_REENLIGHTENMENT,
  VM_HV_TSC_PAGE,
} from '../abi/hyperv';
import { APIC_EOI, APIC_ICR, APIC_TASKPRI } from '../abi/irqchip';
import { MAX_VCPUS } from '../abi/map';
import { V_MSR_VALUE } from '../abi/vcpu_page';
import { host_now } from '../host';
import { lapic_enlightened_read, lapic_enlightened_write } from '../irqchip/lapic';
import { vp_index } from '../irqchip/sint';
import { guest_data } from '../memory/guest_data';
import { guest_written } from '../memory/slots';
import { tsc_khz } from '../state/tsc';
import { has_irqchip } from '../state/vcpu';
import { may_use_msr } from './access';
import { partition, set_crash_control, set_guest_os_id, set_hypercall_page, set_reset } from './partition';
import { reference_time, set_reference_page } from './reference_time';
import { read_stimer, set_stimer_config, set_stimer_count } from './stimers';
import { read_synic, write_synic } from './synic';

/** Hz of the local APIC's timer. */
const APIC_HZ: u64 = 1000000000;

/** The MSR is one of Hyper-V's. */
export function is_hyperv_msr(index: u32): bool {
  return index >= HV_MSRS && index < HV_MSRS_END;
}

function is_synic_msr(index: u32): bool {
  return index >= HV_X64_MSR_SCONTROL && index <= HV_X64_MSR_SINT15;
}

function is_stimer_msr(index: u32): bool {
  return index >= HV_X64_MSR_STIMER0_CONFIG && index <= HV_X64_MSR_STIMER3_COUNT;
}

/** Address of an MSR that is a u64 of the partition and nothing more, 0 = it is none. */
function plain(index: u32): u32 {
  if (index >= HV_X64_MSR_CRASH_P0 && index <= HV_X64_MSR_CRASH_P4)
    return partition(VM_HV_CRASH_PARAMS) + (index - HV_X64_MSR_CRASH_P0) * 8;
  if (index >= HV_X64_MSR_REENLIGHTENMENT_CONTROL && index <= HV_X64_MSR_TSC_EMULATION_STATUS)
    return partition(VM_HV_REENLIGHTENMENT) + (index - HV_X64_MSR_REENLIGHTENMENT_CONTROL) * 8;
  return 0;
}

/** Time in the guest, in units of 100 ns. */
function runtime(v: u32): u64 {
  const entered = load<u64>(v + V_HV_ENTERED);
  const now: u64 = entered ? host_now() + 1 - entered : 0;
  return (load<u64>(v + V_HV_RUNTIME) + now) / 100 + load<u64>(v + V_HV_RUNTIME_OFFSET);
}

/** The local APIC's register that EOI, ICR and TPR stand for. */
function apic_register(index: u32): u32 {
  if (index == HV_X64_MSR_EOI) return APIC_EOI;
  return index == HV_X64_MSR_ICR ? APIC_ICR : APIC_TASKPRI;
}

function answer(v: u32, value: u64): bool {
  store<u64>(v + V_MSR_VALUE, value);
  return true;
}

/** Reads an MSR of is_hyperv_msr into V_MSR_VALUE; false when it is not there for whoever asks. */
export function read_hyperv_msr(v: u32, index: u32, host: bool): bool {
  if (!host && !may_use_msr(v, index)) return false;
  const home = plain(index);
  if (home) return answer(v, load<u64>(home));
  if (is_synic_msr(index)) return read_synic(v, index, v + V_MSR_VALUE, host);
  if (is_stimer_msr(index)) {
    const n = index - HV_X64_MSR_STIMER0_CONFIG;
    return read_stimer(v, n >> 1, (n & 1) != 0, v + V_MSR_VALUE, host);
  }
  switch (index) {
    case HV_X64_MSR_GUEST_OS_ID:
      return answer(v, load<u64>(partition(VM_HV_GUEST_OS_ID)));
    case HV_X64_MSR_HYPERCALL:
      return answer(v, load<u64>(partition(VM_HV_HYPERCALL)));
    case HV_X64_MSR_VP_INDEX:
      return answer(v, vp_index(v) as u64);
    case HV_X64_MSR_RESET:
      return answer(v, 0);
    case HV_X64_MSR_VP_RUNTIME:
      return answer(v, runtime(v));
    case HV_X64_MSR_TIME_REF_COUNT:
      return answer(v, reference_time(v));
    case HV_X64_MSR_REFERENCE_TSC:
      return answer(v, load<u64>(partition(VM_HV_TSC_PAGE)));
    case HV_X64_MSR_TSC_FREQUENCY:
      return answer(v, tsc_khz(v) * 1000);
    case HV_X64_MSR_APIC_FREQUENCY:
      return answer(v, APIC_HZ);
    case HV_X64_MSR_ICR:
    case HV_X64_MSR_TPR:
      return has_irqchip() && answer(v, lapic_enlightened_read(v, apic_register(index)));
    case HV_X64_MSR_VP_ASSIST_PAGE:
      return answer(v, load<u64>(v + V_HV_ASSIST_PAGE));
    case HV_X64_MSR_CRASH_CTL:
      return answer(v, load<u64>(partition(VM_HV_CRASH_CTL)));
    default:
      return false;
  }
}

/** The page by which a processor may be spared its EOIs: no EOI is, so its first word stays 0. */
function set_assist_page(v: u32, value: u64): bool {
  if (value & HV_PAGE_ENABLE) {
    const gpa = value & ~0xfff;
    const page = guest_data(gpa, 4, true);
    if (page == 0) return false;
    store<u32>(page, 0);
    guest_written(v, gpa, 4);
  }
  store<u64>(v + V_HV_ASSIST_PAGE, value);
  return true;
}

/** The host renumbers a virtual processor. */
function set_vp_index(v: u32, value: u64, host: bool): bool {
  if (!host || value >= MAX_VCPUS) return false;
  store<u32>(v + V_HV_VP_INDEX, (value as u32) + 1);
  return true;
}

/**
 * Writes an MSR of is_hyperv_msr; false when it is not there for whoever asks, or refuses the value. `xen`: the VM takes
 * Xen's hypercalls too.
 */
export function write_hyperv_msr(v: u32, index: u32, value: u64, host: bool, xen: bool): bool {
  if (!host && !may_use_msr(v, index)) return false;
  const home = plain(index);
  if (home) {
    if (index == HV_X64_MSR_TSC_EMULATION_STATUS && value != 0 && !host) return false;
    store<u64>(home, value);
    return true;
  }
  if (is_synic_msr(index)) return write_synic(v, index, value, host);
  if (is_stimer_msr(index)) {
    const n = index - HV_X64_MSR_STIMER0_CONFIG;
    return n & 1 ? set_stimer_count(v, n >> 1, value, host) : set_stimer_config(v, n >> 1, value, host);
  }
  switch (index) {
    case HV_X64_MSR_GUEST_OS_ID:
      set_guest_os_id(value);
      return true;
    case HV_X64_MSR_HYPERCALL:
      return set_hypercall_page(v, value, host, xen);
    case HV_X64_MSR_VP_INDEX:
      return set_vp_index(v, value, host);
    case HV_X64_MSR_RESET:
      set_reset(v, value, host);
      return true;
    case HV_X64_MSR_VP_RUNTIME:
      if (host) store<u64>(v + V_HV_RUNTIME_OFFSET, value - runtime(v) + load<u64>(v + V_HV_RUNTIME_OFFSET));
      return host;
    case HV_X64_MSR_TIME_REF_COUNT:
    case HV_X64_MSR_TSC_FREQUENCY:
    case HV_X64_MSR_APIC_FREQUENCY:
      // They cannot be written; what a host has read, it may write back.
      return host;
    case HV_X64_MSR_REFERENCE_TSC:
      set_reference_page(v, value);
      return true;
    case HV_X64_MSR_EOI:
    case HV_X64_MSR_ICR:
    case HV_X64_MSR_TPR:
      if (!has_irqchip()) return false;
      lapic_enlightened_write(v, apic_register(index), value);
      return true;
    case HV_X64_MSR_VP_ASSIST_PAGE:
      return set_assist_page(v, value);
    case HV_X64_MSR_CRASH_CTL:
      set_crash_control(v, value, host);
      return true;
    default:
      return false;
  }
}
