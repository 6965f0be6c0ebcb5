import { expect, test } from 'vitest';
import { PCI_FUNCTIONS_BASE } from '../../../../assembly/abi/map.ts';
import { devicePage } from '../../../../web/devices/index.ts';
import {
  BalloonSweep,
  balloonPageAt,
  balloonRanges,
  dirtyRanges,
  readBalloon,
  readSlots,
} from '../../../../web/session/views/index.ts';
import { DEVICE_TYPE } from '../../../../web/virtio/backend.ts';
import { BalloonMarks } from '../../../../web/virtio/balloon_marks.ts';
import { Registers, TRANSPORT } from '../../../../web/virtio/registers.ts';
import { addSlot, machine, u32 } from './machine.ts';

const PAGES = 64;

/** A machine of 256 KiB with a balloon that is asked for 16 pages, and its marks behind the RAM. */
function withBalloon() {
  const { memory, heap } = machine();
  addSlot(memory, 0, { gpa: 0, size: PAGES * 0x1000, hva: heap });
  const registers = new Registers(devicePage(memory.bytes.buffer, PCI_FUNCTIONS_BASE + 3 * 0x1000));
  registers.transport = TRANSPORT.pci;
  const config = new Uint8Array([16, 0, 0, 0]);
  registers.describe({ type: DEVICE_TYPE.balloon, features: 0n, queues: [], config });
  const offset = heap + PAGES * 0x1000;
  BalloonMarks.place(registers.state, { offset, pages: PAGES });
  const marks = BalloonMarks.of(registers.state);
  if (!marks) throw new Error('no marks');
  return { memory, heap, marks, offset };
}

const ranges = (bitmap: Uint8Array | undefined) =>
  dirtyRanges(bitmap ?? new Uint8Array(), { gpa: 0, size: PAGES * 0x1000 }).map(({ start, pages }) => [
    start / 0x1000,
    pages,
  ]);

test('a machine without a balloon has none', () => {
  const { memory } = machine();
  expect([readBalloon(memory), new BalloonSweep().look(memory), balloonRanges(memory)]).toEqual([
    undefined,
    undefined,
    [],
  ]);
});

test('a balloon shows what it is asked for and holds, and where its marks lie', () => {
  const { memory, marks, offset } = withBalloon();
  for (const page of [8, 9, 40]) marks.hold(page, true);
  expect(readBalloon(memory)).toEqual({ pages: PAGES, target: 16, held: 3 });
  expect(balloonRanges(memory)).toEqual([{ offset, length: 16 }]);
});

test('a page that was reported is free until the guest writes to it, and again when it was zeroed and reported', () => {
  const { memory, marks, heap } = withBalloon();
  const sweep = new BalloonSweep();
  marks.hold(2, true);
  marks.report(0x10000n, 0x4000);
  expect(ranges(sweep.look(memory)?.free)).toEqual([[16, 4]]);
  u32(memory, heap + 0x11ffc, 1);
  const used = sweep.look(memory);
  expect([ranges(used?.held), ranges(used?.free)]).toEqual([
    [[2, 1]],
    [
      [16, 1],
      [18, 2],
    ],
  ]);
  const at = (page: number) => balloonPageAt(memory, readSlots(memory), page * 0x1000 + 4);
  expect([at(2), at(16), at(17), at(20)]).toEqual(['held', 'free', undefined, undefined]);
  u32(memory, heap + 0x11ffc, 0);
  marks.report(0x11000n, 0x1000);
  expect(ranges(sweep.look(memory)?.free)).toEqual([[16, 4]]);
});
