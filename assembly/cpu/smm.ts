// System management mode: how an SMI enters it and RSM leaves it (SDM vol. 3, chapter 31; KVM's enter_smm and emulator_leave_smm).
// When an SMI comes in is run/inject.ts; what the save map holds is cpu/smm_map.ts. As in KVM there is no I/O restart and no
// auto-HALT restart: a HLT has ended when an SMI wakes it, and RSM goes on behind it.
import {
  SMM_ENTRY,
  SMM_MAP,
  SMM_MAP_BYTES,
  V_SMBASE,
  V_SMI_COUNT,
  V_SMM,
  V_SMM_INSIDE_NMI,
  V_SMM_MAP,
} from '../abi/smm';
import {
  ATTR_ACCESSED,
  ATTR_DPL_SHIFT,
  ATTR_G,
  ATTR_L,
  ATTR_P,
  ATTR_RW,
  ATTR_S,
  CS,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  V_CPL,
  V_CR0,
  V_CR4,
  V_DR,
  V_EFER,
  V_IDT_BASE,
  V_IDT_LIMIT,
  V_NMI_MASKED,
  V_RIP,
  V_SHADOW,
} from '../abi/vcpu_page';
import { CR0_EM, CR0_PE, CR0_PG, CR0_TS, CR4_PAE, CR4_PCIDE, FLAG_ONE } from '../abi/x86';
import { read_physical, write_physical } from '../memory/physical';
import { flush_tlb } from '../memory/tlb';
import { clear_fault } from '../state/fault';
import { cs, is_real_mode, is_v86, seg } from '../state/vcpu';
import { amd_edx } from './cpuid';
import { DR7_FIXED } from './debug';
import { set_flags_word } from './flags';
import { update_mode } from './mode';
import { load_map_32, load_map_64, save_map_32, save_map_64 } from './smm_map';

/** KVM gives CS the type of a data segment too. */
const SEGMENT: u32 = ATTR_P | ATTR_S | ATTR_RW | ATTR_ACCESSED | ATTR_G;

/** CPUID announces long mode: the map is the 64-bit one, and EFER is in it. */
function has_long_mode(v: u32): bool {
  return (amd_edx(v) & 0x20000000) != 0;
}

function map_address(v: u32): u64 {
  return load<u64>(v + V_SMBASE) + (SMM_MAP as u64);
}

function set_smm_segment(v: u32, n: u32, selector: u32, base: u64): void {
  const s = seg(v, n);
  store<u64>(s + SEG_BASE, base);
  store<u32>(s + SEG_LIMIT, 0xffffffff);
  store<u32>(s + SEG_ATTR, SEGMENT);
  store<u32>(s + SEG_SELECTOR, selector);
}

/**
 * An SMI comes in between two instructions. Where no slot of address space 1 takes the save map it is lost, as a store to nowhere
 * is (Linux 6.1), and RSM will be a shutdown.
 */
export function enter_smm(v: u32): void {
  const long_mode = has_long_mode(v);
  if (long_mode) save_map_64(v);
  else save_map_32(v);
  store<u32>(v + V_SMM, 1);
  store<u64>(v + V_SMI_COUNT, load<u64>(v + V_SMI_COUNT) + 1);
  write_physical(v, map_address(v), v + V_SMM_MAP, SMM_MAP_BYTES);
  store<u32>(v + V_SMM_INSIDE_NMI, load<u32>(v + V_NMI_MASKED));
  store<u32>(v + V_NMI_MASKED, 1);
  set_flags_word(v, FLAG_ONE);
  store<u32>(v + V_SHADOW, 0);
  store<u64>(v + V_RIP, SMM_ENTRY as u64);
  store<u64>(v + V_CR0, load<u64>(v + V_CR0) & ~((CR0_PE | CR0_EM | CR0_TS | CR0_PG) as u64));
  store<u64>(v + V_CR4, 0);
  if (long_mode) store<u64>(v + V_EFER, 0);
  store<u64>(v + V_IDT_BASE, 0);
  store<u32>(v + V_IDT_LIMIT, 0);
  store<u64>(v + V_DR + 7 * 8, DR7_FIXED as u64);
  const smbase = load<u64>(v + V_SMBASE);
  for (let n: u32 = 0; n < 6; n++) set_smm_segment(v, n, 0, 0);
  set_smm_segment(v, CS, ((smbase >> 4) as u32) & 0xffff, smbase);
  store<u32>(v + V_CPL, 0);
  // What the TLB holds is of the other address space, and of other paging.
  flush_tlb(v);
  update_mode(v);
}

/** Real mode without long mode's remains: a state in which every control register may be loaded. */
function leave_protection(v: u32): void {
  store<u64>(v + V_CR0, load<u64>(v + V_CR0) & ~((CR0_PG | CR0_PE) as u64));
  if (!has_long_mode(v)) return;
  store<u64>(v + V_CR4, load<u64>(v + V_CR4) & ~((CR4_PAE | CR4_PCIDE) as u64));
  store<u64>(v + V_EFER, 0);
  store<u32>(cs(v) + SEG_ATTR, load<u32>(cs(v) + SEG_ATTR) & ~ATTR_L);
}

/**
 * RSM in SMM. False when the map cannot be read, which leaves the vCPU in SMM, or when a register refuses what it holds: then the
 * vCPU is out of SMM with part of the map loaded. Both are a shutdown.
 */
export function leave_smm(v: u32): bool {
  if (!read_physical(v, map_address(v), v + V_SMM_MAP, SMM_MAP_BYTES)) return false;
  if (load<u32>(v + V_SMM_INSIDE_NMI) == 0) store<u32>(v + V_NMI_MASKED, 0);
  store<u32>(v + V_SMM_INSIDE_NMI, 0);
  store<u32>(v + V_SMM, 0);
  leave_protection(v);
  const loaded = has_long_mode(v) ? load_map_64(v) : load_map_32(v);
  clear_fault(v);
  // CPL as KVM derives it: from SS, but where selectors are paragraphs.
  const dpl = (load<u32>(seg(v, SS) + SEG_ATTR) >> ATTR_DPL_SHIFT) & 3;
  store<u32>(v + V_CPL, is_real_mode(v) ? 0 : is_v86(v) ? 3 : dpl);
  flush_tlb(v);
  update_mode(v);
  return loaded;
}
