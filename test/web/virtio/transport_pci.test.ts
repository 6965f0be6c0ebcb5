// The registers of a PCI function as a driver meets them: capabilities, common configuration, ISR, MSI-X, PCI_CFG window.

import { expect, test } from 'vitest';
import { devicePage } from '../../../web/devices/index.ts';
import { PciBus } from '../../../web/pci/index.ts';
import { PciTransport, pciBell, pciSignals, Registers, rng } from '../../../web/virtio/index.ts';

const BAR = 0xfe00_0000;
const CONFIG_TYPES = { common: 1, notify: 2, isr: 3, device: 4, window: 5 };

/** An entropy source as device 3 of a bus; what it sends and drives is noted. */
function functionOf() {
  const memory = new SharedArrayBuffer(0x20000);
  const heard = { lines: new Map<number, boolean>(), messages: [] as number[] };
  const bus = new PciBus(
    { bus: devicePage(memory, 0x10000), function: (n) => devicePage(memory, n * 0x1000) },
    {
      line: (gsi) => ({ set: (level) => void heard.lines.set(gsi, level) }),
      send: ({ data }) => void heard.messages.push(data),
      route: () => {},
      isWaiting: () => false,
      forgetWaiting: () => {},
    },
  );
  const slot = bus.slot(3);
  const registers = new Registers(slot.page);
  const { type, features, queues } = rng();
  const { target } = new PciTransport(slot, registers, type, 'rng');
  bus.plug(target);
  bus.reset();
  registers.describe({ type, features, queues, config: new Uint8Array([9, 8, 7]) });
  const place = (address: number): void => {
    target.writeConfig(0x20, 4, address);
    target.writeConfig(0x24, 4, 0);
    target.writeConfig(0x04, 2, 6);
  };
  place(BAR);
  const bar = () => target.ranges().find((range) => range.bar === 4)?.registers;
  const read = (offset: number, size: number) => bar()?.read(offset, size);
  const write = (offset: number, size: number, value: number) => bar()?.write(offset, size, value);
  return { target, registers, slot, heard, place, read, write };
}

/** The vendor capabilities by type: where each stands, and what it says. */
function capabilities({ target }: ReturnType<typeof functionOf>) {
  const found = new Map<number, { at: number; bar: number; offset: number; length: number }>();
  for (let at = target.readConfig(0x34, 1); at !== 0; at = target.readConfig(at + 1, 1)) {
    if (target.readConfig(at, 1) !== 9) continue;
    found.set(target.readConfig(at + 3, 1), {
      at,
      bar: target.readConfig(at + 4, 1),
      offset: target.readConfig(at + 8, 4),
      length: target.readConfig(at + 12, 4),
    });
  }
  return found;
}

test('a function is a modern virtio device, and says where its registers are', () => {
  const device = functionOf();
  expect(device.target.readConfig(0, 4)).toBe(0x1044_1af4);
  expect(device.target.readConfig(8, 1)).toBeGreaterThanOrEqual(1);
  const all = capabilities(device);
  expect([...all.keys()].sort()).toEqual(Object.values(CONFIG_TYPES));
  expect([1, 2, 3, 4].map((type) => all.get(type)?.bar)).toEqual([4, 4, 4, 4]);
  expect(device.target.readConfig((all.get(CONFIG_TYPES.notify)?.at ?? 0) + 16, 4)).toBe(4);
});

test('the common configuration negotiates and lays a queue', () => {
  const { read, write, registers } = functionOf();
  write(0, 4, 1);
  expect([read(4, 4), read(0x12, 2), read(0x14, 1)]).toEqual([1, 1, 0]);
  write(0x14, 1, 3);
  write(8, 4, 1);
  write(12, 4, 1);
  write(0x14, 1, 11);
  expect(read(0x14, 1)).toBe(11);
  write(0x16, 2, 0);
  expect([read(0x18, 2), read(0x1e, 2)]).toEqual([64, 0]);
  write(0x18, 2, 16);
  write(0x20, 4, 0x1000);
  write(0x24, 4, 2);
  write(0x1c, 2, 1);
  const [queue] = registers.queues;
  expect([queue?.size, queue?.ring(0), queue?.isReady]).toEqual([16, 0x2_0000_1000n, true]);
  // Only a reset takes it back.
  write(0x1c, 2, 0);
  expect(read(0x1c, 2)).toBe(1);
  write(0x14, 1, 0);
  expect([read(0x14, 1), read(0x1c, 2)]).toEqual([0, 0]);
});

