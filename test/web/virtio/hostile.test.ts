// Drivers that lie: whatever stands in guest memory, a device neither throws nor hangs nor writes outside what it was given.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rng } from '../../../web/virtio/index.ts';
import { type DriverQueue, deviceOf, EVENT_IDX, INDIRECT, VERSION_1 } from './driver.ts';

const ALL = VERSION_1 | INDIRECT | EVENT_IDX;
const NEEDS_RESET = 64;
const TARGET = 0x20000;

/** What the device says of a driver that does `lie`. */
async function judge(lie: (queue: DriverQueue, device: ReturnType<typeof deviceOf>) => void, features = ALL) {
  const device = deviceOf(rng());
  const [queue] = await device.start(features);
  lie(queue as DriverQueue, device);
  await device.ring();
  const said = device.heard.reports.at(-1) as { failed: string } | undefined;
  return { needsReset: (device.read(0x70) & NEEDS_RESET) !== 0, said: said?.failed, queue, device };
}

test.each<[string, RegExp, (queue: DriverQueue) => void, bigint?]>([
  [
    'runs in a circle',
    /runs in a circle/,
    (queue) => {
      queue.descriptor(queue.base, TARGET, 4, 3, 1);
      queue.descriptor(queue.base + 16, TARGET, 4, 3, 0);
      queue.publish(0);
    },
  ],
  ['has a head outside the table', /descriptor 8 of 8/, (queue) => queue.publish(8)],
  [
    'goes on outside the table',
    /goes on at descriptor 65535/,
    (queue) => {
      queue.descriptor(queue.base, TARGET, 4, 3, 65535);
      queue.publish(0);
    },
  ],
  [
    'is readable behind writable',
    /readable piece behind/,
    (queue) => {
      queue.add([
        { gpa: TARGET, length: 4, isTarget: true },
        { gpa: TARGET, length: 4 },
      ]);
    },
  ],
  [
    'is longer than 4 GiB',
    /more than 4 GiB/,
    (queue) => {
      queue.add([
        { gpa: TARGET, length: 0xffff_ffff, isTarget: true },
        { gpa: TARGET, length: 1, isTarget: true },
      ]);
    },
  ],
  [
    'has a table in a table',
    /where none may be/,
    (queue) => {
      queue.descriptor(0x40000, 0x41000, 16, 4);
      queue.descriptor(queue.base, 0x40000, 16, 4);
      queue.publish(0);
    },
  ],
  [
    'has a table of 17 bytes',
    /has 17 bytes/,
    (queue) => {
      queue.descriptor(queue.base, 0x40000, 17, 4);
      queue.publish(0);
    },
  ],
  [
    'has a table outside RAM',
    /is no RAM/,
    (queue) => {
      queue.descriptor(queue.base, 0xffff_ffff_ffff_fff0n, 16, 4);
      queue.publish(0);
    },
  ],
  [
    'has a table that was not negotiated',
    /where none may be/,
    (queue) => {
      queue.addIndirect(0x40000, [{ gpa: TARGET, length: 4, isTarget: true }]);
    },
    VERSION_1,
  ],
  [
    'is one of more than the ring holds',
    /9 chains wait in a ring of 8/,
    (queue) => queue.word(queue.available + 2, 9),
  ],
])('a chain that %s makes the device need a reset, with a sentence', async (_, sentence, lie, features) => {
  const { needsReset, said } = await judge(lie, features);
  expect([needsReset, said]).toEqual([true, expect.stringMatching(sentence)]);
});

test.each([
  ['a size that is no power of 2', 0x38, 6],
  ['a size beyond the largest', 0x38, 1024],
  ['a table outside RAM', 0x80, 0x100000],
  ['a table that crosses the end of RAM', 0x80, 0xffff0],
  ['an available ring that is not aligned', 0x90, 0x1001],
  ['a used ring that is not aligned', 0xa0, 0x1002],
  ['an address above 4 GiB without RAM', 0xa4, 0xffff_ffff],
])('a queue with %s is refused when the driver starts', async (_, register, value) => {
  const device = deviceOf(rng());
  await device.start();
  for (const status of [0, 1, 3]) device.write(0x70, status);
  device.write(0x24, 1);
  device.write(0x20, 1);
  device.write(0x70, 11);
  device.write(0x30, 0);
  device.write(0x38, 8);
  for (const [at, gpa] of [
    [0x80, 0],
    [0x90, 0x1000],
    [0xa0, 0x2000],
  ])
    device.write(at as number, gpa as number);
  device.write(register, value);
  device.write(0x44, 1);
  device.write(0x70, 15);
  await device.settle();
  expect(device.read(0x70) & NEEDS_RESET).toBe(NEEDS_RESET);
  expect(device.heard.interrupts).toBe(1);
});

test('a device that needs a reset serves nothing until it gets it, and then works', async () => {
  const { device, queue } = await judge((bad) => bad.publish(200));
  queue?.add([{ gpa: TARGET, length: 4, isTarget: true }]);
  await device.ring();
  expect(queue?.take()).toEqual([]);
  const [fresh] = await device.start();
  fresh?.add([{ gpa: TARGET, length: 4, isTarget: true }]);
  await device.ring();
  expect([fresh?.take(), device.read(0x70)]).toEqual([[{ head: 0, written: 4 }], 15]);
});

test('whatever bytes the rings hold, the device answers in time and writes only where it may', async () => {
  const word = fc.oneof(fc.nat(20), fc.integer({ min: 0, max: 0xffff }));
  const descriptor = fc.record({
    gpa: fc.oneof(
      fc.constantFrom(0n, 0x20000n, 0x40000n, 0xffffcn, 0xffff_ffff_ffff_fff0n, 1n << 63n),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    ),
    length: fc.oneof(fc.constantFrom(0, 1, 16, 32, 0xffff_ffff), fc.nat(0x20000)),
    flags: fc.nat(7),
    next: word,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(descriptor, { minLength: 8, maxLength: 8 }),
      fc.array(word, { minLength: 11, maxLength: 11 }),
      fc.array(descriptor, { minLength: 4, maxLength: 4 }),
      async (descriptors, available, table) => {
        const device = deviceOf(rng());
        const [queue] = await device.start(ALL);
        if (queue === undefined) return;
        const put =
          (base: number) =>
          ({ gpa, length, flags, next }: (typeof table)[0], n: number) =>
            queue.descriptor(base + n * 16, gpa, length, flags, next);
        descriptors.forEach(put(queue.base));
        table.forEach(put(0x40000));
        available.forEach((value, n) => {
          queue.word(queue.available + n * 2, value);
        });
        await device.ring();
        await device.ring();
        const failed = (device.read(0x70) & NEEDS_RESET) !== 0;
        const waiting = (available[1] ?? 0) > 8;
        expect(waiting && !failed).toBe(false);
        device.write(0x70, 0);
        await device.settle();
        expect(device.read(0x70)).toBe(0);
        expect(device.vm.pins()[0]).toMatchObject({ vmaps: 0 });
        device.guest.put();
        device.vm.destroy();
      },
    ),
    { numRuns: 150 },
  );
});
