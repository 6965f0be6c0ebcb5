// Machines whose vCPUs run, park and stand each for itself: on worker threads, on the built core.
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import { ENGINE_DETERMINISTIC, VM_ENGINE, VM_EXCLUSIVE_OWNER, VM_PAGE } from '../../../assembly/abi/map.ts';
import { REQ_EXCLUSIVE, V_REQUESTS } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, Kvm, type Vm } from '../../../web/kvm/index.ts';
import { workerFile } from '../../../web/session/node_files.ts';
import { Machine, Runner, VcpuPool, type VcpuWorker } from '../../../web/vmm/index.ts';

const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });
const workers: Worker[] = [];

function spawn(): VcpuWorker {
  const worker = new Worker(workerFile('vcpu_worker'));
  workers.push(worker);
  return {
    post: (message) => worker.postMessage(message),
    listen: (onMessage, onDeath) => {
      worker.on('message', onMessage);
      worker.on('error', (error) => onDeath(error.message));
      worker.on('exit', (code) => code !== 0 && onDeath(`it ended with status ${code}`));
    },
    close: () => void worker.terminate(),
  };
}
const pool = new VcpuPool(spawn);
afterAll(() => pool.close());

/** A bare machine of `count` paused vCPUs in real mode that are about to execute `code` at 0x1000. */
function bare(code: readonly number[], count = 1): { vm: Vm; machine: Machine; runner: Runner } {
  const vm = kvm.createVm({ maxVcpus: count, memoryLimit: 2 ** 28 });
  const userspace_addr = vm.allocate(0x10000);
  vm.setUserMemoryRegion({ slot: 0, guest_phys_addr: 0, memory_size: 0x10000, userspace_addr });
  vm.write(0x1000, new Uint8Array(code));
  const machine = Machine.of(vm);
  for (let id = 0; id < count; id++) {
    const vcpu = vm.createVcpu(id);
    vcpu.requestPause();
    vcpu.setSregs({ cs: { base: 0, selector: 0 } });
    vcpu.setRegs({ rip: 0x1000, rflags: 2 });
  }
  return { vm, machine, runner: new Runner(machine, pool) };
}

/** Resolves when a vCPU has an event; takes it. */
async function event(machine: Machine, id = 0): Promise<void> {
  const own = machine.vcpuWords(id);
  for (let seen = own.events; !own.takeEvent(); seen = own.events)
    await machine.vm.memory.waitAsync(own.eventOffset, seen, 100);
}

/** Resolves when a vCPU has executed more than `before`. */
async function progress(machine: Machine, id = 0, before = machine.vcpu(id).instructions): Promise<void> {
  while (machine.vcpu(id).instructions === before) await new Promise((resolve) => setTimeout(resolve, 1));
}

const IN_42_HLT = [0xe4, 0x42, 0xf4]; // in al, 0x42; hlt
const LOOP = [0xeb, 0xfe];

test('an exit that nobody claims parks its vCPU, which completes it with the answer given', async () => {
  const { machine, runner } = bare(IN_42_HLT);
  runner.resume(0);
  await event(machine);
  const vcpu = machine.vcpu(0);
  expect([vcpu.paused, vcpu.kvmRun.exitReason, machine.words.parked]).toEqual([true, KVM_EXIT.IO, 0]);
  vcpu.kvmRun.io.data.set([0x2a]);
  runner.resume(0);
  await event(machine);
  expect([vcpu.kvmRun.exitReason, vcpu.getRegs().rax]).toEqual([KVM_EXIT.HLT, 0x2an]);
  await runner.close();
});

test('with floating buses the same access reads as all ones and goes on', async () => {
  const { machine, runner } = bare(IN_42_HLT);
  machine.words.floats = true;
  runner.resume(0);
  await event(machine);
  expect([machine.vcpu(0).kvmRun.exitReason, machine.vcpu(0).getRegs().rax]).toEqual([KVM_EXIT.HLT, 0xffn]);
  await runner.close();
});

