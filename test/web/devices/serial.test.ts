// The 16550A as drivers see it.
import { expect, test } from 'vitest';
import { Serial } from '../../../web/devices/index.ts';
import { causeOf, freshPage, Input, Line, Output } from './parts.ts';

const RBR = 0;
const IER = 1;
const IIR = 2;
const FCR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;

function wired() {
  const parts = { page: freshPage(), irq: new Line(), output: new Output(), input: new Input() };
  const serial = new Serial(parts.page, parts);
  serial.reset();
  const set = (register: number, value: number) => serial.write(register, 1, value);
  const get = (register: number) => serial.read(register, 1);
  return { ...parts, serial, set, get };
}

/** As a driver does before it uses interrupts: OUT2 on. */
function interrupting(ier: number) {
  const port = wired();
  port.set(MCR, 0x0b);
  port.get(MSR);
  port.set(IER, ier);
  return port;
}

test('a byte written goes out and the transmitter is empty at once', () => {
  const { set, get, output } = wired();
  set(RBR, 0x41);
  expect([output.bytes, get(LSR) & 0x60]).toEqual([[0x41], 0x60]);
});

test('the divisor latch hides data and interrupt enable', () => {
  const { set, get, output } = wired();
  set(LCR, 0x83);
  set(0, 1);
  set(1, 0x02);
  expect([get(0), get(1), output.bytes]).toEqual([1, 2, []]);
  set(LCR, 0x03);
  expect([get(IER), get(LCR)]).toEqual([0, 3]);
});

test('the scratch register keeps a byte and IER keeps four bits', () => {
  const { set, get } = wired();
  set(SCR, 0x5a);
  set(IER, 0xff);
  expect([get(SCR), get(IER)]).toEqual([0x5a, 0x0f]);
});

test('the probe of Linux finds a 16550A and no more', () => {
  const { set, get } = wired();
  set(MCR, 0x1a);
  expect(get(MSR) & 0xf0).toBe(0x90);
  set(MCR, 0);
  set(FCR, 0x01);
  expect(get(IIR) >> 6).toBe(3);
  set(LCR, 0x80);
  set(FCR, 0x21);
  expect(get(IIR) >> 5).toBe(6);
  expect(get(FCR)).not.toBe(0);
});

test('without FIFOs IIR shows none', () => {
  expect(wired().get(IIR)).toBe(0x01);
});

test('loopback brings a byte back and keeps it off the wire', () => {
  const { set, get, output, input, serial } = wired();
  set(MCR, 0x1e);
  input.bytes.push(0x99);
  set(RBR, 0xae);
  serial.poll();
  expect([get(LSR) & 1, get(RBR), output.bytes, input.bytes]).toEqual([1, 0xae, [], [0x99]]);
});

test('loopback turns outputs into modem inputs with their deltas', () => {
  const { set, get } = wired();
  set(MCR, 0x10);
  get(MSR);
  set(MCR, 0x1f);
  expect(get(MSR)).toBe(0xfb);
  set(MCR, 0x10);
  expect([get(MSR), get(MSR)]).toEqual([0x0f, 0x00]);
});

test('enabling the transmitter interrupt raises it, and reading IIR clears it', () => {
  const { get, irq } = interrupting(0x02);
  expect(irq.level).toBe(true);
  expect([get(IIR) & 0x0f, irq.level, get(IIR) & 0x0f]).toEqual([0x02, false, 0x01]);
});

test('each byte sent raises a new edge of the transmitter interrupt', () => {
  const { set, irq } = interrupting(0x02);
  set(RBR, 1);
  set(RBR, 2);
  expect([irq.level, irq.edges]).toEqual([true, 3]);
});

test('OUT2 gates the interrupt line, also while a cause is pending', () => {
  const { set, irq } = interrupting(0x02);
  set(MCR, 0x03);
  expect(irq.level).toBe(false);
  set(MCR, 0x0b);
  expect(irq.level).toBe(true);
});

