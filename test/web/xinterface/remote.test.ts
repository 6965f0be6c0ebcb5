// A guest behind a message channel: the same calls as for one of this process, and a channel that sends nonsense.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import ts from 'typescript';
import { afterEach, expect, test } from 'vitest';
import { dirtyPages, KVM_MEM_LOG_DIRTY_PAGES, type Vm } from '../../../web/kvm/index.ts';
import {
  type GuestInterface,
  type MessagePortLike,
  portOf,
  RemoteWindow,
  restore,
  WindowServer,
} from '../../../web/xinterface/index.ts';
import { bound, errnoOf, vmWithRam } from './support.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A window onto `guest`, and its far end as a bare port for nonsense. */
function windowOnto(guest: GuestInterface): { window: RemoteWindow; server: WindowServer } {
  const { port1, port2 } = new MessageChannel();
  const server = new WindowServer(guest, portOf(port1 as unknown as MessagePortLike));
  open.push(
    () => void server.close(),
    () => port2.close(),
  );
  return { window: new RemoteWindow(portOf(port2 as unknown as MessagePortLike)), server };
}

/** The same checks for an interface of this process and for a window. */
const KINDS: [string, (vm: Vm) => GuestInterface][] = [
  ['in this process', bound],
  ['behind a window', (vm) => windowOnto(bound(vm)).window],
  ['behind two windows', (vm) => windowOnto(windowOnto(bound(vm)).window).window],
];

test.each(KINDS)('a guest %s is copied, mapped, rung and interrupted', async (_, interfaceOf) => {
  const vm = vmWithRam(0x10000, 0, KVM_MEM_LOG_DIRTY_PAGES);
  vm.createIrqchip();
  const guest = interfaceOf(vm);
  vm.getDirtyLog(0);
  expect(await guest.copyTo(0xfffe, new Uint8Array([1, 2, 3]))).toBe(1);
  const back = new Uint8Array(3);
  expect(await guest.copyFrom(0xfffe, back)).toBe(1);
  expect([...back]).toEqual([1, 2, 0]);

  const map = await guest.vmap(0x2000, 64);
  map.bytes.set([9, 8, 7], 1);
  await map.written(1, 3);
  expect([...vm.read(0x2000, 5)]).toEqual([0, 9, 8, 7, 0]);
  vm.write(0x2010, new Uint8Array([5, 0, 0, 1]));
  await map.sync();
  expect([map.load(0x10), map.stale]).toEqual([0x0100_0005, false]);
  await map.store(0x20, -2);
  expect([...vm.read(0x2020, 4)]).toEqual([0xfe, 0xff, 0xff, 0xff]);

  const list = await guest.sgmap([
    { gpa: 0x4ff0, length: 16 },
    { gpa: 0x6000, length: 4 },
  ]);
  list.parts[1]?.set([1, 1, 1, 1]);
  await list.written();
  expect(dirtyPages(vm.getDirtyLog(0))).toEqual([2, 4, 6, 15]);

  const bell = await guest.ioevent(0x510, 0, { pio: true });
  const line = await guest.irqfd(5);
  const vcpu = vm.createVcpu(0);
  vm.write(0x1000, new Uint8Array([0xba, 0x10, 5, 0xb0, 7, 0xee, 0xee, 0xe6, 0x80])); // ring twice; out 0x80
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rflags: 2 });
  vcpu.run();
  let rings = 0n;
  const values: bigint[] = [];
  while (rings < 2n) {
    await bell.ready();
    rings += bell.read() ?? 0n;
    values.push(...bell.values());
  }
  expect([rings, values]).toEqual([2n, [7n, 7n]]);
  await line.raise();
  expect(vm.getIrqchip(0).chip).toMatchObject({ pic: { irr: 1 << 5 } });

  expect((await guest.save()).map(({ kind }) => kind)).toEqual(['vmap', 'sg', 'ioevent', 'irqfd']);
  await map.release();
  await bell.release();
  expect((await guest.save()).map(({ kind }) => kind)).toEqual(['sg', 'irqfd']);
  await guest.put();
  expect(vm.pins()).toEqual([]);
});

