// INTA# and MSI-X: what reaches the lines and the messages, and what waits.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bar, machine, plain, type View } from './parts.ts';

const COMMAND = 0x04;
const INTX_DISABLE = 0x400;
const MEMORY_AND_MASTER = 6;
const CONTROL = 0x42;
const ENABLE = 0x8000;
const MASKALL = 0x4000;
const TABLE = 0xe000_0000;
const PBA = TABLE + 0x800;

const pinned = () => plain({ hasPin: true });
const level = (view: View, gsi: number) => view.outlets.line(gsi).level;

test('a pin drives its IOAPIC pin and its IRQ', () => {
  const view = machine(pinned());
  view.function(1).setPin(true);
  expect([level(view, 17), level(view, 11), view.read(1, 6, 2) & 8]).toEqual([true, true, 8]);
  view.function(1).setPin(false);
  expect([level(view, 17), level(view, 11), view.read(1, 6, 2) & 8]).toEqual([false, false, 0]);
});

test('firmware tells the IRQ in the interrupt line register', () => {
  const view = machine(pinned(), pinned(), plain());
  expect([1, 2, 3].map((device) => view.read(device, 0x3c, 2))).toEqual([0x010b, 0x010a, 0]);
});

test('a shared line stays up until the last function lets it go', () => {
  const view = machine(...Array.from({ length: 9 }, pinned));
  view.function(1).setPin(true);
  view.function(9).setPin(true);
  view.function(1).setPin(false);
  expect(level(view, 17)).toBe(true);
  view.function(9).setPin(false);
  expect(level(view, 17)).toBe(false);
});

test('a pin that another thread raises is lowered by this one', () => {
  const view = machine(pinned());
  view.beside([pinned()]).function(1).setPin(true);
  expect(level(view, 17)).toBe(true);
  view.function(1).setPin(false);
  expect(level(view, 17)).toBe(false);
});

test('the interrupt disable bit holds the line down, and the status bit still tells', () => {
  const view = machine(pinned());
  view.function(1).setPin(true);
  view.write(1, COMMAND, INTX_DISABLE, 2);
  expect([level(view, 17), view.read(1, 6, 2) & 8]).toEqual([false, 8]);
  view.write(1, COMMAND, 0, 2);
  expect(level(view, 17)).toBe(true);
});

test('a reset lets the line go', () => {
  const view = machine(pinned());
  view.function(1).setPin(true);
  view.bus.reset();
  expect(level(view, 17)).toBe(false);
});

/** A function with `vectors`, memory and bus master on, its table filled: vector n sends data 0x40 + n; all are masked. */
function messaging(vectors = 4): View {
  const view = machine(plain({ hasPin: true, msix: { vectors, bar: 1 } }));
  view.write(1, COMMAND, MEMORY_AND_MASTER, 2);
  for (let n = 0; n < vectors; n++) {
    view.mmio.write(TABLE + n * 16, 4, 0xfee0_1000);
    view.mmio.write(TABLE + n * 16 + 8, 4, 0x40 + n);
  }
  return view;
}
const mask = (view: View, vector: number, masked: boolean) =>
  view.mmio.write(TABLE + vector * 16 + 12, 4, masked ? 1 : 0);
const sent = (view: View) => view.outlets.sent.map(({ data }) => data);
const pending = (view: View) => view.mmio.read(PBA, 4);

test('the capability tells of the vectors, and where table and pending bits are', () => {
  const view = messaging();
  expect([view.read(1, CONTROL, 2), view.read(1, 0x44), view.read(1, 0x48)]).toEqual([3, 1, 0x801]);
});

test('after power-on every vector is masked', () => {
  const view = machine(plain({ msix: { vectors: 4, bar: 1 } }));
  expect([0, 1, 2, 3].map((n) => view.mmio.read(TABLE + n * 16 + 12, 4))).toEqual([1, 1, 1, 1]);
});

test('an open vector sends what its table entry says', () => {
  const view = messaging();
  view.write(1, CONTROL, ENABLE, 2);
  mask(view, 2, false);
  view.function(1).raise(2);
  expect(view.outlets.sent).toEqual([{ address: 0xfee0_1000n, data: 0x42 }]);
});

test.each<[string, (view: View) => void, (view: View) => void]>([
  ['its own mask', (view) => mask(view, 0, true), (view) => mask(view, 0, false)],
  [
    'the mask of all',
    (view) => view.write(1, CONTROL, ENABLE | MASKALL, 2),
    (view) => view.write(1, CONTROL, ENABLE, 2),
  ],
  [
    'bus master being off',
    (view) => view.write(1, COMMAND, 2, 2),
    (view) => view.write(1, COMMAND, MEMORY_AND_MASTER, 2),
  ],
])('%s makes a vector pending, and it is sent once when that ends', (_, close, open) => {
  const view = messaging();
  view.write(1, CONTROL, ENABLE, 2);
  mask(view, 0, false);
  close(view);
  view.function(1).raise(0);
  view.function(1).raise(0);
  expect([sent(view), pending(view)]).toEqual([[], 1]);
  open(view);
  open(view);
  expect([sent(view), pending(view)]).toEqual([[0x40], 0]);
});

