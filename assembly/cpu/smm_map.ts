// The state save map of system management mode: registers to V_SMM_MAP and back, in KVM's two layouts. It moves no map to or from
// guest memory and checks nothing but what loading a register checks; both are cpu/smm.ts.
import {
  MAP32_CR0,
  MAP32_CR3,
  MAP32_CR4,
  MAP32_DR6,
  MAP32_DR7,
  MAP32_DS,
  MAP32_EAX,
  MAP32_EFLAGS,
  MAP32_EIP,
  MAP32_ES,
  MAP32_GDTR,
  MAP32_IDTR,
  MAP32_LDTR,
  MAP32_REVISION,
  MAP32_SEG_STRIDE,
  MAP32_SELECTORS,
  MAP32_SHADOW,
  MAP32_SMBASE,
  MAP32_TR,
  MAP64_CR0,
  MAP64_CR3,
  MAP64_CR4,
  MAP64_DR6,
  MAP64_DR7,
  MAP64_EFER,
  MAP64_GDTR,
  MAP64_IDTR,
  MAP64_LDTR,
  MAP64_RAX,
  MAP64_REVISION,
  MAP64_RFLAGS,
  MAP64_RIP,
  MAP64_SEG_STRIDE,
  MAP64_SEGS,
  MAP64_SHADOW,
  MAP64_SMBASE,
  MAP64_TR,
  REVISION_32,
  REVISION_64,
  SMM_MAP_BYTES,
  V_SMBASE,
  V_SMM_MAP,
} from '../abi/smm';
import {
  ATTR_P,
  ATTR_UNUSABLE,
  DS,
  LDTR,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  TR,
  V_CR0,
  V_CR3,
  V_CR4,
  V_DR,
  V_EFER,
  V_GDT_BASE,
  V_GDT_LIMIT,
  V_GPR,
  V_IDT_BASE,
  V_IDT_LIMIT,
  V_RIP,
  V_SHADOW,
} from '../abi/vcpu_page';
import { CR4_PCIDE, EFER_LMA, FLAG_ONE } from '../abi/x86';
import { seg } from '../state/vcpu';
import { write_cr0, write_cr3, write_cr4, write_efer } from './control_registers';
import { DR6_FIXED, DR6_WRITABLE, DR7_FIXED, DR7_WRITABLE } from './debug';
import { get_flags, set_flags_word } from './flags';

/** The attributes that the map keeps. */
const ATTR_KEPT: u32 = 0xf0ff;
const CR3_PCID: u64 = 0xfff;

/** Attributes of a segment as the map has them: one that cannot be used is not present. */
function attributes(v: u32, n: u32): u32 {
  const attr = load<u32>(seg(v, n) + SEG_ATTR);
  return attr & ATTR_UNUSABLE ? attr & (ATTR_KEPT & ~ATTR_P) : attr & ATTR_KEPT;
}

function set_segment_fields(v: u32, n: u32, selector: u32, attr: u32, limit: u32, base: u64): void {
  const s = seg(v, n);
  store<u32>(s + SEG_SELECTOR, selector & 0xffff);
  store<u32>(s + SEG_ATTR, attr & ATTR_P ? attr & ATTR_KEPT : (attr & ATTR_KEPT) | ATTR_UNUSABLE);
  store<u32>(s + SEG_LIMIT, limit);
  store<u64>(s + SEG_BASE, base);
}

/** DR6 and DR7 have 32 bits: more are refused, and bits that cannot be written stay as they must be. */
function load_debug(v: u32, dr6: u64, dr7: u64): bool {
  if ((dr6 | dr7) >> 32) return false;
  store<u64>(v + V_DR + 6 * 8, (((dr6 as u32) & DR6_WRITABLE) | DR6_FIXED) as u64);
  store<u64>(v + V_DR + 7 * 8, (((dr7 as u32) & DR7_WRITABLE) | DR7_FIXED) as u64);
  return true;
}

/**
 * The control registers in the order in which each may be written: CR3, PAE, paging and with it long mode, then PCIDs, which want
 * long mode and begin with PCID 0. False with a fault raised.
 */
function load_control(v: u32, cr0: u64, cr3: u64, cr4: u64): bool {
  const pcid: u64 = cr4 & CR4_PCIDE ? cr3 & CR3_PCID : 0;
  const table = cr4 & CR4_PCIDE ? cr3 & ~CR3_PCID : cr3;
  if (!write_cr3(v, table) || !write_cr4(v, cr4 & ~(CR4_PCIDE as u64)) || !write_cr0(v, cr0)) return false;
  if ((cr4 & CR4_PCIDE) == 0) return true;
  return write_cr4(v, cr4) && (pcid == 0 || write_cr3(v, table | pcid));
}

