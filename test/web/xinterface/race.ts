// Slots that are added, moved and deleted under a module that copies: one run of it, for race.test.ts and by hand.
// A block that leaves the slot table is poisoned at once: the module must not read the poison nor write over it.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { KVM_MEM_LOG_DIRTY_PAGES, type Vm } from '../../../web/kvm/index.ts';
import { bindFor, handleOf } from '../../../web/xinterface/index.ts';
import {
  BLOCK,
  BLOCKS,
  CANARY,
  POISON,
  TRUTH_PHASE,
  TRUTH_SIZE,
  TRUTH_WINDOWS,
  WINDOWS,
} from './race_plan.ts';

export interface RaceResult {
  readonly copies: number;
  /** Copies during which nothing changed, whose content is known exactly. */
  readonly settled: number;
  readonly changes: { added: number; moved: number; deleted: number };
  readonly findings: string[];
}

/** Changes the slots of `vm` (empty) `count` times while the worker in `file` copies. */
export async function race(vm: Vm, file: string, count: number, seed = 1): Promise<RaceResult> {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const truth = new Int32Array(new SharedArrayBuffer(TRUTH_SIZE * 4));
  // A page of canary round each block.
  const stride = BLOCK + 0x1000;
  const base = vm.allocate(BLOCKS * stride + 0x1000);
  const all = vm.memory.bytes(base, BLOCKS * stride + 0x1000).fill(CANARY);
  const hvaOf = (block: number) => base + 0x1000 + block * stride;
  const wordsOf = (block: number) => new Uint32Array(vm.memory.wasm.buffer, hvaOf(block), BLOCK / 4);
  for (let block = 0; block < BLOCKS; block++) wordsOf(block).fill(POISON);

  const bound = bindFor(handleOf(vm), { name: 'racer', kind: 'module' });
  const worker = new Worker(file, { workerData: { bound, truth, seed } });
  await once(worker, 'message');
  const answer = once(worker, 'message');

  /** Window of each block, or -1. */
  const windows: number[] = Array(BLOCKS).fill(-1);
  const changes = { added: 0, moved: 0, deleted: 0 };
  const findings: string[] = [];
  const poison = Buffer.from(new Uint32Array(BLOCK / 4).fill(POISON).buffer);
  /** Puts a block into a window, or out of the table (-1), and says so to the worker. */
  const change = (block: number, to: number) => {
    const from = windows[block] as number;
    Atomics.add(truth, TRUTH_PHASE, 1);
    vm.setUserMemoryRegion({
      slot: block,
      flags: block % 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0,
      guest_phys_addr: Math.max(to, 0) * BLOCK,
      memory_size: to < 0 ? 0 : BLOCK,
      userspace_addr: hvaOf(block),
    });
    if (from >= 0) Atomics.store(truth, TRUTH_WINDOWS + from, 0);
    if (to >= 0) Atomics.store(truth, TRUTH_WINDOWS + to, block + 1);
    windows[block] = to;
    Atomics.add(truth, TRUTH_PHASE, 1);
  };
  for (let n = 0; n < count && findings.length === 0; n++) {
    const block = random(BLOCKS);
    const window = windows[block] as number;
    const free = Array.from({ length: WINDOWS }, (_, w) => w).filter((w) => !windows.includes(w));
    const to = free[random(free.length)] as number;
    if (window < 0) {
      if (Buffer.compare(vm.memory.bytes(hvaOf(block), BLOCK), poison) !== 0) {
        findings.push(`change ${n}: block ${block} was written while it lay in no slot`);
      }
      wordsOf(block).fill(block + 1);
      change(block, to);
      changes.added++;
    } else if (random(2) === 0) {
      change(block, to);
      changes.moved++;
    } else {
      change(block, -1);
      wordsOf(block).fill(POISON);
      changes.deleted++;
    }
  }
  Atomics.store(truth, 0, 1);
  const [result] = (await answer) as [{ copies: number; settled: number; findings: string[] }];
  await worker.terminate();
  for (let at = 0; at < all.length; at++) {
    const inBlock = at >= 0x1000 && (at - 0x1000) % stride < BLOCK && at < 0x1000 + BLOCKS * stride;
    if (!inBlock && all[at] !== CANARY) {
      findings.push(`offset ${at} beside the blocks was written`);
      break;
    }
  }
  return { ...result, changes, findings: [...findings, ...result.findings] };
}
