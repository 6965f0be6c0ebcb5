// The machine worker: makes the machine, starts a thread per vCPU or runs the deterministic engine itself, and answers calls.

import { RUN_EXIT_REASON } from '../../assembly/abi/kvm_run.ts';
import { CONSOLE_IN_RING, CONSOLE_OUT_RING } from '../../assembly/abi/map.ts';
import { V_WAKE } from '../../assembly/abi/vcpu_page.ts';
import { Ring } from '../devices/index.ts';
import type { Port } from '../fs/index.ts';
import { vcpuArea, vcpuPage } from '../kvm/index.ts';
import { boardOptions, Machine, runRound, stepVcpu } from '../vmm/index.ts';
import { memoryHash } from './hash.ts';
import type { CallMessage, Calls, ParkedExit, ServerMessage, Threads } from './port.ts';
import type { MachineOptions } from './types.ts';

/** The deterministic engine gives the event loop a turn this often, in ms. */
const TURN_MS = 8;
/** Input that waits for room in its ring tries again after so long, in ms. */
const FEED_MS = 4;

interface Start {
  readonly core: WebAssembly.Module;
  readonly options: MachineOptions;
  readonly share: boolean;
}

export class MachineServer {
  readonly #port: Port;
  readonly #threads: Threads;
  #start: Start | undefined;
  #machine: Machine | undefined;
  #vcpus: Port[] = [];
  /** Serial input that found no room in the ring yet. */
  #waiting: Uint8Array[] = [];
  #feeding: ReturnType<typeof setTimeout> | undefined;
  #turning = false;
  #events = -1;

  constructor(port: Port, threads: Threads) {
    this.#port = port;
    this.#threads = threads;
    port.listen((message) => void this.#answer(message as CallMessage));
  }

  #send(message: ServerMessage, transfer: ArrayBuffer[] = []): void {
    this.#port.post(message, transfer);
  }

