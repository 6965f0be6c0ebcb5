// Two threads and one machine: a vCPU runs in a worker while this thread harvests, changes slots, pauses and attaches.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { RUN_BUDGET, RUN_REQUEST } from '../../../assembly/abi/vcpu_page.ts';
import { dirtyPages, KVM_MEM_LOG_DIRTY_PAGES, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { vmWithRam } from './support.ts';

const DATA = 0x100000;
const SIZE = 0x100000;
const FLAT = { base: 0, limit: 0xffff_ffff, g: 1, db: 1 };

/** A guest in flat protected mode that counts up one word after the other all over slot 1, for ever. */
function painter(): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam(0x10000);
  const ram = vm.allocate(SIZE);
  const region = { slot: 1, flags: KVM_MEM_LOG_DIRTY_PAGES, guest_phys_addr: DATA, memory_size: SIZE };
  vm.setUserMemoryRegion({ ...region, userspace_addr: ram });
  // inc dword [ebx + DATA]; add ebx, 0x1004; and ebx, SIZE - 4; jmp to the first
  const code = [
    0xff, 0x83, 0, 0, 0x10, 0, 0x81, 0xc3, 4, 0x10, 0, 0, 0x81, 0xe3, 0xfc, 0xff, 0x0f, 0, 0xeb, 0xec,
  ];
  vm.write(0x1000, new Uint8Array(code));
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cr0: 0x11, cs: { ...FLAT, type: 11 }, ds: FLAT, es: FLAT, ss: FLAT });
  vcpu.setRegs({ rip: 0x1000, rflags: 2 });
  return { vm, vcpu };
}

/** Runs `vcpu` in a worker; the promise is what its last entry into the core returned. */
async function inThread(vm: Vm, vcpu: Vcpu): Promise<() => Promise<number>> {
  const workerData = { ...vm.handle, page: vcpu.page, budgetCode: RUN_BUDGET };
  const worker = new Worker(new URL('./vcpu_thread.mjs', import.meta.url), { workerData });
  await once(worker, 'message');
  while (!vcpu.running) await new Promise((resolve) => setTimeout(resolve, 1));
  return async () => {
    const [why] = (await once(worker, 'message')) as [number];
    await worker.terminate();
    return why;
  };
}

test('a log harvested 10,000 times while a vCPU writes misses nothing', { timeout: 60_000 }, async () => {
  const { vm, vcpu } = painter();
  const ended = await inThread(vm, vcpu);
  const copy = new Uint8Array(SIZE);
  let pages = 0;
  const harvest = (): void => {
    for (const page of dirtyPages(vm.getDirtyLog(1))) {
      copy.set(vm.read(DATA + page * 4096, 4096), page * 4096);
      pages++;
    }
  };
  for (let round = 0; round < 10_000; round++) harvest();
  vcpu.requestPause();
  expect(await ended()).toBe(RUN_REQUEST);
  harvest();
  expect(pages).toBeGreaterThan(10_000);
  expect(Buffer.compare(copy, vm.read(DATA, SIZE))).toBe(0);
});

test('a paused vCPU stands when pause returns, and its registers hold still', {
  timeout: 20_000,
}, async () => {
  const { vm, vcpu } = painter();
  const ended = await inThread(vm, vcpu);
  vcpu.pause();
  expect(vcpu.running).toBe(false);
  expect(await ended()).toBe(RUN_REQUEST);
  expect(vcpu.getRegs()).toEqual(vcpu.getRegs());
  expect(vcpu.instructions).toBeGreaterThan(0n);
});

test('a slot can be moved away from under a running vCPU', { timeout: 20_000 }, async () => {
  const { vm, vcpu } = painter();
  const ended = await inThread(vm, vcpu);
  const { hva } = vm.slot(1) ?? { hva: 0 };
  const region = { slot: 1, guest_phys_addr: 4 * SIZE, memory_size: SIZE, userspace_addr: hva };
  vm.setUserMemoryRegion({ ...region, flags: KVM_MEM_LOG_DIRTY_PAGES });
  // The next store finds no RAM: the entry ends with an exit.
  expect(await ended()).not.toBe(RUN_REQUEST);
  expect(vcpu.kvmRun.exit.name).toBe('KVM_EXIT_MMIO');
});
