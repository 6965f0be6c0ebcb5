// A block device as its driver meets it: requests by queue, over stores that answer at once and later.

import { describe, expect, test } from 'vitest';
import { type BlockStore, MemoryFile, memoryStore, openOverlay, SECTOR } from '../../../web/disk/index.ts';
import { KvmError } from '../../../web/kvm/abi/errno.ts';
import { BLK_F, BLK_S, BLK_T, type BlkOptions, blk } from '../../../web/virtio/index.ts';
import { deviceOf, type Piece, VERSION_1 } from './driver.ts';

const SECTORS = 64;
const HEADER = 0x40000;
const STATUS = 0x40100;
const DATA = 0x41000;

/** A store that notes what it is asked, and answers when it is let. */
function gated(store: BlockStore) {
  const log: string[] = [];
  const gates: (() => void)[] = [];
  const later =
    <A extends unknown[]>(name: string, work: (...given: A) => unknown) =>
    async (...given: A): Promise<void> => {
      log.push(`${name} begins`);
      await new Promise<void>((resolve) => gates.push(resolve));
      await work(...given);
      log.push(`${name} ends`);
    };
  const slow: BlockStore = {
    bytes: store.bytes,
    read: later('read', (offset: number, into: Uint8Array) => store.read(offset, into)),
    write: later('write', (offset: number, from: Uint8Array) => store.write(offset, from)),
    flush: later('flush', () => store.flush()),
    close: () => store.close(),
  };
  return { slow, log, gates };
}

/** A started device over `store`, and requests as Linux makes them. */
async function started(store: BlockStore, options: BlkOptions & { features?: bigint } = {}) {
  const { features = BLK_F.flush | BLK_F.discard | BLK_F.writeZeroes, ...rest } = options;
  const backend = blk(store, rest);
  const device = deviceOf(backend);
  const [queue] = await device.start(VERSION_1 | (features & backend.features), 64);
  if (!queue) throw new Error('no queue');
  let slots = 0;
  /** Makes a request available, without ringing; gives what it ended with. */
  const add = (type: number, sector: number, data: Piece[] = []) => {
    const slot = slots++;
    const header = new DataView(new ArrayBuffer(16));
    header.setUint32(0, type, true);
    header.setBigUint64(8, BigInt(sector), true);
    device.vm.write(HEADER + slot * 16, new Uint8Array(header.buffer));
    device.vm.write(STATUS + slot, Uint8Array.of(0xee));
    queue.add([
      { gpa: HEADER + slot * 16, length: 16 },
      ...data,
      { gpa: STATUS + slot, length: 1, isTarget: true },
    ]);
    return () => device.vm.read(STATUS + slot, 1)[0];
  };
  const ask = async (type: number, sector: number, data: Piece[] = []) => {
    const status = add(type, sector, data);
    await device.ring();
    return status();
  };
  return { ...device, backend, queue, add, ask };
}

const source = (length: number, gpa = DATA): Piece => ({ gpa, length });
const target = (length: number, gpa = DATA): Piece => ({ gpa, length, isTarget: true });
/** A range of DISCARD and WRITE_ZEROES. */
function range(sector: number, sectors: number, flags = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, BigInt(sector), true);
  view.setUint32(8, sectors, true);
  view.setUint32(12, flags, true);
  return new Uint8Array(view.buffer);
}

const image = () => Uint8Array.from({ length: SECTORS * SECTOR }, (_, n) => 1 + Math.floor(n / SECTOR));

test('a write lands on the disk and a read brings it back, in whatever pieces', async () => {
  const bytes = image();
  const { vm, ask, queue } = await started(memoryStore(bytes));
  vm.write(DATA, new Uint8Array(2 * SECTOR).fill(0xaa));
  expect(await ask(BLK_T.out, 3, [source(700), source(324, DATA + 700)])).toBe(BLK_S.ok);
  expect([bytes[3 * SECTOR - 1], bytes[3 * SECTOR], bytes[5 * SECTOR - 1], bytes[5 * SECTOR]]).toEqual([
    3, 0xaa, 0xaa, 6,
  ]);
  expect(await ask(BLK_T.in, 4, [target(100), target(924, DATA + 100)])).toBe(BLK_S.ok);
  expect([DATA, DATA + 511, DATA + 512].map((gpa) => vm.read(gpa, 1)[0])).toEqual([0xaa, 0xaa, 6]);
  expect(queue.take().map(({ written }) => written)).toEqual([1, 1025]);
});

test('the configuration says how large it is and what it takes', async () => {
  const { read, backend } = await started(memoryStore(image()), { queues: 4 });
  expect([read(0x100), read(0x104)]).toEqual([SECTORS, 0]);
  expect(new DataView(backend.config().buffer).getUint16(34, true)).toBe(4);
  expect(backend.queues).toEqual([256, 256, 256, 256]);
  expect(blk(memoryStore(1024, { readonly: true })).features & (BLK_F.readonly | BLK_F.discard)).toBe(
    BLK_F.readonly,
  );
});