// --- 64-bit map ---

function save_segment_64(v: u32, n: u32, at: u32): void {
  const s = seg(v, n);
  store<u16>(at, load<u32>(s + SEG_SELECTOR) as u16);
  store<u16>(at + 2, attributes(v, n) as u16);
  store<u32>(at + 4, load<u32>(s + SEG_LIMIT));
  store<u64>(at + 8, load<u64>(s + SEG_BASE));
}

function load_segment_64(v: u32, n: u32, at: u32): void {
  const base = load<u64>(at + 8);
  set_segment_fields(v, n, load<u16>(at), load<u16>(at + 2), load<u32>(at + 4), base);
}

export function save_map_64(v: u32): void {
  const map = v + V_SMM_MAP;
  memory.fill(map, 0, SMM_MAP_BYTES);
  for (let n: u32 = 0; n < 16; n++) store<u64>(map + MAP64_RAX - n * 8, load<u64>(v + V_GPR + n * 8));
  store<u64>(map + MAP64_RIP, load<u64>(v + V_RIP));
  store<u64>(map + MAP64_RFLAGS, get_flags(v) as u64);
  store<u64>(map + MAP64_DR6, load<u64>(v + V_DR + 6 * 8));
  store<u64>(map + MAP64_DR7, load<u64>(v + V_DR + 7 * 8));
  store<u64>(map + MAP64_CR0, load<u64>(v + V_CR0));
  store<u64>(map + MAP64_CR3, load<u64>(v + V_CR3));
  store<u64>(map + MAP64_CR4, load<u64>(v + V_CR4));
  store<u64>(map + MAP64_EFER, load<u64>(v + V_EFER));
  store<u32>(map + MAP64_SMBASE, load<u64>(v + V_SMBASE) as u32);
  store<u32>(map + MAP64_REVISION, REVISION_64);
  store<u8>(map + MAP64_SHADOW, load<u32>(v + V_SHADOW) as u8);
  for (let n: u32 = 0; n < 6; n++) save_segment_64(v, n, map + MAP64_SEGS + n * MAP64_SEG_STRIDE);
  save_segment_64(v, LDTR, map + MAP64_LDTR);
  save_segment_64(v, TR, map + MAP64_TR);
  store<u32>(map + MAP64_GDTR + 4, load<u32>(v + V_GDT_LIMIT));
  store<u64>(map + MAP64_GDTR + 8, load<u64>(v + V_GDT_BASE));
  store<u32>(map + MAP64_IDTR + 4, load<u32>(v + V_IDT_LIMIT));
  store<u64>(map + MAP64_IDTR + 8, load<u64>(v + V_IDT_BASE));
}

/** Loads the registers in KVM's order; false when one refuses its value, what came before it being loaded. */
export function load_map_64(v: u32): bool {
  const map = v + V_SMM_MAP;
  for (let n: u32 = 0; n < 16; n++) store<u64>(v + V_GPR + n * 8, load<u64>(map + MAP64_RAX - n * 8));
  if (!load_debug(v, load<u64>(map + MAP64_DR6), load<u64>(map + MAP64_DR7))) return false;
  store<u64>(v + V_SMBASE, load<u32>(map + MAP64_SMBASE) as u64);
  if (!write_efer(v, load<u64>(map + MAP64_EFER) & ~(EFER_LMA as u64))) return false;
  load_segment_64(v, TR, map + MAP64_TR);
  load_segment_64(v, LDTR, map + MAP64_LDTR);
  store<u32>(v + V_IDT_LIMIT, load<u32>(map + MAP64_IDTR + 4) & 0xffff);
  store<u64>(v + V_IDT_BASE, load<u64>(map + MAP64_IDTR + 8));
  store<u32>(v + V_GDT_LIMIT, load<u32>(map + MAP64_GDTR + 4) & 0xffff);
  store<u64>(v + V_GDT_BASE, load<u64>(map + MAP64_GDTR + 8));
  const cr4 = load<u64>(map + MAP64_CR4);
  if (!load_control(v, load<u64>(map + MAP64_CR0), load<u64>(map + MAP64_CR3), cr4)) return false;
  for (let n: u32 = 0; n < 6; n++) load_segment_64(v, n, map + MAP64_SEGS + n * MAP64_SEG_STRIDE);
  store<u64>(v + V_RIP, load<u64>(map + MAP64_RIP));
  set_flags_word(v, load<u32>(map + MAP64_RFLAGS) | FLAG_ONE);
  store<u32>(v + V_SHADOW, load<u8>(map + MAP64_SHADOW) & 3);
  return true;
}

