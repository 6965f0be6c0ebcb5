// The threads of exits.mjs, in Node and in a page: one that measures, one that answers its empty round trips, one that runs
// vCPUs. Bundled first, since no host reads TypeScript. It judges nothing.
import { assemble } from '../../web/asm/index.ts';
import { KVM_IOEVENTFD_FLAG, Kvm } from '../../web/kvm/index.ts';
import { Machine, Runner, runVcpuThread, serveVcpus, VcpuPool } from '../../web/vmm/index.ts';

const CODE = 0x10000;
/** Ports: an empty device, a doorbell, and the device that takes the time. */
const [EMPTY, BELL, CLOCK] = [0xe0, 0xe1, 0xe2];
/** A doorbell at an address without RAM. */
const BELL_GPA = 0x8000000;

/** (import "host" "empty" (func)) (func (export "loop") (param i32)): calls it so many times. */
const EMPTY_CALLS = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 2, 0x60, 0, 0, 0x60, 1, 0x7f, 0],
  ...[2, 14, 1, 4, 104, 111, 115, 116, 5, 101, 109, 112, 116, 121, 0, 0],
  ...[3, 2, 1, 1, 7, 8, 1, 4, 108, 111, 111, 112, 0, 1],
  ...[10, 18, 1, 16, 0, 0x03, 0x40, 0x10, 0, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x0b],
]);

function assembled(source) {
  const result = assemble(`bits 32\norg ${CODE}\n${source}\n`);
  if (result.errors !== undefined) throw new Error(result.errors[0].message);
  return { ...result, at: Object.fromEntries([...result.symbols].map(([n, v]) => [n, Number(v)])) };
}

/** Times that the instruction stands in a loop, so that what the loop costs hardly counts. */
const UNROLLED = 10;

/** Batches of one instruction, with the time taken by a device between two of them. */
const loopOf = (name, instruction, batch) => `
${name}: mov ecx, ${batch / UNROLLED}
.next: ${Array(UNROLLED).fill(instruction).join('\n')}
dec ecx
jnz .next
out ${CLOCK}, al
jmp ${name}`;

/** A machine whose one vCPU is run here, by the function that a vCPU's worker runs. */
class Loops {
  #machine;
  #own;
  #entries;
  #samples = [];
  #left = 0;
  #last = 0;

