// Hyper-V's MSRs: who sees them, the hypercall page, the APIC's registers, crash and reset.

import { describe, expect, test } from 'vitest';
import * as hv from '../../../../assembly/abi/hyperv.ts';
import { HYPERV_MSRS, Vm } from '../../../../web/kvm/index.ts';
import { kvm } from '../support.ts';
import { Guest, KVM_EXIT } from './support.ts';

const LINUX = 0x8100_0000_0000_0000n;

describe('the MSRs of Hyper-V', () => {
  test('are #GP for a guest whose CPUID does not tell of it, and there for the host', () => {
    const guest = new Guest({ table: kvm.getSupportedCpuid() });
    for (const index of HYPERV_MSRS) expect(guest.rdmsr(index), index.toString(16)).toBeUndefined();
    expect(guest.wrmsr(hv.HV_X64_MSR_GUEST_OS_ID, 1)).toBe(false);
    expect(guest.vcpu.getMsrs(HYPERV_MSRS)).toHaveLength(HYPERV_MSRS.length);
  });

  test('are listed as KVM lists them, and what the host has read it may write', () => {
    const { vcpu } = new Guest();
    expect(kvm.getMsrIndexList()).toEqual(expect.arrayContaining([...HYPERV_MSRS]));
    expect(vcpu.setMsrs(vcpu.getMsrs(HYPERV_MSRS))).toBe(HYPERV_MSRS.length);
  });

  test('tell frequencies and the processor’s index, which only the host changes', () => {
    const guest = new Guest({ vcpus: 2 });
    const second = guest.vcpus[1];
    expect(guest.rdmsr(hv.HV_X64_MSR_TSC_FREQUENCY)).toBe(1_000_000_000n);
    expect(guest.rdmsr(hv.HV_X64_MSR_APIC_FREQUENCY)).toBe(1_000_000_000n);
    expect(guest.rdmsr(hv.HV_X64_MSR_VP_INDEX, second)).toBe(1n);
    expect(guest.wrmsr(hv.HV_X64_MSR_VP_INDEX, 5, second)).toBe(false);
    expect([guest.set(hv.HV_X64_MSR_VP_INDEX, 5, second), guest.set(hv.HV_X64_MSR_VP_INDEX, 32)]).toEqual([
      true,
      false,
    ]);
    expect(guest.rdmsr(hv.HV_X64_MSR_VP_INDEX, second)).toBe(5n);
  });

  test('count the time in the guest, which the host may set', () => {
    const guest = new Guest();
    guest.wrmsr(hv.HV_X64_MSR_GUEST_OS_ID, LINUX);
    expect(guest.wrmsr(hv.HV_X64_MSR_VP_RUNTIME, 1)).toBe(false);
    expect(guest.set(hv.HV_X64_MSR_VP_RUNTIME, 10n ** 12n)).toBe(true);
    const before = guest.rdmsr(hv.HV_X64_MSR_VP_RUNTIME) ?? 0n;
    expect(before).toBeGreaterThanOrEqual(10n ** 12n);
    expect(guest.rdmsr(hv.HV_X64_MSR_VP_RUNTIME)).toBeGreaterThanOrEqual(before);
  });
});

describe('the hypercall page', () => {
  test('is written with VMCALL and RET once the guest has a name, and noted in the dirty log', () => {
    const guest = new Guest();
    expect(guest.wrmsr(hv.HV_X64_MSR_HYPERCALL, 0x5001)).toBe(true);
    expect(guest.rdmsr(hv.HV_X64_MSR_HYPERCALL)).toBe(0n);
    guest.wrmsr(hv.HV_X64_MSR_GUEST_OS_ID, LINUX);
    const slot = guest.vm.slots()[0];
    guest.vm.setUserMemoryRegion({
      ...{ slot: 0, flags: 1, guest_phys_addr: 0, memory_size: 0x100000, userspace_addr: slot?.hva ?? 0 },
    });
    expect(guest.wrmsr(hv.HV_X64_MSR_HYPERCALL, 0x5001)).toBe(true);
    expect([...guest.vm.read(0x5000, 4)]).toEqual([0x0f, 0x01, 0xc1, 0xc3]);
    expect((guest.vm.getDirtyLog(0)[0] ?? 0) & (1 << 5)).not.toBe(0);
    expect(guest.rdmsr(hv.HV_X64_MSR_HYPERCALL)).toBe(0x5001n);
  });

  test('outside guest memory is #GP, locked it stays, and without a name it is off', () => {
    const guest = new Guest();
    guest.wrmsr(hv.HV_X64_MSR_GUEST_OS_ID, LINUX);
    expect(guest.wrmsr(hv.HV_X64_MSR_HYPERCALL, 0x4000_0001)).toBe(false);
    expect(guest.wrmsr(hv.HV_X64_MSR_HYPERCALL, 0x5003)).toBe(true);
    expect(guest.wrmsr(hv.HV_X64_MSR_HYPERCALL, 0x6001)).toBe(true);
    expect(guest.rdmsr(hv.HV_X64_MSR_HYPERCALL)).toBe(0x5003n);
    guest.wrmsr(hv.HV_X64_MSR_GUEST_OS_ID, 0);
    expect(guest.rdmsr(hv.HV_X64_MSR_HYPERCALL)).toBe(0x5002n);
  });

  test('is that of its VM alone, in a copy of the memory too', () => {
    const guest = new Guest();
    guest.wrmsr(hv.HV_X64_MSR_GUEST_OS_ID, LINUX);
    const { memory } = guest.vm.handle;
    const pages = memory.buffer.byteLength / 65536;
    const copy = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    new Uint8Array(copy.buffer).set(new Uint8Array(memory.buffer));
    const twin = Vm.attach({ ...guest.vm.handle, memory: copy }).vcpu(0);
    expect(twin.getMsrs([hv.HV_X64_MSR_GUEST_OS_ID])[0]?.data).toBe(LINUX);
    guest.vm.resetIrqchip();
    expect(guest.get(hv.HV_X64_MSR_GUEST_OS_ID)).toBe(0n);
  });
});

