// The worker that serves a disk is terminated at random moments, and started again on what it left.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import type { DiskOptions } from '../../../web/disk/index.ts';
import { openDisk } from '../../../web/disk/open_node.ts';
import { bundle } from '../xinterface/bundle.ts';
import { RECORD_BYTES, RECORD_SLOTS } from './killed_plan.ts';

const KILLS = 100;
/** A worker is terminated so long after it has opened its disk at most, in ms. */
const LIFE_MS = 40;

const folder = mkdtempSync(join(tmpdir(), 'vitrine-killed-'));
afterAll(() => rmSync(folder, { recursive: true }));

const image = join(folder, 'disk.img');
writeFileSync(image, new Uint8Array(RECORD_BYTES * RECORD_SLOTS));
const DISKS: [string, DiskOptions][] = [
  ['an image', { kind: 'file', path: image }],
  [
    'an overlay',
    {
      kind: 'overlay',
      base: { kind: 'empty', bytes: RECORD_BYTES * RECORD_SLOTS },
      upper: { kind: 'file', path: join(folder, 'disk.overlay') },
    },
  ],
];

/** The newest record in each slot, by its first word, and slots whose words are of neither this nor the one before. */
async function recordsOf(options: DiskOptions): Promise<{ newest: number[]; torn: number[] }> {
  const disk = await openDisk(options);
  const bytes = new Uint8Array(disk.bytes);
  await disk.read(0, bytes);
  await disk.close();
  const newest: number[] = [];
  const torn: number[] = [];
  for (let slot = 0; slot < RECORD_SLOTS; slot++) {
    const words = new Uint32Array(bytes.buffer, slot * RECORD_BYTES, RECORD_BYTES / 4);
    const most = Math.max(...words);
    newest.push(most);
    if (words.some((word) => word !== most && word + RECORD_SLOTS !== most)) torn.push(slot);
  }
  return { newest, torn };
}

test.each(DISKS)(
  `what was flushed to %s is there after each of ${KILLS} terminations`,
  async (_, options) => {
    const file = await bundle('test/web/disk/killed_worker.ts');
    const word = new Int32Array(new SharedArrayBuffer(4));
    const lost: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const worker = new Worker(file, {
        workerData: { options, flushed: word.buffer, first: (word[0] as number) + 1 },
      });
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * LIFE_MS));
      await worker.terminate();
      const last = Atomics.load(word, 0);
      const { newest, torn } = await recordsOf(options);
      for (let number = Math.max(1, last - RECORD_SLOTS + 1); number <= last; number++)
        if ((newest[number % RECORD_SLOTS] as number) < number) lost.push(number);
      expect(torn.filter((slot) => slot !== (last + 1) % RECORD_SLOTS)).toEqual([]);
    }
    expect(lost).toEqual([]);
    expect(word[0]).toBeGreaterThan(RECORD_SLOTS);
  },
);
