// Xen for the host: KVM_XEN_HVM_CONFIG. What the guest finds is the core's (assembly/xen).

import { PAGE_SIZE, VM_SLOT_LOCK } from '../../assembly/abi/map.ts';
import {
  KVM_XEN_HVM_CONFIG_HYPERCALL_MSR,
  KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
  VM_XEN_BLOB_32,
  VM_XEN_BLOB_64,
  VM_XEN_FLAGS,
  VM_XEN_MSR,
  VM_XEN_PAGES_32,
  VM_XEN_PAGES_64,
} from '../../assembly/abi/xen.ts';
import { type Input, KvmError, type KvmXenHvmConfig } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';

/** KVM_XEN_HVM_CONFIG_*: what KVM_CAP_XEN_HVM tells. */
export const KVM_XEN_HVM = {
  HYPERCALL_MSR: KVM_XEN_HVM_CONFIG_HYPERCALL_MSR,
  INTERCEPT_HCALL: KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
} as const;

/**
 * KVM_XEN_HVM_CONFIG: `msr` is the one by which the guest gets its hypercall page, 0 = none. Its bytes are those at the
 * blob addresses (offsets in the VM's memory, `blob_size` whole pages each), or with INTERCEPT_HCALL stubs that exit. A blob
 * outside the memory is no error: the guest's write is #GP. EINVAL for other flags, and for blobs with INTERCEPT_HCALL.
 */
export function xenHvmConfig(memory: MachineMemory, config: Input<KvmXenHvmConfig>): void {
  const { flags = 0, msr = 0, blob_size_32 = 0, blob_size_64 = 0 } = config;
  if (flags & ~KVM_XEN_HVM.INTERCEPT_HCALL) {
    throw new KvmError('EINVAL', 'kvm_xen_hvm_config.flags may be INTERCEPT_HCALL (2) or 0.');
  }
  const addresses = [config.blob_addr_32 ?? 0, config.blob_addr_64 ?? 0].map(BigInt);
  if (flags !== 0 && (blob_size_32 || blob_size_64 || addresses.some((address) => address !== 0n))) {
    throw new KvmError('EINVAL', 'with INTERCEPT_HCALL the page is made by KVM; give no blobs.');
  }
  const inside = (address: bigint | undefined, pages: number): boolean =>
    address !== undefined && address > 0n && address + BigInt(pages * PAGE_SIZE) <= BigInt(memory.size);
  memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    // Nobody writes a page while the words change.
    memory.store(memory.vm + VM_XEN_MSR, 0);
    for (const [n, [address, number, pages]] of [
      [VM_XEN_BLOB_32, VM_XEN_PAGES_32, blob_size_32] as const,
      [VM_XEN_BLOB_64, VM_XEN_PAGES_64, blob_size_64] as const,
    ].entries()) {
      const there = inside(addresses[n], pages);
      memory.setU32(memory.vm + address, there ? Number(addresses[n]) : 0);
      memory.setU32(memory.vm + number, there ? pages : 0);
    }
    memory.setU32(memory.vm + VM_XEN_FLAGS, flags);
    memory.store(memory.vm + VM_XEN_MSR, msr);
  });
}
