// kvm_sregs2: the special registers with the page-directory pointers of PAE paging, which a snapshot must not read anew
// from guest memory. The rest is kvm_sregs.

import { V_PDPTR } from '../../assembly/abi/vcpu_page.ts';
import { CR0_PG, CR4_PAE, EFER_LMA } from '../../assembly/abi/x86.ts';
import { type Input, KvmError, type KvmSregs, type KvmSregs2 } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { readSregs, writeSregs } from './registers.ts';

/** KVM_SREGS2_FLAGS_PDPTRS_VALID: pdptrs are those in force, as with PAE paging. */
export const KVM_SREGS2_FLAGS_PDPTRS_VALID = 1n;

function usesPae({ cr0, cr4, efer }: Pick<KvmSregs, 'cr0' | 'cr4' | 'efer'>): boolean {
  return (cr0 & BigInt(CR0_PG)) !== 0n && (cr4 & BigInt(CR4_PAE)) !== 0n && (efer & BigInt(EFER_LMA)) === 0n;
}

/** KVM_GET_SREGS2. */
export function readSregs2(memory: MachineMemory, v: number): KvmSregs2 {
  const { interrupt_bitmap: _, ...sregs } = readSregs(memory, v);
  const valid = usesPae(sregs);
  const pdptrs = [0, 1, 2, 3].map((n) => (valid ? memory.u64(v + V_PDPTR + n * 8) : 0n));
  return { ...sregs, flags: valid ? KVM_SREGS2_FLAGS_PDPTRS_VALID : 0n, pdptrs };
}

/**
 * KVM_SET_SREGS2; fields not named keep their values. EINVAL for other flags than PDPTRS_VALID, for that one without PAE
 * paging, and for what KVM_SET_SREGS refuses. The caller must have the TLB flushed.
 */
export function writeSregs2(memory: MachineMemory, v: number, given: Input<KvmSregs2>): void {
  const { flags = 0n, pdptrs, ...sregs } = given;
  const now = readSregs(memory, v);
  const next = {
    cr0: BigInt(given.cr0 ?? now.cr0),
    cr4: BigInt(given.cr4 ?? now.cr4),
    efer: BigInt(given.efer ?? now.efer),
  };
  const valid = BigInt(flags) === KVM_SREGS2_FLAGS_PDPTRS_VALID;
  if (BigInt(flags) !== 0n && !valid)
    throw new KvmError('EINVAL', `flags ${flags} are unknown; give 0 or 1.`);
  if (valid && !usesPae(next)) {
    throw new KvmError('EINVAL', 'pdptrs belong to PAE paging: cr0.PG and cr4.PAE without efer.LMA.');
  }
  writeSregs(memory, v, sregs);
  if (!valid) return;
  for (let n = 0; n < 4; n++) {
    memory.setU64(v + V_PDPTR + n * 8, BigInt.asUintN(64, BigInt(pdptrs?.[n] ?? 0n)));
  }
}