test.each(KINDS)('errors have the same errno %s', async (_, interfaceOf) => {
  const guest = interfaceOf(vmWithRam());
  expect(await errnoOf(() => guest.vmap(0xffff, 2))).toBe('EINVAL');
  expect(await errnoOf(() => guest.sgmap([{ gpa: 0xfff, length: 2 }]))).toBe('EINVAL');
  expect(await errnoOf(() => guest.ioevent(0x510, 3))).toBe('EINVAL');
  expect(await errnoOf(() => guest.irqfd(3))).toBe('ENXIO');
  await guest.put();
  expect(await errnoOf(() => guest.copyTo(0, new Uint8Array(1)))).toBe('ENODEV');
});

test('a copy larger than one message arrives whole', async () => {
  const vm = vmWithRam(0x180_0000);
  const { window } = windowOnto(bound(vm));
  const data = Uint8Array.from({ length: 0x120_0001 }, (_, n) => n % 253);
  expect(await window.copyTo(5, data)).toBe(0);
  const back = new Uint8Array(data.length);
  expect(await window.copyFrom(5, back)).toBe(0);
  expect(Buffer.compare(back, data)).toBe(0);
});

test('a window that the guest’s side closes fails what waits, and holds nothing', async () => {
  const vm = vmWithRam();
  vm.createIrqchip();
  const { window, server } = windowOnto(bound(vm));
  const bell = await window.ioevent(0x510, 1, { pio: true });
  const waits = errnoOf(() => bell.ready());
  await server.close();
  expect(vm.pins()).toEqual([]);
  expect(await waits).toBe('ENODEV');
  expect(await errnoOf(() => window.copyTo(0, new Uint8Array(1)))).toBe('ENODEV');
});

test('nonsense from the other side is refused and changes nothing', async () => {
  const vm = vmWithRam();
  const { port1, port2 } = new MessageChannel();
  const server = new WindowServer(bound(vm), portOf(port1 as unknown as MessagePortLike));
  open.push(
    () => void server.close(),
    () => port2.close(),
  );
  const answers: { id: number; code?: string }[] = [];
  port2.on('message', (answer) => answers.push(answer));
  const calls: [unknown, unknown][] = [
    ['copyTo', { gpa: -1n, bytes: new Uint8Array(1) }],
    ['copyTo', { gpa: 0n, bytes: [1, 2] }],
    ['copyTo', undefined],
    ['copyFrom', { gpa: 0n, length: 1e12 }],
    ['copyFrom', { gpa: 0n, length: Number.NaN }],
    ['vmap', { gpa: 0n, length: -1 }],
    ['mapWrite', { id: 7, offset: 0, bytes: new Uint8Array(1) }],
    ['sgmap', { entries: 'all' }],
    ['raise', { id: 'toString' }],
    ['constructor', {}],
    ['toString', {}],
    ['ioevent', { address: 0n, length: 1 }],
  ];
  for (const [id, [call, argument]] of calls.entries()) port2.postMessage({ id, call, argument });
  while (answers.length < calls.length) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(answers.filter(({ code }) => code === undefined)).toEqual([]);
  expect(vm.pins()).toMatchObject([{ copies: 0n, vmaps: 0, ioevents: 0 }]);
});

test('a window moves to another machine with what it has attached', async () => {
  const vm = vmWithRam();
  vm.createIrqchip();
  const { window } = windowOnto(bound(vm));
  await window.vmap(0x3000, 64);
  await window.irqfd(4);
  const other = vmWithRam();
  other.createIrqchip();
  const { maps } = await restore(bound(other), await window.save());
  expect(maps[0]?.gpa).toBe(0x3000n);
});

test('a window knows no KVM but its errors', () => {
  const seen = new Set<string>();
  const walk = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles) {
      walk(join(dirname(file), fileName));
    }
  };
  walk('web/xinterface/remote/window.ts');
  walk('web/xinterface/remote/server.ts');
  expect([...seen].filter((file) => file.startsWith('web/kvm/'))).toEqual(['web/kvm/abi/errno.ts']);
});
