// The time-stamp counter and its adjustment (SDM vol. 3, 17.17), and the leaf that says which hypervisor this is.

import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { Kvm } from '../../../web/kvm/index.ts';
import { Machine } from './machine.ts';

const machine = new Machine('long');
const WRMSR = '0f30';
const RDMSR = '0f32';
const RDTSC = '0f31';

beforeAll(() => {
  const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });
  machine.vcpu.setCpuid2(kvm.getSupportedCpuid());
  machine.vm.stopTime();
});

const tsc = (): bigint => {
  const { rax, rdx } = machine.run(RDTSC);
  return (rdx << 32n) | rax;
};

test('a write of IA32_TSC_ADJUST moves the counter by the difference', () => {
  const before = tsc();
  machine.run(WRMSR, { rcx: 0x3b, rax: 1_000_000 });
  expect(tsc() - before).toBe(1_000_000n);
  machine.run(WRMSR, { rcx: 0x3b, rax: 0 });
  expect(tsc()).toBe(before);
});

test('a write of the counter shows in IA32_TSC_ADJUST', () => {
  const before = tsc();
  machine.run(WRMSR, { rcx: 0x10, rax: before + 5000n });
  expect([machine.run(RDMSR, { rcx: 0x3b }).rax, tsc()]).toEqual([5000n, before + 5000n]);
});

test('the counter follows machine time, not instructions', () => {
  const before = tsc();
  machine.run('ffc9 75fc', { rcx: 100_000 });
  expect(tsc()).toBe(before);
});

test('CPUID leaf 0x40000000 is signed by KVM', () => {
  const { rbx, rcx, rdx } = machine.run('0fa2', { rax: 0x4000_0000 });
  const text = Buffer.alloc(12);
  for (const [n, value] of [rbx, rcx, rdx].entries()) text.writeUInt32LE(Number(value), n * 4);
  expect(text.toString('latin1')).toBe('KVMKVMKVM\0\0\0');
});
