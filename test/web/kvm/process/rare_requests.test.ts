// The rarer requests of ioctl: counters, filters with bitmaps, attributes, dirty rings, and that none is forgotten.

import { describe, expect, test } from 'vitest';
import {
  decode,
  ERRNO,
  encode,
  IOCTLS,
  KVM,
  KVM_CAP,
  KVM_MEM_LOG_DIRTY_PAGES,
  kvm_cpuid,
  kvm_cpuid2,
  kvm_device_attr,
  kvm_dirty_gfn,
  kvm_enable_cap,
  kvm_msr_filter,
  kvm_msrs,
  kvm_sregs2,
  kvm_stats_header,
} from '../../../../web/kvm/index.ts';
import { MAP_SHARED } from '../../../../web/kvm/process/index.ts';
import { SYSTEM_REQUESTS } from '../../../../web/kvm/process/system_requests.ts';
import { VCPU_REQUESTS } from '../../../../web/kvm/process/vcpu_requests.ts';
import { VM_REQUESTS } from '../../../../web/kvm/process/vm_requests.ts';
import { allocate, bytesOf, load, newProcess, openAll, place } from './support.ts';

test('every request of the header is carried out or refused by some kind of fd', () => {
  const known = new Set([SYSTEM_REQUESTS, VM_REQUESTS, VCPU_REQUESTS].flatMap((rows) => Object.keys(rows)));
  expect(IOCTLS.filter(({ name }) => !known.has(name)).map(({ name }) => name)).toEqual([]);
});

describe('KVM_GET_STATS_FD', () => {
  const { process, sys, vm, vcpu } = openAll();
  const at = allocate(process, 65536);

  test('opens counters of a VM and of a vCPU, and none of the system', () => {
    expect(process.ioctl(vm, KVM.KVM_GET_STATS_FD)).toBeGreaterThan(vcpu);
    expect(process.ioctl(sys, KVM.KVM_GET_STATS_FD)).toBe(-ERRNO.EINVAL);
  });

  test('that are read on and on, or at a place', () => {
    const fd = process.ioctl(vcpu, KVM.KVM_GET_STATS_FD);
    expect(process.read(fd, at, 24)).toBe(24);
    const { name_size, id_offset } = decode(kvm_stats_header, bytesOf(process, at, 24));
    expect(process.read(fd, at, name_size)).toBe(name_size);
    const id = bytesOf(process, at, name_size).slice();
    expect(process.pread(fd, at, name_size, id_offset)).toBe(name_size);
    expect(bytesOf(process, at, name_size)).toEqual(id);
    expect([process.pread(fd, at, 10, 1 << 20), process.pread(vm, at, 10, 0)]).toEqual([0, -ERRNO.ESPIPE]);
  });

  test('hold their VM', () => {
    const own = openAll(newProcess());
    const fd = own.process.ioctl(own.vm, KVM.KVM_GET_STATS_FD);
    for (const each of [own.sys, own.vm, own.vcpu]) own.process.close(each);
    expect(own.process.read(fd, allocate(own.process), 24)).toBe(24);
  });
});

describe('KVM_X86_SET_MSR_FILTER', () => {
  const { process, vm } = openAll();
  const SET_MSR_FILTER_COMPAT = 0x4104aec6;

  test('takes bitmaps by pointer, and refuses pointers that are not the process’s', () => {
    const filter = (bitmap: number) => {
      const ranges = [{ flags: 1, nmsrs: 64, base: 0x10, bitmap }];
      return process.ioctl(vm, KVM.KVM_X86_SET_MSR_FILTER, encode(kvm_msr_filter, { ranges }));
    };
    expect([filter(allocate(process)), filter(64)]).toEqual([0, -ERRNO.EFAULT]);
  });

  test('has a number and a struct of its own for processes of 32 bits', () => {
    const words = new Uint32Array(65);
    words.set([0, 1, 64, 0x10, allocate(process)]);
    const filter = (data: Uint32Array) =>
      process.ioctl(vm, SET_MSR_FILTER_COMPAT, new Uint8Array(data.slice().buffer));
    const good = filter(words);
    words[4] = 64;
    expect([good, filter(words), filter(words.subarray(0, 60))]).toEqual([0, -ERRNO.EFAULT, -ERRNO.EFAULT]);
  });
});

