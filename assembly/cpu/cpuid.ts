// The CPUID table of KVM_SET_CPUID2 (entries of struct kvm_cpuid_entry2 at VCPU_CPUID): look-up by KVM's rules, and the
// features that system instructions depend on. Writes no entry.
import { VCPU_CPUID, VCPU_PAGE } from '../abi/map';

/** Entries begin behind count and padding. */
const ENTRIES: u32 = 8;
const ENTRY_SIZE: u32 = 40;
const E_FUNCTION: u32 = 0;
const E_INDEX: u32 = 4;
const E_FLAGS: u32 = 8;
const E_EAX: u32 = 12;
const E_EBX: u32 = 16;
const E_ECX: u32 = 20;
const E_EDX: u32 = 24;
/** KVM_CPUID_FLAG_SIGNIFCANT_INDEX. */
const SIGNIFICANT_INDEX: u32 = 1;

/** Address of the entry of a leaf and sub-leaf, or 0. */
export function cpuid_entry(v: u32, leaf: u32, index: u32): u32 {
  const table = v - VCPU_PAGE + VCPU_CPUID;
  const end = table + ENTRIES + load<u32>(table) * ENTRY_SIZE;
  for (let e = table + ENTRIES; e < end; e += ENTRY_SIZE) {
    if (load<u32>(e + E_FUNCTION) != leaf) continue;
    if ((load<u32>(e + E_FLAGS) & SIGNIFICANT_INDEX) == 0 || load<u32>(e + E_INDEX) == index) return e;
  }
  return 0;
}

// Registers of an entry; 0 stands for a leaf that is not there.
export function entry_eax(e: u32): u32 {
  return e ? load<u32>(e + E_EAX) : 0;
}
export function entry_ebx(e: u32): u32 {
  return e ? load<u32>(e + E_EBX) : 0;
}
export function entry_ecx(e: u32): u32 {
  return e ? load<u32>(e + E_ECX) : 0;
}
export function entry_edx(e: u32): u32 {
  return e ? load<u32>(e + E_EDX) : 0;
}

/** "Auth" of "AuthenticAMD" and "Hygo" of "HygonGenuine": these vendors return zeros beyond the last leaf. */
function returns_zeros(e: u32): bool {
  return entry_ebx(e) == 0x68747541 || entry_ebx(e) == 0x6f677948;
}

/**
 * The entry that CPUID answers with. A leaf above the highest of its class gives what the highest basic leaf gives
 * (SDM vol. 2, CPUID: "if a value higher than the maximum is entered"); 0 = all zeros.
 */
export function cpuid_answer(v: u32, leaf: u32, index: u32): u32 {
  const exact = cpuid_entry(v, leaf, index);
  if (exact) return exact;
  const basic = cpuid_entry(v, 0, 0);
  if (basic == 0 || returns_zeros(basic)) return 0;
  let first: u32;
  if (leaf >= 0x40000000 && leaf <= 0x4fffffff) first = leaf & 0xffffff00;
  else if (leaf >= 0xc0000000) first = 0xc0000000;
  else first = leaf & 0x80000000;
  const top = cpuid_entry(v, first, 0);
  if (top && leaf <= entry_eax(top)) return 0;
  return cpuid_entry(v, entry_eax(basic), index);
}

/** CPUID.1:ECX. */
export function features_ecx(v: u32): u32 {
  return entry_ecx(cpuid_entry(v, 1, 0));
}
/** CPUID.7.0:EBX. */
export function extended_ebx(v: u32): u32 {
  return entry_ebx(cpuid_entry(v, 7, 0));
}
/** CPUID.7.0:ECX. */
export function extended_ecx(v: u32): u32 {
  return entry_ecx(cpuid_entry(v, 7, 0));
}
/** CPUID.80000001H:EDX. */
export function amd_edx(v: u32): u32 {
  return entry_edx(cpuid_entry(v, 0x80000001, 0));
}

/** State components that XCR0 may name (CPUID.0DH.0). */
export function supported_xcr0(v: u32): u64 {
  const e = cpuid_entry(v, 13, 0);
  return (entry_eax(e) as u64) | ((entry_edx(e) as u64) << 32);
}
