// 64 slots while a vCPU writes all over them on another thread: slots that go, come and move, and what is never written.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { RUN_BUDGET, RUN_REQUEST } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, KVM_MEM_LOG_DIRTY_PAGES } from '../../../web/kvm/index.ts';
import { vmWithRam } from './support.ts';

const SLOTS = 64;
const SIZE = 0x10000;
/** Slots lie so far apart; the other half is where they move. */
const STRIDE = 2 * SIZE;
const START = 0x100000;
const GUARD = 4096;
const ROUNDS = 3000;
const FLAT = { base: 0, limit: 0xffff_ffff, g: 1, db: 1 };
const bytesOf = (value: number): number[] => [...new Uint8Array(new Uint32Array([value]).buffer)];
/** again: mov [ebx], ecx; inc ecx; add ebx, 0x404; cmp ebx, end; jb again; mov ebx, START; jmp again */
const PAINTER = [
  ...[0x89, 0x0b, 0x41, 0x81, 0xc3, ...bytesOf(0x404), 0x81, 0xfb, ...bytesOf(START + SLOTS * STRIDE)],
  ...[0x72, 0xef, 0xbb, ...bytesOf(START), 0xeb, 0xe8],
];

test('a slot that is deleted or moved under a running vCPU is not written any more', {
  timeout: 60_000,
}, async () => {
  const { vm } = vmWithRam(0x10000);
  const memory = vm.allocate(SLOTS * (SIZE + GUARD) + GUARD);
  const hva = (id: number): number => memory + GUARD + id * (SIZE + GUARD);
  const set = (id: number, half: 0 | 1, memory_size = SIZE): void => {
    const region = { slot: 1 + id, flags: KVM_MEM_LOG_DIRTY_PAGES, userspace_addr: hva(id) };
    vm.setUserMemoryRegion({ ...region, guest_phys_addr: START + id * STRIDE + half * SIZE, memory_size });
  };
  for (let id = 0; id < SLOTS; id++) set(id, 0);
  expect(vm.slots()).toHaveLength(1 + SLOTS);
  vm.write(0x1000, new Uint8Array(PAINTER));
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cr0: 0x11, cs: { ...FLAT, type: 11 }, ds: FLAT, es: FLAT, ss: FLAT });
  vcpu.setRegs({ rip: 0x1000, rflags: 2, rbx: START });

  const workerData = { ...vm.handle, page: vcpu.page, budgetCode: RUN_BUDGET, passExits: true };
  const worker = new Worker(new URL('./vcpu_thread.mjs', import.meta.url), { workerData });
  await once(worker, 'message');
  const blank = new Uint8Array(SIZE).fill(0xa5);
  let touched = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const id = (round * 37) % SLOTS;
    const other = (id + 1 + (round % 60)) % SLOTS;
    set(id, 0, 0);
    const ram = vm.memory.bytes(hva(id), SIZE);
    if (ram.some((byte) => byte !== 0xa5)) touched++;
    ram.set(blank);
    set(other, 1);
    set(other, 0);
    expect(Buffer.compare(ram, blank)).toBe(0);
    set(id, 0);
  }
  vcpu.requestPause();
  expect((await once(worker, 'message'))[0]).toBe(RUN_REQUEST);
  await worker.terminate();
  expect(touched).toBeGreaterThan(0);
  expect(vcpu.kvmRun.exitReason).toBe(KVM_EXIT.MMIO);
  for (let id = 0; id <= SLOTS; id++) {
    expect(vm.memory.bytes(hva(id) - GUARD, GUARD).every((byte) => byte === 0)).toBe(true);
  }
});
