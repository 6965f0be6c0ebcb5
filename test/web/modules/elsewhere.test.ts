// Modules whose guest is not there all the time: behind a message channel, or moving to another machine.

import { readFileSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import { dirtyPages, KVM_MEM_LOG_DIRTY_PAGES, type Vm } from '../../../web/kvm/index.ts';
import { buildModules } from '../../../web/modules/c/build.mjs';
import { bind, handleOf, type MessagePortLike, portOf, WindowServer } from '../../../web/xinterface/index.ts';
import { guest, host, kvm, runInPieces } from './support.ts';

const modules = host();
afterAll(() => modules.close());
const RING = { doorbell: 0x520, pio: true, ring: 0x20000, count: 4, gsi: 5 };
const TEXT = 'ALPHA ..BETA ...GAMMA ..DELTA ..EPSILON\n';

const wasm = buildModules()?.ring;

test.each(wasm ? ['TypeScript', 'C'] : ['TypeScript'])(
  'the ring module in %s serves a guest behind a message channel unchanged',
  async (language) => {
    const vm = guest('ring');
    const { port1, port2 } = new MessageChannel();
    const owner = bind(handleOf(vm), { name: 'window0', kind: 'window' });
    const server = new WindowServer(owner, portOf(port1 as unknown as MessagePortLike));
    const kind = language === 'C' ? 'wasm' : 'ring';
    const module = language === 'C' ? new WebAssembly.Module(readFileSync(wasm as string)) : undefined;
    const far = port2 as unknown as MessagePortLike;
    await modules.start({ kind, name: 'far', guest: far, options: { ...RING, module } });
    expect(vm.pins()).toMatchObject([{ kind: 'window', vmaps: 1, ioevents: 1, irqfds: 1 }]);
    const { status, console } = await runInPieces(vm);
    expect([status, String.fromCharCode(...console)]).toEqual([0, TEXT]);
    await modules.stop('far');
    expect(modules.get('far')?.state).toBe('ended');
    await server.close();
    expect(vm.pins()).toEqual([]);
  },
);

test('a module that is killed behind a message channel releases what its window held', async () => {
  const vm = guest('ring');
  const { port1, port2 } = new MessageChannel();
  new WindowServer(
    bind(handleOf(vm), { name: 'window0', kind: 'window' }),
    portOf(port1 as unknown as MessagePortLike),
  );
  await modules.start({
    kind: 'ring',
    name: 'gone',
    guest: port2 as unknown as MessagePortLike,
    options: RING,
  });
  await modules.kill('gone');
  while (vm.pins().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  vm.destroy();
});

/** A machine with the guest's memory, logged. */
function logged(vm: Vm): Vm {
  const { hva, size } = vm.slot(0) ?? { hva: 0, size: 0 };
  vm.setUserMemoryRegion({
    slot: 0,
    flags: KVM_MEM_LOG_DIRTY_PAGES,
    memory_size: size,
    userspace_addr: hva,
  });
  return vm;
}

/** Copies pages of the guest's RAM from one machine to the other; how many. */
function copyPages(from: Vm, to: Vm, pages: readonly number[]): number {
  for (const page of pages) to.write(page * 4096, from.read(page * 4096, 4096));
  return pages.length;
}

test('a machine moves by rounds of its dirty log while its module works, which goes on with the same ring', async () => {
  const a = logged(guest('ring'));
  const b = kvm.createVm({ maxVcpus: 1, memoryLimit: 2 ** 28 });
  const { size } = a.slot(0) ?? { size: 0 };
  b.setUserMemoryRegion({ slot: 0, memory_size: size, userspace_addr: b.allocate(size) });
  b.createIrqchip();
  await modules.start({ kind: 'ring', name: 'ring0', guest: handleOf(a), options: RING });

  // Everything once, then what was written meanwhile, while the guest runs: until two texts are through.
  copyPages(
    a,
    b,
    Array.from({ length: size / 4096 }, (_, page) => page),
  );
  const console: number[] = [];
  let rounds = 0;
  await runInPieces(a, console, () => {
    copyPages(a, b, dirtyPages(a.getDirtyLog(0)));
    rounds++;
    return console.length >= 16;
  });
  expect(rounds).toBeGreaterThan(1);

  // The machine stands: the module goes, then the last pages and the state of vCPU and chips.
  const attached = a.pins()[0]?.attachments.map(({ kind, address }) => [kind, address]);
  const state = await modules.stop('ring0');
  copyPages(a, b, dirtyPages(a.getDirtyLog(0)));
  const from = a.vcpu(0);
  const to = b.createVcpu(0);
  to.setSregs(from.getSregs());
  to.setRegs(from.getRegs());
  to.setVcpuEvents(from.getVcpuEvents());
  to.setLapic(from.getLapic());
  for (const chip of [0, 1, 2]) b.setIrqchip(a.getIrqchip(chip));
  to.setMpState(from.getMpState());

  await modules.start({ kind: 'ring', name: 'ring0', guest: handleOf(b), options: RING, state });
  expect(b.pins()[0]?.attachments.map(({ kind, address }) => [kind, address])).toEqual(attached);
  a.destroy();
  const { status } = await runInPieces(b, console);
  expect([status, String.fromCharCode(...console)]).toEqual([0, TEXT]);
});
