// Model-specific registers: which exist, where they live, what may be written. Used by RDMSR and WRMSR (exec/msr.ts) and
// by the host (KVM_GET_MSRS, KVM_SET_MSRS). Raises nothing: a refusal is `false`.
import { MCE_BANKS, MCG_STATUS, V_MCG_CAP, V_MCG_CTL } from '../abi/calls';
import { VCPU_MSRS, VCPU_PAGE } from '../abi/map';
import { MSR_SMBASE, MSR_SMI_COUNT, V_SMBASE, V_SMI_COUNT } from '../abi/smm';
import {
  FS,
  GS,
  SEG_BASE,
  V_APIC_BASE,
  V_CSTAR,
  V_EFER,
  V_FMASK,
  V_KERNEL_GS_BASE,
  V_LSTAR,
  V_MISC_ENABLE,
  V_MSR_VALUE,
  V_PAT,
  V_STAR,
  V_SYSENTER_CS,
  V_SYSENTER_EIP,
  V_SYSENTER_ESP,
  V_TSC_AUX,
  V_TSC_OFFSET,
} from '../abi/vcpu_page';
import {
  ARCH_CAPABILITIES_HIGH,
  ARCH_CAPABILITIES_LOW,
  MSR_APIC_BASE,
  MSR_ARCH_CAPABILITIES,
  MSR_BIOS_SIGN_ID,
  MSR_CSTAR,
  MSR_EFER,
  MSR_FS_BASE,
  MSR_GS_BASE,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MISC_ENABLE,
  MSR_MTRR_DEF_TYPE,
  MSR_MTRRCAP,
  MSR_PAT,
  MSR_PRED_CMD,
  MSR_SPEC_CTRL,
  MSR_STAR,
  MSR_SYSCALL_MASK,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC,
  MSR_TSC_AUX,
  MSR_TSC_DEADLINE,
} from '../abi/x86';
import { lapic_msr_read, lapic_msr_write } from '../irqchip/lapic';
import { lapic_set_base } from '../irqchip/lapic_start';
import { lapic_get_deadline, lapic_set_deadline } from '../irqchip/lapic_timer';
import { lapic_from_guest } from '../memory/lapic_words';
import { PHYS_BITS } from '../memory/walk';
import { tsc_changed } from '../pv/clock';
import { read_tsc, tsc_base } from '../state/tsc';
import { canonical, has_irqchip, seg } from '../state/vcpu';
import { write_efer } from './control_registers';
import { features_ecx } from './cpuid';
import { is_pv_msr, read_pv_msr, write_pv_msr } from './pv_msrs';

const MSR_P5_MC_ADDR: u32 = 0x0;
const MSR_P5_MC_TYPE: u32 = 0x1;
const MSR_PLATFORM_ID: u32 = 0x17;
const MSR_FEATURE_CONTROL: u32 = 0x3a;
export const MSR_TSC_ADJUST: u32 = 0x3b;
export const MSR_PLATFORM_INFO: u32 = 0xce;
const MSR_MISC_FEATURES: u32 = 0x140;
const MSR_MCG_CAP: u32 = 0x179;
const MSR_MCG_STATUS: u32 = 0x17a;
const MSR_MCG_CTL: u32 = 0x17b;
const MSR_MC0_CTL: u32 = 0x400;
const MSR_PERF_STATUS: u32 = 0x198;
const MSR_PERF_CTL: u32 = 0x199;
const MSR_DEBUGCTL: u32 = 0x1d9;
const MSR_X2APIC: u32 = 0x800;
/** Ten variable MTRR pairs would be more than any processor of this family had; eight exist. */
const MTRR_VARIABLE: u32 = 0x200;
const MTRR_VARIABLE_END: u32 = 0x210;
/** Variable count 8, fixed ranges, write combining. */
const MTRRCAP: u64 = 0x508;
const FEATURE_CONTROL_LOCKED: u64 = 1;
/** MCG_CAP: there is an IA32_MCG_CTL. */
const MCG_CTL_P: u32 = 0x100;

