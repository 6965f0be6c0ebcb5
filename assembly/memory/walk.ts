// The page-table walk (SDM vol. 3, chapter 4): gva to gpa with rights, accessed and dirty bits. Fills no TLB.
import { V_PKRU } from '../abi/fpu';
import { KVM_MEM_READONLY } from '../abi/kvm_run';
import { SLOT_FLAGS, TLB_GLOBAL, TLB_HUGE, TLB_KEY_SHIFT, TLB_KEYED, TLB_LARGE } from '../abi/map';
import {
  V_CPL,
  V_CR0,
  V_CR3,
  V_CR4,
  V_EFER,
  V_PDPTR,
  V_RFLAGS,
  V_WALK_FLAGS,
  V_WALK_GPA,
} from '../abi/vcpu_page';
import {
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_PGE,
  CR4_PKE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_NXE,
  FLAG_AC,
  PF_I,
  PF_P,
  PF_PK,
  PF_RSVD,
  PF_U,
  PF_W,
} from '../abi/x86';
import { raise_page_fault } from '../state/fault';
import { find_slot, mark_dirty, slot_hva, space_of, unalias } from './slots';

// Access bits.
export const ACCESS_WRITE: u32 = 1;
export const ACCESS_FETCH: u32 = 2;
/** At CPL 3. */
export const ACCESS_USER: u32 = 4;
/** Implicit supervisor access (descriptor tables, TSS): EFLAGS.AC does not open SMAP. */
export const ACCESS_SYSTEM: u32 = 8;
/** KVM_TRANSLATE and the like: no fault is raised, no bit is set in the tables. */
export const ACCESS_QUIET: u32 = 16;

// V_WALK_FLAGS.
/** Stores are allowed and the dirty bit is set. */
export const WALK_WRITABLE: u32 = 1;
export const WALK_USER: u32 = 2;
/** The tables allow writes (whether or not the dirty bit is set). */
export const WALK_RW: u32 = 4;
/** The flags of a TLB entry lie above. */
export const WALK_TLB_SHIFT: u32 = 16;

const PTE_P: u64 = 1;
const PTE_RW: u64 = 2;
const PTE_US: u64 = 4;
const PTE_A: u64 = 0x20;
const PTE_D: u64 = 0x40;
const PTE_PS: u64 = 0x80;
const PTE_G: u64 = 0x100;
const PTE_NX: u64 = 0x8000000000000000;
/** Where the protection key of a leaf lies. */
const PTE_KEY_SHIFT: u64 = 59;
/** Bits of a physical address: MAXPHYADDR = 40, as CPUID 0x80000008 says. */
export const PHYS_BITS: u32 = 40;
const ADDRESS_MASK: u64 = 0x000000fffffff000;
/** Physical-address bits beyond MAXPHYADDR are reserved. */
const RESERVED_HIGH: u64 = 0x000fff0000000000;

function fault(v: u32, la: u64, access: u32, code: u32): bool {
  if (access & ACCESS_QUIET) return false;
  let e = code;
  if (access & ACCESS_WRITE) e |= PF_W;
  if (access & ACCESS_USER) e |= PF_U;
  if (
    access & ACCESS_FETCH &&
    ((load<u32>(v + V_EFER) & EFER_NXE && load<u32>(v + V_CR4) & CR4_PAE) || load<u32>(v + V_CR4) & CR4_SMEP)
  )
    e |= PF_I;
  raise_page_fault(v, la, e);
  return false;
}

/** Sets bits in a table entry that is still `old`; false when another vCPU has changed it, and the walk starts again. */
function set_bits(v: u32, entry: u32, wide: bool, old: u64, bits: u64, slot: u32, gpa: u64): bool {
  // Tables in ROM keep their bits, as in KVM: they are expected to have them set.
  if (load<u32>(slot + SLOT_FLAGS) & KVM_MEM_READONLY) return true;
  const same = wide
    ? atomic.cmpxchg<u64>(entry, old, old | bits) == old
    : atomic.cmpxchg<u32>(entry, old as u32, (old | bits) as u32) == (old as u32);
  if (same) mark_dirty(v, slot, gpa);
  return same;
}

/** PKRU's bits for the key of a user page's leaf: 1 = no data access (AD), 2 = no write (WD). SDM vol. 3, 4.6.2. */
function key_rights(v: u32, pte: u64): u32 {
  return (load<u32>(v + V_PKRU) >> ((((pte >> PTE_KEY_SHIFT) as u32) & 15) * 2)) & 3;
}

/**
 * Translates `la`; true with V_WALK_GPA and V_WALK_FLAGS set, else a #PF is raised (not for ACCESS_QUIET).
 */
