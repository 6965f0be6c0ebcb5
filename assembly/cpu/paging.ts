// What a change of CR3 loads besides itself: the four page-directory pointers of PAE paging (SDM vol. 3, 4.4.1).
// Walks no tables (memory/walk.ts).
import { V_CR0, V_CR4, V_EFER, V_PDPTR } from '../abi/vcpu_page';
import { CR0_PG, CR4_PAE, EFER_LMA } from '../abi/x86';
import { hva_of } from '../memory/slots';
import { PHYS_BITS } from '../memory/walk';

const PDPTE_P: u64 = 1;
/** Bits 1, 2, 5..8 and everything above the physical address. */
const PDPTE_RESERVED: u64 = 0x1e6 | ~(((1 as u64) << PHYS_BITS) - 1);

/** PAE paging (not of long mode) with these control registers. */
export function is_pae_paging(cr0: u64, cr4: u64, efer: u64): bool {
  return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && (efer & EFER_LMA) == 0;
}

/** PAE paging is in force. */
export function uses_pdptrs(v: u32): bool {
  return is_pae_paging(load<u64>(v + V_CR0), load<u64>(v + V_CR4), load<u64>(v + V_EFER));
}

/** Loads the four pointers; false (and nothing changed) when a present one has a reserved bit: #GP(0). */
export function load_pdptrs(v: u32, cr3: u64): bool {
  const at = hva_of(v, cr3 & 0xffffffe0);
  // A hole reads as ones, which are reserved bits.
  if (at == 0) return false;
  for (let i: u32 = 0; i < 4; i++) {
    const entry = load<u64>(at + i * 8);
    if ((entry & PDPTE_P) != 0 && (entry & PDPTE_RESERVED) != 0) return false;
  }
  memory.copy(v + V_PDPTR, at, 32);
  return true;
}
