// A vCPU's registers and events through the typed API, without running a guest.

import { describe, expect, test } from 'vitest';
import { LF_ADD, LF_SUB, V_LF_A, V_LF_B, V_LF_KIND, V_LF_RES } from '../../../assembly/abi/vcpu_page.ts';
import { cpuidOf, KVM_VCPUEVENT, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { kvm, refuses, vmWithRam } from './support.ts';

function machine(): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam();
  return { vm, vcpu: vm.createVcpu(0) };
}

describe('a new vCPU', () => {
  test('stands at the reset vector', () => {
    const { vcpu } = machine();
    const { rip, rflags, rdx } = vcpu.getRegs();
    const { cs, cr0, apic_base } = vcpu.getSregs();
    expect([rip, rflags, rdx, cs.base, cs.selector]).toEqual([0xfff0n, 2n, 0x6fbn, 0xffff0000n, 0xf000]);
    expect([cr0, apic_base]).toEqual([0x6000_0010n, 0xfee0_0900n]);
  });

  test('exists once, and only where the VM has room', () => {
    const { vm } = machine();
    refuses('EEXIST', () => vm.createVcpu(0));
    refuses('EINVAL', () => vm.createVcpu(1));
    refuses('ENOENT', () => vm.vcpu(1));
  });
});

describe('registers', () => {
  test('that are set are read back, the others stay', () => {
    const { vcpu } = machine();
    vcpu.setRegs({ rsp: 0x8000, r15: -1n });
    expect(vcpu.getRegs()).toMatchObject({ rsp: 0x8000n, r15: 0xffff_ffff_ffff_ffffn, rip: 0xfff0n });
  });

  test('of a segment keep what is not named', () => {
    const { vcpu } = machine();
    vcpu.setSregs({ cs: { base: 0n, selector: 0 }, cr3: 0x1000 });
    expect(vcpu.getSregs()).toMatchObject({
      cs: { base: 0n, limit: 0xffff, present: 1, type: 11 },
      cr3: 0x1000n,
    });
  });

  test('in a state no processor can be in are EINVAL and change nothing', () => {
    const { vcpu } = machine();
    refuses('EINVAL', () => vcpu.setSregs({ cr0: 0x8000_0011n, efer: 0x100n }));
    refuses('EINVAL', () => vcpu.setSregs({ efer: 0x400n }));
    refuses('EINVAL', () => vcpu.setSregs({ cs: { l: 1 } }));
    refuses('EINVAL', () => vcpu.setSregs({ cr0: 0x8000_0000n }));
    expect(vcpu.getSregs().cr0).toBe(0x6000_0010n);
  });

  test('rflags shows arithmetic flags that the core has not worked out yet', () => {
    const { vm, vcpu } = machine();
    const lazy = (kind: number, a: bigint, b: bigint, result: bigint): bigint => {
      vm.memory.setU32(vcpu.page + V_LF_KIND, kind);
      vm.memory.setU64(vcpu.page + V_LF_A, a);
      vm.memory.setU64(vcpu.page + V_LF_B, b);
      vm.memory.setU64(vcpu.page + V_LF_RES, result);
      return vcpu.getRegs().rflags;
    };
    // 0xff + 1 in a byte, operands sign-extended: CF, ZF, AF, PF. 0x7f + 1: OF, SF, AF.
    expect(lazy(LF_ADD, 0xffff_ffff_ffff_ffffn, 1n, 0n)).toBe(0x57n);
    expect(lazy(LF_ADD, 0x7fn, 1n, 0xffff_ffff_ffff_ff80n)).toBe(0x892n);
    // 1 - 2: CF, SF, AF, PF.
    expect(lazy(LF_SUB, 1n, 2n, 0xffff_ffff_ffff_ffffn)).toBe(0x97n);
  });
});

describe('MSRs', () => {
  test('are set in order until one is refused, and the count says how many', () => {
    const { vcpu } = machine();
    const star = { index: 0xc0000081, data: 0x0023_0010_0000_0000n };
    expect(vcpu.setMsrs([star, { index: 0xc0000082, data: 1n << 63n }, star])).toBe(1);
    expect(vcpu.getMsrs([0xc0000081, 0x12345, 0xc0000081])).toEqual([{ ...star, reserved: 0 }]);
  });

  test('of the index list can all be read', () => {
    const { vcpu } = machine();
    expect(vcpu.getMsrs(kvm.getMsrIndexList())).toHaveLength(kvm.getMsrIndexList().length);
  });
});

