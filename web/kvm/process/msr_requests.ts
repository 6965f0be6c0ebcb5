// Lists of MSRs in ioctls: entries in and out, the filter and its bitmaps. Which MSRs there are, the typed API knows.

import { KVM_MSR_FILTER_MAX_BITMAP_SIZE } from '../../../assembly/abi/calls.ts';
import {
  encodeRequest,
  KVM_MSR_FILTER_MAX_RANGES,
  KvmError,
  type KvmMsrEntry,
  kvm_msr_filter,
  kvm_msrs,
  type Struct,
} from '../abi/index.ts';
import { array, record, u32 } from '../abi/layout.ts';
import { filterBitmapBytes, type MsrFilter } from '../msr_filter.ts';
import type { AddressSpace } from './address_space.ts';
import { type Argument, pointerOf } from './argument.ts';

/** MAX_IO_MSRS: so many entries and more in one KVM_GET_MSRS or KVM_SET_MSRS are too many. */
const IO_MSRS_MAX = 256;

/** The entries of struct kvm_msrs. E2BIG, EFAULT. */
export function readMsrs(argument: Argument): KvmMsrEntry[] {
  const { nmsrs } = argument.read(kvm_msrs);
  if (nmsrs >= IO_MSRS_MAX) {
    throw new KvmError('E2BIG', `${nmsrs} entries were given; ${IO_MSRS_MAX - 1} is the most.`);
  }
  return argument.read(kvm_msrs, nmsrs).entries;
}

/** KVM_GET_MSRS: fills the entries that `read` answers and returns their number. */
export function getMsrs(argument: Argument, read: (indices: number[]) => readonly KvmMsrEntry[]): number {
  const asked = readMsrs(argument);
  const entries = read(asked.map(({ index }) => index));
  argument.write(kvm_msrs, { nmsrs: asked.length, entries });
  return entries.length;
}

/** struct kvm_msr_filter of a 32-bit process, whose pointers are narrower. */
const kvm_msr_filter_compat = record('kvm_msr_filter_compat', {
  flags: u32,
  ranges: array(
    record('kvm_msr_filter_range_compat', { flags: u32, nmsrs: u32, base: u32, bitmap: u32 }),
    KVM_MSR_FILTER_MAX_RANGES,
  ),
});
/** KVM_X86_SET_MSR_FILTER_COMPAT: the number that follows from the smaller struct. */
export const SET_MSR_FILTER_COMPAT = encodeRequest('W', 0xc6, kvm_msr_filter_compat.size);

interface GivenFilter {
  readonly flags: number;
  readonly ranges: readonly { flags: number; nmsrs: number; base: number; bitmap: bigint | number }[];
}

/** The filter with its bitmaps. EFAULT, EINVAL for a bitmap longer than any. */
function filterOf(given: GivenFilter, space: AddressSpace): MsrFilter {
  const ranges = given.ranges
    .filter(({ nmsrs }) => nmsrs > 0)
    .map(({ flags, nmsrs, base, bitmap }) => {
      const bytes = filterBitmapBytes(nmsrs);
      if (bytes > KVM_MSR_FILTER_MAX_BITMAP_SIZE) {
        throw new KvmError('EINVAL', `a range of ${nmsrs} MSRs is too long.`);
      }
      return { flags, nmsrs, base, bitmap: space.bytes(pointerOf(bitmap), bytes).slice() };
    });
  return { flags: given.flags, ranges };
}

/** The filter that an argument points at, in the 64-bit form or in that of a 32-bit process. EFAULT, EINVAL. */
export function readMsrFilter(argument: Argument, space: AddressSpace, isCompat: boolean): MsrFilter {
  const struct: Struct<GivenFilter> = isCompat ? kvm_msr_filter_compat : kvm_msr_filter;
  return filterOf(argument.read(struct), space);
}