test('one vCPU parks and another runs on; both stand after pauseAll', async () => {
  const { vm, machine, runner } = bare(LOOP, 2);
  vm.write(0x2000, new Uint8Array([0xf4]));
  vm.vcpu(1).setRegs({ rip: 0x2000 });
  runner.run();
  await event(machine, 1);
  const before = machine.vcpu(0).instructions;
  expect([machine.vcpu(0).paused, machine.vcpu(1).paused, machine.words.state]).toEqual([
    ...[false, true, 'running'],
  ]);
  while (machine.vcpu(0).instructions === before) await new Promise((resolve) => setTimeout(resolve, 1));
  await runner.pauseAll();
  expect([machine.vcpuWords(0).busy, machine.words.state]).toEqual([false, 'paused']);
  await runner.close();
});

test('a held vCPU stands and then goes on as it was', async () => {
  const { machine, runner } = bare(LOOP);
  runner.resume(0);
  const { vcpu } = machine.vcpuWords(0);
  const counts = await runner.hold([0], async () => {
    const first = vcpu.instructions;
    await new Promise((resolve) => setTimeout(resolve, 20));
    return [first, vcpu.instructions];
  });
  expect(counts[0]).toBe(counts[1]);
  expect(vcpu.paused).toBe(false);
  await progress(machine, 0, counts[1]);
  await runner.close();
});

test('workers are used again: 40 machines of two vCPUs need no more than two', async () => {
  const before = workers.length;
  for (let n = 0; n < 40; n++) {
    const { machine, runner } = bare([0xf4], 2);
    runner.run();
    await Promise.all([event(machine, 0), event(machine, 1)]);
    await runner.close();
  }
  expect(workers.length - before).toBeLessThanOrEqual(1);
  expect(pool.size).toBeLessThanOrEqual(2);
});

test('a worker that dies parks its vCPU, and the memory can still be read', async () => {
  const { vm, machine } = bare(LOOP);
  const deaths: string[] = [];
  const runner = new Runner(machine, pool, { onDeath: (why) => deaths.push(why) });
  runner.resume(0);
  await progress(machine, 0, 0n);
  // All are gone before the next one is taken: the pool keeps idle ones of earlier tests.
  await Promise.all(workers.map((worker) => worker.terminate()));
  await event(machine);
  expect([machine.vcpuWords(0).cause, machine.vcpu(0).paused, vm.read(0x1000, 2)[0]]).toEqual([
    ...['died', true, 0xeb],
  ]);
  expect(deaths).toHaveLength(1);
  // Another worker takes it up.
  const { instructions } = machine.vcpu(0);
  runner.resume(0);
  await progress(machine, 0, instructions);
  await runner.close();
});

test('a vCPU whose worker dies in the midst of a split lock stops no other', async () => {
  await Promise.all(workers.map((worker) => worker.terminate()));
  const { vm, machine, runner } = bare(LOOP, 2);
  runner.resume(1);
  await progress(machine, 1, 0n);
  const dying = workers.at(-1) as Worker;
  runner.resume(0);
  await progress(machine, 0, 0n);
  vm.memory.store(VM_PAGE + VM_EXCLUSIVE_OWNER, machine.vcpu(1).page);
  vm.memory.or(machine.vcpu(0).page + V_REQUESTS, REQ_EXCLUSIVE);
  await dying.terminate();
  await event(machine, 1);
  await progress(machine, 0);
  expect(machine.vcpuWords(1).cause).toBe('died');
  await runner.close();
});

test('the deterministic engine runs only the vCPUs that are not paused', async () => {
  const { vm, machine } = bare(LOOP, 2);
  vm.memory.setU32(vm.memory.vm + VM_ENGINE, ENGINE_DETERMINISTIC);
  const runner = new Runner(machine, pool);
  runner.resume(1);
  while (machine.vcpu(1).instructions < 1000n) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(machine.vcpu(0).instructions).toBe(0n);
  await runner.pauseAll();
  const { instructions } = machine.vcpu(1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(machine.vcpu(1).instructions).toBe(instructions);
  await runner.close();
});
