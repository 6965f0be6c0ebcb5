// What a VMM tells the host's MMU code of KVM: how many shadow pages, and where three pages of the guest's address space are
// free for tables of the host's. This VM has no shadow pages and needs no such tables: the values are checked and kept.

import {
  PAGE_SIZE,
  VM_GENERATION,
  VM_IDENTITY_MAP,
  VM_MMU_PAGES,
  VM_TSS_ADDR,
} from '../../assembly/abi/map.ts';
import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { allSlots } from './slots.ts';
import { vcpuIds } from './vm_page.ts';

/** KVM_MIN_ALLOC_MMU_PAGES. */
const MMU_PAGES_MIN = 64;
/** KVM_MEMSLOT_PAGES_TO_MMU_PAGES_RATIO: a shadow page for so many pages of guest memory. */
const PAGES_PER_MMU_PAGE = 50;
/** Three pages below 4 GiB must fit behind it. */
const TSS_ADDR_MAX = 2 ** 32 - 3 * PAGE_SIZE;
/** VMX_EPT_IDENTITY_PAGETABLE_ADDR. */
const IDENTITY_MAP_DEFAULT = 0xfffb_c000n;

/** KVM_SET_NR_MMU_PAGES. EINVAL below 64. */
export function setNrMmuPages(memory: MachineMemory, pages: number): void {
  if (!(Number.isInteger(pages) && pages >= MMU_PAGES_MIN && pages < 2 ** 32)) {
    throw new KvmError('EINVAL', `${pages} shadow pages are too few; give at least ${MMU_PAGES_MIN}.`);
  }
  memory.setU32(memory.vm + VM_MMU_PAGES, pages);
}

/** KVM_GET_NR_MMU_PAGES: what was set; otherwise what KVM derives from the slots, 0 before the first. */
export function getNrMmuPages(memory: MachineMemory): number {
  const pages = memory.u32(memory.vm + VM_MMU_PAGES);
  if (pages !== 0 || memory.load(memory.vm + VM_GENERATION) === 0) return pages;
  const guest = allSlots(memory).reduce((sum, { size }) => sum + size / PAGE_SIZE, 0);
  return Math.max(MMU_PAGES_MIN, Math.floor(guest / PAGES_PER_MMU_PAGE));
}

/** KVM_SET_TSS_ADDR. EINVAL when three pages from there on do not end below 4 GiB. */
export function setTssAddr(memory: MachineMemory, address: number): void {
  if (!(Number.isInteger(address) && address >= 0 && address <= TSS_ADDR_MAX)) {
    throw new KvmError(
      'EINVAL',
      `the TSS takes three pages below 4 GiB; give at most 0x${TSS_ADDR_MAX.toString(16)}.`,
    );
  }
  memory.setU32(memory.vm + VM_TSS_ADDR, address);
}

/** KVM_SET_IDENTITY_MAP_ADDR; 0 means 0xfffbc000. EINVAL once a vCPU exists. */
export function setIdentityMapAddr(memory: MachineMemory, address: bigint): void {
  if (vcpuIds(memory).length > 0) {
    throw new KvmError('EINVAL', 'vCPUs exist already; set the identity map before the first createVcpu.');
  }
  memory.setU64(memory.vm + VM_IDENTITY_MAP, BigInt.asUintN(64, address) || IDENTITY_MAP_DEFAULT);
}
