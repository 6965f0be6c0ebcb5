// Base address registers: sizing, moving, switching on and off, and what answers where they overlap.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IO_PLACES, MEMORY_WINDOW } from '../../../web/pci/index.ts';
import { bar, Echo, machine, plain } from './parts.ts';

const COMMAND = 0x04;
const BAR0 = 0x10;

test.each([
  ['io', 4, 0x1],
  ['io', 256, 0x1],
  ['memory', 16, 0x0],
  ['memory', 0x10_0000, 0x0],
] as const)('%s of %i bytes tells its size', (kind, bytes, type) => {
  const view = machine(plain({ bars: [bar(0, kind, bytes)] }));
  view.write(1, BAR0, 0xffff_ffff);
  expect(view.read(1, BAR0)).toBe((-bytes | type) >>> 0);
});

test('a BAR of 64 bits tells its size in two words', () => {
  const view = machine(plain({ bars: [{ ...bar(4, 'memory64', 0x4000), prefetchable: true }] }));
  for (const at of [0x20, 0x24]) view.write(1, at, 0xffff_ffff);
  expect([view.read(1, 0x20), view.read(1, 0x24)]).toEqual([0xffff_c00c, 0xffff_ffff]);
});

test('a BAR that is not there reads 0 whatever is written', () => {
  const view = machine(plain());
  view.write(1, BAR0, 0xffff_ffff);
  expect(view.read(1, BAR0)).toBe(0);
});

test('firmware places every BAR apart from the others, naturally aligned, and lets it answer', () => {
  const kinds = fc.record({
    kind: fc.constantFrom('io', 'memory', 'memory64'),
    shift: fc.integer({ min: 4, max: 8 }),
  });
  fc.assert(
    fc.property(fc.array(fc.array(kinds, { maxLength: 3 }), { maxLength: 15 }), (functions) => {
      const view = machine(
        ...functions.map((bars) =>
          plain({ bars: bars.map(({ kind, shift }, n) => bar(2 * n, kind, 1 << shift)) }),
        ),
      );
      const placed = [...view.ports.entries.slice(1), ...view.mmio.entries];
      expect(placed.length).toBe(functions.flat().length);
      for (const { start, end } of placed) {
        const window = start < 0x1_0000 ? IO_PLACES : MEMORY_WINDOW;
        expect(start % (end - start) === 0 && start >= window.start && end <= window.end).toBe(true);
      }
    }),
  );
});

test('what finds no room stays at 0 and answers nowhere', () => {
  const view = machine(plain({ bars: [bar(0, 'memory', 2 ** 31), bar(1, 'memory', 0x1000)] }));
  expect([view.read(1, BAR0), view.mmio.entries.length]).toEqual([0, 1]);
});

test('a large BAR of 64 bits goes above 4 GiB', () => {
  const view = machine(plain({ bars: [bar(0, 'memory64', 2 ** 30)] }));
  expect(view.mmio.read(2 ** 34 + 0x1234, 4)).toBe(0x5a5a_5a5a);
});

test('the command register switches ports and memory on and off', () => {
  const view = machine(plain({ bars: [bar(0, 'io', 16), bar(1, 'memory', 16)] }));
  const answers = () => [view.ports.read(0xc000, 1), view.mmio.read(0xe000_0000, 1)];
  const seen = [0, 1, 2, 3].map((command) => {
    view.write(1, COMMAND, command, 2);
    return answers();
  });
  expect(seen).toEqual([
    [0xff, 0xff],
    [0x5a, 0xff],
    [0xff, 0x5a],
    [0x5a, 0x5a],
  ]);
});

test('a moved BAR answers at its new place, and offsets count from there', () => {
  const registers = new Echo(0x5a);
  const view = machine(plain({ bars: [{ ...bar(0, 'memory', 0x1000), registers }] }));
  view.write(1, BAR0, 0xf000_0000);
  view.mmio.write(0xf000_0010, 4, 0x99);
  expect([view.mmio.read(0xe000_0010, 4), registers.last]).toEqual([0xffff_ffff, '16/4=99']);
});

test('every thread’s bus sees a BAR at its new place at once', () => {
  const description = () => plain({ bars: [bar(0, 'memory', 0x1000)] });
  const view = machine(description());
  const other = view.beside([description()]);
  expect(other.mmio.read(0xe000_0000, 1)).toBe(0x5a);
  view.write(1, BAR0, 0xf000_0000);
  expect([other.mmio.read(0xe000_0000, 1), other.mmio.read(0xf000_0000, 1)]).toEqual([0xff, 0x5a]);
});

test('where BARs overlap the lower device wins, and the rest of the other goes on to answer', () => {
  const view = machine(
    plain({ bars: [bar(0, 'memory', 0x100, 0x11)] }),
    plain({ bars: [bar(0, 'memory', 0x1000, 0x22)] }),
  );
  view.write(1, BAR0, 0xf000_0100);
  view.write(2, BAR0, 0xf000_0000);
  const bytes = [0, 0xff, 0x100, 0x1ff, 0x200].map((at) => view.mmio.read(0xf000_0000 + at, 1));
  expect(bytes).toEqual([0x22, 0x22, 0x11, 0x11, 0x22]);
});

test('a BAR never takes ports from the machine’s own devices', () => {
  const view = machine(plain({ bars: [bar(0, 'io', 32)] }));
  view.write(1, BAR0, 0xce0);
  expect([view.ports.read(0xcf4, 4), view.ports.read(0xcf8, 4)]).toEqual([0x5a5a_5a5a, 0x8000_0810]);
});

test('offsets behind a hole are those of the BAR', () => {
  const registers = new Echo(0x5a);
  const view = machine(plain({ bars: [{ ...bar(0, 'io', 32), registers }] }));
  view.write(1, BAR0, 0xcf0 & ~31);
  view.ports.write(0xcf4, 4, 7);
  expect(registers.last).toBe('20/4=7');
});

test('ports beyond 64 Ki and addresses beyond the bus answer nowhere', () => {
  const view = machine(plain({ bars: [bar(0, 'io', 16), bar(2, 'memory64', 16)] }));
  view.write(1, BAR0, 0x1_0000);
  view.write(1, 0x1c, 0xffff_ffff);
  expect([view.ports.entries.length, view.mmio.entries.length]).toEqual([1, 0]);
});

test('whatever addresses a guest writes, the buses keep their entries apart', () => {
  const place = fc.record({
    device: fc.integer({ min: 1, max: 3 }),
    index: fc.integer({ min: 0, max: 5 }),
    value: fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0x3ff })),
  });
  fc.assert(
    fc.property(fc.array(place, { maxLength: 30 }), (places) => {
      const one = () => plain({ bars: [bar(0, 'io', 64), bar(1, 'memory', 64), bar(2, 'memory64', 256)] });
      const view = machine(one(), one(), one());
      for (const { device, index, value } of places) view.write(device, BAR0 + 4 * index, value);
      for (const { entries } of [view.ports, view.mmio])
        for (const [n, entry] of entries.entries()) {
          expect(entry.start).toBeLessThan(entry.end);
          expect(entry.start).toBeGreaterThanOrEqual(entries[n - 1]?.end ?? 0);
        }
    }),
  );
});
