// Reference time: the counter by MSR, and the page from which a guest works it out.

import { describe, expect, test } from 'vitest';
import { HV_X64_MSR_REFERENCE_TSC, HV_X64_MSR_TIME_REF_COUNT } from '../../../../assembly/abi/hyperv.ts';
import { ENGINE_DETERMINISTIC, VM_ENGINE, VM_VIRTUAL_NS } from '../../../../assembly/abi/map.ts';
import { Guest } from './support.ts';

const PAGE = 0x5000;
const MSR_TSC = 0x10;

/** A guest whose machine time is a word that the test sets. */
function timed(setting = {}): { guest: Guest; at: (ns: bigint) => void } {
  const guest = new Guest(setting);
  const { memory } = guest.vm;
  memory.setU32(memory.vm + VM_ENGINE, ENGINE_DETERMINISTIC);
  const at = (ns: bigint) => memory.setU64(memory.vm + VM_VIRTUAL_NS, ns);
  at(1_000_000n);
  return { guest, at };
}

/** What the page says the time is at a TSC. */
function byPage(guest: Guest, tsc: bigint): bigint {
  return BigInt.asUintN(64, ((tsc * guest.u64(PAGE + 8)) >> 64n) + guest.u64(PAGE + 16));
}

const sequence = (guest: Guest) => guest.u64(PAGE) & 0xffff_ffffn;

test('the counter is kvmclock in units of 100 ns, and cannot be written', () => {
  const { guest, at } = timed();
  expect(guest.rdmsr(HV_X64_MSR_TIME_REF_COUNT)).toBe(10_000n);
  at(2_000_000n);
  guest.vm.setClock({ clock: 5_000_000n });
  expect(guest.rdmsr(HV_X64_MSR_TIME_REF_COUNT)).toBe(50_000n);
  expect(guest.wrmsr(HV_X64_MSR_TIME_REF_COUNT, 0)).toBe(false);
});

describe('the reference TSC page', () => {
  test.each([1_000_000, 2_600_000, 999])(
    'gives the counter’s time at %d kHz, or none where it cannot',
    (khz) => {
      const { guest, at } = timed();
      guest.vcpu.setTscKhz(khz);
      expect(guest.wrmsr(HV_X64_MSR_REFERENCE_TSC, PAGE | 1)).toBe(true);
      expect(guest.rdmsr(HV_X64_MSR_REFERENCE_TSC)).toBe(BigInt(PAGE | 1));
      if (khz === 999) expect(sequence(guest)).toBe(0n);
      else {
        at(77_777_777_700n);
        const tsc = guest.rdmsr(MSR_TSC) ?? 0n;
        expect(byPage(guest, tsc)).toBe(guest.rdmsr(HV_X64_MSR_TIME_REF_COUNT));
        expect(Math.abs(Number(byPage(guest, tsc) - 777_777_777n))).toBeLessThan(3);
      }
    },
  );

  test('follows a TSC or a clock that jumps, with another sequence number', () => {
    const { guest } = timed();
    guest.wrmsr(HV_X64_MSR_REFERENCE_TSC, PAGE | 1);
    const first = sequence(guest);
    guest.wrmsr(MSR_TSC, 10n ** 15n);
    expect(sequence(guest)).not.toBe(first);
    expect(byPage(guest, guest.rdmsr(MSR_TSC) ?? 0n)).toBe(10_000n);
    guest.vm.setClock({ clock: 9_000_000n });
    expect(byPage(guest, guest.rdmsr(MSR_TSC) ?? 0n)).toBe(90_000n);
    guest.vcpu.setDeviceAttr({ group: 0, attr: 0n }, 0n);
    expect(byPage(guest, guest.rdmsr(MSR_TSC) ?? 0n)).toBe(90_000n);
  });

  test('is not valid while vCPUs count differently, and not where there is no memory', () => {
    const { guest } = timed({ vcpus: 2 });
    guest.wrmsr(HV_X64_MSR_REFERENCE_TSC, PAGE | 1);
    expect(sequence(guest)).not.toBe(0n);
    guest.wrmsr(MSR_TSC, 5, guest.vcpus[1]);
    expect(sequence(guest)).toBe(0n);
    expect(guest.rdmsr(HV_X64_MSR_TIME_REF_COUNT)).toBe(10_000n);
    expect(guest.wrmsr(HV_X64_MSR_REFERENCE_TSC, 0xffff_ffff_ffff_f001n)).toBe(true);
    expect(guest.rdmsr(HV_X64_MSR_TIME_REF_COUNT)).toBe(10_000n);
  });
});