test('GET_ID answers with the serial number', async () => {
  const { vm, ask } = await started(memoryStore(image()), { serial: 'disk-one' });
  expect(await ask(BLK_T.getId, 0, [target(20)])).toBe(BLK_S.ok);
  expect(new TextDecoder().decode(vm.read(DATA, 9))).toBe('disk-one\0');
});

describe('a request is refused', () => {
  test.each([
    ['behind the end', BLK_T.in, SECTORS - 1, [target(1024)], BLK_S.ioErr],
    ['far behind the end', BLK_T.out, 2 ** 52, [source(512)], BLK_S.ioErr],
    ['of half a sector', BLK_T.out, 0, [source(100)], BLK_S.ioErr],
    ['whose data is nowhere', BLK_T.out, 0, [source(512, 0x7000_0000)], BLK_S.ioErr],
    ['of an unknown type', 99, 0, [], BLK_S.unsupported],
    ['to discard a part of a range', BLK_T.discard, 0, [source(15)], BLK_S.ioErr],
  ])('%s', async (_, type, sector, data, status) => {
    const bytes = image();
    const { ask } = await started(memoryStore(bytes));
    expect(await ask(type, sector, data)).toBe(status);
    expect(bytes).toEqual(image());
  });

  test('that writes to a disk that is read only', async () => {
    const { ask } = await started(memoryStore(image(), { readonly: true }));
    expect(await ask(BLK_T.out, 0, [source(512)])).toBe(BLK_S.ioErr);
    expect(await ask(BLK_T.writeZeroes, 0, [source(16)])).toBe(BLK_S.ioErr);
  });

  test('without room for a status, and the next one is served', async () => {
    const { queue, ask } = await started(memoryStore(image()));
    queue.add([source(16, HEADER)]);
    expect(await ask(BLK_T.in, 0, [target(512)])).toBe(BLK_S.ok);
    expect(queue.take().map(({ written }) => written)).toEqual([0, 513]);
  });

  test('not while the host has no room for it: the guest waits until there is some, and loses nothing', async () => {
    const whole = memoryStore(image());
    let isFull = true;
    const full: BlockStore = {
      ...whole,
      bytes: whole.bytes,
      read: (offset, into) => whole.read(offset, into),
      write(offset, from) {
        if (isFull) throw new KvmError('ENOSPC', 'the host is full');
        return whole.write(offset, from);
      },
      flush() {},
      close() {},
    };
    const { vm, ask, add, ring, heard } = await started(full);
    vm.write(DATA, new Uint8Array(512).fill(7));
    const status = add(BLK_T.out, 3, [source(512)]);
    await ring();
    expect(status()).toBe(0xee);
    expect(heard.reports.at(-1)).toEqual({ waiting: 'ENOSPC: the host is full' });
    isFull = false;
    const rung = async () => {
      await ring();
      return status();
    };
    await expect.poll(rung, { timeout: 5000 }).toBe(BLK_S.ok);
    expect(heard.reports.at(-1)).toEqual({});
    expect(await ask(BLK_T.in, 3, [target(512, DATA + 512)])).toBe(BLK_S.ok);
    expect(vm.read(DATA + 512, 1)[0]).toBe(7);
  });

  test('at once without room in the deterministic engine, where nobody could make some', async () => {
    const refuse = () => {
      throw new KvmError('ENOSPC', 'the host is full');
    };
    const { ask } = await started({ ...memoryStore(image()), write: refuse }, { isInOrder: true });
    expect(await ask(BLK_T.out, 0, [source(512)])).toBe(BLK_S.ioErr);
  });

  test('when the store fails, with its sentence for whoever looks', async () => {
    const broken = { ...memoryStore(image()), read: () => Promise.reject(new Error('the network is gone')) };
    const { ask, heard } = await started(broken, { isInOrder: true });
    expect(await ask(BLK_T.in, 0, [target(512)])).toBe(BLK_S.ioErr);
    expect(heard.reports).toContainEqual({ error: 'the network is gone' });
  });
});

