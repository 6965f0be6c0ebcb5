// The keyboard controller and its keyboard.
import { expect, test } from 'vitest';
import { I8042 } from '../../../web/devices/index.ts';
import { freshPage, Line, port92 } from './parts.ts';

function wired() {
  const { port: a20, host } = port92();
  const irq = new Line();
  const controller = new I8042(freshPage(), { irq, host, a20 });
  controller.reset();
  const command = (...bytes: number[]) =>
    bytes.forEach((byte, i) => {
      controller.write(i === 0 ? 4 : 0, 1, byte);
    });
  const data = (byte: number) => controller.write(0, 1, byte);
  const status = () => controller.read(4, 1);
  /** Reads port 0x60 while there is something to read. */
  const answer = (): number[] => {
    const bytes: number[] = [];
    while ((status() & 1) !== 0) bytes.push(controller.read(0, 1));
    return bytes;
  };
  return { a20, host, irq, controller, command, data, status, answer };
}

test.each([
  ['self test', [0xaa], [0x55]],
  ['keyboard port test', [0xab], [0x00]],
  ['mouse port test, which fails', [0xa9], [0x01]],
  ['command byte', [0x20], [0x65]],
  ['output port', [0xd0], [0xc3]],
  ['input port', [0xc0], [0xa0]],
  ['keyboard buffer write', [0xd2, 0x12], [0x12]],
  ['mouse buffer write', [0xd3, 0x5a], [0x5a]],
])('the controller answers: %s', (_name, bytes, expected) => {
  const { command, answer } = wired();
  command(...bytes);
  expect(answer()).toEqual(expected);
});

test('the command byte and the other controller RAM keep what is written', () => {
  const { command, answer } = wired();
  command(0x60, 0x44);
  command(0x20);
  expect(answer()).toEqual([0x44]);
  command(0x7f, 0x99);
  command(0x3f);
  expect(answer()).toEqual([0x99]);
});

test('command 0xfe resets the machine', () => {
  const { command, host } = wired();
  command(0xfe);
  expect(host.wishes).toEqual(['reset']);
});

test('the output port switches A20 and resets when its bit 0 falls', () => {
  const { command, host, a20 } = wired();
  command(0xd1, 0xdd);
  expect([a20.isOpen(), host.wishes]).toEqual([false, []]);
  command(0xd1, 0xfe);
  expect([a20.isOpen(), host.wishes]).toEqual([true, ['reset']]);
});

test.each([
  ['reset', [0xff], [0xfa, 0xaa]],
  ['echo', [0xee], [0xee]],
  ['identify, translated', [0xf2], [0xfa, 0xab, 0x41]],
  ['lights', [0xed, 0x02], [0xfa, 0xfa]],
  ['repeat rate', [0xf3, 0x20], [0xfa, 0xfa]],
  ['enable', [0xf4], [0xfa]],
  ['set defaults', [0xf6], [0xfa]],
  ['present scan code set, translated', [0xf0, 0x00], [0xfa, 0xfa, 0x41]],
  ['unknown', [0x01], [0xfe]],
])('the keyboard answers: %s', (_name, bytes, expected) => {
  const { data, answer } = wired();
  bytes.forEach(data);
  expect(answer()).toEqual(expected.map((byte) => byte));
});

test('a key gives set 1 codes through translation, press and release', () => {
  const { controller, answer } = wired();
  controller.key(0x1e, true);
  controller.key(0x1e, false);
  controller.key(0xe048, true);
  controller.key(0xe048, false);
  expect(answer()).toEqual([0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8]);
});

test('without translation the same key gives set 2 codes', () => {
  const { controller, command, answer } = wired();
  command(0x60, 0x24);
  controller.key(0x1e, true);
  controller.key(0x1e, false);
  expect(answer()).toEqual([0x1c, 0xf0, 0x1c]);
});

test('scan code set 1 without translation comes as it is', () => {
  const { controller, command, data, answer } = wired();
  command(0x60, 0x24);
  data(0xf0);
  data(0x01);
  answer();
  controller.key(0x41, true);
  controller.key(0x41, false);
  expect(answer()).toEqual([0x41, 0xc1]);
});

test.each([0x01, 0x0e, 0x1c, 0x2a, 0x39, 0x3b, 0x41, 0x44, 0x53, 0x54, 0x57, 0x58])(
  'key %i survives both translations',
  (code) => {
    const { controller, answer } = wired();
    controller.key(code, true);
    expect(answer()).toEqual([code]);
  },
);

test('each byte raises its own edge of IRQ 1', () => {
  const { controller, irq, answer } = wired();
  controller.inject([0x1c, 0x32]);
  expect([irq.level, irq.edges]).toEqual([true, 1]);
  answer();
  expect([irq.level, irq.edges]).toEqual([false, 2]);
});

test('a command byte without KBDINT keeps IRQ 1 low', () => {
  const { command, controller, irq, status } = wired();
  command(0x60, 0x64);
  controller.key(0x1e, true);
  expect([irq.level, status() & 1]).toEqual([false, 1]);
});

test('a switched-off keyboard port holds its keys back until it is on again', () => {
  const { command, controller, status, answer } = wired();
  command(0xad);
  controller.key(0x1e, true);
  expect(status() & 1).toBe(0);
  command(0xae);
  expect(answer()).toEqual([0x1e]);
});

test('the controller answers before waiting keys', () => {
  const { command, controller, answer } = wired();
  command(0xad);
  controller.key(0x1e, true);
  command(0xaa);
  command(0xae);
  expect(answer()).toEqual([0x55, 0x1e]);
});

test('a full queue and a keyboard that does not scan lose whole keys and say so', () => {
  const { controller, data } = wired();
  let taken = 0;
  while (controller.key(0x1e, true) && taken < 1000) taken++;
  expect(taken).toBe(129);
  data(0xf5);
  expect(controller.key(0x1e, true)).toBe(false);
});

test('resend repeats the last byte', () => {
  const { controller, data, answer } = wired();
  controller.key(0x1e, true);
  answer();
  data(0xfe);
  expect(answer()).toEqual([0x1e]);
});
