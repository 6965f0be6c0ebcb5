// The pool of vCPU workers: kept for the next task, and given back when none comes.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { VcpuPool, type VcpuTask, type VcpuWorker } from '../../../web/vmm/index.ts';

const TASK = {} as VcpuTask;
let spawned = 0;
let closed = 0;
/** Ends the task of the worker that was started last. */
let done: () => void;

function spawn(): VcpuWorker {
  spawned++;
  let receive: (message: unknown) => void;
  return {
    post: () => {
      done = () => receive({});
    },
    listen: (onMessage) => {
      receive = onMessage;
    },
    close: () => {
      closed++;
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  spawned = 0;
  closed = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

test('a worker runs one vCPU after the other', () => {
  const pool = new VcpuPool(spawn);
  for (let n = 0; n < 3; n++) {
    pool.start(TASK, () => {});
    done();
  }
  expect([spawned, pool.size]).toEqual([1, 1]);
  pool.close();
});

test('idle workers are ended after a rest, busy ones are not', () => {
  const pool = new VcpuPool(spawn);
  pool.start(TASK, () => {});
  pool.start(TASK, () => {});
  done();
  vi.runAllTimers();
  expect([closed, pool.size]).toEqual([1, 1]);
  pool.close();
});