test('a vector that the function does not have reads back as none', () => {
  const { read, write } = functionOf();
  write(0x10, 2, 5);
  expect(read(0x10, 2)).toBe(5);
  write(0x10, 2, 500);
  expect(read(0x10, 2)).toBe(0xffff);
});

test('without MSI-X the pin stands until the ISR status is read', async () => {
  const { registers, target, heard, slot, read } = functionOf();
  const signals = pciSignals(registers, {
    isMsixEnabled: false,
    message: () => {},
    pin: () => target.setPin(true),
  });
  await signals.queue(0);
  expect(heard.lines.get(slot.gsi)).toBe(true);
  expect([read(0x1000, 1), heard.lines.get(slot.gsi), read(0x1000, 1)]).toEqual([1, false, 0]);
  await signals.config();
  expect(read(0x1000, 1)).toBe(2);
});

test('with MSI-X a queue sends the message of its vector, and none without one', async () => {
  const { registers, target, heard, write } = functionOf();
  const table = target.bars.find(({ index }) => index === 1)?.registers;
  for (const [offset, value] of [
    [32, 0xfee0_0000],
    [36, 0],
    [40, 0x42],
    [44, 0],
  ])
    table?.write(offset as number, 4, value as number);
  for (let at = target.readConfig(0x34, 1); at !== 0; at = target.readConfig(at + 1, 1)) {
    if (target.readConfig(at, 1) === 0x11) target.writeConfig(at + 2, 2, 0x8000);
  }
  const signals = pciSignals(registers, {
    get isMsixEnabled() {
      return target.isMsixEnabled;
    },
    message: (vector) => target.raise(vector),
    pin: () => target.setPin(true),
  });
  await signals.queue(0);
  write(0x16, 2, 0);
  write(0x1a, 2, 2);
  await signals.queue(0);
  expect([heard.messages, registers.isr]).toEqual([[0x42], 0]);
});

test('notifications ring their queue, and doorbells follow the BAR', () => {
  const { registers, write, place, target } = functionOf();
  write(0x3000, 2, 0);
  expect(registers.takeRung()).toBe(1);
  write(0x3004, 2, 1);
  expect(registers.takeRung()).toBe(0);
  expect(pciBell(registers.bells, 1)).toEqual({ address: BigInt(BAR + 0x3004), length: 0 });
  const { control } = registers;
  place(0xfd00_0000);
  expect([registers.bells, registers.control > control]).toEqual([0xfd00_3000n, true]);
  target.writeConfig(4, 2, 0);
  expect(pciBell(registers.bells, 0)).toBeUndefined();
});

test('the PCI_CFG window reaches the BAR through configuration space', () => {
  const device = functionOf();
  const { target } = device;
  const at = capabilities(device).get(CONFIG_TYPES.window)?.at ?? 0;
  const aim = (offset: number, length: number): void => {
    target.writeConfig(at + 4, 1, 4);
    target.writeConfig(at + 8, 4, offset);
    target.writeConfig(at + 12, 4, length);
  };
  aim(0x14, 1);
  target.writeConfig(at + 16, 1, 3);
  expect([target.readConfig(at + 16, 1), device.registers.status]).toEqual([3, 3]);
  aim(0x2000, 2);
  expect(target.readConfig(at + 16, 2)).toBe(0x0809);
  // What does not fit the BAR, or is not the length that was said, does nothing.
  aim(0x4000, 4);
  expect(target.readConfig(at + 16, 4)).toBe(0);
  aim(0x14, 4);
  target.writeConfig(at + 16, 1, 0);
  expect(device.registers.status).toBe(3);
});
