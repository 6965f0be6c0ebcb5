// Locked instructions of two vCPUs that run at the same time, each in a thread of its own.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { RUN_BUDGET, RUN_EXIT } from '../../../assembly/abi/vcpu_page.ts';
import type { Vcpu, Vm } from '../../../web/kvm/index.ts';
import { Machine } from './machine.ts';

const ROUNDS = 20_000;
const CROSSING = 0x20ffe;
const ALIGNED = 0x22000;
const WIDE = 0x23000;
const STARTED = 0x24000;

/** Runs a vCPU to its exit in a worker; gives what the core returned. */
async function inThread(vm: Vm, vcpu: Vcpu): Promise<number> {
  const workerData = { ...vm.handle, page: vcpu.page, budgetCode: RUN_BUDGET };
  const worker = new Worker(new URL('../../web/kvm/vcpu_thread.mjs', import.meta.url), { workerData });
  await once(worker, 'message');
  const [why] = (await once(worker, 'message')) as [number];
  await worker.terminate();
  return why;
}

/** One addition each to a word in two pages, an aligned word, and (by CMPXCHG16B) a pair that counts up and down. */
const CODE = [
  'f041ff01', // lock inc dword [r9]
  '41833902', // cmp dword [r9], 2
  '75fa', // jnz to the cmp: both have started
  'f0ff06', // lock inc dword [rsi]
  'f0ff07', // lock inc dword [rdi]
  '488b4500', // mov rax, [rbp]
  '488b5508', // mov rdx, [rbp + 8]
  '488d5801', // lea rbx, [rax + 1]
  '488d4aff', // lea rcx, [rdx - 1]
  'f0480fc74d00', // lock cmpxchg16b [rbp]
  '75f0', // jnz to the first lea
  '41ffc8', // dec r8d
  '75dd', // jnz to the start
].join('');

test('no update of two vCPUs is lost, however wide or misaligned', { timeout: 60_000 }, async () => {
  const machine = new Machine('long', 2);
  const registers = { rsi: CROSSING, rdi: ALIGNED, rbp: WIDE, r8: ROUNDS, r9: STARTED };
  for (const vcpu of machine.vcpus) machine.prepare(CODE, registers, vcpu);
  const why = await Promise.all(machine.vcpus.map((vcpu) => inThread(machine.vm, vcpu)));
  expect(why).toEqual([RUN_EXIT, RUN_EXIT]);
  const view = new DataView(machine.ram.buffer, machine.ram.byteOffset);
  expect([view.getUint32(CROSSING, true), view.getUint32(ALIGNED, true)]).toEqual([2 * ROUNDS, 2 * ROUNDS]);
  expect([view.getBigInt64(WIDE, true), view.getBigInt64(WIDE + 8, true)]).toEqual([
    BigInt(2 * ROUNDS),
    BigInt(-2 * ROUNDS),
  ]);
});
