// What a careless user of /kvm does: nothing that was there is lost, and the sentence says how to go on.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONSOLE_OUT_RING } from '../../../assembly/abi/map.ts';
import type { Fs } from '../../../web/fs/index.ts';
import type { KvmTree } from '../../../web/kvmfs/index.ts';
import type { VcpuPool } from '../../../web/vmm/index.ts';
import { guest, kvmFs, read, refuses } from './support.ts';

const HLT = 0xf4;
/** Where a ring has its count of readers. */
const READERS = 0x0c;

let fs: Fs;
let tree: KvmTree;
let pool: VcpuPool;
beforeAll(() => {
  ({ fs, tree, pool } = kvmFs());
});
afterAll(() => pool.close());

function readersOf(name: string): number {
  const memory = tree.find(name)?.vm.memory;
  return memory?.u32(CONSOLE_OUT_RING + READERS) ?? -1;
}

test('two mkdir of one name at once make one VM', async () => {
  const made = await Promise.allSettled([fs.mkdir('/kvm/twin'), fs.mkdir('/kvm/twin')]);
  expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  await fs.rmdir('/kvm/twin');
  expect(await fs.exists('/kvm/twin')).toBe(false);
});

test.each(['reset', 'cpu/0/nmi', 'cpu/0/smi'])('%s takes 1 and nothing else', async (name) => {
  const vm = await guest(fs, [HLT], `press_${name.replaceAll('/', '_')}`);
  const before = await fs.readFile(`${vm}/snapshot`);
  for (const text of ['banana', '0', ''])
    expect(await refuses('EINVAL', fs.writeFile(`${vm}/${name}`, `${text}\n`))).toContain('write 1');
  expect(await fs.readFile(`${vm}/snapshot`)).toEqual(before);
  await fs.writeFile(`${vm}/${name}`, '1');
});

test('the console has a reader until the last of several has gone', async () => {
  const vm = await guest(fs, [HLT], 'console');
  await fs.writeFile(`${vm}/dev/board`, 'pc');
  const first = await fs.open(`${vm}/console`);
  const second = await fs.open(`${vm}/console`);
  await first.close();
  expect(readersOf('console')).toBe(1);
  await second.close();
  expect(readersOf('console')).toBe(0);
});

test('a reader of a console that is gone lets the next VM keep its own', async () => {
  await fs.mkdir('/kvm/old');
  await fs.writeFile('/kvm/old/dev/board', 'pc');
  const old = await fs.open('/kvm/old/console');
  await fs.rmdir('/kvm/old');
  // The memory of the one before serves it.
  await fs.mkdir('/kvm/new');
  await fs.writeFile('/kvm/new/dev/board', 'pc');
  const reader = await fs.open('/kvm/new/console');
  await old.close();
  expect(readersOf('new')).toBe(1);
  await reader.close();
});

test('bytes that are no snapshot are refused at the first, and a damaged one changes nothing', async () => {
  const vm = await guest(fs, [HLT], 'damaged');
  const image = await fs.readFile(`${vm}/snapshot`);
  await refuses('EINVAL', fs.writeFile(`${vm}/snapshot`, 'banana'));
  const wild = image.slice();
  new DataView(wild.buffer).setUint32(64, 0xffff_fff0, true);
  await refuses('EINVAL', fs.writeFile(`${vm}/snapshot`, wild));
  const huge = image.slice();
  new DataView(huge.buffer).setBigUint64(24, 1n << 44n, true);
  await refuses('ENOMEM', fs.writeFile(`${vm}/snapshot`, huge));
  expect(await fs.readFile(`${vm}/snapshot`)).toEqual(image);
  await fs.writeFile(`${vm}/cpu/0/paused`, '0');
  expect(await read(fs, `${vm}/cpu/0/event`)).toBe('hlt');
});

test('another size of a slot is refused with the way to get it', async () => {
  const vm = await guest(fs, [HLT], 'sizes');
  const ctl = `${vm}/memory/0/ctl`;
  expect(await refuses('EINVAL', fs.writeFile(ctl, 'gpa=0 size=128K'))).toContain('size=0 first');
  await fs.writeFile(ctl, 'size=0');
  await fs.writeFile(ctl, 'gpa=0 size=128K');
  expect(await read(fs, `${vm}/memory/0/size`)).toBe(String(128 << 10));
});

test('rm of a file of a VM names rmdir', async () => {
  const vm = await guest(fs, [HLT], 'rm');
  expect(await refuses('EPERM', fs.unlink(`${vm}/state`))).toContain('rmdir');
});
