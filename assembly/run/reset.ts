// A vCPU's registers at power-up and after INIT (SDM vol. 3, table 10-1). Memory, CPUID table and statistics stay.
import {
  KVM_MAX_MCE_BANKS,
  V_BUS_LOCK,
  V_EOI_EXIT,
  V_EXCEPTION,
  V_MCG_CAP,
  V_PV_UNHALT,
  V_TRIPLE_FAULT,
} from '../abi/calls';
import { V_POLL_CONTROL } from '../abi/pv';
import { SMBASE_RESET, V_SMBASE, V_SMI_COUNT, V_SMI_PENDING, V_SMM, V_SMM_INSIDE_NMI } from '../abi/smm';
import {
  ATTR_ACCESSED,
  ATTR_CODE,
  ATTR_P,
  ATTR_RW,
  ATTR_S,
  CS,
  LDTR,
  PENDING_NONE,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  TR,
  V_APIC_BASE,
  V_CPL,
  V_CR0,
  V_CR2,
  V_CR3,
  V_CR4,
  V_CR8,
  V_CSTAR,
  V_DB_PENDING,
  V_DELIVERING,
  V_DR,
  V_EFER,
  V_FAULT,
  V_FMASK,
  V_GDT_BASE,
  V_GDT_LIMIT,
  V_GPR,
  V_IDT_BASE,
  V_IDT_LIMIT,
  V_IRQ_QUEUED,
  V_KERNEL_GS_BASE,
  V_LF_KIND,
  V_LSTAR,
  V_MISC_ENABLE,
  V_MMIO_COUNT,
  V_NMI_MASKED,
  V_NMI_PENDING,
  V_PAT,
  V_PENDING,
  V_REPLAY_COUNT,
  V_RFLAGS,
  V_RIP,
  V_SHADOW,
  V_STAR,
  V_SYSENTER_CS,
  V_SYSENTER_EIP,
  V_SYSENTER_ESP,
  V_TSC_AUX,
  V_TSC_DEADLINE,
  V_XCR0,
} from '../abi/vcpu_page';
import { CR0_CD, CR0_ET, CR0_NW, FLAG_ONE, RDX } from '../abi/x86';
import { cpuid_entry, entry_eax } from '../cpu/cpuid';
import { DR6_FIXED, DR7_FIXED } from '../cpu/debug';
import { update_mode } from '../cpu/mode';
import { flush_blocks } from '../decode/block';
import { reset_float } from '../exec/fpu_state';
import { flush_tlb } from '../memory/tlb';
import { reset_pv } from '../pv/serve';
import { seg } from '../state/vcpu';

const DATA: u32 = ATTR_P | ATTR_S | ATTR_RW | ATTR_ACCESSED;
const TYPE_LDT: u32 = 2;
const TYPE_TSS_BUSY: u32 = 11;
const PAT_RESET: u64 = 0x0007040600070406;
const MISC_ENABLE_RESET: u64 = 1;
/** EDX when the CPUID table does not say. */
const SIGNATURE: u32 = 0x6fb;

function set_reset_segment(v: u32, n: u32, selector: u32, base: u64, attr: u32): void {
  const s = seg(v, n);
  store<u64>(s + SEG_BASE, base);
  store<u32>(s + SEG_LIMIT, 0xffff);
  store<u32>(s + SEG_ATTR, attr);
  store<u32>(s + SEG_SELECTOR, selector);
}

