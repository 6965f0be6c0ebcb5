// A console between a driver and a terminal in memory.

import { expect, test } from 'vitest';
import { TERMINAL_BYTES, Terminal, virtioConsole } from '../../../web/virtio/index.ts';
import { deviceOf } from './driver.ts';

const text = (value: string) => new TextEncoder().encode(value);

function consoleOf() {
  const terminal = Terminal.create(new SharedArrayBuffer(TERMINAL_BYTES), 0);
  return { terminal, ...deviceOf(virtioConsole(terminal)) };
}

test('what the guest prints comes out of the terminal', async () => {
  const { terminal, vm, start, ring } = consoleOf();
  const [, transmit] = await start();
  vm.write(0x20000, text('hello, terminal'));
  transmit?.add([
    { gpa: 0x20000, length: 7 },
    { gpa: 0x20007, length: 8 },
  ]);
  await ring(1);
  expect(new TextDecoder().decode(terminal.output.read())).toBe('hello, terminal');
  expect(transmit?.take()).toEqual([{ head: 0, written: 0 }]);
});

test('what was typed waits for a buffer, and goes into as many as there are', async () => {
  const { terminal, vm, start, ring } = consoleOf();
  const [receive] = await start();
  terminal.type(text('abcdef'));
  await ring(0);
  expect(receive?.take()).toEqual([]);
  for (const n of [0, 1]) receive?.add([{ gpa: 0x20000 + n * 4, length: 4, isTarget: true }]);
  await ring(0);
  expect(receive?.take().map(({ written }) => written)).toEqual([4, 2]);
  expect(new TextDecoder().decode(vm.read(0x20000, 6).slice())).toBe('abcdef');
});

test('what was typed before there was a driver waits for its first output', async () => {
  const { terminal, vm, start, ring } = consoleOf();
  terminal.type(text('ls'));
  const [receive, transmit] = await start();
  receive?.add([{ gpa: 0x20000, length: 4, isTarget: true }]);
  await ring(0);
  expect(receive?.take()).toEqual([]);
  vm.write(0x21000, text('$'));
  transmit?.add([{ gpa: 0x21000, length: 1 }]);
  await ring(1);
  expect(receive?.take()).toEqual([{ head: 0, written: 2 }]);
});

test('a key typed later wakes the device', async () => {
  const { terminal, start, ring, server } = consoleOf();
  const [receive] = await start();
  receive?.add([{ gpa: 0x20000, length: 4, isTarget: true }]);
  await ring(0);
  terminal.type(text('k'));
  while (!server.isDue) await new Promise((resolve) => setTimeout(resolve, 1));
  await server.attend();
  expect(receive?.take()).toEqual([{ head: 0, written: 1 }]);
});

test('a new size stands in the configuration, with an interrupt', async () => {
  const { terminal, start, registers, heard } = consoleOf();
  await start();
  expect(registers.readConfig(0, 4)).toBe(80 | (25 << 16));
  terminal.resize({ columns: 132, rows: 43 });
  while (heard.interrupts === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  expect([registers.readConfig(0, 4), registers.isr]).toEqual([132 | (43 << 16), 2]);
});