// Places in the MSR page, 8 bytes each.
const HOME_MTRR_VARIABLE: u32 = 0x000;
const HOME_MTRR_FIXED: u32 = 0x080;
const HOME_MTRR_DEF_TYPE: u32 = 0x0e0;
const HOME_DEBUGCTL: u32 = 0x0e8;
const HOME_BIOS_SIGN: u32 = 0x0f8;
const HOME_TSC_ADJUST: u32 = 0x100;
const HOME_SPEC_CTRL: u32 = 0x108;
/** IBRS, STIBP, SSBD and BHI_DIS_S: there is nothing that they could hold back. */
const SPEC_CTRL_BITS: u64 = 0x407;
/** IBPB. */
const PRED_CMD_BITS: u64 = 1;

/** Index of a fixed-range MTRR (11 of them), or -1. */
function fixed_mtrr(index: u32): i32 {
  if (index == 0x250) return 0;
  if (index == 0x258 || index == 0x259) return (index - 0x258 + 1) as i32;
  if (index >= 0x268 && index <= 0x26f) return (index - 0x268 + 3) as i32;
  return -1;
}

/** Address of an MSR that is plain storage, 0 when `index` is none of them. */
function home(v: u32, index: u32): u32 {
  switch (index) {
    case MSR_SYSENTER_CS:
      return v + V_SYSENTER_CS;
    case MSR_SYSENTER_ESP:
      return v + V_SYSENTER_ESP;
    case MSR_SYSENTER_EIP:
      return v + V_SYSENTER_EIP;
    case MSR_PAT:
      return v + V_PAT;
    case MSR_MISC_ENABLE:
      return v + V_MISC_ENABLE;
    case MSR_STAR:
      return v + V_STAR;
    case MSR_LSTAR:
      return v + V_LSTAR;
    case MSR_CSTAR:
      return v + V_CSTAR;
    case MSR_SYSCALL_MASK:
      return v + V_FMASK;
    case MSR_FS_BASE:
      return seg(v, FS) + SEG_BASE;
    case MSR_GS_BASE:
      return seg(v, GS) + SEG_BASE;
    case MSR_KERNEL_GS_BASE:
      return v + V_KERNEL_GS_BASE;
    case MSR_TSC_AUX:
      return v + V_TSC_AUX;
    case MSR_SMBASE:
      return v + V_SMBASE;
    case MSR_SMI_COUNT:
      return v + V_SMI_COUNT;
    default:
      break;
  }
  const page = v - VCPU_PAGE + VCPU_MSRS;
  if (index >= MTRR_VARIABLE && index < MTRR_VARIABLE_END)
    return page + HOME_MTRR_VARIABLE + (index - MTRR_VARIABLE) * 8;
  const fixed = fixed_mtrr(index);
  if (fixed >= 0) return page + HOME_MTRR_FIXED + (fixed as u32) * 8;
  if (index == MSR_MTRR_DEF_TYPE) return page + HOME_MTRR_DEF_TYPE;
  if (index == MSR_DEBUGCTL) return page + HOME_DEBUGCTL;
  if (index == MSR_SPEC_CTRL) return page + HOME_SPEC_CTRL;
  if (index == MSR_MCG_STATUS) return page + MCG_STATUS;
  if (index == MSR_BIOS_SIGN_ID) return page + HOME_BIOS_SIGN;
  return 0;
}

/** The memory types that MTRRs know: UC WC WT WP WB; PAT also UC-. */
function is_memory_type(type: u32, pat: bool): bool {
  return type == 0 || type == 1 || type == 4 || type == 5 || type == 6 || (pat && type == 7);
}

function all_memory_types(value: u64, pat: bool): bool {
  for (let i: u64 = 0; i < 64; i += 8) {
    if (!is_memory_type(((value >> i) & 0xff) as u32, pat)) return false;
  }
  return true;
}