/** What power-up and INIT have in common. */
function reset_common(v: u32, cr0: u64): void {
  for (let n: u32 = 0; n < 16; n++) store<u64>(v + V_GPR + n * 8, 0);
  const signature = entry_eax(cpuid_entry(v, 1, 0));
  store<u64>(v + V_GPR + RDX * 8, (signature ? signature : SIGNATURE) as u64);
  store<u64>(v + V_RIP, 0xfff0);
  store<u32>(v + V_RFLAGS, FLAG_ONE);
  store<u32>(v + V_LF_KIND, 0);
  for (let n: u32 = 0; n < 6; n++) {
    if (n == CS) set_reset_segment(v, n, 0xf000, 0xffff0000, DATA | ATTR_CODE);
    else set_reset_segment(v, n, 0, 0, DATA);
  }
  set_reset_segment(v, LDTR, 0, 0, ATTR_P | TYPE_LDT);
  set_reset_segment(v, TR, 0, 0, ATTR_P | TYPE_TSS_BUSY);
  store<u32>(v + V_CPL, 0);
  store<u64>(v + V_GDT_BASE, 0);
  store<u32>(v + V_GDT_LIMIT, 0xffff);
  store<u64>(v + V_IDT_BASE, 0);
  store<u32>(v + V_IDT_LIMIT, 0xffff);
  store<u64>(v + V_CR0, cr0);
  store<u64>(v + V_CR2, 0);
  store<u64>(v + V_CR3, 0);
  store<u64>(v + V_CR4, 0);
  store<u64>(v + V_CR8, 0);
  store<u64>(v + V_EFER, 0);
  for (let n: u32 = 0; n < 4; n++) store<u64>(v + V_DR + n * 8, 0);
  store<u64>(v + V_DR + 6 * 8, DR6_FIXED as u64);
  store<u64>(v + V_DR + 7 * 8, DR7_FIXED as u64);
  store<u32>(v + V_FAULT, 0);
  store<u32>(v + V_SHADOW, 0);
  store<u32>(v + V_DB_PENDING, 0);
  store<u32>(v + V_IRQ_QUEUED, 0);
  store<u32>(v + V_NMI_PENDING, 0);
  store<u32>(v + V_NMI_MASKED, 0);
  store<u32>(v + V_SMM, 0);
  store<u32>(v + V_SMM_INSIDE_NMI, 0);
  atomic.store<u32>(v + V_SMI_PENDING, 0);
  store<u64>(v + V_SMI_COUNT, 0);
  store<u32>(v + V_EXCEPTION, 0);
  store<u32>(v + V_TRIPLE_FAULT, 0);
  store<u32>(v + V_EOI_EXIT, 0);
  store<u32>(v + V_BUS_LOCK, 0);
  atomic.store<u32>(v + V_PV_UNHALT, 0);
  store<i32>(v + V_DELIVERING, -1);
  store<u32>(v + V_PENDING, PENDING_NONE);
  store<u32>(v + V_REPLAY_COUNT, 0);
  store<u32>(v + V_MMIO_COUNT, 0);
  reset_pv(v);
  flush_tlb(v);
  update_mode(v);
}

/** Power-up. KVM_CREATE_VCPU's state; the LAPIC and the CPUID table are the caller's. */
export function reset_vcpu(v: u32): void {
  store<u64>(v + V_STAR, 0);
  store<u64>(v + V_LSTAR, 0);
  store<u64>(v + V_CSTAR, 0);
  store<u64>(v + V_FMASK, 0);
  store<u64>(v + V_KERNEL_GS_BASE, 0);
  store<u64>(v + V_SYSENTER_CS, 0);
  store<u64>(v + V_SYSENTER_ESP, 0);
  store<u64>(v + V_SYSENTER_EIP, 0);
  store<u64>(v + V_TSC_AUX, 0);
  store<u64>(v + V_TSC_DEADLINE, 0);
  store<u64>(v + V_PAT, PAT_RESET);
  store<u64>(v + V_MISC_ENABLE, MISC_ENABLE_RESET);
  store<u64>(v + V_XCR0, 1);
  store<u64>(v + V_POLL_CONTROL, 1);
  store<u64>(v + V_SMBASE, SMBASE_RESET as u64);
  if (load<u64>(v + V_MCG_CAP) == 0) store<u64>(v + V_MCG_CAP, KVM_MAX_MCE_BANKS);
  reset_float(v);
  store<u64>(v + V_APIC_BASE, 0xfee00800 | (load<u64>(v + V_APIC_BASE) & 0x100));
  reset_common(v, CR0_CD | CR0_NW | CR0_ET);
  flush_blocks(v);
}

/** INIT: MSRs, XCR0, the FPU and the cache bits of CR0 stay. */
export function init_vcpu(v: u32): void {
  reset_common(v, (load<u64>(v + V_CR0) & (CR0_CD | CR0_NW)) | CR0_ET);
}
