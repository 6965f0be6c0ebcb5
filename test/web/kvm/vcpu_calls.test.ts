// The rarer calls of a vCPU and of the system: statistics, signals, TSC, device attributes, old and new forms of calls.

import { describe, expect, test } from 'vitest';
import {
  decode,
  KVM_SREGS2_FLAGS_PDPTRS_VALID,
  KVM_VCPU_TSC_CTRL,
  kvm_stats_desc,
  kvm_stats_header,
  type Vcpu,
  type Vm,
} from '../../../web/kvm/index.ts';
import { kvm, refuses, vmWithRam } from './support.ts';

function guest(code: readonly number[]): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam();
  vm.write(0x1000, new Uint8Array(code));
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rsp: 0x1000, rflags: 2 });
  return { vm, vcpu };
}

/** The counters of a stats file, read as any user of the fd would. */
function readStats(file: Uint8Array): Record<string, bigint[]> {
  const text = (at: number, size: number): string =>
    new TextDecoder().decode(file.subarray(at, at + size)).replace(/\0.*$/s, '');
  const { name_size, num_desc, desc_offset, data_offset } = decode(kvm_stats_header, file.subarray(0, 24));
  const view = new DataView(file.buffer);
  return Object.fromEntries(
    Array.from({ length: num_desc }, (_, n) => {
      const at = desc_offset + n * (kvm_stats_desc.size + name_size);
      const { size, offset } = decode(kvm_stats_desc, file.subarray(at, at + kvm_stats_desc.size));
      const values = Array.from({ length: size }, (_v, i) =>
        view.getBigUint64(data_offset + offset + i * 8, true),
      );
      return [text(at + kvm_stats_desc.size, name_size), values];
    }),
  );
}

test('statistics count what happened', () => {
  // in al, 0x42; out 0x42, al; mov ax, 0xf000; mov ds, ax; mov [0xfff0], ax; hlt
  const { vm, vcpu } = guest([
    0xe4, 0x42, 0xe6, 0x42, 0xb8, 0, 0xf0, 0x8e, 0xd8, 0xa3, 0xf0, 0xff, 0x0f, 1, 0xc1, 0xf4,
  ]);
  vm.setUserMemoryRegion({ slot: 0, memory_size: 0 });
  vm.setUserMemoryRegion({
    slot: 0,
    guest_phys_addr: 0,
    memory_size: 0x80000,
    userspace_addr: vm.allocate(0x80000),
  });
  vm.write(
    0x1000,
    new Uint8Array([
      0xe4, 0x42, 0xe6, 0x42, 0xb8, 0, 0xf0, 0x8e, 0xd8, 0xa3, 0xf0, 0xff, 0x0f, 1, 0xc1, 0xf4,
    ]),
  );
  for (let n = 0; n < 4; n++) vcpu.run();
  vcpu.kvmRun.immediateExit = true;
  refuses('EINTR', () => vcpu.run());
  const stats = readStats(vcpu.getStats());
  expect(stats).toMatchObject({
    io_exits: [2n],
    mmio_exits: [1n],
    hypercalls: [1n],
    halt_exits: [1n],
    exits: [4n],
  });
  expect(stats).toMatchObject({ signal_exits: [1n], instructions: [7n], irq_injections: [0n] });
  expect(stats.exits_by_reason?.[2]).toBe(2n);
  expect(readStats(vm.getStats())).toMatchObject({ vcpus: [1n], memory_slots: [1n], exits: [4n] });
});