/** Whether a plain MSR takes a value. */
function accepts(index: u32, value: u64): bool {
  switch (index) {
    case MSR_SYSENTER_ESP:
    case MSR_SYSENTER_EIP:
    case MSR_LSTAR:
    case MSR_CSTAR:
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
      return canonical(value);
    case MSR_SYSCALL_MASK:
    case MSR_TSC_AUX:
      return value >> 32 == 0;
    case MSR_PAT:
      return all_memory_types(value, true);
    case MSR_DEBUGCTL:
      // LBR and BTF, as far as KVM lets them be set.
      return value >> 2 == 0;
    case MSR_SPEC_CTRL:
      return (value & ~SPEC_CTRL_BITS) == 0;
    case MSR_MTRR_DEF_TYPE:
      return (value & ~0xcff) == 0 && is_memory_type((value & 0xff) as u32, false);
    default:
      break;
  }
  if (index >= MTRR_VARIABLE && index < MTRR_VARIABLE_END) {
    if (value >> PHYS_BITS) return false;
    if (index & 1) return (value & 0x7ff) == 0;
    return (value & 0xf00) == 0 && is_memory_type((value & 0xff) as u32, false);
  }
  if (fixed_mtrr(index) >= 0) return all_memory_types(value, false);
  return true;
}

/** Address of a machine-check bank's register, 0 when there are fewer banks. */
function bank_register(v: u32, index: u32): u32 {
  const n = index - MSR_MC0_CTL;
  return n < (load<u32>(v + V_MCG_CAP) & 0xff) * 4 ? v - VCPU_PAGE + VCPU_MSRS + MCE_BANKS + n * 8 : 0;
}

function has_mcg_ctl(v: u32): bool {
  return (load<u32>(v + V_MCG_CAP) & MCG_CTL_P) != 0;
}

/** IA32_MCG_CTL: all on or all off. */
function write_mcg_ctl(v: u32, value: u64): bool {
  if (!has_mcg_ctl(v) || (value != 0 && value != ~0)) return false;
  store<u64>(v + V_MCG_CTL, value);
  return true;
}

/** CTL is all on (Linux leaves bits 0 and 10 out) or all off, STATUS can only be cleared, as in KVM. */
function bank_accepts(index: u32, value: u64): bool {
  if (value == 0) return true;
  const which = index & 3;
  if (which == 0) return (value | 0x401) == ~0;
  return which != 1;
}

function answer(v: u32, value: u64): bool {
  store<u64>(v + V_MSR_VALUE, value);
  return true;
}

/** A guest gets #GP, as in KVM: SMBASE is user space's, and the count of SMIs can only be read. */
export function is_host_msr(index: u32, write: bool): bool {
  return index == MSR_SMBASE || (write && index == MSR_SMI_COUNT);
}

/** Reads an MSR into V_MSR_VALUE; false when it does not exist. */
export function read_msr(v: u32, index: u32): bool {
  const at = home(v, index);
  if (at) return answer(v, load<u64>(at));
  switch (index) {
    case MSR_TSC:
      return answer(v, read_tsc(v));
    case MSR_EFER:
      return answer(v, load<u64>(v + V_EFER));
    case MSR_APIC_BASE:
      return answer(v, load<u64>(v + V_APIC_BASE));
    case MSR_TSC_DEADLINE:
      return answer(v, lapic_get_deadline(v));
    case MSR_TSC_ADJUST:
      return answer(v, load<u64>(v - VCPU_PAGE + VCPU_MSRS + HOME_TSC_ADJUST));
    case MSR_MCG_CAP:
      return answer(v, load<u64>(v + V_MCG_CAP));
    case MSR_MCG_CTL:
      return has_mcg_ctl(v) && answer(v, load<u64>(v + V_MCG_CTL));
    case MSR_FEATURE_CONTROL:
      return answer(v, FEATURE_CONTROL_LOCKED);
    case MSR_MTRRCAP:
      return answer(v, MTRRCAP);
    case MSR_ARCH_CAPABILITIES:
      return answer(v, ((ARCH_CAPABILITIES_HIGH as u64) << 32) | ARCH_CAPABILITIES_LOW);
    case MSR_P5_MC_ADDR:
    case MSR_P5_MC_TYPE:
    case MSR_PLATFORM_ID:
    case MSR_PLATFORM_INFO:
    case MSR_MISC_FEATURES:
    case MSR_PERF_STATUS:
    case MSR_PERF_CTL:
      return answer(v, 0);
    default:
      break;
  }
  const bank = bank_register(v, index);
  if (bank) return answer(v, load<u64>(bank));
  if (index >= MSR_X2APIC && index < MSR_X2APIC + 0x100 && has_irqchip()) {
    lapic_from_guest(v);
    return lapic_msr_read(v, index);
  }
  return is_pv_msr(index) && read_pv_msr(v, index);
}

