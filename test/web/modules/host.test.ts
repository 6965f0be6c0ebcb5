// The supervisor: starts, lists, stops and kills modules, and what becomes of their pins.

import { afterEach, expect, test } from 'vitest';
import { handleOf } from '../../../web/xinterface/index.ts';
import { errnoOf } from '../xinterface/support.ts';
import { guest, host, kvm, run } from './support.ts';

const modules = host();
afterEach(async () => {
  await modules.close();
  for (const { name } of modules.list()) modules.remove(name);
});

const RING = { doorbell: 0x520, pio: true, ring: 0x20000, count: 4, gsi: 5 };
const start = (vm: Parameters<typeof handleOf>[0], name: string, options: object = {}) =>
  modules.start({ kind: 'ring', name, guest: handleOf(vm), options: { ...RING, ...options } });

test('a module is listed with its kind, its state and its last report', async () => {
  const vm = guest('ring');
  await start(vm, 'ring0');
  expect(modules.list()).toMatchObject([{ name: 'ring0', kind: 'ring', state: 'running' }]);
  run(vm);
  await modules.stop('ring0');
  expect(modules.get('ring0')).toMatchObject({ state: 'ended', report: { text: 'EPSILON\n' } });
});

test('a killed module releases its pin, its doorbell and its line within a second', async () => {
  const vm = guest('ring');
  await start(vm, 'ring0');
  expect(() => vm.destroy()).toThrow(/EBUSY: the VM is held by module ring0/);
  const began = performance.now();
  await modules.kill('ring0');
  expect(vm.pins()).toEqual([]);
  expect(performance.now() - began).toBeLessThan(1000);
  expect(modules.get('ring0')?.state).toBe('killed');
  // Its doorbell is free for another, which serves the guest.
  await start(vm, 'ring1');
  expect(run(vm).status).toBe(0);
});

test('modules that are killed again and again leave no eventfd, doorbell or pin behind', {
  timeout: 60_000,
}, async () => {
  const vm = guest('ring');
  for (let n = 0; n < 20; n++) {
    const names = ['a', 'b', 'c'].map((letter) => `${letter}${n}`);
    await Promise.all(
      names.map((name, at) => start(vm, name, { doorbell: 0x600 + at, ring: 0x30000 + at * 0x1000 })),
    );
    await Promise.all(names.map((name) => modules.kill(name)));
  }
  expect(vm.pins()).toEqual([]);
  // A VM has 256 eventfds: all of them are there.
  const fds = Array.from({ length: 256 }, () => vm.createEventfd());
  for (const fd of fds) fd.close();
  vm.destroy();
});

test.each([
  ['its ring lies in no slot', { ring: 0xfff0_0000 }, /^EIO: ring0: EINVAL: .* do not lie in one slot/],
  ['an option is missing', { doorbell: undefined }, /^EIO: ring0: EINVAL: option doorbell is missing/],
  ['an option is wrong', { count: 3 }, /^EIO: ring0: EINVAL: option count is 3/],
])('a module that fails at its start is told, and holds nothing: %s', async (_, options, sentence) => {
  const vm = guest('ring');
  await expect(start(vm, 'ring0', options)).rejects.toThrow(sentence);
  expect(modules.get('ring0')).toMatchObject({ state: 'failed' });
  expect(vm.pins()).toEqual([]);
});

test('a VM without interrupt chips has no lines for modules', async () => {
  const vm = kvm.createVm({ maxVcpus: 1, memoryLimit: 2 ** 28 });
  await expect(start(vm, 'ring0')).rejects.toThrow(/ENXIO: this VM has no interrupt chips/);
});

test('names are unique while a module runs, and given where they are left out', async () => {
  const vm = guest('ring');
  await start(vm, 'ring0');
  expect(await errnoOf(() => start(vm, 'ring0'))).toBe('EEXIST');
  expect(await errnoOf(() => modules.remove('ring0'))).toBe('EBUSY');
  expect(await errnoOf(() => modules.kill('ring9'))).toBe('ENOENT');
  await modules.kill('ring0');
  expect((await start(vm, 'ring0')).state).toBe('running');
  const { name } = await modules.start({
    kind: 'random',
    guest: handleOf(vm),
    options: { doorbell: 0x510, pio: true, request: 0x40000, gsi: 6 },
  });
  expect(name).toBe('random0');
});

test('Wasm that is no module is refused with a sentence', async () => {
  const vm = guest('ring');
  const empty = new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  const request = { kind: 'wasm', guest: handleOf(vm) } as const;
  await expect(modules.start({ ...request, options: { module: empty } })).rejects.toThrow(/no module_run/);
  await expect(modules.start(request)).rejects.toThrow(/option module is no compiled Wasm/);
});
