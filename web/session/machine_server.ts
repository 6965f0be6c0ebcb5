// The machine worker: makes the machine, starts a thread per vCPU or runs the deterministic engine itself, and answers calls.

import { RUN_EXIT_REASON } from '../../assembly/abi/kvm_run.ts';
import { CONSOLE_IN_RING, CONSOLE_OUT_RING } from '../../assembly/abi/map.ts';
import { V_WAKE } from '../../assembly/abi/vcpu_page.ts';
import { Ring } from '../devices/index.ts';
import type { Port } from '../fs/index.ts';
import { vcpuArea, vcpuPage } from '../kvm/index.ts';
import { Machine, Runner, VcpuPool } from '../vmm/index.ts';
import { memoryHash } from './hash.ts';
import type { CallMessage, Calls, ParkedExit, ServerMessage, Threads } from './port.ts';
import type { MachineOptions } from './types.ts';

/** Input that waits for room in its ring tries again after so long, in ms. */
const FEED_MS = 4;

interface Start {
  readonly core: WebAssembly.Module;
  readonly options: MachineOptions;
  readonly share: boolean;
}

export class MachineServer {
  readonly #port: Port;
  readonly #pool: VcpuPool;
  #start: Start | undefined;
  #runner: Runner | undefined;
  /** Serial input that found no room in the ring yet. */
  #waiting: Uint8Array[] = [];
  #feeding: ReturnType<typeof setTimeout> | undefined;
  #events = -1;

  constructor(port: Port, threads: Threads) {
    this.#port = port;
    this.#pool = new VcpuPool(() => threads.spawn('vcpu'));
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
        return this.#running.run();
      case 'pause':
        return this.#runner?.pauseAll();
      case 'step':
        return this.#running.step(argument as number);
      case 'reset':
        return this.#reset();
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
        return this.#close();
    }
  }

  get #running(): Runner {
    if (this.#runner === undefined) throw new Error('No machine has been started yet.');
    return this.#runner;
  }

  get #made(): Machine {
    return this.#running.machine;
  }

  async #reset(): Promise<Calls['reset'][1]> {
    await this.#runner?.close();
    return this.#create();
  }

  async #close(): Promise<undefined> {
    await this.#runner?.close();
    this.#pool.close();
    this.#port.close();
    return undefined;
  }

  #create(): Calls['start'][1] {
    const start = this.#start as Start;
    const machine = Machine.create(start.core, start.options);
    const runner = new Runner(machine, this.#pool, {
      beforeRound: () => this.#feed(),
      afterTurn: () => this.#report(),
      onDeath: (why) => {
        if (this.#runner !== runner) return;
        this.#send({ event: 'dead', why });
        this.#report();
      },
    });
    this.#runner = runner;
    this.#events = -1;
    clearTimeout(this.#feeding);
    this.#waiting = start.options.input === undefined ? [] : [start.options.input];
    this.#feed();
    const memory = machine.vm.memory;
    return start.share ? { memory: memory.wasm, bytes: memory.size } : { bytes: memory.size };
  }

  #input(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#feed();
  }

  /** Moves waiting input into the ring as far as it has room, and comes back for the rest. */
  #feed(): void {
    const machine = this.#runner?.machine;
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

  /** Tells what changed to a client that cannot see the memory. */
  #report(): void {
    const machine = this.#runner?.machine;
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
