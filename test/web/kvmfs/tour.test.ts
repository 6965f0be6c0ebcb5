// The tour of /kvm as a shell script: in this thread, over a message port, with threads and without, and by `vitrine sh`.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import {
  directory,
  type Fs,
  FsClient,
  FsServer,
  type MessagePortLike,
  messagePort,
} from '../../../web/fs/index.ts';
import { Shell } from '../../../web/sh/index.ts';
import type { VcpuPool } from '../../../web/vmm/index.ts';
import { kvmFs } from './support.ts';

const script = readFileSync('web/lab/scripts/tour.sh', 'utf8');
const expected = readFileSync('test/fixtures/sh/tour.txt', 'utf8');
const pools: VcpuPool[] = [];
afterAll(() => {
  for (const pool of pools) pool.close();
});

async function shellOutput(fs: Fs, text = script, signal = new AbortController().signal): Promise<string> {
  let output = '';
  const write = async (bytes: Uint8Array): Promise<number> => {
    output += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  const stream = { read: async () => new Uint8Array(0), write };
  await new Shell({ fs, cwd: '/' }).run(text, { signal, stdout: stream, stderr: stream });
  return output;
}

test('it has at most 40 lines', () => {
  expect(script.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
});

test.each([true, false])('in this thread, vCPUs with threads: %s', async (threads) => {
  const { fs, pool } = kvmFs(threads);
  pools.push(pool);
  expect(await shellOutput(fs)).toBe(expected);
});

test('one that ends half-way leaves nothing behind', async () => {
  const { fs, pool } = kvmFs();
  pools.push(pool);
  const half = script.slice(0, script.indexOf('echo singlestep'));
  expect(await shellOutput(fs, `${half}echo 1 > nofile\necho no\n`)).toMatch(/EPERM.*nofile.*\n$/);
  expect(await fs.exists('/kvm/tour')).toBe(false);
  const interrupt = new AbortController();
  const done = shellOutput(fs, `${half}cat cpu/1/event\necho no\n`, interrupt.signal);
  while (!(await fs.exists('/kvm/tour/cpu/1'))) await new Promise((resolve) => setTimeout(resolve, 1));
  interrupt.abort();
  expect(await done).not.toContain('no\n');
  expect(await fs.exists('/kvm/tour')).toBe(false);
  expect(await shellOutput(fs)).toBe(expected);
});

test('over a message port', async () => {
  const { tree, pool } = kvmFs();
  pools.push(pool);
  const { port1, port2 } = new MessageChannel();
  new FsServer(directory([['kvm', tree.root]]), messagePort(port1 as unknown as MessagePortLike));
  expect(await shellOutput(new FsClient(messagePort(port2 as unknown as MessagePortLike)))).toBe(expected);
  port1.close();
});

test('by vitrine sh', () => {
  const done = spawnSync(process.execPath, ['build/cli/main.js', 'sh', 'web/lab/scripts/tour.sh'], {
    timeout: 30_000,
  });
  expect([done.status, done.stdout.toString(), done.stderr.toString()]).toEqual([0, expected, '']);
});
