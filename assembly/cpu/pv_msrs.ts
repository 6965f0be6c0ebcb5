// The MSRs of KVM itself: which exist for a guest, and what may be written. What they do is pv/ and memory/lapic_words.ts.

import { CLOCK_PAGE } from '../abi/map';
import {
  ATTENTION_EOI,
  CLOCK_WALL,
  KVM_FEATURE_ASYNC_PF,
  KVM_FEATURE_ASYNC_PF_INT,
  KVM_FEATURE_ASYNC_PF_VMEXIT,
  KVM_FEATURE_CLOCKSOURCE,
  KVM_FEATURE_CLOCKSOURCE2,
  KVM_FEATURE_POLL_CONTROL,
  KVM_FEATURE_PV_EOI,
  KVM_FEATURE_STEAL_TIME,
  KVM_MSR_ENABLED,
  MSR_KVM_ASYNC_PF_ACK,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
  MSR_KVM_POLL_CONTROL,
  MSR_KVM_PV_EOI_EN,
  MSR_KVM_STEAL_TIME,
  MSR_KVM_SYSTEM_TIME,
  MSR_KVM_SYSTEM_TIME_NEW,
  MSR_KVM_WALL_CLOCK,
  MSR_KVM_WALL_CLOCK_NEW,
  V_APIC_ATTENTION,
  V_ASYNC_PF,
  V_ASYNC_PF_INT,
  V_KVMCLOCK,
  V_POLL_CONTROL,
  V_PV_EOI,
  V_STEAL_TIME,
} from '../abi/pv';
import { V_MSR_VALUE } from '../abi/vcpu_page';
import { vm_base } from '../host';
import { in_slot } from '../memory/guest_data';
import { lapic_from_guest } from '../memory/lapic_words';
import { set_system_time, set_wall_clock } from '../pv/clock';
import { STEAL_RESERVED, set_steal_time } from '../pv/steal_time';
import { has_irqchip } from '../state/vcpu';
import { has_feature } from './pv_features';

// Bits of MSR_KVM_ASYNC_PF_EN.
const ASYNC_PF_RESERVED: u64 = 0x30;
const ASYNC_PF_AS_VMEXIT: u64 = 4;
const ASYNC_PF_AS_INT: u64 = 8;
const ASYNC_PF_ADDRESS: u64 = ~0x3f;

/** An MSR of KVM: 0x11 and 0x12, and its own range. */
export function is_pv_msr(index: u32): bool {
  return (
    index - MSR_KVM_WALL_CLOCK_NEW <= MSR_KVM_ASYNC_PF_ACK - MSR_KVM_WALL_CLOCK_NEW ||
    index == MSR_KVM_WALL_CLOCK ||
    index == MSR_KVM_SYSTEM_TIME
  );
}

/** The feature that brings an MSR. */
function feature_of(index: u32): u32 {
  switch (index) {
    case MSR_KVM_WALL_CLOCK_NEW:
    case MSR_KVM_SYSTEM_TIME_NEW:
      return KVM_FEATURE_CLOCKSOURCE2;
    case MSR_KVM_ASYNC_PF_EN:
      return KVM_FEATURE_ASYNC_PF;
    case MSR_KVM_STEAL_TIME:
      return KVM_FEATURE_STEAL_TIME;
    case MSR_KVM_PV_EOI_EN:
      return KVM_FEATURE_PV_EOI;
    case MSR_KVM_POLL_CONTROL:
      return KVM_FEATURE_POLL_CONTROL;
    case MSR_KVM_ASYNC_PF_INT:
    case MSR_KVM_ASYNC_PF_ACK:
      return KVM_FEATURE_ASYNC_PF_INT;
    default:
      return KVM_FEATURE_CLOCKSOURCE;
  }
}

