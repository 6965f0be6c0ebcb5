// A module copies on another thread while slots are added, moved and deleted. VITRINE_RACE=100000 makes it long.

import { expect, test } from 'vitest';
import { bundle } from './bundle.ts';
import { race } from './race.ts';
import { kvm } from './support.ts';

const COUNT = Number(process.env.VITRINE_RACE ?? 5000);

test(`no stale translation in ${COUNT} changes of slots under a copying module`, {
  timeout: 600_000,
}, async () => {
  const file = await bundle('test/web/xinterface/race_worker.ts');
  const vm = kvm.createVm({ maxVcpus: 1, memoryLimit: 2 ** 28 });
  const { findings, copies, settled, changes } = await race(vm, file, COUNT);
  expect(findings).toEqual([]);
  expect(Math.min(changes.added, changes.moved, changes.deleted)).toBeGreaterThan(COUNT / 10);
  expect(copies).toBeGreaterThan(COUNT / 10);
  expect(settled).toBeGreaterThan(0);
  expect(vm.pins()).toEqual([]);
});