test('without MSI-X nothing is sent and nothing waits', () => {
  const view = messaging();
  mask(view, 0, false);
  view.function(1).raise(0);
  expect([sent(view), pending(view), view.outlets.routes]).toEqual([[], 0, []]);
});

test('MSI-X keeps the pin low', () => {
  const view = messaging();
  view.function(1).setPin(true);
  view.write(1, CONTROL, ENABLE, 2);
  expect(level(view, 17)).toBe(false);
  view.write(1, CONTROL, 0, 2);
  expect(level(view, 17)).toBe(true);
});

test('vectors that do not exist are nothing', () => {
  const view = messaging(2);
  view.write(1, CONTROL, ENABLE, 2);
  for (const vector of [2, 63, 64, -1]) view.function(1).raise(vector);
  view.mmio.write(TABLE + 32, 4, 0x1234_5678);
  expect([sent(view), pending(view), view.mmio.read(TABLE + 32, 4)]).toEqual([[], 0, 0]);
});

test('bytes of the table can be read and written', () => {
  const view = messaging();
  view.mmio.write(TABLE + 9, 1, 0xab);
  expect([view.mmio.read(TABLE + 8, 4), view.mmio.read(TABLE + 9, 1), view.mmio.read(TABLE + 8, 2)]).toEqual([
    0xab40, 0xab, 0xab40,
  ]);
});

test('open vectors are routes of their own GSIs, and a masked one is none', () => {
  const view = messaging();
  view.write(1, CONTROL, ENABLE, 2);
  mask(view, 0, false);
  mask(view, 3, false);
  expect(view.outlets.routes.map(({ gsi, data }) => [gsi, data])).toEqual([
    [64, 0x40],
    [67, 0x43],
  ]);
  mask(view, 0, true);
  expect(view.outlets.routes.map(({ gsi }) => gsi)).toEqual([67]);
});

test('a signal of an irqfd is pending while the vector is masked, and sent when it opens', () => {
  const view = messaging();
  view.write(1, CONTROL, ENABLE, 2);
  view.outlets.signal(view.function(1).slot.vectorGsi(1));
  expect([sent(view), pending(view)]).toEqual([[], 2]);
  mask(view, 1, false);
  expect([sent(view), pending(view)]).toEqual([[0x41], 0]);
});

test('what waited before MSI-X was switched on is forgotten', () => {
  const view = messaging();
  view.outlets.signal(64);
  mask(view, 0, false);
  view.write(1, CONTROL, ENABLE, 2);
  expect(sent(view)).toEqual([]);
});

test('a raise is sent or pending, whatever masks are moved, and never both', () => {
  const step = fc.oneof(
    fc.record({ raise: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ mask: fc.integer({ min: 0, max: 3 }), to: fc.boolean() }),
    fc.record({ all: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const view = messaging();
      view.write(1, CONTROL, ENABLE, 2);
      const masked = [true, true, true, true];
      const waits = new Set<number>();
      const expected: number[] = [];
      let all = false;
      const flush = () => {
        for (const n of [0, 1, 2, 3]) if (!all && !masked[n] && waits.delete(n)) expected.push(0x40 + n);
      };
      for (const one of steps) {
        if ('raise' in one) {
          view.function(1).raise(one.raise);
          waits.add(one.raise);
        } else if ('mask' in one) {
          mask(view, one.mask, one.to);
          masked[one.mask] = one.to;
        } else {
          view.write(1, CONTROL, one.all ? ENABLE | MASKALL : ENABLE, 2);
          all = one.all;
        }
        flush();
      }
      expect(sent(view)).toEqual(expected);
      expect(pending(view)).toBe([...waits].reduce((bits, n) => bits | (1 << n), 0));
    }),
  );
});

test('a function that cannot be is refused in one sentence', () => {
  const make = (more: Parameters<typeof plain>[0]) => () => machine(plain(more));
  expect(make({ msix: { vectors: 65, bar: 1 } })).toThrow('1 to 64');
  expect(make({ bars: [bar(0, 'memory64', 16), bar(1, 'io', 4)] })).toThrow('taken twice');
  expect(make({ bars: [bar(0, 'memory', 48)] })).toThrow('power of two');
  expect(make({ capabilities: [{ id: 9, body: new Uint8Array(250) }] })).toThrow('do not fit');
});
