// PAUSE gives the host core back: spins sleep, in the parallel engine only.
import { expect, test } from 'vitest';
import { ENGINE_DETERMINISTIC, VM_ENGINE } from '../../../assembly/abi/map.ts';
import { RUN_BUDGET, V_PAUSE_SLEEP } from '../../../assembly/abi/vcpu_page.ts';
import type { Vm } from '../../../web/kvm/index.ts';
import { vmWithRam } from './support.ts';

const SPIN = [0xf3, 0x90, 0xeb, 0xfc]; // pause; jmp $-2
/** pause, then a loop of 100 turns, and again. */
const WORK = [0xf3, 0x90, 0xb9, 100, 0, 0xe2, 0xfe, 0xeb, 0xf7];

/** Runs code for so many instructions: the ns that it has slept last, and why it came back. */
function run(code: number[], budget: number, prepare = (_: Vm) => {}) {
  const { vm } = vmWithRam();
  vm.createIrqchip();
  prepare(vm);
  const vcpu = vm.createVcpu(0);
  vm.write(0x1000, Uint8Array.from(code));
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000n, rflags: 2n });
  const why = vcpu.enter(budget);
  const slept = vm.memory.u32(vcpu.page + V_PAUSE_SLEEP);
  return { vcpu, why, slept };
}

test('a spin of PAUSEs sleeps, longer each time, and goes on', () => {
  expect(run(SPIN, 1000).slept).toBe(0);
  expect(run(SPIN, 2100)).toMatchObject({ slept: 50_000, why: RUN_BUDGET });
  const { slept, vcpu } = run(SPIN, 4096);
  expect([slept, vcpu.instructions]).toEqual([1_000_000, 4096n]);
});

test('PAUSEs with work between them are no spin', () => {
  expect(run(WORK, 300_000).slept).toBe(0);
});

test('in the deterministic engine nothing sleeps', () => {
  const virtual = (vm: Vm) => vm.memory.setU32(vm.memory.vm + VM_ENGINE, ENGINE_DETERMINISTIC);
  expect(run(SPIN, 10_000, virtual).slept).toBe(0);
});
