// A balloon: pages given back, pages reported free, statistics.

import { expect, test } from 'vitest';
import { BalloonMarks, balloon } from '../../../web/virtio/index.ts';
import { deviceOf } from './driver.ts';

const FRAMES = 0x80000;
const [INFLATE, DEFLATE, STATISTICS, REPORTING] = [0, 1, 2, 3];

/** Page frame numbers where the driver names them. */
function frames(vm: ReturnType<typeof deviceOf>['vm'], numbers: number[]): { gpa: number; length: number } {
  vm.write(FRAMES, new Uint8Array(new Uint32Array(numbers).buffer));
  return { gpa: FRAMES, length: numbers.length * 4 };
}

test('pages in the balloon are zeroed and counted; a frame outside RAM harms nobody', async () => {
  const { vm, start, ring, heard } = deviceOf(balloon({ target: 0x3000 }));
  const queues = await start();
  vm.write(0x90000, new Uint8Array(0x2000).fill(7));
  queues[INFLATE]?.add([frames(vm, [0x90, 0xffff_ffff])]);
  await ring(INFLATE);
  expect([vm.read(0x90000, 1)[0], vm.read(0x91000, 1)[0]]).toEqual([0, 7]);
  expect(heard.reports.at(-1)).toMatchObject({ held: 2 });
  queues[DEFLATE]?.add([frames(vm, [0x90])]);
  await ring(DEFLATE);
  expect(heard.reports.at(-1)).toMatchObject({ held: 1 });
});

test('the guest is asked for so many pages', async () => {
  const { registers } = deviceOf(balloon({ target: 0x3000 }));
  expect([registers.readConfig(0, 4), registers.configLength]).toEqual([3, 16]);
});

test('pages that are reported free are zeroed before the guest has its buffer again', async () => {
  const { vm, start, ring, heard } = deviceOf(balloon());
  const queues = await start();
  vm.write(0xa0000, new Uint8Array(0x20000).fill(7));
  queues[REPORTING]?.add([{ gpa: 0xa0000, length: 0x1f000, isTarget: true }]);
  await ring(REPORTING);
  expect([vm.read(0xa0000, 1)[0], vm.read(0xbefff, 1)[0], vm.read(0xbf000, 1)[0]]).toEqual([0, 0, 7]);
  expect(queues[REPORTING]?.take()).toEqual([{ head: 0, written: 0x1f000 }]);
  expect(heard.reports.at(-1)).toMatchObject({ reported: 0x1f000 });
});

/** A balloon whose marks lie behind its page; which pages they name. */
function markedBalloon() {
  const device = deviceOf(balloon());
  BalloonMarks.place(device.registers.state, { offset: 0x1000, pages: 256 });
  const marks = BalloonMarks.of(device.registers.state);
  const named = (bitmap?: Uint8Array) =>
    [...(bitmap ?? [])].flatMap((byte, n) =>
      [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => (byte & (1 << bit) ? [n * 8 + bit] : [])),
    );
  return { ...device, held: () => named(marks?.held), reported: () => named(marks?.reported) };
}

test('pages are marked while the balloon holds them', async () => {
  const { vm, start, ring, held } = markedBalloon();
  const queues = await start();
  queues[INFLATE]?.add([frames(vm, [0x90, 0x93, 0x100, 0xffff_ffff])]);
  await ring(INFLATE);
  expect(held()).toEqual([0x90, 0x93]);
  queues[DEFLATE]?.add([frames(vm, [0x90])]);
  await ring(DEFLATE);
  expect(held()).toEqual([0x93]);
});

test('whole pages of a report are marked until the balloon holds them', async () => {
  const { vm, start, ring, reported, held } = markedBalloon();
  const queues = await start();
  queues[REPORTING]?.add([
    { gpa: 0xa0800, length: 0x2000, isTarget: true },
    { gpa: 0xb0000, length: 0x1000, isTarget: true },
    { gpa: 0xff000, length: 0x9000, isTarget: true },
  ]);
  await ring(REPORTING);
  expect(reported()).toEqual([0xa1, 0xb0, 0xff]);
  queues[INFLATE]?.add([frames(vm, [0xb0])]);
  await ring(INFLATE);
  expect([reported(), held()]).toEqual([[0xa1, 0xff], [0xb0]]);
});

test('a reset by the driver forgets what it gave and what it reported', async () => {
  const { vm, start, ring, settle, write, held, reported } = markedBalloon();
  const queues = await start();
  queues[INFLATE]?.add([frames(vm, [0x90])]);
  queues[REPORTING]?.add([{ gpa: 0xb0000, length: 0x1000, isTarget: true }]);
  await ring(INFLATE);
  await ring(REPORTING);
  expect([held(), reported()]).toEqual([[0x90], [0xb0]]);
  write(0x70, 0);
  await settle();
  expect([held(), reported()]).toEqual([[], []]);
});

test('statistics are read, and their buffer is kept until they are asked for again', async () => {
  const { vm, start, ring, heard } = deviceOf(balloon());
  const queues = await start();
  const bytes = new DataView(new ArrayBuffer(20));
  bytes.setUint16(0, 4, true);
  bytes.setBigUint64(2, 12345n, true);
  bytes.setUint16(10, 99, true);
  vm.write(FRAMES, new Uint8Array(bytes.buffer));
  queues[STATISTICS]?.add([{ gpa: FRAMES, length: 20 }]);
  await ring(STATISTICS);
  expect(heard.reports.at(-1)).toMatchObject({ statistics: { free: 12345 } });
  expect(queues[STATISTICS]?.take()).toEqual([]);
});
