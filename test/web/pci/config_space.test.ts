// Configuration mechanism 1 and the header behind it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PortBus } from '../../../web/devices/index.ts';
import { CONFIG_PORTS, FUNCTION_CONFIG } from '../../../web/pci/index.ts';
import { bar, Echo, machine, plain } from './parts.ts';

const COMMAND = 0x04;
const full = () =>
  plain({
    hasPin: true,
    bars: [bar(0, 'io', 32), bar(2, 'memory64', 0x4000)],
    msix: { vectors: 3, bar: 1 },
    capabilities: [{ id: 9, body: new Uint8Array([16, 1, 2, 3]), writable: new Uint8Array([0, 0, 0xf0]) }],
  });

test('the host bridge is what a PC has at 00:00.0', () => {
  const view = machine();
  expect(view.read(0, 0)).toBe(0x1237_8086);
  expect(view.read(0, 8)).toBe(0x0600_0002);
});

test('a device that is not there reads all ones, in each size, and takes writes', () => {
  const view = machine();
  view.write(7, COMMAND, 0xffff_ffff);
  expect([view.read(7, 0), view.read(7, 2, 2), view.read(31, 3, 1)]).toEqual([0xffff_ffff, 0xffff, 0xff]);
});

test.each([
  ['another bus', 0x8001_0000],
  ['another function', 0x8000_0100],
  ['an address without the enable bit', 0],
])('%s reads all ones', (_, address) => {
  const { ports } = machine();
  ports.write(0xcf8, 4, address);
  expect(ports.read(0xcfc, 4)).toBe(0xffff_ffff);
});

test('the address register takes 32 bits at once and nothing else', () => {
  const { ports } = machine();
  ports.write(0xcf8, 4, 0xffff_ffff);
  expect(ports.read(0xcf8, 4)).toBe(0x80ff_fffc);
  ports.write(0xcf8, 2, 0);
  ports.write(0xcfb, 1, 0);
  expect([ports.read(0xcf8, 4), ports.read(0xcf8, 2), ports.read(0xcfb, 1)]).toEqual([
    0x80ff_fffc, 0xffff, 0xff,
  ]);
});

test('a byte at 0xcf9 is the reset control register’s, and no wider access is', () => {
  const control = new Echo(0x0e);
  const { bus } = machine();
  const ports = new PortBus();
  ports.register(CONFIG_PORTS, bus.configPorts(control), 'configuration');
  ports.write(0xcf8, 4, 0x8000_0600);
  ports.write(0xcf8, 2, 0x600);
  expect([control.last, ports.read(0xcf9, 1)]).toEqual([undefined, 0x0e]);
  ports.write(0xcf9, 1, 6);
  expect(control.last).toBe('0/1=6');
});

test('bytes and words are parts of the doubleword', () => {
  const view = machine(full());
  expect([view.read(1, 0, 2), view.read(1, 2, 2), view.read(1, 3, 1)]).toEqual([0x1af4, 0x1042, 0x10]);
  view.write(1, 0x3c, 0x7b, 1);
  expect(view.read(1, 0x3c, 2)).toBe(0x017b);
});

test('capabilities form a list with MSI-X first', () => {
  const view = machine(full());
  expect(view.read(1, 6, 2) & 0x10).toBe(0x10);
  const ids: number[] = [];
  for (let at = view.read(1, 0x34, 1); at !== 0; at = view.read(1, at + 1, 1)) ids.push(view.read(1, at, 1));
  expect(ids).toEqual([0x11, 9]);
});

test('a capability has the writable bits that it was given', () => {
  const view = machine(full());
  const at = view.read(1, view.read(1, 0x34, 1) + 1, 1);
  for (const offset of [at, at + 4]) view.write(1, offset, 0xffff_ffff);
  expect([view.read(1, at, 1), view.read(1, at + 2, 1), view.read(1, at + 4, 1)]).toEqual([9, 16, 0xf2]);
});

test('accesses behind a capability’s window go to its registers', () => {
  const log: string[] = [];
  const registers = {
    read: (offset: number, size: number) => offset * 16 + size,
    write: (offset: number, size: number, value: number) => void log.push(`${offset}/${size}=${value}`),
  };
  const view = machine(
    plain({ capabilities: [{ id: 9, body: new Uint8Array(18), window: { from: 14, registers } }] }),
  );
  view.write(1, 0x50, 0xabcd, 2);
  expect([view.read(1, 0x50), view.read(1, 0x51, 1), log]).toEqual([4, 17, ['0/2=43981']]);
});

test('whatever is written where, read-only bits stay and nothing throws', () => {
  const access = fc.record({
    offset: fc.integer({ min: 0, max: 255 }),
    size: fc.constantFrom(1, 2, 4),
    value: fc.integer({ min: 0, max: 0xffff_ffff }),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
      const view = machine(full());
      const before = view.function(1).slot.page.u8.slice(FUNCTION_CONFIG, FUNCTION_CONFIG + 256);
      for (const { offset, size, value } of accesses) view.function(1).writeConfig(offset, size, value);
      const after = view.function(1).slot.page.u8.slice(FUNCTION_CONFIG, FUNCTION_CONFIG + 256);
      const mayChange = (n: number) =>
        [4, 5, 0x0c, 0x0d, 0x3c, 0x43, 0x50].includes(n) || (n >= 0x10 && n < 0x20);
      expect([...after].filter((byte, n) => byte !== before[n] && !mayChange(n))).toEqual([]);
    }),
  );
});

test('a read gives what the same bytes give one by one', () => {
  const view = machine(full());
  for (let offset = 0; offset < 256; offset += 4) {
    const bytes = [0, 1, 2, 3].map((n) => view.read(1, offset + n, 1));
    expect(bytes.reduce((word, byte, n) => word + byte * 256 ** n, 0)).toBe(view.read(1, offset));
  }
});

test('a reset brings back what power-on left', () => {
  const view = machine(full());
  const fresh = new Uint8Array(view.buffer).slice(0, 0x2000);
  for (let offset = 0; offset < 256; offset += 4) view.write(1, offset, 0xffff_ffff);
  view.bus.reset();
  expect(new Uint8Array(view.buffer).slice(0, 0x2000)).toEqual(fresh);
});
