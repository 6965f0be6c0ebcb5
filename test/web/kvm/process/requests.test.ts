// Requests of ioctl: which fd takes which, what a wrong one answers, and how tables and lists travel.

import { describe, expect, test } from 'vitest';
import { PAGE_SIZE, VM_PAGE } from '../../../../assembly/abi/map.ts';
import {
  decode,
  ERRNO,
  encode,
  KVM,
  KVM_CAP,
  KVM_MEM_LOG_DIRTY_PAGES,
  kvm_clear_dirty_log,
  kvm_cpuid_entry2,
  kvm_cpuid2,
  kvm_dirty_log,
  kvm_enable_cap,
  kvm_irq_routing,
  kvm_msr_list,
  kvm_msrs,
  kvm_signal_mask,
  kvm_userspace_memory_region,
  kvm_vcpu_events,
} from '../../../../web/kvm/index.ts';
import { kvm } from '../support.ts';
import { allocate, bytesOf, load, openAll, place, RAM } from './support.ts';

const { process, sys, vm, vcpu } = openAll();

describe('an unknown request', () => {
  test.each([
    ['from /dev/kvm is EINVAL', sys, 0xaeff, ERRNO.EINVAL],
    ['from a VM is ENOTTY', vm, 0xaeff, ERRNO.ENOTTY],
    ['from a vCPU is EINVAL', vcpu, 0xaeff, ERRNO.EINVAL],
    ['of a vCPU at a VM is ENOTTY', vm, KVM.KVM_GET_REGS, ERRNO.ENOTTY],
    ['of a VM at a vCPU is EINVAL', vcpu, KVM.KVM_CREATE_VCPU, ERRNO.EINVAL],
    ['of the system at a VM is ENOTTY', vm, KVM.KVM_GET_API_VERSION, ERRNO.ENOTTY],
  ])('%s', (_, fd, request, errno) => {
    expect(process.ioctl(fd, request)).toBe(-errno);
  });
});

test('the same number means KVM_GET_PIT2 to a VM and KVM_GET_VCPU_EVENTS to a vCPU', () => {
  expect(process.ioctl(vm, KVM.KVM_GET_PIT2, allocate(process))).toBe(-ERRNO.ENXIO);
  expect(process.ioctl(vcpu, KVM.KVM_GET_VCPU_EVENTS, allocate(process))).toBe(0);
});

test.each([
  ['KVM_GET_API_VERSION', sys],
  ['KVM_GET_VCPU_MMAP_SIZE', sys],
  ['KVM_CREATE_VM', sys],
  ['KVM_RUN', vcpu],
] as const)('%s takes no argument: EINVAL', (name, fd) => {
  expect(process.ioctl(fd, KVM[name], 1)).toBe(-ERRNO.EINVAL);
});

test('KVM_SMI pends an SMI, which KVM_GET_VCPU_EVENTS shows', () => {
  const at = allocate(process);
  expect(process.ioctl(vcpu, KVM.KVM_SMI)).toBe(0);
  expect(process.ioctl(vcpu, KVM.KVM_GET_VCPU_EVENTS, at)).toBe(0);
  const events = decode(kvm_vcpu_events, bytesOf(process, at, kvm_vcpu_events.size));
  expect(events.smi).toMatchObject({ smm: 0, pending: 1 });
  const none = place(process, kvm_vcpu_events, { ...events, smi: {} });
  expect(process.ioctl(vcpu, KVM.KVM_SET_VCPU_EVENTS, none)).toBe(0);
});

test('extensions of the system and of a VM say the same, and vCPUs as many as fit', () => {
  const ask = (fd: number, cap: number) => process.ioctl(fd, KVM.KVM_CHECK_EXTENSION, cap);
  expect([ask(sys, KVM_CAP.MAX_VCPUS), ask(vm, KVM_CAP.READONLY_MEM), ask(sys, 99999)]).toEqual([2, 1, 0]);
});

