// Reference time (TLFS, 12): units of 100 ns since the partition began, by MSR and by a page from which guests work it out
// from their TSC. It follows kvmclock.
import {
  HV_PAGE_ENABLE,
  VM_HV_LOCK,
  VM_HV_TSC_OFFSET,
  VM_HV_TSC_PAGE,
  VM_HV_TSC_SCALE,
  VM_HV_TSC_SEQUENCE,
} from '../abi/hyperv';
import { VM_PAGE, VM_VCPUS } from '../abi/map';
import { V_TSC_OFFSET } from '../abi/vcpu_page';
import { vm_base } from '../host';
import { clock_now } from '../irqchip/clock';
import { guest_data } from '../memory/guest_data';
import { guest_written } from '../memory/slots';
import { mul_high_unsigned } from '../state/product';
import { sleep } from '../state/sleep';
import { read_tsc, tsc_khz } from '../state/tsc';
import { vcpu_page } from '../state/vcpu';

const UNIT_NS: u64 = 100;
/** Units of reference time in a millisecond. */
const UNITS_PER_MS: u64 = 10000;
const PATIENCE: i64 = 1000000;
// The page: sequence u32, reserved u32, scale u64, offset i64.
const PAGE_SEQUENCE: u32 = 0;
const PAGE_SCALE: u32 = 8;
const PAGE_OFFSET: u32 = 16;
const PAGE_BYTES: u32 = 24;

/** Reference time by a vCPU: what its page says, so that the guest never sees two clocks. */
export function reference_time(v: u32): u64 {
  const vm = vm_base + VM_PAGE;
  const sequence = atomic.load<u32>(vm + VM_HV_TSC_SEQUENCE);
  if (sequence != 0) {
    const scale = atomic.load<u64>(vm + VM_HV_TSC_SCALE);
    const offset = atomic.load<u64>(vm + VM_HV_TSC_OFFSET);
    if (atomic.load<u32>(vm + VM_HV_TSC_SEQUENCE) == sequence)
      return mul_high_unsigned(read_tsc(v), scale) + offset;
  }
  return clock_now() / UNIT_NS;
}

/** 2^64 units for each tick; 0 when a TSC is so slow that it does not fit. */
function scale_of(khz: u64): u64 {
  if (khz <= UNITS_PER_MS) return 0;
  const high = (UNITS_PER_MS << 32) / khz;
  const rest = (UNITS_PER_MS << 32) % khz;
  return (high << 32) + (rest << 32) / khz;
}

/** All vCPUs count alike, so that one page serves them; the first of them, or 0. */
function alike(): u32 {
  const made = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS);
  if (made == 0) return 0;
  const first = vcpu_page(ctz<u32>(made));
  for (let left = made & (made - 1); left != 0; left &= left - 1) {
    const other = vcpu_page(ctz<u32>(left));
    if (tsc_khz(other) != tsc_khz(first)) return 0;
    if (load<u64>(other + V_TSC_OFFSET) != load<u64>(first + V_TSC_OFFSET)) return 0;
  }
  return first;
}

/** Writes the page anew: not valid while it changes, and for good where vCPUs differ. `v` is who writes. */
function write_page(v: u32): void {
  const vm = vm_base + VM_PAGE;
  const last = atomic.load<u32>(vm + VM_HV_TSC_SEQUENCE);
  atomic.store<u32>(vm + VM_HV_TSC_SEQUENCE, 0);
  const msr = load<u64>(vm + VM_HV_TSC_PAGE);
  if ((msr & HV_PAGE_ENABLE) == 0) return;
  const gpa = msr & ~0xfff;
  const page = guest_data(gpa, PAGE_BYTES, true);
  if (page == 0) return;
  const seen = atomic.load<u32>(page + PAGE_SEQUENCE);
  atomic.store<u32>(page + PAGE_SEQUENCE, 0);
  const one = alike();
  const scale = one ? scale_of(tsc_khz(one)) : 0;
  if (scale != 0) {
    const offset = clock_now() / UNIT_NS - mul_high_unsigned(read_tsc(one), scale);
    store<u32>(page + PAGE_SEQUENCE + 4, 0);
    atomic.store<u64>(page + PAGE_SCALE, scale);
    atomic.store<u64>(page + PAGE_OFFSET, offset);
    atomic.store<u64>(vm + VM_HV_TSC_SCALE, scale);
    atomic.store<u64>(vm + VM_HV_TSC_OFFSET, offset);
    // Neither 0 nor all ones, which mean that the page is not valid.
    let next: u32 = (last > seen ? last : seen) + 1;
    if (next == 0 || next == u32.MAX_VALUE) next = 1;
    atomic.store<u32>(page + PAGE_SEQUENCE, next);
    atomic.store<u32>(vm + VM_HV_TSC_SEQUENCE, next);
  }
  guest_written(v, gpa, PAGE_BYTES);
}

/** Writes HV_X64_MSR_REFERENCE_TSC. A page outside guest memory is never valid, and no fault, as in KVM. */
export function set_reference_page(v: u32, value: u64): void {
  const lock = vm_base + VM_PAGE + VM_HV_LOCK;
  while (atomic.cmpxchg<u32>(lock, 0, 1) != 0) sleep(lock, 1, PATIENCE);
  store<u64>(vm_base + VM_PAGE + VM_HV_TSC_PAGE, value);
  write_page(v);
  atomic.store<u32>(lock, 0);
  atomic.notify(lock, 1);
}

/** A vCPU's TSC, its frequency, or kvmclock has jumped: the page follows. `v` 0 = the host did it. */
export function reference_time_moved(v: u32): void {
  const msr = load<u64>(vm_base + VM_PAGE + VM_HV_TSC_PAGE);
  if (msr & HV_PAGE_ENABLE) set_reference_page(v, msr);
}
