// KVM_TRANSLATE: guest-virtual to guest-physical by the guest's own tables (SDM vol. 3, chapter 4). It sets no A or D
// bit, raises no fault and asks no core, so that any thread may use it, the page too.

import { V_SMM } from '../../assembly/abi/smm.ts';
import { V_CR0, V_CR3, V_CR4, V_EFER, V_PDPTR } from '../../assembly/abi/vcpu_page.ts';
import { CR0_PG, CR4_PAE, CR4_PSE, EFER_LMA } from '../../assembly/abi/x86.ts';
import { readPhysical } from './guest_memory.ts';
import type { MachineMemory } from './memory.ts';

/** A translation with what the tables allow. */
export interface Translation {
  readonly gpa: bigint;
  readonly writeable: boolean;
  readonly user: boolean;
  /** Bytes of the page that holds it. */
  readonly pageSize: bigint;
}

const P = 1n;
const RW = 2n;
const US = 4n;
const PS = 0x80n;
const FRAME = 0x000f_ffff_ffff_f000n;

interface Table {
  readonly at: bigint;
  readonly level: number;
}

function root(memory: MachineMemory, v: number, gva: bigint, pae: boolean): Table | undefined {
  const cr3 = memory.u64(v + V_CR3);
  if ((memory.u32(v + V_EFER) & EFER_LMA) !== 0) return { at: cr3 & FRAME, level: 4 };
  if (!pae) return { at: cr3 & 0xffff_f000n, level: 2 };
  const pdpte = memory.u64(v + V_PDPTR + Number((gva >> 30n) & 3n) * 8);
  return pdpte & P ? { at: pdpte & FRAME, level: 2 } : undefined;
}

/** The translation of `gva` by the vCPU page at `v`; undefined when the guest has nothing there. */
export function translate(memory: MachineMemory, v: number, gva: bigint): Translation | undefined {
  const linear = BigInt.asUintN(64, gva);
  if ((memory.u32(v + V_CR0) & CR0_PG) === 0) {
    return { gpa: linear & 0xffff_ffffn, writeable: true, user: true, pageSize: 4096n };
  }
  const cr4 = memory.u32(v + V_CR4);
  const pae = (cr4 & CR4_PAE) !== 0;
  const bits = pae ? 9n : 10n;
  const table = root(memory, v, linear, pae);
  if (!table) return undefined;
  if (table.level === 4 && BigInt.asIntN(48, linear) !== BigInt.asIntN(64, linear)) return undefined;
  let { at } = table;
  let rights = RW | US;
  for (let level = table.level; level > 0; level--) {
    const shift = 12n + BigInt(level - 1) * bits;
    const index = (linear >> shift) & ((1n << bits) - 1n);
    const entry = readPhysical(memory, at + index * (pae ? 8n : 4n), pae ? 8 : 4, memory.u32(v + V_SMM));
    if (entry === undefined || !(entry & P)) return undefined;
    rights &= entry;
    const large = level > 1 && (entry & PS) !== 0n && (pae || (cr4 & CR4_PSE) !== 0);
    if (level > 1 && !large) {
      at = entry & FRAME;
      continue;
    }
    const pageSize = 1n << shift;
    // PSE-36: a 4 MiB page keeps address bits 32 to 39 in bits 13 to 20 of its entry.
    const frame = large && !pae ? (entry & 0xffc0_0000n) | (((entry >> 13n) & 0xffn) << 32n) : entry & FRAME;
    const gpa = (frame & ~(pageSize - 1n)) | (linear & (pageSize - 1n));
    return { gpa, writeable: (rights & RW) !== 0n, user: (rights & US) !== 0n, pageSize };
  }
  return undefined;
}