describe('a signal mask', () => {
  const mask = (...signals: number[]): Uint8Array => {
    const bits = signals.reduce((all, signal) => all | (1n << BigInt(signal - 1)), 0n);
    return new Uint8Array(new BigUint64Array([bits]).buffer);
  };

  test('holds a kick back until another mask lets it through', () => {
    const { vcpu } = guest([0xe6, 1, 0xf4]);
    vcpu.setSignalMask(mask(10));
    vcpu.kick();
    expect(vcpu.run()).toBe(2);
    vcpu.setSignalMask(mask(12));
    refuses('EINTR', () => vcpu.run());
    expect(vcpu.run()).toBe(5);
  });

  test('holds signals above 32 too, but never SIGKILL, and goes with none', () => {
    const { vcpu } = guest([0xf4]);
    vcpu.setSignalMask(mask(40, 9));
    vcpu.kick(40);
    expect(vcpu.run()).toBe(5);
    vcpu.kick(9);
    refuses('EINTR', () => vcpu.run());
    vcpu.setSignalMask(undefined);
    refuses('EINTR', () => vcpu.run());
    refuses('EINVAL', () => vcpu.kick(65));
    refuses('EINVAL', () => vcpu.setSignalMask(new Uint8Array(4)));
  });
});

describe('kvm_sregs2', () => {
  test('carries the page-directory pointers of PAE paging, whatever memory says', () => {
    const { vcpu } = guest([0xf4]);
    refuses('EINVAL', () =>
      vcpu.setSregs2({ flags: KVM_SREGS2_FLAGS_PDPTRS_VALID, pdptrs: [1n, 0n, 0n, 0n] }),
    );
    expect(vcpu.getSregs2().flags).toBe(0n);
    vcpu.setSregs2({ cr0: 0x8000_0011n, cr4: 0x20n, flags: 1n, pdptrs: [0x5001n, 0n, 0x6001n, 0n] });
    expect(vcpu.getSregs2()).toMatchObject({ flags: 1n, pdptrs: [0x5001n, 0n, 0x6001n, 0n], cr4: 0x20n });
    refuses('EINVAL', () => vcpu.setSregs2({ flags: 2n }));
  });
});

describe('the TSC of a vCPU', () => {
  test('has a frequency of its own, which is the VM’s when it is made', () => {
    const { vm } = vmWithRam(0x10000, 0, 2);
    vm.setTscKhz(2_000_000);
    const vcpu = vm.createVcpu(0);
    vm.setTscKhz(0);
    expect([vcpu.getTscKhz(), vm.getTscKhz(), vm.createVcpu(1).getTscKhz()]).toEqual([
      2_000_000, 1_000_000, 1_000_000,
    ]);
    vcpu.setTscKhz(3_000_000);
    vm.stopTime();
    const [slow, fast] = [vm.vcpu(1), vcpu].map((each) => each.getMsrs([0x10])[0]?.data ?? 0n);
    expect(fast).toBe((slow ?? 0n) * 3n);
    refuses('EINVAL', () => vcpu.setTscKhz(-1));
  });

  test('has an offset as device attribute', () => {
    const { vcpu } = guest([0xf4]);
    const offset = { group: KVM_VCPU_TSC_CTRL.GROUP, attr: KVM_VCPU_TSC_CTRL.OFFSET };
    vcpu.setDeviceAttr(offset, 12345n);
    expect(vcpu.getDeviceAttr(offset)).toBe(12345n);
    refuses('ENXIO', () => vcpu.hasDeviceAttr({ group: 1 }));
    refuses('ENXIO', () => vcpu.setDeviceAttr({ attr: 1n }, 0n));
  });
});

describe('CPUID', () => {
  test('of the old form has no sub-leaves', () => {
    const { vcpu } = guest([0xf4]);
    vcpu.setCpuid([{ function: 1, eax: 5 }]);
    expect(vcpu.getCpuid2()).toMatchObject([{ function: 1, index: 0, flags: 0, eax: 5 }]);
  });

  test('cannot change once the vCPU has run, and 57-bit addresses are EINVAL', () => {
    const { vcpu } = guest([0xf4]);
    refuses('EINVAL', () => vcpu.setCpuid2([{ function: 0x8000_0008, eax: 0x3928 }]));
    vcpu.setCpuid2(kvm.getSupportedCpuid());
    vcpu.run();
    vcpu.setCpuid2(kvm.getSupportedCpuid());
    refuses('EINVAL', () => vcpu.setCpuid2([]));
  });

  test('that KVM emulates is part of what the core does', () => {
    const supported = kvm.getSupportedCpuid();
    for (const { function: leaf, index, ecx } of kvm
      .getEmulatedCpuid()
      .filter(({ function: leaf }) => leaf > 0)) {
      const entry = supported.find((each) => each.function === leaf && each.index === index);
      expect((entry?.ecx ?? 0) & ecx).toBe(ecx);
    }
  });
});

