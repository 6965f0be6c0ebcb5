// KVM_X86_SET_MSR_FILTER: whether the guest may use an MSR. Knows no MSR.
import {
  FILTER_ALLOWS,
  FILTER_COUNT,
  FILTER_RANGES,
  RANGE_BASE,
  RANGE_BITMAP,
  RANGE_FLAGS,
  RANGE_MSRS,
  RANGE_SIZE,
  VM_MSR_FILTER,
} from '../abi/calls';
import { VM_PAGE } from '../abi/map';
import { vm_base } from '../host';

/** MSRs of the x2APIC are never filtered, as in KVM. */
function is_x2apic(index: u32): bool {
  return index >= 0x800 && index <= 0x8ff;
}

/** `access` is KVM_MSR_FILTER_READ or KVM_MSR_FILTER_WRITE. The first range that names the MSR decides. */
export function msr_allowed(index: u32, access: u32): bool {
  const place = atomic.load<u32>(vm_base + VM_PAGE + VM_MSR_FILTER);
  if (place == 0 || is_x2apic(index)) return true;
  const filter = vm_base + place;
  const end = filter + FILTER_RANGES + load<u32>(filter + FILTER_COUNT) * RANGE_SIZE;
  for (let range = filter + FILTER_RANGES; range < end; range += RANGE_SIZE) {
    const bit = index - load<u32>(range + RANGE_BASE);
    if (bit >= load<u32>(range + RANGE_MSRS) || (load<u32>(range + RANGE_FLAGS) & access) == 0) continue;
    const byte: u32 = load<u8>(filter + load<u32>(range + RANGE_BITMAP) + (bit >> 3));
    return ((byte >> (bit & 7)) & 1) != 0;
  }
  return load<u32>(filter + FILTER_ALLOWS) != 0;
}
