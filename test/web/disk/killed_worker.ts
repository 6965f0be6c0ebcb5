// Writes records to a disk with a flush after each, and counts up a shared word when one is on the medium: until it is
// terminated. Record n fills the sectors of slot n with its number.
import { parentPort, workerData } from 'node:worker_threads';
import type { DiskOptions } from '../../../web/disk/index.ts';
import { openDisk } from '../../../web/disk/open_node.ts';
import { RECORD_BYTES, RECORD_SLOTS } from './killed_plan.ts';

const { options, flushed, first } = workerData as {
  options: DiskOptions;
  flushed: SharedArrayBuffer;
  first: number;
};
const word = new Int32Array(flushed);
const disk = await openDisk(options);
parentPort?.postMessage('open');
const record = new Uint8Array(RECORD_BYTES);
for (let number = first; ; number++) {
  new Uint32Array(record.buffer).fill(number);
  await disk.write((number % RECORD_SLOTS) * RECORD_BYTES, record);
  await disk.flush();
  Atomics.store(word, 0, number);
}
