// The irqchip from several threads on one memory: the lock, IPIs and a line. Each thread has an instance of its own.
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { VM_PAGE, VM_VMM_WORDS } from '../../../assembly/abi/map.ts';
import { chips, Machine } from './machine.ts';

const COUNTER = VM_PAGE + VM_VMM_WORDS;
const START = COUNTER + 4;

/** Runs `body` in a thread with `core`, `view`, `v` (addresses of the vCPU pages); it ends with the value returned. */
function thread(m: Machine, body: string): Promise<unknown> {
  const source = `
    const { parentPort, workerData: d } = require('node:worker_threads');
    const env = { memory: d.memory, base: 0, now: () => 0n, port_write: () => 0, port_read: () => -1, instance: 1, compile: () => 0, release() {}, release_all() {} };
    const core = new WebAssembly.Instance(d.chips, { env }).exports;
    const view = new DataView(d.memory.buffer);
    const words = new Int32Array(d.memory.buffer);
    const v = d.v;
    // All threads begin together, or the first would be done before the second has started.
    Atomics.add(words, ${START / 4}, 1);
    Atomics.notify(words, ${START / 4});
    while (Atomics.load(words, ${START / 4}) < 2) Atomics.wait(words, ${START / 4}, 1, 100);
    parentPort.postMessage((() => { ${body} })());`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(source, {
      eval: true,
      workerData: { memory: m.wasm, chips, v: [m.v(0), m.v(1)] },
    });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

test('the lock lets one thread in at a time', async () => {
  const m = new Machine(2);
  const count = `
    for (let i = 0; i < 50000; i++) {
      core.irq_lock();
      view.setUint32(${COUNTER}, view.getUint32(${COUNTER}, true) + 1, true);
      core.irq_unlock();
    }`;
  await Promise.all([thread(m, count), thread(m, count)]);
  expect(m.memory.getUint32(COUNTER, true)).toBe(100_000);
});

test('no IPI between two vCPUs is lost', async () => {
  const m = new Machine(2);
  for (const id of [0, 1]) m.enableApic(id);
  // Each vector is sent again only after the receiver has said so; a lost one would stop both.
  const send = `
    for (let i = 0; i < 5000; i++) {
      core.lapic_write(v[0], 0x310, 1 << 24);
      core.lapic_write(v[0], 0x300, 16 + (i % 240));
      while (Atomics.load(words, ${COUNTER / 4}) <= i) Atomics.wait(words, ${COUNTER / 4}, i, 10);
    }`;
  const receive = `
    const seen = [];
    while (seen.length < 5000) {
      const vector = core.take_interrupt(v[1]);
      if (vector < 0) continue;
      core.lapic_write(v[1], 0xb0, 0);
      seen.push(vector);
      Atomics.add(words, ${COUNTER / 4}, 1);
      Atomics.notify(words, ${COUNTER / 4});
    }
    return seen;`;
  const [, seen] = await Promise.all([thread(m, send), thread(m, receive)]);
  expect(seen).toEqual(Array.from({ length: 5000 }, (_, i) => 16 + (i % 240)));
});

test('a level line that a device holds until it is served comes once for each time', async () => {
  const m = new Machine(2);
  m.setUpPics([]);
  m.enableApic(0);
  m.route(10, 0x804a);
  const device = `
    for (let i = 0; i < 2000; i++) {
      core.irq_line(10, 1);
      while (Atomics.load(words, ${COUNTER / 4}) <= i) Atomics.wait(words, ${COUNTER / 4}, i, 10);
    }`;
  const driver = `
    let served = 0;
    while (served < 2000) {
      if (core.take_interrupt(v[0]) !== 0x4a) continue;
      core.irq_line(10, 0);
      core.lapic_write(v[0], 0xb0, 0);
      served++;
      Atomics.add(words, ${COUNTER / 4}, 1);
      Atomics.notify(words, ${COUNTER / 4});
    }
    return core.take_interrupt(v[0]);`;
  const [, last] = await Promise.all([thread(m, device), thread(m, driver)]);
  expect(last).toBe(-1);
});