test('the system answers for feature MSRs and its state components', () => {
  expect(kvm.getMsrs([...kvm.getMsrFeatureIndexList(), 0x10, 0x8b])).toHaveLength(
    kvm.getMsrFeatureIndexList().length,
  );
  expect(kvm.getDeviceAttr({ group: 0, attr: 0n })).toBe(0x207n);
  refuses('ENXIO', () => kvm.getDeviceAttr({ group: 0, attr: 1n }));
});

test('calls for what is not here have the errno of KVM', () => {
  const { vm, vcpu } = guest([0xf4]);
  refuses('ENODEV', () => vm.createDevice({ type: 4, flags: 1 }));
  refuses('EINVAL', () => vcpu.kvmclockCtrl());
  refuses('EINVAL', () => vcpu.setVapicAddr(0x1000n));
  refuses('EINVAL', () => vcpu.tprAccessReporting({ enabled: 1, flags: 1 }));
  refuses('ENXIO', () => vm.reinjectControl(true));
  refuses('EINVAL', () => vm.setClock({ clock: 0n, flags: 1 }));
  expect(vcpu.getXsave2()).toEqual(vcpu.getXsave());
});

test('the PIT of the first form keeps its counters', () => {
  const { vm } = vmWithRam();
  refuses('ENOENT', () => vm.createPit());
  vm.createIrqchip();
  vm.createPit();
  refuses('EEXIST', () => vm.createPit());
  vm.setPit({ channels: [{ count: 500, mode: 2, gate: 1 }, {}, {}] });
  expect(vm.getPit().channels[0]).toMatchObject({ count: 500, mode: 2 });
  expect(vm.getPit()).not.toHaveProperty('flags');
});

test('a vCPU that is told it received a SIPI starts there', () => {
  const { vm } = vmWithRam(0x100000, 0, 2);
  vm.createIrqchip();
  vm.createVcpu(0);
  const vcpu = vm.createVcpu(1);
  vcpu.setVcpuEvents({ flags: 2, sipi_vector: 3 });
  vcpu.setMpState(4);
  vm.write(0x3000, new Uint8Array([0xe6, 1]));
  expect(vcpu.run()).toBe(2);
});

test('the vCPU that boots is chosen before the first one is made', () => {
  const { vm } = vmWithRam(0x100000, 0, 2);
  vm.createIrqchip();
  vm.setBootCpuId(1);
  expect([vm.createVcpu(0).getMpState(), vm.createVcpu(1).getMpState()]).toEqual([1, 0]);
  refuses('EBUSY', () => vm.setBootCpuId(0));
});

test('debug registers are kept, and 64-bit DR6 and DR7 are EINVAL', () => {
  const { vcpu } = guest([0xf4]);
  vcpu.setDebugregs({ db: [1n, 2n, 3n, 4n], dr7: 0x401n });
  expect(vcpu.getDebugregs()).toMatchObject({ db: [1n, 2n, 3n, 4n], dr7: 0x401n });
  for (const bad of [{ dr6: 1n << 32n }, { dr7: 1n << 32n }, { flags: 1n }]) {
    refuses('EINVAL', () => vcpu.setDebugregs(bad));
  }
});

test('a message goes to the local APIC that its address names', () => {
  const { vm } = vmWithRam();
  const msi = { address_lo: 0xfee0_0000, data: 0x31 };
  refuses('EINVAL', () => vm.signalMsi(msi));
  vm.createIrqchip();
  const vcpu = vm.createVcpu(0);
  const { regs } = vcpu.getLapic();
  regs.set([0xff, 1], 0xf0);
  vcpu.setLapic({ regs });
  expect(vm.signalMsi(msi)).toBe(1);
  expect(vcpu.getLapic().regs[0x212]).toBe(2);
  refuses('EINVAL', () => vm.signalMsi({ ...msi, flags: 2 }));
});
