// The real-time clock and the CMOS bytes.
import { expect, test } from 'vitest';
import { NEVER, Rtc } from '../../../web/devices/index.ts';
import { freshPage, Line, Time } from './parts.ts';

/** A clock that shows Wednesday 2026-02-25 23:59:58 UTC when machine time is 0. */
function wired() {
  const page = freshPage();
  const irq = new Line();
  const clock = new Time();
  const rtc = new Rtc(page, { irq, clock });
  rtc.reset();
  rtc.setTime(BigInt(Date.UTC(2026, 1, 25, 23, 59, 58)) * 1_000_000n);
  const get = (register: number) => {
    rtc.write(0, 1, register);
    return rtc.read(1, 1);
  };
  const set = (register: number, value: number) => {
    rtc.write(0, 1, register);
    rtc.write(1, 1, value);
  };
  const time = () =>
    [0x32, 9, 8, 7, 6, 4, 2, 0].map((register) => get(register).toString(16).padStart(2, '0')).join(' ');
  return { page, irq, clock, rtc, get, set, time };
}

test('the time is BCD and 24 hours, with century and day of the week', () => {
  expect(wired().time()).toBe('20 26 02 25 04 23 59 58');
});

test('the time goes with the machine clock, over midnight', () => {
  const { clock, time } = wired();
  clock.pass(3);
  expect(time()).toBe('20 26 02 26 05 00 00 01');
});

test('binary mode and 12-hour mode show the same moment', () => {
  const { set, get } = wired();
  set(11, 0x06);
  expect([get(4), get(2), get(9)]).toEqual([23, 59, 26]);
  set(11, 0x00);
  expect(get(4)).toBe(0x91);
});

test.each([
  [0, 0x12],
  [1, 0x01],
  [12, 0x92],
  [13, 0x81],
])('hour %i is 0x%s in 12-hour BCD', (hour, shown) => {
  const { rtc, set, get } = wired();
  set(11, 0x00);
  rtc.setTime(BigInt(Date.UTC(2026, 0, 1, hour)) * 1_000_000n);
  expect(get(4)).toBe(shown);
});

test('a guest sets the time as Linux does: SET and divider reset, registers, release', () => {
  const { clock, set, time } = wired();
  set(11, 0x82);
  set(10, 0x76);
  for (const [register, value] of [
    [9, 0x99],
    [8, 0x12],
    [7, 0x31],
    [4, 0x12],
    [2, 0x34],
    [0, 0x56],
    [0x32, 0x19],
  ]) {
    set(register ?? 0, value ?? 0);
  }
  clock.pass(10);
  expect(time()).toBe('19 99 12 31 04 12 34 56');
  set(11, 0x02);
  set(10, 0x26);
  clock.pass(0.4);
  expect(time()).toBe('19 99 12 31 06 12 34 56');
  clock.pass(0.2);
  expect(time()).toBe('19 99 12 31 06 12 34 57');
});

test('a single time register can be written while the clock runs', () => {
  const { clock, set, time } = wired();
  set(4, 0x11);
  clock.pass(1);
  expect(time()).toBe('20 26 02 25 04 11 59 59');
});

test('UIP announces the update 2.2 ms before the second turns', () => {
  const { clock, get } = wired();
  clock.pass(0.9977);
  expect(get(10)).toBe(0x26);
  clock.pass(0.0002);
  expect(get(10)).toBe(0xa6);
  clock.pass(0.0021);
  expect(get(10)).toBe(0x26);
});

test('the update interrupt comes at the next second and ends when register C is read', () => {
  const { clock, rtc, irq, set, get } = wired();
  set(11, 0x12);
  expect([rtc.poll(), irq.level]).toEqual([1_000_000_000n, false]);
  clock.pass(1);
  expect([rtc.poll(), irq.level]).toEqual([NEVER, true]);
  expect([get(12), irq.level, get(12), rtc.poll()]).toEqual([0xd0, false, 0x00, 2_000_000_000n]);
});

test('the periodic interrupt comes at its rate', () => {
  const { clock, rtc, irq, set, get } = wired();
  set(11, 0x42);
  expect(rtc.poll()).toBe(976_563n);
  for (let i = 0; i < 1024; i++) {
    clock.ns = rtc.poll();
    rtc.poll();
    get(12);
  }
  expect([irq.edges, clock.ns]).toEqual([1024, 1_000_000_000n]);
});

test('periodic flags come without the interrupt too', () => {
  const { clock, irq, get } = wired();
  clock.pass(0.001);
  expect([get(12) & 0x40, irq.edges]).toEqual([0x40, 0]);
});

test('the alarm rings at its time', () => {
  const { clock, rtc, irq, set, get } = wired();
  set(1, 0x00);
  set(3, 0x00);
  set(5, 0x00);
  set(11, 0x22);
  clock.pass(1.5);
  rtc.poll();
  expect(irq.level).toBe(false);
  clock.pass(1);
  rtc.poll();
  expect([irq.level, get(12) & 0xa0]).toEqual([true, 0xa0]);
});

test('an alarm of any hour, minute and second rings each second', () => {
  const { clock, rtc, irq, set, get } = wired();
  for (const register of [1, 3, 5]) set(register, 0xff);
  set(11, 0x22);
  for (let i = 0; i < 3; i++) {
    clock.pass(1);
    rtc.poll();
    get(12);
  }
  expect(irq.edges).toBe(3);
});

test('SET stops update interrupts', () => {
  const { set, get } = wired();
  set(11, 0x12);
  set(11, 0x92);
  expect(get(11)).toBe(0x82);
});

test('the battery keeps bytes and time over a reset, and interrupts are off after it', () => {
  const { rtc, set, get, time } = wired();
  set(0x40, 0x77);
  set(11, 0x72);
  rtc.reset();
  expect([get(0x40), get(11), get(13), time()]).toEqual([0x77, 0x02, 0x80, '20 26 02 25 04 23 59 58']);
});

test.each([
  ['64 MiB', 64 * 2 ** 20, 0, [640, 64512, 64512, 768, 0]],
  ['512 KiB', 512 * 2 ** 10, 0, [512, 0, 0, 0, 0]],
  ['3 GiB and 1 GiB', 3 * 2 ** 30, 2 ** 30, [640, 65535, 65535, 48896, 16384]],
])('the memory size registers tell of %s', (_name, below, above, expected) => {
  const { rtc, get } = wired();
  rtc.setMemorySize(below, above);
  const word = (at: number) => get(at) + 256 * get(at + 1);
  expect([word(0x15), word(0x17), word(0x30), word(0x34), word(0x5b) + 65536 * get(0x5d)]).toEqual(expected);
});

test('the index ignores its NMI bit, and port 0x70 is for writing', () => {
  const { rtc, get, set } = wired();
  set(0x40, 0x12);
  expect([get(0xc0), rtc.read(0, 1)]).toEqual([0x12, 0xff]);
});