test('CPUID entries are kept as given, and too many are E2BIG', () => {
  const { vcpu } = machine();
  const entries = kvm.getSupportedCpuid();
  vcpu.setCpuid2(entries);
  expect(vcpu.getCpuid2()).toEqual(entries);
  refuses('E2BIG', () => vcpu.setCpuid2(Array.from({ length: 103 }, () => ({ function: 0 }))));
});

describe('events', () => {
  test('a second interrupt is EEXIST while the first is queued', () => {
    const { vcpu } = machine();
    vcpu.interrupt(0x20);
    refuses('EEXIST', () => vcpu.interrupt(0x21));
    refuses('EINVAL', () => vcpu.interrupt(256));
    expect(vcpu.getVcpuEvents().interrupt).toMatchObject({ injected: 1, nr: 0x20 });
    expect(vcpu.getSregs().interrupt_bitmap).toEqual([1n << 32n, 0n, 0n, 0n]);
  });

  test('that a set does not name stay', () => {
    const { vcpu } = machine();
    vcpu.nmi();
    vcpu.setVcpuEvents({ flags: KVM_VCPUEVENT.SHADOW, interrupt: { shadow: 1 } });
    expect(vcpu.getVcpuEvents()).toMatchObject({
      nmi: { pending: 1 },
      interrupt: { shadow: 1, injected: 0 },
    });
    refuses('EINVAL', () => vcpu.setVcpuEvents({ exception: { injected: 1, nr: 2 } }));
  });

  test('mp_state other than runnable needs an irqchip', () => {
    const { vcpu } = machine();
    refuses('EINVAL', () => vcpu.setMpState(3));
    vcpu.setMpState(0);
    expect(vcpu.getMpState()).toBe(0);
  });
});

describe('translate', () => {
  const page = (...entries: readonly [number, bigint][]): Uint8Array => {
    const bytes = new Uint8Array(4096);
    for (const [index, entry] of entries) new DataView(bytes.buffer).setBigUint64(index * 8, entry, true);
    return bytes;
  };

  test('without paging is the address itself', () => {
    expect(machine().vcpu.translate(0x1234n)).toMatchObject({ physical_address: 0x1234n, valid: 1 });
  });

  test('in long mode follows four levels, large pages and rights', () => {
    const { vm, vcpu } = machine();
    vm.write(0x1000, page([0, 0x2007n]));
    vm.write(0x2000, page([0, 0x3007n], [1, 0x4000_0083n]));
    vm.write(0x3000, page([0, 0x4007n]));
    vm.write(0x4000, page([5, 0x9005n]));
    vcpu.setSregs({ cr0: 0x8000_0011n, cr4: 0x20n, cr3: 0x1000n, efer: 0x500n, cs: { l: 1 } });
    expect(vcpu.translate(0x5678n)).toMatchObject({
      physical_address: 0x9678n,
      valid: 1,
      writeable: 0,
      usermode: 1,
    });
    expect(vcpu.translate(0x4123_4567n)).toMatchObject({
      physical_address: 0x4123_4567n,
      writeable: 1,
      usermode: 0,
    });
    expect(vcpu.translate(0x6000n).valid).toBe(0);
    expect(vcpu.translate(0x8000_0000_0000n).valid).toBe(0);
  });

  test('in 32-bit mode knows 4 MiB pages', () => {
    const { vm, vcpu } = machine();
    const directory = new Uint8Array(4096);
    new DataView(directory.buffer).setUint32(4, 0x0080_0083, true);
    vm.write(0x1000, directory);
    vcpu.setSregs({ cr0: 0x8000_0011n, cr4: 0x10n, cr3: 0x1000n });
    expect(vcpu.translate(0x0041_2345n)).toMatchObject({
      physical_address: 0x0081_2345n,
      valid: 1,
      writeable: 1,
    });
  });
});

test('each vCPU gets its own APIC id in CPUID', () => {
  const entries = cpuidOf(kvm.getSupportedCpuid(), 3, 4);
  const leaf = (of: number, index = 0) => entries.find((e) => e.function === of && e.index === index);
  expect([leaf(1)?.ebx, (leaf(1)?.edx ?? 0) & (1 << 28)]).toEqual([0x0304_0800, 1 << 28]);
  expect([leaf(0)?.eax, leaf(0xb, 1)?.ebx, leaf(0xb, 1)?.eax, leaf(0xb)?.edx]).toEqual([0xd, 4, 2, 3]);
});

test('machine time stands while it is stopped', () => {
  const { vm } = machine();
  vm.stopTime();
  const { clock } = vm.getClock();
  expect(vm.getClock().clock).toBe(clock);
  vm.startTime();
  expect(vm.getClock().clock - clock).toBeLessThan(1_000_000_000n);
});