describe('ranges', () => {
  test('that are discarded give their room back, zeroes that may not are written', async () => {
    const file = new MemoryFile();
    const overlay = openOverlay(memoryStore(image(), { readonly: true }), file);
    const { vm, ask } = await started(overlay);
    vm.write(DATA, new Uint8Array([...range(8, 8), ...range(24, 8)]));
    expect(await ask(BLK_T.discard, 0, [source(32)])).toBe(BLK_S.ok);
    vm.write(DATA, new Uint8Array([...range(40, 8, 1), ...range(50, 1)]));
    expect(await ask(BLK_T.writeZeroes, 0, [source(32)])).toBe(BLK_S.ok);
    const content = new Uint8Array(overlay.bytes);
    await overlay.read(0, content);
    const zero = [...Array(SECTORS).keys()].filter((sector) => content[sector * SECTOR] === 0);
    expect(zero).toEqual([
      8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31, 40, 41, 42, 43, 44, 45, 46, 47, 50,
    ]);
  });

  test.each([
    ['a flag that means nothing', range(0, 8, 2), BLK_S.unsupported],
    ['more than was offered', range(0, 0x10_0000), BLK_S.ioErr],
    ['an end behind the disk', range(60, 8), BLK_S.ioErr],
  ])('with %s change nothing', async (_, bad, status) => {
    const bytes = image();
    const { vm, ask } = await started(memoryStore(bytes));
    vm.write(DATA, new Uint8Array([...range(0, 8), ...bad]));
    expect(await ask(BLK_T.writeZeroes, 0, [source(32)])).toBe(status);
    expect(bytes).toEqual(image());
  });
});

describe('a store that answers later', () => {
  test('has several requests under way, which end in any order', async () => {
    const { slow, gates } = gated(memoryStore(image()));
    const { add, ring, settle, queue } = await started(slow);
    const statuses = [add(BLK_T.in, 0, [target(512)]), add(BLK_T.in, 1, [target(512, DATA + 512)])];
    await ring();
    expect(gates.length).toBe(2);
    gates[1]?.();
    await new Promise((resolve) => setTimeout(resolve));
    await settle();
    expect(statuses.map((status) => status())).toEqual([0xee, BLK_S.ok]);
    gates[0]?.();
    await new Promise((resolve) => setTimeout(resolve));
    await settle();
    expect(queue.take().length).toBe(2);
  });

  test('is flushed after the writes that came before are over', async () => {
    const { slow, log, gates } = gated(memoryStore(image()));
    const { add, ring, settle } = await started(slow);
    add(BLK_T.out, 0, [source(512)]);
    const flushed = add(BLK_T.flush, 0);
    await ring();
    expect(log).toEqual(['write begins']);
    for (let n = 0; n < 2; n++) {
      gates[n]?.();
      await new Promise((resolve) => setTimeout(resolve));
    }
    await settle();
    expect(log).toEqual(['write begins', 'write ends', 'flush begins', 'flush ends']);
    expect(flushed()).toBe(BLK_S.ok);
  });

  test('hands nothing back after a reset', async () => {
    const { slow, gates } = gated(memoryStore(image()));
    const { vm, add, ring, settle, start } = await started(slow);
    const status = add(BLK_T.in, 0, [target(512)]);
    await ring();
    const [queue] = await start(VERSION_1);
    vm.write(DATA, new Uint8Array(512).fill(0x55));
    gates[0]?.();
    await new Promise((resolve) => setTimeout(resolve));
    await settle();
    expect([status(), vm.read(DATA, 1)[0], queue?.take().length]).toEqual([0xee, 0x55, 0]);
  });

  test('is waited for where requests go in order', async () => {
    const { slow, log, gates } = gated(memoryStore(image()));
    const { add, ring } = await started(slow, { isInOrder: true });
    const statuses = [add(BLK_T.out, 0, [source(512)]), add(BLK_T.in, 0, [target(512)])];
    const rung = ring();
    for (let n = 0; n < 2; n++) {
      while (gates.length <= n) await new Promise((resolve) => setTimeout(resolve));
      gates[n]?.();
    }
    await rung;
    expect(statuses.map((status) => status())).toEqual([BLK_S.ok, BLK_S.ok]);
    expect(log).toEqual(['write begins', 'write ends', 'read begins', 'read ends']);
  });
});

describe('a write is on the medium when it ends', () => {
  /** A store that counts its flushes. */
  const counting = () => {
    const counts = { flushes: 0 };
    const store = { ...memoryStore(image()), flush: () => void counts.flushes++ };
    return { counts, store };
  };

  test('for a driver that knows no flush', async () => {
    const { counts, store } = counting();
    const { ask } = await started(store, { features: 0n });
    await ask(BLK_T.out, 0, [source(512)]);
    expect(counts.flushes).toBe(1);
  });

  test('for one that has switched write-back off, and not before', async () => {
    const { counts, store } = counting();
    const { ask, write, settle, transport } = await started(store, {
      features: BLK_F.flush | BLK_F.configWce,
    });
    await ask(BLK_T.out, 0, [source(512)]);
    expect(counts.flushes).toBe(0);
    transport.write(0x100 + 32, 1, 0);
    await settle();
    await ask(BLK_T.out, 0, [source(512)]);
    expect(counts.flushes).toBe(1);
    write(0x70, 0);
    await settle();
  });
});
