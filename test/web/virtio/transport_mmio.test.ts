// The MMIO registers as a driver meets them: identity, negotiation, status, configuration space, reset.

import { expect, test } from 'vitest';
import { type Backend, DEVICE_TYPE, type Device, rng } from '../../../web/virtio/index.ts';
import { deviceOf, VERSION_1 } from './driver.ts';

/** A device with a configuration space that remembers what it was told. */
function configured() {
  const seen: string[] = [];
  const held: { device?: Device } = {};
  const backend: Backend = {
    type: DEVICE_TYPE.console,
    features: 1n << 0n,
    queues: [16, 16],
    config: () => new Uint8Array([80, 0, 25, 0, 1, 2]),
    start(device) {
      held.device = device;
      seen.push('start');
    },
    notify: (queue) => void seen.push(`notify ${queue}`),
    configWritten: (offset, bytes) => void seen.push(`config ${offset} ${[...bytes]}`),
    stop: () => void seen.push('stop'),
  };
  return { ...deviceOf(backend), seen, held };
}

test('a device says what it is', () => {
  const { read } = deviceOf(rng());
  expect([0, 4, 8].map(read)).toEqual([0x74726976, 2, 4]);
  expect(read(0xb0)).toBe(0xffff_ffff);
});

test('features are offered in halves, and FEATURES_OK stays only for a driver of version 1', async () => {
  const { read, write } = configured();
  const half = (n: number) => {
    write(0x14, n);
    return read(0x10);
  };
  expect([half(0), half(1), half(2)]).toEqual([0x3000_0001, 1, 0]);
  write(0x70, 3);
  write(0x24, 0);
  write(0x20, 1);
  write(0x70, 11);
  expect(read(0x70)).toBe(3);
  write(0x24, 1);
  write(0x20, 1);
  write(0x70, 11);
  expect(read(0x70)).toBe(11);
});

test('a feature that was not offered is not accepted', () => {
  const { read, write } = configured();
  write(0x24, 1);
  write(0x20, 1);
  write(0x24, 0);
  write(0x20, 2);
  write(0x70, 11);
  expect(read(0x70)).toBe(3);
});

test('features do not change behind FEATURES_OK', async () => {
  const { start, write, registers } = configured();
  await start(VERSION_1 | 1n);
  write(0x24, 0);
  write(0x20, 0);
  expect(registers.accepted).toBe(VERSION_1 | 1n);
});

test('a queue that the device does not have has no size', () => {
  const { read, write } = configured();
  const sizes = [0, 1, 2, 500].map((queue) => {
    write(0x30, queue);
    return read(0x34);
  });
  expect(sizes).toEqual([16, 16, 0, 0]);
  write(0x44, 1);
  expect(read(0x44)).toBe(0);
});

test('the configuration space is bytes; what the driver writes is told to the back end', async () => {
  const { transport, start, settle, seen } = configured();
  expect([transport.read(0x100, 2), transport.read(0x102, 1), transport.read(0x104, 4)]).toEqual([
    80, 25, 0x201,
  ]);
  expect(transport.read(0x1fc, 4)).toBe(0);
  await start();
  transport.write(0x104, 1, 7);
  transport.write(0x105, 4, 0xabcdef09);
  await settle();
  expect(seen.at(-1)).toBe('config 4 7,9');
});

test('a changed configuration counts its generation up and interrupts with its own bit', async () => {
  const { read, write, start, held, heard } = configured();
  await start();
  const before = read(0xfc);
  await held.device?.setConfig(new Uint8Array([132, 0, 43, 0]));
  expect([read(0xfc) - before, read(0x60), read(0x100), heard.interrupts]).toEqual([
    1,
    2,
    132 | (43 << 16),
    1,
  ]);
  write(0x64, 2);
  expect(read(0x60)).toBe(0);
});

test('DRIVER_OK starts the back end and looks at every queue; a reset stops it', async () => {
  const { start, write, settle, seen } = configured();
  await start();
  expect(seen).toEqual(['stop', 'start', 'notify 0', 'notify 1']);
  write(0x70, 0);
  await settle();
  expect(seen.at(-1)).toBe('stop');
});

test('what the back end does after a reset does not reach the guest', async () => {
  const { start, write, settle, held, heard, vm } = configured();
  const [queue] = await start();
  queue?.add([{ gpa: 0x20000, length: 16, isTarget: true }]);
  const device = held.device;
  const chain = await device?.queues[0]?.pop();
  write(0x70, 0);
  expect(await chain?.write(0, new Uint8Array(16).fill(1))).toBe(0);
  if (chain) await device?.queues[0]?.push(chain, 16);
  await device?.queues[0]?.interrupt();
  await settle();
  expect([queue?.take(), heard.interrupts, vm.read(0x20000, 1)[0]]).toEqual([[], 0, 0]);
});

test('a back end that throws makes the device need a reset and says why', async () => {
  const failing: Backend = {
    ...rng(),
    notify: () => {
      throw new Error('the disk is on fire');
    },
  };
  const { start, read, heard } = deviceOf(failing);
  await start();
  expect([read(0x70) & 64, heard.reports]).toEqual([64, [{ failed: 'the disk is on fire' }]]);
});
