// The synthetic interrupt controller (TLFS, 11): its MSRs, messages into the guest's message page, and what follows when an
// interrupt of it has ended. Its interrupts themselves are irqchip/sint.ts.
import {
  HV_EXIT_SYNIC,
  HV_PAGE_ENABLE,
  HV_SINT_MASKED,
  HV_SINT_VECTOR,
  HV_SYNIC_OFF,
  HV_SYNIC_ZEROES,
  HV_X64_MSR_EOM,
  HV_X64_MSR_SCONTROL,
  HV_X64_MSR_SIEFP,
  HV_X64_MSR_SIMP,
  HV_X64_MSR_SINT0,
  HV_X64_MSR_SVERSION,
  V_HV_ACKED,
  V_HV_EXIT,
  V_HV_EXIT_MSR,
  V_HV_SCONTROL,
  V_HV_SIEFP,
  V_HV_SIMP,
  V_HV_SINT,
  V_HV_SINTS,
  V_HV_SVERSION,
  V_HV_SYNIC,
} from '../abi/hyperv';
import { PAGE_SIZE } from '../abi/map';
import { REQ_EVENTS, V_REQUESTS } from '../abi/vcpu_page';
import { sint_raise } from '../irqchip/sint';
import { guest_data } from '../memory/guest_data';
import { guest_written } from '../memory/slots';

const ALL_SINTS: u32 = 0xffff;
const FIRST_VECTOR: u64 = 16;
/** Bytes of a SINT's message, of the header in it, and of what may follow. */
const MESSAGE_SIZE: u32 = 256;
const MESSAGE_TYPE: u32 = 0; // u32, 0 = the slot is free
const MESSAGE_PAYLOAD_SIZE: u32 = 4; // u8
const MESSAGE_FLAGS: u32 = 5; // u8
const MESSAGE_SENDER: u32 = 8; // u64
export const MESSAGE_PAYLOAD: u32 = 16;
/** MESSAGE_FLAGS: another message waits, so the guest writes EOM. */
const MESSAGE_PENDING: u8 = 1;

/** What became of a message. */
export const MESSAGE_SENT: u32 = 0;
/** The slot holds an earlier one: try again when the guest has taken that. */
export const MESSAGE_WAITS: u32 = 1;
export const MESSAGE_LOST: u32 = 2;

export function has_synic(v: u32): bool {
  return load<u32>(v + V_HV_SYNIC) != HV_SYNIC_OFF;
}

/** At the next block edge the vCPU looks at what it has to do; it is this thread's own, so nobody is woken. */
export function look_again(v: u32): void {
  atomic.or<u32>(v + V_REQUESTS, REQ_EVENTS);
}

/** Reads a SynIC MSR into `to`; false when it does not exist. Without a SynIC only the host sees it. */
export function read_synic(v: u32, index: u32, to: u32, host: bool): bool {
  if (!has_synic(v) && !host) return false;
  let value: u64 = 0;
  switch (index) {
    case HV_X64_MSR_SCONTROL:
      value = load<u64>(v + V_HV_SCONTROL);
      break;
    case HV_X64_MSR_SVERSION:
      value = load<u64>(v + V_HV_SVERSION) + 1;
      break;
    case HV_X64_MSR_SIEFP:
      value = load<u64>(v + V_HV_SIEFP);
      break;
    case HV_X64_MSR_SIMP:
      value = load<u64>(v + V_HV_SIMP);
      break;
    case HV_X64_MSR_EOM:
      break;
    default:
      if (index < HV_X64_MSR_SINT0) return false;
      value = load<u64>(v + V_HV_SINT + (index - HV_X64_MSR_SINT0) * 8) ^ HV_SINT_MASKED;
  }
  store<u64>(to, value);
  return true;
}

/** Tells user space that the guest has set up its SynIC (KVM_EXIT_HYPERV_SYNIC), after this instruction. */
function tell(v: u32, index: u32): void {
  store<u32>(v + V_HV_EXIT_MSR, index);
  store<u32>(v + V_HV_EXIT, load<u32>(v + V_HV_EXIT) | HV_EXIT_SYNIC);
  look_again(v);
}

/** SIEFP, SIMP: a page that the guest names is zeroed, unless user space wants it as it is (SYNIC2). */
function set_page(v: u32, home: u32, value: u64, index: u32, host: bool): bool {
  if (value & HV_PAGE_ENABLE && !host && load<u32>(v + V_HV_SYNIC) == HV_SYNIC_ZEROES) {
    const gpa = value & ~0xfff;
    const page = guest_data(gpa, PAGE_SIZE, true);
    if (page == 0) return false;
    memory.fill(page, 0, PAGE_SIZE);
    guest_written(v, gpa, PAGE_SIZE);
  }
  store<u64>(v + home, value);
  if (!host) tell(v, index);
  return true;
}