  constructor(core, batch, irqchip) {
    const loops = {
      nothing: 'mov eax, eax',
      exit: `out ${EMPTY}, al`,
      doorbell: `out ${BELL}, al`,
      mmioDoorbell: `mov [${BELL_GPA}], eax`,
    };
    const program = assembled(
      Object.entries(loops)
        .map(([name, code]) => loopOf(name, code, batch))
        .join('\n'),
    );
    this.#entries = program.at;
    // What leaving costs stands beside the interpreter's loop (web/vmm/README.md).
    const spec = { memory: 0x100000, cpus: 1, engine: 'parallel', irqchip, jit: 'off' };
    const flat = { kind: 'flat', image: program.bytes, at: CODE, mode: 'protected' };
    this.#machine = Machine.create(core, { ...spec, program: flat });
    const { vm, board } = this.#machine;
    const device = { read: () => 0, write() {}, reset() {}, isQuick: true };
    board.ports.register({ start: EMPTY, length: 1 }, device, 'nothing');
    board.ports.register({ start: CLOCK, length: 1 }, { ...device, write: () => this.#tick() }, 'clock');
    vm.ioeventfd({ fd: vm.createEventfd(), addr: BELL, len: 1, flags: KVM_IOEVENTFD_FLAG.PIO });
    vm.ioeventfd({ fd: vm.createEventfd(), addr: BELL_GPA, len: 4 });
    this.#own = this.#machine.vcpuWords(0);
    this.#machine.run();
  }

  #tick() {
    const now = performance.now();
    if (this.#last > 0) this.#samples.push(now - this.#last);
    if (--this.#left <= 0) this.#own.leave();
    this.#last = performance.now();
  }

  /** Milliseconds of each of `count` batches. */
  run(name, count) {
    this.#own.vcpu.setRegs({ rip: this.#entries[name] });
    this.#samples = [];
    this.#left = count + 1;
    this.#last = 0;
    this.#own.attach();
    runVcpuThread(this.#machine, 0);
    return this.#samples;
  }
}

/** KVM_RUN by the typed API, as a VMM of one's own calls it. */
class KvmRuns {
  #vcpu;
  constructor(core) {
    const vm = Kvm.open({ core }).createVm({ maxVcpus: 1, memoryLimit: 64 << 20 });
    const ram = vm.allocate(0x10000);
    vm.setUserMemoryRegion({ slot: 0, guest_phys_addr: 0, memory_size: 0x10000, userspace_addr: ram });
    vm.write(0x1000, new Uint8Array([0xe6, EMPTY, 0xeb, 0xfc]));
    this.#vcpu = vm.createVcpu(0);
    this.#vcpu.setSregs({ cs: { base: 0, selector: 0 } });
    this.#vcpu.setRegs({ rip: 0x1000, rflags: 2 });
  }

  run(batch, count) {
    return timed(count, () => {
      for (let n = 0; n < batch; n++) this.#vcpu.run();
    });
  }
}

/** Milliseconds of each of `count` calls. */
function timed(count, body) {
  return Array.from({ length: count }, () => {
    const began = performance.now();
    body();
    return performance.now() - began;
  });
}

/** A vCPU on a worker of its own that parks on every `out`; woken as `paused = 0` of the file tree wakes it. */
class Wakes {
  #runner;
  #own;
  #words;

  constructor(core, port) {
    const vm = Kvm.open({ core }).createVm({ maxVcpus: 1, memoryLimit: 64 << 20 });
    const ram = vm.allocate(0x10000);
    vm.setUserMemoryRegion({ slot: 0, guest_phys_addr: 0, memory_size: 0x10000, userspace_addr: ram });
    vm.write(0x1000, new Uint8Array([0xe6, EMPTY, 0xeb, 0xfc]));
    const vcpu = vm.createVcpu(0);
    vcpu.setSregs({ cs: { base: 0, selector: 0 } });
    vcpu.setRegs({ rip: 0x1000, rflags: 2 });
    vcpu.requestPause();
    const worker = {
      post: (message) => port.postMessage(message),
      listen: (onMessage) => {
        port.onmessage = ({ data }) => onMessage(data);
      },
      close() {},
    };
    const machine = Machine.of(vm);
    this.#runner = new Runner(machine, new VcpuPool(() => worker));
    this.#own = machine.vcpuWords(0);
    this.#words = vm.memory.words;
  }

  async start() {
    const { events } = this.#own;
    this.#runner.resume(0);
    while (this.#own.events === events || this.#own.busy) await new Promise((done) => setTimeout(done, 1));
  }

  run(count) {
    const event = this.#own.eventOffset >>> 2;
    return timed(count, () => {
      const seen = Atomics.load(this.#words, event);
      this.#runner.resume(0);
      while (Atomics.load(this.#words, event) === seen) Atomics.wait(this.#words, event, seen);
    });
  }
}

/** Two words, one for each direction. */
const roundTrips = (words, count) =>
  timed(count, () => {
    const seen = Atomics.load(words, 8);
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
    while (Atomics.load(words, 8) === seen) Atomics.wait(words, 8, seen);
  });

function echo(words) {
  for (let seen = 0; ; seen++) {
    while (Atomics.load(words, 0) === seen) Atomics.wait(words, 0, seen);
    Atomics.add(words, 8, 1);
    Atomics.notify(words, 8);
  }
}

/** All of it, in turn; `samples` of each in ns for one call, exit or round trip. */
async function measure({ core, words, vcpuPort, batch, batches, trips, rounds, only }) {
  const { loop } = new WebAssembly.Instance(new WebAssembly.Module(EMPTY_CALLS), {
    host: { empty() {} },
  }).exports;
  const pc = new Loops(core, batch, true);
  const bare = new Loops(core, batch, false);
  const kvmRuns = new KvmRuns(core);
  const wakes = new Wakes(core, vcpuPort);
  await wakes.start();
  const kinds = {
    emptyCall: [batch, () => timed(batches, () => loop(batch))],
    exit: [batch, () => pc.run('exit', batches)],
    exitWithoutIrqchip: [batch, () => bare.run('exit', batches)],
    doorbell: [batch, () => pc.run('doorbell', batches)],
    mmioDoorbell: [batch, () => pc.run('mmioDoorbell', batches)],
    loop: [batch, () => pc.run('nothing', batches)],
    kvmRun: [batch, () => kvmRuns.run(batch, batches)],
    roundTrip: [1, () => roundTrips(words, trips)],
    wake: [1, () => wakes.run(trips)],
  };
  const samples = {};
  for (let round = -1; round < rounds; round++) {
    for (const [name, [each, body]] of Object.entries(kinds)) {
      if (only !== undefined && !only.includes(name)) continue;
      const taken = body().map((ms) => (ms * 1e6) / each);
      // The first round is for the compilers.
      if (round >= 0) samples[name] = [...(samples[name] ?? []), ...taken];
    }
  }
  return samples;
}

const host =
  typeof WorkerGlobalScope === 'undefined' ? (await import('node:worker_threads')).parentPort : globalThis;
host.onmessage = async ({ data }) => {
  if (data.role === 'echo') echo(data.words);
  else if (data.role === 'vcpu') {
    const { port } = data;
    serveVcpus({
      post: (message) => port.postMessage(message),
      listen: (onMessage) => {
        port.onmessage = (event) => onMessage(event.data);
      },
    });
  } else host.postMessage(await measure(data));
};