test('attributes are read and written where the process says', () => {
  const { process, vcpu } = openAll();
  const at = allocate(process);
  bytesOf(process, at, 1)[0] = 9;
  const attribute = (addr: number) => encode(kvm_device_attr, { addr });
  expect(process.ioctl(vcpu, KVM.KVM_SET_DEVICE_ATTR, attribute(at))).toBe(0);
  expect(process.ioctl(vcpu, KVM.KVM_GET_DEVICE_ATTR, attribute(at + 8))).toBe(0);
  expect(bytesOf(process, at, 9)[8]).toBe(9);
  expect(process.ioctl(vcpu, KVM.KVM_GET_DEVICE_ATTR, attribute(8))).toBe(-ERRNO.EFAULT);
});

test('a dirty ring is mapped at page 64 and taken back by KVM_RESET_DIRTY_RINGS', () => {
  const process = newProcess();
  const vm = process.ioctl(process.open('/dev/kvm'), KVM.KVM_CREATE_VM);
  const cap = encode(kvm_enable_cap, { cap: KVM_CAP.DIRTY_LOG_RING, args: [4096n] });
  expect(process.ioctl(vm, KVM.KVM_ENABLE_CAP, cap)).toBe(0);
  const vcpu = process.ioctl(vm, KVM.KVM_CREATE_VCPU, 0);
  // mov byte [0x3000], 1; hlt
  load(process, vm, vcpu, [0xc6, 0x06, 0x00, 0x30, 1, 0xf4], KVM_MEM_LOG_DIRTY_PAGES);
  const ring = process.mmap(4096, MAP_SHARED, vcpu, 64 * 4096);
  process.ioctl(vcpu, KVM.KVM_RUN);
  const first = bytesOf(process, ring, kvm_dirty_gfn.size);
  expect(decode(kvm_dirty_gfn, first)).toEqual({ flags: 1, slot: 0, offset: 3n });
  first[0] = 2;
  expect(process.ioctl(vm, KVM.KVM_RESET_DIRTY_RINGS)).toBe(1);
  expect(process.mmap(8192, MAP_SHARED, vcpu, 64 * 4096)).toBe(-ERRNO.EINVAL);
});

test('a VM without a dirty ring shows none', () => {
  const { process, vcpu } = openAll();
  expect(process.mmap(4096, MAP_SHARED, vcpu, 64 * 4096)).toBe(-ERRNO.EINVAL);
});

test('a CPUID table of KVM_SET_CPUID has no sub-leaves', () => {
  const { process, vcpu } = openAll();
  const entries = [{ function: 0x4000_0000, eax: 1, ebx: 2, ecx: 3, edx: 4 }];
  expect(process.ioctl(vcpu, KVM.KVM_SET_CPUID, encode(kvm_cpuid, { nent: 1, entries }))).toBe(0);
  const table = place(process, kvm_cpuid2, { nent: 1 });
  expect(process.ioctl(vcpu, KVM.KVM_GET_CPUID2, table)).toBe(0);
  expect(decode(kvm_cpuid2, bytesOf(process, table, 48)).entries[0]).toMatchObject(entries[0] as object);
});

test('feature MSRs are read from the system, and its XSAVE components by an attribute', () => {
  const { process, sys } = openAll();
  const at = allocate(process);
  expect(
    process.ioctl(sys, KVM.KVM_GET_MSRS, encode(kvm_msrs, { nmsrs: 1, entries: [{ index: 0x10a }] })),
  ).toBe(1);
  expect(process.ioctl(sys, KVM.KVM_GET_DEVICE_ATTR, encode(kvm_device_attr, { addr: at }))).toBe(0);
  expect((bytesOf(process, at, 1)[0] as number) & 3).toBe(3);
});

test('KVM_GET_SREGS2 and KVM_SET_SREGS2 carry the same registers', () => {
  const { process, vcpu } = openAll();
  const at = allocate(process);
  expect(process.ioctl(vcpu, KVM.KVM_GET_SREGS2, at)).toBe(0);
  const before = decode(kvm_sregs2, bytesOf(process, at, kvm_sregs2.size));
  expect(process.ioctl(vcpu, KVM.KVM_SET_SREGS2, at)).toBe(0);
  process.ioctl(vcpu, KVM.KVM_GET_SREGS2, at);
  expect(decode(kvm_sregs2, bytesOf(process, at, kvm_sregs2.size))).toEqual(before);
});
