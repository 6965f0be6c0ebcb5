// Many machines, one after the other: what a session keeps of them, counted.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, expect, test } from 'vitest';
import { guest, kvmFs, read } from './support.ts';

const { fs, pool } = kvmFs();
afterAll(() => pool.close());

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Bytes that live objects take, shared memories too. */
function living(): number {
  for (let n = 0; n < 3; n++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Makes a VM, runs it to HLT and ends it. */
async function life(n: number): Promise<void> {
  const vm = await guest(fs, [0xf4], `vm${n}`);
  await fs.writeFile(`${vm}/cpu/0/paused`, '0');
  expect(await read(fs, `${vm}/cpu/0/event`)).toBe('hlt');
  await fs.rmdir(vm);
}

test('1,000 VMs run on one worker, and their memory is given back', { timeout: 120_000 }, async () => {
  for (let n = 0; n < 100; n++) await life(n);
  const before = living();
  for (let n = 100; n < 1000; n++) await life(n);
  expect(pool.size).toBeLessThanOrEqual(2);
  expect((await fs.readdir('/kvm')).map(({ name }) => name)).toEqual([
    'README',
    'help',
    'version',
    'extensions',
  ]);
  expect(living() / before).toBeLessThan(1.05);
});

test('64 slots and 16 vCPUs in one VM', async () => {
  await fs.mkdir('/kvm/big');
  for (let n = 0; n < 64; n++) {
    await fs.mkdir(`/kvm/big/memory/${n}`);
    await fs.writeFile(`/kvm/big/memory/${n}/ctl`, `gpa=0x${(n * 0x10000).toString(16)} size=64K`);
  }
  await fs.writeFile('/kvm/big/memory/0/mem', Uint8Array.of(0xf4));
  for (let n = 0; n < 16; n++) {
    await fs.mkdir(`/kvm/big/cpu/${n}`);
    await fs.writeFile(`/kvm/big/cpu/${n}/sregs.txt`, 'cs.base=0 cs.selector=0');
    await fs.writeFile(`/kvm/big/cpu/${n}/reg/rip`, '0');
  }
  await fs.writeFile('/kvm/big/paused', '0');
  const events = await Promise.all(Array.from({ length: 16 }, (_, n) => read(fs, `/kvm/big/cpu/${n}/event`)));
  expect(new Set(events)).toEqual(new Set(['hlt']));
  await fs.rmdir('/kvm/big');
});
