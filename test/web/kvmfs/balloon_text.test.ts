// The pages of a balloon as balloon_pages shows them.
import { expect, test } from 'vitest';
import { balloonMarks, balloonText } from '../../../web/kvmfs/balloon_text.ts';
import type { VmEntry } from '../../../web/kvmfs/vm_entry.ts';
import { Machine } from '../../../web/vmm/index.ts';
import { core } from './support.ts';

const machineWith = (devices: { kind: 'balloon' | 'rng' }[]) =>
  Machine.create(core, {
    memory: 1 << 20,
    cpus: 1,
    engine: 'deterministic',
    devices,
    program: { kind: 'flat', image: new Uint8Array([0xf4]), at: 0x7c00, mode: 'real' },
  });
const entryOf = (machine: Machine) => ({ machine, vm: machine.vm }) as unknown as VmEntry;

test('shows ranges of pages that are held, and of those reported free that are zero still', () => {
  const machine = machineWith([{ kind: 'rng' }, { kind: 'balloon' }]);
  const entry = entryOf(machine);
  const marks = balloonMarks(entry);
  expect(marks?.pages).toBe(256);
  for (const page of [3, 16, 17, 18]) marks?.hold(page, true);
  marks?.report(0x20000n, 0x10000);
  machine.vm.write(0x2ffff, new Uint8Array([1]));
  machine.vm.write(0x24000, new Uint8Array([1]));
  expect(balloonText(entry).split('\n')).toEqual(['held 3', 'held 16-18', 'free 32-35', 'free 37-46']);
});

test('a machine without a balloon has neither marks nor room for them', () => {
  const [one, other] = [machineWith([{ kind: 'rng' }]), machineWith([{ kind: 'balloon' }])];
  expect(balloonMarks(entryOf(one))).toBeUndefined();
  expect(other.vm.memory.size).toBeGreaterThan(one.vm.memory.size);
});
