// Xen: the hypercall page by an MSR of user space's choice, and hypercalls that exit.

import { describe, expect, test } from 'vitest';
import { HV_X64_MSR_GUEST_OS_ID, HV_X64_MSR_HYPERCALL } from '../../../../assembly/abi/hyperv.ts';
import { ERRNO, encode, KVM, KVM_XEN_HVM, kvm_xen_hvm_config } from '../../../../web/kvm/index.ts';
import { allocate, bytesOf, openAll } from '../process/support.ts';
import { kvm, refuses } from '../support.ts';
import { Guest, KVM_EXIT, VMCALL } from './support.ts';

const MSR = 0x4000_0a00;
const PAGE = 0x5000;
const INTERCEPT = KVM_XEN_HVM.INTERCEPT_HCALL;

test('KVM_CAP_XEN_HVM names the hypercall page and the exit, and nothing more', () => {
  expect(kvm.checkExtension('XEN_HVM')).toBe(KVM_XEN_HVM.HYPERCALL_MSR | KVM_XEN_HVM.INTERCEPT_HCALL);
});

describe('the hypercall page', () => {
  test('is a stub for each call where they exit, at the place that the guest writes', () => {
    const guest = new Guest({ table: kvm.getSupportedCpuid() });
    expect(guest.wrmsr(MSR, PAGE)).toBe(false);
    guest.vm.xenHvmConfig({ flags: INTERCEPT, msr: MSR });
    expect(guest.wrmsr(MSR, PAGE)).toBe(true);
    const stub = (n: number) => [...guest.vm.read(PAGE + n * 32, 11)];
    expect(stub(0)).toEqual([0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xc1, 0xc3, 0xcc, 0xcc]);
    expect(stub(127).slice(0, 5)).toEqual([0xb8, 127, 0, 0, 0]);
    expect([guest.wrmsr(MSR, PAGE | 1), guest.wrmsr(MSR, 0x4000_0000), guest.rdmsr(MSR)]).toEqual([
      ...[false, false, undefined],
    ]);
  });

  test('is user space’s, one of several, by the guest’s width', () => {
    const guest = new Guest();
    const blob = guest.vm.allocate(0x3000);
    const { memory } = guest.vm;
    for (const n of [0, 1, 2]) memory.bytes(blob + n * 0x1000, 0x1000).fill(0x11 * (n + 1));
    const addresses = { blob_addr_32: BigInt(blob), blob_addr_64: BigInt(blob + 0x1000) };
    guest.vm.xenHvmConfig({ msr: MSR, ...addresses, blob_size_32: 1, blob_size_64: 2 });
    expect([guest.wrmsr(MSR, PAGE), guest.wrmsr(MSR, PAGE | 1)]).toEqual([true, false]);
    expect([...new Set(guest.vm.read(PAGE, 0x1000))]).toEqual([0x11]);
    guest.long();
    expect(guest.wrmsr(MSR, PAGE | 1)).toBe(true);
    expect([...new Set(guest.vm.read(PAGE, 0x1000))]).toEqual([0x33]);
  });

  test('is #GP where user space’s does not exist', () => {
    const guest = new Guest();
    guest.vm.xenHvmConfig({ msr: MSR, blob_addr_32: 0xffff_f000n, blob_size_32: 1 });
    expect(guest.wrmsr(MSR, PAGE)).toBe(false);
  });
});

describe('a hypercall', () => {
  test('exits with six parameters and the ring, and user space answers in RAX', () => {
    const guest = new Guest();
    guest.vm.xenHvmConfig({ flags: INTERCEPT, msr: MSR });
    guest.long();
    expect(guest.step(VMCALL, { rax: 17n, rdi: 1n, rsi: 2n, rdx: 3n, r8: 5n })).toBe(VMCALL + 3);
    expect(guest.vcpu.kvmRun.exitReason).toBe(KVM_EXIT.XEN);
    const { type, u } = guest.vcpu.kvmRun.arm('xen');
    expect([type, u.hcall]).toMatchObject([1, { longmode: 1, cpl: 0, input: 17n }]);
    expect(u.hcall.params.slice(0, 5)).toEqual([1n, 2n, 3n, 0n, 5n]);
    guest.vcpu.kvmRun.answerXen(0xffff_ffff_ffff_ffdan);
    expect(guest.goOn()).toBe(0xffff_ffff_ffff_ffdan);
  });

  test('is Hyper-V’s where the guest has both and bit 31 is set, as its page then sets it', () => {
    const guest = new Guest();
    guest.vm.xenHvmConfig({ flags: INTERCEPT, msr: MSR });
    guest.wrmsr(HV_X64_MSR_GUEST_OS_ID, 1);
    guest.wrmsr(HV_X64_MSR_HYPERCALL, PAGE | 1);
    expect([...guest.vm.read(PAGE, 9)]).toEqual([0x0d, 0, 0, 0, 0x80, 0x0f, 0x01, 0xc1, 0xc3]);
    guest.flat();
    expect(guest.step(VMCALL, { rax: 0x8000_0008n, rdx: 0n })).toBe(VMCALL + 4);
    expect(guest.vcpu.getRegs().rax).toBe(0n);
    guest.step(VMCALL, { rax: 8n });
    expect(guest.vcpu.kvmRun.exitReason).toBe(KVM_EXIT.XEN);
  });
});

test('a configuration has the errno of KVM, by call and by ioctl', () => {
  const { vm } = new Guest();
  refuses('EINVAL', () => vm.xenHvmConfig({ flags: 1 }));
  refuses('EINVAL', () => vm.xenHvmConfig({ flags: INTERCEPT, blob_size_64: 1 }));
  const { process, vm: fd } = openAll();
  const configure = (config: object) =>
    process.ioctl(fd, KVM.KVM_XEN_HVM_CONFIG, encode(kvm_xen_hvm_config, config));
  const at = allocate(process);
  bytesOf(process, at, 4).fill(1);
  expect([
    configure({ msr: MSR, blob_addr_64: BigInt(at), blob_size_64: 1 }),
    configure({ msr: MSR, blob_addr_64: 0x10000n, blob_size_64: 1 }),
    configure({ flags: INTERCEPT, blob_addr_64: BigInt(at) }),
  ]).toEqual([0, 0, -ERRNO.EINVAL]);
});