export function walk(v: u32, la: u64, access: u32): bool {
  const cr0 = load<u32>(v + V_CR0);
  if ((cr0 & CR0_PG) == 0) {
    store<u64>(v + V_WALK_GPA, la & 0xffffffff);
    store<u32>(v + V_WALK_FLAGS, WALK_WRITABLE | WALK_USER | WALK_RW);
    return true;
  }
  const cr4 = load<u32>(v + V_CR4);
  const efer = load<u32>(v + V_EFER);
  const long_mode = (efer & EFER_LMA) != 0;
  const space = space_of(v);
  const wide = (cr4 & CR4_PAE) != 0;
  for (;;) {
    let level: u32, table: u64;
    let rights: u64 = PTE_RW | PTE_US;
    let nx: u64 = 0;
    if (long_mode) {
      level = 4;
      table = load<u64>(v + V_CR3) & ADDRESS_MASK;
    } else if (wide) {
      const pdpte = load<u64>(v + V_PDPTR + (((la >> 30) as u32) & 3) * 8);
      if ((pdpte & PTE_P) == 0) return fault(v, la, access, 0);
      level = 2;
      table = pdpte & ADDRESS_MASK;
    } else {
      level = 2;
      table = load<u64>(v + V_CR3) & 0xfffff000;
    }
    let retry = false;
    for (;;) {
      const shift = wide ? 12 + (level - 1) * 9 : 12 + (level - 1) * 10;
      const at = unalias(space, table + (wide ? ((la >> shift) & 511) * 8 : ((la >> shift) & 1023) * 4));
      const slot = find_slot(space, at);
      if (slot == 0) return fault(v, la, access, 0);
      const entry = slot_hva(slot, at);
      const pte = wide ? atomic.load<u64>(entry) : (atomic.load<u32>(entry) as u64);
      if ((pte & PTE_P) == 0) return fault(v, la, access, 0);
      const large = level > 1 && (pte & PTE_PS) != 0 && (wide || (cr4 & CR4_PSE) != 0);
      if (wide) {
        let reserved: u64 = RESERVED_HIGH;
        if ((efer & EFER_NXE) == 0) reserved |= PTE_NX;
        if (!long_mode) reserved |= 0x7ff0000000000000;
        if (large) reserved |= level == 4 ? PTE_PS : level == 3 ? 0x3fffe000 : 0x1fe000;
        if (pte & reserved) return fault(v, la, access, PF_P | PF_RSVD);
        nx |= pte & PTE_NX;
      } else if (large && (pte & 0x200000) != 0) {
        return fault(v, la, access, PF_P | PF_RSVD);
      }
      rights &= pte;
      if (level > 1 && !large) {
        if (
          (pte & PTE_A) == 0 &&
          (access & ACCESS_QUIET) == 0 &&
          !set_bits(v, entry, wide, pte, PTE_A, slot, at)
        ) {
          retry = true;
          break;
        }
        table = wide ? pte & ADDRESS_MASK : pte & 0xfffff000;
        level--;
        continue;
      }
      // The leaf: rights, then accessed and dirty.
      const user_page = (rights & PTE_US) != 0;
      const writable = (rights & PTE_RW) != 0;
      const keyed =
        long_mode && user_page && (cr4 & CR4_PKE) != 0 && (access & (ACCESS_FETCH | ACCESS_QUIET)) == 0;
      const denied: u32 = keyed ? key_rights(v, pte) : 0;
      // WD binds the supervisor only with CR0.WP.
      const key_keeps_writes = (denied & 2) != 0 && (access & ACCESS_USER || cr0 & CR0_WP) != 0;
      const key_forbids = (denied & 1) != 0 || (key_keeps_writes && (access & ACCESS_WRITE) != 0);
      const code = key_forbids ? PF_P | PF_PK : PF_P;
      if (access & ACCESS_USER) {
        if (!user_page) return fault(v, la, access, code);
        if (access & ACCESS_WRITE && !writable) return fault(v, la, access, code);
      } else {
        if (access & ACCESS_WRITE && !writable && cr0 & CR0_WP) return fault(v, la, access, code);
        if (user_page) {
          if (access & ACCESS_FETCH) {
            if (cr4 & CR4_SMEP) return fault(v, la, access, code);
          } else if (cr4 & CR4_SMAP && (access & ACCESS_QUIET) == 0) {
            if (
              access & ACCESS_SYSTEM ||
              load<u32>(v + V_CPL) == 3 ||
              (load<u32>(v + V_RFLAGS) & FLAG_AC) == 0
            )
              return fault(v, la, access, code);
          }
        }
      }
      if (key_forbids || (access & ACCESS_FETCH && nx)) return fault(v, la, access, code);
      let bits: u64 = PTE_A;
      if (access & ACCESS_WRITE) bits |= PTE_D;
      if ((pte & bits) != bits && (access & ACCESS_QUIET) == 0) {
        if (!set_bits(v, entry, wide, pte, bits, slot, at)) {
          retry = true;
          break;
        }
      }
      const mask = ((1 as u64) << shift) - 1;
      let frame = wide ? pte & ADDRESS_MASK & ~mask : pte & 0xffffffff & ~mask;
      if (large && !wide) frame = (pte & 0xffc00000) | (((pte >> 13) & 0xff) << 32); // PSE-36
      store<u64>(v + V_WALK_GPA, frame | (la & mask));
      let flags: u32 = 0;
      const may_write = writable || ((access & ACCESS_USER) == 0 && (cr0 & CR0_WP) == 0);
      if (may_write) flags |= WALK_RW;
      if (may_write && !key_keeps_writes && ((pte | bits) & PTE_D) != 0) flags |= WALK_WRITABLE;
      if (user_page) flags |= WALK_USER;
      let entry_flags: u32 = large ? (level == 3 ? TLB_HUGE : TLB_LARGE) : 0;
      if (pte & PTE_G && cr4 & CR4_PGE) entry_flags |= TLB_GLOBAL;
      if (keyed) entry_flags |= TLB_KEYED | ((((pte >> PTE_KEY_SHIFT) as u32) & 15) << TLB_KEY_SHIFT);
      store<u32>(v + V_WALK_FLAGS, flags | (entry_flags << WALK_TLB_SHIFT));
      return true;
    }
    if (!retry) break;
  }
  return false;
}
