// A balloon: pages given back, pages reported free, statistics.

import { expect, test } from 'vitest';
import { balloon } from '../../../web/virtio/index.ts';
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
