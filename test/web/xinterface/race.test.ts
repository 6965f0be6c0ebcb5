// A module copies on another thread while slots are added, moved and deleted. VITRINE_RACE says how often.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { bindFor, handleOf, releaseDead, revoke } from '../../../web/xinterface/index.ts';
import { bundle } from './bundle.ts';
import { race } from './race.ts';
import { TRUTH_SIZE } from './race_plan.ts';
import { kvm, setSlot, vmWithRam } from './support.ts';

const COUNT = Number(process.env.VITRINE_RACE ?? 100_000);

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

test('a change of slots gets past modules that are killed while they copy', async () => {
  const file = await bundle('test/web/xinterface/race_worker.ts');
  const vm = vmWithRam(0x10000);
  const ram = vm.allocate(0x1000);
  for (let n = 0; n < 20; n++) {
    const bound = bindFor(handleOf(vm), { name: 'racer', kind: 'module' });
    const truth = new Int32Array(new SharedArrayBuffer(TRUTH_SIZE * 4));
    // An odd phase: nothing that it reads is looked at.
    truth[1] = 1;
    const worker = new Worker(file, { workerData: { bound, truth, seed: n } });
    await once(worker, 'message');
    revoke(bound);
    const dead = worker.terminate();
    // In this thread, before it can be told that the worker is gone.
    for (let m = 0; m < 10; m++) {
      setSlot(vm, 1, 0x8000_0000, 0x1000, ram);
      vm.setUserMemoryRegion({ slot: 1, memory_size: 0 });
    }
    await dead;
    releaseDead(bound);
  }
  expect(vm.pins()).toEqual([]);
});
