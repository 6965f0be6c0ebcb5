// Which of KVM's paravirtual features a guest may use (KVM_CAP_ENFORCE_PV_FEATURE_CPUID). Knows no feature.
import { V_PV_ENFORCED } from '../abi/calls';
import { KVM_CPUID_SIGNATURE } from '../abi/pv';
import { cpuid_entry, entry_eax, entry_ebx, entry_ecx, entry_edx } from './cpuid';

const RANGE: u32 = 0x100;
const LAST_RANGE: u32 = 0x4000ff00;
/** "KVMK", "VMKV", "M". */
const SIGNATURE_EBX: u32 = 0x4b4d564b;
const SIGNATURE_ECX: u32 = 0x564b4d56;
const SIGNATURE_EDX: u32 = 0x4d;

/** EAX of the leaf behind KVM's signature, which user space may have moved up for another hypervisor's leaves. */
function announced(v: u32): u32 {
  for (let leaf = KVM_CPUID_SIGNATURE; leaf <= LAST_RANGE; leaf += RANGE) {
    const e = cpuid_entry(v, leaf, 0);
    if (entry_ebx(e) == SIGNATURE_EBX && entry_ecx(e) == SIGNATURE_ECX && entry_edx(e) == SIGNATURE_EDX)
      return entry_eax(cpuid_entry(v, leaf + 1, 0));
  }
  return 0;
}

/** The guest was told of this feature (KVM_FEATURE_*), or nobody enforces that it must have been. */
export function has_feature(v: u32, bit: u32): bool {
  return load<u32>(v + V_PV_ENFORCED) == 0 || ((announced(v) >> bit) & 1) != 0;
}