  async #answer({ id, call, argument }: CallMessage): Promise<void> {
    try {
      const result = await this.#call(call, argument);
      this.#send({ id, result });
    } catch (error) {
      this.#send({ id, error: error instanceof Error ? error.message : String(error) });
    }
    this.#report();
  }

  #call(call: CallMessage['call'], argument: unknown): unknown {
    switch (call) {
      case 'start':
        this.#start = argument as Calls['start'][0];
        return this.#create();
      case 'run':
        return this.#run();
      case 'pause':
        return this.#pause();
      case 'step':
        return this.#step(argument as number);
      case 'reset':
        this.#pause();
        this.#stopThreads();
        return this.#create();
      case 'input':
        this.#input(argument as Uint8Array);
        return undefined;
      case 'harvest':
        return this.#made.vm.getDirtyLog(argument as number);
      case 'translate': {
        const { vcpu, gva } = argument as Calls['translate'][0];
        const found = this.#made.vm.vcpu(vcpu).translate(gva);
        return found.valid ? found.physical_address : undefined;
      }
      case 'hash':
        return memoryHash(this.#made.vm.memory.wasm.buffer);
      case 'refresh':
        return (argument as Calls['refresh'][0]).map(({ offset, length }) => ({
          offset,
          bytes: this.#made.vm.memory.bytes(offset, length).slice(),
        }));
      case 'close':
        this.#pause();
        this.#stopThreads();
        this.#port.close();
        return undefined;
    }
  }

  get #made(): Machine {
    if (this.#machine === undefined) throw new Error('No machine has been started yet.');
    return this.#machine;
  }

  #create(): Calls['start'][1] {
    const start = this.#start as Start;
    const machine = Machine.create(start.core, start.options);
    this.#machine = machine;
    this.#events = -1;
    clearTimeout(this.#feeding);
    this.#waiting = start.options.input === undefined ? [] : [start.options.input];
    this.#feed();
    if (start.options.engine === 'parallel') {
      for (const id of machine.vm.vcpuIds()) this.#startThread(machine, id);
    }
    const memory = machine.vm.memory;
    return start.share ? { memory: memory.wasm, bytes: memory.size } : { bytes: memory.size };
  }

  #startThread(machine: Machine, id: number): void {
    const port = this.#threads.spawn('vcpu');
    port.listen(
      () => {},
      (why) => {
        // The machine's memory outlives its worker: it stays readable, and the user is told.
        if (this.#machine !== machine) return;
        machine.words.setBusy(id, false);
        machine.words.parked = id;
        machine.words.end('error', 1);
        this.#send({
          event: 'dead',
          why: `The worker of vCPU ${id} died (${why}); the machine stands, its memory can still be read.`,
        });
        this.#report();
      },
    );
    port.post({ handle: machine.vm.handle, id, board: boardOptions((this.#start as Start).options) });
    this.#vcpus.push(port);
  }

  #stopThreads(): void {
    if (this.#machine !== undefined) this.#machine.words.state = 'closed';
    for (const port of this.#vcpus) port.close();
    this.#vcpus = [];
  }

  #run(): undefined {
    const { words, vm } = this.#made;
    if (words.state === 'ended') throw new Error('The machine has ended; reset it to run it again.');
    words.parked = undefined;
    for (const id of vm.vcpuIds()) vm.vcpu(id).resume();
    if (this.#vcpus.length > 0) vm.startTime();
    words.state = 'running';
    if (this.#vcpus.length === 0) this.#turn();
    return undefined;
  }

  /** Resolves when every vCPU stands. */
  #pause(): undefined {
    const machine = this.#machine;
    if (machine === undefined) return undefined;
    const { words, vm } = machine;
    if (words.state === 'running') words.state = 'paused';
    // The deterministic engine runs on this thread and has no host time to stop.
    if (this.#vcpus.length === 0) return undefined;
    for (const id of vm.vcpuIds()) vm.vcpu(id).requestPause();
    for (const id of vm.vcpuIds()) {
      vm.memory.add(vcpuPage(vm.memory, id) + V_WAKE, 1);
      vm.memory.notify(vcpuPage(vm.memory, id) + V_WAKE);
    }
    const deadline = performance.now() + 5000;
    while (vm.vcpuIds().some((id) => words.isBusy(id)) && performance.now() < deadline)
      words.waitWhile(words.state, 1);
    for (const id of vm.vcpuIds()) vm.vcpu(id).resume();
    vm.stopTime();
    return undefined;
  }

  #step(id: number): undefined {
    const machine = this.#made;
    if (machine.words.state === 'ended') throw new Error('The machine has ended; reset it to step again.');
    if (machine.words.isRunning) this.#pause();
    machine.words.parked = undefined;
    const vcpu = machine.vm.vcpu(id);
    vcpu.resume();
    // Devices look at the machine's state: while it steps it runs.
    if (machine.words.state === 'stopped') machine.words.state = 'paused';
    stepVcpu(machine, vcpu);
    return undefined;
  }

  #input(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#feed();
  }

  /** Moves waiting input into the ring as far as it has room, and comes back for the rest. */
  #feed(): void {
    const machine = this.#machine;
    if (machine === undefined || this.#waiting.length === 0) return;
    const { memory } = machine.vm;
    const ring = Ring.at(memory.wasm.buffer, memory.base + CONSOLE_IN_RING);
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const taken = ring.offer(first);
      if (taken < first.length) {
        this.#waiting[0] = first.subarray(taken);
        break;
      }
      this.#waiting.shift();
    }
    // The deterministic engine looks for itself, before each round.
    if (this.#start?.options.engine === 'deterministic') return;
    memory.add(vcpuPage(memory, 0) + V_WAKE, 1);
    memory.notify(vcpuPage(memory, 0) + V_WAKE);
    clearTimeout(this.#feeding);
    if (this.#waiting.length > 0) this.#feeding = setTimeout(() => this.#feed(), FEED_MS);
  }

  /** The deterministic engine's turns on this worker's event loop. */
  #turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    const channel = new MessageChannel();
    const go = (): void => {
      const machine = this.#machine;
      let alive = machine?.words.isRunning ?? false;
      const end = performance.now() + TURN_MS;
      try {
        while (alive && machine?.words.isRunning && performance.now() < end) {
          this.#feed();
          alive = runRound(machine);
        }
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        machine?.words.end('error', 1);
        this.#send({ event: 'dead', why: `The engine stopped: ${why}` });
      }
      this.#report();
      if (machine?.words.isRunning) {
        if (alive) channel.port2.postMessage(0);
        else setTimeout(go, TURN_MS);
        return;
      }
      this.#turning = false;
      channel.port1.close();
    };
    channel.port1.onmessage = go;
    channel.port2.postMessage(0);
  }

  /** Tells what changed to a client that cannot see the memory. */
  #report(): void {
    const machine = this.#machine;
    if (machine === undefined || this.#start?.share) return;
    const ring = Ring.at(machine.vm.memory.wasm.buffer, machine.vm.memory.base + CONSOLE_OUT_RING);
    if (ring.length > 0) this.#send({ event: 'console', bytes: ring.read() });
    const { words } = machine;
    if (words.events === this.#events) return;
    this.#events = words.events;
    const parked = words.parked;
    this.#send({
      event: 'words',
      state: words.state,
      ...(words.ending ? { ending: words.ending } : {}),
      ...(parked === undefined ? {} : { parked, exit: parkedExit(machine, parked) }),
    });
  }
}

function parkedExit(machine: Machine, vcpu: number): ParkedExit {
  const memory = machine.vm.memory;
  return {
    vcpu,
    reason: memory.u32(vcpuArea(memory, vcpu) + RUN_EXIT_REASON),
    rip: machine.vm.vcpu(vcpu).getRegs().rip,
  };
}