/** Writes an MSR; false when it does not exist or refuses the value. */
export function write_msr(v: u32, index: u32, value: u64): bool {
  if (index == MSR_BIOS_SIGN_ID) return true;
  const at = home(v, index);
  if (at) {
    if (!accepts(index, value)) return false;
    store<u64>(at, value);
    return true;
  }
  switch (index) {
    case MSR_TSC: {
      // IA32_TSC_ADJUST moves by the same amount (SDM vol. 3, 17.17.3).
      const adjust = v - VCPU_PAGE + VCPU_MSRS + HOME_TSC_ADJUST;
      const offset = value - tsc_base(v);
      store<u64>(adjust, load<u64>(adjust) + offset - load<u64>(v + V_TSC_OFFSET));
      store<u64>(v + V_TSC_OFFSET, offset);
      tsc_changed();
      return true;
    }
    case MSR_TSC_ADJUST: {
      const adjust = v - VCPU_PAGE + VCPU_MSRS + HOME_TSC_ADJUST;
      store<u64>(v + V_TSC_OFFSET, load<u64>(v + V_TSC_OFFSET) + value - load<u64>(adjust));
      store<u64>(adjust, value);
      tsc_changed();
      return true;
    }
    case MSR_EFER:
      return write_efer(v, value);
    case MSR_APIC_BASE:
      return write_apic_base(v, value);
    case MSR_TSC_DEADLINE:
      lapic_set_deadline(v, value);
      return true;
    case MSR_MCG_CTL:
      return write_mcg_ctl(v, value);
    case MSR_PRED_CMD:
      return (value & ~PRED_CMD_BITS) == 0;
    case MSR_PERF_CTL:
    case MSR_MISC_FEATURES:
      return true;
    default:
      break;
  }
  const bank = bank_register(v, index);
  if (bank) {
    if (!bank_accepts(index, value)) return false;
    store<u64>(bank, value);
    return true;
  }
  if (index >= MSR_X2APIC && index < MSR_X2APIC + 0x100 && has_irqchip()) {
    lapic_from_guest(v);
    return lapic_msr_write(v, index, value);
  }
  return is_pv_msr(index) && write_pv_msr(v, index, value);
}

/** IA32_APIC_BASE: reserved bits, and x2APIC only from the enabled state (SDM vol. 3, 10.12.5). */
function write_apic_base(v: u32, value: u64): bool {
  const enabled: u64 = 0x800;
  const x2: u64 = 0x400;
  if (value & 0x2ff || value >> PHYS_BITS) return false;
  const old = load<u64>(v + V_APIC_BASE);
  if (value & x2) {
    if ((features_ecx(v) & 0x200000) == 0 || (value & enabled) == 0 || (old & enabled) == 0) return false;
  } else if (old & x2 && value & enabled) {
    return false;
  }
  lapic_set_base(v, value);
  return true;
}