describe('a list of MSR indices', () => {
  test('that is too short is E2BIG and learns the length', () => {
    const at = place(process, kvm_msr_list, { nmsrs: 3, indices: [0, 0, 0] });
    expect(process.ioctl(sys, KVM.KVM_GET_MSR_INDEX_LIST, at)).toBe(-ERRNO.E2BIG);
    expect(decode(kvm_msr_list, bytesOf(process, at, 4)).nmsrs).toBe(kvm.getMsrIndexList().length);
    expect(decode(kvm_msr_list, bytesOf(process, at, 16)).indices).toEqual([0, 0, 0]);
  });

  test('that is long enough is filled', () => {
    const indices = kvm.getMsrIndexList();
    const at = place(process, kvm_msr_list, { nmsrs: indices.length + 9 });
    expect(process.ioctl(sys, KVM.KVM_GET_MSR_INDEX_LIST, at)).toBe(0);
    expect(decode(kvm_msr_list, bytesOf(process, at, 4 + 4 * indices.length)).indices).toEqual(indices);
  });

  test('whose tail is nobody’s memory is EFAULT', () => {
    const header = encode(kvm_msr_list, { nmsrs: 1000 });
    expect(process.ioctl(sys, KVM.KVM_GET_MSR_INDEX_LIST, header)).toBe(-ERRNO.EFAULT);
  });
});

describe('a CPUID table', () => {
  test('that is too short is E2BIG and keeps its number', () => {
    const at = place(process, kvm_cpuid2, { nent: 1 });
    expect(process.ioctl(sys, KVM.KVM_GET_SUPPORTED_CPUID, at)).toBe(-ERRNO.E2BIG);
    expect(decode(kvm_cpuid2, bytesOf(process, at, 8)).nent).toBe(1);
  });

  test('goes from the system to a vCPU and back', () => {
    const length = kvm_cpuid2.size + 90 * kvm_cpuid_entry2.size;
    const [to, back] = [allocate(process, length), place(process, kvm_cpuid2, { nent: 90 })];
    bytesOf(process, to, 4)[0] = 90;
    expect(process.ioctl(sys, KVM.KVM_GET_SUPPORTED_CPUID, to)).toBe(0);
    expect(process.ioctl(vcpu, KVM.KVM_SET_CPUID2, to)).toBe(0);
    expect(process.ioctl(vcpu, KVM.KVM_GET_CPUID2, back)).toBe(0);
    expect(bytesOf(process, back, length)).toEqual(bytesOf(process, to, length));
  });

  test('of more than 256 entries is E2BIG', () => {
    expect(process.ioctl(vcpu, KVM.KVM_SET_CPUID2, encode(kvm_cpuid2, { nent: 257 }))).toBe(-ERRNO.E2BIG);
  });
});

describe('MSRs', () => {
  const TSC_AUX = 0xc000_0103;
  const set = (indices: number[]) =>
    process.ioctl(
      vcpu,
      KVM.KVM_SET_MSRS,
      encode(kvm_msrs, { nmsrs: indices.length, entries: indices.map((index) => ({ index, data: 7 })) }),
    );

  test('are set until the first that does not exist, and their number is the result', () => {
    expect([set([TSC_AUX]), set([TSC_AUX, 0xdead_0000, TSC_AUX]), set([])]).toEqual([1, 1, 0]);
  });

  test('are read into the same list', () => {
    set([TSC_AUX]);
    const at = place(process, kvm_msrs, { nmsrs: 1, entries: [{ index: TSC_AUX }] });
    expect(process.ioctl(vcpu, KVM.KVM_GET_MSRS, at)).toBe(1);
    expect(decode(kvm_msrs, bytesOf(process, at, 24)).entries[0]?.data).toBe(7n);
  });

  test('of 256 and more in one call are E2BIG', () => {
    expect(process.ioctl(vcpu, KVM.KVM_GET_MSRS, encode(kvm_msrs, { nmsrs: 256 }))).toBe(-ERRNO.E2BIG);
  });
});

