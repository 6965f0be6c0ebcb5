// The ioctls of /dev/kvm. What they do is the typed API's; here is only how their arguments travel.

import {
  KVM_CAP,
  type KvmCpuidEntry2,
  KvmError,
  kvm_cpuid_entry2,
  kvm_cpuid2,
  kvm_device_attr,
  kvm_msr_list,
  viewOf,
} from '../abi/index.ts';
import type { Kvm } from '../kvm.ts';
import type { OpenFile } from './fd_table.ts';
import type { SystemFile } from './files.ts';
import { getMsrs } from './msr_requests.ts';
import { attributeAt, bare, type Call, type Requests, takes } from './request.ts';

/** KVM_CHECK_EXTENSION as a process sees it: numbers of vCPUs are those that fit its memory's drawing. */
export function checkExtension(kvm: Kvm, cap: number, maxVcpus: number): number {
  const answer = kvm.checkExtension(cap);
  const counts = [KVM_CAP.NR_VCPUS, KVM_CAP.MAX_VCPUS, KVM_CAP.MAX_VCPU_ID] as number[];
  return counts.includes(cap) ? Math.min(answer, maxVcpus) : answer;
}

/** A list of MSR indices: nmsrs says how many there are even where the caller's room is too small. E2BIG. */
function msrList({ argument }: Call<SystemFile>, indices: readonly number[]): void {
  const { nmsrs: room } = argument.read(kvm_msr_list);
  argument.update(kvm_msr_list, { nmsrs: indices.length });
  if (room < indices.length) {
    throw new KvmError('E2BIG', `the list has room for ${room} MSRs; there are ${indices.length}.`);
  }
  argument.write(kvm_msr_list, { nmsrs: indices.length, indices });
}

/** A table of CPUID entries, with their number. E2BIG when the caller's room is too small; it keeps its number. */
export function cpuidTable<F extends OpenFile>(
  { argument }: Call<F>,
  entries: readonly KvmCpuidEntry2[],
): void {
  const { nent } = argument.read(kvm_cpuid2);
  if (nent < entries.length) {
    throw new KvmError('E2BIG', `the table has room for ${nent} entries; there are ${entries.length}.`);
  }
  argument.bytes(kvm_cpuid2.size + entries.length * kvm_cpuid_entry2.size);
  argument.write(kvm_cpuid2, { nent: entries.length, entries });
}

export const SYSTEM_REQUESTS: Requests<SystemFile> = {
  KVM_GET_API_VERSION: bare(({ kvm }) => kvm.apiVersion()),
  KVM_CREATE_VM: ({ file, argument, open }) => {
    if (argument.value !== 0) throw new KvmError('EINVAL', 'x86 has VMs of type 0 only.');
    const vm = file.createVm().hold();
    try {
      return open(vm);
    } finally {
      vm.release();
    }
  },
  KVM_CHECK_EXTENSION: ({ file, argument }) => checkExtension(file.kvm, argument.value, file.maxVcpus),
  KVM_GET_VCPU_MMAP_SIZE: bare(({ kvm }) => kvm.getVcpuMmapSize()),
  KVM_GET_MSR_INDEX_LIST: (call) => msrList(call, call.file.kvm.getMsrIndexList()),
  KVM_GET_MSR_FEATURE_INDEX_LIST: (call) => msrList(call, call.file.kvm.getMsrFeatureIndexList()),
  KVM_GET_MSRS: ({ file, argument }) => getMsrs(argument, (indices) => file.kvm.getMsrs(indices)),
  KVM_GET_SUPPORTED_CPUID: (call) => cpuidTable(call, call.file.kvm.getSupportedCpuid()),
  KVM_GET_SUPPORTED_HV_CPUID: (call) => cpuidTable(call, call.file.kvm.getSupportedHvCpuid()),
  KVM_GET_EMULATED_CPUID: (call) => cpuidTable(call, call.file.kvm.getEmulatedCpuid()),
  KVM_X86_GET_MCE_CAP_SUPPORTED: ({ file, argument }) =>
    viewOf(argument.bytes(8)).setBigUint64(0, file.kvm.getMceCapSupported(), true),
  KVM_HAS_DEVICE_ATTR: takes(kvm_device_attr, ({ kvm }, which) => kvm.hasDeviceAttr(which)),
  KVM_GET_DEVICE_ATTR: takes(kvm_device_attr, ({ kvm }, which, { space }) =>
    attributeAt(space, which.addr).setBigUint64(0, kvm.getDeviceAttr(which), true),
  ),
};
