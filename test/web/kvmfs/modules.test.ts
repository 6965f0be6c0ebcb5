// Modules by file operations: started, seen in the pins of their VM, killed. The module runs in a worker meanwhile.
import { afterAll, expect, test } from 'vitest';
import { directory, LocalFs, memoryTree } from '../../../web/fs/index.ts';
import { modulesTree, VasTree } from '../../../web/kvmfs/index.ts';
import { ModuleHost, type ModuleThread } from '../../../web/modules/index.ts';
import { nodeModuleThreads } from '../../../web/modules/threads_node.ts';
import { guest, kvm, kvmFs, read, refuses } from './support.ts';
import { TINY_WASM } from './tiny_wasm.ts';

const { tree, pool } = kvmFs();
/** The thread that was started last: to let it die behind its supervisor's back. */
let dying: ModuleThread | undefined;
const host = new ModuleHost({
  spawn(file) {
    dying = nodeModuleThreads.spawn(file);
    return dying;
  },
});
const vas = new VasTree(kvm, tree);
const modules = modulesTree(host, {
  vm: (name) => tree.find(name)?.vm,
  vas: (name) => vas.find(name),
  read: (path) => fs.readFile(path),
});
const fs: LocalFs = new LocalFs(
  directory([
    ['kvm', tree.root],
    ['modules', modules],
    ['vas', vas.root],
    ['tmp', memoryTree()],
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

test('/modules says who is bound to what, and each module what it has attached', async () => {
  await vmWithModule();
  expect(await read(fs, '/modules/bound')).toMatch(
    /^rng0 random running vm vm0 references=1 .*irqfds=1 copies=/,
  );
  expect(await read(fs, '/modules/rng0/guest')).toBe('vm vm0');
  expect(await read(fs, '/modules/rng0/attached')).toMatch(
    /^irqfd gsi=5\nvmap gpa=0x3000 size=16\nioevent addr=0x510 len=4 pio=1$/,
  );
  expect(await read(fs, '/kvm/vm0/ioeventfd')).toMatch(/^# addr=0x510 .* of module rng0$/);
  await refuses('EEXIST', fs.writeFile('/modules/rng0/ctl', START));
});

test('a module whose worker dies by itself has released its pins within a second, and can be started again', async () => {
  const died = performance.now();
  await dying?.kill();
  while ((await read(fs, '/kvm/vm0/pins')) !== '' && performance.now() - died < 5000)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(performance.now() - died).toBeLessThan(1000);
  expect(await read(fs, '/modules/rng0/state')).toMatch(/^failed its thread ended/);
  expect(await read(fs, '/modules/bound')).toBe('');
  await fs.writeFile('/modules/rng0/ctl', START);
  await fs.writeFile('/modules/rng0/signal', 'stop');
  expect(await read(fs, '/modules/rng0/state')).toBe('ended');
  await fs.rmdir('/modules/rng0');
  await fs.rmdir('/kvm/vm0');
});

test('a module in Wasm takes its program from the tree', async () => {
  await guest(fs, [0xf4]);
  await fs.mkdir('/modules/own');
  await fs.writeFile('/tmp/own.wasm', TINY_WASM);
  await fs.writeFile('/tmp/text', 'no program');
  await refuses('EINVAL', fs.writeFile('/modules/own/ctl', 'kind=wasm vm=vm0'));
  await refuses('ENOENT', fs.writeFile('/modules/own/ctl', 'kind=wasm vm=vm0 program=/tmp/none'));
  await refuses('ENOEXEC', fs.writeFile('/modules/own/ctl', 'kind=wasm vm=vm0 program=/tmp/text'));
  await fs.writeFile('/modules/own/ctl', 'kind=wasm vm=vm0 program=/tmp/own.wasm args=n:0x2a output=8');
  await fs.writeFile('/modules/own/signal', 'stop');
  expect([...(await fs.readFile('/modules/own/output'))]).toEqual([0x2a, 0, 0, 0, 0, 0, 0, 0]);
  await fs.rmdir('/modules/own');
  await fs.rmdir('/kvm/vm0');
});

test('a module is bound to an address space, which then stays', async () => {
  await fs.mkdir('/vas/ram');
  await fs.mkdir('/vas/ram/memory/0');
  await fs.writeFile('/vas/ram/memory/0/ctl', 'gpa=0 size=64K');
  await fs.writeFile('/tmp/wait.wasm', TINY_WASM);
  await fs.mkdir('/modules/own');
  const both = 'kind=wasm vm=vm0 vas=ram program=/tmp/wait.wasm';
  await refuses('EINVAL', fs.writeFile('/modules/own/ctl', both));
  await fs.writeFile('/modules/own/ctl', 'kind=wasm vas=ram program=/tmp/wait.wasm args=n:1,stay:1 output=8');
  expect(await read(fs, '/modules/bound')).toMatch(/^own wasm running vas ram references=1/);
  expect(await refuses('EBUSY', fs.rmdir('/vas/ram'))).toContain('module own');
  await fs.writeFile('/modules/own/signal', 'kill');
  expect(await read(fs, '/vas/ram/pins')).toBe('');
  await fs.rmdir('/modules/own');
  await fs.rmdir('/vas/ram');
});

test('where there are no threads, modules are refused with a sentence', async () => {
  const alone = new LocalFs(
    modulesTree(undefined, { vm: () => undefined, vas: () => undefined, read: (path) => fs.readFile(path) }),
  );
  await alone.mkdir('/rng0');
  expect(await refuses('EOPNOTSUPP', alone.writeFile('/rng0/ctl', START))).toContain('cross-origin isolated');
  expect(await read(alone, '/rng0/state')).toBe('declared');
});
