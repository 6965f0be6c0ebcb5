// The small devices: A20 and reset switches, power, debug and diagnostic ports, the ACPI timer.
import { expect, test } from 'vitest';
import {
  Debugcon,
  DebugExit,
  DelayPort,
  PmTimer,
  POST_CODES,
  POST_COUNT,
  PortBus,
  Post,
  Power,
  ResetControl,
} from '../../../web/devices/index.ts';
import { Asked, freshPage, Line, Output, port92, Time } from './parts.ts';

test('port 0x92 switches A20 and resets', () => {
  const { port, host } = port92();
  expect([port.read(0, 1), port.isOpen()]).toEqual([2, true]);
  port.write(0, 1, 0);
  expect([port.isOpen(), host.wishes]).toEqual([false, []]);
  port.write(0, 1, 3);
  expect([port.isOpen(), port.read(0, 1), host.wishes]).toEqual([true, 2, ['reset']]);
});

test.each([
  [0, 1],
  [0x10, 0x21],
  [0x7fff_ffff, 0xffff_ffff],
])('debug exit of %i ends with status %i', (value, status) => {
  const host = new Asked();
  new DebugExit(freshPage(), { host }).write(0, 4, value);
  expect(host.wishes).toEqual([`exit ${status}`]);
});

test('the POST port keeps the last codes', () => {
  const page = freshPage();
  const post = new Post(page);
  post.reset();
  for (const code of [0x11, 0x22, 0x33]) post.write(0, 1, code);
  expect([post.read(0, 1), page.view.getUint32(POST_COUNT, true)]).toEqual([0x33, 3]);
  expect([...page.u8.subarray(POST_CODES, POST_CODES + 3)]).toEqual([0x11, 0x22, 0x33]);
});

test('the delay port answers and does nothing', () => {
  const port = new DelayPort(freshPage());
  port.write(0, 1, 5);
  expect([port.read(0, 1), port.read(0, 4)]).toEqual([0xff, 0xffffffff]);
});

test('the debug console writes out and shows that it is there', () => {
  const output = new Output();
  const console = new Debugcon(freshPage(), { output });
  console.write(0, 1, 0x48);
  expect([console.read(0, 1), output.bytes]).toEqual([0xe9, [0x48]]);
});

function power() {
  const parts = { host: new Asked(), sci: new Line() };
  const device = new Power(freshPage(), parts);
  device.reset();
  return { ...parts, device };
}

test('0x2000 in the PM1 control register switches off', () => {
  const { device, host } = power();
  device.write(4, 2, 0x2000);
  expect(host.wishes).toEqual(['power off']);
});

test('other sleep types do nothing, and SCI_EN always reads 1', () => {
  const { device, host } = power();
  device.write(4, 2, 0x3400);
  expect([host.wishes, device.read(4, 2)]).toEqual([[], 0x1401]);
});

test('the power button raises the SCI until its status is cleared', () => {
  const { device, sci } = power();
  device.pressButton();
  expect(sci.level).toBe(false);
  device.write(2, 2, 0x0100);
  expect([sci.level, device.read(0, 2), device.read(1, 1)]).toEqual([true, 0x0100, 0x01]);
  device.write(0, 2, 0x0100);
  expect([sci.level, device.read(0, 2)]).toEqual([false, 0]);
});

test('the reset register resets when bit 2 rises', () => {
  const host = new Asked();
  const control = new ResetControl(freshPage(), { host });
  control.write(0, 1, 0x02);
  control.write(0, 1, 0x06);
  control.write(0, 1, 0x06);
  expect([host.wishes, control.read(0, 1)]).toEqual([['reset'], 0x06]);
});

test('the ACPI timer counts 3579545 a second and wraps at 32 bits', () => {
  const clock = new Time();
  const ports = new PortBus();
  ports.register({ start: 0x608, length: 4, width: 4 }, new PmTimer(freshPage(), { clock }), 'pm_timer');
  clock.pass(1);
  expect([ports.read(0x608, 4), ports.read(0x608, 2)]).toEqual([3_579_545, 3_579_545 & 0xffff]);
  clock.pass(1200);
  expect(ports.read(0x608, 4)).toBe((3_579_545 * 1201) % 2 ** 32);
});