// --- 32-bit map ---

/** Where the map has the fields of a segment: not in the order of their selectors. */
function fields_32(map: u32, n: u32): u32 {
  if (n == LDTR) return map + MAP32_LDTR;
  if (n == TR) return map + MAP32_TR;
  return n < DS ? map + MAP32_ES + n * MAP32_SEG_STRIDE : map + MAP32_DS + (n - DS) * MAP32_SEG_STRIDE;
}

export function save_map_32(v: u32): void {
  const map = v + V_SMM_MAP;
  memory.fill(map, 0, SMM_MAP_BYTES);
  for (let n: u32 = 0; n < 8; n++) store<u32>(map + MAP32_EAX + n * 4, load<u32>(v + V_GPR + n * 8));
  store<u32>(map + MAP32_EIP, load<u32>(v + V_RIP));
  store<u32>(map + MAP32_EFLAGS, get_flags(v));
  store<u32>(map + MAP32_DR6, load<u32>(v + V_DR + 6 * 8));
  store<u32>(map + MAP32_DR7, load<u32>(v + V_DR + 7 * 8));
  store<u32>(map + MAP32_CR0, load<u32>(v + V_CR0));
  store<u32>(map + MAP32_CR3, load<u32>(v + V_CR3));
  store<u32>(map + MAP32_CR4, load<u32>(v + V_CR4));
  store<u32>(map + MAP32_SMBASE, load<u32>(v + V_SMBASE));
  store<u32>(map + MAP32_REVISION, REVISION_32);
  store<u8>(map + MAP32_SHADOW, load<u32>(v + V_SHADOW) as u8);
  for (let n: u32 = 0; n < 8; n++) {
    const s = seg(v, n);
    const at = fields_32(map, n);
    store<u32>(map + MAP32_SELECTORS + n * 4, load<u32>(s + SEG_SELECTOR));
    store<u32>(at, attributes(v, n) << 8);
    store<u32>(at + 4, load<u32>(s + SEG_LIMIT));
    store<u32>(at + 8, load<u32>(s + SEG_BASE));
  }
  store<u32>(map + MAP32_GDTR + 4, load<u32>(v + V_GDT_LIMIT));
  store<u32>(map + MAP32_GDTR + 8, load<u32>(v + V_GDT_BASE));
  store<u32>(map + MAP32_IDTR + 4, load<u32>(v + V_IDT_LIMIT));
  store<u32>(map + MAP32_IDTR + 8, load<u32>(v + V_IDT_BASE));
}

/** As load_map_64. EFER is not in this map and stays. */
export function load_map_32(v: u32): bool {
  const map = v + V_SMM_MAP;
  for (let n: u32 = 0; n < 8; n++) store<u64>(v + V_GPR + n * 8, load<u32>(map + MAP32_EAX + n * 4) as u64);
  load_debug(v, load<u32>(map + MAP32_DR6) as u64, load<u32>(map + MAP32_DR7) as u64);
  store<u32>(v + V_GDT_LIMIT, load<u32>(map + MAP32_GDTR + 4) & 0xffff);
  store<u64>(v + V_GDT_BASE, load<u32>(map + MAP32_GDTR + 8) as u64);
  store<u32>(v + V_IDT_LIMIT, load<u32>(map + MAP32_IDTR + 4) & 0xffff);
  store<u64>(v + V_IDT_BASE, load<u32>(map + MAP32_IDTR + 8) as u64);
  for (let n: u32 = 0; n < 8; n++) {
    const at = fields_32(map, n);
    const base = load<u32>(at + 8) as u64;
    set_segment_fields(
      v,
      n,
      load<u32>(map + MAP32_SELECTORS + n * 4),
      load<u32>(at) >> 8,
      load<u32>(at + 4),
      base,
    );
  }
  store<u64>(v + V_SMBASE, load<u32>(map + MAP32_SMBASE) as u64);
  const cr3 = load<u32>(map + MAP32_CR3) as u64;
  if (!load_control(v, load<u32>(map + MAP32_CR0) as u64, cr3, load<u32>(map + MAP32_CR4) as u64))
    return false;
  store<u64>(v + V_RIP, load<u32>(map + MAP32_EIP) as u64);
  set_flags_word(v, load<u32>(map + MAP32_EFLAGS) | FLAG_ONE);
  store<u32>(v + V_SHADOW, load<u8>(map + MAP32_SHADOW) & 3);
  return true;
}