describe('the local APIC by MSR', () => {
  test('has a task priority and an interrupt command, and none without an irqchip', () => {
    const guest = new Guest({ chips: true });
    expect(guest.wrmsr(hv.HV_X64_MSR_TPR, 0x20)).toBe(true);
    expect(guest.rdmsr(hv.HV_X64_MSR_TPR)).toBe(0x20n);
    expect(guest.vcpu.getLapic().regs[0x80]).toBe(0x20);
    guest.wrmsr(hv.HV_X64_MSR_ICR, 0x0300_0000_0000_0040n);
    expect(guest.rdmsr(hv.HV_X64_MSR_ICR)).toBe(0x0300_0000_0000_0040n);
    expect(guest.rdmsr(hv.HV_X64_MSR_EOI)).toBeUndefined();
    expect(new Guest().rdmsr(hv.HV_X64_MSR_TPR)).toBeUndefined();
    expect(new Guest().wrmsr(hv.HV_X64_MSR_TPR, 0)).toBe(false);
  });

  test('ends an interrupt by HV_X64_MSR_EOI', () => {
    const guest = new Guest({ chips: true });
    const { regs } = guest.vcpu.getLapic();
    regs[0x120] = 1; // in service: 0x40
    guest.vcpu.setLapic({ regs });
    expect(guest.wrmsr(hv.HV_X64_MSR_EOI, 0)).toBe(true);
    expect(guest.vcpu.getLapic().regs[0x120]).toBe(0);
  });

  test('never spares an EOI: the assist page’s first word is zeroed and stays so', () => {
    const guest = new Guest({ chips: true });
    guest.put(0x6000, -1n & 0xffff_ffff_ffff_ffffn);
    expect(guest.wrmsr(hv.HV_X64_MSR_VP_ASSIST_PAGE, 0x6001)).toBe(true);
    expect(guest.u64(0x6000)).toBe(0xffff_ffff_0000_0000n);
    expect(guest.rdmsr(hv.HV_X64_MSR_VP_ASSIST_PAGE)).toBe(0x6001n);
    expect(guest.wrmsr(hv.HV_X64_MSR_VP_ASSIST_PAGE, 0x4000_0001)).toBe(false);
  });
});

describe('a guest that gives up', () => {
  test('crashes with five parameters and KVM_SYSTEM_EVENT_CRASH, then runs on', () => {
    const guest = new Guest();
    for (let n = 0; n < 5; n++) expect(guest.wrmsr(hv.HV_X64_MSR_CRASH_P0 + n, n + 7)).toBe(true);
    guest.set(hv.HV_X64_MSR_CRASH_CTL, -1n & 0xffff_ffff_ffff_ffffn);
    expect(guest.rdmsr(hv.HV_X64_MSR_CRASH_CTL)).toBe(1n << 63n);
    expect(guest.wrmsr(hv.HV_X64_MSR_CRASH_CTL, 1n << 63n)).toBe(KVM_EXIT.SYSTEM_EVENT);
    expect(guest.vcpu.kvmRun.arm('system_event')).toMatchObject({ type: 3, ndata: 0 });
    expect(guest.get(hv.HV_X64_MSR_CRASH_P4)).toBe(11n);
    guest.vcpu.enter(10);
    expect(guest.vcpu.kvmRun.exitReason).toBe(KVM_EXIT.HLT);
  });

  test('asks for a reset with KVM_SYSTEM_EVENT_RESET', () => {
    const guest = new Guest();
    expect(guest.wrmsr(hv.HV_X64_MSR_RESET, 0)).toBe(true);
    expect(guest.wrmsr(hv.HV_X64_MSR_RESET, 1)).toBe(KVM_EXIT.SYSTEM_EVENT);
    expect(guest.vcpu.kvmRun.arm('system_event').type).toBe(2);
    expect(guest.rdmsr(hv.HV_X64_MSR_RESET)).toBe(0n);
  });

  test('writes what a migration of nested guests needs; the emulation’s status only as 0', () => {
    const guest = new Guest();
    expect(guest.wrmsr(hv.HV_X64_MSR_REENLIGHTENMENT_CONTROL, 0x1_0040)).toBe(true);
    expect(guest.rdmsr(hv.HV_X64_MSR_REENLIGHTENMENT_CONTROL)).toBe(0x1_0040n);
    expect(guest.wrmsr(hv.HV_X64_MSR_TSC_EMULATION_STATUS, 1)).toBe(false);
    expect(guest.wrmsr(hv.HV_X64_MSR_TSC_EMULATION_STATUS, 0)).toBe(true);
  });
});
