// A share behind a virtqueue: requests come as chains, answers go back into them, in whatever order they come.
import { expect, test } from 'vitest';
import { LocalFs, memoryTree } from '../../../web/fs/index.ts';
import { DEVICE_TYPE, p9 } from '../../../web/virtio/index.ts';
import { errno } from '../fs/behaviour.ts';
import { Answer, type Field, pack } from '../p9/client.ts';
import { serve } from '../p9/tree.ts';
import { type DriverQueue, deviceOf } from './driver.ts';

const QUESTION = 0x40000;
const REPLY = 0x60000;
const STRIDE = 0x4000;

/** A device over a small tree, with a driver that sends messages. */
async function mounted(isInOrder = false) {
  const tree = await serve();
  const device = deviceOf(p9({ tag: 'share', fs: tree.fs, isInOrder }));
  const [queue] = (await device.start()) as [DriverQueue];
  let sent = 0;
  /** Puts a request of these fields into the ring; the place of its answer. */
  const put = (type: number, fields: Field[], room = STRIDE): number => {
    const n = sent++ % 4;
    const message = pack(type, n, ...fields);
    device.vm.write(QUESTION + n * STRIDE, message);
    // In two pieces: how a driver frames a message means nothing.
    const cut = Math.min(message.length - 1, 7);
    queue.add([
      { gpa: QUESTION + n * STRIDE, length: cut },
      { gpa: QUESTION + n * STRIDE + cut, length: message.length - cut },
      { gpa: REPLY + n * STRIDE, length: room, isTarget: true },
    ]);
    return REPLY + n * STRIDE;
  };
  const back: { head: number; written: number }[] = [];
  /** Serves until so many chains have come back. */
  const until = async (count: number): Promise<number[]> => {
    await device.ring();
    for (back.push(...queue.take()); back.length < count; back.push(...queue.take())) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await device.settle();
    }
    return back.splice(0).map(({ written }) => written);
  };
  const call = async (type: number, ...fields: Field[]): Promise<Answer> => {
    const place = put(type, fields);
    const [written = 0] = await until(1);
    return new Answer(device.vm.read(place, written).slice());
  };
  await call(100, [4, 16384], '9P2000.L');
  await call(104, [4, 0], [4, 0xffffffff], 'root', '', [4, 0]);
  return { ...tree, device, queue, put, until, call };
}

/** Walks to the file and opens it as fid 1. */
const WALK: Field[] = [
  [4, 0],
  [4, 1],
  [2, 3],
];

test('the mount tag is the configuration space', async () => {
  const { device } = await mounted();
  const { registers } = device;
  expect(registers.type).toBe(DEVICE_TYPE.p9);
  const bytes = [0, 4].map((at) => device.read(0x100 + at));
  expect(bytes).toEqual([0x68730005, 0x00657261]);
  expect(await errno((async () => p9({ tag: '', fs: new LocalFs(memoryTree()) }))())).toBe('EINVAL');
});

test('a file is found, opened and read', async () => {
  const { call, device } = await mounted();
  expect((await call(110, ...WALK, 'home', 'a', 'file')).type).toBe(111);
  expect((await call(12, [4, 1], [4, 0])).type).toBe(13);
  const answer = await call(116, [4, 1], [8, 0], [4, 1000]);
  expect(new TextDecoder().decode(answer.bytes())).toBe('hello');
  expect(device.heard.interrupts).toBeGreaterThan(0);
});

test('a read that waits lets others pass, and its chain comes back later', async () => {
  const { call, put, until, event, device } = await mounted();
  await call(110, ...WALK, 'kvm', 'vm0', 'event');
  await call(12, [4, 1], [4, 0]);
  const place = put(116, [
    [4, 1],
    [8, 0],
    [4, 1000],
  ]);
  expect((await call(24, [4, 0], [8, 0])).type).toBe(25);
  event.say('hlt\n');
  const [written = 0] = await until(1);
  expect(new TextDecoder().decode(new Answer(device.vm.read(place, written).slice()).bytes())).toBe('hlt\n');
});

test('in order, all is answered when the doorbell is', async () => {
  const { put, queue, device, event } = await mounted(true);
  put(110, [...WALK, 'kvm', 'vm0', 'event']);
  await device.ring();
  put(12, [
    [4, 1],
    [4, 0],
  ]);
  await device.ring();
  put(116, [
    [4, 1],
    [8, 0],
    [4, 1000],
  ]);
  put(24, [
    [4, 0],
    [8, 0],
  ]);
  await device.ring();
  expect(queue.take()).toHaveLength(3);
  event.say('hlt\n');
});

test('an answer that does not fit its chain is an error, and no room for an error is the end', async () => {
  const { put, until, device } = await mounted();
  const place = put(
    24,
    [
      [4, 0],
      [8, 0],
    ],
    100,
  );
  const [written = 0] = await until(1);
  expect(new Answer(device.vm.read(place, written).slice()).type).toBe(7);
  put(
    24,
    [
      [4, 0],
      [8, 0],
    ],
    5,
  );
  await device.ring();
  expect(device.read(0x70) & 64).toBe(64);
});

test('after a reset nothing of the old session is answered, and its files are closed', async () => {
  const { put, call, device, event } = await mounted();
  await call(110, ...WALK, 'kvm', 'vm0', 'event');
  await call(12, [4, 1], [4, 0]);
  put(116, [
    [4, 1],
    [8, 0],
    [4, 1000],
  ]);
  await device.ring();
  const [queue] = (await device.start()) as [DriverQueue];
  event.say('hlt\n');
  await new Promise((resolve) => setTimeout(resolve, 5));
  await device.settle();
  expect(queue.take()).toEqual([]);
  expect(device.vm.read(REPLY + 4 * STRIDE, 16).every((byte) => byte === 0)).toBe(true);
});
