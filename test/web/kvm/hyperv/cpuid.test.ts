// The CPUID leaves of Hyper-V, by each door, and their enforcement.

import { expect, test } from 'vitest';
import * as hv from '../../../../assembly/abi/hyperv.ts';
import { decode, ERRNO, encode, KVM, KVM_CAP, kvm_cpuid2 } from '../../../../web/kvm/index.ts';
import { bytesOf, openAll, place } from '../process/support.ts';
import { kvm } from '../support.ts';
import { cpuid, Guest } from './support.ts';

test('the leaves begin with the signatures of KVM and Hyper-V, and end where the first says', () => {
  const [vendor, face, ...rest] = kvm.getSupportedHvCpuid();
  const text = new TextDecoder().decode(
    new Uint32Array([vendor?.ebx ?? 0, vendor?.ecx ?? 0, vendor?.edx ?? 0]).buffer,
  );
  expect([text, face?.eax]).toEqual(['Linux KVM Hv', 0x31237648]);
  expect(rest.at(-1)?.function).toBe(vendor?.eax);
  expect(kvm.getSupportedHvCpuid().map((entry) => entry.function)).toEqual(
    [0, 1, 2, 3, 4, 5].map((n) => 0x4000_0000 + n),
  );
});

test('a vCPU without an irqchip has no timers that raise a vector', () => {
  const edx = (chips: boolean) => new Guest({ chips }).vcpu.getSupportedHvCpuid()[3]?.edx ?? 0;
  expect([edx(true), edx(false)].map((bits) => (bits & hv.HV_STIMER_DIRECT_MODE_AVAILABLE) !== 0)).toEqual([
    true,
    false,
  ]);
});

test('KVM_GET_SUPPORTED_HV_CPUID fills a table of /dev/kvm and of a vCPU, and is E2BIG where that is too small', () => {
  const { process, sys, vcpu } = openAll();
  const entries = Array.from({ length: 10 }, () => ({}));
  for (const fd of [sys, vcpu]) {
    const at = place(process, kvm_cpuid2, { nent: 10, entries });
    expect(process.ioctl(fd, KVM.KVM_GET_SUPPORTED_HV_CPUID, at)).toBe(0);
    const { nent, entries: found } = decode(kvm_cpuid2, bytesOf(process, at, 8 + 6 * 40));
    expect([nent, found[1]?.eax]).toEqual([6, hv.HYPERV_SIGNATURE]);
    const small = place(process, kvm_cpuid2, { nent: 5, entries: entries.slice(5) });
    expect(process.ioctl(fd, KVM.KVM_GET_SUPPORTED_HV_CPUID, small)).toBe(-ERRNO.E2BIG);
  }
  expect(process.ioctl(sys, KVM.KVM_GET_SUPPORTED_HV_CPUID, encode(kvm_cpuid2, { nent: 0 }))).toBe(
    -ERRNO.E2BIG,
  );
});

const FAST = 0x10000;

test('what CPUID hides is #GP and HV_STATUS_ACCESS_DENIED once that is enforced, and not before', () => {
  const bare = cpuid((entry) =>
    entry.function === hv.HYPERV_CPUID_FEATURES
      ? { ...entry, eax: hv.HV_MSR_HYPERCALL_AVAILABLE, ebx: 0, edx: 0 }
      : entry.function === hv.HYPERV_CPUID_ENLIGHTENMENTS
        ? { ...entry, eax: 0, ebx: 0 }
        : entry,
  );
  const guest = new Guest({ table: bare });
  const { vcpu } = guest;
  const hidden = [hv.HV_X64_MSR_VP_INDEX, hv.HV_X64_MSR_CRASH_P0, hv.HV_X64_MSR_TIME_REF_COUNT];
  for (const index of hidden) expect(guest.rdmsr(index)).toBeDefined();
  vcpu.enableCap({ cap: KVM_CAP.HYPERV_ENFORCE_CPUID, args: [1] });
  for (const index of hidden) expect(guest.rdmsr(index), index.toString(16)).toBeUndefined();
  expect(guest.wrmsr(hv.HV_X64_MSR_GUEST_OS_ID, 1)).toBe(true);
  expect(guest.get(hv.HV_X64_MSR_VP_INDEX)).toBe(0n);
  guest.long();
  for (const code of [2, 3, 8, 0xb, 0x13, 0x14, 0x15, 0x5c, 0x5d]) {
    expect(guest.call(code), `${code}`).toBe(6n);
    expect(guest.call(code | FAST), `${code}, fast`).toBe(6n);
  }
  vcpu.enableCap({ cap: KVM_CAP.HYPERV_ENFORCE_CPUID, args: [0] });
  expect(guest.call(8)).toBe(0n);
});
