// Modules by file operations: started, seen in the pins of their VM, killed. The module runs in a worker meanwhile.
import { afterAll, expect, test } from 'vitest';
import { directory, LocalFs } from '../../../web/fs/index.ts';
import { modulesTree } from '../../../web/kvmfs/index.ts';
import { ModuleHost } from '../../../web/modules/index.ts';
import { nodeModuleThreads } from '../../../web/modules/threads_node.ts';
import { guest, kvmFs, read, refuses } from './support.ts';

const { tree, pool } = kvmFs();
const host = new ModuleHost(nodeModuleThreads);
const modules = modulesTree(host, (name) => tree.find(name)?.vm);
const fs = new LocalFs(
  directory([
    ['kvm', tree.root],
    ['modules', modules],
  ]),
);
afterAll(async () => {
  await host.close();
  pool.close();
});

const START = 'kind=random vm=vm0 request=0x3000 doorbell=0x510 pio=1 gsi=5';

async function vmWithModule(): Promise<void> {
  await fs.mkdir('/kvm/vm0');
  await fs.mkdir('/kvm/vm0/memory/0');
  await fs.writeFile('/kvm/vm0/memory/0/ctl', 'gpa=0 size=64K');
  await fs.mkdir('/kvm/vm0/irqchip');
  await fs.mkdir('/modules/rng0');
  await fs.writeFile('/modules/rng0/ctl', START);
}

test('a module holds its VM until it is killed', async () => {
  await vmWithModule();
  expect(await read(fs, '/modules/rng0/state')).toBe('running');
  expect(await read(fs, '/kvm/vm0/pins')).toMatch(/^module rng0 .*vmaps=1 .*ioevents=1 irqfds=1/);
  expect(await refuses('EBUSY', fs.rmdir('/kvm/vm0'))).toContain('module rng0');
  await refuses('EBUSY', fs.rmdir('/modules/rng0'));
  const asked = performance.now();
  await fs.writeFile('/modules/rng0/signal', 'kill');
  expect(await read(fs, '/kvm/vm0/pins')).toBe('');
  expect(performance.now() - asked).toBeLessThan(1000);
  expect(await read(fs, '/modules/rng0/state')).toBe('killed');
  await fs.rmdir('/modules/rng0');
  await fs.rmdir('/kvm/vm0');
});

test('one that cannot start says why and holds nothing', async () => {
  await guest(fs, [0xf4]);
  await fs.mkdir('/modules/ring0');
  await refuses('ENOENT', fs.writeFile('/modules/ring0/ctl', START.replace('vm0', 'vm9')));
  const why = await refuses(
    'EIO',
    fs.writeFile('/modules/ring0/ctl', 'kind=ring vm=vm0 doorbell=0x520 pio=1'),
  );
  expect(why).toContain('option ring');
  expect(await read(fs, '/modules/ring0/state')).toMatch(/^failed .*option ring/);
  expect(await read(fs, '/kvm/vm0/pins')).toBe('');
  await fs.rmdir('/modules/ring0');
  await fs.rmdir('/kvm/vm0');
});
