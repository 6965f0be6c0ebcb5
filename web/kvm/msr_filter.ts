// KVM_X86_SET_MSR_FILTER: which MSRs the guest may use, as ranges with bitmaps in the VM's memory. The core reads them.

import {
  FILTER_ALLOWS,
  FILTER_BITMAPS,
  FILTER_COUNT,
  FILTER_RANGES,
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  KVM_MSR_FILTER_MAX_RANGES,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  MSR_FILTER_STRIDE,
  MSR_FILTERS,
  RANGE_BASE,
  RANGE_BITMAP,
  RANGE_FLAGS,
  RANGE_MSRS,
  RANGE_SIZE,
  VM_MSR_FILTER,
} from '../../assembly/abi/calls.ts';
import { REQ_EVENTS } from '../../assembly/abi/vcpu_page.ts';
import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { requestAll } from './requests.ts';

/** KVM_MSR_FILTER_*: which accesses a range filters, and the default of a whole filter. */
export const KVM_MSR_FILTER = {
  READ: KVM_MSR_FILTER_READ,
  WRITE: KVM_MSR_FILTER_WRITE,
  DEFAULT_ALLOW: 0,
  DEFAULT_DENY: 1,
} as const;

/** struct kvm_msr_filter_range with the bitmap itself: bit n allows MSR base + n. */
export interface MsrFilterRange {
  /** KVM_MSR_FILTER READ, WRITE or both. */
  readonly flags: number;
  readonly base: number;
  readonly nmsrs: number;
  readonly bitmap: Uint8Array;
}

/** struct kvm_msr_filter: up to 16 ranges; the first that names an MSR and the access decides. */
export interface MsrFilter {
  /** KVM_MSR_FILTER DEFAULT_ALLOW or DEFAULT_DENY: what holds outside the ranges. */
  readonly flags?: number;
  readonly ranges?: readonly MsrFilterRange[];
}

/** Bytes of a range's bitmap: whole 64-bit words. */
export function filterBitmapBytes(nmsrs: number): number {
  return Math.ceil(nmsrs / 64) * 8;
}

function check({ flags, nmsrs, bitmap }: MsrFilterRange): void {
  if (flags === 0 || flags & ~(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)) {
    throw new KvmError('EINVAL', `a range's flags are READ (1), WRITE (2) or both; ${flags} were given.`);
  }
  if (filterBitmapBytes(nmsrs) > KVM_MSR_FILTER_MAX_BITMAP_SIZE) {
    throw new KvmError(
      'EINVAL',
      `a range has at most ${KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8} MSRs; ${nmsrs} were given.`,
    );
  }
  if (bitmap.length < Math.ceil(nmsrs / 8)) {
    throw new KvmError('EFAULT', `the bitmap has ${bitmap.length} bytes; ${nmsrs} MSRs need more.`);
  }
}

/**
 * KVM_X86_SET_MSR_FILTER: replaces the filter. A filter without ranges that allows everything ends filtering. EINVAL for
 * flags that do not exist, more than 16 ranges, a range too long, and a filter that denies everything; EFAULT for a
 * bitmap too short.
 */
export function setMsrFilter(memory: MachineMemory, { flags = 0, ranges = [] }: MsrFilter): void {
  if (flags & ~KVM_MSR_FILTER.DEFAULT_DENY) {
    throw new KvmError('EINVAL', `a filter's flags are DEFAULT_ALLOW (0) or DEFAULT_DENY (1), not ${flags}.`);
  }
  if (ranges.length > KVM_MSR_FILTER_MAX_RANGES) {
    throw new KvmError('EINVAL', `a filter has at most ${KVM_MSR_FILTER_MAX_RANGES} ranges.`);
  }
  const used = ranges.filter(({ nmsrs }) => nmsrs > 0);
  if (used.length === 0 && flags === KVM_MSR_FILTER.DEFAULT_DENY) {
    throw new KvmError('EINVAL', 'a filter that denies every MSR is refused; allow some with a range.');
  }
  used.forEach(check);
  const word = memory.vm + VM_MSR_FILTER;
  if (used.length === 0) {
    memory.store(word, 0);
    requestAll(memory, REQ_EVENTS);
    return;
  }
  // The place that is not in force: who read it before has acknowledged a request since.
  const place = memory.load(word) === MSR_FILTERS ? MSR_FILTERS + MSR_FILTER_STRIDE : MSR_FILTERS;
  const at = memory.base + place;
  memory.setU32(at + FILTER_ALLOWS, flags === KVM_MSR_FILTER.DEFAULT_DENY ? 0 : 1);
  memory.setU32(at + FILTER_COUNT, used.length);
  let bitmaps = FILTER_BITMAPS;
  used.forEach((range, n) => {
    const entry = at + FILTER_RANGES + n * RANGE_SIZE;
    memory.setU32(entry + RANGE_BASE, range.base);
    memory.setU32(entry + RANGE_MSRS, range.nmsrs);
    memory.setU32(entry + RANGE_FLAGS, range.flags);
    memory.setU32(entry + RANGE_BITMAP, bitmaps);
    memory
      .bytes(at + bitmaps, Math.ceil(range.nmsrs / 8))
      .set(range.bitmap.subarray(0, Math.ceil(range.nmsrs / 8)));
    bitmaps += filterBitmapBytes(range.nmsrs);
  });
  memory.store(word, place);
  requestAll(memory, REQ_EVENTS);
}
