// The module of race.ts: copies and maps at random places while the slots under it change, and looks at what it reads.

import { parentPort, workerData } from 'node:worker_threads';
import { type BoundGuest, open } from '../../../web/xinterface/index.ts';
import { BLOCK, POISON, TRUTH_PHASE, TRUTH_WINDOWS, WINDOWS, WRITTEN } from './race_plan.ts';

const { bound, truth, seed } = workerData as { bound: BoundGuest; truth: Int32Array; seed: number };
const guest = open(bound);
let state = seed;
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

const findings: string[] = [];
const buffer = new Uint8Array(3 * BLOCK);
const words = new Uint32Array(buffer.buffer);
let copies = 0;
let settled = 0;

/** What stood at `window` while nothing changed must be what was read; what changed meanwhile is old or new. */
function read(): void {
  const window = random(WINDOWS);
  const phase = Atomics.load(truth, TRUTH_PHASE);
  const block = Atomics.load(truth, TRUTH_WINDOWS + window);
  const length = (1 + random(3)) * 4096;
  const left = guest.copyFrom(window * BLOCK, buffer.subarray(0, length));
  const still = phase % 2 === 0 && Atomics.load(truth, TRUTH_PHASE) === phase;
  const got = Math.min(length - left, BLOCK);
  for (let n = 0; n < (length - left) / 4; n++) {
    if (words[n] === POISON) findings.push(`read memory that is in no slot at window ${window}, word ${n}`);
  }
  if (!still) return;
  settled++;
  if (block === 0 ? got !== 0 : got !== Math.min(length, BLOCK)) {
    findings.push(`window ${window} with block ${block}: ${got} bytes were copied`);
  }
  for (let n = 0; n < got / 4; n++) {
    const word = words[n] as number;
    if (word !== block && word !== WRITTEN) findings.push(`window ${window}: ${word} instead of ${block}`);
  }
}

function write(): void {
  const length = 4 + random((2 * BLOCK) / 4) * 4;
  words.fill(WRITTEN, 0, length / 4);
  guest.copyTo(random(WINDOWS) * BLOCK + random(BLOCK / 4) * 4, buffer.subarray(0, length));
}

parentPort?.postMessage('ready');
while (Atomics.load(truth, 0) === 0 && findings.length === 0) {
  if (random(3) === 0) write();
  else read();
  copies++;
}
guest.put();
parentPort?.postMessage({ copies, settled, findings });
