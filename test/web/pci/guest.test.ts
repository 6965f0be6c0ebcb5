// What no guest may do to the bus, and what a copy of its pages is.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PCI_SLOTS } from '../../../web/pci/index.ts';
import { bar, machine, Outlets, plain, View } from './parts.ts';

const description = () =>
  plain({
    hasPin: true,
    bars: [bar(0, 'io', 16), bar(2, 'memory64', 0x1000)],
    msix: { vectors: 2, bar: 1 },
    capabilities: [{ id: 9, body: new Uint8Array(14), writable: new Uint8Array(14).fill(0xff) }],
  });

const access = fc.record({
  space: fc.constantFrom('ports', 'mmio'),
  at: fc.oneof(
    fc.integer({ min: 0xcf0, max: 0xd04 }),
    fc.integer({ min: 0xc000, max: 0xc040 }),
    fc.integer({ min: 0xe000_0000, max: 0xe000_4010 }),
    fc.integer({ min: 0, max: 0xffff_ffff }),
  ),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  isWrite: fc.boolean(),
  address: fc.integer({ min: 0, max: 0x3ff }),
});

test('every access is answered, whatever it is, and so is what functions do between them', () => {
  fc.assert(
    fc.property(fc.array(access, { maxLength: 80 }), (accesses) => {
      const view = machine(description(), description());
      for (const { space, at, bytes, isWrite, address } of accesses) {
        view.ports.write(0xcf8, 4, 0x8000_0800 + (address & 0xff) + (address >> 8) * 0x800);
        const bus = space === 'ports' ? view.ports : view.mmio;
        const where = space === 'ports' ? at & 0xffff : at;
        if (isWrite) bus.writeBytes(where, bytes);
        else bus.readBytes(where, bytes);
        for (const target of view.bus.functions) {
          target.raise(address & 3);
          target.setPin(isWrite);
        }
      }
      for (const { data, address } of view.outlets.sent) {
        expect(data >= 0 && data <= 0xffff_ffff && address >= 0n && address < 2n ** 64n).toBe(true);
      }
    }),
  );
});

test('a copy of the pages is the same bus', () => {
  const view = machine(description());
  view.write(1, 4, 7, 2);
  view.write(1, 0x18, 0xf000_0000);
  view.write(1, 0x42, 0x8000, 2);
  view.mmio.write(view.read(1, 0x14) + 8, 4, 0x41);
  view.function(1).raise(0);
  const copy = new SharedArrayBuffer((PCI_SLOTS + 1) * 0x1000);
  new Uint8Array(copy).set(new Uint8Array(view.buffer));
  const twin = new View(copy, new Outlets(), [description()]);
  const config = (one: View) => Array.from({ length: 64 }, (_, n) => one.read(1, n * 4));
  const places = (one: View) => one.mmio.entries.map(({ start, end, name }) => ({ start, end, name }));
  expect([config(twin), places(twin), twin.function(1).vectors()]).toEqual([
    config(view),
    places(view),
    view.function(1).vectors(),
  ]);
});
