// Steal time: how long a vCPU could have run and did not, told in the guest's memory, and whether it waits just now. Who
// notices a wait is state/waiting.ts.
import {
  KVM_MSR_ENABLED,
  KVM_VCPU_FLUSH_TLB,
  KVM_VCPU_PREEMPTED,
  PV_STEAL,
  STEAL_TIME_PREEMPTED,
  STEAL_TIME_SIZE,
  STEAL_TIME_STEAL,
  STEAL_TIME_VERSION,
  V_PREEMPTED,
  V_PV_REQUESTS,
  V_STEAL_TIME,
  V_STOLEN,
} from '../abi/pv';
import { V_STATE, VCPU_IN, VCPU_OUT } from '../abi/vcpu_page';
import { guest_data } from '../memory/guest_data';
import { guest_written } from '../memory/slots';
import { flush_tlb } from '../memory/tlb';
import { begin_update, end_update } from '../memory/version';
import { begin_wait, end_wait, tells_steal } from '../state/waiting';

/** Address bits of MSR_KVM_STEAL_TIME; those below them and above bit 0 are reserved. */
const ADDRESS: u64 = ~0x3f;
export const STEAL_RESERVED: u64 = 0x3e;

function struct_at(v: u32): u32 {
  return guest_data(load<u64>(v + V_STEAL_TIME) & ADDRESS, STEAL_TIME_SIZE, true);
}

function written(v: u32): void {
  guest_written(v, load<u64>(v + V_STEAL_TIME) & ADDRESS, STEAL_TIME_SIZE);
}

/** MSR_KVM_STEAL_TIME, a value without reserved bits. */
export function set_steal_time(v: u32, value: u64): void {
  store<u64>(v + V_STEAL_TIME, value);
  if (value & KVM_MSR_ENABLED) atomic.or<u32>(v + V_PV_REQUESTS, PV_STEAL);
}

/** The vCPU goes on, on its own thread: tells what was stolen, and flushes the TLB for others who found it waiting. */
export function update_steal_time(v: u32): void {
  if (!tells_steal(v)) return;
  const stolen = load<u64>(v + V_STOLEN) + end_wait(v);
  store<u64>(v + V_STOLEN, stolen);
  const at = struct_at(v);
  if (at == 0) return;
  store<u32>(v + V_PREEMPTED, 0);
  if (atomic.xchg<u8>(at + STEAL_TIME_PREEMPTED, 0) & KVM_VCPU_FLUSH_TLB) flush_tlb(v);
  begin_update(at + STEAL_TIME_VERSION);
  store<u64>(at + STEAL_TIME_STEAL, load<u64>(at + STEAL_TIME_STEAL) + stolen);
  end_update(at + STEAL_TIME_VERSION);
  store<u64>(v + V_STOLEN, 0);
  written(v);
}

/**
 * The engine lets a vCPU wait that could go on, after its turn: from now on time is stolen. `preempted` says that an
 * instruction has ended, so that other vCPUs may be told that it stands.
 */
export function vcpu_waits(v: u32, preempted: bool): void {
  if (!tells_steal(v)) return;
  begin_wait(v);
  if (!preempted || load<u32>(v + V_PREEMPTED)) return;
  // While it is in the core, no slot that it has found goes.
  atomic.store<u32>(v + V_STATE, VCPU_IN);
  const at = struct_at(v);
  if (at) {
    store<u32>(v + V_PREEMPTED, 1);
    atomic.store<u8>(at + STEAL_TIME_PREEMPTED, KVM_VCPU_PREEMPTED as u8);
    written(v);
  }
  atomic.store<u32>(v + V_STATE, VCPU_OUT);
  atomic.notify(v + V_STATE, -1);
}