function set_sint(v: u32, n: u32, value: u64, host: bool): bool {
  const masked = (value & HV_SINT_MASKED) != 0;
  if ((value & HV_SINT_VECTOR) < FIRST_VECTOR && !host && !masked) return false;
  atomic.store<u64>(v + V_HV_SINT + n * 8, value ^ HV_SINT_MASKED);
  const bit: u32 = 1 << n;
  if (masked) atomic.and<u32>(v + V_HV_SINTS, ~bit);
  else atomic.or<u32>(v + V_HV_SINTS, bit);
  return true;
}

/** Writes a SynIC MSR; false when it does not exist or refuses the value. The host may write 0 where there is no SynIC. */
export function write_synic(v: u32, index: u32, value: u64, host: bool): bool {
  if (!has_synic(v) && (!host || value != 0)) return false;
  switch (index) {
    case HV_X64_MSR_SCONTROL:
      store<u64>(v + V_HV_SCONTROL, value);
      if (!host) tell(v, index);
      return true;
    case HV_X64_MSR_SVERSION:
      if (host) store<u64>(v + V_HV_SVERSION, value - 1);
      return host;
    case HV_X64_MSR_SIEFP:
      return set_page(v, V_HV_SIEFP, value, index, host);
    case HV_X64_MSR_SIMP:
      return set_page(v, V_HV_SIMP, value, index, host);
    case HV_X64_MSR_EOM:
      if (has_synic(v)) {
        atomic.or<u32>(v + V_HV_ACKED, ALL_SINTS);
        look_again(v);
      }
      return true;
    default:
      return index >= HV_X64_MSR_SINT0 && set_sint(v, index - HV_X64_MSR_SINT0, value, host);
  }
}

/** Address of a SINT's slot in the message page, 0 when the guest has none. */
function message_slot(v: u32, n: u32): u32 {
  const simp = load<u64>(v + V_HV_SIMP);
  if ((simp & HV_PAGE_ENABLE) == 0) return 0;
  return guest_data((simp & ~0xfff) + n * MESSAGE_SIZE, MESSAGE_SIZE, true);
}

function slot_written(v: u32, n: u32): void {
  guest_written(v, (load<u64>(v + V_HV_SIMP) & ~0xfff) + n * MESSAGE_SIZE, MESSAGE_SIZE);
}

/**
 * Puts a message of `type` with three u64 of payload into a SINT's slot and raises the SINT; MESSAGE_*. `once`: when the
 * slot is taken, the message is dropped.
 */
export function send_message(v: u32, n: u32, type: u32, a: u64, b: u64, c: u64, once: bool): u32 {
  const slot = message_slot(v, n);
  if (slot == 0) return MESSAGE_LOST;
  if (atomic.load<u32>(slot + MESSAGE_TYPE) != 0) {
    if (once) return MESSAGE_SENT;
    store<u8>(slot + MESSAGE_FLAGS, load<u8>(slot + MESSAGE_FLAGS) | MESSAGE_PENDING);
    slot_written(v, n);
    return MESSAGE_WAITS;
  }
  store<u64>(slot + MESSAGE_PAYLOAD, a);
  store<u64>(slot + MESSAGE_PAYLOAD + 8, b);
  store<u64>(slot + MESSAGE_PAYLOAD + 16, c);
  store<u32>(slot + MESSAGE_PAYLOAD_SIZE, 24);
  store<u64>(slot + MESSAGE_SENDER, 0);
  // The type last: it hands the slot to the guest.
  atomic.store<u32>(slot + MESSAGE_TYPE, type);
  slot_written(v, n);
  return sint_raise(v, n) == 1 ? MESSAGE_SENT : MESSAGE_LOST;
}

/** The guest has ended a SINT's interrupt: nothing waits behind its message any more. */
export function clear_pending(v: u32, n: u32): void {
  const slot = message_slot(v, n);
  if (slot == 0) return;
  const flags = load<u8>(slot + MESSAGE_FLAGS);
  if ((flags & MESSAGE_PENDING) == 0) return;
  store<u8>(slot + MESSAGE_FLAGS, flags & ~MESSAGE_PENDING);
  slot_written(v, n);
}
