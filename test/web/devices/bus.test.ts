// The port and MMIO buses.
import { expect, test } from 'vitest';
import { BusError, type Device, MmioBus, PortBus } from '../../../web/devices/index.ts';

/** A device that answers 0x10 + offset in each byte and remembers writes. */
class Echo implements Device {
  readonly log: string[] = [];
  read(offset: number, size: number): number {
    this.log.push(`r${offset}/${size}`);
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + 0x10 + offset + i;
    return value;
  }
  write(offset: number, size: number, value: number): void {
    this.log.push(`w${offset}/${size}=${value.toString(16)}`);
  }
  reset(): void {}
}

function bus(width: 1 | 2 | 4 = 1): { readonly ports: PortBus; readonly echo: Echo } {
  const ports = new PortBus();
  const echo = new Echo();
  ports.register({ start: 0x60, length: 4, width }, echo, 'echo');
  return { ports, echo };
}

test('a device sees offsets, not addresses', () => {
  const { ports, echo } = bus();
  expect(ports.read(0x62, 1)).toBe(0x12);
  expect(ports.write(0x63, 1, 0xab)).toBe(true);
  expect(echo.log).toEqual(['r2/1', 'w3/1=ab']);
});

test('a wide access to a byte device is split, lowest address first', () => {
  const { ports, echo } = bus();
  expect(ports.read(0x60, 4)).toBe(0x13121110);
  ports.write(0x60, 2, 0xbeef);
  expect(echo.log).toEqual(['r0/1', 'r1/1', 'r2/1', 'r3/1', 'w0/1=ef', 'w1/1=be']);
});

test('a wide access to a wide device stays whole where it is aligned', () => {
  const { ports, echo } = bus(4);
  expect(ports.read(0x60, 4)).toBe(0x13121110);
  ports.read(0x61, 2);
  expect(echo.log).toEqual(['r0/4', 'r1/1', 'r2/1']);
});

test('a port without a device reads all ones and loses writes, and says so', () => {
  const { ports } = bus();
  const data = new Uint8Array(4);
  expect([ports.read(0x70, 1), ports.read(0x70, 2), ports.read(0x70, 4)]).toEqual([0xff, 0xffff, 0xffffffff]);
  expect([ports.write(0x70, 1, 0), ports.readBytes(0x70, data)]).toEqual([false, false]);
  expect([...data]).toEqual([255, 255, 255, 255]);
});

test('an access across the edge of a device reads its bytes and ones', () => {
  const { ports } = bus(4);
  expect(ports.read(0x62, 4).toString(16)).toBe('ffff1312');
});

test('an eight-byte access becomes two of four', () => {
  const mmio = new MmioBus();
  const echo = new Echo();
  mmio.register({ start: 0xfee0_0000, length: 0x1000, width: 4 }, echo, 'echo');
  const data = new Uint8Array(8);
  expect(mmio.readBytes(0xfee0_0000, data)).toBe(true);
  expect([...data]).toEqual([0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17]);
  expect(mmio.writeBytes(0xfee0_0000, data)).toBe(true);
  expect(echo.log).toEqual(['r0/4', 'r4/4', 'w0/4=13121110', 'w4/4=17161514']);
});

test('a device with two ranges keeps one count of offsets', () => {
  const ports = new PortBus();
  const echo = new Echo();
  ports.register({ start: 0x60, length: 1 }, echo, 'data');
  ports.register({ start: 0x64, length: 1, offset: 4 }, echo, 'command');
  ports.read(0x64, 1);
  expect(echo.log).toEqual(['r4/1']);
  expect(ports.find(0x61)).toBeUndefined();
});

test('an overlap is refused with EEXIST and both names', () => {
  const { ports, echo } = bus();
  const attempt = () => ports.register({ start: 0x5f, length: 2 }, echo, 'late');
  expect(attempt).toThrow(BusError);
  expect(attempt).toThrow('ports 0x5f..0x60 of late overlaps 0x60..0x63 of echo');
});

test.each([
  [{ start: 0x10000, length: 1 }],
  [{ start: 0, length: 0 }],
  [{ start: -1, length: 1 }],
  [{ start: 0.5, length: 1 }],
])('a range off the bus is refused with EINVAL: %o', (range) => {
  expect(() => new PortBus().register(range, new Echo(), 'x')).toThrow(
    expect.objectContaining({ code: 'EINVAL' }),
  );
});

test('entries are listed by address whatever the order of registration', () => {
  const ports = new PortBus();
  for (const start of [0x80, 0x20, 0xf4, 0x60]) ports.register({ start, length: 1 }, new Echo(), `${start}`);
  expect(ports.entries.map((entry) => entry.start)).toEqual([0x20, 0x60, 0x80, 0xf4]);
  expect(ports.find(0xf4)?.name).toBe('244');
});
