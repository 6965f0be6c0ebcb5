// eventfd/, ioeventfd and irqfd of a VM by file operations: counters, a guest's doorbells, interrupts.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fs, POLLIN, POLLOUT } from '../../../web/fs/index.ts';
import type { VcpuPool } from '../../../web/vmm/index.ts';
import { guest, kvmFs, read, refuses } from './support.ts';

let fs: Fs;
let pool: VcpuPool;
beforeAll(() => {
  ({ fs, pool } = kvmFs());
});
afterAll(() => pool.close());

test('an eventfd is a counter: writes add, a read waits, takes it and ends', async () => {
  await fs.mkdir('/kvm/count');
  await fs.writeFile('/kvm/count/eventfd/3', '2');
  await fs.writeFile('/kvm/count/eventfd/3', '0x5');
  expect(await read(fs, '/kvm/count/eventfd/3')).toBe('7');
  const waiting = read(fs, '/kvm/count/eventfd/3');
  await fs.writeFile('/kvm/count/eventfd/3', '1');
  expect(await waiting).toBe('1');
  await refuses('EINVAL', fs.writeFile('/kvm/count/eventfd/3', '-1'));
  await refuses('EINVAL', fs.writeFile('/kvm/count/eventfd/3', 'one'));
  await refuses('EINVAL', fs.writeFile('/kvm/count/eventfd/a b', '1'));
});

test('poll tells what a read and a write would do', async () => {
  const file = await fs.open('/kvm/count/eventfd/3', 'r+');
  expect(await file.poll(POLLIN | POLLOUT, { timeout: 0 })).toBe(POLLOUT);
  await fs.writeFile('/kvm/count/eventfd/3', '0xfffffffffffffffe');
  expect(await file.poll(POLLIN | POLLOUT, { timeout: 0 })).toBe(POLLIN);
  const waiting = fs.writeFile('/kvm/count/eventfd/3', '1');
  expect(new TextDecoder().decode(await file.read(100, 0))).toBe('18446744073709551614\n');
  await waiting;
  expect(await read(fs, '/kvm/count/eventfd/3')).toBe('1');
  await file.close();
});

test('a write that has long waited for room goes on after a read', async () => {
  await fs.writeFile('/kvm/count/eventfd/full', '0xfffffffffffffffe');
  const waiting = fs.writeFile('/kvm/count/eventfd/full', '5');
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(await read(fs, '/kvm/count/eventfd/full')).toBe('18446744073709551614');
  await waiting;
  expect(await read(fs, '/kvm/count/eventfd/full')).toBe('5');
  await fs.unlink('/kvm/count/eventfd/full');
});

test('who waits for one that is removed gets the end of the file', async () => {
  const waiting = fs.readText('/kvm/count/eventfd/3');
  await fs.unlink('/kvm/count/eventfd/3');
  expect(await waiting).toBe('');
  expect(await fs.readdir('/kvm/count/eventfd')).toEqual([]);
});

test('an ioeventfd rings instead of an exit, and only for its value', async () => {
  // mov al, 5; out 0x42, al; mov al, 6; out 0x42, al; hlt
  const vm = await guest(fs, [0xb0, 5, 0xe6, 0x42, 0xb0, 6, 0xe6, 0x42, 0xf4], 'bell');
  await fs.writeFile(`${vm}/eventfd/bell`, '0');
  const line = 'addr=0x42 len=1 datamatch=0x5 pio=1 eventfd=bell';
  await fs.writeFile(`${vm}/ioeventfd`, line);
  expect(await read(fs, `${vm}/ioeventfd`)).toBe(line);
  await fs.writeFile(`${vm}/cpu/0/paused`, '0');
  expect(await read(fs, `${vm}/cpu/0/event`)).toBe('io out port=0x42 size=1 count=1 data=06');
  expect(await read(fs, `${vm}/eventfd/bell`)).toBe('1');
});

test("ioeventfds have KVM's errors, and are taken away", async () => {
  const file = '/kvm/bell/ioeventfd';
  await refuses('EEXIST', fs.writeFile(file, 'addr=0x42 len=1 pio=1 eventfd=bell'));
  await refuses('EINVAL', fs.writeFile(file, 'addr=0x42 len=3 eventfd=bell'));
  await refuses('EINVAL', fs.writeFile(file, 'addr=0x42 datamatch=1 eventfd=bell'));
  await refuses('EBADF', fs.writeFile(file, 'addr=0x9000 len=4 eventfd=none'));
  await refuses('ENOENT', fs.writeFile(file, '- addr=0x42 len=2 pio=1 eventfd=bell'));
  // All lines are looked at before the first is carried out.
  await refuses('EINVAL', fs.writeFile(file, 'addr=0x90000 len=4 eventfd=bell\naddr=0x80000 length=4'));
  await fs.writeFile(file, 'deassign addr=0x42 len=1 datamatch=5 pio=1 eventfd=bell');
  expect(await read(fs, file)).toBe('');
});

test('what a snapshot knows of doorbells ends with the restore, since nobody holds them', async () => {
  await fs.writeFile('/kvm/bell/ioeventfd', 'addr=0x43 len=1 pio=1 eventfd=bell');
  const image = await fs.readFile('/kvm/bell/snapshot');
  await fs.writeFile('/kvm/bell/snapshot', image);
  expect(await read(fs, '/kvm/bell/ioeventfd')).toBe('');
  expect(await fs.readdir('/kvm/bell/eventfd')).toEqual([]);
});

test('an irqfd makes a signal an interrupt, where there is an irqchip', async () => {
  await fs.mkdir('/kvm/line');
  await fs.writeFile('/kvm/line/eventfd/3', '0');
  await fs.writeFile('/kvm/line/eventfd/done', '0');
  await refuses('EINVAL', fs.writeFile('/kvm/line/irqfd', 'gsi=5 eventfd=3'));
  await fs.mkdir('/kvm/line/irqchip');
  await fs.writeFile('/kvm/line/irqfd', 'gsi=5 eventfd=3');
  await refuses('EBUSY', fs.writeFile('/kvm/line/irqfd', 'gsi=6 eventfd=3'));
  await fs.writeFile('/kvm/line/eventfd/3', '1');
  expect(await read(fs, '/kvm/line/irqchip/pic0.txt')).toMatch(/^irr=0x20$/m);
  await fs.writeFile('/kvm/line/irqfd', '-gsi=5 eventfd=3');
  expect(await read(fs, '/kvm/line/irqfd')).toBe('');
  await fs.writeFile('/kvm/line/irqfd', 'gsi=6 eventfd=3 resample=done');
  expect(await read(fs, '/kvm/line/irqfd')).toBe('gsi=6 resample=done eventfd=3');
  await fs.unlink('/kvm/line/eventfd/3');
  expect(await read(fs, '/kvm/line/irqfd')).toBe('');
  await fs.rmdir('/kvm/line');
});
