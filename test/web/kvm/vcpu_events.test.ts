// Exceptions, triple faults and machine checks that user space puts into a vCPU, and the debugger's own.

import { describe, expect, test } from 'vitest';
import { KVM_CAP, KVM_EXIT, KVM_VCPUEVENT, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { kvm, refuses, vmWithRam } from './support.ts';

const { PAYLOAD, TRIPLE_FAULT } = KVM_VCPUEVENT;
const MCE = 0x40n;
const VALID = 1n << 63n;
const UNCORRECTED = 1n << 61n;

/** A vCPU in real mode before a HLT; the handler of vector n is a HLT at 0x2000 + n * 16. */
function halting(): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam();
  vm.write(0x1000, new Uint8Array([0xf4]));
  for (let vector = 0; vector < 32; vector++) {
    const at = 0x2000 + vector * 16;
    vm.write(vector * 4, new Uint8Array([at & 0xff, at >> 8, 0, 0]));
    vm.write(at, new Uint8Array([0xf4]));
  }
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rsp: 0x1000, rflags: 2 });
  return { vm, vcpu };
}

/** Runs to the HLT of a handler; its vector. */
function handled(vcpu: Vcpu): number {
  expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  return Number(vcpu.getRegs().rip - 0x2001n) / 16;
}

describe('an exception of KVM_SET_VCPU_EVENTS', () => {
  test('is shown until the next entry, which delivers it', () => {
    const { vcpu } = halting();
    vcpu.setVcpuEvents({ exception: { injected: 1, nr: 13, has_error_code: 1, error_code: 8 } });
    expect(vcpu.getVcpuEvents().exception).toMatchObject({ injected: 1, nr: 13, error_code: 8, pending: 0 });
    expect(handled(vcpu)).toBe(13);
    expect(vcpu.getVcpuEvents().exception.injected).toBe(0);
  });

  test('waits for the port access that an exit left open', () => {
    const { vm, vcpu } = halting();
    vm.write(0x1000, new Uint8Array([0xe4, 0x42, 0xf4])); // in al, 0x42; hlt
    expect(vcpu.run()).toBe(KVM_EXIT.IO);
    vcpu.kvmRun.io.data.set([9]);
    vcpu.setVcpuEvents({ exception: { injected: 1, nr: 6 } });
    expect(handled(vcpu)).toBe(6);
    expect(vcpu.getRegs().rax).toBe(9n);
  });

  test('brings its payload once that is switched on: DR6 bits of a #DB', () => {
    const { vm, vcpu } = halting();
    const event = {
      exception: { pending: 1, nr: 1 },
      exception_has_payload: 1,
      exception_payload: 4n,
      flags: PAYLOAD,
    };
    refuses('EINVAL', () => vcpu.setVcpuEvents(event));
    vm.enableCap({ cap: KVM_CAP.EXCEPTION_PAYLOAD, args: [1] });
    vcpu.setVcpuEvents(event);
    expect(vcpu.getVcpuEvents()).toMatchObject({
      exception: { pending: 1, injected: 0 },
      exception_payload: 4n,
    });
    expect(handled(vcpu)).toBe(1);
    expect(vcpu.getDebugregs().dr6 & 0xfn).toBe(4n);
  });

  test('that does not exist, and a flag that does not, are EINVAL', () => {
    const { vcpu } = halting();
    refuses('EINVAL', () => vcpu.setVcpuEvents({ exception: { injected: 1, nr: 32 } }));
    refuses('EINVAL', () => vcpu.setVcpuEvents({ flags: 0x40 }));
  });
});

test('a triple fault that was put in ends the next KVM_RUN', () => {
  const { vm, vcpu } = halting();
  refuses('EINVAL', () => vcpu.setVcpuEvents({ flags: TRIPLE_FAULT, triple_fault: { pending: 1 } }));
  vm.enableCap({ cap: KVM_CAP.X86_TRIPLE_FAULT_EVENT, args: [1] });
  vcpu.setVcpuEvents({ flags: TRIPLE_FAULT, triple_fault: { pending: 1 } });
  expect(vcpu.getVcpuEvents().triple_fault.pending).toBe(1);
  expect(vcpu.run()).toBe(KVM_EXIT.SHUTDOWN);
  expect(vcpu.getVcpuEvents().triple_fault.pending).toBe(0);
});

test('INJECT_DB and INJECT_BP raise the exception in the guest, past the debugger, one at a time', () => {
  const { vcpu } = halting();
  vcpu.setGuestDebug({ control: 0x80000 | 0x10001 });
  refuses('EBUSY', () => vcpu.setGuestDebug({ control: 0x40000 }));
  expect(handled(vcpu)).toBe(3);
  vcpu.setGuestDebug({ control: 0x40000 });
  expect(handled(vcpu)).toBe(1);
});

describe('a machine check', () => {
  const error = { status: VALID | UNCORRECTED | 7n, addr: 0x1234n, misc: 5n, mcg_status: 4n, bank: 2 };

  test('that is not corrected raises #MC, and its bank tells the guest', () => {
    const { vcpu } = halting();
    vcpu.setupMce(kvm.getMceCapSupported() | 4n);
    vcpu.setSregs({ cr4: MCE });
    vcpu.setMce(error);
    expect(handled(vcpu)).toBe(18);
    const values = vcpu.getMsrs([0x179, 0x17a, 0x17b, 0x409, 0x40a, 0x40b]).map(({ data }) => data);
    const all = (1n << 64n) - 1n;
    expect(values).toEqual([kvm.getMceCapSupported() | 4n, 4n, all, error.status, error.addr, error.misc]);
    expect(vcpu.getMsrs([0x410])).toEqual([]);
  });

  test('shuts a vCPU down that cannot take one', () => {
    const { vcpu } = halting();
    vcpu.setupMce(4n);
    vcpu.setMce(error);
    expect(vcpu.run()).toBe(KVM_EXIT.SHUTDOWN);
  });

  test('that was corrected is recorded, and the next overflows', () => {
    const { vcpu } = halting();
    vcpu.setupMce(4n);
    vcpu.setMce({ ...error, status: VALID });
    vcpu.setMce({ ...error, status: VALID });
    expect(vcpu.getMsrs([0x409])[0]?.data).toBe(VALID | (1n << 62n));
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
  });

  test('of a bank that is not there, and banks that cannot be, are EINVAL', () => {
    const { vcpu } = halting();
    for (const cap of [0n, 33n, 1n | (1n << 27n)]) refuses('EINVAL', () => vcpu.setupMce(cap));
    vcpu.setupMce(2n);
    refuses('EINVAL', () => vcpu.setMce(error));
    refuses('EINVAL', () => vcpu.setMce({ ...error, bank: 0, status: 0n }));
  });
});

test('a KVM_SET_GUEST_DEBUG that is refused injects nothing', () => {
  const { vm } = vmWithRam();
  const vcpu = vm.createVcpu(0);
  refuses('EINVAL', () => vcpu.setGuestDebug({ control: 0x8000_0000 | 0x40000 }));
  expect(vcpu.getVcpuEvents().exception.injected).toBe(0);
});
