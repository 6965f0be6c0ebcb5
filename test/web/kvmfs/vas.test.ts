// Address spaces by file operations: regions, VMs that share them, who keeps them.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { directory, type Fs, LocalFs } from '../../../web/fs/index.ts';
import { VasTree } from '../../../web/kvmfs/index.ts';
import type { VcpuPool } from '../../../web/vmm/index.ts';
import { kvm, kvmFs, read, refuses } from './support.ts';

let fs: Fs;
let pool: VcpuPool;
beforeAll(() => {
  const made = kvmFs();
  pool = made.pool;
  fs = new LocalFs(
    directory([
      ['kvm', made.tree.root],
      ['vas', new VasTree(kvm, made.tree).root],
    ]),
  );
});
afterAll(() => pool.close());

/** vCPU 0 of `vm` in real mode at 0x1000 of the shared region. */
async function vcpuAt(vm: string, rip: number): Promise<void> {
  await fs.mkdir(`${vm}/cpu/0`);
  await fs.writeFile(`${vm}/cpu/0/sregs.txt`, 'cs.base=0 cs.selector=0');
  await fs.writeFile(`${vm}/cpu/0/reg/rip`, String(rip));
}

async function run(vm: string): Promise<string> {
  await fs.writeFile(`${vm}/cpu/0/paused`, '0');
  return read(fs, `${vm}/cpu/0/event`);
}

test('a region is set as a slot is, and its bytes are there without a VM', async () => {
  await fs.mkdir('/vas/ram');
  await refuses('EEXIST', fs.mkdir('/vas/ram'));
  await fs.mkdir('/vas/ram/memory/0');
  await refuses('ENXIO', fs.readFile('/vas/ram/memory/0/mem'));
  await refuses('EINVAL', fs.writeFile('/vas/ram/memory/0/ctl', 'size=64K'));
  await fs.writeFile('/vas/ram/memory/0/ctl', 'gpa=0 size=64K');
  expect(await read(fs, '/vas/ram/memory/0/ctl')).toBe('gpa=0x0 size=64K flags=none');
  await refuses('EINVAL', fs.writeFile('/vas/ram/memory/0/ctl', 'size=128K'));
  const mem = await fs.open('/vas/ram/memory/0/mem', 'r+');
  await mem.write(Uint8Array.of(0xc6, 0x06, 0, 0x20, 7, 0xf4), 0x1000); // mov byte [0x2000], 7; hlt
  await mem.write(Uint8Array.of(0xa0, 0, 0x20, 0xf4), 0x1100); // mov al, [0x2000]; hlt
  await mem.close();
});

test('what one bound VM stores another one loads, and each logs for itself', async () => {
  for (const name of ['a', 'b']) {
    await fs.mkdir(`/kvm/${name}`);
    await fs.writeFile('/vas/ram/bind', name);
  }
  expect(await read(fs, '/vas/ram/bind')).toBe('a\nb');
  expect(await read(fs, '/kvm/a/vas')).toBe('ram');
  await fs.writeFile('/kvm/a/memory/0/flags', 'log_dirty');
  await fs.readFile('/kvm/a/memory/0/dirty_bitmap');
  await vcpuAt('/kvm/a', 0x1000);
  await vcpuAt('/kvm/b', 0x1100);
  expect(await run('/kvm/a')).toBe('hlt');
  expect(await run('/kvm/b')).toBe('hlt');
  expect(await read(fs, '/kvm/b/cpu/0/reg/rax')).toBe('0x7');
  expect(await read(fs, '/kvm/a/memory/0/dirty')).toBe('2');
  await fs.writeFile('/vas/ram/memory/0/mem', Uint8Array.of(1));
  expect(await read(fs, '/kvm/a/memory/0/dirty')).toBe('0\n2');
});

test('a change of a region reaches every bound VM, and they cannot change it', async () => {
  await fs.mkdir('/vas/ram/memory/5');
  await fs.writeFile('/vas/ram/memory/5/ctl', 'gpa=0x100000 size=64K');
  expect(await read(fs, '/kvm/b/memory/5/gpa')).toBe('0x100000');
  await fs.writeFile('/vas/ram/memory/5/gpa', '0x200000');
  expect(await read(fs, '/kvm/b/memory/5/gpa')).toBe('0x200000');
  await refuses('EPERM', fs.writeFile('/kvm/b/memory/5/gpa', '0x300000'));
  await refuses('EPERM', fs.rmdir('/kvm/b/memory/5'));
  await fs.rmdir('/vas/ram/memory/5');
  expect((await fs.readdir('/kvm/b/memory')).map(({ name }) => name)).toEqual(['0']);
});

test('a VM has slots of its own beside the regions; only one without anything moves in', async () => {
  await fs.mkdir('/kvm/b/memory/9');
  await fs.writeFile('/kvm/b/memory/9/ctl', 'gpa=0x400000 size=64K');
  await refuses('EBUSY', fs.writeFile('/vas/ram/bind', 'a'));
  await refuses('EBUSY', fs.writeFile('/kvm/a/ctl', 'vcpus=2'));
  await refuses('ENOENT', fs.writeFile('/vas/ram/bind', 'nobody'));
  await fs.mkdir('/kvm/full');
  await fs.mkdir('/kvm/full/irqchip');
  await refuses('EXDEV', fs.writeFile('/vas/ram/bind', 'full'));
});

test('it goes when nobody shares it any more', async () => {
  expect(await refuses('EBUSY', fs.rmdir('/vas/ram'))).toMatch(/VM a, b/);
  await fs.rmdir('/kvm/a');
  await fs.writeFile('/vas/ram/unbind', 'b');
  await refuses('ENOENT', fs.writeFile('/vas/ram/unbind', 'b'));
  expect(await read(fs, '/kvm/b/vas')).toBe('none');
  expect(await refuses('EBUSY', fs.rmdir('/vas/ram'))).toContain('b (unbound');
  await fs.rmdir('/kvm/b');
  await fs.mkdir('/kvm/c');
  await fs.writeFile('/vas/ram/bind', 'c');
  await fs.writeFile('/vas/ram/unbind', 'c');
  await fs.rmdir('/vas/ram');
  await fs.mkdir('/kvm/c/cpu/0');
  expect((await fs.readdir('/vas')).map(({ name }) => name)).toEqual(['README']);
});
