// A split queue between a driver and a back end that gives every text back in capitals.

import { expect, test } from 'vitest';
import { KVM_MEM_LOG_DIRTY_PAGES } from '../../../web/kvm/index.ts';
import type { Backend, Device } from '../../../web/virtio/index.ts';
import { vmWithRam } from '../xinterface/support.ts';
import { deviceOf, EVENT_IDX, INDIRECT, VERSION_1 } from './driver.ts';

const TEXT = 0x20000;
const ANSWER = 0x30000;

/** Answers each chain with its text in capitals. */
function capitals(): Backend {
  let device: Device | undefined;
  return {
    type: 42,
    features: 1n << 5n,
    queues: [256],
    config: () => new Uint8Array([1, 2, 3, 4]),
    start(started) {
      device = started;
    },
    async notify(index) {
      const queue = device?.queues[index];
      for (let chain = await queue?.pop(); chain; chain = await queue?.pop()) {
        const text = new Uint8Array(chain.readable);
        await chain.read(0, text);
        const answer = new TextDecoder().decode(text).toUpperCase();
        await queue?.push(chain, await chain.write(0, new TextEncoder().encode(answer)));
      }
      await queue?.interrupt();
    },
    stop() {
      device = undefined;
    },
  };
}

const device = () => deviceOf(capitals());
const put = (vm: ReturnType<typeof device>['vm'], text: string) =>
  vm.write(TEXT, new TextEncoder().encode(text));
const got = (vm: ReturnType<typeof device>['vm'], length: number) =>
  new TextDecoder().decode(vm.read(ANSWER, length).slice());

test('a chain of several pieces is read and answered across them', async () => {
  const { vm, start, ring, heard } = device();
  const [queue] = await start();
  put(vm, 'hello, ring');
  queue?.add([
    { gpa: TEXT, length: 3 },
    { gpa: TEXT + 3, length: 8 },
    { gpa: ANSWER, length: 1, isTarget: true },
    { gpa: ANSWER + 1, length: 100, isTarget: true },
  ]);
  await ring();
  expect(queue?.take()).toEqual([{ head: 0, written: 11 }]);
  expect(got(vm, 11)).toBe('HELLO, RING');
  expect(heard.interrupts).toBe(1);
});

test('the rings wrap, and so do their 16-bit indices', async () => {
  const { vm, start, ring, registers } = device();
  const [queue] = await start();
  const state = registers.queues[0];
  if (state) Object.assign(state, { taken: 0xfffa, used: 0xfffa });
  queue?.skipTo(0xfffa);
  put(vm, 'x');
  const served: number[] = [];
  for (let n = 0; n < 20; n++) {
    queue?.add([
      { gpa: TEXT, length: 1 },
      { gpa: ANSWER, length: 1, isTarget: true },
    ]);
    if (n % 3 === 0) await ring();
    served.push(queue?.take().length ?? 0);
  }
  expect(served.reduce((sum, n) => sum + n)).toBe(19);
  expect([queue?.readWord(queue.used + 2), state?.used]).toEqual([13, 13]);
});

test('an indirect table is followed when it was negotiated', async () => {
  const { vm, start, ring, read } = device();
  const [queue] = await start(VERSION_1 | INDIRECT);
  put(vm, 'far away');
  queue?.addIndirect(0x40000, [
    { gpa: TEXT, length: 4 },
    { gpa: TEXT + 4, length: 4 },
    { gpa: ANSWER, length: 8, isTarget: true },
  ]);
  await ring();
  expect([queue?.take(), got(vm, 8), read(0x70) & 64]).toEqual([[{ head: 0, written: 8 }], 'FAR AWAY', 0]);
});

test('with the event index the driver is told only when its index is passed', async () => {
  const { vm, start, ring, heard } = device();
  const [queue] = await start(VERSION_1 | EVENT_IDX);
  put(vm, 'abc');
  const ask = () =>
    queue?.add([
      { gpa: TEXT, length: 3 },
      { gpa: ANSWER, length: 3, isTarget: true },
    ]);
  queue?.wantUsed(2);
  const interrupts: number[] = [];
  for (let n = 0; n < 4; n++) {
    ask();
    await ring();
    interrupts.push(heard.interrupts);
  }
  // The first is always told, as nothing is known of what was told before.
  expect(interrupts).toEqual([1, 1, 2, 2]);
  expect(queue?.wantedAvailable).toBe(4);
});

test('without it VIRTQ_AVAIL_F_NO_INTERRUPT keeps the device quiet', async () => {
  const { start, ring, heard } = device();
  const [queue] = await start();
  queue?.word(queue.available, 1);
  queue?.add([{ gpa: TEXT, length: 1 }]);
  await ring();
  expect([queue?.take().length, heard.interrupts]).toEqual([1, 0]);
});

test('all that the device writes is in the dirty log: buffers, used ring, event index', async () => {
  const vm = vmWithRam(0x100000, 0, KVM_MEM_LOG_DIRTY_PAGES);
  const { start, ring } = deviceOf(capitals(), vm);
  const [queue] = await start(VERSION_1 | EVENT_IDX);
  queue?.add([
    { gpa: TEXT, length: 0x1800 },
    { gpa: ANSWER, length: 0x1800, isTarget: true },
  ]);
  vm.getDirtyLog(0);
  await ring();
  const bitmap = vm.getDirtyLog(0);
  const pages = Array.from({ length: 0x100 }, (_, n) => n).filter(
    (n) => (bitmap[n >> 3] ?? 0) & (1 << (n & 7)),
  );
  expect(pages).toEqual([4, 0x30, 0x31]);
});

test('an answer to an address without RAM is cut there', async () => {
  const { start, ring } = device();
  const [queue] = await start();
  queue?.add([
    { gpa: TEXT, length: 8 },
    { gpa: 0xffffc, length: 8, isTarget: true },
  ]);
  await ring();
  expect(queue?.take()).toEqual([{ head: 0, written: 4 }]);
});

test('chains that a server has left behind are taken by the next one', async () => {
  const kept: Backend = { ...capitals(), notify: () => {} };
  const first = deviceOf(kept);
  const [queue] = await first.start();
  put(first.vm, 'still here');
  queue?.add([
    { gpa: TEXT, length: 10 },
    { gpa: ANSWER, length: 10, isTarget: true },
  ]);
  await first.ring();
  const { DeviceServer, mmioSignals } = await import('../../../web/virtio/index.ts');
  const { registers, guest } = first;
  const signals = mmioSignals(registers, () => {});
  await new DeviceServer({ guest, backend: capitals(), registers, signals }).attend();
  expect([queue?.take(), got(first.vm, 10)]).toEqual([[{ head: 0, written: 10 }], 'STILL HERE']);
});
