// Two threads, each with regions of its own: code that one vCPU rewrites while another runs it compiled.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { RUN_BUDGET, RUN_EXIT, RUN_REQUEST, V_JIT_REGIONS } from '../../../assembly/abi/vcpu_page.ts';
import type { Vcpu, Vm } from '../../../web/kvm/index.ts';
import { flatVcpu, load, vmWithRam } from '../../assembly/run/machine.ts';

/** Runs a vCPU in a thread; the promise is what its last entry into the core returned. */
async function inThread(vm: Vm, { id }: Vcpu): Promise<() => Promise<number>> {
  const workerData = { handle: vm.handle, id, budgetCode: RUN_BUDGET };
  const worker = new Worker(new URL('./compiled_thread.mjs', import.meta.url), { workerData });
  await once(worker, 'message');
  const ended = once(worker, 'message');
  return async () => {
    const [why] = (await ended) as [number];
    await worker.terminate();
    return why;
  };
}

test('a region is not run any more once another vCPU has written its code', { timeout: 60_000 }, async () => {
  const vm = vmWithRam({ vcpus: 2 });
  vm.compileAfter(0);
  const labels = load(
    vm,
    `
    ; vCPU 0 calls for ever, and shows what it has got.
    call 0x2000
    mov [0x4000], eax
    jmp 0x1000
    ; vCPU 1 writes one number after the other into the function, and waits until it is shown.
  write: mov ecx, 1
  next: mov [0x2004], ecx
  wait: cmp [0x4000], ecx
    jne wait
    inc ecx
    cmp ecx, 200
    jne next
    hlt
    times 0x2003 - 0x1000 - ($ - $$) db 0x90
    mov eax, 0
    ret
  `,
  );
  const caller = flatVcpu(vm, 0);
  caller.setRegs({ ...caller.getRegs(), rip: 0x1000 });
  const writer = flatVcpu(vm, 1, Number(labels.get('write')));
  const [callerEnds, writerEnds] = [await inThread(vm, caller), await inThread(vm, writer)];
  expect(await writerEnds()).toBe(RUN_EXIT);
  caller.requestPause();
  expect(await callerEnds()).toBe(RUN_REQUEST);
  expect(vm.memory.u32(caller.page + V_JIT_REGIONS)).toBeGreaterThan(10);
});
