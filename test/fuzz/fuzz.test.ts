// The fuzzer for a few seconds, always the same worlds; longer runs are made by hand (README.md).

import { describe, expect, test } from 'vitest';
import { VCPU_BASE, VCPU_STRIDE } from '../../assembly/abi/map.ts';
import { V_CPL, V_RFLAGS } from '../../assembly/abi/vcpu_page.ts';
import { Fuzzer } from './fuzz.ts';
import { broken } from './invariants.ts';
import { FuzzMachine, LAST, READONLY } from './machine.ts';
import { MODES } from './world.ts';

test('random worlds leave everything whole that is not theirs', () => {
  const fuzzer = new Fuzzer();
  fuzzer.run({ seed: 1, worlds: 8 * MODES.length });
  expect(fuzzer.findings).toEqual([]);
  // It is no good fuzz if it does nothing but fault.
  const faults = fuzzer.totals.vectors.reduce((sum, count) => sum + count, 0);
  expect(fuzzer.totals.instructions).toBeGreaterThan(1_000_000);
  expect(fuzzer.totals.instructions / faults).toBeGreaterThan(12);
  for (const vector of [0, 6, 13, 14]) expect(fuzzer.totals.vectors[vector]).toBeGreaterThan(0);
});

describe('the fuzzer sees', () => {
  const machine = new FuzzMachine();
  const { memory } = machine.vm;
  const slot = (id: number): number => machine.vm.slot(id)?.hva ?? 0;
  const damaged = (at: number): string | undefined => {
    memory.setU8(at, memory.u8(at) ^ 1);
    const said = machine.damage();
    machine.repair();
    return said;
  };
  test('a byte before a slot', () => expect(damaged(slot(0) - 1)).toContain('the heap outside'));
  test('a byte of a read-only slot', () =>
    expect(damaged(slot(1) + READONLY.bytes - 1)).toContain('the heap'));
  test('a byte of the core', () => expect(damaged(0x800)).toContain('read-only data'));
  test('a byte of another vCPU', () => expect(damaged(VCPU_BASE + VCPU_STRIDE)).toContain('another vCPU'));
  test('nothing, after a repair', () => expect(machine.damage()).toBeUndefined());
  test('a page that the dirty log lacks', () => {
    const image = machine.main.slice();
    machine.main[0x3000] = 0xff;
    expect(machine.unlogged(image)).toBe(3);
    machine.vm.written(0x3000, 1);
    expect(machine.unlogged(image)).toBeUndefined();
  });
  test('a broken vCPU page', () => {
    const v = machine.vcpu.page;
    expect(broken(memory, v)).toBeUndefined();
    memory.setU32(v + V_CPL, 2);
    expect(broken(memory, v)).toContain('CPL is 2');
    memory.setU32(v + V_CPL, 0);
    memory.setU32(v + V_RFLAGS, 0x8002);
    expect(broken(memory, v)).toContain('reserved bits');
  });
  test('the last slot at the end of the memory', () => expect(slot(3) + LAST.bytes).toBe(memory.size));
});
