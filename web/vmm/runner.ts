// Runs a machine from the worker that owns it: threads for its vCPUs (parallel), or rounds on this worker's event loop
// (deterministic). It blocks nobody: whoever waits for a vCPU waits for a promise.
import { KvmError } from '../kvm/index.ts';
import { runRound, stepVcpu } from './engines.ts';
import type { Machine } from './machine.ts';
import { Pace } from './pace.ts';
import type { VcpuPool } from './pool.ts';
import type { VcpuWords } from './vcpu_words.ts';

/** The deterministic engine gives the event loop a turn this often, in ms. */
const TURN_MS = 8;
/** How long one wait for a word lasts before it is looked at again, in ms. */
const LOOK_MS = 100;

/** What the owner of a runner is told, and what the machine is to others. */
export interface RunnerEvents {
  /**
   * In the deterministic engine idle time takes no time, so a timeout of the guest is over before anybody could answer. For
   * a machine that talks to others through a network it lasts as long as it says.
   */
  readonly isPaced?: boolean;
  /**
   * Before each round of the deterministic engine: input that shall be seen by it goes in now. The round waits for the
   * promise that it may return, and this is called again then.
   */
  beforeRound?(): Promise<void> | undefined;
  /** After each turn of the deterministic engine on the event loop. */
  afterTurn?(): void;
  /** A vCPU's worker has died, or the engine has stopped by an error: one sentence. */
  onDeath?(sentence: string, id?: number): void;
}

export class Runner {
  readonly machine: Machine;
  readonly #pool: VcpuPool;
  readonly #events: RunnerEvents;
  readonly #pace: Pace | undefined;
  /** The threads of vCPUs by id; resolved when they have returned. */
  readonly #threads = new Map<number, Promise<void>>();
  #turning = false;
  #closed = false;
  /** Resolved when the deterministic engine shall look again before its pause is over. */
  #wake: (() => void) | undefined;

  /** `pool` gives the workers; a deterministic machine needs none. */
  constructor(machine: Machine, pool: VcpuPool, events: RunnerEvents = {}) {
    this.machine = machine;
    this.#pool = pool;
    this.#events = events;
    this.#pace = events.isPaced ? new Pace() : undefined;
  }