describe('a signal mask', () => {
  test.each([
    ['none', 0, 0],
    ['8 bytes', encode(kvm_signal_mask, { len: 8, sigset: Array(8).fill(0) }), 0],
    ['of another length', encode(kvm_signal_mask, { len: 16 }), -ERRNO.EINVAL],
    ['without its bytes', encode(kvm_signal_mask, { len: 8 }), -ERRNO.EFAULT],
  ])('of %s', (_, mask, result) => {
    expect(process.ioctl(vcpu, KVM.KVM_SET_SIGNAL_MASK, mask)).toBe(result);
  });
});

describe('routes', () => {
  test.each([
    ['with flags', { flags: 1 }, ERRNO.EINVAL],
    ['of more than 4096', { nr: 4097 }, ERRNO.EINVAL],
    ['without their bytes', { nr: 2 }, ERRNO.EFAULT],
  ])('%s are refused', (_, routing, errno) => {
    expect(process.ioctl(vm, KVM.KVM_SET_GSI_ROUTING, encode(kvm_irq_routing, routing))).toBe(-errno);
  });
});

describe('guest memory', () => {
  test.each([
    ['KVM’s own pages', VM_PAGE],
    ['no memory at all', 0x0fff_0000],
    ['address 0', 0],
  ])('on %s is EINVAL', (_, userspace_addr) => {
    const region = { slot: 5, guest_phys_addr: 0x100000, memory_size: PAGE_SIZE, userspace_addr };
    const at = place(process, kvm_userspace_memory_region, region);
    expect(process.ioctl(vm, KVM.KVM_SET_USER_MEMORY_REGION, at)).toBe(-ERRNO.EINVAL);
  });

  test('keeps its dirty log when the bitmap is nobody’s memory', () => {
    const own = openAll(process);
    // mov byte [0x3000], 1; hlt
    load(process, own.vm, own.vcpu, [0xc6, 0x06, 0x00, 0x30, 1, 0xf4], KVM_MEM_LOG_DIRTY_PAGES);
    process.ioctl(own.vcpu, KVM.KVM_RUN);
    const get = (dirty_bitmap: number) =>
      process.ioctl(own.vm, KVM.KVM_GET_DIRTY_LOG, encode(kvm_dirty_log, { slot: 0, dirty_bitmap }));
    const bitmap = allocate(process, RAM / PAGE_SIZE);
    expect([get(16), get(bitmap), bytesOf(process, bitmap, 1)[0]]).toEqual([-ERRNO.EFAULT, 0, 1 << 3]);
  });

  test('that is logged with manual protection is dirty until it is cleared', () => {
    const own = openAll(process);
    const cap = { cap: KVM_CAP.MANUAL_DIRTY_LOG_PROTECT2, args: [1n] };
    expect(process.ioctl(own.vm, KVM.KVM_ENABLE_CAP, encode(kvm_enable_cap, cap))).toBe(0);
    load(process, own.vm, own.vcpu, [0xc6, 0x06, 0x00, 0x30, 1, 0xf4], KVM_MEM_LOG_DIRTY_PAGES);
    process.ioctl(own.vcpu, KVM.KVM_RUN);
    const dirty_bitmap = allocate(process);
    const get = () => {
      process.ioctl(own.vm, KVM.KVM_GET_DIRTY_LOG, encode(kvm_dirty_log, { dirty_bitmap }));
      return bytesOf(process, dirty_bitmap, 1)[0];
    };
    const seen = [get(), get()];
    const pages = { num_pages: RAM / PAGE_SIZE, dirty_bitmap };
    expect(process.ioctl(own.vm, KVM.KVM_CLEAR_DIRTY_LOG, encode(kvm_clear_dirty_log, pages))).toBe(0);
    expect([...seen, get()]).toEqual([8, 8, 0]);
  });
});
