// Writing CR0, CR3, CR4 and EFER: reserved bits, forbidden combinations, and what follows (paging on and off, long mode,
// PAE pointers, TLB). The instructions are in exec/control.ts and exec/msr.ts.
import { ATTR_L, SEG_ATTR, SEG_SELECTOR, TR, V_CR0, V_CR3, V_CR4, V_EFER } from '../abi/vcpu_page';
import {
  CR0_CD,
  CR0_ET,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_FSGSBASE,
  CR4_OSXSAVE,
  CR4_PAE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PKE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  CR4_UMIP,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  GP,
} from '../abi/x86';
import { flush_tlb, flush_tlb_nonglobal, switch_pcid } from '../memory/tlb';
import { PHYS_BITS } from '../memory/walk';
import { raise_code } from '../state/fault';
import { cs, seg } from '../state/vcpu';
import { amd_edx, extended_ebx, extended_ecx, features_ecx } from './cpuid';
import { update_mode, update_tlb_mode } from './mode';
import { is_pae_paging, load_pdptrs } from './paging';

/** Bits of CR0 that exist; writes to the others are ignored in the low half and #GP(0) in the high half. */
const CR0_BITS: u64 = 0xe005003f;
/** VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT: every vCPU has them. */
const CR4_ALWAYS: u64 = 0x7ff;
const CR3_NOFLUSH: u64 = 0x8000000000000000;

function refuse(v: u32): bool {
  raise_code(v, GP, 0);
  return false;
}

/** A 16-bit TSS, loaded by the guest, keeps long mode from being activated (SDM vol. 3, 10.8.5.4). */
function has_16_bit_task(v: u32): bool {
  const tr = seg(v, TR);
  return load<u32>(tr + SEG_SELECTOR) != 0 && (load<u32>(tr + SEG_ATTR) & 0x1d) == 1;
}

/** MOV to CR0, LMSW; false with #GP(0) raised. */
export function write_cr0(v: u32, value: u64): bool {
  if (value >> 32) return refuse(v);
  const old = load<u64>(v + V_CR0);
  const cr0 = (value & CR0_BITS) | CR0_ET;
  if (cr0 & CR0_PG && (cr0 & CR0_PE) == 0) return refuse(v);
  if (cr0 & CR0_NW && (cr0 & CR0_CD) == 0) return refuse(v);
  const cr4 = load<u64>(v + V_CR4);
  let efer = load<u64>(v + V_EFER);
  const code_is_64 = (load<u32>(cs(v) + SEG_ATTR) & ATTR_L) != 0;
  const changed = old ^ cr0;
  if (changed & CR0_PG) {
    if (cr0 & CR0_PG) {
      if (efer & EFER_LME) {
        if ((cr4 & CR4_PAE) == 0 || code_is_64 || has_16_bit_task(v)) return refuse(v);
        efer |= EFER_LMA;
      }
    } else {
      if (cr4 & CR4_PCIDE || (efer & EFER_LMA && code_is_64)) return refuse(v);
      efer &= ~(EFER_LMA as u64);
    }
  }
  if (
    changed & (CR0_PG | CR0_CD | CR0_NW) &&
    is_pae_paging(cr0, cr4, efer) &&
    !load_pdptrs(v, load<u64>(v + V_CR3))
  ) {
    return refuse(v);
  }
  store<u64>(v + V_CR0, cr0);
  store<u64>(v + V_EFER, efer);
  if (changed & (CR0_PG | CR0_WP | CR0_PE)) flush_tlb(v);
  update_mode(v);
  return true;
}

/** MOV to CR3; false with #GP(0) raised. */
export function write_cr3(v: u32, value: u64): bool {
  const cr4 = load<u64>(v + V_CR4);
  const efer = load<u64>(v + V_EFER);
  const cr3 = cr4 & CR4_PCIDE ? value & ~CR3_NOFLUSH : value;
  if (cr3 >> PHYS_BITS) return refuse(v);
  if (is_pae_paging(load<u64>(v + V_CR0), cr4, efer) && !load_pdptrs(v, cr3)) return refuse(v);
  store<u64>(v + V_CR3, cr3);
  if (cr4 & CR4_PCIDE) {
    switch_pcid(v, (value & CR3_NOFLUSH) != 0);
    update_tlb_mode(v);
  } else {
    flush_tlb_nonglobal(v);
  }
  return true;
}

/** Bits of CR4 that this vCPU's CPUID allows. */
function cr4_bits(v: u32): u64 {
  let bits = CR4_ALWAYS;
  const ecx = features_ecx(v);
  const ebx7 = extended_ebx(v);
  const ecx7 = extended_ecx(v);
  if (ecx & 0x20000) bits |= CR4_PCIDE;
  if (ecx & 0x4000000) bits |= CR4_OSXSAVE;
  if (ebx7 & 1) bits |= CR4_FSGSBASE;
  if (ebx7 & 0x80) bits |= CR4_SMEP;
  if (ebx7 & 0x100000) bits |= CR4_SMAP;
  if (ecx7 & 4) bits |= CR4_UMIP;
  if (ecx7 & 8) bits |= CR4_PKE;
  return bits;
}

/** MOV to CR4; false with #GP(0) raised. */
export function write_cr4(v: u32, value: u64): bool {
  if (value & ~cr4_bits(v)) return refuse(v);
  const old = load<u64>(v + V_CR4);
  const efer = load<u64>(v + V_EFER);
  const cr0 = load<u64>(v + V_CR0);
  const changed = old ^ value;
  if (efer & EFER_LMA && (value & CR4_PAE) == 0) return refuse(v);
  if (changed & value & CR4_PCIDE && ((efer & EFER_LMA) == 0 || load<u64>(v + V_CR3) & 0xfff))
    return refuse(v);
  if (
    changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP) &&
    is_pae_paging(cr0, value, efer) &&
    !load_pdptrs(v, load<u64>(v + V_CR3))
  ) {
    return refuse(v);
  }
  store<u64>(v + V_CR4, value);
  if (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE)) flush_tlb(v);
  update_mode(v);
  return true;
}

/** WRMSR of EFER; false (nothing raised) when a bit is not supported or LME changes while paging is on. */
export function write_efer(v: u32, value: u64): bool {
  const features = amd_edx(v);
  let bits: u64 = EFER_LMA;
  if (features & 0x800) bits |= EFER_SCE;
  if (features & 0x100000) bits |= EFER_NXE;
  if (features & 0x20000000) bits |= EFER_LME;
  if (value & ~bits) return false;
  const old = load<u64>(v + V_EFER);
  if (load<u64>(v + V_CR0) & CR0_PG && (old ^ value) & EFER_LME) return false;
  // LMA cannot be written.
  store<u64>(v + V_EFER, (value & ~(EFER_LMA as u64)) | (old & EFER_LMA));
  if ((old ^ value) & EFER_NXE) flush_tlb(v);
  return true;
}
