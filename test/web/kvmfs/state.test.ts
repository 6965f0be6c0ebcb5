// Files of state that the tour does not show: dirty rings, signal masks, clocks, counters.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fs, POLLIN } from '../../../web/fs/index.ts';
import type { VcpuPool } from '../../../web/vmm/index.ts';
import { kvmFs, read, refuses } from './support.ts';

let fs: Fs;
let pool: VcpuPool;
const VM = '/kvm/vm0';
const CPU = `${VM}/cpu/0`;

// mov [0x2000], al; mov [0x3000], al; hlt; mov [0x2000], al; hlt
const CODE = [0xa2, 0, 0x20, 0xa2, 0, 0x30, 0xf4, 0xa2, 0, 0x20, 0xf4];

beforeAll(async () => {
  ({ fs, pool } = kvmFs());
  await fs.mkdir(VM);
  await fs.writeFile(`${VM}/ctl`, 'dirty_ring=64K');
  await fs.mkdir(`${VM}/memory/3`);
  await fs.writeFile(`${VM}/memory/3/ctl`, 'gpa=0 size=64K flags=log_dirty');
  await fs.mkdir(CPU);
  const mem = await fs.open(`${VM}/memory/3/mem`, 'r+');
  await mem.write(Uint8Array.from(CODE), 0x1000);
  await mem.close();
  await fs.writeFile(`${CPU}/sregs.txt`, 'cs.base=0 cs.selector=0');
  await fs.writeFile(`${CPU}/reg/rip`, '0x1000');
});
afterAll(() => pool.close());

async function run(): Promise<string> {
  await fs.writeFile(`${CPU}/paused`, '0');
  return read(fs, `${CPU}/event`);
}

test('a dirty ring lists pages once until a write resets it', async () => {
  expect(await read(fs, `${VM}/ctl`)).toMatch(/ dirty_ring=64K$/);
  const ring = await fs.open(`${CPU}/dirty_ring`);
  expect(await ring.poll(POLLIN, { timeout: 0 })).toBe(0);
  const waiting = read(fs, `${CPU}/dirty_ring`);
  expect(await run()).toBe('hlt');
  expect(await waiting).toBe('slot=3 offset=2\nslot=3 offset=3');
  expect(await ring.poll(POLLIN, { timeout: 0 })).toBe(0);
  await fs.writeFile(`${CPU}/dirty_ring`, 'reset');
  expect(await run()).toBe('hlt');
  expect(await ring.poll(POLLIN, { timeout: 5000 })).toBe(POLLIN);
  expect(await read(fs, `${CPU}/dirty_ring`)).toBe('slot=3 offset=2');
  await ring.close();
});

test("dirty rings have KVM's errors, and are refused where there are none", async () => {
  await refuses('ENXIO', fs.readFile(`${VM}/memory/3/dirty_bitmap`));
  await fs.mkdir('/kvm/plain');
  await refuses('EINVAL', fs.writeFile('/kvm/plain/ctl', 'dirty_ring=5000'));
  await refuses('E2BIG', fs.writeFile('/kvm/plain/ctl', 'dirty_ring=1G'));
  expect(await read(fs, '/kvm/plain/ctl')).not.toContain('dirty_ring');
  await fs.mkdir('/kvm/plain/cpu/0');
  await refuses('EBUSY', fs.writeFile('/kvm/plain/ctl', 'dirty_ring=64K'));
  expect(await refuses('ENXIO', fs.open('/kvm/plain/cpu/0/dirty_ring'))).toContain('dirty_ring=64K');
});

test('the signal mask is read as it was written, without what nobody can block', async () => {
  expect(await read(fs, `${CPU}/signal_mask`)).toBe('none');
  await fs.writeFile(`${CPU}/signal_mask`, '0x300');
  expect(await read(fs, `${CPU}/signal_mask`)).toBe('0x200');
  await fs.writeFile(`${CPU}/signal_mask`, 'none');
  expect(await read(fs, `${CPU}/signal_mask`)).toBe('none');
});

test('the clock stands while nothing runs, and is set', async () => {
  await fs.writeFile(`${VM}/clock.txt`, 'clock=0x100000');
  expect(await read(fs, `${VM}/clock.txt`)).toMatch(/^clock=0x100000$/m);
  const bytes = await fs.readFile(`${VM}/clock`);
  expect(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)).toBe(0x100000n);
});

test('counters of a VM add up those of its vCPUs, as text and as the stats fd has them', async () => {
  expect(await read(fs, `${VM}/stats`)).toMatch(/^vcpus=1\nmemory_slots=1\nexits=\d+\ninstructions=5\n/);
  expect(new TextDecoder().decode(await fs.readFile(`${VM}/stats_fd`))).toContain('memory_slots');
  expect(new TextDecoder().decode(await fs.readFile(`${CPU}/stats_fd`))).toContain('tlb_misses');
});