test('a received byte raises the interrupt until it is read', () => {
  const { serial, input, irq, get } = interrupting(0x01);
  input.bytes.push(0x61);
  serial.poll();
  expect([irq.level, causeOf(serial), get(RBR), irq.level]).toEqual([true, 0x04, 0x61, false]);
});

test('a guest that polls LSR sees input without any call of poll', () => {
  const { input, get } = wired();
  input.bytes.push(0x62);
  expect([get(LSR) & 1, get(RBR), get(LSR) & 1]).toEqual([1, 0x62, 0]);
});

test.each([
  [0x01, 1],
  [0x41, 4],
  [0x81, 8],
  [0xc1, 14],
])('FCR %i sets the trigger level to %i bytes', (fcr, trigger) => {
  const { serial, set } = interrupting(0x01);
  set(FCR, fcr);
  for (let i = 1; i < trigger; i++) serial.receive(i);
  expect(serial.read(LSR, 1) & 1).toBe(trigger > 1 ? 1 : 0);
  serial.receive(trigger);
  expect(causeOf(serial)).toBe(0x04);
});

test('bytes below the trigger level time out when the line is quiet', () => {
  const { serial, input, set, irq, get } = interrupting(0x01);
  set(FCR, 0xc1);
  input.bytes.push(1, 2, 3);
  serial.poll();
  expect([irq.level, causeOf(serial)]).toEqual([true, 0x0c]);
  expect([get(RBR), get(RBR), get(RBR), causeOf(serial), irq.level]).toEqual([1, 2, 3, 0x01, false]);
});

test('input waits for a guest that has not set up its interrupts, whatever it does to the FIFO', () => {
  const { serial, input, set, get } = wired();
  input.bytes.push(0x61);
  serial.poll();
  set(FCR, 0x07);
  expect([get(LSR) & 1, get(RBR)]).toEqual([1, 0x61]);
});

test('input beyond the FIFO waits and follows as the guest reads', () => {
  const { serial, input, set, get } = wired();
  set(FCR, 0x01);
  set(IER, 0x01);
  for (let i = 0; i < 40; i++) input.bytes.push(i);
  serial.poll();
  expect(input.bytes.length).toBe(24);
  expect(Array.from({ length: 40 }, () => get(RBR))).toEqual(Array.from({ length: 40 }, (_, i) => i));
  expect(get(LSR) & 0x03).toBe(0);
});

test('a byte too many is an overrun that LSR shows once', () => {
  const { serial, set, get } = interrupting(0x04);
  set(FCR, 0x01);
  for (let i = 0; i < 17; i++) serial.receive(i);
  expect(causeOf(serial)).toBe(0x06);
  expect([get(LSR) & 2, get(LSR) & 2, get(RBR)]).toEqual([2, 0, 0]);
});

test('without a FIFO the newer byte overruns the older', () => {
  const { serial, get } = wired();
  serial.receive(1);
  serial.receive(2);
  expect([get(LSR) & 3, get(RBR), get(LSR) & 3]).toEqual([3, 2, 0]);
});

test('clearing the receive FIFO empties it', () => {
  const { serial, set, get } = wired();
  set(FCR, 0x01);
  serial.receive(1);
  set(FCR, 0x03);
  expect(get(LSR) & 1).toBe(0);
});

test('causes come in the order of the data sheet', () => {
  const { serial, set, get } = interrupting(0x0f);
  set(MCR, 0x10);
  set(MCR, 0x0b);
  serial.receive(1);
  serial.receive(2);
  const order = [causeOf(serial)];
  get(LSR);
  order.push(causeOf(serial));
  get(RBR);
  order.push(causeOf(serial), causeOf(serial));
  get(MSR);
  order.push(causeOf(serial));
  expect(order).toEqual([0x06, 0x04, 0x02, 0x00, 0x01]);
});

test('a second view of the page is the same port', () => {
  const { page, serial, irq, output, input } = wired();
  const twin = new Serial(page, { irq, output, input });
  serial.receive(0x33);
  expect([twin.read(LSR, 1) & 1, twin.read(RBR, 1), serial.read(LSR, 1) & 1]).toEqual([1, 0x33, 0]);
});
