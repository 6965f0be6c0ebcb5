// kvmclock as a guest sees it: the page of each vCPU from which it works out the time by its TSC, and the wall clock. What
// kvmclock is, is irqchip/clock.ts.
//
// All pages of a VM count from one moment (CLOCK_BASE), so that vCPUs agree and nobody's clock goes back when one of them
// is written anew. TSC and kvmclock both follow machine time: while that stands, and after it, the pages stay right.
import { CLOCK_OFFSET } from '../abi/irqchip';
import { CLOCK_PAGE, VM_PAGE, VM_TIME_ORIGIN, VM_VCPUS } from '../abi/map';
import {
  CLOCK_BASE,
  CLOCK_OLD,
  CLOCK_WALL,
  KVM_MSR_ENABLED,
  PV_CLOCK,
  PVCLOCK_FLAGS,
  PVCLOCK_GUEST_STOPPED,
  PVCLOCK_SIZE,
  PVCLOCK_SYSTEM_TIME,
  PVCLOCK_TSC_SHIFT,
  PVCLOCK_TSC_STABLE_BIT,
  PVCLOCK_TSC_TIMESTAMP,
  PVCLOCK_TSC_TO_SYSTEM_MUL,
  PVCLOCK_VERSION,
  V_KVMCLOCK,
  V_KVMCLOCK_STOPPED,
  V_PV_REQUESTS,
  WALL_CLOCK_NSEC,
  WALL_CLOCK_SEC,
  WALL_CLOCK_SIZE,
} from '../abi/pv';
import { REQ_EVENTS, V_ID, V_REQUESTS, V_TSC_OFFSET } from '../abi/vcpu_page';
import { host_now, vm_base } from '../host';
import { clock_now } from '../irqchip/clock';
import { guest_data } from '../memory/guest_data';
import { guest_written } from '../memory/slots';
import { begin_update, end_update } from '../memory/version';
import { tsc_khz, tsc_ticks } from '../state/tsc';
import { vcpu_page } from '../state/vcpu';

const MS: u64 = 1000000;
const SECOND: u64 = 1000000000;

/** How far a TSC of `khz` is shifted left (right where negative) before it is multiplied: the factor then fits 32 bits. */
function shift_of(khz: u64): i32 {
  let shift: i32 = 0;
  while (khz << (shift as u64) <= MS) shift++;
  while (shift <= 0 && khz > (2 * MS) << (-shift as u64)) shift--;
  return shift;
}

/** Asks every vCPU of the VM that has a page to write it before its guest goes on. */
function request_pages(): void {
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const v = vcpu_page(ctz<u32>(left));
    if ((load<u32>(v + V_KVMCLOCK) & KVM_MSR_ENABLED) == 0) continue;
    atomic.or<u32>(v + V_PV_REQUESTS, PV_CLOCK);
    atomic.or<u32>(v + V_REQUESTS, REQ_EVENTS);
  }
}

/** A TSC was written: from now on all pages count from this moment. */
export function tsc_changed(): void {
  atomic.store<u64>(vm_base + CLOCK_PAGE + CLOCK_BASE, host_now());
  request_pages();
}

/** All vCPUs have one TSC, and vCPU 0 knows of flags: the pages of all say the same at any moment. */
function is_stable(v: u32): bool {
  if (load<u32>(vm_base + CLOCK_PAGE + CLOCK_OLD)) return false;
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const other = vcpu_page(ctz<u32>(left));
    if (load<u64>(other + V_TSC_OFFSET) != load<u64>(v + V_TSC_OFFSET)) return false;
    if (tsc_khz(other) != tsc_khz(v)) return false;
  }
  return true;
}

/** MSR_KVM_SYSTEM_TIME, by its old or its new number. */
export function set_system_time(v: u32, value: u64, old: bool): void {
  if (load<u32>(v + V_ID) == 0) store<u32>(vm_base + CLOCK_PAGE + CLOCK_OLD, old as u32);
  store<u64>(v + V_KVMCLOCK, value);
  request_pages();
}

/** Writes the page of a vCPU, on its own thread; nothing where no page can be. As in KVM it lies in one page of memory. */
export function update_clock(v: u32): void {
  const value = load<u64>(v + V_KVMCLOCK);
  if ((value & KVM_MSR_ENABLED) == 0) return;
  const gpa = value & ~(KVM_MSR_ENABLED as u64);
  if ((gpa & 0xfff) + PVCLOCK_SIZE > 0x1000) return;
  const at = guest_data(gpa, PVCLOCK_SIZE, true);
  const khz = tsc_khz(v);
  if (at == 0 || khz == 0) return;
  const shift = shift_of(khz);
  const base = atomic.load<u64>(vm_base + CLOCK_PAGE + CLOCK_BASE);
  begin_update(at + PVCLOCK_VERSION);
  // The guest takes this flag away itself, when it has seen it.
  let flags: u32 = load<u8>(at + PVCLOCK_FLAGS) & PVCLOCK_GUEST_STOPPED;
  if (load<u32>(v + V_KVMCLOCK_STOPPED)) flags |= PVCLOCK_GUEST_STOPPED;
  store<u32>(v + V_KVMCLOCK_STOPPED, 0);
  if (is_stable(v)) flags |= PVCLOCK_TSC_STABLE_BIT;
  store<u64>(at + PVCLOCK_TSC_TIMESTAMP, tsc_ticks(v, base) + load<u64>(v + V_TSC_OFFSET));
  store<u64>(at + PVCLOCK_SYSTEM_TIME, base + load<u64>(vm_base + CLOCK_PAGE + CLOCK_OFFSET));
  store<u32>(at + PVCLOCK_TSC_TO_SYSTEM_MUL, (((MS << ((32 - shift) as u64)) + khz / 2) / khz) as u32);
  store<u8>(at + PVCLOCK_TSC_SHIFT, shift as u8);
  store<u16>(at + PVCLOCK_FLAGS + 1, 0);
  store<u8>(at + PVCLOCK_FLAGS, flags as u8);
  end_update(at + PVCLOCK_VERSION);
  guest_written(v, gpa, PVCLOCK_SIZE);
}

/** MSR_KVM_WALL_CLOCK: writes the wall-clock time at which kvmclock was 0. In the deterministic engine it is a fixed one. */
export function set_wall_clock(v: u32, gpa: u64): void {
  store<u64>(vm_base + CLOCK_PAGE + CLOCK_WALL, gpa);
  const at = gpa == 0 ? 0 : guest_data(gpa, WALL_CLOCK_SIZE, true);
  if (at == 0) return;
  const wall = ((load<f64>(vm_base + VM_PAGE + VM_TIME_ORIGIN) * 1e6) as u64) + host_now() - clock_now();
  begin_update(at);
  store<u32>(at + WALL_CLOCK_SEC, (wall / SECOND) as u32);
  store<u32>(at + WALL_CLOCK_NSEC, (wall % SECOND) as u32);
  end_update(at);
  guest_written(v, gpa, WALL_CLOCK_SIZE);
}
