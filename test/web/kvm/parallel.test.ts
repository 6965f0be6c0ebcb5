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

/** A guest that calls, for ever, a function in each of `pages` pages: it stores its own number for that page and returns. */
function caller(pages: number): { vm: Vm; vcpu: Vcpu } {
  const { vm } = vmWithRam(0x20000);
  const little = (value: number): number[] => [...new Uint8Array(new Uint32Array([value]).buffer)];
  const calls = Array.from({ length: pages }, (_, n) => [
    0xe8,
    ...little(NUMBERED + n * 4096 - 0x1005 - n * 5),
  ]);
  vm.write(0x1000, new Uint8Array([...calls.flat(), 0xeb, 256 - pages * 5 - 2]));
  for (let n = 0; n < pages; n++) {
    const store = [0xc7, 0x05, ...little(STORED + n * 4), ...little(0), 0xc3];
    vm.write(NUMBERED + n * 4096, new Uint8Array(store));
  }
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cr0: 0x11, cs: { ...FLAT, type: 11 }, ds: FLAT, es: FLAT, ss: FLAT });
  vcpu.setRegs({ rip: 0x1000, rflags: 2, rsp: 0x1000 });
  return { vm, vcpu };
}
const NUMBERED = 0x10000;
const STORED = 0x8000;

test('code that is written 100,000 times while a vCPU executes it is decoded anew each time', {
  timeout: 60_000,
}, async () => {
  const pages = 8;
  const { vm, vcpu } = caller(pages);
  const ended = await inThread(vm, vcpu);
  const stored = () => new Uint32Array(vm.read(STORED, pages * 4).slice().buffer);
  for (let round = 1; round <= 12_500; round++) {
    const number = new Uint8Array(new Uint32Array([round]).buffer);
    for (let n = 0; n < pages; n++) vm.write(NUMBERED + n * 4096 + 6, number);
    if (round % 100 !== 0) continue;
    // It sees the last number of all pages, or it has kept a block that is gone.
    await expect
      .poll(() => stored().every((each) => each === round), { timeout: 5000, interval: 1 })
      .toBe(true);
  }
  vcpu.requestPause();
  expect(await ended()).toBe(RUN_REQUEST);
});