function value_of(v: u32, index: u32): u64 {
  switch (index) {
    case MSR_KVM_SYSTEM_TIME:
    case MSR_KVM_SYSTEM_TIME_NEW:
      return load<u64>(v + V_KVMCLOCK);
    case MSR_KVM_ASYNC_PF_EN:
      return load<u64>(v + V_ASYNC_PF);
    case MSR_KVM_STEAL_TIME:
      return load<u64>(v + V_STEAL_TIME);
    case MSR_KVM_PV_EOI_EN:
      return load<u64>(v + V_PV_EOI);
    case MSR_KVM_POLL_CONTROL:
      return load<u64>(v + V_POLL_CONTROL);
    case MSR_KVM_ASYNC_PF_INT:
      return load<u64>(v + V_ASYNC_PF_INT);
    case MSR_KVM_ASYNC_PF_ACK:
      return 0;
    default:
      return load<u64>(vm_base + CLOCK_PAGE + CLOCK_WALL);
  }
}

/** Reads an MSR of KVM into V_MSR_VALUE; false when the guest has no such feature. */
export function read_pv_msr(v: u32, index: u32): bool {
  if (!has_feature(v, feature_of(index))) return false;
  store<u64>(v + V_MSR_VALUE, value_of(v, index));
  return true;
}

/** Guest memory is always there, so no page fault is ever put off: what the guest wants told is kept. */
function set_async_pf(v: u32, value: u64): bool {
  if (value & ASYNC_PF_RESERVED) return false;
  if (value & ASYNC_PF_AS_VMEXIT && !has_feature(v, KVM_FEATURE_ASYNC_PF_VMEXIT)) return false;
  if (value & ASYNC_PF_AS_INT && !has_feature(v, KVM_FEATURE_ASYNC_PF_INT)) return false;
  if (!has_irqchip()) return value == 0;
  const enabled = ASYNC_PF_AS_INT | KVM_MSR_ENABLED;
  if ((value & enabled) == enabled && !in_slot(value & ASYNC_PF_ADDRESS)) return false;
  store<u64>(v + V_ASYNC_PF, value);
  return true;
}

/** A vector. Without a local APIC in the core it may be 0 only, so that a saved vCPU can be restored. */
function set_async_pf_int(v: u32, value: u64): bool {
  if (value >> 8 != 0 || (value != 0 && !has_irqchip())) return false;
  store<u64>(v + V_ASYNC_PF_INT, value);
  return true;
}

/** The address of a bit: a multiple of 4 that some slot holds. */
function set_pv_eoi(v: u32, value: u64): bool {
  const gpa = value & ~(KVM_MSR_ENABLED as u64);
  const on = (value & KVM_MSR_ENABLED) != 0;
  if (gpa & 3 || (on && !in_slot(gpa))) return false;
  lapic_from_guest(v);
  const attention = load<u32>(v + V_APIC_ATTENTION) & ~ATTENTION_EOI;
  store<u64>(v + V_PV_EOI, value);
  store<u32>(v + V_APIC_ATTENTION, on && has_irqchip() ? attention | ATTENTION_EOI : attention);
  return true;
}

/** Writes an MSR of KVM; false when the guest has no such feature, or for bits that must be 0. */
export function write_pv_msr(v: u32, index: u32, value: u64): bool {
  if (!has_feature(v, feature_of(index))) return false;
  switch (index) {
    case MSR_KVM_SYSTEM_TIME:
    case MSR_KVM_SYSTEM_TIME_NEW:
      set_system_time(v, value, index == MSR_KVM_SYSTEM_TIME);
      return true;
    case MSR_KVM_ASYNC_PF_EN:
      return set_async_pf(v, value);
    case MSR_KVM_STEAL_TIME:
      if (value & STEAL_RESERVED) return false;
      set_steal_time(v, value);
      return true;
    case MSR_KVM_PV_EOI_EN:
      return set_pv_eoi(v, value);
    case MSR_KVM_POLL_CONTROL:
      if (value >> 1 != 0) return false;
      store<u64>(v + V_POLL_CONTROL, value);
      return true;
    case MSR_KVM_ASYNC_PF_INT:
      return set_async_pf_int(v, value);
    case MSR_KVM_ASYNC_PF_ACK:
      // There is never a page-ready event to acknowledge.
      return true;
    default:
      set_wall_clock(v, value);
      return true;
  }
}