  #mayRun(): void {
    const { words } = this.machine;
    if (words.state === 'ended')
      throw new KvmError('ESHUTDOWN', 'The machine has ended; reset it to run it again.');
  }

  /** Lets a vCPU go on (paused = 0). ESHUTDOWN when the machine has ended. */
  resume(id: number): void {
    this.#mayRun();
    const { machine } = this;
    const vcpu = machine.vcpu(id);
    if (machine.words.parked === id) machine.words.parked = undefined;
    this.#engage(id);
    vcpu.resume();
    machine.settle();
    this.#turn();
  }

  /** Lets every vCPU go on. ESHUTDOWN when the machine has ended. */
  run(): void {
    this.#mayRun();
    for (const id of this.machine.vm.vcpuIds()) this.#engage(id);
    this.machine.run();
    this.#turn();
  }

  /** Stops a vCPU (paused = 1); resolves when it stands. */
  async pause(id: number): Promise<void> {
    const own = this.machine.vcpuWords(id);
    if (!own.vcpu.paused) own.vcpu.requestPause();
    this.machine.settle();
    await standing(this.machine, own);
  }

  /** Stops every vCPU; resolves when all stand. */
  async pauseAll(): Promise<void> {
    const { machine } = this;
    machine.requestPause();
    for (const id of machine.vm.vcpuIds()) await standing(machine, machine.vcpuWords(id));
  }

  /** Calls `body` while these vCPUs stand, whether they are paused or not; afterwards they go on as they were. */
  async hold<T>(ids: readonly number[], body: () => T | Promise<T>): Promise<T> {
    const { machine } = this;
    const held = ids.map((id) => machine.vcpuWords(id));
    for (const own of held) own.hold();
    try {
      for (const own of held) await standing(machine, own);
      return await body();
    } finally {
      for (const own of held) own.release();
    }
  }

  /** Runs `count` instructions of a vCPU that then stands; fewer when it parks or halts. */
  async step(id: number, count = 1): Promise<void> {
    this.#mayRun();
    const { machine } = this;
    const { words } = machine;
    await (words.allStop ? this.pauseAll() : this.pause(id));
    await this.hold([id], () => {
      const own = machine.vcpuWords(id);
      words.parked = undefined;
      const { events } = own;
      for (let n = 0; n < count && own.events === events && words.state !== 'ended'; n++) {
        // Held, its thread does not take it up.
        own.vcpu.resume();
        stepVcpu(machine, own.vcpu);
        if (!own.vcpu.paused) own.vcpu.requestPause();
      }
    });
    if (words.state === 'stopped') words.state = 'paused';
    machine.settle();
  }

  /** Makes sure that somebody will run the vCPU. */
  #engage(id: number): void {
    const { machine } = this;
    if (machine.isDeterministic) return;
    const own = machine.vcpuWords(id);
    if (own.attached) return;
    own.attach();
    const ended = new Promise<void>((resolve) => {
      this.#pool.start({ handle: machine.vm.handle, id }, (why) => {
        own.detach();
        this.#threads.delete(id);
        if (why !== undefined) this.#died(own, id, why);
        resolve();
      });
    });
    this.#threads.set(id, ended);
  }

  /** The machine's memory outlives its workers: the vCPU parks, and what it left can be looked at. */
  #died(own: VcpuWords, id: number, why: string): void {
    const { machine } = this;
    own.park('died');
    if (machine.words.allStop) machine.end('error', 1);
    machine.settle();
    this.#events.onDeath?.(
      `The worker of vCPU ${id} died (${why}); the machine stands, its memory can still be read.`,
      id,
    );
  }

  /** Takes the worker from a vCPU that shall stand; resolves when its thread has returned. */
  async release(id: number): Promise<void> {
    const own = this.machine.vcpuWords(id);
    if (!own.attached) return;
    if (!own.vcpu.paused) own.vcpu.requestPause();
    own.leave();
    await this.#threads.get(id);
  }

  /** Stops everything and gives all workers back. The machine cannot be run by this runner any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.machine.requestPause();
    for (const id of this.machine.vm.vcpuIds()) {
      const own = this.machine.vcpuWords(id);
      if (own.attached) own.leave();
    }
    for (const id of this.machine.vm.vcpuIds()) await this.release(id);
  }

  /** Something from outside has happened to a deterministic machine that idles: it looks at once. */
  nudge(): void {
    this.#wake?.();
  }

  /** The deterministic engine's turns on this worker's event loop. */
  #turn(): void {
    const { machine } = this;
    if (!machine.isDeterministic || this.#turning || this.#closed) return;
    this.#turning = true;
    const channel = new MessageChannel();
    // From port to port in turn: a port that always has a message would keep Node's timers waiting.
    let port = channel.port1;
    const goOn = (): boolean => machine.words.isRunning && !this.#closed;
    const go = (): void => {
      let alive = goOn();
      let waits: Promise<void> | undefined;
      const end = performance.now() + TURN_MS;
      try {
        while (goOn() && performance.now() < end) {
          waits = this.#events.beforeRound?.();
          if (waits !== undefined || !alive) break;
          alive = this.#round();
        }
      } catch (error) {
        this.#stopped(error);
      }
      this.#events.afterTurn?.();
      if (goOn()) {
        port = port === channel.port1 ? channel.port2 : channel.port1;
        const next = (): void => port.postMessage(0);
        if (waits !== undefined) void waits.catch((error) => this.#stopped(error)).then(next);
        else if (alive) next();
        else this.#pauseTurn(go);
        return;
      }
      this.#turning = false;
      channel.port1.close();
    };
    channel.port1.onmessage = go;
    channel.port2.onmessage = go;
    port.postMessage(0);
  }

  #round(): boolean {
    const pace = this.#pace;
    const alive = runRound(this.machine, pace && ((ns) => pace.pass(ns)));
    if (alive) pace?.ran();
    return alive;
  }

  #stopped(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.machine.end('error', 1);
    this.#events.onDeath?.(`The engine stopped: ${why}`);
  }

  #pauseTurn(go: () => void): void {
    const timer = setTimeout(() => next(), TURN_MS);
    const next = (): void => {
      clearTimeout(timer);
      this.#wake = undefined;
      go();
    };
    this.#wake = next;
  }
}

/** Resolves when a vCPU that was asked to stand stands. */
async function standing(machine: Machine, own: VcpuWords): Promise<void> {
  while (own.busy) await machine.vm.memory.waitAsync(own.busyOffset, 1, LOOK_MS);
}
